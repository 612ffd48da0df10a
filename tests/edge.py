"""The API of the template, in this process: authorizer, routes, events of payload 2.0, handlers."""

import functools
import json
from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from local import deployment, template
from local.authorizer import Authorizer, Forbidden, Keys, Unauthorized, access_token
from local.gateway import Call, Routes, http_event
from local.openapi import _pretend
from local.processes import ROOT
from local.resources import Resources
from tests.entry_points import load

CONTEXT = SimpleNamespace(aws_request_id="request-1")


@functools.cache
def the_edge() -> "Edge":
    """One for all tests of a process: it takes a second to make, and remembers nothing."""
    return Edge()


class Edge:
    """Calls take the way they take on AWS, from the token to the function's own handler."""

    def __init__(self) -> None:
        translated = template.translate(template.read(ROOT / "template.yaml"))
        of_type = Resources(translated, {}, _pretend).of_type
        self.api = deployment.api(of_type)
        self._routes = Routes(self.api.routes)
        self._keys = Keys()
        self._authorizers = {
            name: Authorizer(configuration, self._keys)
            for name, configuration in self.api.authorizers.items()
        }
        functions = deployment.functions(of_type, ROOT)
        self._handlers = {
            name: load(str(functions[name].code.relative_to(ROOT / "functions") / "api")).handler
            for name in {route.function for route in self.api.routes}
        }

    def token_of(self, user_id: str, group: str | None, **changes: Any) -> str:
        """A token as Cognito signs it, but for the changes; a change to None is a claim less."""
        ((_, configuration),) = self.api.authorizers.items()
        token = access_token(self._keys, configuration, group or "", user_id)
        claims = self._authorizers[self._authorizer].claims(token)
        if group is None:
            del claims["cognito:groups"]
        changed = {
            name: value for name, value in {**claims, **changes}.items() if value is not None
        }
        return self._keys.sign(changed)

    @property
    def _authorizer(self) -> str:
        (name,) = self.api.authorizers
        return name

    def call(
        self,
        method: str,
        path: str,
        token: str | None,
        now: datetime,
        *,
        body: Any = None,
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and document; a body of bytes goes as it is."""
        found = self._routes.find(method, path)
        assert found, f"{method} {path} is no route of the template"
        route, path_parameters = found
        claims = None
        if route.authorizer:
            try:
                claims = self._authorizers[route.authorizer].claims(token, route.scopes)
            except Unauthorized:
                return 401, {"message": "Unauthorized"}
            except Forbidden:
                return 403, {"message": "Forbidden"}
        content = b"" if body is None else body
        call = Call(
            method=method,
            path=path,
            query=query,
            headers={
                "content-type": "application/json",
                "host": "api.example",
                **(headers or {}),
            },
            cookies=[],
            body=content if isinstance(content, bytes) else json.dumps(content).encode(),
            source_ip="192.0.2.1",
            http_version="1.1",
        )
        event = http_event(call, self.api.id, route, path_parameters, claims, now)
        answer: Any = self._handlers[route.function](event, CONTEXT)
        return int(answer["statusCode"]), json.loads(answer["body"]) if answer.get("body") else None
