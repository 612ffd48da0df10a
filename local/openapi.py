"""One OpenAPI document for all functions, checked against the template's routes.

``python -m local.openapi`` writes it to ``docs/openapi.json``; with ``--check`` it only says
whether that file is what it would write.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from local import deployment, processes, template, workers
from local.clock import VirtualClock
from local.deployment import Api, Route
from local.errors import LocalStackError
from local.intrinsics import Made
from local.log import Log
from local.resources import Properties, Resources

Document = dict[str, Any]

FILE = processes.ROOT / "docs" / "openapi.json"

_DESCRIBING = processes.ROOT / "local" / "describing"
_JSON = "application/json"
_PROBLEM_JSON = "application/problem+json"
# FastAPI's own error bodies, which no function answers with.
_NOT_OURS = {"HTTPValidationError", "ValidationError"}
_HEADER: Document = {
    "openapi": "3.1.0",
    "info": {
        "title": "Dispatch",
        "version": "1",
        "description": (
            "Drivers book remote sessions with mechanics. Times are RFC 3339 in UTC, money is in "
            "cents, ids are ULIDs, whole numbers have no decimal point. Errors are problem "
            "documents (RFC 9457), except what the gateway itself answers: 401, 403 to an id "
            'token, 404 to an unknown route, 413 and 429 are `{"message": "..."}`.'
        ),
    },
    "servers": [{"url": "/"}],
}
_JWT: Document = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token of the Cognito user pool.",
}
_PROBLEM: Document = {
    "title": "Problem",
    "description": "RFC 9457 problem document.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["/problems/not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
_GATEWAY_MESSAGE: Document = {
    "title": "GatewayMessage",
    "description": "What the gateway answers before any function is called.",
    "type": "object",
    "required": ["message"],
    "properties": {"message": {"type": "string", "examples": ["Unauthorized"]}},
}


async def described(
    api: Api, functions: Mapping[str, deployment.Function], zygote: workers.Zygote, log: Log
) -> Document:
    """The document of everything the template routes to.

    Raises LocalStackError where the template's routes and the functions' own differ, and
    FunctionError for a function that cannot be imported.
    """
    names = sorted({route.function for route in api.routes})
    with tempfile.TemporaryDirectory() as folder:
        clock = VirtualClock.create(Path(folder) / "clock")
        parts = [await _part(functions[name], clock, zygote, log) for name in names]
    return merged(api, dict(zip(names, parts, strict=True)))


async def _part(
    function: deployment.Function, clock: VirtualClock, zygote: workers.Zygote, log: Log
) -> Document:
    """What one function's application serves, asked in a worker with the function's code."""
    module = function.handler.rpartition(".")[0]
    asked = replace(
        function,
        name=f"{function.name}/openapi",
        handler="describe.handler",
        layers=(*function.layers, _DESCRIBING),
        timeout_s=60.0,
    )
    worker = workers.function(asked, {}, clock, zygote, log)
    return dict(await worker.invoke({"module": module}))


def merged(api: Api, parts: Mapping[str, Document]) -> Document:
    """One document of the documents of several functions, by function name.

    Raises LocalStackError if a route is missing on either side, or one name means two schemas.
    """
    routes = {route.key: route for route in api.routes}
    paths: dict[str, Document] = {}
    schemas: dict[str, Document] = {"GatewayMessage": _GATEWAY_MESSAGE}
    for function, part in parts.items():
        for key, path, method, operation in _operations(part):
            route = routes.pop(key, None)
            if route is None or route.function != function:
                raise LocalStackError(f"template.yaml does not route {key} to {function}.")
            paths.setdefault(path, {})[method] = _as_served(operation, route)
        for name, schema in part.get("components", {}).get("schemas", {}).items():
            if name not in _NOT_OURS and schemas.setdefault(name, schema) != schema:
                raise LocalStackError(f"Two functions mean different things by {name}.")
    schemas.setdefault("Problem", _PROBLEM)
    if routes:
        raise LocalStackError(f"No function serves {', '.join(sorted(routes))}.")
    return {
        **_HEADER,
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"accessToken": _JWT},
        },
    }


def _operations(part: Document) -> Iterator[tuple[str, str, str, Document]]:
    for path, operations in part.get("paths", {}).items():
        for method, operation in operations.items():
            yield f"{method.upper()} {path}", path, method, operation


def _as_served(operation: Document, route: Route) -> Document:
    """The operation as callers meet it: behind the gateway, its errors as problems."""
    responses = dict(operation["responses"])
    for status, response in responses.items():
        if status >= "400":
            responses[status] = _as_problem(response)
    responses["429"] = _gateway_answer("Too many requests", "Too Many Requests")
    if route.authorizer:
        responses["401"] = _gateway_answer("No valid access token", "Unauthorized")
    if route.scopes:
        refused = _gateway_answer("A token that is no access token", "Forbidden")
        responses["403"] = _either(responses.get("403"), refused)
    responses["default"] = _as_problem({"description": "Any other error"})
    operation = dict(operation)
    if "parameters" in operation:
        operation["parameters"] = [_without_nulls(part) for part in operation["parameters"]]
    return {
        **operation,
        "security": [{"accessToken": []}] if route.authorizer else [],
        "responses": dict(sorted(responses.items())),
    }


def _without_nulls(parameter: Document) -> Document:
    """FastAPI shows null as the example of a model's field that has none."""
    return {name: value for name, value in parameter.items() if (name, value) != ("example", None)}


def _as_problem(response: Document) -> Document:
    content = response.get("content", {})
    body = content.get(_JSON, {}) | content.get(_PROBLEM_JSON, {})
    schema = body.get("schema", {"$ref": "#/components/schemas/Problem"})
    if schema.get("$ref") == "#/components/schemas/HTTPValidationError":
        schema = {"$ref": "#/components/schemas/Problem"}
    return {**response, "content": {_PROBLEM_JSON: {**body, "schema": schema}}}


def _gateway_answer(description: str, message: str) -> Document:
    schema = {"$ref": "#/components/schemas/GatewayMessage"}
    content = {_JSON: {"schema": schema, "example": {"message": message}}}
    return {"description": description, "content": content}


def _either(ours: Document | None, gateways: Document) -> Document:
    """One answer of both: which of them it is shows in its type of content."""
    if ours is None:
        return gateways
    return {**ours, "content": {**ours["content"], **gateways["content"]}}


class _AnyAttribute(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return name


def _pretend(logical_id: str, _type: str, _properties: Properties) -> Made:
    """Nothing is made: what functions serve does not depend on it."""
    return Made(logical_id, _AnyAttribute())


async def _document(log: Log) -> Document:
    translated = template.translate(template.read(processes.ROOT / "template.yaml"))
    resources = Resources(translated, {}, _pretend)
    api = deployment.api(resources.of_type)
    functions = deployment.functions(resources.of_type, processes.ROOT)
    with workers.zygote(log) as zygote:
        await zygote.ready()
        return await described(api, functions, zygote, log)


def main() -> None:
    """Write the document, or compare it."""
    parser = argparse.ArgumentParser(prog="python -m local.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if it differs")
    check = parser.parse_args().check
    try:
        document = asyncio.run(_document(Log(sys.stderr)))
    except (LocalStackError, workers.FunctionError) as error:
        sys.exit(str(error))
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if not check:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(text, encoding="utf-8")
        print(f"Wrote {FILE.relative_to(processes.ROOT)}: {len(document['paths'])} paths.")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
        sys.exit("docs/openapi.json is not what the functions serve: run `make openapi`.")


if __name__ == "__main__":
    main()
