"""The HTTP API: requests to events of payload format 2.0, answers of functions to responses.

Everything it decides comes from the template: routes, authorizer, CORS, throttle. What it answers
by itself is what API Gateway answers: ``{"message": "..."}``.
"""

import asyncio
import base64
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from local import cors
from local.authorizer import Authorizer, Forbidden, Unauthorized, as_handed_over
from local.deployment import Api, Route
from local.log import Log
from local.pumps import Bell
from local.template import ACCOUNT, REGION
from local.throttle import Bucket
from local.workers import Function, FunctionError

MAX_BODY = 10 * 1024 * 1024
_INTEGRATION_TIMEOUT_S = 30.0

# Everything else reaches the function in base64.
_TEXT = re.compile(r"text/.*|application/(json|javascript|xml)")
_VARIABLE = re.compile(r"\{([^}+]+)(\+?)\}")


class BadAnswer(Exception):
    """The function returned what API Gateway cannot turn into a response."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, read whole. Header names are in lower case, repeats joined by commas;
    ``path`` is decoded, ``query`` is not."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    cookies: list[str]
    body: bytes
    source_ip: str
    http_version: str


class Routes:
    """Finds the route of a request: the most specific one, as API Gateway does."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._routes = sorted(
            ((_specificity(route), _pattern(route.path), route) for route in routes),
            key=lambda entry: entry[0],
        )

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and its path parameters."""
        for _, pattern, route in self._routes:
            match = pattern.fullmatch(path) if route.method in (method, "ANY") else None
            if match:
                return route, match.groupdict()
        return None


def _specificity(route: Route) -> tuple[list[int], bool]:
    """Sorts literal segments before variables before greedy ones, named methods before ANY."""
    kinds = []
    for segment in route.path.split("/"):
        variable = _VARIABLE.fullmatch(segment)
        kinds.append(0 if variable is None else 2 if variable[2] else 1)
    return kinds, route.method == "ANY"


def _pattern(path: str) -> re.Pattern[str]:
    pattern, end = "", 0
    for variable in _VARIABLE.finditer(path):
        name, greedy = variable.groups()
        pattern += re.escape(path[end : variable.start()])
        pattern += f"(?P<{name}>{'.+' if greedy else '[^/]+'})"
        end = variable.end()
    return re.compile(pattern + re.escape(path[end:]))


def http_event(
    call: Call,
    api_id: str,
    route: Route,
    path_parameters: Mapping[str, str],
    claims: Mapping[str, Any] | None,
    at: datetime,
) -> dict[str, Any]:
    """The event of payload format 2.0; what a request does not have is left out, as on AWS."""
    domain = f"{api_id.lower()}.execute-api.{REGION}.amazonaws.com"
    request_context: dict[str, Any] = {
        "accountId": ACCOUNT,
        "apiId": api_id,
        "domainName": call.headers.get("host", domain),
        "domainPrefix": api_id.lower(),
        "http": {
            "method": call.method,
            "path": call.path,
            "protocol": f"HTTP/{call.http_version}",
            "sourceIp": call.source_ip,
            "userAgent": call.headers.get("user-agent", ""),
        },
        "requestId": str(uuid.uuid4()),
        "routeKey": route.key,
        "stage": "$default",
        "time": at.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(at.timestamp() * 1000),
    }
    if claims is not None:
        request_context["authorizer"] = {
            "jwt": {"claims": as_handed_over(claims), "scopes": list(route.scopes) or None}
        }
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": call.path,
        "rawQueryString": call.query,
        "headers": call.headers,
        "requestContext": request_context,
        "isBase64Encoded": False,
    }
    if call.cookies:
        event["cookies"] = call.cookies
    if call.query:
        event["queryStringParameters"] = _query_parameters(call.query)
    if path_parameters:
        event["pathParameters"] = dict(path_parameters)
    if call.body:
        event["body"], event["isBase64Encoded"] = _body(call)
    return event


def _query_parameters(query: str) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return {name: ",".join(several) for name, several in values.items()}


def _body(call: Call) -> tuple[str, bool]:
    content_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if _TEXT.fullmatch(content_type):
        try:
            return call.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(call.body).decode(), True


def response_of(answer: Any) -> Response:
    """The response a function's answer stands for.

    An answer without ``statusCode`` is a body of JSON, as API Gateway infers. Raises BadAnswer for
    what it could not send.
    """
    if not isinstance(answer, dict) or "statusCode" not in answer:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return Response(text, 200, {"content-type": "application/json"})
    try:
        body = str(answer.get("body") or "")
        content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
        response = Response(content, int(answer["statusCode"]))
        headers = {str(k).lower(): str(v) for k, v in (answer.get("headers") or {}).items()}
        headers.setdefault("content-type", "text/plain; charset=utf-8")
        headers.pop("content-length", None)  # counted anew
        response.headers.update(headers)
        for cookie in answer.get("cookies") or []:
            response.headers.append("set-cookie", str(cookie))
    except (AttributeError, TypeError, ValueError) as error:
        raise BadAnswer(str(error)) from None
    return response


def message(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of the gateway itself."""
    content = json.dumps({"message": text}, separators=(",", ":"))
    return Response(content, status, dict(headers or {}), media_type="application/json")


