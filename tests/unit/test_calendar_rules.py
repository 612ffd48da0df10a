"""Availability, slots and what becomes of bookings (domain.md, Calendar)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dispatch.calendar import rules
from dispatch.calendar.model import Availability, Booking, Calendar, Span
from dispatch.core.errors import Conflict, Invalid
from dispatch.policy.model import Policy
from tests.builders import CUSTOMER, ONE_HOUR, ONE_MINUTE, ONE_MS, ONE_SECOND, RIVAL
from tests.calendar_builders import (
    QUARTER,
    TEN,
    TORONTO,
    a_booking,
    a_calendar,
    a_hold,
    an_availability,
    an_override,
    local,
    time_off,
    weekly,
)
from tests.clock import NOON

POLICY = Policy()
ONE_DAY = timedelta(days=1)
MIDNIGHT = local(TORONTO, "2026-07-02", "0:00")
STANDARD = 45


def starts(
    calendar: Calendar,
    bookings: Sequence[Booking] = (),
    *,
    now: datetime = NOON,
    start: datetime = MIDNIGHT,
    end: datetime | None = None,
    minutes: int = STANDARD,
    policy: Policy = POLICY,
) -> list[str]:
    """What the clock in Toronto shows at the starts of the slots of a day."""
    taken = rules.taken(bookings, now, but_for_customer=CUSTOMER)
    found = rules.slots(
        calendar, taken, minutes, policy, now, start=start, end=end or start + ONE_DAY
    )
    return [f"{slot.start.astimezone(ZoneInfo(TORONTO)):%H:%M}" for slot in found]


def spans(availability: Availability, on: str) -> list[str]:
    """The hours worked that touch a date, as UTC and the length."""
    zone = availability.time_zone
    start = local(zone, on, "0:00").astimezone(UTC)
    return [
        f"{span.start:%d %H:%M}+{(span.end - span.start) / ONE_MINUTE:.0f}"
        for span in rules.hours(availability, start, start + ONE_DAY)
        if span.end > start and span.start < start + ONE_DAY
    ]


# Zones


@pytest.mark.parametrize(
    "name", ["America/Toronto", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "EST5EDT", "Cuba"]
)
def test_a_zone_goes_by_its_iana_name(name: str) -> None:
    zone = rules.find_zone(name)
    assert zone is not None
    assert zone.key == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "America",
        "America/",
        "america/Toronto ",
        "Atlantis/Capital",
        "../../etc/passwd",
        "/etc/localtime",
        "localtime",
        "posixrules",
        "Factory",
        "right/America/Toronto",
        "posix/America/Toronto",
        "tzdata.zi",
        "+05:00",
        "America/Toronto\x00",
        "Am\N{LATIN SMALL LETTER E WITH ACUTE}rica/Toronto",
        "\ud800",
        "x" * 300,
    ],
)
def test_what_is_no_zone_is_none(name: str) -> None:
    assert rules.find_zone(name) is None


# Wall clocks


@pytest.mark.parametrize(
    ("zone", "shows", "instant"),
    [
        (TORONTO, "2026-07-01T09:00", "2026-07-01T13:00"),
        (TORONTO, "2026-12-01T09:00", "2026-12-01T14:00"),
        # Spring leaves out 2:00 to 3:00; each of it is 3:00, when it is 7:00 in UTC.
        (TORONTO, "2027-03-14T01:59", "2027-03-14T06:59"),
        (TORONTO, "2027-03-14T02:00", "2027-03-14T07:00"),
        (TORONTO, "2027-03-14T02:30", "2027-03-14T07:00"),
        (TORONTO, "2027-03-14T02:59", "2027-03-14T07:00"),
        (TORONTO, "2027-03-14T03:00", "2027-03-14T07:00"),
        # Autumn repeats 1:00 to 2:00; the first counts.
        (TORONTO, "2026-11-01T01:00", "2026-11-01T05:00"),
        (TORONTO, "2026-11-01T01:59", "2026-11-01T05:59"),
        (TORONTO, "2026-11-01T02:00", "2026-11-01T07:00"),
        # Half an hour on Lord Howe Island, in October and in April.
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30"),
        ("Australia/Lord_Howe", "2027-04-04T01:45", "2027-04-03T14:45"),
        ("Australia/Lord_Howe", "2027-04-04T02:00", "2027-04-03T15:30"),
        ("Asia/Kathmandu", "2026-07-01T09:00", "2026-07-01T03:15"),
        # Midnight itself is left out in Havana.
        ("America/Havana", "2027-03-14T00:00", "2027-03-14T05:00"),
        ("America/Havana", "2027-03-14T00:59", "2027-03-14T05:00"),
        # Samoa went without 30 December 2011.
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00"),
    ],
)
def test_a_time_stands_for_when_the_clock_first_shows_it_or_a_later(
    zone: str, shows: str, instant: str
) -> None:
    shown = rules.first_shown(datetime.fromisoformat(shows), ZoneInfo(zone))
    assert shown == datetime.fromisoformat(f"{instant}:00Z")


def test_on_any_day_the_hours_are_those_of_the_clock() -> None:
    assert spans(an_availability(), "2026-07-02") == ["02 13:00+480"]
    assert spans(an_availability(), "2026-12-02") == ["02 14:00+480"]


@pytest.mark.parametrize(
    ("block", "hours"),
    [
        ("1:00-4:00", ["14 06:00+120"]),
        ("1:00-2:30", ["14 06:00+60"]),  # ends when the clock jumps
        ("2:30-4:00", ["14 07:00+60"]),  # begins then
        ("2:15-2:45", []),  # does not take place
        ("0:00-24:00", ["13 05:00+1440", "14 05:00+1380", "15 04:00+1440"]),
    ],
)
def test_the_hour_that_spring_leaves_out(block: str, hours: list[str]) -> None:
    every_day = an_availability(TORONTO, block)
    if block == "0:00-24:00":
        (span,) = rules.hours(every_day, NOON, NOON)
        assert span.end - span.start == 3 * ONE_DAY
        day = local(TORONTO, "2027-03-14", "0:00").astimezone(UTC)
        only = Availability(TORONTO, weekly([6], block))
        assert rules.hours(only, day, day) == [Span(day, day + 23 * ONE_HOUR)]
    else:
        assert spans(every_day, "2027-03-14") == hours


@pytest.mark.parametrize(
    ("block", "hours"),
    [
        ("0:00-4:00", ["01 04:00+300"]),
        ("0:00-1:30", ["01 04:00+90"]),  # they go when it first shows half past one
        ("1:30-3:00", ["01 05:30+150"]),  # and come then
        ("1:15-1:45", ["01 05:15+30"]),
    ],
)
def test_the_hour_that_autumn_repeats(block: str, hours: list[str]) -> None:
    assert spans(an_availability(TORONTO, block), "2026-11-01") == hours


def test_blocks_that_touch_are_one_stretch_also_around_a_repeated_hour() -> None:
    availability = an_availability(TORONTO, "0:00-1:30", "1:30-4:00")
    assert spans(availability, "2026-11-01") == ["01 04:00+300"]


def test_a_block_may_run_over_midnight() -> None:
    friday_night = Availability(TORONTO, weekly([4], "22:00-2:00"))
    assert spans(friday_night, "2026-07-03") == ["04 02:00+240"]
    assert spans(friday_night, "2026-07-04") == ["04 02:00+240"]
    assert spans(friday_night, "2026-07-05") == []


def test_an_override_takes_the_place_of_what_begins_on_that_date() -> None:
    availability = an_availability(
        TORONTO,
        "22:00-2:00",
        overrides=(an_override("2026-07-03", "9:00-10:00"), an_override("2026-07-04")),
    )
    assert spans(availability, "2026-07-03") == ["03 02:00+240", "03 13:00+60"]
    assert spans(availability, "2026-07-04") == []


# What a mechanic may say


def errors_of(availability: Availability) -> list[str]:
    with pytest.raises(Invalid) as refused:
        rules.check_availability(availability)
    return [error["pointer"] for error in refused.value.members["errors"]]


@pytest.mark.parametrize(
    "availability",
    [
        Availability(),
        an_availability(),
        an_availability(TORONTO, "0:00-24:00"),
        an_availability(TORONTO, "9:00-12:00", "12:00-17:00"),
        an_availability(TORONTO, "22:00-2:00", "2:00-9:00"),
        Availability(weekly=weekly([6], "22:00-2:00") + weekly([0], "2:00-9:00")),
        an_availability(overrides=(an_override("2026-07-03"), an_override("2026-07-04"))),
        an_availability(TORONTO, "22:00-2:00", overrides=(an_override("2026-07-03", "2:00-4:00"),)),
        an_availability(overrides=(an_override("2026-07-03", "0:00-24:00"),)),
    ],
)
def test_blocks_may_touch(availability: Availability) -> None:
    rules.check_availability(availability)


@pytest.mark.parametrize(
    ("week", "wrong"),
    [
        (weekly([0], "9:00-12:00", "11:59-13:00"), ["/weekly/1"]),
        (weekly([0], "11:59-13:00", "9:00-12:00"), ["/weekly/1"]),
        (weekly([0], "9:00-17:00", "9:00-17:00"), ["/weekly/1"]),
        (weekly([0], "9:00-17:00", "10:00-11:00", "12:00-13:00"), ["/weekly/1", "/weekly/2"]),
        (weekly([0], "22:00-2:00") + weekly([1], "1:59-9:00"), ["/weekly/1"]),
        (weekly([0], "1:59-9:00") + weekly([6], "22:00-2:00"), ["/weekly/1"]),
        (weekly([6], "22:00-2:00") + weekly([0], "0:00-24:00"), ["/weekly/1"]),
    ],
)
def test_blocks_of_the_week_that_overlap_are_pointed_at(week: Any, wrong: list[str]) -> None:
    assert errors_of(Availability(weekly=week)) == wrong


@pytest.mark.parametrize(
    ("overrides", "wrong"),
    [
        ((("2026-07-03",), ("2026-07-03",)), ["/overrides/1/date"]),
        ((("2026-07-03", "9:00-12:00", "11:00-13:00"),), ["/overrides/0/blocks/1"]),
        ((("2026-07-03", "23:00-9:01"),), ["/overrides/0/blocks/0"]),  # into the weekly one
        (
            (("2026-07-03", "23:00-2:00"), ("2026-07-04", "1:00-3:00")),
            ["/overrides/0/blocks/0", "/overrides/1/blocks/0"],
        ),
    ],
)
def test_blocks_of_dates_that_overlap_are_pointed_at(overrides: Any, wrong: list[str]) -> None:
    dated = tuple(an_override(*each) for each in overrides)
    assert errors_of(an_availability(overrides=dated)) == wrong


def test_an_override_may_stand_where_a_weekly_block_would_overlap() -> None:
    """Of that date the weekly block does not count."""
    night = an_availability(TORONTO, "9:00-17:00", overrides=(an_override("2026-07-03"),))
    rules.check_availability(
        replace(night, overrides=(an_override("2026-07-02", "20:00-16:00"), *night.overrides))
    )


def test_availability_is_replaced_under_the_version_that_was_read() -> None:
    after = rules.with_availability(a_calendar(version=4), an_availability("UTC"), 4)
    assert (after.version, after.availability.time_zone, after.revision) == (5, "UTC", 1)
    for version in (0, 3, 5):
        with pytest.raises(Conflict) as refused:
            rules.with_availability(a_calendar(version=4), an_availability(), version)
        assert refused.value.reason == "stale_version"


def test_availability_that_overlaps_replaces_nothing() -> None:
    with pytest.raises(Invalid):
        rules.with_availability(a_calendar(), an_availability(TORONTO, "1:00-3:00", "2:00-4:00"), 1)


# Time off


def test_time_off_is_added_and_what_is_over_forgotten() -> None:
    over = time_off(NOON - ONE_HOUR, NOON, "over")
    lasts = time_off(NOON - ONE_HOUR, NOON + ONE_MS, "lasts")
    calendar = a_calendar(time_off=(over, lasts), version=7)
    after = rules.with_time_off(calendar, time_off(TEN, TEN + ONE_HOUR, "new"), (), NOON)
    assert [each.id for each in after.time_off] == ["lasts", "new"]
    assert after.version == 8


@pytest.mark.parametrize(
    ("start", "end", "is_inside"),
    [
        (TEN - ONE_HOUR, TEN, False),
        (TEN - ONE_HOUR, TEN + ONE_MS, True),
        (TEN + ONE_MINUTE, TEN + 2 * ONE_MINUTE, True),
        (TEN + 54 * ONE_MINUTE, TEN + ONE_HOUR, True),  # its buffer
        (TEN + 55 * ONE_MINUTE, TEN + ONE_HOUR, False),
    ],
)
def test_no_time_off_where_something_is_booked_or_held(
    start: datetime, end: datetime, is_inside: bool
) -> None:
    for booking, status in ((a_booking(), "confirmed"), (a_hold(), "held")):
        off = time_off(start, end)
        if not is_inside:
            assert rules.with_time_off(a_calendar(), off, [booking], NOON).time_off == (off,)
            continue
        with pytest.raises(Conflict) as refused:
            rules.with_time_off(a_calendar(), off, [booking], NOON)
        assert refused.value.reason == "bookings_inside"
        assert refused.value.members["bookings"] == [
            {
                "session_id": booking.session_id,
                "status": status,
                "start": "2026-07-02T14:00:00.000Z",
                "end": "2026-07-02T14:45:00.000Z",
            }
        ]


def test_a_hold_that_has_lapsed_is_not_in_the_way_of_time_off() -> None:
    off = time_off(TEN, TEN + ONE_HOUR)
    assert rules.with_time_off(a_calendar(), off, [a_hold()], NOON + QUARTER).time_off == (off,)


def test_time_off_is_ended_by_its_id() -> None:
    calendar = a_calendar(time_off=(time_off(TEN, TEN + ONE_HOUR, "a"),), version=2)
    after = rules.without_time_off(calendar, "a")
    assert after
    assert (after.time_off, after.version) == ((), 3)
    assert rules.without_time_off(calendar, "b") is None


# Slots


def test_slots_start_every_quarter_of_an_hour_and_fit_with_their_buffer() -> None:
    found = starts(a_calendar("9:00-11:00"))
    assert found == ["09:00", "09:15", "09:30", "09:45", "10:00"]
    assert starts(a_calendar("9:00-11:00"), minutes=60)[-1] == "09:45"
    assert starts(a_calendar("9:00-11:00"), minutes=15)[-1] == "10:30"


def test_the_buffer_lies_within_the_hours() -> None:
    assert starts(a_calendar("9:00-9:55")) == ["09:00"]
    assert starts(a_calendar("9:00-9:54")) == []


def test_slots_start_on_quarters_wherever_the_hours_begin() -> None:
    assert starts(a_calendar("9:01-11:00")) == ["09:15", "09:30", "09:45", "10:00"]


def test_a_slot_tells_its_minutes_without_the_buffer() -> None:
    slot = next(rules.slots(a_calendar(), (), STANDARD, POLICY, NOON, start=TEN, end=TEN + QUARTER))
    assert (slot.start, slot.end) == (TEN, TEN + 45 * ONE_MINUTE)


def test_the_end_asked_for_is_not_a_start() -> None:
    """So that neighbouring stretches share none."""
    assert starts(a_calendar(), start=TEN, end=TEN + QUARTER) == ["10:00"]
    assert starts(a_calendar(), start=TEN, end=TEN) == []
    assert starts(a_calendar(), start=TEN, end=TEN + QUARTER + ONE_SECOND) == ["10:00", "10:15"]


def test_a_slot_is_at_least_two_hours_ahead() -> None:
    early = TEN - 2 * ONE_HOUR
    assert starts(a_calendar(), now=early)[0] == "10:00"
    assert starts(a_calendar(), now=early + ONE_MS)[0] == "10:15"


def test_a_slot_is_at_most_sixty_days_ahead() -> None:
    at = TEN + 60 * ONE_DAY
    for now, found in ((TEN, ["10:00"]), (TEN - ONE_MS, [])):
        assert starts(a_calendar(), now=now, start=at, end=at + QUARTER) == found


def test_time_off_takes_slots_and_their_buffers() -> None:
    off = (time_off(TEN, TEN + ONE_MINUTE),)
    found = starts(a_calendar("9:00-12:00", time_off=off))
    assert found == ["09:00", "10:15", "10:30", "10:45", "11:00"]


def test_a_booking_takes_every_quarter_that_it_touches_with_its_buffer() -> None:
    """From 10:00 to 10:55: up to 11:00. From 10:00 to 10:40: up to 10:45."""
    at_ten = starts(a_calendar("9:00-13:00"), [a_booking()])
    assert at_ten == ["09:00", "11:00", "11:15", "11:30", "11:45", "12:00"]
    quick = starts(a_calendar("9:00-12:00"), [a_booking(minutes=30)])
    assert quick == ["09:00", "10:45", "11:00"]


def test_a_hold_is_in_the_way_of_others_until_it_lapses_and_never_of_its_owner() -> None:
    calendar = a_calendar("10:00-11:00")
    others, own = a_hold(customer_id=RIVAL), a_hold()
    assert starts(calendar, [others]) == []
    assert starts(calendar, [others], now=NOON + QUARTER - ONE_MS) == []
    assert starts(calendar, [others], now=NOON + QUARTER) == ["10:00"]
    assert starts(calendar, [own]) == ["10:00"]


def test_a_confirmed_booking_is_in_the_way_of_its_owner_too() -> None:
    assert starts(a_calendar("10:00-11:00"), [a_booking()]) == []


def test_nothing_said_nothing_to_book() -> None:
    assert starts(a_calendar(availability=Availability())) == []


@pytest.mark.parametrize("year", [1, 1970, 9999])
def test_stretches_far_away_have_no_slots(year: int) -> None:
    far = datetime(year, 6, 1, tzinfo=UTC)
    assert starts(a_calendar(), start=far, end=far + ONE_DAY) == []


def test_numbers_of_the_policy_count() -> None:
    policy = replace(POLICY, buffer_s=0, notice_s=0, horizon_s=3600)
    assert starts(a_calendar("9:00-11:00"), policy=policy, now=TEN) == ["10:00", "10:15"]


# Whether a start is a slot


def why_not(start: datetime, bookings: Sequence[Booking] = (), **fields: Any) -> str:
    with pytest.raises((Invalid, Conflict)) as refused:
        rules.check_slot(
            a_calendar("9:00-12:00", **fields), bookings, STANDARD, POLICY, NOON, start
        )
    if isinstance(refused.value, Conflict):
        return refused.value.reason
    (error,) = refused.value.members["errors"]
    assert error["pointer"] == "/scheduled_start"
    return str(error["detail"])


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (TEN + ONE_SECOND, "must be a full quarter of an hour"),
        (TEN + ONE_MINUTE, "must be a full quarter of an hour"),
        (NOON + 2 * ONE_HOUR - QUARTER, "must be at least 2 hours ahead"),
        (NOON - ONE_HOUR, "must be at least 2 hours ahead"),
        (NOON + 60 * ONE_DAY + QUARTER, "must be at most 60 days ahead"),
        (TEN - ONE_HOUR - QUARTER, "is not within the mechanic's hours"),
        (TEN + ONE_HOUR + QUARTER, "is not within the mechanic's hours"),
    ],
)
def test_a_start_that_never_was_a_slot_is_invalid(start: datetime, why: str) -> None:
    assert why_not(start) == why


def test_a_start_that_is_no_slot_any_more_is_taken() -> None:
    assert why_not(TEN, [a_booking(TEN + 45 * ONE_MINUTE)]) == "slot_taken"
    assert why_not(TEN, [a_hold()]) == "slot_taken"
    off = (time_off(TEN + 54 * ONE_MINUTE, TEN + ONE_HOUR),)
    assert why_not(TEN, time_off=off) == "slot_taken"


def test_a_start_that_is_a_slot_is_not_refused() -> None:
    for start in (TEN - ONE_HOUR, TEN, TEN + ONE_HOUR):
        rules.check_slot(a_calendar("9:00-12:00"), (), STANDARD, POLICY, NOON, start)


@pytest.mark.parametrize(
    ("notice_s", "words"),
    [(86_400, "86400 seconds"), (172_800, "2 days"), (5400, "90 minutes"), (61, "61 seconds")],
)
def test_numbers_are_told_in_words(notice_s: int, words: str) -> None:
    policy = replace(POLICY, notice_s=notice_s)
    with pytest.raises(Invalid, match=f"at least {words.replace('86400 seconds', '24 hours')}"):
        rules.check_slot(a_calendar(), (), STANDARD, policy, NOON, NOON)


# Bookings


@pytest.mark.parametrize(
    ("minutes", "count"), [(15, 2), (30, 3), (35, 3), (45, 4), (50, 4), (51, 5), (60, 5)]
)
def test_a_booking_touches_the_quarters_of_its_minutes_and_buffer(minutes: int, count: int) -> None:
    booking = a_booking(minutes=minutes)
    found = rules.buckets(booking.start, booking.buffer_end)
    assert found == [TEN + n * QUARTER for n in range(count)]


def test_a_hold_lasts_fifteen_minutes() -> None:
    plan = POLICY.plan("standard")
    assert plan
    held = rules.hold(
        mechanic_id="m",
        session_id="s",
        customer_id="c",
        plan=plan,
        start=TEN,
        policy=POLICY,
        now=NOON,
    )
    assert (held.end - TEN, held.buffer_end - TEN) == (45 * ONE_MINUTE, 55 * ONE_MINUTE)
    assert (held.held_until, held.version, held.minutes) == (NOON + QUARTER, 1, 45)
    assert rules.status(held) == "held"


def test_a_hold_is_confirmed_up_to_but_not_at_its_deadline() -> None:
    confirmed = rules.confirm(a_hold(), NOON + QUARTER - ONE_MS)
    assert (confirmed.held_until, confirmed.version) == (None, 2)
    assert rules.status(confirmed) == "confirmed"
    with pytest.raises(Conflict) as refused:
        rules.confirm(a_hold(), NOON + QUARTER)
    assert refused.value.reason == "slot_taken"


def test_a_move_keeps_length_and_hold_and_counts() -> None:
    moved = rules.move(a_hold(minutes=30, version=3), TEN + ONE_HOUR, POLICY)
    assert moved == a_hold(TEN + ONE_HOUR, minutes=30, version=4)


def test_the_next_booking_is_the_earliest_that_counts_and_has_not_begun() -> None:
    later = a_booking(TEN + ONE_HOUR)
    assert rules.next_booking_at([], NOON) is None
    assert rules.next_booking_at([later, a_hold()], NOON) == TEN
    assert rules.next_booking_at([later, a_hold()], NOON + QUARTER) == later.start
    assert rules.next_booking_at([rules.begin(a_booking()), later], NOON) == later.start
