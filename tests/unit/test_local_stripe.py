"""The stand-in for Stripe keeps to Stripe's rules where money depends on them."""

from typing import Any
from urllib.parse import urlencode

import pytest
from stripe import SignatureVerificationError, WebhookSignature

from local.plain_http import Request
from local.stripe import PREFIX, StandIn, StripeError, hook, parameters, served, signed
from tests.clock import NOON, Clock

HEADERS = {"Authorization": "Bearer sk_test_x"}
OPEN_FOR_S = 3600


@pytest.fixture
def account() -> StandIn:
    return StandIn(Clock())


def form(**changes: Any) -> str:
    wanted = {
        "expires_at": int(NOON.timestamp()) + OPEN_FOR_S,
        "line_items[0][quantity]": 1,
        "line_items[0][price_data][unit_amount]": 2999,
        "line_items[0][price_data][currency]": "cad",
        "metadata[session]": "s-1",
        "payment_intent_data[metadata][session]": "s-1",
        "client_reference_id": "s-1",
        "success_url": "https://app.test/done",
        "cancel_url": "https://app.test/later",
    }
    return urlencode(wanted | changes)


def make(account: StandIn, key: str | None = None, **changes: Any) -> tuple[int, Any]:
    headers = HEADERS | ({"Idempotency-Key": key} if key else {})
    return account.answer("POST", "/v1/checkout/sessions", form(**changes), headers)


def refund(account: StandIn, amount: int, key: str | None = None) -> tuple[int, Any]:
    headers = HEADERS | ({"Idempotency-Key": key} if key else {})
    body = urlencode({"payment_intent": "pi_000001", "amount": amount})
    return account.answer("POST", "/v1/refunds", body, headers)


def test_a_form_is_read_as_nested() -> None:
    assert parameters("a[b][0][c]=1&d=x%20y&e=") == {
        "a": {"b": {"0": {"c": "1"}}},
        "d": "x y",
        "e": "",
    }


def test_a_page_is_paid_once_and_only_while_it_is_open(account: StandIn) -> None:
    status, page = make(account)
    assert (status, page["status"], page["amount_total"]) == (200, "open", 2999)
    event = account.pay(page["id"])
    assert event["type"] == "checkout.session.completed"
    assert event["data"]["object"]["payment_intent"] == "pi_000001"
    with pytest.raises(StripeError):
        account.pay(page["id"])
    _, late = make(account)
    account.now = Clock(NOON.replace(hour=13))
    with pytest.raises(StripeError):
        account.pay(late["id"])
    with pytest.raises(StripeError):
        account.pay("cs_of_nobody")


@pytest.mark.parametrize(
    ("lasts_s", "status"), [(1799, 400), (1800, 200), (86400, 200), (86401, 400)]
)
def test_a_page_is_open_for_half_an_hour_to_a_day(
    account: StandIn, lasts_s: int, status: int
) -> None:
    assert make(account, expires_at=int(NOON.timestamp()) + lasts_s)[0] == status


@pytest.mark.parametrize(("cents", "status"), [(49, 400), (50, 200)])
def test_a_page_is_for_fifty_cents_at_least(account: StandIn, cents: int, status: int) -> None:
    price: dict[str, Any] = {"line_items[0][price_data][unit_amount]": cents}
    assert make(account, **price)[0] == status


def test_what_is_written_on_a_page_is_not_on_its_payment(account: StandIn) -> None:
    marks = {"metadata[session]": "page", "payment_intent_data[metadata][session]": "payment"}
    page = account.pay(make(account, **marks)[1]["id"])
    charge = account.give_back("pi_000001", 1)
    assert page["data"]["object"]["metadata"] == {"session": "page"}
    assert charge["data"]["object"]["metadata"] == {"session": "payment"}


def test_a_list_is_of_ten_unless_more_are_asked_for(account: StandIn) -> None:
    account.pay(make(account)[1]["id"])
    for _ in range(11):
        account.give_back("pi_000001", 1)
    path = "/v1/refunds?payment_intent=pi_000001"
    for query, told, has_more in (("", 10, True), ("&limit=11", 11, False)):
        _, listed = account.answer("GET", path + query, "", HEADERS)
        assert (len(listed["data"]), listed["has_more"]) == (told, has_more)


