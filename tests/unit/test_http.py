"""The HTTP edge: who calls, what a refusal looks like, ETags, paging (api.md)."""

import base64
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Request, Response
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from dispatch.core import http
from dispatch.core.errors import (
    Busy,
    Conflict,
    FieldError,
    Forbidden,
    IllegalMove,
    Invalid,
    NotFound,
    Refusal,
)
from dispatch.core.http import AnyCaller, Caller, Cursor, Customer, Limit, Mechanic
from dispatch.core.idempotency import Once
from dispatch.core.views import Body, Line, View
from tests.builders import CUSTOMER, an_http_event
from tests.clock import Clock

LAMBDA_ANSWER_LIMIT = 6_000_000


class Part(Body):
    size: int = Field(strict=True, ge=1)


class Order(Body):
    name: Line
    parts: tuple[Part, ...] = ()


class Row(View):
    id: str
    expires_in_s: int | None = None


class Queue(View):
    rows: list[Row]


class Answer:
    """What the function handed back to API Gateway."""

    def __init__(self, raw: dict[str, Any]) -> None:
        assert raw["isBase64Encoded"] is False
        self.status: int = raw["statusCode"]
        self.headers: dict[str, str] = raw["headers"]
        self.text: str = raw["body"]

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def pointers(self) -> list[str]:
        assert self.status == 422
        return [error["pointer"] for error in self.json["errors"]]


def call(app: FastAPI, method: str, path: str, body: Any = None, **event: Any) -> Answer:
    context: Any = SimpleNamespace(aws_request_id="request-1")
    return Answer(http.lambda_handler(app)(an_http_event(method, path, body, **event), context))


def an_app(**routes: Callable[..., Any]) -> FastAPI:
    """An application with a GET route for each name."""
    app = http.create_app("Test")
    for name, endpoint in routes.items():
        app.get(f"/{name}")(endpoint)
    return app


# Who calls


async def me(who: AnyCaller) -> dict[str, Any]:
    return {"id": who.id, "groups": sorted(who.groups)}


async def for_customers(who: Customer) -> dict[str, str]:
    return {"id": who.id}


async def for_mechanics(who: Mechanic) -> dict[str, str]:
    return {"id": who.id}


CALLS = an_app(me=me, customers=for_customers, mechanics=for_mechanics)


@pytest.mark.parametrize(
    ("claim", "groups"),
    [
        ("[customer admin]", ["admin", "customer"]),
        ("[customer]", ["customer"]),
        ("[]", []),
        ("", []),
        ("customer", ["customer"]),
        ("[customer, admin]", ["admin", "customer"]),
    ],
)
def test_groups_are_read_as_api_gateway_hands_them_over(claim: str, groups: list[str]) -> None:
    assert call(CALLS, "GET", "/me", groups=claim).json == {"id": CUSTOMER, "groups": groups}


def test_a_caller_without_groups_is_a_caller() -> None:
    event = an_http_event("GET", "/me")
    del event["requestContext"]["authorizer"]["jwt"]["claims"]["cognito:groups"]
    context: Any = SimpleNamespace(aws_request_id="request-1")
    answer = Answer(http.lambda_handler(CALLS)(event, context))
    assert answer.json == {"id": CUSTOMER, "groups": []}


@pytest.mark.parametrize(
    ("path", "groups", "status"),
    [
        ("/customers", "[customer]", 200),
        ("/customers", "[mechanic customer]", 200),
        ("/customers", "[mechanic]", 403),
        ("/customers", "[customers]", 403),
        ("/customers", "[]", 403),
        ("/mechanics", "[mechanic]", 200),
        ("/mechanics", "[customer admin]", 403),
        ("/me", "[]", 200),
    ],
)
def test_a_call_is_for_its_group(path: str, groups: str, status: int) -> None:
    assert call(CALLS, "GET", path, groups=groups).status == status


# Refusals


async def fails(which: str) -> None:
    raise {
        "invalid": Invalid([FieldError("/a", "is wrong"), FieldError("/b/0", "is, too")]),
        "forbidden": Forbidden("Not for you."),
        "not_found": NotFound("There is no such thing."),
        "conflict": Conflict("active_session", "You have one already.", session_id="s-1"),
        "illegal": IllegalMove("end", "pending"),
        "busy": Busy("Try again."),
        "bug": ZeroDivisionError("secret"),
    }[which]


FAILURES = an_app(fails=fails)


@pytest.mark.parametrize(
    ("which", "status", "type_", "members"),
    [
        ("forbidden", 403, "/problems/forbidden", {}),
        ("not_found", 404, "/problems/not-found", {}),
        (
            "conflict",
            409,
            "/problems/conflict",
            {"reason": "active_session", "session_id": "s-1"},
        ),
        (
            "illegal",
            409,
            "/problems/conflict",
            {"reason": "illegal_move", "current_status": "pending"},
        ),
        ("busy", 503, "/problems/busy", {}),
        (
            "invalid",
            422,
            "/problems/invalid-input",
            {
                "errors": [
                    {"pointer": "/a", "detail": "is wrong"},
                    {"pointer": "/b/0", "detail": "is, too"},
                ]
            },
        ),
    ],
)
def test_a_refusal_is_a_problem_document(
    which: str, status: int, type_: str, members: dict[str, Any]
) -> None:
    answer = call(FAILURES, "GET", "/fails", query=f"which={which}")
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["type"] == type_
    assert problem["title"]
    assert problem["detail"]
    assert {"status": status} | members == {
        name: value for name, value in problem.items() if name not in ("type", "title", "detail")
    }


