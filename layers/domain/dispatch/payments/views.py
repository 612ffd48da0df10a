"""What callers are shown of money. Imported by HTTP functions only."""

from datetime import datetime

from pydantic import Field

from dispatch.core.examples import AWAITING_UNTIL, BOOKED_AT, SESSION_ID
from dispatch.core.views import Instant, View, by_example
from dispatch.payments.model import Checkout, Entry, EntryKind
from dispatch.payments.service import Ledger

_GRANTED = {
    "id": "01KJQA4N4022NWP2ZZTNXDGCY7",
    "kind": "grant",
    "amount": 40,
    "balance": 40,
    "at": "2026-03-01T09:12:40.000Z",
    "session_id": None,
    "reason": "Welcome",
}
_SPENT = {
    "id": f"{SESSION_ID}-booking",
    "kind": "booking",
    "amount": -25,
    "balance": 15,
    "at": BOOKED_AT,
    "session_id": SESSION_ID,
    "reason": None,
}


class CreditEntryView(View):
    """One line of the ledger. ``balance`` is what there was after it."""

    model_config = by_example(_GRANTED)

    id: str
    kind: EntryKind
    amount: int = Field(description="Below zero where credits went")
    balance: int
    at: Instant
    session_id: str | None
    reason: str | None

    @classmethod
    def of(cls, entry: Entry) -> "CreditEntryView":
        return cls.model_validate(entry)


class CreditsView(View):
    """What a customer has; and how it came about, newest first."""

    model_config = by_example({"balance": 15, "items": [_SPENT, _GRANTED], "next_cursor": None})

    balance: int
    items: list[CreditEntryView]
    next_cursor: str | None

    @classmethod
    def of(cls, ledger: Ledger) -> "CreditsView":
        return cls(
            balance=ledger.balance.credits,
            items=[CreditEntryView.of(entry) for entry in ledger.items],
            next_cursor=ledger.cursor,
        )


class CheckoutView(View):
    """Where to pay, and until when: what is paid later is given back."""

    model_config = by_example(
        {
            "checkout_url": "https://checkout.stripe.com/c/pay/cs_test_a1b2c3",
            "expires_at": AWAITING_UNTIL,
        }
    )

    checkout_url: str
    expires_at: Instant

    @classmethod
    def of(cls, checkout: Checkout, until: datetime) -> "CheckoutView":
        return cls(checkout_url=checkout.url, expires_at=until)


class HeardView(View):
    """That an event has been dealt with, now or before."""

    model_config = by_example({"received": True})

    received: bool = True
