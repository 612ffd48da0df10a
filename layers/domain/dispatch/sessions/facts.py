"""Facts of a session, as its use cases record them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from dispatch.core.events import Event, EventType
from dispatch.core.time import format_time
from dispatch.offers.model import OpenOffer
from dispatch.sessions import rules, store
from dispatch.sessions.model import Session, Status


def event(type_: EventType, session: Session, now: datetime, **facts: Any) -> Event:
    """A fact about this session, which its customer is part of."""
    subject = store.subject(session.id)
    ids = {"session_id": session.id, "customer_id": session.customer_id}
    return Event(type_, subject, now, ids | facts)


def pending(session: Session, now: datetime) -> Event:
    """A mechanic is wanted, for the first time or again."""
    assert session.pending_until is not None, "set when it became pending"
    return event(
        EventType.SESSION_PENDING,
        session,
        now,
        period=session.period,
        pending_until=format_time(session.pending_until),
    )


def lost(offers: Iterable[OpenOffer]) -> dict[str, list[str]]:
    """The offers that others have lost by a move of the session."""
    pairs = [(offer.assignment_id, offer.mechanic_id) for offer in offers]
    return {
        "lost_assignment_ids": [assignment_id for assignment_id, _ in pairs],
        "lost_mechanic_ids": [mechanic_id for _, mechanic_id in pairs],
    }


def booked(session: Session, now: datetime) -> dict[str, Any]:
    """Which slot it is, and when both sides are to be reminded of it."""
    start, end = rules.start_of(session), session.scheduled_end
    assert end is not None, "and an end"
    ahead = {
        f"remind_{reminder}_at": format_time(at)
        for reminder, at in rules.remind_at(start).items()
        if at > now
    }
    return {
        "mechanic_id": session.preferred_mechanic_id,
        "scheduled_start": format_time(start),
        "scheduled_end": format_time(end),
        "booking_version": session.booking_version,
        **ahead,
    }


def called_off(session: Session, cancelled: Session) -> dict[str, Any]:
    """What calendars have to know of a scheduled session that is off."""
    if session.status is not Status.SCHEDULED:
        return {}
    assert session.scheduled_end is not None, "and an end"
    assert cancelled.refund is not None, "set when it was cancelled"
    return {
        "scheduled_start": format_time(rules.start_of(session)),
        "scheduled_end": format_time(session.scheduled_end),
        "booking_version": session.booking_version + 1,
        "refund_percent": cancelled.refund.percent,
    }
