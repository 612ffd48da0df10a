"""Slots, and what becomes of bookings (``domain.md``, Calendar). Pure.

**Wall clocks.** Availability is written by the mechanic's clock. A time of day stands for the first
instant at which that clock shows it or a later one. So a block that begins within the hour which
spring leaves out begins when the clock has jumped, one that ends there ends at the jump, and one
within it does not take place; of an hour that autumn repeats the first pass counts. A mechanic
comes when the clock first shows the beginning and goes when it first shows the end: every block is
one stretch, and blocks that do not overlap on paper never do.

**Buffers.** The buffer belongs to the booking: plan minutes and buffer together have to lie within
the availability, outside time off and outside all quarter hours that others have taken.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dispatch.calendar.model import (
    QUARTER,
    Availability,
    Block,
    Booking,
    BookingStatus,
    Calendar,
    Slot,
    Span,
    TimeOff,
)
from dispatch.core.errors import Conflict, FieldError, Invalid
from dispatch.core.time import format_time
from dispatch.policy.model import Plan, Policy

ONE_DAY = timedelta(days=1)
LOOKED_BACK = ONE_DAY
"""No booking is longer: what still matters at an instant has started within this before it."""

MAX_STRETCH = timedelta(days=31)
"""Of what slots can be asked for at once."""
MAX_TIME_OFF = 100
"""That a mechanic has ahead."""

_USUAL_STRETCH = timedelta(days=7)
_DAY_MIN = 24 * 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)

# Zones


@lru_cache(64)
def find_zone(name: str) -> ZoneInfo | None:
    """The IANA zone of that name; None where there is none, or one with leap seconds of its own."""
    if name.startswith(("right/", "posix/")) or name in ("localtime", "posixrules", "Factory"):
        return None
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return None


def zone_of(availability: Availability) -> ZoneInfo:
    return ZoneInfo(availability.time_zone)


def first_shown(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which a clock of the zone shows this time (without zone) or a later."""
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if _shown(instant, zone) == wall:
        return instant
    # The clock leaves it out: it jumps between what the offset after and that before make of it.
    before, after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), instant
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if _shown(middle, zone) >= wall:
            after = middle
        else:
            before = middle
    return after


# Availability


def blocks_on(availability: Availability, day: date) -> tuple[Block, ...]:
    """The blocks that begin on this date."""
    for override in availability.overrides:
        if override.date == day:
            return override.blocks
    weekday = day.weekday()
    return tuple(weekly.block for weekly in availability.weekly if weekly.weekday == weekday)


def hours(availability: Availability, start: datetime, end: datetime) -> list[Span]:
    """When the mechanic works: all that touches the stretch, in order, neighbours made one."""
    zone = zone_of(availability)
    overrides = {override.date: override.blocks for override in availability.overrides}
    weekly: list[list[Block]] = [[] for _ in range(7)]
    for each in availability.weekly:
        weekly[each.weekday].append(each.block)
    day = start.astimezone(zone).date() - ONE_DAY
    last = end.astimezone(zone).date() + ONE_DAY
    spans = []
    while day <= last:
        blocks = overrides.get(day, weekly[day.weekday()])
        spans += [_span(day, block, zone) for block in blocks]
        day += ONE_DAY
    return _merged(spans)


def _span(day: date, block: Block, zone: ZoneInfo) -> Span:
    midnight = datetime.combine(day, time.min)
    return Span(
        first_shown(midnight + timedelta(minutes=block.start_min), zone),
        first_shown(midnight + timedelta(minutes=block.end_min), zone),
    )


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(span for span in spans if span.start < span.end):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def _minus(spans: Sequence[Span], taken: Sequence[Span]) -> Iterator[Span]:
    """What is left of ``spans``; both are in order and without overlaps."""
    behind = 0
    for start, end in spans:
        while behind < len(taken) and taken[behind].end <= start:
            behind += 1
        for cut in taken[behind:]:
            if cut.start >= end:
                break
            if cut.start > start:
                yield Span(start, cut.start)
            start = max(start, cut.end)
        if start < end:
            yield Span(start, end)


def check_availability(availability: Availability) -> None:
    """Raises Invalid with a pointer to each block that overlaps one before it, and each date that
    comes twice. Blocks may touch; that of a Sunday may run into Monday.
    """
    errors = [*_overlaps_of_the_week(availability), *_overlaps_of_dates(availability)]
    if errors:
        raise Invalid(sorted(errors, key=lambda error: error.pointer))


def _overlaps_of_the_week(availability: Availability) -> Iterator[FieldError]:
    seen: list[Block] = []
    for number, weekly in enumerate(availability.weekly):
        block = _shifted(weekly.block, weekly.weekday)
        if any(_overlap(block, _shifted(other, days)) for other in seen for days in (-7, 0, 7)):
            yield FieldError(f"/weekly/{number}", "overlaps another block of the week")
        seen.append(block)