def test_a_bug_is_a_500_that_tells_nothing() -> None:
    answer = call(FAILURES, "GET", "/fails", query="which=bug")
    assert answer.status == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["type"] == "/problems/internal"
    assert "secret" not in answer.text
    assert "ZeroDivision" not in answer.text


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("DELETE", "/fails")])
def test_an_unknown_call_is_a_problem_too(method: str, path: str) -> None:
    answer = call(FAILURES, method, path)
    assert answer.status in (404, 405)
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_kind_of_refusal_has_its_own_slug() -> None:
    kinds = Refusal.__subclasses__()
    assert len({kind.slug for kind in kinds}) == len(kinds)


# Bodies


async def place(body: Order) -> dict[str, str]:
    return {"name": body.name}


ORDERS = http.create_app("Orders")
ORDERS.post("/orders", status_code=201)(place)


def post(body: Any, **event: Any) -> Answer:
    return call(ORDERS, "POST", "/orders", body, **event)


def test_a_valid_body() -> None:
    answer = post({"name": "Zoë 🚗", "parts": [{"size": 2}]})
    assert (answer.status, answer.json) == (201, {"name": "Zoë 🚗"})


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/name"]),
        ({"name": "x", "nmae": "x"}, ["/nmae"]),
        ({"name": "x", "parts": [{"size": 1}, {"size": 0}]}, ["/parts/1/size"]),
        ({"name": "x", "parts": [{"size": "1"}]}, ["/parts/0/size"]),
        ({"name": "x", "parts": {}}, ["/parts"]),
        ({"name": "x", "a/b~c": 1}, ["/a~1b~0c"]),
        ({"name": 1, "b": 1, "a": 1}, ["/name", "/b", "/a"]),
    ],
)
def test_pointers_to_what_is_wrong(body: Any, pointers: list[str]) -> None:
    assert post(body).pointers == pointers


NOT_AN_OBJECT = ["null", "[]", "7", '"text"', "true", "NaN", "Infinity", "-1e999"]
NOT_JSON = ["{", "{]", '{"name": }', "'x'", "[" * 100_000, '{"a":' * 5_000, "9" * 5_000]


@pytest.mark.parametrize("body", [*NOT_AN_OBJECT, *NOT_JSON, "", None], ids=lambda b: str(b)[:12])
def test_what_is_no_object_at_all_is_refused_as_a_whole(body: str | None) -> None:
    assert post(body).pointers == [""]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (r'{"name": "\ud800"}', ["/name"]),
        (r'{"name": "x", "\ud800": 1}', [""]),
        (r'{"name": "\u0000"}', ["/name"]),
        ('{"name": NaN}', ["/name"]),
        ('{"name": "x", "parts": [{"size": NaN}]}', ["/parts/0/size"]),
        ('{"name": "x", "parts": [{"size": 1e400}]}', ["/parts/0/size"]),
    ],
)
def test_what_is_json_to_some_is_refused_where_it_is(body: str, pointers: list[str]) -> None:
    assert post(body).pointers == pointers


@pytest.mark.parametrize("raw", [b"\xff\xfe{}", b'{"name": "\xc3"}', b"\x00", b"\x80" * 1000])
def test_what_is_no_text_is_refused(raw: bytes) -> None:
    event = an_http_event("POST", "/orders", base64.b64encode(raw).decode())
    event["isBase64Encoded"] = True
    context: Any = SimpleNamespace(aws_request_id="request-1")
    assert Answer(http.lambda_handler(ORDERS)(event, context)).status == 422


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_a_body_of_another_type_is_refused(content_type: str) -> None:
    answer = post({"name": "x"}, headers={"content-type": content_type})
    assert answer.pointers == [""]


def test_the_input_is_not_repeated() -> None:
    answer = post({"name": ["Jo Driver"], "parts": "4165550100"})
    assert "Jo Driver" not in answer.text
    assert "4165550100" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x" * 1_000_000},
        {"name": "x", "y" * 1_000_000: 1},
        {f"{n:x}": 1 for n in range(100_000)},
        {"name": "x", "parts": [{"size": 0}] * 80_000},
    ],
    ids=["long value", "long name", "many fields", "many items"],
)
def test_a_megabyte_of_nonsense_gets_an_answer_that_lambda_can_send(body: Any) -> None:
    answer = post(body)
    assert answer.status == 422
    assert len(answer.text.encode()) < LAMBDA_ANSWER_LIMIT / 60


