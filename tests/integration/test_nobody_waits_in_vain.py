"""Nobody waits in vain: who begins to wait meets who is free, in whatever order they come."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dispatch.core.errors import NotFound
from dispatch.customers import service as customers
from dispatch.customers.model import Location
from dispatch.matching import service as matching
from dispatch.matching.model import MatchRequest, RequestType
from dispatch.mechanics import service as mechanics
from dispatch.offers import service as offers
from dispatch.offers.model import AssignmentStatus, DeclineReason
from dispatch.policy.model import Policy
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Session, Status
from dispatch.shifts import service as shifts
from dispatch.timers.sweeper import GRACE
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import Entry, EntryStatus, Target, Wish
from tests import invariants
from tests.fast.world import FastWorld
from tests.stories import (
    clock_in,
    clock_out,
    complete,
    decline,
    end,
    go_live,
    is_offered,
    make_busy,
    may_take,
    options,
    outcome,
    suspend,
    take,
    the_mechanic,
)
from tests.sweeper import sweep
from tests.world import an_intake

ANY = Wish(Target.ANY)
BUFFALO = Location("US", "New York", "Buffalo", "14201")


@pytest.fixture
def world(fast_world: FastWorld) -> Iterator[FastWorld]:
    yield fast_world
    fast_world.drain()
    fast_world.pass_time(seconds=10)
    assert fast_world.dead_letters == []
    assert sweep(fast_world.now) == 0, "nothing is left to repair"
    invariants.check(invariants.picture_of(fast_world))


def wait(world: FastWorld, customer_id: str, wish: Wish = ANY) -> Entry:
    customers.upsert({"id": customer_id, "country": "Canada"})
    entry = waitlist.join(wish, customer_id, world.now).entry
    world.drain()
    return entry


def told(world: FastWorld) -> list[tuple[str, str]]:
    """Who was told of whom, in that order."""
    return [(fact["customer_id"], fact["mechanic_id"]) for fact in world.facts("WaitlistTold")]


def entry_of(world: FastWorld, customer_id: str) -> Entry:
    (listed,) = waitlist.entries_of(customer_id, world.now, 10, None).items
    return listed.entry


def on_shift(world: FastWorld, *mechanic_ids: str, **fields: Any) -> None:
    """They have been there for a while, and nobody waited when they came."""
    for id_ in mechanic_ids:
        world.mechanic(id_, **fields)
    world.drain()
    world.pass_time(minutes=1)


# Who begins to wait


def test_who_joins_after_the_mechanic_came_is_told(world: FastWorld) -> None:
    on_shift(world, "ada")
    wait(world, "ann")
    assert told(world) == [("ann", "ada")]


def test_who_joins_at_the_same_instant_is_told(world: FastWorld) -> None:
    world.mechanic("ada")
    world.drain()
    wait(world, "ann")
    assert told(world) == [("ann", "ada")]


def test_who_waits_for_a_favourite_who_is_free_is_told(world: FastWorld) -> None:
    on_shift(world, "ada", "bob")
    wait(world, "ann", Wish(Target.MECHANIC, "bob"))
    assert told(world) == [("ann", "bob")]


def test_who_waits_for_a_brand_is_told_of_its_specialist_alone(world: FastWorld) -> None:
    on_shift(world, "ada", "cyd", brand_specializations=["Audi"])
    on_shift(world, "bob", brand_specializations=["BMW"])
    wait(world, "ann", Wish(Target.BRAND, brand="BMW"))
    assert told(world) == [("ann", "bob")]


def test_somebody_abroad_is_nobody_to_wait_for(world: FastWorld) -> None:
    on_shift(world, "usa", country="US", state_province=None)
    on_shift(world, "unknown", country=None)
    wait(world, "ann")
    assert told(world) == []


def test_without_a_known_country_it_is_whoever_is_free(world: FastWorld) -> None:
    on_shift(world, "usa", country="US", state_province=None)
    customers.upsert({"id": "ann"})
    waitlist.join(ANY, "ann", world.now)
    world.drain()
    assert told(world) == [("ann", "usa")]


def test_nobody_waits_for_themselves(world: FastWorld) -> None:
    on_shift(world, "ada")
    wait(world, "ada")
    assert told(world) == []


def test_no_more_are_told_than_there_is_room(world: FastWorld) -> None:
    on_shift(world, "ada", "bob")
    for customer in ("ann", "ben", "cid"):
        wait(world, customer)
    assert [customer for customer, _ in told(world)] == ["ann", "ben"]
    assert len({mechanic for _, mechanic in told(world)}) == 2
    world.pass_time(minutes=4, seconds=59)
    assert len(told(world)) == 2
    world.pass_time(seconds=1)
    assert [customer for customer, _ in told(world)][:3] == ["ann", "ben", "cid"]


def test_who_let_a_turn_run_out_comes_first_when_another_joins_later(world: FastWorld) -> None:
    """The oldest in line is told, and then the one who has joined."""
    on_shift(world, "ada")
    wait(world, "ann")
    world.pass_time(minutes=6)
    wait(world, "ben")
    assert [customer for customer, _ in told(world)] == ["ann", "ann"]
    world.pass_time(minutes=5)
    assert [customer for customer, _ in told(world)] == ["ann", "ann", "ben"]
    assert entry_of(world, "ann").status is EntryStatus.EXPIRED


def test_as_many_as_wait_are_told_when_several_are_free(world: FastWorld) -> None:
    """Not one alone who has waited for longer."""
    on_shift(world, "ada")
    wait(world, "ann")
    world.pass_time(minutes=6)
    shifts.clock_out("ada", world.now)
    world.drain()
    on_shift(world, "ada", "bob", on_shift=False)
    for id_ in ("ada", "bob"):
        shifts.clock_in(id_, world.now)
    world.drain()
    wait(world, "ben")
    assert {customer for customer, _ in told(world)} == {"ann", "ben"}


def test_who_is_alone_and_lets_the_turn_run_out_is_not_told_again_at_once(
    world: FastWorld,
) -> None:
    on_shift(world, "ada")
    wait(world, "ann")
    world.pass_time(hours=2)
    assert told(world) == [("ann", "ada")]
    clock_out(world, "ada")
    clock_in(world, "ada")
    assert told(world) == [("ann", "ada")] * 2, "but of new capacity"
    world.pass_time(hours=2)
    assert entry_of(world, "ann").status is EntryStatus.EXPIRED


def test_told_twice_that_somebody_joined_it_is_one_turn(world: FastWorld) -> None:
    on_shift(world, "ada")
    wait(world, "ann")
    wait(world, "ben")
    world.tell_again()
    assert told(world) == [("ann", "ada")]


def test_pending_sessions_come_first(world: FastWorld) -> None:
    on_shift(world, "ada")
    suspend(world, "ada")
    session = world.book("zed")
    wait(world, "ann")
    world.mechanic("ada", on_shift=False)
    waitlist.join(Wish(Target.MECHANIC, "ada"), "ben", world.now)
    world.drain()
    assert is_offered(world, "ada") == [session.id]
    assert told(world) == []
    decline(world, "ada")
    assert told(world) == [("ann", "ada")]


def test_who_holds_an_offer_is_not_free_until_it_ends(world: FastWorld) -> None:
    on_shift(world, "ada")
    world.book("zed")
    wait(world, "ann")
    assert told(world) == []
    decline(world, "ada")
    assert told(world) == [("ann", "ada")]


def _times_out(world: FastWorld, _session: Session) -> None:
    world.pass_time(minutes=5)


def _is_cancelled(world: FastWorld, session: Session) -> None:
    sessions.cancel_session(session.id, session.customer_id, None, world.now)
    world.drain()


def _is_taken(world: FastWorld, session: Session) -> None:
    world.mechanic("bob")
    world.drain()
    world.accept(world.broadcast(session.id).id, "bob")


@pytest.mark.parametrize("ends", [_times_out, _is_cancelled, _is_taken])
def test_however_the_offer_of_a_wave_ends(
    world: FastWorld, ends: Callable[[FastWorld, Session], None]
) -> None:
    on_shift(world, "ada")
    session = world.book("zed")
    wait(world, "ann")
    ends(world, session)
    assert ("ann", "ada") in told(world) or ("ann", "bob") in told(world)


def test_an_offer_that_nobody_can_be_told_of_leaves_the_capacity(world: FastWorld) -> None:
    world.mechanic("ada", on_shift=False)
    world.device("ada")
    world.book("zed")
    wait(world, "ben")
    for attributes in world.topic.endpoints.values():
        attributes["Enabled"] = "false"
    clock_in(world, "ada")
    (expired,) = world.facts("OffersExpired")
    assert expired["cause"] == "undeliverable"
    assert told(world) == [("ben", "ada")]


@pytest.fixture
def unseen(world: FastWorld, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Mechanics whose latest change the index does not show yet."""
    ids: set[str] = set()
    changes = mechanics.changes
    monkeypatch.setattr(
        mechanics,
        "changes",
        lambda *args: (row for row in changes(*args) if row.mechanic_id not in ids),
    )
    return ids