def _overlaps_of_dates(availability: Availability) -> Iterator[FieldError]:
    seen = set[date]()
    for number, override in enumerate(availability.overrides):
        at = f"/overrides/{number}"
        if override.date in seen:
            yield FieldError(f"{at}/date", "comes twice")
            continue
        seen.add(override.date)
        others = [
            _shifted(block, days)
            for days in (-1, 1)
            for block in blocks_on(availability, override.date + days * ONE_DAY)
        ]
        for position, block in enumerate(override.blocks):
            if any(_overlap(block, other) for other in others):
                detail = "overlaps another block, of this date or of one beside it"
                yield FieldError(f"{at}/blocks/{position}", detail)
            others.append(block)


def _shifted(block: Block, days: int) -> Block:
    return Block(block.start_min + days * _DAY_MIN, block.end_min + days * _DAY_MIN)


def _overlap(one: Block, other: Block) -> bool:
    return one.start_min < other.end_min and other.start_min < one.end_min


def stretch(
    zone: ZoneInfo, start: datetime | date | None, end: datetime | date | None, now: datetime
) -> Span:
    """What is asked for by instants or by days of a zone, the last day included; from now on, and
    for a week, unless said. Raises Invalid for one that is empty or longer than 31 days.
    """
    begins = now if start is None else _instant(start, zone)
    if end is None:
        return Span(begins, begins + _USUAL_STRETCH)
    ends = _instant(end, zone) if isinstance(end, datetime) else _instant(end + ONE_DAY, zone)
    if ends <= begins:
        raise Invalid.field("/to", "must be after from")
    by_the_clock = _shown(ends, zone) - _shown(begins, zone)
    if min(ends - begins, by_the_clock) > MAX_STRETCH:
        raise Invalid.field("/to", f"must be at most {MAX_STRETCH.days} days after from")
    return Span(begins, ends)


def _instant(at: datetime | date, zone: ZoneInfo) -> datetime:
    return at if isinstance(at, datetime) else first_shown(datetime.combine(at, time.min), zone)


