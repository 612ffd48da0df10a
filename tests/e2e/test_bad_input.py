"""Whatever is sent, the answer is the contract's: a problem document, never a 500.

Field by field the bodies are tested in tests/unit/test_intake_body.py; expired and forged tokens,
which a stack does not sign, in tests/unit/test_local_authorizer.py.
"""

import base64
import json
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local import processes
from tests.e2e.people import SIGNATURE, VIN, Person, Town, answer, pointers, refused

NO_SUCH_ID = "01K00000000000000000000S01"
CAR = {"year": 2019, "make": "Honda", "model": "Civic"}


def _send(person: Person, method: str, path: str, content: bytes, **headers: str) -> httpx.Response:
    """A body as it is, not made of JSON."""
    headers = {"content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return person.call(method, path, content=content, headers=headers)


# The booking, field by field

NEEDED = ["plan", "payment_method", "name", "email", "phone", "concern"]
LINES = [
    "plan",
    "name",
    "phone",
    "customer_country",
    "customer_state_province",
    "customer_city",
    "customer_postal_code",
]


@pytest.mark.parametrize("name", NEEDED)
def test_a_needed_field_is_missed(town: Town, name: str) -> None:
    body = town.intake()
    del body[name]
    assert pointers(town.customer().post("/intake/start", body)) == [f"/{name}"]


@pytest.mark.parametrize("value", [7, 1.5, True, [], {}, "", "   ", "x" * 201, "a\nb", "a\x00b"])
@pytest.mark.parametrize("name", LINES)
def test_a_line_is_a_short_text_that_is_not_empty(town: Town, name: str, value: Any) -> None:
    response = town.customer().post("/intake/start", town.intake(**{name: value}))
    assert f"/{name}" in pointers(response)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"plan": "gold"}, "/plan"),
        ({"plan": "FREE"}, "/plan"),
        ({"plan": "quick"}, "/payment_method"),
        ({"payment_method": "cash"}, "/payment_method"),
        ({"payment_method": 0}, "/payment_method"),
        ({"payment_method": "credits"}, "/payment_method"),
        ({"payment_method": "stripe"}, "/payment_method"),
        ({"email": "jo"}, "/email"),
        ({"email": "jo@localhost"}, "/email"),
        ({"email": f"{'j' * 400}@driver.example"}, "/email"),
        ({"email": None}, "/email"),
        ({"phone": "call me"}, "/phone"),
        ({"phone": "9" * 40}, "/phone"),
        ({"customer_country": "Atlantis"}, "/customer_country"),
        ({"customer_country": "XX"}, "/customer_country"),
        ({"customer_country": "🇨🇦"}, "/customer_country"),
        ({"concern": "too short"}, "/concern"),
        ({"concern": "x" * 10_001}, "/concern"),
        ({"concern": "tiny", "urgent": True}, "/concern"),
        ({"concern": 7}, "/concern"),
        ({"concern": None}, "/concern"),
        ({"urgent": "yes"}, "/urgent"),
        ({"urgent": 1}, "/urgent"),
        ({"urgent": None}, "/urgent"),
        ({"prefer_local_mechanic": "false"}, "/prefer_local_mechanic"),
        ({"request_type": "brand"}, "/request_type"),
        ({"request_type": None}, "/request_type"),
        ({"requested_brand": None}, "/requested_brand"),
        ({"requested_brand": ""}, "/requested_brand"),
        ({"request_type": "general"}, "/requested_brand"),
        ({"vehicle": "Honda"}, "/vehicle"),
        ({"vehicle": [CAR]}, "/vehicle"),
        ({"vehicle": CAR | {"year": 1899}}, "/vehicle/year"),
        ({"vehicle": CAR | {"year": "2019"}}, "/vehicle/year"),
        ({"vehicle": CAR | {"year": 10**30}}, "/vehicle/year"),
        ({"vehicle": CAR | {"make": ""}}, "/vehicle/make"),
        ({"vehicle": CAR | {"model": None}}, "/vehicle/model"),
        ({"vehicle": CAR | {"vin": VIN[1:]}}, "/vehicle/vin"),
        ({"vehicle": CAR | {"plate": "ABC 123"}}, "/vehicle/plate"),
        ({"vehicle_id": NO_SUCH_ID}, "/vehicle_id"),
        ({"preferred_mechanic_id": "somebody"}, "/preferred_mechanic_id"),
        ({"scheduled_start": "2027-07-01T12:00:00Z"}, "/scheduled_start"),
        ({"attachments": ["upload-1"]}, "/attachments/0"),
        ({"nmae": "Jo"}, "/nmae"),
        ({"": 1}, "/"),
        ({"a/b~c": 1}, "/a~1b~0c"),
    ],
    ids=str,
)
def test_a_wrong_field_is_pointed_at(town: Town, fields: dict[str, Any], where: str) -> None:
    assert pointers(town.customer().post("/intake/start", town.intake(**fields))) == [where]


