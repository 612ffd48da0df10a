"""Calendars and bookings for tests: valid as they are, each test says only what it is about."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dispatch.calendar import service as calendar
from dispatch.calendar.model import (
    Availability,
    Block,
    Booking,
    Calendar,
    Override,
    TimeOff,
    WeeklyBlock,
)
from dispatch.core.table import Transaction
from dispatch.policy import service as policies
from tests.builders import CUSTOMER, MECHANIC, SESSION
from tests.clock import NOON

TORONTO = "America/Toronto"
VANCOUVER = "America/Vancouver"
QUARTER = timedelta(minutes=15)
TEN = NOON + timedelta(days=1, hours=2)
"""Ten in the morning in Toronto, on the day after the tests' present: a Thursday."""


def minute_of(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def a_block(text: str) -> Block:
    """``9:00-17:30``, ``22:00-2:00`` over midnight, ``0:00-24:00``."""
    start, end = map(minute_of, text.split("-"))
    return Block(start, end if end > start else end + 24 * 60)


def blocks(*texts: str) -> tuple[Block, ...]:
    return tuple(a_block(text) for text in texts)


def weekly(days: Iterable[int], *texts: str) -> tuple[WeeklyBlock, ...]:
    """0 is Monday."""
    return tuple(WeeklyBlock(day, block) for day in days for block in blocks(*texts))


def an_override(on: str, *texts: str) -> Override:
    return Override(datetime.fromisoformat(on).date(), blocks(*texts))


def an_availability(zone: str = TORONTO, *texts: str, **fields: Any) -> Availability:
    """The same on every day of the week: from 9 to 5, unless it says otherwise."""
    every_day = weekly(range(7), *(texts or ("9:00-17:00",)))
    return Availability(**{"time_zone": zone, "weekly": every_day, **fields})


def a_calendar(*texts: str, zone: str = TORONTO, **fields: Any) -> Calendar:
    return Calendar(
        **{
            "mechanic_id": MECHANIC,
            "availability": an_availability(zone, *texts),
            "version": 1,
            "revision": 1,
            **fields,
        }
    )


def time_off(start: datetime, end: datetime, id_: str = "01K00000000000000000000T01") -> TimeOff:
    return TimeOff(id_, start, end)


def a_booking(start: datetime = TEN, minutes: int = 45, **fields: Any) -> Booking:
    """Confirmed, of the standard plan, with ten minutes of buffer."""
    return Booking(
        **{
            "mechanic_id": MECHANIC,
            "session_id": SESSION,
            "customer_id": CUSTOMER,
            "plan": "standard",
            "start": start,
            "end": start + timedelta(minutes=minutes),
            "buffer_end": start + timedelta(minutes=minutes + 10),
            **fields,
        }
    )


def a_hold(start: datetime = TEN, minutes: int = 45, **fields: Any) -> Booking:
    """Made at the tests' present, so it lasts for a quarter of an hour from then."""
    return a_booking(start, minutes, **{"held_until": NOON + QUARTER, **fields})


def take_slot(session_id: str, mechanic_id: str, start: datetime, now: datetime) -> Booking:
    """Book a free session with a mechanic who works from 9 to 5 in Toronto, and confirm it."""
    if calendar.calendar_of(mechanic_id).version == 0:
        calendar.replace_availability(mechanic_id, an_availability(), 0, now)
    plan = policies.current(now).plan("free")
    assert plan is not None
    with Transaction() as tx:
        hold = calendar.hold_slot(
            tx,
            mechanic_id=mechanic_id,
            session_id=session_id,
            customer_id=CUSTOMER,
            plan=plan,
            start=start,
            now=now,
        )
    with Transaction() as tx:
        return calendar.confirm_booking(tx, hold.ref, now)


def local(zone: str, on: str, clock: str, fold: int = 0) -> datetime:
    hour, minute = map(int, clock.split(":"))
    day = datetime.fromisoformat(on).date()
    return datetime.combine(day, time(hour, minute, fold=fold), tzinfo=ZoneInfo(zone))
