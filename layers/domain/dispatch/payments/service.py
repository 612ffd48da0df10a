"""Use cases of credits and payments; Stripe itself is asked elsewhere (``payments.refunds``).

Sessions take and give back through the functions that take a transaction: each adds its clauses to
the session's. Where something has changed meanwhile, the use case is to decide anew
(``decides_anew``).
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.core import aws, settings
from dispatch.core.errors import NotFound, StaleVersion
from dispatch.core.events import Event, EventType
from dispatch.core.idempotency import Once
from dispatch.core.ids import new_id
from dispatch.core.logging import MetricUnit, logger, metrics
from dispatch.core.table import Item, Key, Transaction, decides_anew
from dispatch.payments import rules, store
from dispatch.payments.model import (
    Balance,
    Checkout,
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

# Credits: parts of other use cases' transactions


def debit(tx: Transaction, customer_id: str, session_id: str, credits_: int, now: datetime) -> None:
    """Take what a session costs; nothing for nothing.

    On commit: TooFewCredits with what is missing, StaleVersion.
    """
    if credits_:
        _enter_for(tx, customer_id, session_id, EntryKind.BOOKING, -credits_, now)


def give_back(
    tx: Transaction, customer_id: str, session_id: str, credits_: int, now: datetime
) -> None:
    """Give back what a session that is off had taken, or a share of it. On commit: StaleVersion."""
    if credits_:
        _enter_for(tx, customer_id, session_id, EntryKind.REFUND, credits_, now)


def _enter_for(
    tx: Transaction,
    customer_id: str,
    session_id: str,
    kind: EntryKind,
    amount: int,
    now: datetime,
) -> None:
    id_ = rules.entry_id(session_id, kind)
    balance = store.balance_of(customer_id)
    entry = rules.entry(balance, kind, amount, entry_id=id_, now=now, session_id=session_id)
    store.put_entry(tx, entry, otherwise=lambda old: _why_not_taken(old, -amount, balance))


def _why_not_taken(old: Item | None, needed: int, read: Balance) -> Exception:
    """Too few by the balance at the commit, or the balance has changed since it was read."""
    there = old["credits"] if old else 0
    return rules.too_few(there, needed) if there < needed else _changed(read)


def _changed(read: Balance) -> StaleVersion:
    logger.info("balance changed", extra={"entries": read.entries})
    return StaleVersion()


# Credits: use cases


@decides_anew
def adjust(customer_id: str, credits_: int, now: datetime) -> None:
    """The customer is to have so many, whatever they had: by an entry of what is between."""
    balance = store.balance_of(customer_id)
    if amount := credits_ - balance.credits:
        entry = rules.entry(balance, EntryKind.ADJUSTMENT, amount, entry_id=new_id(now), now=now)
        with Transaction() as tx:
            store.put_entry(tx, entry, otherwise=lambda _old: StaleVersion())


@decides_anew
def grant(
    customer_id: str, amount: int, reason: str, by: str, now: datetime, once: Once | None = None
) -> Entry:
    """An admin gives credits, or takes some away. Raises Invalid for more than there are."""
    balance = store.balance_of(customer_id)
    if balance.credits + amount < 0:
        raise rules.below_zero(balance.credits)
    entry = rules.entry(
        balance,
        EntryKind.GRANT,
        amount,
        entry_id=new_id(now),
        now=now,
        reason=reason,
        by=by,
    )
    with Transaction() as tx:
        if once:
            once.remember(tx, entry, now)
        store.put_entry(tx, entry, otherwise=lambda _old: StaleVersion())
    metrics.add_metric("CreditsGranted", MetricUnit.Count, 1)
    return entry


@dataclass(frozen=True, slots=True)
class Ledger:
    balance: Balance
    items: list[Entry]
    cursor: str | None


def ledger_of(customer_id: str, limit: int, cursor: str | None) -> Ledger:
    """A customer's balance, and the entries that it is the sum of, newest first."""
    page = store.entries_of(customer_id, limit, cursor)
    return Ledger(store.balance_of(customer_id), store.entries(page), page.cursor)


# Payments: parts of other use cases' transactions


def hear(tx: Transaction, notice: Notice, now: datetime) -> None:
    """Note down that this event of Stripe's was dealt with. On commit: AlreadyHeard."""
    news = notice.news
    about = {"session_id": news.session_id, "payment_id": news.payment_id} if news else {}
    about |= {"type": notice.type}
    store.put_heard(tx, notice.event_id, about, now, otherwise=lambda _: AlreadyHeard())


class AlreadyHeard(Exception):
    """The same event of Stripe's was dealt with before."""


def receive(tx: Transaction, paid: Paid, customer_id: str, now: datetime) -> None:
    """The payment that a session has waited for."""
    payment = rules.receive(paid, customer_id, now)
    store.put_payment(tx, payment)
    amount = {"amount_cents": payment.amount_cents}
    tx.record(_event(EventType.PAYMENT_RECEIVED, payment, now, **amount))


