"""Rules that nothing would miss for long: each has been broken once without a test noticing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from dispatch.core.due import overdue
from dispatch.core.table import Key, Transaction
from dispatch.matching.service import READ_BACK_EVERY
from dispatch.mechanics import service as mechanics
from dispatch.offers import service as offers
from dispatch.offers import store as offer_items
from dispatch.sessions import service as sessions
from dispatch.shifts import service as shifts
from dispatch.shifts import store as shift_items
from dispatch.timers import rules as timer_rules
from dispatch.timers.model import Kind, Ring
from dispatch.timers.sweeper import GRACE
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import Target, Wish
from tests import invariants
from tests.builders import ONE_MS
from tests.clock import NOON
from tests.fast.world import FastWorld
from tests.stories import (
    clock_in,
    clock_out,
    complete,
    go_live,
    is_offered,
    last_shift,
    make_busy,
    options,
    the_mechanic,
    under_a_policy,
)
from tests.sweeper import sweep
from tests.world import an_intake


@pytest.fixture
def world(fast_world: FastWorld) -> Iterator[FastWorld]:
    yield fast_world
    fast_world.drain()
    assert fast_world.dead_letters == []
    invariants.check(invariants.picture_of(fast_world))


def _unheard(world: FastWorld, customer_id: str = "ann") -> str:
    """A signed booking; nobody has heard of it."""
    session = sessions.book_session(an_intake(), customer_id, world.now)
    sessions.sign_waiver(session.id, customer_id, "Jo Driver", world.now)
    return session.id


# Told once


def test_a_broadcast_is_announced_once_in_a_period_however_many_offers_end(
    world: FastWorld,
) -> None:
    world.mechanic("ada")
    session = world.book("ann")
    world.pass_time(minutes=5)
    for id_ in ("bob", "cyd"):
        world.mechanic(id_)
        world.drain()
        assert is_offered(world, id_) == [session.id]
        world.pass_time(minutes=5)
    assert len(world.facts("BroadcastAnnounced")) == 1


def test_that_all_are_offline_is_told_once_however_often_it_is_looked_at(world: FastWorld) -> None:
    session = world.book("ann")
    assert len(world.facts("AllOffline")) == 1
    dispatch = offers.dispatch_of(session.id)
    with Transaction() as tx:
        anew = replace(dispatch, seek_due_at=world.now, version=dispatch.version + 1)
        offer_items.put_dispatch(tx, anew)
    offers.seek_mechanic(session.id, world.now)
    assert offers.dispatch_of(session.id).seek_due_at is None
    assert len(world.facts("AllOffline")) == 1


def test_who_is_found_late_ends_a_turn_to_offline(
    world: FastWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wave fell short; all it asked have left before the others are looked for."""
    changes, unseen = mechanics.changes, {"bob"}
    monkeypatch.setattr(
        mechanics,
        "changes",
        lambda *args: (row for row in changes(*args) if row.mechanic_id not in unseen),
    )
    for id_ in ("ada", "bob"):
        world.mechanic(id_)
    world.drain()
    world.pass_time(minutes=1)
    session = world.book("ann")
    clock_out(world, "ada")
    assert options(world, session.id) != ()
    unseen.clear()
    world.pass_time(seconds=READ_BACK_EVERY.total_seconds())
    offers.top_up(session.id, world.now)
    world.drain()
    assert is_offered(world, "bob") == [session.id]
    assert options(world, session.id) == ()
    clock_out(world, "bob")
    assert len(world.facts("AllOffline")) == 2


# Capacity and its mark


def test_capacity_waits_for_a_search_that_has_yet_to_begin(world: FastWorld) -> None:
    """Whoever waits in line is not told of who is about to be offered a session."""
    world.mechanic("ada", on_shift=False)
    waitlist.join(Wish(Target.MECHANIC, "ada"), "ben", world.now)
    world.drain()
    session_id = _unheard(world)
    shifts.clock_in("ada", world.now)
    offers.place_capacity("ada", world.now)
    assert the_mechanic("ada").capacity_at == world.now
    assert world.facts("CapacityLeft") == []
    world.drain()
    assert is_offered(world, "ada") == [session_id]


