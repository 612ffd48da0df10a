"""``/_local/*``: what only a local stack can do; and the API's documentation.

Errors are problem documents, as everywhere.
"""

import asyncio
import importlib.util
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from local import authorizer, stripe_account
from local.clock import VirtualClock
from local.deployment import JwtConfiguration
from local.errors import LocalStackError
from local.pumps import Pumps, StillBusy
from local.stripe_account import StripeAccount
from local.waiting import MotoEngine
from local.workers import Function, FunctionError

Document = dict[str, Any]

_MOST_ADVANCE_S = 366 * 24 * 3600


class Refused(Exception):
    """A call that cannot be carried out; becomes a problem document."""

    def __init__(self, status: int, title: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.document = {
            "type": "/problems/local",
            "title": title,
            "status": status,
            "detail": detail,
            **members,
        }


class Control:
    """The endpoints, and what they act on."""

    def __init__(
        self,
        *,
        clock: VirtualClock,
        pumps: Pumps,
        engine: MotoEngine,
        keys: authorizer.Keys,
        jwt: JwtConfiguration,
        groups: list[str],
        seed: Function,
        describe: Callable[[], Awaitable[Document]],
        stripe: StripeAccount,
    ) -> None:
        self._clock = clock
        self._pumps = pumps
        self._engine = engine
        self._keys = keys
        self._jwt = jwt
        self._groups = groups
        self._seed = seed
        self._describe = describe
        self._stripe = stripe
        self._describing = asyncio.Lock()
        self._document: Document | None = None

    def routes(self) -> list[BaseRoute]:
        """For the web application, before the gateway's."""
        calls: list[tuple[str, str, Callable[[Request], Awaitable[Any]]]] = [
            ("GET", "/_local/health", self._health),
            ("GET", "/_local/token/{group}/{user_id:path}", self._token),
            ("POST", "/_local/seed", self._seed_records),
            ("POST", "/_local/clock", self._advance),
            ("POST", "/_local/drain", self._drain),
            ("GET", "/_local/pushes", self._pushes),
            ("GET", "/_local/mails", self._mails),
            ("GET", "/_local/schedules", self._schedules),
            ("GET", "/_local/stripe", self._stripe_told),
            ("POST", "/_local/stripe/{hook}", self._stripe_hook),
            ("GET", "/openapi.json", self._openapi),
        ]
        # Found without importing it: only its copy of Swagger UI is of use here.
        package = importlib.util.find_spec("fastapi_offline")
        assert package
        assert package.origin
        assets = Path(package.origin).parent / "static"
        return [
            *(Route(path, _endpoint(call), methods=[method]) for method, path, call in calls),
            Route("/docs", _docs),
            Mount("/docs/assets", StaticFiles(directory=assets)),
            Route("/_local/{rest:path}", _endpoint(_no_such_call), methods=["GET", "POST"]),
        ]

    async def _health(self, _request: Request) -> Document:
        return {"status": "ok", "now": self._clock.now().isoformat()}

    async def _token(self, request: Request) -> Document:
        group, user_id = request.path_params["group"], request.path_params["user_id"]
        if group not in self._groups:
            known = ", ".join(self._groups)
            raise Refused(404, "No such group", f"There is no group {group!r}, only {known}.")
        return {"token": authorizer.access_token(self._keys, self._jwt, group, user_id)}

    async def _seed_records(self, request: Request) -> Document:
        body = await _body(request, {"mechanics": list, "customers": list})
        records = {"mechanics": body.get("mechanics", []), "customers": body.get("customers", [])}
        try:
            outcome = dict(await self._seed.invoke(records))
        except FunctionError as error:
            raise Refused(
                500, "Seeding failed", f"Some records may be written, see the log: {error}"
            ) from None
        if "errors" in outcome:
            raise _invalid(outcome["errors"])
        return outcome

    async def _advance(self, request: Request) -> Document:
        body = await _body(request, {"advance_s": (int, float)})
        seconds = body.get("advance_s")
        if seconds is None or not 0 <= seconds <= _MOST_ADVANCE_S:
            detail = f"must be a number of seconds from 0 to {_MOST_ADVANCE_S}"
            raise _invalid([{"pointer": "/advance_s", "detail": detail}])
        try:
            await self._pumps.advance(timedelta(seconds=seconds))
        except StillBusy as busy:
            raise Refused(504, "Still busy", str(busy)) from None
        return {"now": self._clock.now().isoformat()}

    async def _drain(self, request: Request) -> Document:
        await _body(request, {})
        try:
            await self._pumps.drain()
        except StillBusy as busy:
            raise Refused(504, "Still busy", str(busy)) from None
        return {"now": self._clock.now().isoformat()}

    async def _pushes(self, request: Request) -> list[Document]:
        return _of_user(request, [push_row(push) for push in await self._engine.pushes()])

    async def _mails(self, request: Request) -> list[Document]:
        return _of_user(request, [mail_row(mail) for mail in await self._engine.mails()])

    async def _schedules(self, _request: Request) -> list[Document]:
        return [
            {
                "name": schedule.name,
                "group": schedule.group,
                "at": schedule.at.isoformat(),
                "expression": schedule.expression,
                "target_arn": schedule.target_arn,
                "input": _json_or_text(schedule.input),
            }
            for schedule in await self._pumps.pending_schedules()
        ]

    async def _stripe_told(self, _request: Request) -> Document:
        return await self._stripe.told()

    async def _stripe_hook(self, request: Request) -> Document:
        hook = request.path_params["hook"]
        fields = stripe_account.HOOKS.get(hook)
        if fields is None:
            raise Refused(404, "No such call", f"{request.url.path} does not exist.")
        asked = await _body(request, dict(fields))
        try:
            return await self._stripe.do(hook, asked)
        except stripe_account.NotDone as refusal:
            raise Refused(refusal.status, "Stripe refuses", str(refusal)) from None

    async def _openapi(self, _request: Request) -> Document:
        async with self._describing:
            if self._document is None:
                try:
                    self._document = await self._describe()
                except (FunctionError, LocalStackError) as error:
                    raise Refused(500, "The functions cannot be described", str(error)) from None
        return self._document


def _endpoint(
    call: Callable[[Request], Awaitable[Any]],
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await call(request))
        except Refused as refused:
            return JSONResponse(
                refused.document,
                refused.document["status"],
                media_type="application/problem+json",
            )

    return endpoint


async def _no_such_call(request: Request) -> Any:
    raise Refused(404, "No such call", f"{request.method} {request.url.path} does not exist.")


async def _body(request: Request, fields: dict[str, Any]) -> Document:
    """The JSON object sent, no body being an empty one; ``fields`` are names and types."""
    try:
        body = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError):
        raise _invalid([{"pointer": "", "detail": "is not valid JSON"}]) from None
    if not isinstance(body, dict):
        raise _invalid([{"pointer": "", "detail": "must be an object"}])
    errors = [
        {"pointer": f"/{name}", "detail": "is not a field of this call"}
        for name in body
        if name not in fields
    ]
    errors += [
        {"pointer": f"/{name}", "detail": "has the wrong type"}
        for name, kind in fields.items()
        if name in body and (not isinstance(body[name], kind) or _is_odd(body[name], kind))
    ]
    if errors:
        raise _invalid(errors)
    return body