class Gateway:
    """Serves the HTTP API of the template."""

    def __init__(
        self,
        api: Api,
        functions: Mapping[str, Function],
        authorizers: Mapping[str, Authorizer],
        now: Callable[[], datetime],
        bell: Bell,
        log: Log,
    ) -> None:
        self._api = api
        self._routes = Routes(api.routes)
        self._functions = functions
        self._authorizers = authorizers
        self._bucket = Bucket(api.throttle, time.monotonic) if api.throttle else None
        self._now = now
        self._bell = bell
        self._log = log

    async def answer(self, request: Request) -> Response:
        """The response to one HTTP request."""
        began = time.monotonic()
        response = await self._answer(request)
        if request.method != "GET":  # it may have left something to be passed on
            self._bell.ring()
        response.headers.update(cors.marks(self._api.cors, request.headers))
        response.headers["apigw-requestid"] = uuid.uuid4().hex[:16]
        took_ms = (time.monotonic() - began) * 1000
        line = f"{request.method} {request.url.path} {response.status_code} {took_ms:.0f} ms"
        self._log.request(line)
        return response

    async def deliver(self, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """The response to a POST that comes from within the stack, by a route that is open.

        Raises LookupError where the template has no such route.
        """
        found = self._routes.find("POST", path)
        if found is None or found[0].authorizer is not None:
            raise LookupError(f"POST {path}")
        call = Call(
            method="POST",
            path=path,
            query="",
            headers={"content-type": "application/json", **headers},
            cookies=[],
            body=body,
            source_ip="127.0.0.1",
            http_version="1.1",
        )
        event = http_event(call, self._api.id, *found, None, self._now())
        response = await self._invoke(found[0].function, event)
        self._bell.ring()
        return response

    async def _answer(self, request: Request) -> Response:
        if self._bucket and not self._bucket.admits():
            return message(429, "Too Many Requests")
        if request.method == "OPTIONS" and self._api.cors.origins:
            return Response(
                status_code=204, headers=cors.preflight(self._api.cors, request.headers)
            )
        found = self._routes.find(request.method, request.scope["path"])
        if found is None:
            return message(404, "Not Found")
        route, path_parameters = found
        try:
            claims = self._claims(route, request.headers.get("authorization"))
        except Unauthorized as refusal:
            self._log.write("gateway", f"401: {refusal}")
            return message(401, "Unauthorized", {"www-authenticate": "Bearer"})
        except Forbidden as refusal:
            self._log.write("gateway", f"403: {refusal}")
            return message(403, "Forbidden")
        call = await _read(request)
        if call is None:
            return message(413, "Request Entity Too Large")
        event = http_event(call, self._api.id, route, path_parameters, claims, self._now())
        return await self._invoke(route.function, event)

    def _claims(self, route: Route, authorization: str | None) -> dict[str, Any] | None:
        if route.authorizer is None:
            return None
        return self._authorizers[route.authorizer].claims(authorization, route.scopes)

    async def _invoke(self, function: str, event: dict[str, Any]) -> Response:
        try:
            async with asyncio.timeout(_INTEGRATION_TIMEOUT_S):
                return response_of(await self._functions[function].invoke(event))
        except TimeoutError:
            return message(503, "Service Unavailable")
        except (FunctionError, BadAnswer):
            return message(500, "Internal Server Error")


async def _read(request: Request) -> Call | None:
    """The request read whole; None if its body is too large."""
    body = bytearray()
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= MAX_BODY:  # what is too large is still read, or the client would not listen
            body += part
    if size > MAX_BODY:
        return None
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        if name != "cookie":
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    return Call(
        method=request.method,
        path=request.scope["path"],
        query=request.url.query,
        headers=headers,
        cookies=[
            cookie.strip()
            for header in request.headers.getlist("cookie")
            for cookie in header.split(";")
        ],
        body=bytes(body),
        source_ip=request.client.host if request.client else "127.0.0.1",
        http_version=request.scope["http_version"],
    )
