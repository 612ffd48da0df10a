"""Slots are what a slow, obvious reference finds that looks at every minute, whatever is said."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import by_minute
from dispatch.calendar import rules
from dispatch.calendar.model import (
    QUARTER,
    Availability,
    Block,
    Booking,
    Calendar,
    Override,
    TimeOff,
    WeeklyBlock,
)
from dispatch.core.errors import Conflict, Invalid
from dispatch.policy.model import Policy
from tests.builders import CUSTOMER, MECHANIC, RIVAL

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

CHANGES = {
    "America/Toronto": ["2026-11-01T06:00", "2027-03-14T07:00"],
    "America/St_Johns": ["2026-11-01T04:30", "2027-03-14T05:30"],
    "America/Havana": ["2026-11-01T05:00", "2027-03-14T05:00"],
    "America/Santiago": ["2026-09-06T04:00", "2027-04-04T03:00"],
    "America/Nuuk": ["2026-10-25T01:00", "2027-03-28T01:00"],
    "Europe/London": ["2026-10-25T01:00", "2027-03-28T01:00"],
    "Europe/Dublin": ["2026-10-25T01:00"],
    "Africa/Casablanca": ["2027-02-07T02:00", "2027-03-14T02:00"],
    "Asia/Beirut": ["2026-10-24T21:00", "2027-03-27T22:00"],
    "Asia/Kathmandu": ["2026-11-01T06:00"],
    "Australia/Lord_Howe": ["2026-10-03T15:30", "2027-04-03T15:00"],
    "Pacific/Chatham": ["2026-09-26T14:00", "2027-04-03T14:00"],
    "Antarctica/Troll": ["2026-10-25T01:00", "2027-03-28T01:00"],
    "Pacific/Apia": ["2011-12-30T10:00"],
    "UTC": ["2026-11-01T06:00"],
}
"""Instants at which clocks are put forward or back: where there is something to be wrong about."""


class Said(random.Random):
    """A random mechanic, in few enough words that blocks, bookings and changes of clocks meet."""

    def availability(self, zone: str, around: datetime) -> Availability:
        return Availability(
            zone,
            tuple(WeeklyBlock(self.randrange(7), self.block()) for _ in range(self.randrange(12))),
            tuple(self.override(zone, around, n) for n in self.sample(range(-2, 3), 2)),
        )

    def block(self) -> Block:
        """Half of them about where clocks change, most of them in the early morning."""
        if self.random() < 0.5:
            start = self.randrange(0, 180, 15)
            return Block(start, start + self.randrange(15, 240, 15))
        start = self.randrange(0, 24 * 60, 5)
        return Block(start, start + self.randrange(5, 24 * 60 + 1, 5))

    def override(self, zone: str, around: datetime, days: int) -> Override:
        on = around.astimezone(ZoneInfo(zone)).date() + days * DAY
        return Override(on, tuple(self.block() for _ in range(self.randrange(3))))

    def booking(self, around: datetime, now: datetime) -> Booking:
        start = around.replace(minute=0) + self.randrange(-200, 200) * QUARTER
        minutes = self.choice([15, 30, 45, 60])
        until = self.choice([None, None, now, now + MINUTE, now - MINUTE])
        return Booking(
            mechanic_id=MECHANIC,
            session_id=f"session-{self.random()}",
            customer_id=self.choice([CUSTOMER, RIVAL]),
            plan="any",
            start=start,
            end=start + minutes * MINUTE,
            buffer_end=start + (minutes + self.choice([0, 10, 30])) * MINUTE,
            held_until=until,
        )

    def time_off(self, around: datetime) -> TimeOff:
        start = around + timedelta(seconds=self.randrange(-100_000, 100_000))
        return TimeOff("off", start, start + timedelta(seconds=self.randrange(1, 20_000)))

    def policy(self) -> Policy:
        return Policy(
            buffer_s=60 * self.choice([0, 5, 10, 10, 30]),
            notice_s=self.choice([0, 7200, 7200, 86_400]),
            horizon_s=self.choice([3600, 100_000, 172_800, 5_184_000]),
        )


def compare(seed: int) -> int:
    """The number of slots, found in both ways."""
    said = Said(seed)
    zone = said.choice(sorted(CHANGES))
    around = datetime.fromisoformat(said.choice(CHANGES[zone])).replace(tzinfo=UTC)
    now = around - timedelta(seconds=said.randrange(-20_000, 200_000))
    start = now + timedelta(seconds=said.choice([-9000, 0, 7200, said.randrange(180_000)]))
    end = start + timedelta(seconds=said.randrange(1, 120_000))
    calendar = Calendar(
        mechanic_id=MECHANIC,
        availability=said.availability(zone, around),
        time_off=tuple(said.time_off(around) for _ in range(said.randrange(3))),
    )
    bookings = [said.booking(around, now) for _ in range(said.randrange(12))]
    policy, minutes = said.policy(), said.choice([15, 30, 45, 60])

    in_the_way = rules.taken(bookings, now, but_for_customer=CUSTOMER)
    found = [
        (slot.start, slot.end)
        for slot in rules.slots(calendar, in_the_way, minutes, policy, now, start=start, end=end)
    ]
    expected = by_minute.slots(calendar, bookings, CUSTOMER, minutes, policy, now, start, end)
    assert found == expected
    return len(found)


@given(st.integers(0, 2**32))
@settings(max_examples=60)
def test_slots_are_those_of_the_reference(seed: int) -> None:
    compare(seed)


@pytest.mark.long
def test_slots_are_those_of_the_reference_at_length() -> None:
    assert sum(compare(seed) for seed in range(1500)) > 1500


def test_the_reference_has_something_to_say() -> None:
    """Of the random mechanics enough have slots."""
    assert sum(compare(seed) > 0 for seed in range(40)) > 12


@pytest.mark.parametrize("zone", CHANGES)
def test_a_start_is_a_slot_exactly_when_it_is_among_the_slots(zone: str) -> None:
    """What is offered can be booked, what is not cannot."""
    around = datetime.fromisoformat(CHANGES[zone][0]).replace(tzinfo=UTC)
    said, now, policy = Said(zone), around - DAY, Policy()
    calendar = Calendar(mechanic_id=MECHANIC, availability=said.availability(zone, around))
    bookings = rules.taken([said.booking(around, now) for _ in range(5)], now)

    def is_slot(start: datetime) -> bool:
        try:
            rules.check_slot(calendar, bookings, 30, policy, now, start)
        except (Invalid, Conflict):
            return False
        return True

    offered = rules.slots(calendar, bookings, 30, policy, now, start=around - DAY, end=around + DAY)
    every = [around - DAY + n * 15 * MINUTE for n in range(2 * 24 * 4)]
    assert {slot.start for slot in offered} == {start for start in every if is_slot(start)}


def test_dates_are_those_of_the_mechanic() -> None:
    """An override on 2 July is about that date in Kathmandu, which begins at 18:15 on 1 July."""
    closed = Override(date(2026, 7, 2), (Block(0, 24 * 60),))
    availability = Availability("Asia/Kathmandu", (), (closed,))
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    (span,) = rules.hours(availability, at, at + 3 * DAY)
    assert span.start == datetime(2026, 7, 1, 18, 15, tzinfo=UTC)
    assert span.end - span.start == DAY
