"""What the template says about functions, routes and event sources, as plain data."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from local.errors import LocalStackError
from local.filters import Filter
from local.template import arn

# The properties of one resource, evaluated; and all resources of a type by logical id.
Properties = dict[str, Any]
OfType = Callable[[str], dict[str, Properties]]

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_FUNCTION_IN_ARN = re.compile(r":function:([^:/]+)")


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda function. ``layers`` and ``code`` are folders; ``code`` is also its cwd."""

    name: str
    arn: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    environment: dict[str, str]
    timeout_s: float
    memory_mb: int
    max_instances: int | None
    """Reserved concurrency, if any."""
    log_group: str | None = None
    """Its ARN; None where Lambda makes one itself."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the HTTP API; ``authorizer`` is None for an open one."""

    method: str
    path: str
    function: str
    authorizer: str | None
    scopes: tuple[str, ...]

    @property
    def key(self) -> str:
        """As API Gateway writes it: ``GET /sessions/{session_id}``."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class JwtConfiguration:
    """What a token must carry: this issuer, and one of the audiences as ``aud`` or
    ``client_id``."""

    issuer: str
    audiences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cors:
    """The answer to preflights. Empty origins: no CORS at all."""

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    expose: tuple[str, ...] = ()
    max_age_s: int | None = None
    credentials: bool = False


@dataclass(frozen=True, slots=True)
class Throttle:
    """Requests per second, and how many at once, for the whole API."""

    rate: float
    burst: int


@dataclass(frozen=True, slots=True)
class Api:
    """The HTTP API."""

    id: str
    routes: tuple[Route, ...]
    authorizers: dict[str, JwtConfiguration]
    cors: Cors
    throttle: Throttle | None


@dataclass(frozen=True, slots=True)
class QueueSource:
    """Messages of a queue handed to a function."""

    function: str
    queue_arn: str
    batch_size: int
    filter: Filter
    reports_item_failures: bool
    max_concurrency: int


@dataclass(frozen=True, slots=True)
class StreamSource:
    """Records of the table's stream handed to a function, in order."""

    function: str
    stream_arn: str
    from_start: bool
    batch_size: int
    filter: Filter
    reports_item_failures: bool
    bisects: bool
    max_retries: int
    on_failure_arn: str | None


@dataclass(frozen=True, slots=True)
class RateSource:
    """A function called every so often, asynchronously."""

    function: str
    every: timedelta
    payload: str | None


@dataclass(frozen=True, slots=True)
class AsyncInvocations:
    """What Lambda does when an asynchronous invocation fails."""

    max_retries: int = 2
    on_failure_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that is carried out by the stack itself."""

    functions: dict[str, Function]
    api: Api
    queues: tuple[QueueSource, ...]
    streams: tuple[StreamSource, ...]
    rates: tuple[RateSource, ...]
    async_invocations: dict[str, AsyncInvocations] = field(default_factory=dict)


def read(of_type: OfType, root: Path) -> Deployment:
    """The deployment of the evaluated template; ``root`` is the folder the template stands in.

    Raises LocalStackError for what the stack cannot carry out.
    """
    queues: list[QueueSource] = []
    streams: list[StreamSource] = []
    for logical_id, properties in of_type("AWS::Lambda::EventSourceMapping").items():
        source = properties["EventSourceArn"]
        if ":sqs:" in source:
            queues.append(_queue_source(properties))
        elif ":dynamodb:" in source and "/stream/" in source:
            streams.append(_stream_source(properties))
        else:
            raise LocalStackError(f"{logical_id}: no local event source is like {source}.")
    return Deployment(
        functions=functions(of_type, root),
        api=api(of_type),
        queues=tuple(queues),
        streams=tuple(streams),
        rates=tuple(
            rate
            for logical_id, properties in of_type("AWS::Events::Rule").items()
            for rate in _rates(logical_id, properties)
        ),
        async_invocations={
            properties["FunctionName"]: AsyncInvocations(
                max_retries=int(properties.get("MaximumRetryAttempts", 2)),
                on_failure_arn=_on_failure(properties),
            )
            for properties in of_type("AWS::Lambda::EventInvokeConfig").values()
        },
    )


def functions(of_type: OfType, root: Path) -> dict[str, Function]:
    """The functions by logical id. Raises LocalStackError for one whose folder is missing."""
    return {
        name: _function(name, properties, root)
        for name, properties in of_type("AWS::Lambda::Function").items()
    }


def _function(name: str, properties: Properties, root: Path) -> Function:
    code = root / properties["Code"]["S3Key"]
    if not code.is_dir():
        raise LocalStackError(f"{name}: its CodeUri {code} is no folder.")
    variables = properties.get("Environment", {}).get("Variables", {})
    return Function(
        name=name,
        arn=arn("lambda", f"function:{name}"),
        handler=properties["Handler"],
        code=code,
        layers=tuple(root / layer for layer in properties.get("Layers", [])),
        environment={key: str(value) for key, value in variables.items()},
        timeout_s=float(properties.get("Timeout", 3)),
        memory_mb=int(properties.get("MemorySize", 128)),
        max_instances=properties.get("ReservedConcurrentExecutions"),
        log_group=_log_group(properties),
    )


def _log_group(properties: Properties) -> str | None:
    name = properties.get("LoggingConfig", {}).get("LogGroup")
    return None if name is None else arn("logs", name)


def api(of_type: OfType) -> Api:
    """The HTTP API. Raises LocalStackError unless there is one that the gateway can serve."""
    apis = of_type("AWS::ApiGatewayV2::Api")
    if len(apis) != 1:
        raise LocalStackError(
            f"The local gateway serves one HTTP API; the template has {len(apis)}."
        )
    [(logical_id, properties)] = apis.items()
    body = properties["Body"]
    schemes = body.get("components", {}).get("securitySchemes", {})
    return Api(
        id=logical_id,
        routes=tuple(
            _route(method.upper(), path, operation)
            for path, operations in body["paths"].items()
            for method, operation in operations.items()
        ),
        authorizers={name: _authorizer(name, scheme) for name, scheme in schemes.items()},
        cors=_cors(body.get("x-amazon-apigateway-cors", {})),
        throttle=_throttle(of_type("AWS::ApiGatewayV2::Stage")),
    )


def _route(method: str, path: str, operation: Properties) -> Route:
    integration = operation["x-amazon-apigateway-integration"]
    if integration.get("payloadFormatVersion") != "2.0":
        raise LocalStackError(f"{method} {path} is not of payload format 2.0.")
    security = operation.get("security", [])
    [(authorizer, scopes)] = security[0].items() if security else [(None, [])]
    return Route(
        method="ANY" if method == "X-AMAZON-APIGATEWAY-ANY-METHOD" else method,
        path=path,
        function=function_in(integration["uri"]),
        authorizer=None if authorizer == "NONE" else authorizer,
        scopes=tuple(scopes),
    )


def _authorizer(name: str, scheme: Properties) -> JwtConfiguration:
    authorizer = scheme.get("x-amazon-apigateway-authorizer", {})
    if authorizer.get("type") != "jwt":
        raise LocalStackError(f"The authorizer {name} is no JWT authorizer.")
    if authorizer.get("identitySource") != "$request.header.Authorization":
        raise LocalStackError(f"The authorizer {name} must read $request.header.Authorization.")
    jwt = authorizer["jwtConfiguration"]
    return JwtConfiguration(issuer=jwt["issuer"], audiences=tuple(jwt["audience"]))


def _cors(cors: Properties) -> Cors:
    return Cors(
        origins=_texts(cors.get("allowOrigins")),
        methods=_texts(cors.get("allowMethods")),
        headers=_texts(cors.get("allowHeaders")),
        expose=_texts(cors.get("exposeHeaders")),
        max_age_s=cors.get("maxAge"),
        credentials=bool(cors.get("allowCredentials", False)),
    )


def _texts(value: Any) -> tuple[str, ...]:
    """A list of texts; the translator makes one text of a list parameter."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    return tuple(value or ())


