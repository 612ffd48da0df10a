"""Credits and payments: lines of the ledger, a payment's moves, what Stripe's events mean."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from dispatch.core.errors import IllegalMove, Invalid
from dispatch.payments import rules
from dispatch.payments.model import (
    Balance,
    EntryKind,
    NotReturned,
    Paid,
    Payment,
    PaymentMove,
    PaymentStatus,
    RefundReason,
    Returned,
)
from tests.builders import CUSTOMER, SESSION
from tests.clock import NOON

PAID = Paid(SESSION, "pi_1", 2999, "cad")


def a_payment(status: PaymentStatus = PaymentStatus.PAID, **fields: Any) -> Payment:
    """Of 2999 cents, with what it has come through; what is due is 1500 of them."""
    come_through: dict[PaymentStatus, dict[str, Any]] = {
        PaymentStatus.REFUND_DUE: {"due_cents": 1500, "due_at": NOON + rules.LOOKED_AFTER},
        PaymentStatus.REFUNDED: {"due_cents": 1500, "returned_cents": 1500},
        PaymentStatus.REFUND_FAILED: {"due_cents": 1500},
        PaymentStatus.RETURNED_EARLY: {"amount_cents": 0, "currency": "", "returned_cents": 500},
    }
    payment = replace(rules.receive(PAID, CUSTOMER, NOON), status=status)
    return replace(payment, **{**come_through.get(status, {}), **fields})


# Credits


def test_an_entry_follows_the_last_and_tells_the_balance_after_it() -> None:
    entry = rules.entry(
        Balance(CUSTOMER, 30, 4),
        EntryKind.BOOKING,
        -25,
        entry_id="e",
        now=NOON,
        session_id=SESSION,
    )
    assert (entry.number, entry.amount, entry.balance) == (5, -25, 5)
    assert (entry.customer_id, entry.session_id, entry.at) == (CUSTOMER, SESSION, NOON)


def test_what_a_session_takes_and_gives_back_is_entered_under_its_id_once_each() -> None:
    ids = {rules.entry_id(SESSION, kind) for kind in (EntryKind.BOOKING, EntryKind.REFUND)}
    assert ids == {f"{SESSION}-booking", f"{SESSION}-refund"}


def test_too_few_credits_are_told_with_what_is_missing() -> None:
    assert rules.too_few(15, 25).members == {
        "reason": "insufficient_credits",
        "balance": 15,
        "missing": 10,
    }


# The machine of a payment

TABLE = {
    ("paid", "owe"): "refund_due",
    ("paid", "return a part of"): "paid",
    ("paid", "return"): "refunded",
    ("refund_due", "return a part of"): "refund_due",
    ("refund_due", "return"): "refunded",
    ("refund_due", "fail to return"): "refund_failed",
    ("refunded", "return"): "refunded",
    ("refunded", "fail to return"): "refund_failed",
    ("refund_failed", "return a part of"): "refund_failed",
    ("refund_failed", "return"): "refunded",
    ("returned_early", "return"): "returned_early",
    ("returned_early", "reject"): "refund_due",
}
FIRST = {
    (None, "receive"): "paid",
    (None, "reject"): "refund_due",
    (None, "return"): "returned_early",
}


def _reject(payment: Payment) -> Payment:
    return rules.reject(PAID, CUSTOMER, payment, RefundReason.LATE, NOON)


MOVES: dict[str, Callable[[Payment], Payment]] = {
    "owe": lambda payment: rules.owe(payment, 1500, NOON),
    "return a part of": lambda payment: rules.returned(
        replace(payment, returned_cents=0, due_cents=payment.due_cents or 2999), 100
    ),
    "return": lambda payment: rules.returned(payment, 2999),
    "fail to return": lambda payment: rules.fail(payment, 1500),
    "reject": _reject,
}


def test_the_machine_is_this() -> None:
    assert rules.TRANSITIONS == TABLE | FIRST
    assert {*MOVES, "receive"} == set(PaymentMove)


@pytest.mark.parametrize(("status", "move"), list(product(PaymentStatus, MOVES)))
def test_every_move_from_every_status(status: PaymentStatus, move: str) -> None:
    payment = a_payment(status)
    target = TABLE.get((status, move))
    if status is PaymentStatus.RETURNED_EARLY and move == "return a part of":
        target = "returned_early"  # all of it that is known
    if target is None:
        with pytest.raises(IllegalMove):
            MOVES[move](payment)
    else:
        moved = MOVES[move](payment)
        assert moved.status == target
        assert moved.version == payment.version + 1


def test_what_counts_is_paid() -> None:
    payment = rules.receive(PAID, CUSTOMER, NOON)
    assert (payment.status, payment.amount_cents, payment.due_cents) == ("paid", 2999, 0)
    assert payment.due_at is None


def test_of_what_does_not_count_all_is_due() -> None:
    payment = rules.reject(PAID, CUSTOMER, None, RefundReason.SECOND, NOON)
    assert (payment.status, payment.due_cents, payment.reason) == ("refund_due", 2999, "second")
    assert payment.due_at == NOON + rules.LOOKED_AFTER


@pytest.mark.parametrize(("returned", "status"), [(500, "refund_due"), (2999, "refunded")])
def test_what_was_given_back_before_it_was_told_of_is_not_given_back_again(
    returned: int, status: str
) -> None:
    early = a_payment(PaymentStatus.RETURNED_EARLY, returned_cents=returned)
    payment = rules.reject(PAID, CUSTOMER, early, RefundReason.RETURNED_EARLY, NOON)
    assert (payment.status, payment.due_cents, payment.amount_cents) == (status, 2999, 2999)
    assert (payment.due_at is not None) is (status == "refund_due")


@pytest.mark.parametrize(
    ("by_hand", "due", "status"),
    [(0, 1500, "refund_due"), (1499, 1500, "refund_due"), (1500, 1500, "refunded")],
)
def test_a_session_that_is_off_owes_what_was_not_given_back_by_hand(
    by_hand: int, due: int, status: str
) -> None:
    owed = rules.owe(a_payment(returned_cents=by_hand), due, NOON)
    assert (owed.status, owed.due_cents, owed.reason) == (status, due, "called_off")


@pytest.mark.parametrize(
    ("returned", "status"), [(1499, "refund_due"), (1500, "refunded"), (2999, "refunded")]
)
def test_a_refund_is_made_when_all_that_is_due_is_back(returned: int, status: str) -> None:
    after = rules.returned(a_payment(PaymentStatus.REFUND_DUE), returned)
    assert (after.status, after.returned_cents) == (status, returned)
    assert (after.due_at is None) is (status == "refunded")


@pytest.mark.parametrize("returned", [0, 1499, 1500])
def test_older_news_changes_nothing(returned: int) -> None:
    refunded = a_payment(PaymentStatus.REFUNDED)
    assert rules.returned(refunded, returned) is refunded


def test_what_a_bank_did_not_take_is_not_back() -> None:
    failed = rules.fail(a_payment(PaymentStatus.REFUNDED), 1500)
    assert (failed.status, failed.returned_cents, failed.due_at) == ("refund_failed", 0, None)
    again = rules.returned(failed, 1500)
    assert (again.status, again.returned_cents) == ("refunded", 1500)


def test_it_is_looked_at_again_an_hour_later() -> None:
    later = NOON + timedelta(minutes=20)
    again = rules.ask_again(a_payment(PaymentStatus.REFUND_DUE), later)
    assert again.due_at == later + rules.ASKED_AGAIN_AFTER
    assert again.version == 2


@pytest.mark.parametrize(
    ("payment", "arrived"),
    [
        (None, False),
        (a_payment(PaymentStatus.RETURNED_EARLY), False),
        (a_payment(), True),
        (a_payment(PaymentStatus.REFUNDED), True),
    ],
)
def test_what_was_told_before_has_arrived(payment: Payment | None, arrived: bool) -> None:
    assert rules.has_arrived(payment) is arrived


# Events


def an_event(type_: str, **thing: Any) -> dict[str, Any]:
    metadata = {"metadata": {rules.SESSION_KEY: SESSION}}
    return {"id": "evt_1", "type": type_, "data": {"object": metadata | thing}}


CHECKOUT = {
    "payment_status": "paid",
    "payment_intent": "pi_1",
    "amount_total": 2999,
    "currency": "CAD",
}
CHARGE = {"payment_intent": "pi_1", "amount_refunded": 500}
REFUND = {"payment_intent": "pi_1", "amount": 500}


@pytest.mark.parametrize(
    ("event", "news"),
    [
        (an_event("checkout.session.completed", **CHECKOUT), PAID),
        (an_event("checkout.session.async_payment_succeeded", **CHECKOUT), PAID),
        (an_event("checkout.session.completed", **CHECKOUT | {"payment_status": "unpaid"}), None),
        (an_event("charge.refunded", **CHARGE), Returned(SESSION, "pi_1", 500)),
        (an_event("refund.failed", **REFUND), NotReturned(SESSION, "pi_1", 500)),
        (an_event("payment_intent.succeeded"), None),
        (an_event("a.type.of.tomorrow", anything=1), None),
        (an_event("checkout.session.completed", **CHECKOUT, metadata={}), None),
        (an_event("checkout.session.completed", **CHECKOUT, metadata=None), None),
        (an_event("checkout.session.completed", **CHECKOUT, metadata=["x"]), None),
        (an_event("charge.refunded", **CHARGE, metadata={rules.SESSION_KEY: "../x"}), None),
        (an_event("charge.refunded", **CHARGE, metadata={rules.SESSION_KEY: 7}), None),
    ],
)
def test_what_an_event_means(event: dict[str, Any], news: object) -> None:
    notice = rules.notice_of(event)
    assert (notice.event_id, notice.news) == ("evt_1", news)


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "text",
        {},
        {"id": "evt_1"},
        {"id": "", "type": "t", "data": {"object": {}}},
        {"id": 7, "type": "t", "data": {"object": {}}},
        {"id": "evt_1", "type": 7, "data": {"object": {}}},
        {"id": "evt_1", "type": "t"},
        {"id": "evt_1", "type": "t", "data": 7},
        {"id": "evt_1", "type": "t", "data": {"object": []}},
    ],
)
def test_what_is_no_event_is_refused(event: Any) -> None:
    with pytest.raises(Invalid):
        rules.notice_of(event)


@pytest.mark.parametrize(
    ("type_", "thing", "name"),
    [
        *(("checkout.session.completed", CHECKOUT, name) for name in CHECKOUT),
        *(("charge.refunded", CHARGE, name) for name in CHARGE),
        *(("refund.failed", REFUND, name) for name in REFUND),
    ],
)
def test_an_event_without_what_we_read_is_refused_by_name(
    type_: str, thing: dict[str, Any], name: str
) -> None:
    for wrong in (None, "" if isinstance(thing[name], str) else "500", True, -1, {"id": "pi_1"}):
        with pytest.raises(Invalid) as refused:
            rules.notice_of(an_event(type_, **thing | {name: wrong}))
        (error,) = refused.value.members["errors"]
        assert error["pointer"] == f"/data/object/{name}"
    with pytest.raises(Invalid):
        rules.notice_of(an_event(type_, **{k: v for k, v in thing.items() if k != name}))
