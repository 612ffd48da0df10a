"""Items of credits and of payments."""

from datetime import datetime, timedelta

import msgspec

from dispatch.core.due import due_keys
from dispatch.core.table import (
    BY_CUSTOMER,
    IS_NEW,
    SAME_VERSION,
    Item,
    Key,
    Otherwise,
    Page,
    Transaction,
    get,
    query,
)
from dispatch.payments.model import Balance, Checkout, Entry, Payment

_HEARD_FOR = timedelta(days=90)
"""Stripe sends an event again for three days, an operator for thirty."""

_PAYMENT = "PAYMENT#"
_ENTRY = "CREDITS#"


def _customer(customer_id: str) -> str:
    return f"CUSTOMER#{customer_id}"


def subject(session_id: str) -> str:
    """The partition of a session, with which its payments and their facts stand."""
    return f"SESSION#{session_id}"


# Credits


def balance_of(customer_id: str) -> Balance:
    item = get(Key(_customer(customer_id), "BALANCE"))
    if item is None:
        return Balance(customer_id)
    return Balance(customer_id, item["credits"], item["entries"])


_AS_READ = "#entries = :entries_read"
_ENOUGH = "#credits >= :taken"


def put_entry(tx: Transaction, entry: Entry, otherwise: Otherwise) -> None:
    """The next line of the ledger, and the balance after it, which nobody has changed meanwhile.

    What takes credits away says with ``otherwise`` what it is if there are too few.
    """
    item: Item = {
        "pk": _customer(entry.customer_id),
        "sk": "BALANCE",
        "entity": "balance",
        "credits": entry.balance,
        "entries": entry.number,
    }
    values = {":entries_read": entry.number - 1, ":taken": -entry.amount}
    if entry.amount < 0:
        tx.put(item, when=f"{_AS_READ} AND {_ENOUGH}", values=values, otherwise=otherwise)
    else:
        tx.put(item, when=_AS_READ if entry.number > 1 else IS_NEW, values=values)
    tx.put(
        {
            "pk": _customer(entry.customer_id),
            "sk": f"{_ENTRY}{entry.id}",
            "entity": "credit_entry",
            "state": msgspec.json.encode(entry).decode(),
            "customer_pk": _customer(entry.customer_id),
            "customer_sk": f"{_ENTRY}{entry.number:010}",
        },
        when=IS_NEW,
    )


def entries_of(customer_id: str, limit: int, cursor: str | None) -> Page:
    """Newest first; ``items`` as ``entries`` takes them. Listed, so it may lag a moment behind."""
    return query(
        _customer(customer_id),
        index=BY_CUSTOMER,
        prefix=_ENTRY,
        ascending=False,
        limit=limit,
        cursor=cursor,
    )


def entries(page: Page) -> list[Entry]:
    return [msgspec.json.decode(item["state"], type=Entry) for item in page.items]


# Checkouts


def find_checkout(session_id: str) -> Checkout | None:
    item = get(Key(subject(session_id), "CHECKOUT"))
    return Checkout(session_id, item["checkout_id"], item["url"]) if item else None


def put_checkout(tx: Transaction, checkout: Checkout) -> None:
    """The first one stands."""
    tx.put(
        {
            "pk": subject(checkout.session_id),
            "sk": "CHECKOUT",
            "entity": "checkout",
            "checkout_id": checkout.id,
            "url": checkout.url,
        },
        when=IS_NEW,
    )


# Payments


def find_payment(session_id: str, payment_id: str) -> Payment | None:
    item = get(Key(subject(session_id), f"{_PAYMENT}{payment_id}"))
    return msgspec.json.decode(item["state"], type=Payment) if item else None


def payment_at(key: Key) -> Payment | None:
    """The payment under this key, as the index of what is due tells it."""
    return find_payment(key.pk.partition("#")[2], key.sk.removeprefix(_PAYMENT))


def put_payment(tx: Transaction, payment: Payment) -> None:
    """Write the next version, provided that nobody else has."""
    item: Item = {
        "pk": subject(payment.session_id),
        "sk": f"{_PAYMENT}{payment.id}",
        "entity": "payment",
        "status": payment.status,
        "version": payment.version,
        "state": msgspec.json.encode(payment).decode(),
    }
    if payment.due_at:
        item |= due_keys(f"{item['pk']}{item['sk']}", payment.due_at)
    tx.put(
        item,
        when=IS_NEW if payment.version == 1 else SAME_VERSION,
        values={":version_read": payment.version - 1},
    )


# Events of Stripe's


def put_heard(
    tx: Transaction,
    event_id: str,
    about: Item,
    now: datetime,
    otherwise: Otherwise,
) -> None:
    """Nothing comes of an event twice."""
    tx.put(
        {
            **about,
            **_heard_key(event_id)._asdict(),
            "entity": "stripe_event",
            "expires_ttl": int((now + _HEARD_FOR).timestamp()),
        },
        when=IS_NEW,
        otherwise=otherwise,
    )


def is_heard(event_id: str) -> bool:
    return get(_heard_key(event_id)) is not None


def _heard_key(event_id: str) -> Key:
    return Key(f"STRIPE_EVENT#{event_id}")