def test_all_wrong_fields_are_told_at_once(town: Town) -> None:
    body = town.intake(name=7, email="jo", vehicle={"year": 1}, nmae="Jo")
    assert pointers(town.customer().post("/intake/start", body)) == [
        "/email",
        "/name",
        "/nmae",
        "/vehicle/make",
        "/vehicle/model",
        "/vehicle/year",
    ]


@pytest.mark.parametrize("name", ["plan", "name", "email", "customer_city", "concern"])
def test_a_lone_surrogate_is_no_text(town: Town, name: str) -> None:
    content = json.dumps(town.intake(**{name: "\ud83d rattles badly"})).encode()
    assert b"\\ud83d" in content
    assert pointers(_send(town.customer(), "POST", "/intake/start", content)) == [f"/{name}"]


@pytest.mark.parametrize(
    "concern",
    [
        "x" * 10,
        "x" * 10_000,
        "🚗💥🔧" * 3_000,
        "voyant moteur allumé\nralenti instable",
        "un\x00visible \x1b[31m characters",
        "  ‮ right to left, and a ﷽  ",
        "<script>alert(1)</script> {{7*7}} ${x} ' OR 1=1 --",
    ],
    ids=ascii,
)
def test_what_people_write_is_kept_as_it_is(town: Town, concern: str) -> None:
    customer = town.customer()
    session_id = town.book(customer, concern=concern)
    assert customer.session(session_id)["concern"] == concern.strip()


def test_names_and_places_are_anybodys(town: Town) -> None:
    customer = town.customer()
    session_id = town.book(customer, name="Þórdís 🧑‍🔧 O’Neil", customer_city="Reykjavík")
    assert customer.session(session_id)["city"] == "Reykjavík"


@pytest.mark.parametrize(
    "place",
    [
        {"customer_country": None},
        {"customer_country": None, "customer_city": "Nowhere", "customer_postal_code": "!"},
        {"customer_state_province": "Atlantis", "customer_postal_code": "x" * 200},
    ],
    ids=["none", "no country", "unknown province"],
)
def test_who_says_little_of_where_they_are_is_helped_too(town: Town, place: dict[str, Any]) -> None:
    mechanic, customer = town.mechanic(), town.customer()
    session_id = town.seek(customer, **place)
    assert answer(mechanic.accept(mechanic.offer(session_id)))["status"] == "waiting"


# Bodies of any call

