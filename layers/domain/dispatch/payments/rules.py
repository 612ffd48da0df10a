"""What may become of credits and payments. Pure: ``now`` and ids come in."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from dispatch.core.errors import IllegalMove, Invalid, TooFewCredits
from dispatch.core.ids import is_id
from dispatch.payments.model import (
    Balance,
    Entry,
    EntryKind,
    Notice,
    NotReturned,
    Paid,
    Payment,
    PaymentMove,
    PaymentStatus,
    RefundReason,
    Returned,
)

# Credits


def entry(
    balance: Balance,
    kind: EntryKind,
    amount: int,
    *,
    entry_id: str,
    now: datetime,
    session_id: str | None = None,
    reason: str | None = None,
    by: str | None = None,
) -> Entry:
    """The next line of a customer's ledger. Whether there is enough is not asked here."""
    return Entry(
        id=entry_id,
        customer_id=balance.customer_id,
        number=balance.entries + 1,
        kind=kind,
        amount=amount,
        balance=balance.credits + amount,
        at=now,
        session_id=session_id,
        reason=reason,
        by=by,
    )


def entry_id(session_id: str, kind: EntryKind) -> str:
    """Of what a session takes and gives back, each once."""
    return f"{session_id}-{kind}"


def too_few(there: int, needed: int) -> TooFewCredits:
    """The refusal, with what is missing."""
    return TooFewCredits(
        f"You have {there} credits; this takes {needed}. Choose another way to pay, or another "
        "plan.",
        balance=there,
        missing=needed - there,
    )


def below_zero(there: int) -> Invalid:
    """Nobody owes us credits."""
    return Invalid.field("/amount", f"takes more than there is; the balance is {there}")


# Payments

LOOKED_AFTER = timedelta(minutes=20)
"""A refund that was not made by then is lost: all tries of its message are over."""

ASKED_AGAIN_AFTER = timedelta(hours=1)
"""How often the sweeper has it tried again."""

TRANSITIONS = {
    (None, PaymentMove.RECEIVE): PaymentStatus.PAID,
    (None, PaymentMove.REJECT): PaymentStatus.REFUND_DUE,
    (None, PaymentMove.RETURN): PaymentStatus.RETURNED_EARLY,
    (PaymentStatus.RETURNED_EARLY, PaymentMove.RETURN): PaymentStatus.RETURNED_EARLY,
    (PaymentStatus.RETURNED_EARLY, PaymentMove.REJECT): PaymentStatus.REFUND_DUE,
    (PaymentStatus.PAID, PaymentMove.OWE): PaymentStatus.REFUND_DUE,
    (PaymentStatus.PAID, PaymentMove.RETURN_PART): PaymentStatus.PAID,
    (PaymentStatus.PAID, PaymentMove.RETURN): PaymentStatus.REFUNDED,
    (PaymentStatus.REFUND_DUE, PaymentMove.RETURN_PART): PaymentStatus.REFUND_DUE,
    (PaymentStatus.REFUND_DUE, PaymentMove.RETURN): PaymentStatus.REFUNDED,
    (PaymentStatus.REFUND_DUE, PaymentMove.FAIL): PaymentStatus.REFUND_FAILED,
    (PaymentStatus.REFUNDED, PaymentMove.RETURN): PaymentStatus.REFUNDED,
    (PaymentStatus.REFUNDED, PaymentMove.FAIL): PaymentStatus.REFUND_FAILED,
    (PaymentStatus.REFUND_FAILED, PaymentMove.RETURN_PART): PaymentStatus.REFUND_FAILED,
    (PaymentStatus.REFUND_FAILED, PaymentMove.RETURN): PaymentStatus.REFUNDED,
}


def _advance(payment: Payment, move: PaymentMove) -> Payment:
    target = TRANSITIONS.get((payment.status, move))
    if target is None:
        raise IllegalMove(move, payment.status)
    return replace(payment, status=target, version=payment.version + 1)


def receive(paid: Paid, customer_id: str, now: datetime) -> Payment:
    """It is what the session costs, and what the session waits for."""
    return _first(paid, customer_id, TRANSITIONS[None, PaymentMove.RECEIVE], now)


def reject(
    paid: Paid, customer_id: str, before: Payment | None, reason: RefundReason, now: datetime
) -> Payment:
    """It does not count: all of it is to be given back, what was given back before included."""
    if before is None:
        payment = _first(paid, customer_id, TRANSITIONS[None, PaymentMove.REJECT], now)
    else:
        payment = replace(
            _advance(before, PaymentMove.REJECT),
            amount_cents=paid.amount_cents,
            currency=paid.currency,
        )
    return _settled(replace(payment, due_cents=paid.amount_cents, reason=reason), now)


def _first(paid: Paid, customer_id: str, status: PaymentStatus, now: datetime) -> Payment:
    return Payment(
        id=paid.payment_id,
        session_id=paid.session_id,
        customer_id=customer_id,
        status=status,
        amount_cents=paid.amount_cents,
        currency=paid.currency,
        at=now,
    )