def test_whom_the_roster_did_not_show_is_found_some_seconds_later(
    world: FastWorld, unseen: set[str]
) -> None:
    unseen.add("ada")
    world.mechanic("ada")
    world.drain()
    wait(world, "ann")
    assert told(world) == []
    unseen.clear()
    world.pass_time(seconds=9)
    assert told(world) == []
    world.pass_time(seconds=1)
    assert told(world) == [("ann", "ada")]


# Who wakes


def _asleep(world: FastWorld) -> Session:
    """Ann waits, and has a session that nobody was sought for yet when somebody comes."""
    world.mechanic("ada", on_shift=False)
    wait(world, "ann")
    session = sessions.book_session(an_intake(), "ann", world.now)
    world.drain()
    clock_in(world, "ada")
    world.pass_time(minutes=1)
    assert told(world) == []
    return session


def test_who_cancels_is_told_of_who_came_meanwhile(world: FastWorld) -> None:
    session = _asleep(world)
    sessions.cancel_session(session.id, "ann", None, world.now)
    world.drain()
    assert told(world) == [("ann", "ada")]


def test_whose_booking_lapses_is_told(world: FastWorld) -> None:
    _asleep(world)
    world.pass_time(minutes=30)
    assert told(world) == [("ann", "ada")]


def test_whose_session_nobody_took_is_told(world: FastWorld) -> None:
    on_shift(world, "ada")
    session = world.book("ann")
    wait(world, "ann")
    decline(world, "ada")
    world.pass_time(minutes=30)
    assert world.session(session.id).status is Status.UNFILLED
    assert told(world) == [("ann", "ada")]