BODIES = {
    "empty": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"text"',
    "a number": b"7",
    "half a document": b'{"plan":',
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"vehicle":' * 50_000 + b"1" + b"}" * 50_000,
    "an endless number": b'{"plan":' + b"9" * 10_000 + b"}",
    "not a number": b'{"plan": NaN, "year": Infinity, "vehicle": 1e999}',
    "no UTF-8": b'{"plan": "\xff\xfe"}',
    "a naked NUL": b'{"plan": "\x00"}',
    "every byte": bytes(range(256)),
    "a surrogate as a name": b'{"\\ud800": 1}',
}
MANY_FIELDS = {f"field-{n}": n for n in range(60_000)}
MEGABYTES = {
    "of text": b'{"concern": "' + b"x" * 1_000_000 + b'"}',
    "of fields": json.dumps(MANY_FIELDS).encode(),
    "of fields inside": json.dumps({"vehicle": MANY_FIELDS}).encode(),
    "of a list": json.dumps([MANY_FIELDS]).encode(),
}
CALLS_WITH_BODY = [
    ("POST", "/intake/start", "customer"),
    ("POST", f"/sessions/{NO_SUCH_ID}/waiver", "customer"),
    ("POST", "/customer/waitlist/join", "customer"),
    ("POST", f"/mechanic/assignments/{NO_SUCH_ID}/decline", "mechanic"),
    ("POST", f"/mechanic/assignments/{NO_SUCH_ID}/release", "mechanic"),
    ("POST", "/mechanic/clock", "mechanic"),
    ("PUT", "/devices/phone", "customer"),
]


@pytest.mark.parametrize("content", BODIES.values(), ids=BODIES)
def test_a_body_that_is_none_is_refused(town: Town, content: bytes) -> None:
    for method, path, group in CALLS_WITH_BODY:
        response = _send(town.person(group), method, path, content)
        assert all(pointer.startswith("/") or not pointer for pointer in pointers(response))


@pytest.mark.parametrize("content", MEGABYTES.values(), ids=MEGABYTES)
def test_a_megabyte_is_refused_in_few_words(town: Town, content: bytes) -> None:
    assert len(content) >= 1_000_000
    response = _send(town.customer(), "POST", "/intake/start", content)
    assert pointers(response)
    assert len(response.content) < 100_000


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "image/png", "what?", ""]
)
def test_a_body_of_another_type_is_refused(town: Town, content_type: str) -> None:
    content = json.dumps(town.intake()).encode()
    response = _send(town.customer(), "POST", "/intake/start", content, content_type=content_type)
    assert pointers(response) == [""]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(), part, max_size=4),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(call=st.sampled_from(CALLS_WITH_BODY), body=JSON)
def test_no_json_is_an_error_of_ours(town: Town, call: tuple[str, str, str], body: object) -> None:
    method, path, group = call
    refused(_send(town.person(group), method, path, json.dumps(body).encode()), 422)


@pytest.mark.parametrize(
    ("move", "body", "where"),
    [
        ("waiver", {"full_name": "Jo", "accepted": False}, ["/accepted"]),
        ("waiver", {"full_name": "Jo", "accepted": "true"}, ["/accepted"]),
        ("waiver", {"full_name": " ", "accepted": True}, ["/full_name"]),
        ("waiver", SIGNATURE | {"agreed": True}, ["/agreed"]),
        ("cancel", {"reason": ""}, ["/reason"]),
        ("cancel", {"reason": "x" * 201}, ["/reason"]),
        ("cancel", {"raeson": "x"}, ["/raeson"]),
        ("cancel", [], [""]),
    ],
)
def test_a_wrong_move_of_the_customer_is_pointed_at(
    town: Town, move: str, body: Any, where: list[str]
) -> None:
    customer = town.customer()
    session_id = town.book(customer)
    assert pointers(customer.act(session_id, move, body)) == where
    assert customer.session(session_id)["status"] == "awaiting_waiver"


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/mechanic/clock", {"action": "lunch"}, ["/action"]),
        ("/mechanic/clock", {"action": "clock_in", "notes": "x" * 201}, ["/notes"]),
        ("/mechanic/clock", {"action": "clock_in", "location": 7}, ["/location"]),
        (
            "/mechanic/clock",
            {"action": "clock_in", "finish_then_clock_out": True},
            ["/finish_then_clock_out"],
        ),
        (f"/mechanic/assignments/{NO_SUCH_ID}/decline", {"reason": "bored"}, ["/reason"]),
        (f"/mechanic/assignments/{NO_SUCH_ID}/release", {"reason": ""}, ["/reason"]),
    ],
)
def test_a_wrong_move_of_the_mechanic_is_pointed_at(
    town: Town, path: str, body: Any, where: list[str]
) -> None:
    assert pointers(town.person("mechanic").post(path, body)) == where


