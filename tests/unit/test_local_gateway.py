"""The gateway: events of payload format 2.0 as documented, answers as API Gateway sends them."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.responses import Response

from local.cors import marks, preflight
from local.deployment import Cors, Route, Throttle
from local.gateway import BadAnswer, Call, Routes, http_event, response_of
from local.throttle import Bucket

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def a_route(key: str = "GET /sessions/{session_id}", scopes: tuple[str, ...] = ()) -> Route:
    method, path = key.split(" ")
    return Route(method=method, path=path, function="F", authorizer="Jwt", scopes=scopes)


def a_call(**changes: Any) -> Call:
    call: dict[str, Any] = {
        "method": "GET",
        "path": "/sessions/01J",
        "query": "",
        "headers": {"host": "api.example", "user-agent": "tests"},
        "cookies": [],
        "body": b"",
        "source_ip": "127.0.0.1",
        "http_version": "1.1",
    }
    return Call(**call | changes)


def an_event(call: Call, claims: dict[str, Any] | None = None) -> dict[str, Any]:
    return http_event(call, "Api", a_route(), {"session_id": "01J"}, claims, NOON)


def test_an_event_has_the_documented_shape() -> None:
    event = an_event(a_call(), claims={"sub": "u-1", "cognito:groups": ["customer"], "exp": 17})
    assert event.pop("requestContext") | {"requestId": ""} == {
        "accountId": "123456789012",
        "apiId": "Api",
        "authorizer": {
            "jwt": {
                "claims": {"sub": "u-1", "cognito:groups": "[customer]", "exp": "17"},
                "scopes": None,
            }
        },
        "domainName": "api.example",
        "domainPrefix": "api",
        "http": {
            "method": "GET",
            "path": "/sessions/01J",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "tests",
        },
        "requestId": "",
        "routeKey": "GET /sessions/{session_id}",
        "stage": "$default",
        "time": "01/Jul/2026:12:00:00 +0000",
        "timeEpoch": 1782907200000,
    }
    assert event == {
        "version": "2.0",
        "routeKey": "GET /sessions/{session_id}",
        "rawPath": "/sessions/01J",
        "rawQueryString": "",
        "headers": {"host": "api.example", "user-agent": "tests"},
        "pathParameters": {"session_id": "01J"},
        "isBase64Encoded": False,
    }


def test_an_open_route_has_no_authorizer_in_its_event() -> None:
    assert "authorizer" not in an_event(a_call())["requestContext"]


def test_repeated_query_parameters_are_joined_by_commas() -> None:
    event = an_event(a_call(query="tag=a&tag=b&name=x%20y&empty="))
    assert event["rawQueryString"] == "tag=a&tag=b&name=x%20y&empty="
    assert event["queryStringParameters"] == {"tag": "a,b", "name": "x y", "empty": ""}


def test_cookies_stand_apart() -> None:
    assert an_event(a_call(cookies=["a=1", "b=2"]))["cookies"] == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("content_type", "as_text"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("text/plain", True),
        ("application/x-www-form-urlencoded", False),
        ("image/png", False),
        ("", False),
    ],
)
def test_only_text_reaches_the_function_as_text(content_type: str, as_text: bool) -> None:
    event = an_event(a_call(body="é".encode(), headers={"content-type": content_type}))
    assert event["isBase64Encoded"] is not as_text
    body = event["body"] if as_text else base64.b64decode(event["body"]).decode()
    assert body == "é"


def test_a_body_that_is_no_text_after_all_is_not_damaged() -> None:
    event = an_event(a_call(body=b"\xff", headers={"content-type": "application/json"}))
    assert base64.b64decode(event["body"]) == b"\xff"


@pytest.mark.parametrize(
    ("request_line", "key"),
    [
        ("GET /mechanics/available", "GET /mechanics/available"),
        ("GET /mechanics/m-1", "GET /mechanics/{id}"),
        ("GET /mechanics/m-1/slots", "GET /mechanics/{id}/{what}"),
        ("GET /files/a/b/c", "GET /files/{path+}"),
        ("PATCH /any", "ANY /any"),
        ("POST /mechanics/m-1", None),
        ("GET /mechanics", None),
        ("GET /mechanics/", None),
        ("GET /mechanics/m-1/", None),
    ],
)
def test_the_most_specific_route_is_taken(request_line: str, key: str | None) -> None:
    keys = [
        "GET /mechanics/{id}",
        "GET /files/{path+}",
        "GET /mechanics/available",
        "GET /mechanics/{id}/{what}",
        "ANY /any",
    ]
    routes = Routes(tuple(a_route(each) for each in keys))
    found = routes.find(*request_line.split(" "))
    assert (found[0].key if found else None) == key


def test_a_path_parameter_has_its_value() -> None:
    found = Routes((a_route(),)).find("GET", "/sessions/01J")
    assert found
    assert found[1] == {"session_id": "01J"}


def sent(response: Response) -> tuple[int, str | None, bytes]:
    return response.status_code, response.headers.get("content-type"), bytes(response.body)


def test_an_answer_with_a_status_is_sent_as_it_is() -> None:
    answer = {
        "statusCode": 201,
        "headers": {"Content-Type": "application/json", "ETag": '"x"'},
        "cookies": ["a=1", "b=2"],
        "body": "{}",
    }
    response = response_of(answer)
    assert sent(response) == (201, "application/json", b"{}")
    assert response.headers["etag"] == '"x"'
    assert response.headers.getlist("set-cookie") == ["a=1", "b=2"]


def test_a_body_in_base64_is_decoded() -> None:
    answer = {"statusCode": 200, "body": "AAE=", "isBase64Encoded": True}
    assert sent(response_of(answer)) == (200, "text/plain; charset=utf-8", b"\x00\x01")


def test_an_answer_without_a_status_is_taken_for_json() -> None:
    assert sent(response_of({"a": 1})) == (200, "application/json", b'{"a": 1}')


@pytest.mark.parametrize(
    "answer", [{"statusCode": "soon"}, {"statusCode": 200, "headers": ["no"]}, {"statusCode": None}]
)
def test_an_answer_that_is_none_is_refused(answer: Any) -> None:
    with pytest.raises(BadAnswer):
        response_of(answer)


FRONTEND = Cors(
    origins=("https://app.example",), methods=("GET", "POST"), headers=("authorization",),
    expose=("etag",), max_age_s=600,
)  # fmt: skip


def test_a_preflight_from_an_allowed_origin_tells_what_is_allowed() -> None:
    assert preflight(FRONTEND, {"origin": "https://app.example"}) == {
        "access-control-allow-origin": "https://app.example",
        "access-control-expose-headers": "etag",
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "authorization",
        "access-control-max-age": "600",
    }


@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.example"}])
def test_others_are_told_nothing(headers: dict[str, str]) -> None:
    assert preflight(FRONTEND, headers) == {}
    assert marks(FRONTEND, headers) == {}


def test_the_throttle_lets_a_burst_through_and_then_its_rate() -> None:
    seconds = 0.0
    bucket = Bucket(Throttle(rate=2, burst=3), lambda: seconds)
    assert [bucket.admits() for _ in range(4)] == [True, True, True, False]
    seconds = 0.5
    assert [bucket.admits() for _ in range(2)] == [True, False]


def test_the_throttle_saves_up_no_more_than_a_burst() -> None:
    seconds = 0.0
    bucket = Bucket(Throttle(rate=100, burst=1), lambda: seconds)
    seconds = 60.0
    assert [bucket.admits() for _ in range(2)] == [True, False]


def test_mangum_reads_the_event() -> None:
    """The adapter the functions use takes the event for what was sent."""
    from fastapi import FastAPI, Request
    from mangum import Mangum

    app = FastAPI()

    @app.post("/echo/{name}")
    async def echo(name: str, request: Request) -> dict[str, Any]:
        return {
            "name": name,
            "query": dict(request.query_params),
            "cookies": request.cookies,
            "body": await request.json(),
        }

    call = a_call(
        method="POST",
        path="/echo/Zoë",
        query="a=1",
        headers={"host": "api.example", "content-type": "application/json"},
        cookies=["c=2"],
        body='{"text": "🚗"}'.encode(),
    )
    event = http_event(call, "Api", a_route("POST /echo/{name}"), {"name": "Zoë"}, None, NOON)
    answer = Mangum(app, lifespan="off")(event, None)  # type: ignore[arg-type]
    assert sent(response_of(answer))[0] == 200
    assert answer["body"] == (
        '{"name":"Zoë","query":{"a":"1"},"cookies":{"c":"2"},"body":{"text":"🚗"}}'
    )
