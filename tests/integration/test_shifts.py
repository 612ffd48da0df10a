"""Clocking in and out, and the shift log."""

from collections.abc import Callable
from typing import Any

import pytest

from dispatch.core.errors import Conflict, NotFound
from dispatch.core.time import format_time
from dispatch.offers import service as offers
from dispatch.sessions import service as sessions
from dispatch.shifts import rules
from dispatch.shifts import service as shifts
from dispatch.shifts.model import Shift
from tests.world import World


def test_clocking_in_opens_a_shift(world: World) -> None:
    world.mechanic("a", on_shift=False)
    state = shifts.clock_in("a", world.now, location="Garage 4", notes="Until five")
    assert state.currently_on_shift
    assert shifts.clock_state("a", world.now) == state
    assert state.shift is not None
    assert (state.shift.location, state.shift.notes) == ("Garage 4", "Until five")
    (fact,) = world.facts("MechanicClockedIn")
    assert fact["shift_id"] == state.shift.id


def test_clocking_in_twice_is_refused_with_the_time_of_the_first(world: World) -> None:
    world.mechanic("a")
    since = world.now
    world.clock.advance(hours=1)
    with pytest.raises(Conflict) as refused:
        shifts.clock_in("a", world.now)
    assert refused.value.reason == "already_clocked_in"
    assert refused.value.members["clocked_in_at"] == format_time(since)


def test_clocking_out_closes_the_shift_in_the_log(world: World) -> None:
    world.mechanic("a")
    world.clock.advance(hours=2, seconds=59)
    state = shifts.clock_out("a", world.now, notes="Done")
    assert not state.currently_on_shift
    ((logged,), _) = shifts.shifts_of("a", 10, None)
    assert logged == state.shift
    assert (logged.minutes, logged.ended_at, logged.notes) == (120, world.now, "Done")
    assert len(world.facts("MechanicClockedOut")) == 1


def test_clocking_out_off_shift_is_refused(world: World) -> None:
    world.mechanic("a", on_shift=False)
    with pytest.raises(Conflict) as refused:
        shifts.clock_out("a", world.now)
    assert refused.value.reason == "not_clocked_in"


def test_clocking_out_with_a_session_in_hand_is_refused(world: World) -> None:
    world.mechanic("a")
    session = world.book()
    world.accept(world.offer_to("a").id, "a")
    with pytest.raises(Conflict) as refused:
        shifts.clock_out("a", world.now)
    assert refused.value.reason == "has_load"
    assert shifts.clock_state("a", world.now).load == 1
    sessions.cancel_session(session.id, "customer", None, world.now)
    assert not shifts.clock_out("a", world.now).currently_on_shift


def test_an_accept_between_the_look_and_the_clock_out_wins(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The condition on the mechanic decides, not what was read before."""
    world.mechanic("a")
    world.book()
    offer = world.offer_to("a")
    closed = rules.closed

    def meanwhile(*args: Any) -> Shift:
        if world.load("a") == 0:
            sessions.accept_offer(offer.id, "a", world.now)
        return closed(*args)

    monkeypatch.setattr(rules, "closed", meanwhile)
    with pytest.raises(Conflict) as refused:
        shifts.clock_out("a", world.now)
    assert refused.value.reason == "has_load"


def test_without_a_profile_there_is_no_clock(world: World) -> None:
    acts: list[Callable[[], object]] = [
        lambda: shifts.clock_in("nobody", world.now),
        lambda: shifts.clock_out("nobody", world.now),
        lambda: shifts.clock_state("nobody", world.now),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            act()


def test_the_log_is_newest_first_and_paged(world: World) -> None:
    world.mechanic("a", on_shift=False)
    for _ in range(3):
        shifts.clock_in("a", world.now)
        world.clock.advance(hours=1)
        shifts.clock_out("a", world.now)
    first, cursor = shifts.shifts_of("a", 2, None)
    rest, end = shifts.shifts_of("a", 2, cursor)
    starts = [shift.started_at for shift in first + rest]
    assert starts == sorted(starts, reverse=True)
    assert (len(starts), end) == (3, None)


def test_who_clocks_in_finds_open_broadcasts(world: World) -> None:
    session = world.book()
    world.mechanic("a")
    assert [row.session_id for row in offers.queue_of("a", world.now).unassigned] == [session.id]
