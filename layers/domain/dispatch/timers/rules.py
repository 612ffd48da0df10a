"""Which facts need a timer, and when it is to ring. Pure."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from dispatch.core.events import EventType
from dispatch.core.time import format_time, parse_time
from dispatch.sessions.model import Reminder
from dispatch.timers.model import Kind, Ring

MAX_DELAY = timedelta(seconds=900)
"""The longest that a queue holds a message back."""

LOOK_AGAIN_AFTER = timedelta(seconds=10)
"""Indexes lag: what they did not show yet is there by then (architecture.md, the roster)."""


@dataclass(frozen=True, slots=True)
class _Need:
    """``deadline`` is the member of the fact that says when; without one it is soon after it.

    ``name`` tells it from others of its kind that the same fact needs. Only facts that have the
    deadline, and are as ``when`` says, need the ring.
    """

    kind: Kind
    subject: tuple[str, ...]
    deadline: str | None = None
    when: Callable[[Mapping[str, Any]], bool] = lambda _fact: True
    name: str = ""


_OVERDUE = partial(_Need, Kind.CLOSE_OVERDUE, ("session_id",))
_REMIND = tuple(
    _Need(
        Kind.REMIND,
        ("session_id", "booking_version"),
        f"remind_{ahead}_at",
        name=f"remind_{ahead}",
    )
    for ahead in Reminder
)
_REVIEW = _Need(Kind.REVIEW_OFFERS, ("mechanic_id",))
_PLACE = _Need(Kind.PLACE_CAPACITY, ("mechanic_id",))
_SEEK_FREE = _Need(Kind.SEEK_FREE, ("customer_id", "entry_id"))
_SETTLE = partial(_Need, Kind.SETTLE_WAITLIST, ("customer_id", "entry_id"))

_NEEDS: Mapping[str, tuple[_Need, ...]] = {
    EventType.SESSION_BOOKED: (_OVERDUE("awaiting_until"),),
    EventType.SESSION_SCHEDULED: (_OVERDUE("scheduled_start"), *_REMIND),
    EventType.SESSION_RESCHEDULED: (_OVERDUE("scheduled_start"), *_REMIND),
    EventType.BOOKING_DELAYED: (_OVERDUE("delayed_until"),),
    EventType.BOOKING_BEGAN: (_OVERDUE("mechanic_due_by"), _REVIEW),
    EventType.SESSION_PENDING: (_OVERDUE("pending_until"),),
    EventType.OFFER_ACCEPTED: (_OVERDUE("mechanic_due_by"), _REVIEW),
    EventType.MECHANIC_JOINED: (_OVERDUE("customer_due_by"),),
    EventType.SESSION_STARTED: (_OVERDUE("ends_by"),),
    EventType.OFFERS_MADE: (
        _Need(Kind.EXPIRE_OFFERS, ("session_id",), "expires_at"),
        _Need(Kind.TOP_UP, ("session_id",), when=lambda fact: fact.get("short", 0) > 0),
    ),
    EventType.CAPACITY_LEFT: (
        _Need(
            Kind.PLACE_CAPACITY_AGAIN,
            ("mechanic_id",),
            when=lambda fact: fact.get("reason") == "none_fits",
        ),
    ),
    EventType.MECHANIC_CLOCKED_IN: (
        _Need(Kind.END_SHIFT, ("mechanic_id", "shift_id"), "closes_at"),
        _PLACE,
    ),
    EventType.MECHANIC_FREED: (_PLACE,),
    EventType.CAPACITY_RENEWED: (_PLACE,),
    EventType.MECHANIC_CLOCKED_OUT: (
        _REVIEW,
        _Need(Kind.TELL_WAITING, ("mechanic_id",)),
        _Need(Kind.COUNT_SHIFT, ("mechanic_id", "shift_id")),
    ),
    EventType.SHIFT_CLOSING: (_REVIEW,),
    EventType.MECHANIC_SUSPENDED: (_Need(Kind.END_DUTIES, ("mechanic_id",)),),
    EventType.WAITLIST_JOINED: (_SETTLE("expires_at"), _SEEK_FREE),
    EventType.WAITLIST_WOKEN: (_SEEK_FREE,),
    EventType.WAITLIST_TOLD: (_SETTLE("claim_until"),),
}


def rings_for(fact: Mapping[str, Any]) -> Iterator[Ring]:
    """The rings that this fact needs. The same fact makes the same rings."""
    for need in _NEEDS.get(fact["type"], ()):
        if (need.deadline is None or fact.get(need.deadline)) and need.when(fact):
            yield Ring(
                kind=need.kind,
                subject={name: str(fact[name]) for name in need.subject},
                due_at=parse_time(fact[need.deadline])
                if need.deadline
                else parse_time(fact["at"]) + LOOK_AGAIN_AFTER,
                name=f"{need.name or need.kind}-{fact['id']}",
                scheduled=need.deadline is not None,
            )


def message(ring: Ring) -> dict[str, str]:
    """The ring as a queue carries it."""
    return {
        **ring.subject,
        "ring": ring.kind,
        "due_at": format_time(ring.due_at),
        "name": ring.name,
    }


_NOT_SUBJECT = frozenset({"ring", "due_at", "name"})


def ring_of(message: Mapping[str, Any]) -> Ring | None:
    """The ring that a message carries; None for one of a kind that is unknown here."""
    if message["ring"] not in set(Kind):
        return None
    return Ring(
        kind=Kind(message["ring"]),
        subject={name: message[name] for name in message if name not in _NOT_SUBJECT},
        due_at=parse_time(message["due_at"]),
        name=message["name"],
    )


def delay_s(ring: Ring, now: datetime) -> int:
    """How long the queue is to hold the ring back: up to the deadline, as far as it can."""
    remaining = max(timedelta(0), min(ring.due_at - now, MAX_DELAY))
    return math.ceil(remaining.total_seconds())


def schedule_at(ring: Ring, now: datetime) -> datetime:
    """The whole minute at which EventBridge Scheduler, precise to a minute, is to send the ring.

    A deadline within the queue's longest delay is kept by a delayed message, to the second; the
    schedule comes after it, in case that is lost. One further off comes early, and is sent again
    with what remains: so it is kept to the second, too (docs/adr/0007).
    """
    minute = ring.due_at.astimezone(UTC).replace(second=0, microsecond=0)
    if ring.due_at - now > MAX_DELAY:
        return minute - timedelta(minutes=1)
    return minute if minute == ring.due_at else minute + timedelta(minutes=1)