# Ids

BAD_IDS = [
    "x",
    NO_SUCH_ID,
    NO_SUCH_ID.lower(),
    NO_SUCH_ID[:-1],
    NO_SUCH_ID + "1",
    "8" + NO_SUCH_ID[1:],
    "x" * 3_000,
    "%23",
    "META%23x",
    "%00",
    "%20",
    "a%0Ab",
    "%F0%9F%9A%97",
    "%FF",
    "%25",
    "..%5C..",
]


@pytest.mark.parametrize("bad_id", BAD_IDS, ids=lambda text: text[:30])
def test_what_does_not_exist_is_not_found(town: Town, bad_id: str) -> None:
    customer, mechanic = town.customer(), town.mechanic()
    for who in (customer, mechanic):
        refused(who.get(f"/sessions/{bad_id}"), 404)
        refused(who.get(f"/sessions/{bad_id}/events"), 404)
        refused(who.act(bad_id, "join"), 404)
        refused(who.act(bad_id, "end"), 404)
        refused(who.get(f"/mechanics/{bad_id}"), 404)
    refused(customer.act(bad_id, "waiver", SIGNATURE), 404)
    refused(customer.act(bad_id, "cancel"), 404)
    for move in (mechanic.accept, mechanic.decline, mechanic.release):
        refused(move({"id": bad_id}), 404)


@pytest.mark.parametrize("bad_id", ["a%2Fb", "a/b", "..%2F..%2Fplans", "a%252Fb", "%252F"])
def test_a_slash_in_an_id_leads_nowhere(town: Town, bad_id: str) -> None:
    """The gateway's own 404, or, where the slash was hidden from it, ours."""
    for path in (f"/sessions/{bad_id}", f"/mechanics/{bad_id}"):
        response = town.customer().get(path)
        assert response.status_code == 404, response.text
        if response.json() != {"message": "Not Found"}:
            refused(response, 404)


def test_an_unapproved_mechanic_is_seen_by_nobody_else(town: Town) -> None:
    mechanic = town.mechanic(status="pending", currently_on_shift=False)
    refused(town.customer().get(f"/mechanics/{mechanic.id}"), 404)
    assert answer(mechanic.get(f"/mechanics/{mechanic.id}"))["presence_status"] == "offline"


# Lists


def _cursor(position: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


LISTS = [
    ("customer", "/sessions"),
    ("mechanic", "/sessions"),
    ("mechanic", "/mechanic/shifts"),
]


@pytest.mark.parametrize("limit", ["0", "-1", "101", "abc", "", "1.5", "1e1", "9" * 30, "%00"])
def test_a_limit_is_from_1_to_100(town: Town, limit: str) -> None:
    for group, path in LISTS:
        assert pointers(town.person(group).get(f"{path}?limit={limit}")) == ["/limit"]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%00",
        "%FF",
        "bnVsbA",
        "A" * 1_001,
        _cursor([]),
        _cursor({}),
        _cursor({"sk": "META"}),
        _cursor({"sk": "DISPATCH"}),
        _cursor({"sk": 7}),
        _cursor({"sk": "x", "pk": "x", "at": "x"}),
        _cursor({"sk": "\ud800"}),
        base64.urlsafe_b64encode(b"[" * 700).decode(),
    ],
    ids=lambda text: text[:30] or "empty",
)
def test_a_cursor_is_one_that_was_handed_out(town: Town, cursor: str) -> None:
    customer = town.customer()
    timeline = (customer, f"/sessions/{town.book(customer)}/events")
    for who, path in [*((town.person(group), path) for group, path in LISTS), timeline]:
        assert pointers(who.get(f"{path}?cursor={cursor}")) == ["/cursor"]


