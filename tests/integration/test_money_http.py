"""The calls about money: what they take, answer and refuse; above all Stripe's webhook."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from dispatch.payments import service as payments
from dispatch.sessions import service as sessions
from dispatch.sessions.model import PaymentMethod, Session
from local.stripe import StandIn, signed
from tests.builders import CUSTOMER, an_http_event, an_intake_body
from tests.entry_points import load
from tests.fast import stripe
from tests.world import World, an_intake

CONTEXT = SimpleNamespace(aws_request_id="request-1")
WEBHOOK = "/payments/stripe/webhook"


class Answer:
    def __init__(self, raw: dict[str, Any]) -> None:
        self.status: int = raw["statusCode"]
        self.type: str = raw["headers"].get("content-type", "")
        self.body: Any = json.loads(raw["body"]) if raw.get("body") else None


@pytest.fixture(scope="module")
def handlers() -> dict[str, Any]:
    return {name: load(f"{name}/api").handler for name in ("payments", "intake")}


@pytest.fixture
def call(world: World, handlers: dict[str, Any]) -> Any:
    def send(function: str, method: str, path: str, body: Any = None, **event: Any) -> Answer:
        return Answer(handlers[function](an_http_event(method, path, body, **event), CONTEXT))

    return send


def owed(world: World) -> Session:
    intake = an_intake(plan="standard", payment_method=PaymentMethod.STRIPE)
    session = sessions.book_session(intake, CUSTOMER, world.now)
    return sessions.sign_waiver(session.id, CUSTOMER, "Jo Driver", world.now)


@pytest.fixture
def event(world: World, stripe_account: StandIn, call: Any) -> dict[str, Any]:
    """That a session was paid for."""
    session = owed(world)
    page = call("payments", "POST", f"/sessions/{session.id}/checkout")
    assert page.status == 200
    (checkout,) = stripe_account.checkouts
    assert page.body["checkout_url"] == stripe_account.checkouts[checkout]["url"]
    return stripe_account.pay(checkout)


def deliver(call: Any, body: bytes, signature: str | None, **event: Any) -> Answer:
    headers = {} if signature is None else {"stripe-signature": signature}
    answer: Answer = call("payments", "POST", WEBHOOK, body.decode(), headers=headers, **event)
    return answer


def status(event: dict[str, Any], world: World) -> str:
    return world.session(event["data"]["object"]["client_reference_id"]).status


def test_what_stripe_has_signed_is_believed(world: World, event: dict[str, Any], call: Any) -> None:
    answer = deliver(call, *signed(event, stripe.WEBHOOK_SECRET, world.now))
    assert (answer.status, answer.body) == (200, {"received": True})
    assert status(event, world) == "pending"
    assert deliver(call, *signed(event, stripe.WEBHOOK_SECRET, world.now)).status == 200


def test_the_signature_is_of_the_body_to_the_byte_in_base64_too(
    world: World, event: dict[str, Any], handlers: dict[str, Any]
) -> None:
    event["data"]["object"]["metadata"]["name"] = "Zoë 🚗"
    text = json.dumps(event, indent=4, ensure_ascii=False, sort_keys=True).encode() + b"\n"
    _, signature = signed(event, stripe.WEBHOOK_SECRET, world.now)
    seconds = signature.partition(",")[0].removeprefix("t=")
    digest = hmac.new(
        stripe.WEBHOOK_SECRET.encode(), f"{seconds}.".encode() + text, hashlib.sha256
    ).hexdigest()
    raw = an_http_event(
        "POST",
        WEBHOOK,
        base64.b64encode(text).decode(),
        headers={"stripe-signature": f"t={seconds},v0=ab,v1={'0' * 64},v1={digest}"},
    )
    raw["isBase64Encoded"] = True
    del raw["requestContext"]["authorizer"]
    assert handlers["payments"](raw, CONTEXT)["statusCode"] == 200
    assert status(event, world) == "pending"


@pytest.mark.parametrize("off", [-301, 301, -86_400])
def test_what_was_signed_too_long_ago_is_not_believed(
    world: World, event: dict[str, Any], call: Any, off: int
) -> None:
    signature = signed(event, stripe.WEBHOOK_SECRET, world.now + timedelta(seconds=off))
    answer = deliver(call, *signature)
    assert (answer.status, answer.type) == (400, "application/problem+json")
    assert answer.body["type"] == "/problems/bad-signature"
    assert status(event, world) == "awaiting_payment"


@pytest.mark.parametrize("off", [-300, 300])
def test_five_minutes_are_tolerated(
    world: World, event: dict[str, Any], call: Any, off: int
) -> None:
    signature = signed(event, stripe.WEBHOOK_SECRET, world.now + timedelta(seconds=off))
    assert deliver(call, *signature).status == 200


def test_time_is_that_of_the_functions_not_of_the_machine(
    world: World, event: dict[str, Any], call: Any
) -> None:
    world.clock.advance(days=400)
    assert deliver(call, *signed(event, stripe.WEBHOOK_SECRET, world.now)).status == 200


def test_what_others_have_signed_is_not_believed(
    world: World, event: dict[str, Any], call: Any
) -> None:
    body, good = signed(event, stripe.WEBHOOK_SECRET, world.now)
    _, of_another = signed(event, "whsec_of_another", world.now)
    no_signature = good.partition(",")[0]
    nonsense = ("t=abc,v1=ab", "v1=ab", "nonsense", "t=1,v1=é")
    for signature in (None, "", of_another, no_signature, *nonsense):
        assert deliver(call, body, signature).status == 400, signature
    assert deliver(call, body + b" ", good).status == 400
    assert deliver(call, body.replace(b"2999", b"0999"), good).status == 400
    assert status(event, world) == "awaiting_payment"


def test_bytes_that_are_no_text_are_not_believed(
    world: World, stripe_account: StandIn, handlers: dict[str, Any]
) -> None:
    raw = an_http_event(
        "POST",
        WEBHOOK,
        base64.b64encode(b"\xff\xfe").decode(),
        headers={"stripe-signature": "t=1,v1=ab"},
    )
    raw["isBase64Encoded"] = True
    assert handlers["payments"](raw, CONTEXT)["statusCode"] == 400


def test_what_is_signed_and_no_event_is_refused(
    world: World, stripe_account: StandIn, call: Any
) -> None:
    answer = deliver(call, *signed({"id": "evt_1"}, stripe.WEBHOOK_SECRET, world.now))
    assert (answer.status, answer.type) == (422, "application/problem+json")


def test_a_payment_that_lacks_its_amount_is_refused_and_told_again(
    world: World, event: dict[str, Any], call: Any
) -> None:
    amount = event["data"]["object"].pop("amount_total")
    answer = deliver(call, *signed(event, stripe.WEBHOOK_SECRET, world.now))
    assert (answer.status, answer.type) == (422, "application/problem+json")
    assert [error["pointer"] for error in answer.body["errors"]] == ["/data/object/amount_total"]
    event["data"]["object"]["amount_total"] = amount
    assert deliver(call, *signed(event, stripe.WEBHOOK_SECRET, world.now)).status == 200
    assert status(event, world) == "pending"


@pytest.mark.parametrize("type_", ["payment_intent.succeeded", "customer.created", "v9.new"])
def test_events_of_other_types_are_taken(
    world: World, stripe_account: StandIn, call: Any, type_: str
) -> None:
    other = {"id": "evt_9", "object": "event", "type": type_, "data": {"object": {"id": "x"}}}
    assert deliver(call, *signed(other, stripe.WEBHOOK_SECRET, world.now)).status == 200


def test_a_payment_for_no_session_of_ours_is_taken(
    world: World, event: dict[str, Any], call: Any
) -> None:
    nobodys = {"dispatch_session_id": "01K00000000000000000000000"}
    event["data"]["object"]["metadata"] = nobodys
    assert deliver(call, *signed(event, stripe.WEBHOOK_SECRET, world.now)).status == 200
    assert world.facts("RefundDue") == []


def test_without_our_secret_stripe_is_to_send_it_again(
    world: World, stripe_account: StandIn, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET_NAME", "/not/there")
    other = {"id": "evt_9", "type": "t", "data": {"object": {}}}
    assert deliver(call, *signed(other, stripe.WEBHOOK_SECRET, world.now)).status == 503


# Checkout


def test_a_page_is_for_the_customer_of_a_session_that_awaits_payment(
    world: World, stripe_account: StandIn, call: Any
) -> None:
    session = owed(world)
    path = f"/sessions/{session.id}/checkout"
    page = call("payments", "POST", path)
    assert page.status == 200
    assert page.body["expires_at"] == "2026-07-01T12:30:00.000Z"
    assert call("payments", "POST", path).body == page.body
    assert call("payments", "POST", path, caller="stranger").status == 404
    assert call("payments", "POST", path, groups="[mechanic]").status == 403
    assert call("payments", "POST", path, {"amount": 1}).status == 422
    sessions.cancel_session(session.id, CUSTOMER, None, world.now)
    refused = call("payments", "POST", path)
    assert (refused.status, refused.body["reason"]) == (409, "illegal_move")


def test_while_stripe_is_down_the_customer_is_to_try_again(
    world: World, stripe_account: StandIn, call: Any
) -> None:
    session = owed(world)
    stripe_account.down = True
    answer = call("payments", "POST", f"/sessions/{session.id}/checkout")
    assert (answer.status, answer.type) == (503, "application/problem+json")
    assert "Try again" in answer.body["detail"]
    stripe_account.down = False
    assert call("payments", "POST", f"/sessions/{session.id}/checkout").status == 200


# Credits


def test_too_few_credits_are_a_problem_with_what_is_missing(world: World, call: Any) -> None:
    payments.adjust(CUSTOMER, 15, world.now)
    body = an_intake_body(plan="standard", payment_method="credits")
    answer = call("intake", "POST", "/intake/start", body)
    assert (answer.status, answer.type) == (402, "application/problem+json")
    assert answer.body | {"detail": ""} == {
        "type": "/problems/insufficient-credits",
        "title": "Too few credits",
        "status": 402,
        "detail": "",
        "reason": "insufficient_credits",
        "balance": 15,
        "missing": 10,
    }


def test_booking_says_what_it_costs(world: World, call: Any) -> None:
    body = an_intake_body(plan="standard", payment_method="stripe")
    answer = call("intake", "POST", "/intake/start", body)
    assert answer.status == 201
    assert (answer.body["price_cents"], answer.body["credits"]) == (2999, 25)


def test_nobody_has_credits_at_first(call: Any) -> None:
    answer = call("payments", "GET", "/customer/credits")
    assert answer.body == {"balance": 0, "items": [], "next_cursor": None}


def test_credits_are_listed_newest_first_and_one_customers_alone(world: World, call: Any) -> None:
    for amount in (10, 20, -5):
        payments.grant(CUSTOMER, amount, "why", "admin", world.now)
    payments.grant("another", 7, "why", "admin", world.now)
    page = call("payments", "GET", "/customer/credits", query="limit=2")
    assert page.body["balance"] == 25
    assert [item["amount"] for item in page.body["items"]] == [-5, 20]
    query = f"cursor={page.body['next_cursor']}"
    rest = call("payments", "GET", "/customer/credits", query=query)
    assert [item["balance"] for item in rest.body["items"]] == [10]
    assert rest.body["next_cursor"] is None
    assert "by" not in rest.body["items"][0], "which admin it was is none of the customer's"
    assert call("payments", "GET", "/customer/credits", groups="[mechanic]").status == 403


ADMIN = {"caller": "admin-1", "groups": "[admin]"}
GRANT = f"/admin/customers/{CUSTOMER}/credits"


def test_an_admin_grants_once_with_a_key(call: Any) -> None:
    body = {"amount": 25, "reason": "The video did not work"}
    headers = {"idempotency-key": "k-1"}
    first = call("payments", "POST", GRANT, body, headers=headers, **ADMIN)
    assert (first.status, first.body["balance"], first.body["kind"]) == (201, 25, "grant")
    again = call("payments", "POST", GRANT, body, headers=headers, **ADMIN)
    assert (again.status, again.body) == (201, first.body)
    other = call("payments", "POST", GRANT, body | {"amount": 5}, headers=headers, **ADMIN)
    assert (other.status, other.body["reason"]) == (409, "idempotency_mismatch")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"amount": 0, "reason": "why"}, "/amount"),
        ({"amount": 1.5, "reason": "why"}, "/amount"),
        ({"amount": "5", "reason": "why"}, "/amount"),
        ({"amount": True, "reason": "why"}, "/amount"),
        ({"amount": 1_000_001, "reason": "why"}, "/amount"),
        ({"amount": -1, "reason": "why"}, "/amount"),
        ({"amount": 5, "reason": ""}, "/reason"),
        ({"amount": 5, "reason": "two\nlines"}, "/reason"),
        ({"amount": 5}, "/reason"),
        ({"amount": 5, "reason": "why", "note": "x"}, "/note"),
    ],
)
def test_a_bad_grant_is_refused(call: Any, body: Any, where: str) -> None:
    answer = call("payments", "POST", GRANT, body, **ADMIN)
    assert answer.status == 422
    assert [error["pointer"] for error in answer.body["errors"]] == [where]


def test_only_admins_grant(call: Any) -> None:
    body = {"amount": 5, "reason": "why"}
    for groups in ("[customer]", "[mechanic]", "[customer mechanic]"):
        assert call("payments", "POST", GRANT, body, groups=groups).status == 403
