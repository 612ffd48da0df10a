"""Attacks on every call there is, each by who may make it: nobody else's fields, nobody's syntax.

The calls and their callers are the rows of ``tests/authorisation.py``. What goes through all of
them at random is ``make attack``'s; files and Stripe's messages have more in ``test_uploads.py``
and ``test_money_http.py``, tokens in ``tests/unit/test_local_authorizer.py``.
"""

import copy
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

import pytest

from dispatch.payments import service as payments
from dispatch.sessions import paying
from dispatch.sessions import service as sessions
from dispatch.sessions.model import PaymentMethod
from dispatch.uploads import service as uploads
from local.openapi import FILE
from local.stripe import signed
from tests.authorisation import ADMIN, CUSTOMER, MECHANIC, OTHER_CUSTOMER, ROWS, Row
from tests.builders import an_intake_body
from tests.clock import Clock
from tests.edge import Edge, the_edge
from tests.fast import stripe
from tests.fast.world import FastWorld, running
from tests.upload_builders import JPEG
from tests.world import an_intake

DOCUMENT = json.loads(FILE.read_text())
USERS = (
    (CUSTOMER, "customer"),
    (OTHER_CUSTOMER, "customer"),
    (MECHANIC, "mechanic"),
    ("other-mechanic", "mechanic"),
    (ADMIN, "admin"),
)
AT_ONCE = {
    "POST /intake/start",
    "POST /sessions/{session}/rate",
    "GET /sessions/{session}",
    "GET /sessions",
    "DELETE /customer/vehicles/{vehicle}",
    "POST /admin/customers/{customer}/credits",
}
WEBHOOK = "/payments/stripe/webhook"
ASKED = [row for row in ROWS if not row.is_open]
WITH_BODY = [row for row in ASKED if row.body is not None]
WITH_PATH = [row for row in ASKED if "{" in row.route]
WITH_QUERY = [
    row for row in ASKED if row.route.startswith("GET ") and "If-None-Match" not in row.headers
]


def sweep(rows: list[Row]) -> list[Any]:
    """Every call, for what takes long with each; all but some wait for ``make attack``."""
    return [
        pytest.param(row, id=row.route, marks=() if row.route in AT_ONCE else pytest.mark.long)
        for row in rows
    ]


@pytest.fixture(scope="module")
def edge() -> Edge:
    return the_edge()


def named(row: Row) -> str:
    return row.route