def test_who_waits_for_another_while_in_session_is_told_after_it(world: FastWorld) -> None:
    on_shift(world, "ada", "bob")
    session = take(world, "ada", world.book("ann"))
    wait(world, "ann", Wish(Target.MECHANIC, "bob"))
    live = go_live(world, session)
    assert told(world) == []
    sessions.end_session(live.id, "ann", world.now)
    world.drain()
    assert told(world) == [("ann", "bob")]


def test_who_has_missed_the_session_is_told_after_it(world: FastWorld) -> None:
    on_shift(world, "ada", "bob")
    session = take(world, "ada", world.book("ann"))
    sessions.join_session(session.id, "ada", world.now)
    wait(world, "ann", Wish(Target.MECHANIC, "bob"))
    world.pass_time(minutes=10)
    assert world.session(session.id).status is Status.NO_SHOW
    assert told(world) == [("ann", "bob")]


def test_the_end_of_a_session_heard_twice_wakes_once(world: FastWorld) -> None:
    session = _asleep(world)
    sessions.cancel_session(session.id, "ann", None, world.now)
    world.drain()
    world.tell_again()
    assert len(world.facts("WaitlistWoken")) == 1
    assert told(world) == [("ann", "ada")]


def test_whose_session_is_over_and_who_has_booked_again_sleeps_on(world: FastWorld) -> None:
    session = _asleep(world)
    sessions.cancel_session(session.id, "ann", None, world.now)
    sessions.book_session(an_intake(), "ann", world.now)
    world.drain()
    assert world.facts("WaitlistWoken") == []
    assert told(world) == []


def test_the_end_of_a_turn_wakes_what_else_they_wait_for(world: FastWorld) -> None:
    """Nobody could tell them of the favourite who came during the turn."""
    for id_ in ("ada", "bob"):
        world.mechanic(id_, on_shift=False)
    wait(world, "ann")
    wait(world, "ann", Wish(Target.MECHANIC, "bob"))
    clock_in(world, "ada")
    world.pass_time(minutes=1)
    clock_in(world, "bob")
    assert told(world) == [("ann", "ada")]
    world.pass_time(minutes=4)
    assert told(world) == [("ann", "ada"), ("ann", "bob")]
    world.pass_time(hours=3)
    assert told(world) == [("ann", "ada"), ("ann", "bob")], "and they are not told in a circle"


