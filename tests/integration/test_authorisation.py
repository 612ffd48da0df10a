"""The authorisation matrix: every route, and everybody who might call it.

The routes are those of ``docs/openapi.json``, the rows those of ``tests/authorisation.py``. Calls
take the way they take on AWS: the template's authorizer, its route, an event of payload 2.0, the
function's own handler, on the table.
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from local import deployment, template
from local.authorizer import Authorizer, Keys, Unauthorized, access_token
from local.gateway import Call, Routes, http_event
from local.openapi import FILE, _pretend
from local.processes import ROOT
from local.resources import Resources
from tests.authorisation import (
    ADMIN,
    CUSTOMER,
    MECHANIC,
    OTHER_CUSTOMER,
    OTHER_MECHANIC,
    ROWS,
    Row,
)
from tests.clock import Clock
from tests.entry_points import load
from tests.fast.world import running

DOCUMENT = json.loads(FILE.read_text())["paths"]
CONTEXT = SimpleNamespace(aws_request_id="request-1")
USERS = {
    "customer": (CUSTOMER, "customer"),
    "other customer": (OTHER_CUSTOMER, "customer"),
    "mechanic": (MECHANIC, "mechanic"),
    "other mechanic": (OTHER_MECHANIC, "mechanic"),
    "admin": (ADMIN, "admin"),
}
NOBODY, EXPIRED = "no token", "expired"


def _nameless(route: str) -> str:
    """Documents and rows name what is in a path as they like."""
    return re.sub(r"\{[^}]*\}", "{}", route)


DOCUMENTED = {
    _nameless(f"{method.upper()} {path}"): operation
    for path, methods in DOCUMENT.items()
    for method, operation in methods.items()
}
BY_ROUTE = {_nameless(row.route): row for row in ROWS}


class Edge:
    """The API of the template, in this process."""

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
        self.tokens = self._tokens()

    def token_of(self, user_id: str, group: str | None, **changes: Any) -> str:
        """A token as Cognito signs it, but for the changes."""
        ((name, configuration),) = self.api.authorizers.items()
        token = access_token(self._keys, configuration, group or "", user_id)
        claims = self._authorizers[name].claims(token)
        if group is None:
            del claims["cognito:groups"]
        return self._keys.sign(claims | changes)

    def _tokens(self) -> dict[str, str | None]:
        an_hour_ago = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())
        expired = self.token_of(CUSTOMER, "customer", exp=an_hour_ago)
        tokens = {caller: self.token_of(*user) for caller, user in USERS.items()}
        return {NOBODY: None, EXPIRED: expired, **tokens}

    def status(self, row: Row, path: str, caller: str, now: datetime) -> int:
        """What this caller is answered."""
        method = row.route.split()[0]
        found = self._routes.find(method, path)
        assert found, f"{method} {path} is no route of the template"
        route, path_parameters = found
        claims = None
        if route.authorizer:
            try:
                claims = self._authorizers[route.authorizer].claims(
                    self.tokens[caller], route.scopes
                )
            except Unauthorized:
                return 401
        call = Call(
            method=method,
            path=path,
            query=row.query,
            headers={"content-type": "application/json", "host": "api.example", **row.headers},
            cookies=[],
            body=b"" if row.body is None else json.dumps(row.body).encode(),
            source_ip="192.0.2.1",
            http_version="1.1",
        )
        event = http_event(call, self.api.id, route, path_parameters, claims, now)
        answer: Any = self._handlers[route.function](event, CONTEXT)
        return int(answer["statusCode"])


@pytest.fixture(scope="module")
def edge() -> Edge:
    return Edge()


def unmatched(rows: list[Row], routes: Iterable[str]) -> set[str]:
    """Routes without a row, and rows without a route."""
    with_row = {_nameless(row.route) for row in rows}
    return set(routes) ^ with_row


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert unmatched(ROWS, DOCUMENTED) == set()
    assert len(BY_ROUTE) == len(ROWS), "one row a route"


def test_a_new_route_without_a_row_is_noticed_and_a_row_whose_route_is_gone() -> None:
    assert unmatched(ROWS, [*DOCUMENTED, "GET /new/{}"]) == {"GET /new/{}"}
    assert unmatched(ROWS, set(DOCUMENTED) - {"GET /plans"}) == {"GET /plans"}


def test_the_document_has_the_routes_of_the_template(edge: Edge) -> None:
    assert {_nameless(route.key) for route in edge.api.routes} == set(DOCUMENTED)


@pytest.mark.parametrize("route", DOCUMENTED)
def test_what_is_open_is_open_on_purpose(route: str) -> None:
    assert BY_ROUTE[route].is_open is (DOCUMENTED[route]["security"] == [])


def expected(row: Row) -> dict[str, int]:
    """Who gets what."""
    told = [int(status) for status in row.statuses.split()]
    if len(told) == 1:
        told *= len(USERS)
    statuses = dict(zip(USERS, told, strict=True))
    stranger = told[0] if row.is_open else 401
    return {NOBODY: stranger, EXPIRED: stranger} | statuses


@pytest.mark.parametrize("route", DOCUMENTED)
def test_what_they_are_answered_is_documented(route: str) -> None:
    told = {str(status) for status in expected(BY_ROUTE[route]).values()}
    assert told <= set(DOCUMENTED[route]["responses"])


@pytest.mark.parametrize("route", DOCUMENTED)
def test_everybody_is_answered_as_they_may_be(edge: Edge, route: str) -> None:
    row = BY_ROUTE[route]
    with running(Clock()) as world:
        ids = row.scene(world)
        path = row.route.split()[1].format_map(ids)
        back = world.save()
        got = {}
        for caller in expected(row):
            back()
            got[caller] = edge.status(row, path, caller, world.now)
    assert got == expected(row)


def test_who_is_in_no_group_yet_gets_what_is_for_anybody(edge: Edge) -> None:
    edge.tokens["new"] = edge.token_of("new", None)
    with running(Clock()) as world:
        BY_ROUTE["GET /mechanics/available"].scene(world)
        got = {
            path: edge.status(BY_ROUTE[f"GET {path}"], path, "new", world.now)
            for path in ("/mechanics/available", "/mechanic/queue", "/admin/policy")
        }
    assert got == {"/mechanics/available": 200, "/mechanic/queue": 403, "/admin/policy": 403}