def _shown(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


# Bookings


def shortest(policy: Policy) -> timedelta:
    """Whoever has less time than this cannot take any session."""
    return length(policy.shortest_plan.minutes, policy)


def is_quarter(start: datetime) -> bool:
    return (start - _EPOCH) % QUARTER == timedelta(0)


def _next_quarter(instant: datetime) -> datetime:
    return instant + (_EPOCH - instant) % QUARTER


def length(minutes: int, policy: Policy) -> timedelta:
    """What a session of so many minutes takes of a calendar."""
    return timedelta(minutes=minutes, seconds=policy.buffer_s)


def horizon(policy: Policy, now: datetime) -> datetime:
    """The last instant at which a booking may start."""
    return now + timedelta(seconds=policy.horizon_s)


def is_live(booking: Booking, now: datetime) -> bool:
    """Whether it counts: confirmed, or held up to but not at its deadline."""
    return booking.held_until is None or now < booking.held_until


def status(booking: Booking) -> BookingStatus:
    return BookingStatus.CONFIRMED if booking.held_until is None else BookingStatus.HELD


def buckets(start: datetime, buffer_end: datetime) -> list[datetime]:
    """The quarter hours that a booking touches, its buffer included."""
    found = []
    while start < buffer_end:
        found.append(start)
        start += QUARTER
    return found


def taken(
    bookings: Iterable[Booking], now: datetime, *, but_for_customer: str | None = None
) -> list[Booking]:
    """Those in the way at ``now``. Their own hold is in nobody's way."""
    return [
        booking
        for booking in bookings
        if is_live(booking, now)
        and (booking.held_until is None or booking.customer_id != but_for_customer)
    ]


def overlapping(bookings: Iterable[Booking], start: datetime, end: datetime) -> list[Booking]:
    """Those that share time, buffers included, with the stretch."""
    return [b for b in bookings if b.start < end and start < b.buffer_end]


def next_booking_at(bookings: Iterable[Booking], now: datetime) -> datetime | None:
    """The start of the earliest that counts and was not dealt with."""
    return min((b.start for b in bookings if is_live(b, now) and not b.has_begun), default=None)


# Slots


def slots(
    calendar: Calendar,
    in_the_way: Iterable[Booking],
    minutes: int,
    policy: Policy,
    now: datetime,
    *,
    start: datetime,
    end: datetime,
) -> Iterator[Slot]:
    """The slots that start within the stretch, earliest first: long enough, free, neither too soon
    nor too far ahead.
    """
    first = max(start, now + timedelta(seconds=policy.notice_s))
    last = min(end, horizon(policy, now))
    if first > last:
        return
    needs, lasts = length(minutes, policy), timedelta(minutes=minutes)
    free = _minus(hours(calendar.availability, first, last + needs), _closed(calendar, in_the_way))
    for span in free:
        at = _next_quarter(max(span.start, first))
        while at + needs <= span.end and at <= last and at < end:
            yield Slot(at, at + lasts)
            at += QUARTER
        if at > last:
            return


def _closed(calendar: Calendar, in_the_way: Iterable[Booking]) -> list[Span]:
    """Time off, and the whole quarter hours that bookings touch."""
    spans = [Span(off.start, off.end) for off in calendar.time_off]
    spans += [Span(b.start, _next_quarter(b.buffer_end)) for b in in_the_way]
    return _merged(spans)


def check_slot(
    calendar: Calendar,
    in_the_way: Sequence[Booking],
    minutes: int,
    policy: Policy,
    now: datetime,
    start: datetime,
) -> None:
    """Raises Invalid for a start that never was a slot, Conflict ``slot_taken`` for one that is no
    more, by a booking, a hold or time off.
    """
    if why := _never_a_slot(calendar, minutes, policy, now, start):
        raise Invalid.field("/scheduled_start", why)
    found = slots(calendar, in_the_way, minutes, policy, now, start=start, end=start + QUARTER)
    if next(found, None) is None:
        raise slot_taken()


def slot_taken() -> Conflict:
    return Conflict("slot_taken", "This time is taken. Choose another slot.")


def _never_a_slot(
    calendar: Calendar, minutes: int, policy: Policy, now: datetime, start: datetime
) -> str | None:
    if not is_quarter(start):
        return "must be a full quarter of an hour"
    if start < now + timedelta(seconds=policy.notice_s):
        return f"must be at least {_in_words(policy.notice_s)} ahead"
    if start > horizon(policy, now):
        return f"must be at most {_in_words(policy.horizon_s)} ahead"
    end = start + length(minutes, policy)
    worked = hours(calendar.availability, start, end)
    if not any(span.start <= start and end <= span.end for span in worked):
        return "is not within the mechanic's hours"
    return None


def _in_words(seconds: int) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds % size == 0 and seconds > size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


# What becomes of a booking


def hold(
    *,
    mechanic_id: str,
    session_id: str,
    customer_id: str,
    plan: Plan,
    start: datetime,
    policy: Policy,
    now: datetime,
) -> Booking:
    """Kept for the customer while they sign and pay."""
    return Booking(
        mechanic_id=mechanic_id,
        session_id=session_id,
        customer_id=customer_id,
        plan=plan.id,
        start=start,
        end=start + timedelta(minutes=plan.minutes),
        buffer_end=start + length(plan.minutes, policy),
        held_until=now + timedelta(seconds=policy.hold_s),
    )


def confirm(booking: Booking, now: datetime) -> Booking:
    """The hold becomes a booking. Raises Conflict ``slot_taken`` once the hold has lapsed."""
    if not is_live(booking, now):
        raise slot_taken()
    return replace(booking, held_until=None, version=booking.version + 1)


def move(booking: Booking, start: datetime, policy: Policy) -> Booking:
    """As long as it was, held as it was."""
    minutes = booking.end - booking.start
    return replace(
        booking,
        start=start,
        end=start + minutes,
        buffer_end=start + minutes + timedelta(seconds=policy.buffer_s),
        has_begun=False,
        version=booking.version + 1,
    )


def begin(booking: Booking) -> Booking:
    return replace(booking, has_begun=True, version=booking.version + 1)


# What a mechanic changes


def with_availability(calendar: Calendar, availability: Availability, version: int) -> Calendar:
    """Replaced as a whole. Raises Conflict ``stale_version`` unless it is the one they have read,
    Invalid for what overlaps. What is booked stays booked.
    """
    if version != calendar.version:
        raise Conflict(
            "stale_version",
            "Your availability has changed since you read it. Read it again.",
        )
    check_availability(availability)
    return replace(calendar, availability=availability, version=calendar.version + 1)


def with_time_off(
    calendar: Calendar, time_off: TimeOff, bookings: Iterable[Booking], now: datetime
) -> Calendar:
    """Time off more; what is over is forgotten. It may overlap other time off.

    Raises Invalid for what is over or too much, Conflict ``bookings_inside`` with the bookings and
    holds, buffers included, that share time with it and have not begun.
    """
    kept = tuple(each for each in calendar.time_off if each.end > now)
    if time_off.end <= now:
        raise Invalid.field("/end", "is over")
    if len(kept) >= MAX_TIME_OFF:
        raise Invalid.field("", f"is too much: you have {MAX_TIME_OFF} stretches of it ahead")
    ahead = (booking for booking in taken(bookings, now) if not booking.has_begun)
    inside = overlapping(ahead, max(time_off.start, now), time_off.end)
    if inside:
        raise Conflict(
            "bookings_inside",
            "You have bookings in this time. Cancel them first, or take other time off.",
            bookings=[_told(booking) for booking in inside],
        )
    return replace(calendar, time_off=(*kept, time_off), version=calendar.version + 1)


def _told(booking: Booking) -> dict[str, str]:
    return {
        "session_id": booking.session_id,
        "status": status(booking),
        "start": format_time(booking.start),
        "end": format_time(booking.end),
    }


def without_time_off(calendar: Calendar, time_off_id: str) -> Calendar | None:
    """None where there is no such time off."""
    kept = tuple(each for each in calendar.time_off if each.id != time_off_id)
    if len(kept) == len(calendar.time_off):
        return None
    return replace(calendar, time_off=kept, version=calendar.version + 1)