def test_who_leaves_in_their_turn_may_be_told_of_another_at_once(world: FastWorld) -> None:
    for id_ in ("ada", "bob"):
        world.mechanic(id_, on_shift=False)
    entry = wait(world, "ann")
    wait(world, "ann", Wish(Target.MECHANIC, "bob"))
    clock_in(world, "ada")
    clock_in(world, "bob")
    waitlist.leave(entry.id, "ann", world.now)
    world.drain()
    assert told(world) == [("ann", "ada"), ("ann", "bob")]


def test_who_lost_the_race_is_told_of_another_who_is_free(world: FastWorld) -> None:
    for id_ in ("ada", "bob"):
        world.mechanic(id_, on_shift=False)
    wait(world, "ann")
    clock_in(world, "ada")
    clock_in(world, "bob")
    session = world.book("zed")
    go_live(world, world.accept(world.broadcast(session.id).id, "ada"))
    world.pass_time(minutes=5)
    assert told(world) == [("ann", "ada"), ("ann", "bob")]
    assert not entry_of(world, "ann").was_sent_back


# A mechanic who can be matched again


def test_who_is_reinstated_is_offered_what_waits(world: FastWorld) -> None:
    on_shift(world, "ada")
    suspend(world, "ada")
    session = world.book("ann")
    world.pass_time(minutes=1)
    world.mechanic("ada", on_shift=False)
    world.drain()
    assert is_offered(world, "ada") == [session.id]


def test_who_is_reinstated_is_told_to_who_waits(world: FastWorld) -> None:
    on_shift(world, "ada")
    suspend(world, "ada")
    wait(world, "ann")
    assert told(world) == []
    world.mechanic("ada", on_shift=False)
    world.drain()
    assert told(world) == [("ann", "ada")]


def test_a_change_of_profile_that_nobody_waits_for_is_no_new_capacity(world: FastWorld) -> None:
    on_shift(world, "ada")
    world.mechanic("ada", on_shift=False, city="Ottawa")
    world.drain()
    assert world.facts("CapacityRenewed") == []
    assert the_mechanic("ada").capacity_at is None


# Capacity that is left is a state, not a message


def _lose(world: FastWorld, type_: str) -> None:
    """Everything happens, but that no message of this type comes."""
    while world.relay() or world.deliver_next():
        lost = [each for each in world.queues.messages if f'"type": "{type_}"' in each.body]
        for message in lost:
            world.queues.messages.remove(message)


def test_capacity_left_whose_message_is_lost_is_found_by_the_sweeper(world: FastWorld) -> None:
    world.mechanic("ada", on_shift=False)
    wait(world, "ann")
    world.pass_time(seconds=10)
    shifts.clock_in("ada", world.now)
    _lose(world, "CapacityLeft")
    assert told(world) == []
    left = offers.left_at("ada")
    assert left
    assert left.id == world.facts("CapacityLeft")[0]["id"]
    world.clock.at += GRACE
    assert sweep(world.now) == 1
    world.drain()
    assert told(world) == [("ann", "ada")]
    assert offers.left_at("ada") is None


def test_capacity_left_that_was_dealt_with_is_forgotten(world: FastWorld) -> None:
    world.mechanic("ada")
    world.drain()
    assert len(world.facts("CapacityLeft")) == 1
    assert offers.left_at("ada") is None


def test_an_older_message_does_not_forget_what_is_left_since(world: FastWorld) -> None:
    world.mechanic("ada")
    world.drain()
    (first,) = world.facts("CapacityLeft")
    complete(world, make_busy(world, "ada"))
    world.clock.advance(seconds=1)
    clock_out(world, "ada")
    shifts.clock_in("ada", world.now)
    _lose(world, "CapacityLeft")
    left = offers.left_at("ada")
    waitlist.capacity_left(first, world.now)
    assert offers.left_at("ada") == left
    world.clock.at += GRACE
    assert sweep(world.now) == 1


# Sessions that wait while somebody comes


def announced(world: FastWorld) -> list[tuple[str, list[str]]]:
    facts = world.facts("BroadcastAnnounced")
    return [(fact["session_id"], fact["mechanic_ids"]) for fact in facts]


def _nobody_is_there_for(world: FastWorld, number: int) -> list[Session]:
    """Sessions that wait while all are off shift, the oldest first."""
    waiting = []
    for customer in range(number):
        waiting.append(world.book(f"customer-{customer}"))
        world.pass_time(seconds=1)
    return waiting


def test_who_comes_is_offered_the_oldest_and_told_of_the_others(world: FastWorld) -> None:
    oldest, second, third = _nobody_is_there_for(world, 3)
    world.mechanic("ada")
    world.drain()
    assert is_offered(world, "ada") == [oldest.id]
    assert announced(world) == [(second.id, ["ada"]), (third.id, ["ada"])]