def test_a_shift_that_closes_has_no_new_capacity(world: FastWorld) -> None:
    shifts_in = world.mechanic("ada", on_shift=False)
    session_id = _unheard(world)
    shifts.clock_in(shifts_in, world.now)
    sessions.accept_offer(world.broadcast(session_id).id, "ada", world.now)
    assert the_mechanic("ada").capacity_at == world.now
    shifts.clock_out("ada", world.now, finish=True)
    assert the_mechanic("ada").capacity_at is None
    assert not any(item.entity == "mechanic" for item in overdue(by=world.now))


# Shifts


def test_who_has_a_session_in_hand_is_there_however_many_they_miss(world: FastWorld) -> None:
    under_a_policy(capacity=2)
    world.mechanic("ada")
    go_live(world, make_busy(world, "ada"))
    for number in range(3):
        world.book(f"customer-{number}")
        world.pass_time(minutes=5)
    assert the_mechanic("ada").misses == 3
    assert the_mechanic("ada").duty.on_shift
    world.clock.at += GRACE
    assert sweep(world.now) == 0


def test_a_broadcast_that_is_older_than_the_shift_counts_in_it(world: FastWorld) -> None:
    session = world.book("ann")
    world.mechanic("bob")
    world.drain()
    world.pass_time(minutes=6)
    world.mechanic("ada", on_shift=False)
    clock_in(world, "ada")
    complete(world, world.accept(world.broadcast(session.id).id, "ada"))
    clock_out(world, "ada")
    world.pass_time(seconds=10)
    tally = last_shift("ada").tally
    assert tally
    assert (tally.micro_sessions, tally.offers_received) == (1, 1)


def test_a_closing_shift_past_its_twelve_hours_goes_on_closing(world: FastWorld) -> None:
    world.mechanic("ada")
    world.drain()
    world.pass_time(hours=11, minutes=50)
    go_live(world, make_busy(world, "ada"))
    clock_out(world, "ada", finish=True)
    shift_id = the_mechanic("ada").shift_id
    assert shift_id
    world.clock.advance(minutes=11)
    assert shifts.end_overdue_shift("ada", shift_id, world.now) is False
    assert the_mechanic("ada").closing == "finished"


def test_a_shift_that_is_open_is_not_counted_yet(world: FastWorld) -> None:
    world.mechanic("ada")
    world.drain()
    shift_id = the_mechanic("ada").shift_id
    assert shift_id
    shifts.count_anew("ada", shift_id)
    assert shift_items.find("ada", shift_id).tally is None


# The sweeper


def test_the_sweeper_waits_for_as_long_as_a_ring_may_be_late() -> None:
    """A schedule comes at a whole minute, and within a minute of that."""
    ring = Ring(kind=Kind.EXPIRE_OFFERS, subject={}, due_at=NOON + ONE_MS, name="ring")
    rounded = timer_rules.schedule_at(ring, NOON) - ring.due_at
    latest = rounded + timedelta(minutes=1)
    assert latest < GRACE <= latest + timedelta(minutes=1, seconds=1)
    assert timer_rules.LOOK_AGAIN_AFTER < GRACE


def test_what_is_not_overdue_when_it_is_looked_at_is_no_repair(world: FastWorld) -> None:
    """The index lags behind the entry that somebody has settled meanwhile."""
    listed = waitlist.join(Wish(Target.MECHANIC, world.mechanic("ada")), "ann", world.now)
    world.drain()
    world.pass_time(minutes=5)
    entry = waitlist.entries_of("ann", world.now, 1, None).items[0].entry
    assert entry.id == listed.entry.id
    (key,) = (key for key in invariants.picture_of(world).due if key[1].startswith("WAITLIST#"))
    assert waitlist.settle_at(Key(*key), world.now) is False
    assert waitlist.deal_with_left("ada", world.now) is False
