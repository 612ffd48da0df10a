"""What slots are measured against, and tested against: every minute looked at, one by one.

Written for being obvious, not by the rules under test: the mechanic's clock is read at every
minute; they come when it first shows the beginning of a block, and go when it first shows its end.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dispatch.calendar.model import Availability, Booking, Calendar
from dispatch.policy.model import Policy

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def slots(
    calendar: Calendar,
    bookings: Sequence[Booking],
    customer_id: str,
    minutes: int,
    policy: Policy,
    now: datetime,
    start: datetime,
    end: datetime,
) -> list[tuple[datetime, datetime]]:
    """Beginnings and ends of the slots that start from ``start`` up to, not including, ``end``."""
    start = max(start, now)
    end = max(start, min(end, now + timedelta(seconds=policy.horizon_s) + MINUTE))
    working = set(_minutes_worked(calendar.availability, start, end + DAY))
    taken = set(_minutes_taken(bookings, customer_id, now))
    found = []
    at = _whole_minute(start)
    while at < end:
        needed = [at + n * MINUTE for n in range(minutes + policy.buffer_s // 60)]
        if (
            at.minute % 15 == 0
            and at >= start
            and at - now >= timedelta(seconds=policy.notice_s)
            and at - now <= timedelta(seconds=policy.horizon_s)
            and all(minute in working and minute not in taken for minute in needed)
            and not any(
                off.start < minute + MINUTE and minute < off.end
                for off in calendar.time_off
                for minute in needed
            )
        ):
            found.append((at, at + minutes * MINUTE))
        at += MINUTE
    return found


def _whole_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _minutes_worked(
    availability: Availability, start: datetime, end: datetime
) -> Iterator[datetime]:
    zone = ZoneInfo(availability.time_zone)
    at = _whole_minute(start) - 3 * DAY
    day = at.astimezone(zone).date() + DAY
    to_come = []
    while day <= end.astimezone(zone).date() + DAY:
        midnight = datetime.combine(day, time.min)
        dated = [o.blocks for o in availability.overrides if o.date == day]
        weekly = [w.block for w in availability.weekly if w.weekday == day.weekday()]
        for block in dated[0] if dated else weekly:
            begins = midnight + block.start_min * MINUTE
            to_come.append((begins, midnight + block.end_min * MINUTE))
        day += DAY
    present = []
    while at < end:
        clock = at.astimezone(zone).replace(tzinfo=None)
        present += [block for block in to_come if block[0] <= clock]
        to_come = [block for block in to_come if block[0] > clock]
        present = [block for block in present if block[1] > clock]
        if present:
            yield at
        at += MINUTE


def _minutes_taken(
    bookings: Sequence[Booking], customer_id: str, now: datetime
) -> Iterator[datetime]:
    """Every minute of every quarter of an hour that somebody else's booking touches."""
    for booking in bookings:
        held = booking.held_until
        if held is not None and (held <= now or booking.customer_id == customer_id):
            continue
        at = _whole_minute(booking.start.astimezone(UTC))
        while at < booking.buffer_end:
            first = at.replace(minute=at.minute // 15 * 15)
            yield from (first + n * MINUTE for n in range(15))
            at += MINUTE