def test_who_becomes_free_is_told_of_the_others(world: FastWorld) -> None:
    world.mechanic("ada")
    busy_with = make_busy(world, "ada")
    oldest, second = _nobody_is_there_for(world, 2)
    assert announced(world) == []
    complete(world, busy_with)
    assert is_offered(world, "ada") == [oldest.id]
    assert announced(world) == [(second.id, ["ada"])]


def test_a_broadcast_is_announced_once_in_a_period(world: FastWorld) -> None:
    oldest, second = _nobody_is_there_for(world, 2)
    for id_ in ("ada", "bob", "cyd"):
        world.mechanic(id_)
        world.drain()
    world.pass_time(minutes=6)
    assert [session for session, _ in announced(world)] == [second.id, oldest.id]


def test_the_oldest_ten_are_announced_at_once_and_ten_more_some_seconds_later(
    world: FastWorld,
) -> None:
    world.mechanic("ada", on_shift=False)
    waiting = _nobody_is_there_for(world, 25)
    clock_in(world, "ada")
    assert [session for session, _ in announced(world)] == [each.id for each in waiting[1:11]]
    world.pass_time(seconds=10)
    assert [session for session, _ in announced(world)] == [each.id for each in waiting[1:21]]


def test_what_does_not_fit_is_not_announced(world: FastWorld) -> None:
    world.book("bmw", request_type=RequestType.BRAND_SPECIALIST, requested_brand="BMW")
    world.book("abroad", location=BUFFALO)
    world.book("both")
    world.mechanic("both")
    world.drain()
    assert announced(world) == []


def test_who_takes_the_second_need_not_wait_for_the_first(world: FastWorld) -> None:
    _, second = _nobody_is_there_for(world, 2)
    world.mechanic("ada")
    world.drain()
    assert may_take(world, "ada") == [second.id]
    assert world.accept(world.broadcast(second.id).id, "ada").status is Status.WAITING


# Who is free and not asked has the broadcast


def check_that_all_have_met(world: FastWorld) -> None:
    invariants.check_that_all_have_met(invariants.picture_of(world))


def test_who_does_not_take_the_oldest_is_told_of_the_next_and_not_asked(world: FastWorld) -> None:
    """What an offer of new capacity leaves is the waitlist's, and nobody is in line."""
    oldest, second = _nobody_is_there_for(world, 2)
    world.mechanic("ada")
    world.drain()
    decline(world, "ada")
    world.pass_time(seconds=10)
    assert world.asked(oldest.id) == ["ada"]
    assert world.asked(second.id) == []
    assert announced(world) == [(second.id, ["ada"])]
    assert may_take(world, "ada") == [second.id]
    check_that_all_have_met(world)


def test_whose_devices_are_dead_is_told_of_the_next_and_not_asked(world: FastWorld) -> None:
    oldest, second = _nobody_is_there_for(world, 2)
    world.mechanic("ada", on_shift=False)
    world.device("ada")
    for attributes in world.topic.endpoints.values():
        attributes["Enabled"] = "false"
    clock_in(world, "ada")
    world.pass_time(seconds=10)
    (expired,) = world.facts("OffersExpired")
    assert (expired["session_id"], expired["cause"]) == (oldest.id, "undeliverable")
    assert world.asked(second.id) == []
    assert may_take(world, "ada") == [oldest.id, second.id]
    check_that_all_have_met(world)


def test_whom_the_waitlist_did_not_need_is_not_asked_after_all(world: FastWorld) -> None:
    _, second = _nobody_is_there_for(world, 2)
    wait(world, "ann")
    world.mechanic("ada")
    world.drain()
    decline(world, "ada")
    assert told(world) == [("ann", "ada")]
    world.pass_time(minutes=5)
    assert world.asked(second.id) == []
    check_that_all_have_met(world)


def test_who_is_left_over_when_a_wave_runs_out_is_told_and_not_asked(world: FastWorld) -> None:
    on_shift(world, "ada", "bob", "cyd", "dan")
    session = world.book("ann")
    world.pass_time(minutes=5)
    (left_over,) = {"ada", "bob", "cyd", "dan"} - set(world.asked(session.id))
    ((_, audience),) = announced(world)
    assert left_over in audience
    check_that_all_have_met(world)