def test_a_cursor_of_somebody_else_shows_nothing_of_theirs(town: Town) -> None:
    first, second = town.customer(), town.customer()
    answer(first.act(town.book(first), "cancel"))
    town.book(first)
    cursor = answer(first.get("/sessions?limit=1"))["next_cursor"]
    assert answer(second.get(f"/sessions?cursor={cursor}"))["items"] == []


# ETags


def _etag(person: Person, path: str) -> str:
    response = person.get(path)
    assert answer(response)["poll_after_s"] > 0
    return response.headers["etag"]


@pytest.mark.parametrize("form", ["{}", "W/{}", "*", '"other", {}', '"other",W/{} , "third"'])
@pytest.mark.parametrize("kind", ["session", "queue"])
def test_what_the_caller_has_is_not_sent_again(town: Town, kind: str, form: str) -> None:
    who = town.customer() if kind == "session" else town.mechanic()
    path = f"/sessions/{town.book(who)}" if kind == "session" else "/mechanic/queue"
    etag = _etag(who, path)
    response = who.get(path, headers={"if-none-match": form.format(etag)})
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == etag


@pytest.mark.parametrize("seen", ['"other"', "", ",", "W/", '"', "x" * 5_000, "é"])
def test_an_etag_that_is_not_ours_gets_the_view(town: Town, seen: str) -> None:
    response = town.mechanic().get("/mechanic/queue", headers={"if-none-match": seen.encode()})
    assert answer(response)["total"] == 0


def test_an_etag_is_blind_to_the_seconds_left_and_sees_all_else(town: Town) -> None:
    mechanic, customer = town.mechanic(), town.customer()
    session_id = town.seek(customer)
    etag, left = _etag(mechanic, "/mechanic/queue"), mechanic.offer(session_id)["expires_in_s"]
    town.stack.advance(30)
    assert mechanic.offer(session_id)["expires_in_s"] < left
    assert mechanic.get("/mechanic/queue", headers={"if-none-match": etag}).status_code == 304
    seen = _etag(customer, f"/sessions/{session_id}")
    answer(mechanic.accept(mechanic.offer(session_id)))
    for who, path, old in (
        (mechanic, "/mechanic/queue", etag),
        (customer, f"/sessions/{session_id}", seen),
    ):
        response = who.get(path, headers={"if-none-match": old})
        assert (response.status_code, response.headers["etag"] != old) == (200, True)


# Idempotency keys


@pytest.mark.parametrize("key", ["", "x" * 65, "with space", "schlüssel", "a\tb"])
def test_a_key_is_1_to_64_visible_characters(town: Town, key: str) -> None:
    customer = town.customer()
    headers = {"idempotency-key": key.encode()}
    response = customer.post("/intake/start", town.intake(), headers=headers)
    assert pointers(response) == ["/Idempotency-Key"]
    assert answer(customer.get("/sessions"))["items"] == []


def test_the_longest_key_will_do(town: Town) -> None:
    answer(town.customer().post("/intake/start", town.intake(), key="~" * 64), 201)


# Who may call


def _guarded() -> list[tuple[str, str]]:
    """Every call of the API but the open ones."""
    document = json.loads((processes.ROOT / "docs" / "openapi.json").read_text())
    return [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, calls in document["paths"].items()
        for method, call in calls.items()
        if call["security"]
    ]


def _forged(token: str, **changes: Any) -> str:
    """The token with other claims, signed with a key of our own under the stack's key id."""
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, key, "RS256", jwt.get_unverified_header(token))


def _unsigned(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    header = {"kid": jwt.get_unverified_header(token)["kid"]}
    return jwt.encode(claims, "", "none", header)


def _tampered(token: str) -> str:
    """Another user's claims under the signature of the first."""
    header, _, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False}) | {"sub": "somebody else"}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{header}.{payload}.{signature}"