def _throttle(stages: dict[str, Properties]) -> Throttle | None:
    for logical_id, properties in stages.items():
        if properties.get("StageName") != "$default":
            raise LocalStackError(f"{logical_id}: only the stage $default is served locally.")
        settings = properties.get("DefaultRouteSettings", {})
        if "ThrottlingRateLimit" in settings:
            return Throttle(
                rate=float(settings["ThrottlingRateLimit"]),
                burst=int(settings["ThrottlingBurstLimit"]),
            )
    return None


def _queue_source(properties: Properties) -> QueueSource:
    return QueueSource(
        function=function_in(properties["FunctionName"]),
        queue_arn=properties["EventSourceArn"],
        batch_size=int(properties.get("BatchSize", 10)),
        filter=_filter(properties),
        reports_item_failures=_reports_item_failures(properties),
        max_concurrency=int(properties.get("ScalingConfig", {}).get("MaximumConcurrency", 1000)),
    )


def _stream_source(properties: Properties) -> StreamSource:
    return StreamSource(
        function=function_in(properties["FunctionName"]),
        stream_arn=properties["EventSourceArn"],
        from_start=properties["StartingPosition"] == "TRIM_HORIZON",
        batch_size=int(properties.get("BatchSize", 100)),
        filter=_filter(properties),
        reports_item_failures=_reports_item_failures(properties),
        bisects=bool(properties.get("BisectBatchOnFunctionError", False)),
        max_retries=int(properties.get("MaximumRetryAttempts", -1)),
        on_failure_arn=_on_failure(properties),
    )


def _rates(logical_id: str, properties: Properties) -> list[RateSource]:
    expression = properties.get("ScheduleExpression", "")
    match = _RATE.fullmatch(expression)
    if match is None:
        raise LocalStackError(f"{logical_id}: locally only rate(...) fires, not {expression!r}.")
    number, unit = match.groups()
    return [
        RateSource(
            function=function_in(target["Arn"]),
            every=timedelta(**{f"{unit}s": int(number)}),
            payload=target.get("Input"),
        )
        for target in properties["Targets"]
    ]


def _filter(properties: Properties) -> Filter:
    filters = properties.get("FilterCriteria", {}).get("Filters", [])
    return Filter([criterion["Pattern"] for criterion in filters])


def _reports_item_failures(properties: Properties) -> bool:
    return "ReportBatchItemFailures" in properties.get("FunctionResponseTypes", [])


def _on_failure(properties: Properties) -> str | None:
    on_failure = properties.get("DestinationConfig", {}).get("OnFailure", {})
    destination: str | None = on_failure.get("Destination")
    return destination


def function_in(arn_or_name: str) -> str:
    """The function's name in its ARN, its alias's ARN or an integration's URI."""
    match = _FUNCTION_IN_ARN.search(arn_or_name)
    return match[1] if match else arn_or_name