def test_who_comes_and_is_not_noticed_is_missing_until_the_sweeper_comes(world: FastWorld) -> None:
    """Since then nobody was offered what is free, and nothing ran out: they are to be asked."""
    world.mechanic("ada")
    world.drain()
    session = world.book("ann")
    world.pass_time(minutes=5)
    shifts.clock_in(world.mechanic("bob", on_shift=False), world.now)
    world.lose_everything()
    with pytest.raises(AssertionError, match=r"waits, and \['bob'\] were not asked"):
        check_that_all_have_met(world)
    world.clock.at += GRACE
    sweep(world.now)
    world.drain()
    assert is_offered(world, "bob") == [session.id]
    check_that_all_have_met(world)


# All offline, and no longer


def offline(world: FastWorld) -> list[str]:
    return [fact["session_id"] for fact in world.facts("AllOffline")]


WAYS_ON = ("schedule", "browse_offline", "join_waitlist")


def test_when_the_last_one_leaves_who_waits_learns_it(world: FastWorld) -> None:
    world.mechanic("ada")
    busy_with = go_live(world, make_busy(world, "ada"))
    session = world.book("ann")
    assert offline(world) == []
    clock_out(world, "ada", finish=True)
    assert offline(world) == [], "busy is not offline"
    end(world, busy_with)
    assert offline(world) == [session.id]
    assert options(world, session.id) == WAYS_ON


def test_while_somebody_is_on_shift_nobody_learns_it(world: FastWorld) -> None:
    for id_ in ("ada", "bob"):
        world.mechanic(id_)
        make_busy(world, id_, f"customer of {id_}")
    session = world.book("ann")
    for id_ in ("ada", "bob"):
        clock_out(world, id_, finish=True)
    for id_ in ("ada", "bob"):
        (busy,) = offers.queue_of(id_, world.now).mine
        assert offline(world) == []
        sessions.cancel_session(busy.session_id, f"customer of {id_}", None, world.now)
        world.drain()
    assert offline(world) == [session.id]


def test_two_who_leave_at_once_are_noticed_though_the_roster_lags(
    world: FastWorld, unseen: set[str]
) -> None:
    """Each is still to be seen when the other has left."""
    for id_ in ("ada", "bob"):
        world.mechanic(id_)
        world.drain()
    session = world.book("ann")
    for id_ in ("ada", "bob"):
        decline(world, id_)
    matching.anyone_on_shift(MatchRequest(), Policy(), world.now)
    unseen |= {"ada", "bob"}
    for id_ in ("ada", "bob"):
        clock_out(world, id_)
    assert offline(world) == []
    unseen.clear()
    world.pass_time(seconds=10)
    assert offline(world) == [session.id]


def test_the_last_eligible_one_is_suspended(world: FastWorld) -> None:
    world.mechanic("ada")
    make_busy(world, "ada")
    session = world.book("ann")
    suspend(world, "ada")
    assert offline(world) == [session.id]


def test_it_is_told_once_in_each_turn_to_offline(world: FastWorld) -> None:
    world.mechanic("ada")
    world.mechanic("bob")
    world.drain()
    session = world.book("ann")
    decline(world, "ada")
    decline(world, "bob")
    for times in (1, 2):
        for id_ in ("ada", "bob"):
            clock_out(world, id_)
            world.pass_time(seconds=15)
        assert offline(world) == [session.id] * times
        clock_in(world, "ada")
        assert options(world, session.id) == (), "though they have declined this one"
        clock_in(world, "bob")


def test_all_who_wait_are_told_no_longer_that_all_are_offline(world: FastWorld) -> None:
    waiting = _nobody_is_there_for(world, 3)
    assert [options(world, session.id) for session in waiting] == [WAYS_ON] * 3
    world.mechanic("ada")
    world.drain()
    assert [options(world, session.id) for session in waiting] == [()] * 3


def test_who_comes_is_seen_though_the_roster_lags(world: FastWorld, unseen: set[str]) -> None:
    _, second = _nobody_is_there_for(world, 2)
    unseen.add("ada")
    world.mechanic("ada")
    world.drain()
    assert options(world, second.id) == ()
    assert offline(world).count(second.id) == 1
    unseen.clear()
    world.pass_time(seconds=10)
    assert announced(world) == [(second.id, ["ada"])]


def test_who_is_for_another_brand_is_nobody_for_this_one(world: FastWorld) -> None:
    bmw = world.book("ann", request_type=RequestType.BRAND_SPECIALIST, requested_brand="BMW")
    world.mechanic("ada", brand_specializations=["Audi"])
    world.drain()
    assert options(world, bmw.id) == WAYS_ON
    clock_out(world, "ada")
    assert offline(world) == [bmw.id]