def reject(
    tx: Transaction,
    paid: Paid,
    customer_id: str,
    before: Payment | None,
    reason: RefundReason,
    now: datetime,
) -> None:
    """A payment that does not count: all of it is given back."""
    payment = rules.reject(paid, customer_id, before, reason, now)
    store.put_payment(tx, payment)
    _record_due(tx, payment, now)


def owe(
    tx: Transaction, session_id: str, payment_id: str | None, due_cents: int, now: datetime
) -> None:
    """The session is off: so much of its payment is given back; nothing of what was never paid.

    On commit: StaleVersion.
    """
    if payment_id is None or due_cents == 0:
        return
    payment = _stored(session_id, payment_id)
    if not rules.may(payment, PaymentMove.OWE):  # all of it was given back, by hand
        return
    owed = rules.owe(payment, due_cents, now)
    store.put_payment(tx, owed)
    _record_due(tx, owed, now)


def _record_due(tx: Transaction, payment: Payment, now: datetime) -> None:
    if payment.status is PaymentStatus.REFUND_DUE:
        facts = {"due_cents": payment.due_cents, "reason": payment.reason}
        tx.record(_event(EventType.REFUND_DUE, payment, now, **facts))


def _event(type_: EventType, payment: Payment, now: datetime, **facts: Any) -> Event:
    ids = {
        "session_id": payment.session_id,
        "customer_id": payment.customer_id,
        "payment_id": payment.id,
    }
    return Event(type_, store.subject(payment.session_id), now, ids | facts)


def put_checkout(tx: Transaction, checkout: Checkout) -> None:
    """Where the session is paid for, from now on. On commit: StaleVersion where there is one."""
    store.put_checkout(tx, checkout)


def checkout_of(session_id: str) -> Checkout | None:
    return store.find_checkout(session_id)


# Payments: what Stripe tells


def is_heard(notice: Notice) -> bool:
    return store.is_heard(notice.event_id)


def find(session_id: str, payment_id: str) -> Payment | None:
    return store.find_payment(session_id, payment_id)


def _stored(session_id: str, payment_id: str) -> Payment:
    payment = store.find_payment(session_id, payment_id)
    if payment is None:
        raise NotFound("There is no such payment.")
    return payment


def put_returned(
    tx: Transaction, news: Returned, customer_id: str, payment: Payment | None, now: datetime
) -> None:
    """So much of a payment was given back: by us, or by hand, or before we knew of it."""
    if payment is None:
        store.put_payment(tx, rules.returned_early(news, customer_id, now))
        return
    after = rules.returned(payment, news.returned_cents)
    if after is payment:
        return
    store.put_payment(tx, after)
    back = {"returned_cents": after.returned_cents}
    tx.record(_event(EventType.REFUND_MADE, after, now, **back))


def put_failed(tx: Transaction, news: NotReturned, payment: Payment | None, now: datetime) -> bool:
    """The bank did not take a refund. Answers whether somebody has to look after it."""
    if payment is None or not rules.may(payment, PaymentMove.FAIL):
        logger.warning("a refund failed that is none of ours", extra={"payment": news.payment_id})
        return False
    failed = rules.fail(payment, news.amount_cents)
    store.put_payment(tx, failed)
    tx.record(_event(EventType.REFUND_FAILED, failed, now))
    return True


# Refunds


def refund_due(session_id: str, payment_id: str) -> Payment | None:
    """The payment, while something of it is to be given back. Raises NotFound."""
    payment = _stored(session_id, payment_id)
    return payment if payment.status is PaymentStatus.REFUND_DUE else None


@decides_anew
def note_returned(session_id: str, payment_id: str, returned_cents: int, now: datetime) -> None:
    """So much of what is due was given back by now, in all.

    Nothing where it is not due any more: it was noted by others, or has failed since.
    """
    payment = refund_due(session_id, payment_id)
    if payment is None:
        return
    news = Returned(session_id, payment_id, returned_cents)
    with Transaction() as tx:
        put_returned(tx, news, payment.customer_id, payment, now)


@decides_anew
def remind_of_refund(key: Key, now: datetime) -> bool:
    """What a lost message should have given back is asked for again.

    Answers whether there was anything to do. Asked first, and put off only then: so it is asked for
    twice at worst.
    """
    payment = store.payment_at(key)
    if payment is None or payment.due_at is None or now < payment.due_at:
        return False
    message = {
        "type": EventType.REFUND_DUE,
        "session_id": payment.session_id,
        "payment_id": payment.id,
    }
    aws.sqs().send_message(QueueUrl=settings.refunds_queue_url(), MessageBody=json.dumps(message))
    with Transaction() as tx:
        store.put_payment(tx, rules.ask_again(payment, now))
    return True