@given(st.text(st.characters(codec=None), max_size=50))
def test_no_text_is_a_server_error(body: str) -> None:
    assert post(json.dumps({"name": body})).status in (201, 422)
    assert post(json.dumps({"name": "x", body: 1})).status in (201, 422)
    assert post(body.encode(errors="replace").decode()).status == 422


# Paging


async def rows(limit: Limit = 20, cursor: Cursor = None) -> dict[str, Any]:
    return {"limit": limit, "cursor": cursor}


LISTS = an_app(rows=rows)


@pytest.mark.parametrize("limit", [1, 100])
def test_a_limit_from_1_to_100(limit: int) -> None:
    assert call(LISTS, "GET", "/rows", query=f"limit={limit}").json["limit"] == limit


@pytest.mark.parametrize("limit", ["0", "101", "-1", "ten", "", "1.5", "9" * 5_000])
def test_any_other_limit_is_refused(limit: str) -> None:
    assert call(LISTS, "GET", "/rows", query=f"limit={limit}").pointers == ["/limit"]


def test_a_cursor_has_an_end() -> None:
    assert call(LISTS, "GET", "/rows", query="cursor=" + "x" * 1001).pointers == ["/cursor"]


# ETags


def conditional(seconds: int, *ids: str, seen: str | None = None) -> Answer:
    view = Queue(rows=[Row(id=id_, expires_in_s=seconds) for id_ in ids])

    async def queue(request: Request) -> Response:
        return http.conditional(request, view)

    headers = {"if-none-match": seen} if seen is not None else {}
    return call(an_app(queue=queue), "GET", "/queue", headers=headers)


def test_what_the_caller_has_is_not_sent_again() -> None:
    first = conditional(300, "a")
    assert first.status == 200
    etag = first.headers["etag"]
    again = conditional(300, "a", seen=etag)
    assert (again.status, again.text, again.headers["etag"]) == (304, "", etag)


def test_an_etag_is_blind_to_the_seconds_left() -> None:
    etag = conditional(300, "a").headers["etag"]
    assert conditional(299, "a", seen=etag).status == 304
    assert conditional(299, "a").json["rows"][0]["expires_in_s"] == 299


def test_an_etag_sees_everything_else() -> None:
    etag = conditional(300, "a").headers["etag"]
    for others in (["b"], ["a", "b"], []):
        assert conditional(300, *others, seen=etag).status == 200


@pytest.mark.parametrize("form", ["W/{}", '"other", {}', '"other",W/{}', "*"])
def test_the_forms_of_if_none_match(form: str) -> None:
    etag = conditional(300, "a").headers["etag"]
    assert conditional(300, "a", seen=form.format(etag)).status == 304


@pytest.mark.parametrize("seen", ["", '"other"', "garbage", '"', "é"])
def test_an_unknown_etag_gets_the_view(seen: str) -> None:
    assert conditional(300, "a", seen=seen).status == 200


# Idempotency-Key


def _show(result: str, who: Caller) -> Row:
    return Row(id=f"{result} for {who.id}")


async def keyed(once: Annotated[Once | None, http.once(201, _show)]) -> dict[str, Any]:
    if once is None:
        return {}
    return {"pk": once.pk, "sha256": once.body_sha256, "answer": once.show("done")}


KEYED = http.create_app("Keyed")
KEYED.post("/keyed")(keyed)
KEYED.post("/other")(keyed)


def with_key(key: str, body: str = "{}", path: str = "/keyed", **event: Any) -> Answer:
    return call(KEYED, "POST", path, body, headers={"idempotency-key": key}, **event)


def test_without_a_key_nothing_is_remembered() -> None:
    assert call(KEYED, "POST", "/keyed", "{}").json == {}


@pytest.mark.usefixtures("aws", "clock")
def test_a_key_carries_how_its_answer_is_shown() -> None:
    assert with_key("k").json["answer"] == {
        "status": 201,
        "body": {"id": f"done for {CUSTOMER}", "expires_in_s": None},
    }


@pytest.mark.usefixtures("aws", "clock")
def test_a_key_is_its_callers_and_its_routes() -> None:
    mine = with_key("k").json
    assert with_key("k").json == mine
    for other in (
        with_key("K").json,
        with_key("k", path="/other").json,
        with_key("k", caller="customer-2").json,
    ):
        assert other["pk"] != mine["pk"]
        assert other["sha256"] == mine["sha256"]
    assert with_key("k", body="{ }").json["pk"] == mine["pk"]
    assert with_key("k", body="{ }").json["sha256"] != mine["sha256"]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(("length", "fits"), [(0, False), (1, True), (64, True), (65, False)])
def test_a_key_has_1_to_64_characters(clock: Clock, length: int, fits: bool) -> None:
    assert clock
    assert with_key("k" * length).status == (200 if fits else 422)


@pytest.mark.parametrize("key", ["a b", "a\tb", "é", "\x7f"])
def test_a_key_is_visible_characters(key: str) -> None:
    assert with_key(key).pointers == ["/Idempotency-Key"]