# What time has opened is not held again


def _unheard(world: FastWorld, **fields: Any) -> Session:
    """A signed booking whose messages are lost."""
    booked = sessions.book_session(an_intake(**fields), "ann", world.now)
    session = sessions.sign_waiver(booked.id, "ann", "Jo Driver", world.now)
    world.lose_everything()
    return session


def test_who_is_asked_late_is_asked_until_the_broadcast_opens(world: FastWorld) -> None:
    on_shift(world, "pia", "ada")
    session = _unheard(world, preferred_mechanic_id="pia")
    opens_at = world.broadcast(session.id).opens_at
    world.clock.advance(seconds=90)
    offers.seek_mechanic(session.id, world.now)
    assert world.asked(session.id) == ["pia"]
    assert world.offer_to("pia").expires_at == opens_at
    assert world.broadcast(session.id).opens_at == opens_at


def test_a_broadcast_that_time_has_opened_is_not_held_again(world: FastWorld) -> None:
    on_shift(world, "pia", "ada", "bob", "cyd")
    session = _unheard(world, preferred_mechanic_id="cyd")
    world.clock.advance(minutes=2)
    offers.seek_mechanic(session.id, world.now)
    assert world.broadcast(session.id).opens_at is None
    assert world.asked(session.id)[0] == "cyd", "they are part of the wave"
    assert len(world.asked(session.id)) == 3
    assert outcome(world, session.id) == "offered"
    world.accept(world.broadcast(session.id).id, "pia")


def test_who_cannot_be_asked_by_then_is_passed_over(world: FastWorld) -> None:
    on_shift(world, "pia", "ada")
    session = _unheard(world, preferred_mechanic_id="pia")
    world.clock.advance(minutes=2)
    shifts.clock_out("pia", world.now)
    offers.seek_mechanic(session.id, world.now)
    (fact,) = world.facts("PreferredPassedOver")
    assert fact["outcome"] == "off_shift"
    assert world.asked(session.id) == ["ada"]


# A turn that was booked in, and not claimed


def _booked_in_turn(world: FastWorld) -> Session:
    """Eve and Ben wait; Eve is told, and books ten seconds before her turn is over."""
    world.mechanic("ada", on_shift=False)
    for customer in ("eve", "ben"):
        wait(world, customer)
        world.pass_time(seconds=1)
    clock_in(world, "ada")
    world.pass_time(minutes=4, seconds=50)
    session = sessions.book_session(an_intake(), "eve", world.now)
    world.pass_time(seconds=20)
    assert told(world) == [("eve", "ada"), ("ben", "ada")]
    assert not entry_of(world, "eve").was_sent_back, "she may sign still"
    return session


def test_a_booking_in_the_turn_that_is_given_up_unsigned_claims_nothing(world: FastWorld) -> None:
    session = _booked_in_turn(world)
    sessions.cancel_session(session.id, "eve", None, world.now)
    world.drain()
    eve = entry_of(world, "eve")
    assert eve.was_sent_back
    assert eve.since == world.now
    clock_out(world, "ada")
    world.pass_time(minutes=10)
    clock_in(world, "ada")
    assert told(world)[-1] == ("ben", "ada"), "she is behind Ben now"


def test_a_booking_in_the_turn_that_lapses_claims_nothing(world: FastWorld) -> None:
    _booked_in_turn(world)
    world.pass_time(minutes=30)
    assert entry_of(world, "eve").was_sent_back


def test_the_second_time_it_is_over(world: FastWorld) -> None:
    session = _booked_in_turn(world)
    sessions.cancel_session(session.id, "eve", None, world.now)
    world.pass_time(minutes=10)
    for _ in range(2):
        clock_out(world, "ada")
        clock_in(world, "ada")
        world.pass_time(minutes=4, seconds=50)
        if told(world)[-1] == ("eve", "ada"):
            break
        world.pass_time(seconds=20)
    if entry_of(world, "eve").turn is None:
        world.pass_time(seconds=1)
    session = sessions.book_session(an_intake(), "eve", world.now)
    world.pass_time(minutes=6)
    sessions.cancel_session(session.id, "eve", None, world.now)
    world.drain()
    assert entry_of(world, "eve").status is EntryStatus.EXPIRED


