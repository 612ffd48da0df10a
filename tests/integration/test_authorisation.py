"""The authorisation matrix: every route, and everybody who might call it.

The routes are those of ``docs/openapi.json``, the rows those of ``tests/authorisation.py``. Calls
take the way they take on AWS: the template's authorizer, its route, an event of payload 2.0, the
function's own handler, on the table.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from local.openapi import FILE
from tests.authorisation import CUSTOMER, ROWS, USERS, Row, nameless
from tests.clock import Clock
from tests.edge import the_edge
from tests.fast.world import running

DOCUMENT = json.loads(FILE.read_text())["paths"]
NOBODY, EXPIRED = "no token", "expired"


DOCUMENTED = {
    nameless(f"{method.upper()} {path}"): operation
    for path, methods in DOCUMENT.items()
    for method, operation in methods.items()
}
BY_ROUTE = {nameless(row.route): row for row in ROWS}


class Matrix:
    """The edge, and the tokens of everybody."""

    def __init__(self) -> None:
        self.edge = the_edge()
        an_hour_ago = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())
        expired = self.edge.token_of(CUSTOMER, "customer", exp=an_hour_ago)
        tokens = {caller: self.edge.token_of(*user) for caller, user in USERS.items()}
        self.tokens: dict[str, str | None] = {NOBODY: None, EXPIRED: expired, **tokens}

    def status(self, row: Row, path: str, caller: str, now: datetime) -> int:
        """What this caller is answered."""
        status, _ = self.edge.call(
            row.route.split()[0],
            path,
            self.tokens[caller],
            now,
            body=row.body,
            query=row.query,
            headers=row.headers,
        )
        return status


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return Matrix()


def unmatched(rows: list[Row], routes: Iterable[str]) -> set[str]:
    """Routes without a row, and rows without a route."""
    with_row = {nameless(row.route) for row in rows}
    return set(routes) ^ with_row


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert unmatched(ROWS, DOCUMENTED) == set()
    assert len(BY_ROUTE) == len(ROWS), "one row a route"


def test_a_new_route_without_a_row_is_noticed_and_a_row_whose_route_is_gone() -> None:
    assert unmatched(ROWS, [*DOCUMENTED, "GET /new/{}"]) == {"GET /new/{}"}
    assert unmatched(ROWS, set(DOCUMENTED) - {"GET /plans"}) == {"GET /plans"}


def test_the_document_has_the_routes_of_the_template(matrix: Matrix) -> None:
    assert {nameless(route.key) for route in matrix.edge.api.routes} == set(DOCUMENTED)


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
def test_everybody_is_answered_as_they_may_be(matrix: Matrix, route: str) -> None:
    row = BY_ROUTE[route]
    with running(Clock()) as world:
        ids = row.scene(world)
        path = row.route.split()[1].format_map(ids)
        back = world.save()
        got = {}
        for caller in expected(row):
            back()
            got[caller] = matrix.status(row, path, caller, world.now)
    assert got == expected(row)


def test_who_is_in_no_group_yet_gets_what_is_for_anybody(matrix: Matrix) -> None:
    matrix.tokens["new"] = matrix.edge.token_of("new", None)
    with running(Clock()) as world:
        BY_ROUTE["GET /mechanics/available"].scene(world)
        got = {
            path: matrix.status(BY_ROUTE[f"GET {path}"], path, "new", world.now)
            for path in ("/mechanics/available", "/mechanic/queue", "/admin/policy")
        }
    assert got == {"/mechanics/available": 200, "/mechanic/queue": 403, "/admin/policy": 403}
