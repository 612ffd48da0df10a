"""Rings: reminders that a deadline has come. A ring is a hint, never the truth. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What to do when it rings."""

    CLOSE_OVERDUE = "close_overdue"
    EXPIRE_OFFERS = "expire_offers"
    END_SHIFT = "end_shift"
    REMIND = "remind"
    COUNT_SHIFT = "count_shift"
    SETTLE_WAITLIST = "settle_waitlist"
    SEEK = "seek"
    TOP_UP = "top_up"
    PLACE_CAPACITY = "place_capacity"
    PLACE_CAPACITY_AGAIN = "place_capacity_again"
    REVIEW_OFFERS = "review_offers"
    SEEK_FREE = "seek_free"
    TELL_WAITING = "tell_waiting"
    END_DUTIES = "end_duties"


FOR_MATCHING = frozenset(
    {
        Kind.SEEK,
        Kind.TOP_UP,
        Kind.PLACE_CAPACITY,
        Kind.PLACE_CAPACITY_AGAIN,
        Kind.REVIEW_OFFERS,
        Kind.SEEK_FREE,
        Kind.TELL_WAITING,
    }
)
"""Sent to the queue of the function that ranks; the others ring on the timers queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """``subject`` is what it is about: ids, named as in facts. The same ring has the same ``name``.

    One that is ``scheduled`` comes however far off it is; one that is not within the longest delay
    of a queue, and is lost where that message is.
    """

    kind: Kind
    subject: Mapping[str, str]
    due_at: datetime
    name: str
    scheduled: bool = True