def test_who_has_signed_and_lost_the_race_keeps_the_place(world: FastWorld) -> None:
    session = _booked_in_turn(world)
    since = entry_of(world, "eve").since
    sessions.sign_waiver(session.id, "eve", "Jo Driver", world.now)
    world.drain()
    decline(world, "ada")
    sessions.cancel_session(session.id, "eve", None, world.now)
    world.drain()
    eve = entry_of(world, "eve")
    assert (eve.status, eve.since, eve.was_sent_back) == (EntryStatus.WAITING, since, False)


def test_who_is_looked_at_in_line_before_the_cancellation_is_heard(world: FastWorld) -> None:
    """New capacity comes while nobody has heard of it: she is not told as the first in line."""
    session = _booked_in_turn(world)
    clock_out(world, "ada")
    world.pass_time(minutes=5)
    sessions.cancel_session(session.id, "eve", None, world.now)
    world.lose_everything()
    clock_in(world, "ada")
    assert told(world)[-1] == ("ben", "ada")
    assert entry_of(world, "eve").was_sent_back


# Declining


def test_only_mechanics_decline(world: FastWorld) -> None:
    world.mechanic("ada")
    session = world.book("ann")
    with pytest.raises(NotFound):
        sessions.decline_offer(
            world.broadcast(session.id).id, "ghost", DeclineReason.BUSY, world.now
        )


def test_who_declines_the_broadcast_declines_their_offer_with_it(world: FastWorld) -> None:
    world.mechanic("ada")
    world.mechanic("bob")
    world.drain()
    session = world.book("ann")
    offer = world.offer_to("ada")
    broadcast = world.broadcast(session.id)
    for _ in range(2):
        sessions.decline_offer(broadcast.id, "ada", DeclineReason.BUSY, world.now)
        world.drain()
    assert world.row(offer.id).status is AssignmentStatus.DECLINED
    assert world.broadcast(session.id).declined_by == {"ada"}
    (fact,) = world.facts("OfferDeclined")
    assert (fact["assignment_id"], fact["match_type"]) == (offer.id, "targeted")
    assert is_offered(world, "ada") == []
    assert is_offered(world, "bob") == [session.id]


# Neither more nor less than that


def test_no_more_capacity_is_placed_anew_than_it_takes(world: FastWorld) -> None:
    on_shift(world, "ada", "bob", "cyd")
    wait(world, "ann")
    assert len(world.facts("CapacityRenewed")) == 1


def test_whom_the_roster_shows_with_a_brand_they_gave_up_is_not_for_it(
    world: FastWorld, unseen: set[str]
) -> None:
    on_shift(world, "ada", brand_specializations=["BMW"])
    matching.anyone_on_shift(MatchRequest(country="CA"), Policy(), world.now)
    unseen.add("ada")
    world.mechanic("ada", on_shift=False, brand_specializations=["Audi"])
    world.drain()
    wait(world, "ann", Wish(Target.BRAND, brand="BMW"))
    assert world.facts("CapacityRenewed") == []


def test_who_loses_an_offer_to_another_is_free_for_who_waits_for_them(world: FastWorld) -> None:
    on_shift(world, "ada", "bob")
    session = world.book("zed")
    wait(world, "ann", Wish(Target.MECHANIC, "ada"))
    assert told(world) == []
    take(world, "bob", session)
    assert told(world) == [("ann", "ada")]


def test_that_a_session_is_over_wakes_once_though_nobody_is_free(world: FastWorld) -> None:
    wait(world, "ann")
    session = sessions.book_session(an_intake(), "ann", world.now)
    sessions.cancel_session(session.id, "ann", None, world.now)
    world.drain()
    world.tell_again()
    assert len(world.facts("WaitlistWoken")) == 1


def test_what_went_unclaimed_is_not_woken_by_the_booking_that_was_given_up(
    world: FastWorld,
) -> None:
    session = _booked_in_turn(world)
    sessions.cancel_session(session.id, "eve", None, world.now)
    waitlist.settle("eve", entry_of(world, "eve").id, world.now)
    world.drain()
    assert world.facts("WaitlistWoken") == []


def test_who_has_just_left_is_not_there_though_the_roster_lags(
    world: FastWorld, unseen: set[str]
) -> None:
    world.mechanic("ada")
    world.drain()
    session = world.book("ann")
    decline(world, "ada")
    matching.anyone_on_shift(MatchRequest(country="CA"), Policy(), world.now)
    unseen.add("ada")
    clock_out(world, "ada")
    assert offline(world) == [session.id]
