"""Which facts need a timer, and when it is to ring. Pure."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dispatch.core.events import EventType
from dispatch.core.time import format_time, parse_time
from dispatch.timers.model import Ring

MAX_DELAY = timedelta(seconds=900)
"""The longest that a queue holds a message back."""

_DEADLINES = {
    EventType.SESSION_BOOKED: ("close_overdue", "awaiting_until"),
    EventType.OFFERS_MADE: ("expire_offers", "expires_at"),
    EventType.SESSION_STARTED: ("close_overdue", "ends_by"),
}
"""Fact -> what to look at, and the member that says when."""


def ring_for(fact: Mapping[str, Any]) -> Ring | None:
    """The ring that this fact needs, if any. The same fact makes the same ring."""
    needed = _DEADLINES.get(fact["type"])
    if needed is None:
        return None
    kind, deadline = needed
    return Ring(
        kind=kind,
        session_id=fact["session_id"],
        due_at=parse_time(fact[deadline]),
        name=f"{kind}-{fact['id']}",
    )


def message(ring: Ring) -> dict[str, str]:
    """The ring as the timers queue carries it."""
    return {
        "ring": ring.kind,
        "session_id": ring.session_id,
        "due_at": format_time(ring.due_at),
        "name": ring.name,
    }


def ring_of(message: Mapping[str, Any]) -> Ring:
    """The ring that a message carries."""
    return Ring(
        kind=message["ring"],
        session_id=message["session_id"],
        due_at=parse_time(message["due_at"]),
        name=message["name"],
    )


def delay_s(ring: Ring, now: datetime) -> int:
    """How long the queue is to hold the ring back: up to the deadline, as far as it can."""
    remaining = max(timedelta(0), min(ring.due_at - now, MAX_DELAY))
    return math.ceil(remaining.total_seconds())


def schedule_at(ring: Ring) -> datetime:
    """The ring's whole minute: the precision of EventBridge Scheduler, never early."""
    minute = ring.due_at.replace(second=0, microsecond=0)
    return (minute if minute == ring.due_at else minute + timedelta(minutes=1)).astimezone(UTC)
