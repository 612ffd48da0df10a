"""Credits and payments: who has how much, and what was taken and given back by Stripe. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# Credits


class EntryKind(StrEnum):
    """Why credits came or went."""

    BOOKING = "booking"
    REFUND = "refund"
    GRANT = "grant"
    ADJUSTMENT = "adjustment"


@dataclass(frozen=True, slots=True)
class Balance:
    """What a customer has. ``entries`` counts those of the ledger, whose sum ``credits`` is."""

    customer_id: str
    credits: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger, never changed.

    ``id`` is made of its cause, a session's of the session and the kind: the same thing can not be
    entered twice. ``number`` counts a customer's entries from 1; ``balance`` is what there is after
    it. ``reason`` and ``by`` are an admin's.
    """

    id: str
    customer_id: str
    number: int
    kind: EntryKind
    amount: int
    balance: int
    at: datetime
    session_id: str | None = None
    reason: str | None = None
    by: str | None = None


# Stripe


@dataclass(frozen=True, slots=True)
class Checkout:
    """Stripe's page on which a session is paid for."""

    session_id: str
    id: str
    url: str


class PaymentStatus(StrEnum):
    """``RETURNED_EARLY``: it was given back before anybody had told us of it."""

    PAID = "paid"
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    RETURNED_EARLY = "returned_early"


class PaymentMove(StrEnum):
    """What becomes of a payment. ``REJECT``: it comes in and does not count."""

    RECEIVE = "receive"
    REJECT = "reject"
    OWE = "owe"
    RETURN_PART = "return a part of"
    RETURN = "return"
    FAIL = "fail to return"


class RefundReason(StrEnum):
    """Why a payment is given back: its session is off, or it never counted."""

    CALLED_OFF = "called_off"
    LATE = "late"
    SECOND = "second"
    NOT_OWED = "not_owed"
    SLOT_GONE = "slot_gone"
    WRONG_AMOUNT = "wrong_amount"
    RETURNED_EARLY = "returned_early"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What Stripe has taken in one go (its payment intent ``id``) for a session.

    ``due_cents`` is what is to be given back of it in all, ``returned_cents`` what Stripe has given
    back. ``version`` is the lock; ``due_at`` is when the sweeper asks why it was not given back.
    """

    id: str
    session_id: str
    customer_id: str
    status: PaymentStatus
    amount_cents: int
    currency: str
    at: datetime
    due_cents: int = 0
    returned_cents: int = 0
    reason: RefundReason | None = None
    due_at: datetime | None = None
    version: int = 1


# What Stripe's webhook tells


@dataclass(frozen=True, slots=True)
class Paid:
    """A checkout was paid."""

    session_id: str
    payment_id: str
    amount_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class Returned:
    """``returned_cents`` of a payment were given back by now, in all."""

    session_id: str
    payment_id: str
    returned_cents: int


@dataclass(frozen=True, slots=True)
class NotReturned:
    """A refund that Stripe had taken on did not reach the customer's bank."""

    session_id: str
    payment_id: str
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Notice:
    """One event of Stripe's. ``news`` is None for what is of no interest here, or not of ours."""

    event_id: str
    type: str
    news: Paid | Returned | NotReturned | None