@pytest.mark.parametrize(
    "make",
    [
        lambda _: "nonsense",
        lambda token: token[:-8],
        lambda token: token + "A",
        _unsigned,
        _tampered,
        _forged,
        lambda token: _forged(token, iss="https://issuer.example"),
        lambda token: _forged(token, exp=0),
    ],
    ids=[
        "nonsense",
        "cut",
        "longer",
        "unsigned",
        "tampered",
        "forged",
        "foreign issuer",
        "expired",
    ],
)
def test_a_bad_token_gets_no_answer(town: Town, make: Any) -> None:
    token = make(town.customer().token)
    for method, path in _guarded():
        response = town.http.request(method, path, headers={"authorization": f"Bearer {token}"})
        assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})


def test_without_a_token_only_catalogues_are_open(town: Town) -> None:
    for method, path in _guarded():
        response = town.http.request(method, path)
        assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})
    for path in ("/plans", "/service-keywords", "/brands"):
        assert answer(town.http.get(path))["items"]


MECHANICS_ONLY = [
    ("GET", "/mechanic/queue"),
    ("GET", "/mechanic/clock"),
    ("POST", "/mechanic/clock"),
    ("GET", "/mechanic/shifts"),
    ("POST", f"/mechanic/assignments/{NO_SUCH_ID}/accept"),
    ("POST", f"/mechanic/assignments/{NO_SUCH_ID}/decline"),
    ("POST", f"/mechanic/assignments/{NO_SUCH_ID}/release"),
    ("POST", "/mechanic/time-off"),
    ("DELETE", f"/mechanic/time-off/{NO_SUCH_ID}"),
    ("GET", "/mechanic/bookings"),
]
ADMINS_ONLY = [
    ("GET", "/admin/mechanics"),
    ("POST", "/admin/mechanics/somebody/approve"),
    ("POST", "/admin/mechanics/somebody/suspend"),
    ("POST", "/admin/mechanics/somebody/reinstate"),
]
CUSTOMERS_ONLY = [
    ("POST", "/intake/start"),
    ("POST", f"/sessions/{NO_SUCH_ID}/waiver"),
    ("POST", f"/sessions/{NO_SUCH_ID}/reschedule"),
    ("POST", "/customer/waitlist/join"),
    ("GET", "/customer/waitlist"),
    ("DELETE", f"/customer/waitlist/{NO_SUCH_ID}"),
    ("GET", "/customer/profile"),
    ("PUT", "/customer/profile"),
    ("DELETE", "/customer/profile"),
    ("GET", "/customer/vehicles"),
    ("POST", "/customer/vehicles"),
    ("DELETE", f"/customer/vehicles/{NO_SUCH_ID}"),
    ("POST", "/customer/uploads"),
]


@pytest.mark.parametrize(
    ("group", "calls"),
    [
        ("customer", MECHANICS_ONLY),
        ("admin", MECHANICS_ONLY),
        ("mechanic", CUSTOMERS_ONLY),
        ("admin", CUSTOMERS_ONLY),
        ("customer", ADMINS_ONLY),
        ("mechanic", ADMINS_ONLY),
    ],
)
def test_a_call_is_for_its_group(town: Town, group: str, calls: list[tuple[str, str]]) -> None:
    person = town.person(group)
    for method, path in calls:
        refused(person.call(method, path, {} if method == "POST" else None), 403)
        refused(person.call(method, path, key="k"), 403)


def test_a_call_that_does_not_exist_is_the_gateways_404(town: Town) -> None:
    customer = town.customer()
    for method, path in [("GET", "/intake/start"), ("POST", "/sessions"), ("GET", "/sessions/")]:
        response = customer.call(method, path)
        assert (response.status_code, response.json()) == (404, {"message": "Not Found"})