def test_a_key_repeats_the_first_answer_and_takes_no_other_parameters(account: StandIn) -> None:
    first = make(account, "k")
    assert make(account, "k") == first
    assert len(account.checkouts) == 1
    status, problem = make(account, "k", success_url="https://elsewhere.test")
    assert (status, problem["error"]["type"]) == (400, "idempotency_error")


def test_nobody_gets_back_more_than_was_taken(account: StandIn) -> None:
    account.pay(make(account)[1]["id"])
    assert refund(account, 3000)[0] == 400
    assert refund(account, 1000, "k")[0] == 200
    assert refund(account, 1000, "k")[1]["id"] == "re_000001"
    assert refund(account, 2000)[0] == 400
    assert refund(account, 1999)[0] == 200
    assert refund(account, 1)[1]["error"]["code"] == "charge_already_refunded"
    assert account.returned("pi_000001") == 2999
    assert account.taken("s-1") == 0
    _, listed = account.answer("GET", "/v1/refunds?payment_intent=pi_000001", "", HEADERS)
    assert [each["amount"] for each in listed["data"]] == [1999, 1000]
    back = [e["data"]["object"] for e in account.events if e["type"] == "charge.refunded"]
    assert [charge["amount_refunded"] for charge in back] == [1000, 2999]


def test_a_refund_that_failed_gave_nothing_back(account: StandIn) -> None:
    account.pay(make(account)[1]["id"])
    account.give_back("pi_000001")
    assert account.fail_refund("re_000001")["data"]["object"]["amount"] == 2999
    assert account.taken("s-1") == 2999


def test_what_is_down_does_nothing(account: StandIn) -> None:
    account.down = True
    assert make(account, "k")[0] == 503
    account.down = False
    assert make(account, "k")[0] == 200


def test_it_wants_a_key_and_knows_few_calls(account: StandIn) -> None:
    path = "/v1/checkout/sessions"
    assert account.answer("POST", path, form(), {})[0] == 401
    assert account.answer("POST", path, form(), {"Authorization": "Bearer pk_1"})[0] == 401
    assert account.answer("POST", "/v1/customers", "", HEADERS)[0] == 404
    assert refund(account, 1)[0] == 404


def test_the_same_calls_get_the_same_answers() -> None:
    def day() -> Any:
        account = StandIn(Clock())
        account.pay(make(account)[1]["id"])
        refund(account, 10)
        return account.told()

    assert day() == day()


def test_stripes_own_library_takes_its_signatures(account: StandIn) -> None:
    account.pay(make(account)[1]["id"])
    body, signature = signed(account.events[0], "whsec_x", NOON)
    assert WebhookSignature.verify_header(body, signature, "whsec_x")
    with pytest.raises(SignatureVerificationError):
        WebhookSignature.verify_header(body, signature, "whsec_y")


def request(method: str, path: str, body: bytes = b"") -> Request:
    headers = [("authorization", "Bearer sk_test_x")]
    return Request(method, f"{PREFIX}{path}", headers, body)


def test_it_is_served_with_its_hooks(account: StandIn) -> None:
    status, page = served(account, request("POST", "/v1/checkout/sessions", form().encode()))
    assert status == 200
    asked = b'{"session_id": "s-1"}'
    status, event = served(account, request("POST", "/_hook/pay", asked))
    assert (status, event["data"]["object"]["id"]) == (200, page["id"])
    assert served(account, request("POST", "/_hook/pay", asked))[0] == 409
    path = "/v1/refunds?payment_intent=pi_000001"
    assert served(account, request("GET", path))[1]["data"] == []
    assert hook(account, "refund", {"payment_intent": "pi_000001", "amount": 5})
    assert hook(account, "fail", {"refund": "re_000001"})["type"] == "refund.failed"
    hook(account, "delivered", {"event_id": event["id"]})
    told = hook(account, "told", {})
    assert [each["delivered"] for each in told["events"] if each["id"] == event["id"]] == [1]
    assert event not in account.undelivered()
    assert hook(account, "down", {"down": True}) == {"down": True}
    for name, wrong in (
        ("pay", {"session_id": "s-2"}),
        ("fail", {"refund": "re_9"}),
        ("dance", {}),
    ):
        with pytest.raises(StripeError):
            hook(account, name, wrong)
