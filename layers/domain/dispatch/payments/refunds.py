"""The work of the refunds function: giving back by Stripe what is due, and not taking more."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dispatch.core.events import EventType
from dispatch.core.logging import MetricUnit, logger, metrics
from dispatch.payments import service, stripe_api


def hear(fact: Mapping[str, Any], now: datetime) -> None:
    """A refund that is due is made, and the page of what is off closed. Heard again, nothing."""
    match fact["type"]:
        case EventType.REFUND_DUE:
            make_refund(fact["session_id"], fact["payment_id"], now)
        case EventType.SESSION_CANCELLED:
            close_page(fact["session_id"], now)
        case other:
            logger.info("of no interest here", extra={"type": other})


def close_page(session_id: str, now: datetime) -> None:
    """Nobody is to pay for a session that is off.

    A page that was opened at this very moment, or cannot be closed, closes by itself within the
    hour: what is paid on it meanwhile is given back. Raises Busy while Stripe cannot be had.
    """
    checkout = service.checkout_of(session_id)
    if checkout and stripe_api.close_checkout(checkout.id, now):
        logger.info("page closed", extra={"checkout": checkout.id})


def make_refund(session_id: str, payment_id: str, now: datetime) -> None:
    """Give back what is due of a payment and was not given back yet, by us or by hand.

    Stripe is asked first what that is, and the amount is part of the idempotency key: whoever comes
    at the same time, or again after an answer that did not come, makes the same refund. Raises Busy
    while Stripe cannot be had, NotFound where the payment is not there (yet).
    """
    payment = service.refund_due(session_id, payment_id)
    if payment is None:
        logger.info("nothing to give back")
        return
    back_cents = stripe_api.returned_cents(payment_id, now)
    left_cents = payment.due_cents - back_cents
    if left_cents > 0:
        stripe_api.give_back(
            payment_id,
            left_cents,
            session_id=session_id,
            key=f"refund-{payment_id}-{back_cents}",
            now=now,
        )
        back_cents += left_cents
        metrics.add_metric("Refunds", MetricUnit.Count, 1)
    service.note_returned(session_id, payment_id, back_cents, now)
