"""What a session costs: taken when it is booked or paid for, given back when it is off.

Credits come and go in the session's own transaction. Stripe takes money on a page of its own, and
tells us by its webhook; what it is to give back is recorded as a fact (``RefundDue``).
"""

from dataclasses import replace
from datetime import datetime, timedelta

from dispatch.core import settings
from dispatch.core.errors import Conflict, IllegalMove, Invalid, NotFound, StaleVersion
from dispatch.core.logging import MetricUnit, logger, metrics
from dispatch.core.table import Transaction, decides_anew
from dispatch.payments import service as payments
from dispatch.payments import stripe_api
from dispatch.payments.model import (
    Checkout,
    Notice,
    NotReturned,
    Paid,
    Payment,
    PaymentStatus,
    RefundReason,
    Returned,
)
from dispatch.payments.rules import has_arrived, notice_of
from dispatch.policy import service as policies
from dispatch.sessions import bookings, rules, service, store
from dispatch.sessions.model import Move, Session, Status

PAGE_LASTS = timedelta(minutes=31)
"""From the session's deadline on: Stripe's pages last half an hour at least, and clocks differ."""


def open_checkout(session_id: str, by: str, now: datetime) -> tuple[Checkout, datetime]:
    """Where the customer pays for their session, and until when that counts.

    There is one page for a session, however often and from wherever it is asked for. What is paid
    on it after the session's deadline is given back: Stripe keeps a page open for longer than that.

    Raises NotFound, IllegalMove unless it awaits payment, and Busy where Stripe cannot be had: the
    session awaits payment all the same, and asking again may do.
    """
    session = service.settled_of_customer(session_id, by, now)
    if session.status is not Status.AWAITING_PAYMENT:
        raise IllegalMove(Move.PAY, session.status)
    checkout = payments.checkout_of(session.id) or _first_checkout(session, now)
    return checkout, session.awaiting_until


def _first_checkout(session: Session, now: datetime) -> Checkout:
    """All that Stripe is told follows from the session, so whoever asks at once gets the same page.

    The key holds for a minute: an answer of 500 would be repeated for as long as the key is.
    """
    made = stripe_api.open_checkout(
        session.id,
        name=f"Dispatch session: {session.plan}",
        price_cents=session.price_cents,
        expires_at=session.awaiting_until + PAGE_LASTS,
        key=f"checkout-{session.id}-{now:%Y%m%d%H%M}",
        now=now,
    )
    try:
        with Transaction() as tx:
            payments.put_checkout(tx, made)
    except StaleVersion:  # somebody was quicker: theirs is the page
        return payments.checkout_of(session.id) or made
    return made


def hear_stripe(body: bytes, signature: str | None, now: datetime) -> None:
    """What Stripe's webhook was sent. The same event again changes nothing; any order will do.

    Raises BadSignature, Invalid for what cannot be read.
    """
    event = stripe_api.verified(body, signature, now)
    try:
        notice = notice_of(event)
    except Invalid:  # it may be money: Stripe tells again for three days
        logger.exception("an event of Stripe's that cannot be read")
        metrics.add_metric("PaymentsUnknown", MetricUnit.Count, 1)
        raise
    try:
        _hear(notice, now)
    except payments.AlreadyHeard:
        logger.info("heard before", extra={"stripe_event": notice.event_id})


@decides_anew
def _hear(notice: Notice, now: datetime) -> None:
    if payments.is_heard(notice):
        raise payments.AlreadyHeard
    news = notice.news
    session = _settled(news.session_id, now) if news else None
    if news and session is None:
        # Another stage's that shares the account, or lost here: for an operator to decide.
        logger.warning("a payment for no session", extra={"session_id": news.session_id})
        metrics.add_metric("PaymentsUnknown", MetricUnit.Count, 1)
    if news is None or session is None:
        with Transaction() as tx:
            payments.hear(tx, notice, now)
        return
    payment = payments.find(session.id, news.payment_id)
    match news:
        case Paid():
            _take(notice, news, session, payment, now)
        case Returned():
            returned = _as_counted(news, payment, now)
            with Transaction() as tx:
                payments.hear(tx, notice, now)
                payments.put_returned(tx, returned, session.customer_id, payment, now)
        case NotReturned():
            with Transaction() as tx:
                payments.hear(tx, notice, now)
                failed = payments.put_failed(tx, news, payment, now)
            metrics.add_metric("RefundsFailed", MetricUnit.Count, int(failed))


def _as_counted(news: Returned, payment: Payment | None, now: datetime) -> Returned:
    """Behind a refund that failed, what was given back may be that very one, told late: whether
    another was made since, only Stripe knows. Raises Busy.
    """
    if payment is None or payment.status is not PaymentStatus.REFUND_FAILED:
        return news
    return replace(news, returned_cents=stripe_api.returned_cents(news.payment_id, now))


def _settled(session_id: str, now: datetime) -> Session | None:
    try:
        return service.settled(session_id, now)
    except NotFound:
        return None


def _take(
    notice: Notice, paid: Paid, session: Session, before: Payment | None, now: datetime
) -> None:
    """The session goes ahead; or the payment does not count, and all of it is given back."""
    if has_arrived(before):  # told by another event
        with Transaction() as tx:
            payments.hear(tx, notice, now)
        return
    currency = settings.payment_currency()
    reason = rules.why_not_counted(session, paid, currency, returned_early=before is not None)
    if reason is None:
        try:
            _go_ahead(notice, paid, session, now)
            return
        except Conflict:  # the slot is gone, which was to be kept
            logger.exception("paid for nothing")
            reason = RefundReason.SLOT_GONE
    with Transaction() as tx:
        payments.hear(tx, notice, now)
        payments.reject(tx, paid, session.customer_id, before, reason, now)
    metrics.add_metric("PaymentsRejected", MetricUnit.Count, 1)


def _go_ahead(notice: Notice, paid: Paid, session: Session, now: datetime) -> None:
    policy = policies.current(now)
    going = rules.pay(session, paid.payment_id, policy, now)
    with Transaction() as tx:
        payments.hear(tx, notice, now)
        store.put(tx, going)
        payments.receive(tx, paid, session.customer_id, now)
        bookings.go_ahead(tx, going, policy, now)
    metrics.add_metric("Payments", MetricUnit.Count, 1)
