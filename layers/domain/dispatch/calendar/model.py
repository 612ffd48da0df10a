"""When a mechanic can be booked, and what of it is booked or held. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

QUARTER = timedelta(minutes=15)
"""Slots begin on quarter hours of UTC, which are those of every zone in use today."""


class Span(NamedTuple):
    """From ``start`` on, up to but not including ``end``."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a day by the mechanic's clock, in minutes after midnight.

    ``end_min`` of 1440 is the midnight that ends the day; more than that is the next morning.
    """

    start_min: int
    end_min: int


@dataclass(frozen=True, slots=True)
class WeeklyBlock:
    """``weekday`` is that on which the block begins: 0 is Monday."""

    weekday: int
    block: Block


@dataclass(frozen=True, slots=True)
class Override:
    """The blocks that begin on one date, in place of the weekly ones; none: the date is off.

    What began the day before and runs over midnight is that day's, and stays.
    """

    date: date
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Availability:
    """When a mechanic works, by the clock of ``time_zone`` (IANA). In the order it was given."""

    time_zone: str = "UTC"
    weekly: tuple[WeeklyBlock, ...] = ()
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeOff:
    """A stretch in which nothing can be booked, whatever the availability says."""

    id: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """What a mechanic has said of their time.

    ``version`` counts what the mechanic wrote, 0 before the first time. ``revision`` is the lock:
    it counts every change, of this and of what is booked.
    """

    mechanic_id: str
    availability: Availability = Availability()
    time_off: tuple[TimeOff, ...] = ()
    version: int = 0
    revision: int = 0


class BookingStatus(StrEnum):
    HELD = "held"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class BookingRef:
    """Which booking: a session has one at a time, where it starts is where it stands."""

    mechanic_id: str
    session_id: str
    start: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A session's place in a mechanic's calendar, confirmed or, while ``held_until``, held.

    Taken is all from ``start`` to ``buffer_end``. ``has_begun``: its start has been dealt with.
    ``version`` counts its changes: whoever was told of an older one is out of date.
    """

    mechanic_id: str
    session_id: str
    customer_id: str
    plan: str
    start: datetime
    end: datetime
    buffer_end: datetime
    held_until: datetime | None = None
    has_begun: bool = False
    version: int = 1

    @property
    def minutes(self) -> int:
        """Of the plan, the buffer not included."""
        return (self.end - self.start) // timedelta(minutes=1)

    @property
    def ref(self) -> BookingRef:
        return BookingRef(self.mechanic_id, self.session_id, self.start)


@dataclass(frozen=True, slots=True)
class Slot:
    """When a session could be booked: its plan's minutes, the buffer not included."""

    start: datetime
    end: datetime
