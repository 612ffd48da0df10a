"""Slots: what they cost per mechanic and day, beside the reference that looks at every minute."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import process_time

from bench import by_minute
from bench.mix import NOON
from dispatch.calendar import rules
from dispatch.calendar.model import (
    QUARTER,
    Availability,
    Block,
    Booking,
    Calendar,
    TimeOff,
    WeeklyBlock,
)
from dispatch.policy.model import Policy

MECHANICS = 50
DAYS = 14
BOOKINGS = 500
ROUNDS = 20

_ZONES = ("America/Toronto", "America/Vancouver", "America/St_Johns", "Europe/London")
_POLICY = Policy()
_PLAN_MINUTES = 45
_AUTUMN = NOON.replace(month=10, day=24)
"""Clocks change within the fourteen days."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Microseconds of processor time per mechanic and day, each way; how many slots there are."""

    found: int
    calendar_us: float
    reference_us: float

    @property
    def times_faster(self) -> float:
        return self.reference_us / self.calendar_us


def measure() -> Slots:
    """Raises AssertionError where the two do not agree."""
    dice = random.Random(1)
    mechanics = [_mechanic(f"mechanic-{n}", dice) for n in range(MECHANICS)]
    booked = _booked(mechanics, dice)
    end = _AUTUMN + DAYS * timedelta(days=1)
    started = process_time()
    for _ in range(ROUNDS):
        found = [_slots(calendar, booked[calendar.mechanic_id], end) for calendar in mechanics]
    calendar_s = (process_time() - started) / ROUNDS
    started = process_time()
    expected = [
        by_minute.slots(
            calendar,
            booked[calendar.mechanic_id],
            "customer",
            _PLAN_MINUTES,
            _POLICY,
            _AUTUMN,
            _AUTUMN,
            end,
        )
        for calendar in mechanics
    ]
    reference_s = process_time() - started
    assert found == expected, "slots differ from what looking at every minute finds"
    each_us = 1_000_000 / (MECHANICS * DAYS)
    return Slots(sum(map(len, found)), calendar_s * each_us, reference_s * each_us)


def _slots(
    calendar: Calendar, booked: list[Booking], end: datetime
) -> list[tuple[datetime, datetime]]:
    in_the_way = rules.taken(booked, _AUTUMN, but_for_customer="customer")
    found = rules.slots(
        calendar, in_the_way, _PLAN_MINUTES, _POLICY, _AUTUMN, start=_AUTUMN, end=end
    )
    return [(slot.start, slot.end) for slot in found]


def _mechanic(id_: str, dice: random.Random) -> Calendar:
    """Mornings and afternoons from Monday to Friday, a night now and then, an afternoon off."""
    starts = dice.choice([8, 9, 10]) * 60
    days = [WeeklyBlock(day, Block(starts, starts + 4 * 60)) for day in range(5)]
    days += [WeeklyBlock(day, Block(starts + 5 * 60, starts + 9 * 60)) for day in range(5)]
    if dice.random() < 0.3:
        days.append(WeeklyBlock(5, Block(22 * 60, 27 * 60)))
    off = _AUTUMN + dice.randrange(DAYS) * timedelta(days=1)
    return Calendar(
        mechanic_id=id_,
        availability=Availability(dice.choice(_ZONES), tuple(days)),
        time_off=(TimeOff("off", off, off + timedelta(hours=6)),),
    )


def _booked(mechanics: list[Calendar], dice: random.Random) -> dict[str, list[Booking]]:
    """Where there are slots, so that none overlap."""
    booked: dict[str, list[Booking]] = {calendar.mechanic_id: [] for calendar in mechanics}
    end = _AUTUMN + DAYS * timedelta(days=1)
    while sum(map(len, booked.values())) < BOOKINGS:
        calendar = dice.choice(mechanics)
        own = booked[calendar.mechanic_id]
        free = _slots(calendar, own, end)
        if free:
            start, until = dice.choice(free)
            own.append(
                Booking(
                    mechanic_id=calendar.mechanic_id,
                    session_id=f"session-{start:%d%H%M}",
                    customer_id="another",
                    plan="standard",
                    start=start,
                    end=until,
                    buffer_end=until + timedelta(seconds=_POLICY.buffer_s),
                    held_until=dice.choice([None, _AUTUMN + QUARTER]),
                )
            )
    return booked
