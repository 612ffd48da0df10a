"""Calendars, bookings and slots as they are shown. Imported by HTTP functions only."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field

from dispatch.calendar.model import Block, Booking, BookingStatus, Calendar, Slot, TimeOff
from dispatch.calendar.requests import WEEKDAYS, Weekday
from dispatch.calendar.rules import status
from dispatch.calendar.service import Bookings
from dispatch.core.examples import MECHANIC_ID, SESSION_ID
from dispatch.core.views import Instant, View, by_example

_TIME_OFF: dict[str, Any] = {
    "id": "01KJQB2T6E9V3Z8W5N0R4YHXCF",
    "start": "2026-07-20T07:00:00.000Z",
    "end": "2026-08-03T07:00:00.000Z",
}
_SLOT: dict[str, Any] = {
    "start": "2026-03-05T15:00:00.000Z",
    "end": "2026-03-05T15:45:00.000Z",
    "local_start": "2026-03-05T10:00:00-05:00",
    "local_end": "2026-03-05T10:45:00-05:00",
}


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).isoformat(timespec="seconds")


def _clock(minutes: int) -> str:
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}"


class BlockView(View):
    """A stretch of a day by the mechanic's clock; an end before the start is the next morning's."""

    start: str = Field(examples=["09:00"])
    end: str = Field(examples=["17:00"])

    @classmethod
    def of(cls, block: Block) -> "BlockView":
        return cls(**_told(block))


def _told(block: Block) -> dict[str, str]:
    end = block.end_min if block.end_min <= 24 * 60 else block.end_min - 24 * 60
    return {"start": _clock(block.start_min), "end": _clock(end)}


class WeeklyBlockView(BlockView):
    """A block of every week, named by the day on which it begins."""

    weekday: Weekday


class OverrideView(View):
    """What begins on one date, instead of the weekly blocks."""

    date: date
    blocks: list[BlockView]


class TimeOffView(View):
    """A stretch in which nothing can be booked."""

    model_config = by_example(_TIME_OFF)

    id: str
    start: Instant
    end: Instant

    @classmethod
    def of(cls, time_off: TimeOff) -> "TimeOffView":
        return cls.model_validate(time_off)


class AvailabilityView(View):
    """When the caller works. `version` is what a change is to name; 0 before the first.

    A time of day stands for the first instant at which the clock of `time_zone` shows it or a later
    one: what begins in an hour that spring leaves out begins after it, and of an hour that autumn
    repeats the first pass counts.
    """

    model_config = by_example(
        {
            "version": 4,
            "time_zone": "America/Vancouver",
            "weekly": [
                {"weekday": "monday", "start": "09:00", "end": "17:00"},
                {"weekday": "friday", "start": "22:00", "end": "02:00"},
            ],
            "overrides": [
                {"date": "2026-12-24", "blocks": [{"start": "09:00", "end": "12:00"}]},
                {"date": "2026-12-25", "blocks": []},
            ],
            "time_off": [_TIME_OFF],
        }
    )

    version: int
    time_zone: str
    weekly: list[WeeklyBlockView]
    overrides: list[OverrideView]
    time_off: list[TimeOffView] = Field(description="That is not over, earliest first")

    @classmethod
    def of(cls, calendar: Calendar, now: datetime) -> "AvailabilityView":
        availability = calendar.availability
        ahead = sorted(calendar.time_off, key=lambda off: (off.start, off.id))
        return cls(
            version=calendar.version,
            time_zone=availability.time_zone,
            weekly=[
                WeeklyBlockView(weekday=WEEKDAYS[each.weekday], **_told(each.block))
                for each in availability.weekly
            ],
            overrides=[
                OverrideView(date=each.date, blocks=[BlockView.of(b) for b in each.blocks])
                for each in availability.overrides
            ],
            time_off=[TimeOffView.of(off) for off in ahead if off.end > now],
        )


class BookingView(View):
    """What is booked or held. Local times are by the mechanic's clock."""

    session_id: str
    plan: str
    status: BookingStatus = Field(description="`held` while the customer is yet to sign and pay")
    start: Instant
    end: Instant
    buffer_end: Instant = Field(description="Until then nothing else can be booked")
    local_start: str
    local_end: str
    held_until: Instant | None

    @classmethod
    def of(cls, booking: Booking, zone: ZoneInfo) -> "BookingView":
        return cls(
            session_id=booking.session_id,
            plan=booking.plan,
            status=status(booking),
            start=booking.start,
            end=booking.end,
            buffer_end=booking.buffer_end,
            local_start=_local(booking.start, zone),
            local_end=_local(booking.end, zone),
            held_until=booking.held_until,
        )


class BookingList(View):
    """Those that are not over, earliest first."""

    model_config = by_example(
        {
            "items": [
                {
                    "session_id": SESSION_ID,
                    "plan": "standard",
                    "status": "confirmed",
                    **_SLOT,
                    "buffer_end": "2026-03-05T15:55:00.000Z",
                    "held_until": None,
                }
            ],
            "next_cursor": None,
        }
    )

    items: list[BookingView]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Bookings) -> "BookingList":
        zone = ZoneInfo(page.time_zone)
        return cls(
            items=[BookingView.of(booking, zone) for booking in page.items],
            next_cursor=page.cursor,
        )


class SlotView(View):
    """Book its `start`: `scheduled_start` of `POST /intake/start`."""

    start: Instant
    end: Instant
    local_start: str
    local_end: str


class SlotList(View):
    """All slots of the stretch, earliest first: the list has one page. Local times are those of
    `time_zone`."""

    model_config = by_example(
        {
            "mechanic_id": MECHANIC_ID,
            "plan": "standard",
            "time_zone": "America/Toronto",
            "items": [_SLOT],
            "next_cursor": None,
        }
    )

    mechanic_id: str
    plan: str
    time_zone: str
    items: list[SlotView]
    next_cursor: None = None

    @classmethod
    def of(cls, mechanic_id: str, plan: str, time_zone: str, slots: Iterable[Slot]) -> "SlotList":
        zone = ZoneInfo(time_zone)
        return cls(
            mechanic_id=mechanic_id,
            plan=plan,
            time_zone=time_zone,
            items=[
                SlotView(
                    start=slot.start,
                    end=slot.end,
                    local_start=_local(slot.start, zone),
                    local_end=_local(slot.end, zone),
                )
                for slot in slots
            ],
        )