def owe(payment: Payment, due_cents: int, now: datetime) -> Payment:
    """The session it was paid for is off: so much is to be given back."""
    owed = replace(
        _advance(payment, PaymentMove.OWE), due_cents=due_cents, reason=RefundReason.CALLED_OFF
    )
    return _settled(owed, now)


def _settled(payment: Payment, now: datetime) -> Payment:
    """Of what is due nothing may be left to give back: somebody was quicker, by hand."""
    if payment.returned_cents < payment.due_cents:
        return replace(payment, due_at=now + LOOKED_AFTER)
    status = TRANSITIONS[payment.status, PaymentMove.RETURN]
    return replace(payment, status=status, due_at=None)


def may(payment: Payment, move: PaymentMove) -> bool:
    """Whether it can become of the payment."""
    return (payment.status, move) in TRANSITIONS


def returned(payment: Payment, returned_cents: int) -> Payment:
    """So much was given back by now, in all. Older news than what is known changes nothing."""
    if returned_cents <= payment.returned_cents:
        return payment
    due_cents = payment.due_cents or payment.amount_cents
    is_all = returned_cents >= due_cents or payment.status is PaymentStatus.RETURNED_EARLY
    moved = _advance(payment, PaymentMove.RETURN if is_all else PaymentMove.RETURN_PART)
    due_at = None if moved.status is not PaymentStatus.REFUND_DUE else payment.due_at
    return replace(moved, returned_cents=returned_cents, due_at=due_at)


def returned_early(news: Returned, customer_id: str, now: datetime) -> Payment:
    """It was given back before anybody had told us that it was paid."""
    return Payment(
        id=news.payment_id,
        session_id=news.session_id,
        customer_id=customer_id,
        status=TRANSITIONS[None, PaymentMove.RETURN],
        amount_cents=0,
        currency="",
        at=now,
        returned_cents=news.returned_cents,
    )


def fail(payment: Payment, amount_cents: int) -> Payment:
    """The bank did not take so much of it: somebody has to look after it."""
    left_cents = max(0, payment.returned_cents - amount_cents)
    return replace(_advance(payment, PaymentMove.FAIL), returned_cents=left_cents, due_at=None)


def ask_again(payment: Payment, now: datetime) -> Payment:
    """Still due: it is looked at again later."""
    return replace(payment, due_at=now + ASKED_AGAIN_AFTER, version=payment.version + 1)


def has_arrived(payment: Payment | None) -> bool:
    """Whether it was told before that this was paid."""
    return payment is not None and payment.status is not PaymentStatus.RETURNED_EARLY


# What Stripe says


SESSION_KEY = "dispatch_session_id"
"""What is ours names its session by this in its metadata: an account may serve others, too."""


def notice_of(event: Any) -> Notice:
    """What an event of Stripe's means.

    Raises Invalid for what is no event, and for one that lacks what we read: Stripe shows it as
    failed, and sends it again.
    """
    if not isinstance(event, Mapping):
        raise Invalid.field("", "is not an event of Stripe's")
    event_id, type_ = event.get("id"), event.get("type")
    data = event.get("data")
    thing = data.get("object") if isinstance(data, Mapping) else None
    if not (isinstance(event_id, str) and event_id) or not isinstance(type_, str):
        raise Invalid.field("", "is not an event of Stripe's")
    if not isinstance(thing, Mapping):
        raise Invalid.field("/data/object", "is missing")
    read = _READ.get(type_)
    metadata = thing.get("metadata")
    session_id = metadata.get(SESSION_KEY) if isinstance(metadata, Mapping) else None
    if read is None or not isinstance(session_id, str) or not is_id(session_id):
        return Notice(event_id, type_, None)
    return Notice(event_id, type_, read(thing, session_id))


def _paid(checkout: Mapping[str, Any], session_id: str) -> Paid | None:
    """Some ways to pay take days: the checkout is complete, and paid later."""
    if _text(checkout, "payment_status") != "paid":
        return None
    return Paid(
        session_id,
        _text(checkout, "payment_intent"),
        _cents(checkout, "amount_total"),
        _text(checkout, "currency").lower(),
    )


def _returned(charge: Mapping[str, Any], session_id: str) -> Returned:
    return Returned(session_id, _text(charge, "payment_intent"), _cents(charge, "amount_refunded"))


def _not_returned(refund: Mapping[str, Any], session_id: str) -> NotReturned:
    return NotReturned(session_id, _text(refund, "payment_intent"), _cents(refund, "amount"))


def _text(thing: Mapping[str, Any], name: str) -> str:
    value = thing.get(name)
    if not isinstance(value, str) or not value:
        raise Invalid.field(f"/data/object/{name}", "is no text")
    return value


def _cents(thing: Mapping[str, Any], name: str) -> int:
    value = thing.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Invalid.field(f"/data/object/{name}", "is no number of cents")
    return value


_READ = {
    "checkout.session.completed": _paid,
    "checkout.session.async_payment_succeeded": _paid,
    "charge.refunded": _returned,
    "refund.failed": _not_returned,
}
