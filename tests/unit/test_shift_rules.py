"""When a shift may begin and end (domain.md, Clock and shifts)."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dispatch.mechanics.model import Mechanic
from dispatch.shifts import rules
from dispatch.shifts.model import Shift
from tests.builders import MECHANIC, ONE_MINUTE, ONE_MS
from tests.clock import NOON
from tests.mechanic_builders import BUSY, FREE, OFF, a_mechanic

SHIFT = Shift(id="shift-1", mechanic_id=MECHANIC, started_at=NOON, notes="van 3", location="Bay 2")


def clocked_in(mechanic: Mechanic, at: datetime = NOON) -> Mechanic:
    return replace(mechanic, shift_id="shift-1", clocked_in_at=at)


def test_who_is_off_shift_may_clock_in_and_not_out() -> None:
    mechanic = a_mechanic(OFF)
    assert rules.why_not_clock_in(mechanic) is None
    refusal = rules.why_not_clock_out(mechanic)
    assert refusal
    assert refusal.members == {"reason": "not_clocked_in"}


def test_who_is_on_shift_may_clock_out_and_not_in() -> None:
    mechanic = clocked_in(a_mechanic(FREE))
    assert rules.why_not_clock_out(mechanic) is None
    refusal = rules.why_not_clock_in(mechanic)
    assert refusal
    assert refusal.members == {
        "reason": "already_clocked_in",
        "clocked_in_at": "2026-07-01T12:00:00.000Z",
    }


def test_who_has_a_session_in_hand_may_do_neither() -> None:
    mechanic = clocked_in(a_mechanic(BUSY))
    assert rules.why_not_clock_in(mechanic)
    refusal = rules.why_not_clock_out(mechanic)
    assert refusal
    assert refusal.members == {"reason": "has_load"}


@pytest.mark.parametrize(
    ("length", "minutes"),
    [
        (timedelta(0), 0),
        (ONE_MINUTE - ONE_MS, 0),
        (ONE_MINUTE, 1),
        (timedelta(hours=8, minutes=1, seconds=59), 481),
    ],
)
def test_a_shift_counts_whole_minutes(length: timedelta, minutes: int) -> None:
    closed = rules.closed(SHIFT, NOON + length, notes=None)
    assert (closed.ended_at, closed.minutes) == (NOON + length, minutes)


def test_notes_of_the_clock_out_replace_those_of_the_clock_in() -> None:
    assert rules.closed(SHIFT, NOON, notes="left keys").notes == "left keys"
    assert rules.closed(SHIFT, NOON, notes=None).notes == "van 3"


def test_closing_changes_nothing_else() -> None:
    closed = rules.closed(SHIFT, NOON, notes=None)
    assert replace(closed, ended_at=None, minutes=None) == SHIFT
