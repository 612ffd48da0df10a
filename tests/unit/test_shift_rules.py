"""When a shift may begin and end (domain.md, Clock and shifts)."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dispatch.mechanics.model import Duty, Mechanic
from dispatch.offers.model import Tally
from dispatch.policy.model import Policy
from dispatch.shifts import rules
from dispatch.shifts.model import Cause, Shift
from tests.builders import MECHANIC, ONE_HOUR, ONE_MINUTE, ONE_MS
from tests.clock import NOON
from tests.mechanic_builders import BUSY, CLOSING, FREE, OFF, a_mechanic

POLICY = Policy()
SHIFT = Shift(
    id="shift-1",
    mechanic_id=MECHANIC,
    started_at=NOON,
    closes_at=NOON + 12 * ONE_HOUR,
    notes="van 3",
    location="Bay 2",
)
TALLY = Tally(offers_received=4, offers_accepted=2, offers_declined=1, offers_missed=1)


def clocked_in(mechanic: Mechanic, at: datetime = NOON) -> Mechanic:
    return replace(mechanic, shift_id="shift-1", clocked_in_at=at)


# Clocking in and out


@pytest.mark.parametrize("finish", [True, False])
def test_who_is_off_shift_may_clock_in_and_not_out(finish: bool) -> None:
    mechanic = a_mechanic(OFF)
    assert rules.why_not_clock_in(mechanic) is None
    refusal = rules.why_not_clock_out(mechanic, finish=finish)
    assert refusal
    assert refusal.members == {"reason": "not_clocked_in"}


def test_who_was_on_shift_before_may_clock_in_again() -> None:
    assert rules.why_not_clock_in(replace(a_mechanic(OFF), clocked_in_at=NOON)) is None


@pytest.mark.parametrize("finish", [True, False])
def test_who_is_on_shift_may_clock_out_and_not_in(finish: bool) -> None:
    mechanic = clocked_in(a_mechanic(FREE))
    assert rules.why_not_clock_out(mechanic, finish=finish) is None
    refusal = rules.why_not_clock_in(mechanic)
    assert refusal
    assert refusal.members == {
        "reason": "already_clocked_in",
        "clocked_in_at": "2026-07-01T12:00:00.000Z",
    }


@pytest.mark.parametrize("duty", [BUSY, CLOSING, Duty(on_shift=True, load=2)])
def test_who_has_a_session_in_hand_may_do_neither_unless_to_finish_it_first(duty: Duty) -> None:
    mechanic = clocked_in(a_mechanic(duty))
    assert rules.why_not_clock_in(mechanic)
    refusal = rules.why_not_clock_out(mechanic, finish=False)
    assert refusal
    assert refusal.members == {"reason": "has_load"}
    assert rules.why_not_clock_out(mechanic, finish=True) is None


# A shift's beginning and end


def test_a_shift_ends_by_itself_after_twelve_hours() -> None:
    shift = rules.opened("shift-1", MECHANIC, POLICY, NOON, location="Bay 2", notes="van 3")
    assert shift == SHIFT
    assert (shift.ended_at, shift.minutes, shift.cause, shift.tally) == (None, None, None, None)


def test_how_long_a_shift_lasts_at_most_is_the_policys() -> None:
    policy = Policy(shift_s=3600)
    shift = rules.opened("shift-1", MECHANIC, policy, NOON, location=None, notes=None)
    assert shift.closes_at == NOON + ONE_HOUR


def closed(at: datetime = NOON, notes: str | None = None, cause: Cause = Cause.SELF) -> Shift:
    return rules.closed(SHIFT, cause, TALLY, at, notes=notes)


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
    shift = closed(NOON + length)
    assert (shift.ended_at, shift.minutes) == (NOON + length, minutes)


@pytest.mark.parametrize("cause", Cause)
def test_a_shift_that_is_over_tells_why_and_what_came_of_it(cause: Cause) -> None:
    shift = closed(cause=cause)
    assert (shift.cause, shift.tally) == (cause, TALLY)


def test_notes_of_the_clock_out_replace_those_of_the_clock_in() -> None:
    assert closed(notes="left keys").notes == "left keys"
    assert closed(notes=None).notes == "van 3"


def test_closing_changes_nothing_else() -> None:
    shift = closed()
    assert replace(shift, ended_at=None, minutes=None, cause=None, tally=None) == SHIFT


# What ends a shift besides


@pytest.mark.parametrize(
    ("duty", "closes"),
    [
        (CLOSING, True),
        (Duty(on_shift=True, load=2, closing=True), False),
        (BUSY, False),
        (FREE, False),
    ],
)
def test_a_closing_shift_ends_with_its_last_session(duty: Duty, closes: bool) -> None:
    assert rules.closes_with_session(a_mechanic(duty)) is closes


@pytest.mark.parametrize(
    ("duty", "misses", "too_many"),
    [
        (FREE, 0, False),
        (FREE, 2, False),
        (FREE, 3, True),
        (FREE, 4, True),
        (OFF, 3, False),
    ],
)
def test_three_misses_in_a_row_end_a_shift(duty: Duty, misses: int, too_many: bool) -> None:
    mechanic = replace(a_mechanic(duty), misses=misses)
    assert rules.has_missed_too_many(mechanic, POLICY) is too_many


def test_how_many_misses_are_too_many_is_the_policys() -> None:
    mechanic = replace(a_mechanic(FREE), misses=1)
    assert rules.has_missed_too_many(mechanic, Policy(misses_to_clock_out=1))
    assert not rules.has_missed_too_many(mechanic, Policy(misses_to_clock_out=2))