@dataclass(frozen=True, slots=True)
class Attack:
    """A row that is set up, and its rightful caller."""

    edge: Edge
    world: FastWorld
    row: Row
    path: str
    token: str

    def send(
        self,
        body: Any = None,
        *,
        path: str | None = None,
        query: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        return self.edge.call(
            self.row.route.split()[0],
            self.path if path is None else path,
            self.token,
            self.world.now,
            body=self.row.body if body is None else body,
            query=self.row.query if query is None else query,
            headers={**self.row.headers, **(headers or {})},
        )


def attack(edge: Edge, world: FastWorld, row: Row) -> Attack:
    path = row.route.split()[1].format_map(row.scene(world))
    told = row.statuses.split() * (1 if " " in row.statuses else len(USERS))
    user = next(
        user for user, status in zip(USERS, told, strict=True) if status not in {"403", "404"}
    )
    return Attack(edge, world, row, path, edge.token_of(*user))


def schema_of(row: Row) -> dict[str, Any]:
    """The properties that a call's body may have."""
    method, path = row.route.split()
    nameless = re.sub(r"\{[^}]*\}", "{}", path)
    (operation,) = [
        operations[method.lower()]
        for documented, operations in DOCUMENT["paths"].items()
        if re.sub(r"\{[^}]*\}", "{}", documented) == nameless
    ]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    (ref,) = re.findall(r"schemas/(\w+)", json.dumps(schema))
    properties: dict[str, Any] = DOCUMENT["components"]["schemas"][ref].get("properties", {})
    return properties


# Fields that are nobody's to say

NOT_THEIRS = {
    "id": "01K00000000000000000000S01",
    "status": "completed",
    "price_cents": 0,
    "credits": 1_000_000,
    "balance": 1_000_000,
    "mechanic_id": MECHANIC,
    "customer_id": OTHER_CUSTOMER,
    "user_id": OTHER_CUSTOMER,
    "owner_id": OTHER_CUSTOMER,
    "role": "admin",
    "groups": ["admin"],
    "cognito:groups": "[admin]",
    "sub": ADMIN,
    "is_admin": True,
    "approved": True,
    "rating": 5,
    "profile_completion": 100,
    "completed_sessions": 100,
    "load": 0,
    "capacity": 10,
    "currently_on_shift": True,
    "version": 1,
    "created_at": "2020-01-01T00:00:00Z",
    "expires_at": "2099-01-01T00:00:00Z",
    "refund": {"credits": 100},
    "pk": "CUSTOMER#x",
    "sk": "META",
    "entity": "session",
    "schema": 1,
    "expires_ttl": 1,
    "__class__": "Session",
    "__proto__": {"is_admin": True},
}


@pytest.mark.parametrize("row", WITH_BODY, ids=named)
def test_nobody_says_more_than_is_theirs_to_say(edge: Edge, row: Row) -> None:
    with running(Clock()) as world:
        aim = attack(edge, world, row)
        theirs = schema_of(row)
        added = {name: value for name, value in NOT_THEIRS.items() if name not in theirs}
        count = len(world.facts())
        status, document = aim.send({**row.body, **added})
        assert status == 422, document
        assert {error["pointer"] for error in document["errors"]} == {f"/{name}" for name in added}
        assert len(world.facts()) == count


def _inside(body: Any) -> Iterator[dict[str, Any]]:
    """Bodies with one field too many in one of the objects inside."""

    def walk(part: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        members = part.items() if isinstance(part, dict) else enumerate(part)
        for name, value in members:
            if isinstance(value, dict):
                yield (*path, name)
            if isinstance(value, dict | list):
                yield from walk(value, (*path, name))

    for path in walk(body, ()):
        changed = copy.deepcopy(body)
        part = changed
        for step in path:
            part = part[step]
        part["is_admin"] = True
        yield changed


@pytest.mark.parametrize("row", [row for row in WITH_BODY if list(_inside(row.body))], ids=named)
def test_nor_inside_of_what_is_theirs(edge: Edge, row: Row) -> None:
    with running(Clock()) as world:
        aim = attack(edge, world, row)
        for body in _inside(row.body):
            status, document = aim.send(body)
            assert status == 422, document
            assert all(each["pointer"].endswith("/is_admin") for each in document["errors"])


# What would mean something to DynamoDB

MARK = "zzmark"
SYNTAX = [
    f"#{MARK}",
    f":{MARK}",
    f"#{MARK} = :{MARK} OR attribute_exists(pk)",
    f"attribute_not_exists({MARK})",
    f"SET {MARK} = :{MARK}",
    f"REMOVE {MARK}",
    f"begins_with({MARK}, :x)",
    f"CUSTOMER#{MARK}",
    f"META#{MARK}\x00",
    f"'; DROP TABLE {MARK}; --",
    f"${{{MARK}}} {{{{{MARK}}}}} %({MARK})s {{{MARK}.__class__}}",
    f'{MARK}"}}, "status": {{"S": "completed',
    f"../../{MARK}",
    f"\u202e{MARK}",
    f"{MARK}\ud800",
]
_EXPRESSIONS = (
    "ConditionExpression",
    "UpdateExpression",
    "KeyConditionExpression",
    "FilterExpression",
    "ProjectionExpression",
    "ExpressionAttributeNames",
)


class Spy:
    """A client of DynamoDB; the syntax of all that it is asked is kept."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.asked = 0
        self.syntax: list[str] = []

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)
        if not callable(call):
            return call

        def asked(**request: Any) -> Any:
            self.asked += 1
            self.syntax += _syntax(request)
            return call(**request)

        return asked


def _syntax(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for each in part:
            yield from _syntax(each)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name in _EXPRESSIONS:
                yield json.dumps(value)
            elif name == "ExpressionAttributeValues":
                yield json.dumps(list(value))  # their names; what they stand for is data
            else:
                yield from _syntax(value)


def test_the_syntax_of_what_the_table_is_asked_is_seen(edge: Edge) -> None:
    (row,) = [row for row in ROWS if row.route == "POST /intake/start"]
    with running(Clock()) as world:
        aim = attack(edge, world, row)
        spy = spied(world)
        assert aim.send()[0] == 201
        assert any("attribute_not_exists" in each for each in spy.syntax)


def _with_each_text(body: Any, text: str) -> Iterator[Any]:
    """Bodies with one of their texts replaced."""
    if isinstance(body, str):
        yield text
    elif isinstance(body, dict):
        for name, value in body.items():
            yield from ({**body, name: changed} for changed in _with_each_text(value, text))
    elif isinstance(body, list):
        for at, value in enumerate(body):
            for changed in _with_each_text(value, text):
                yield [*body[:at], changed, *body[at + 1 :]]


def is_an_answer(status: int, document: Any) -> bool:
    """Whether it is none of our own failure."""
    return status < 500 and (status < 400 or document["type"].startswith("/problems/"))


def spied(world: FastWorld) -> Spy:
    spy = Spy(world.clients["dynamodb"])
    world.clients["dynamodb"] = spy  # type: ignore[assignment]
    return spy


@pytest.mark.parametrize("row", sweep(WITH_BODY))
def test_no_text_of_a_body_is_syntax(edge: Edge, row: Row) -> None:
    with running(Clock()) as world:
        aim = attack(edge, world, row)
        back, spy = world.save(), spied(world)
        for text in SYNTAX:
            for body in [*_with_each_text(row.body, text), {**row.body, text: text}]:
                status, document = aim.send(body, headers={"idempotency-key": f"#{MARK}:x"})
                assert is_an_answer(status, document), (status, body)
                if status < 300:
                    back()
        assert not [each for each in spy.syntax if MARK in each]
        aim.send()
        assert spy.asked, "what the table is asked is looked at"


@pytest.mark.parametrize("row", sweep(WITH_PATH))
def test_no_id_in_a_path_is_syntax(edge: Edge, row: Row) -> None:
    with running(Clock()) as world:
        aim = attack(edge, world, row)
        spy = spied(world)
        before = row.route.split()[1].partition("{")[0]
        for text in SYNTAX:
            if "/" in text or "\ud800" in text:
                continue  # no segment of a path, or no path
            path = re.sub(r"\{[^}]*\}", lambda _, text=text: text, row.route.split()[1])  # type: ignore[misc]
            assert path.startswith(before)
            status, document = aim.send(path=unquote(quote(path)))
            assert is_an_answer(status, document), (status, path)
        assert not [each for each in spy.syntax if MARK in each]


def _queries(row: Row) -> set[str]:
    path = re.sub(r"\{[^}]*\}", "{}", row.route.split()[1])
    return {
        parameter["name"]
        for documented, operations in DOCUMENT["paths"].items()
        if re.sub(r"\{[^}]*\}", "{}", documented) == path
        for parameter in operations["get"].get("parameters", [])
        if parameter["in"] == "query"
    }


@pytest.mark.parametrize("row", sweep([row for row in WITH_QUERY if _queries(row)]))
def test_no_query_is_syntax(edge: Edge, row: Row) -> None:
    with running(Clock()) as world:
        aim = attack(edge, world, row)
        spy = spied(world)
        for name in [*_queries(row), f"#{MARK}"]:
            for text in SYNTAX[:-1]:
                query = f"{row.query}&{quote(name)}={quote(text)}".lstrip("&")
                status, document = aim.send(query=query, headers={"if-none-match": f'"{MARK}"'})
                assert is_an_answer(status, document), (status, query)
        assert not [each for each in spy.syntax if MARK in each]


# Bodies that are hard to read

SHAPES: dict[str, bytes] = {
    "deep lists": b"[" * 50_000 + b"]" * 50_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "not closed": b'{"a":' * 1_000,
    "a huge integer": b'{"a": ' + b"9" * 5_000 + b"}",
    "an endless number": b'{"a": 1e99999}',
    "no numbers": b'{"a": [NaN, Infinity, -Infinity]}',
    "no UTF-8": b'{"a": "\xff\xfe\xfa"}',
    "UTF-16": '{"a": "x"}'.encode("utf-16"),
    "overlong UTF-8": b'{"a": "\xc0\xae"}',
    "a surrogate": b'{"\\ud800": "\\udfff"}',
    "a name twice": b'{"a": 1, "a": 2}',
    "a long name": b'{"' + b"a" * 200_000 + b'": 1}',
    "many names": json.dumps({f"a{n}": n for n in range(20_000)}).encode(),
    "a long text": b'{"a": "' + b"x" * 500_000 + b'"}',
    "nothing of JSON": b"--boundary\r\nContent-Disposition: form-data",
}


@pytest.mark.parametrize("row", sweep(WITH_BODY))
def test_whatever_a_body_is_it_is_read_or_refused(edge: Edge, row: Row) -> None:
    with running(Clock()) as world:
        aim = attack(edge, world, row)
        facts = len(world.facts())
        for name, content in SHAPES.items():
            status, document = aim.send(content)
            assert status == 422, (name, document)
            assert len(json.dumps(document)) < 100_000, name
        assert len(world.facts()) == facts


def _numbers(body: Any) -> Iterator[Any]:
    """Bodies with one of their numbers out of all proportion."""
    for huge in (10**400, -(10**400), 2**63, -(2**31), 1e308, -0.0, True):
        for name, value in body.items():
            if isinstance(value, int) and not isinstance(value, bool):
                yield {**body, name: huge}
            if isinstance(value, dict):
                yield from ({**body, name: inside} for inside in _numbers(value))


@pytest.mark.parametrize("row", sweep([row for row in WITH_BODY if list(_numbers(row.body))]))
def test_no_number_is_too_large_to_be_refused(edge: Edge, row: Row) -> None:
    with running(Clock()) as world:
        aim = attack(edge, world, row)
        back = world.save()
        for body in _numbers(row.body):
            status, document = aim.send(body)
            assert is_an_answer(status, document), (status, body)
            back()


def test_of_a_name_twice_the_last_counts_for_all_of_us(edge: Edge) -> None:
    """There is one reader of a body, so nobody takes the first where another takes the last."""
    (row,) = [row for row in ROWS if row.route.endswith("/waiver")]
    with running(Clock()) as world:
        aim = attack(edge, world, row)
        refused = b'{"full_name": "Jo Driver", "accepted": true, "accepted": false}'
        assert aim.send(refused)[0] == 422
        assert aim.send(b'{"full_name": "Jo", "accepted": false, "accepted": true}')[0] == 200


# Tokens

PAST = 1_000_000_000


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"iss": "https://cognito-idp.ca-central-1.amazonaws.com/another"}, 401),
        ({"client_id": "another-client"}, 401),
        ({"client_id": None}, 401),
        ({"client_id": None, "aud": "another-client"}, 401),
        ({"exp": PAST}, 401),
        ({"exp": None}, 401),
        ({"nbf": PAST * 4}, 401),
        ({"scope": None}, 403),
        ({"scope": "openid email"}, 403),
    ],
    ids=str,
)
def test_a_token_that_is_not_for_us_opens_nothing(
    edge: Edge, changes: dict[str, Any], status: int
) -> None:
    token = edge.token_of(ADMIN, "admin", **changes)
    with running(Clock()) as world:
        for row in ASKED:
            method, path = row.route.split()
            assert edge.call(method, path, token, world.now)[0] == status, row.route


def test_an_id_token_opens_nothing(edge: Edge) -> None:
    """It has the same issuer and key, and our client as its audience; it is for the app alone."""
    ((_, configuration),) = edge.api.authorizers.items()
    (client,) = configuration.audiences
    changes = {"token_use": "id", "aud": client, "client_id": None, "scope": None}
    token = edge.token_of(ADMIN, "admin", email="a@b.example", **changes)
    with running(Clock()) as world:
        for row in ASKED:
            method, path = row.route.split()
            assert edge.call(method, path, token, world.now)[0] == 403, row.route


def test_groups_are_the_tokens_not_the_callers(edge: Edge) -> None:
    """Neither a header nor a body nor a query makes an admin."""
    token = edge.token_of(CUSTOMER, "customer")
    with running(Clock()) as world:
        status, _ = edge.call(
            "GET",
            "/admin/policy",
            token,
            world.now,
            query="cognito:groups=admin",
            headers={"cognito:groups": "[admin]", "x-amzn-oidc-data": "[admin]"},
        )
    assert status == 403


@pytest.mark.parametrize("groups", ["administrator", "admin-not", "xadmin", "ADMIN", "adm in"])
def test_a_group_is_its_whole_name(edge: Edge, groups: str) -> None:
    token = edge.token_of(CUSTOMER, groups)
    with running(Clock()) as world:
        assert edge.call("GET", "/admin/policy", token, world.now)[0] == 403


# Stripe's messages


def _paid(world: FastWorld) -> tuple[str, dict[str, Any]]:
    """A session that awaits payment, and that it was paid."""
    intake = an_intake(plan="standard", payment_method=PaymentMethod.STRIPE)
    session = sessions.book_session(intake, CUSTOMER, world.now)
    sessions.sign_waiver(session.id, CUSTOMER, "Jo Driver", world.now)
    paying.open_checkout(session.id, CUSTOMER, world.now)
    (checkout,) = world.stripe.checkouts
    return session.id, world.stripe.pay(checkout)


def _forgeries(body: bytes, header: str, now: int) -> Iterator[tuple[str, bytes, str | None]]:
    digest = header.rpartition("=")[2]
    seconds = header.partition(",")[0].removeprefix("t=")

    def hmac_of(key: str, text: bytes) -> str:
        return hmac.new(key.encode(), text, hashlib.sha256).hexdigest()

    whole = f"{seconds}.".encode() + body
    yield "no signature", body, None
    yield "an empty one", body, ""
    yield "no digest", body, f"t={seconds}"
    yield "of an empty secret", body, f"t={seconds},v1={hmac_of('', whole)}"
    yield "of another secret", body, f"t={seconds},v1={hmac_of('whsec_x', whole)}"
    yield "of the body alone", body, f"t={seconds},v1={hmac_of(stripe.WEBHOOK_SECRET, body)}"
    yield "of an old scheme", body, f"t={seconds},v0={digest}"
    yield "plain SHA-256", body, f"t={seconds},v1={hashlib.sha256(whole).hexdigest()}"
    yield "at another time", body, f"t={now + 1},v1={digest}"
    yield "at two times", body, f"t={now + 1},t={seconds},v1={digest}"
    yield "cut", body, header[:-1]
    yield "of another body", body.replace(b'"paid"', b'"free"') + b" ", header
    yield "with more behind it", body + b"\n", header
    yield "nothing behind it", b"", header


def _hear(edge: Edge, world: FastWorld, body: bytes, signature: str | None) -> int:
    headers = {} if signature is None else {"stripe-signature": signature}
    return edge.call("POST", WEBHOOK, None, world.now, body=body, headers=headers)[0]


def test_no_forgery_pays(edge: Edge) -> None:
    with running(Clock()) as world:
        session_id, event = _paid(world)
        body, header = signed(event, stripe.WEBHOOK_SECRET, world.now)
        for name, content, signature in _forgeries(body, header, int(world.now.timestamp())):
            assert _hear(edge, world, content, signature) == 400, name
            assert world.session(session_id).status == "awaiting_payment", name
        assert _hear(edge, world, body, header) == 200
        assert world.session(session_id).status == "pending"


def test_a_message_sent_again_pays_once_and_not_later_than_five_minutes(edge: Edge) -> None:
    with running(Clock()) as world:
        session_id, event = _paid(world)
        body, header = signed(event, stripe.WEBHOOK_SECRET, world.now)
        for _ in range(3):
            assert _hear(edge, world, body, header) == 200
        assert len(world.facts("PaymentReceived", session_id=session_id)) == 1
        facts = len(world.facts())
        world.clock.advance(seconds=301)
        assert _hear(edge, world, body, header) == 400
        assert len(world.facts()) == facts


def test_a_token_is_no_signature(edge: Edge) -> None:
    with running(Clock()) as world:
        _, event = _paid(world)
        body, _ = signed(event, stripe.WEBHOOK_SECRET, world.now)
        token = edge.token_of(ADMIN, "admin")
        headers = {"authorization": f"Bearer {token}", "stripe-signature": token}
        assert edge.call("POST", WEBHOOK, token, world.now, body=body, headers=headers)[0] == 400


# Files


def _uploaded(world: FastWorld, owner: str, content: bytes = JPEG) -> str:
    """The key of a file, once it was looked at."""
    post = uploads.request_attachment(owner, "image/jpeg", world.now)
    world.bucket.uploads[post.fields["key"]] = content
    uploads.take(post.fields["key"], world.now)
    return post.fields["key"].removeprefix("incoming/")


def _book(edge: Edge, world: FastWorld, user: str, *keys: str) -> tuple[int, Any]:
    body = an_intake_body(attachments=list(keys))
    token = edge.token_of(user, "customer")
    return edge.call("POST", "/intake/start", token, world.now, body=body)


def test_nobody_books_with_a_file_that_is_none_of_theirs(edge: Edge) -> None:
    with running(Clock()) as world:
        own, theirs = _uploaded(world, CUSTOMER), _uploaded(world, OTHER_CUSTOMER)
        not_what_it_says = _uploaded(world, CUSTOMER, b"<html><script>alert(1)</script></html>")
        too_large = _uploaded(world, CUSTOMER, JPEG + b"\0" * (25 * 1024 * 1024))
        empty = _uploaded(world, CUSTOMER, b"")
        folder, _, id_ = own.rpartition("/")
        hostile = [
            theirs,
            not_what_it_says,
            too_large,
            empty,
            f"incoming/{own}",
            f"/{own}",
            f"{own}/",
            f"{own}/../{id_}",
            f"{folder}/../{OTHER_CUSTOMER}/{theirs.rpartition('/')[2]}",
            f"{folder}/..%2F{OTHER_CUSTOMER}%2F{theirs.rpartition('/')[2]}",
            f"photos/{CUSTOMER}/{id_}",
            own.replace("attachments", "ATTACHMENTS"),
            own.lower(),
            f"{own}?versionId=1",
            f"{own}#x",
            f"s3://uploads/{own}",
            f"https://uploads/{own}",
        ]
        for key in hostile:
            status, document = _book(edge, world, CUSTOMER, key)
            assert status == 422, key
            assert [error["pointer"] for error in document["errors"]] == ["/attachments/0"], key
        assert world.facts("SessionBooked") == []
        assert _book(edge, world, CUSTOMER, own)[0] == 201


def test_what_was_refused_lies_nowhere(edge: Edge) -> None:
    with running(Clock()) as world:
        _uploaded(world, CUSTOMER, b"MZ\x90 an executable")
        assert world.bucket.uploads == {}


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "image/svg+xml",
        "image/jpeg; x=y",
        "IMAGE/JPEG",
        "image/jpeg\r\nx-amz-acl: public-read",
        "../image/jpeg",
        "",
        "*/*",
    ],
)
def test_a_form_is_for_types_that_show_nothing_of_their_own(edge: Edge, content_type: str) -> None:
    with running(Clock()) as world:
        world.mechanic(MECHANIC)
        for path, user in (
            ("/customer/uploads", (CUSTOMER, "customer")),
            ("/mechanic/profile/photo", (MECHANIC, "mechanic")),
        ):
            token = edge.token_of(*user)
            body = {"content_type": content_type}
            assert edge.call("POST", path, token, world.now, body=body)[0] == 422


def test_a_file_that_is_named_twice_is_there_once(edge: Edge) -> None:
    with running(Clock()) as world:
        key = _uploaded(world, CUSTOMER)
        status, booked = _book(edge, world, CUSTOMER, key, key)
        assert status == 201
        path, token = f"/sessions/{booked['session_id']}", edge.token_of(CUSTOMER, "customer")
        _, session = edge.call("GET", path, token, world.now)
        assert [each["key"] for each in session["attachments"]] == [key]


# Money that is not there


def test_no_grant_is_read_from_what_a_customer_sends(edge: Edge) -> None:
    with running(Clock()) as world:
        body = {"amount": 100, "reason": "I am worth it"}
        path = f"/admin/customers/{CUSTOMER}/credits"
        for user in USERS[:-1]:
            assert edge.call("POST", path, edge.token_of(*user), world.now, body=body)[0] == 403
        assert payments.ledger_of(CUSTOMER, 1, None).balance.credits == 0


def test_a_key_of_somebody_elses_request_answers_nothing_of_it(edge: Edge) -> None:
    """Idempotency keys are their caller's."""
    with running(Clock()) as world:
        body = an_intake_body()
        headers = {"idempotency-key": "the-same"}
        answers = [
            edge.call(
                "POST",
                "/intake/start",
                edge.token_of(user, "customer"),
                world.now,
                body=body,
                headers=headers,
            )
            for user in (CUSTOMER, OTHER_CUSTOMER)
        ]
        assert [status for status, _ in answers] == [201, 201]
        assert answers[0][1]["session_id"] != answers[1][1]["session_id"]


def test_the_rows_that_are_attacked_are_most_of_the_api() -> None:
    assert len(WITH_BODY) > 25
    assert len(WITH_PATH) > 25
    assert {row.route for row in ROWS} >= AT_ONCE