def _is_odd(value: Any, kind: Any) -> bool:
    """To Python true is a number."""
    return isinstance(value, bool) and kind is not bool


def _invalid(errors: list[dict[str, str]]) -> Refused:
    detail = "; ".join(f"{error['pointer']}: {error['detail']}" for error in errors)
    return Refused(422, "Invalid input", f"Nothing was done. {detail}", errors=errors)


def _of_user(request: Request, rows: list[Document]) -> list[Document]:
    user_id = request.query_params.get("user_id")
    return [row for row in rows if user_id is None or row["user_id"] == user_id]


def push_row(push: Document) -> Document:
    """A push as ``/_local/pushes`` shows it; whose it was stands in the endpoint's user data."""
    owner = _json_or_text(push["user_data"])
    owner = owner if isinstance(owner, dict) else {}
    payload = _payload(push["message"], push["platform"])
    return {
        "id": push["id"],
        "at": push["at"],
        "user_id": owner.get("user_id"),
        "device_id": owner.get("device_id"),
        "type": _type(payload),
        "payload": payload,
    }


def _payload(message: str, platform: str) -> Any:
    """What the platform was sent: SNS picks its entry of a message in several forms."""
    decoded = _json_or_text(message)
    if isinstance(decoded, dict) and "default" in decoded:
        return _json_or_text(decoded.get(platform, decoded["default"]))
    return decoded


def _type(payload: Any) -> str | None:
    """FCM carries our data in ``data``, APNs beside ``aps``."""
    if not isinstance(payload, dict):
        return None
    payload = payload.get("fcmV1Message", {}).get("message", payload)
    found: str | None = payload.get("data", payload).get("type")
    return found


def mail_row(mail: Document) -> Document:
    """A mail as ``/_local/mails`` shows it; whose it was stands in its tags."""
    request = mail["request"]
    tags = {tag["Name"]: tag["Value"] for tag in request.get("EmailTags", [])}
    return {
        "id": mail["id"],
        "at": mail["at"],
        "user_id": tags.get("user_id"),
        "device_id": None,
        "type": tags.get("type"),
        "payload": {
            "from": request.get("FromEmailAddress"),
            "to": request.get("Destination", {}).get("ToAddresses", []),
            "content": request.get("Content"),
        },
    }


def _json_or_text(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except ValueError:
        return text


async def _docs(_request: Request) -> Response:
    return HTMLResponse(_DOCS)


_DOCS = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Dispatch API</title>
  <link rel="icon" href="/docs/assets/favicon.png">
  <link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
  <p style="font: 14px sans-serif; margin: 1em 2em">
    A token for <b>Authorize</b>: <code>curl -s localhost:PORT/_local/token/customer/alice</code>
    (groups: customer, mechanic, admin; any user id).
  </p>
  <div id="api"></div>
  <script src="/docs/assets/swagger-ui-bundle.js"></script>
  <script>
    document.querySelector("code").textContent =
      `curl -s ${location.origin}/_local/token/customer/alice`;
    SwaggerUIBundle({url: "/openapi.json", dom_id: "#api", persistAuthorization: true});
  </script>
</body>
</html>
"""
