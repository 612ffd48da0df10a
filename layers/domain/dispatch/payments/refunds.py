"""Giving back by Stripe what is due: the work of the refunds function."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dispatch.core.events import EventType
from dispatch.core.logging import MetricUnit, logger, metrics
from dispatch.payments import service, stripe_api


def hear(fact: Mapping[str, Any], now: datetime) -> None:
    """A refund that is due is made. A fact heard again changes nothing."""
    if fact["type"] == EventType.REFUND_DUE:
        make_refund(fact["session_id"], fact["payment_id"], now)
    else:
        logger.info("of no interest here", extra={"type": fact["type"]})


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
