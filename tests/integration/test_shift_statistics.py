"""How a shift goes and how it ends: by missing offers, with the session in hand, by the clock."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dispatch.core.errors import Conflict
from dispatch.offers import service as offers
from dispatch.offers import store as rows
from dispatch.offers.model import Assignment, AssignmentStatus, DeclineReason, Tally
from dispatch.offers.model import Cause as EndOfOffer
from dispatch.policy.model import Plan, SessionType
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Session, Status
from dispatch.shifts import service as shifts
from dispatch.shifts.model import Cause, ClockAction
from tests.stories import (
    clock_in,
    clock_out,
    complete,
    decline,
    is_offered,
    last_shift,
    make_busy,
    may_take,
    release,
    take,
    the_mechanic,
    under_a_policy,
)
from tests.world import World

pytestmark = pytest.mark.usefixtures("well_in_the_end")


@pytest.fixture
def numbers() -> dict[str, Any]:
    """Of the policy, where a story needs others than by default."""
    return {}


@pytest.fixture
def world(world: World, numbers: dict[str, Any]) -> World:
    under_a_policy(**numbers)
    world.mechanic("a")
    return world


def _plan(minutes: int) -> dict[str, Any]:
    return {"plans": (Plan("free", SessionType.CHAT, minutes, 0, 0),)}


TWO_AT_ONCE = pytest.mark.parametrize("numbers", [{"capacity": 2}])


def _miss(world: World, customer_id: str) -> Session:
    """The mechanic does not answer an offer of five minutes."""
    session = world.book(customer_id)
    assert session.id in is_offered(world, "a")
    world.pass_time(minutes=5)
    return session


# Statistics


def test_a_quiet_shift(world: World) -> None:
    world.pass_time(hours=3, minutes=20, seconds=59)
    clock_out(world, "a")
    shift = last_shift("a")
    assert (shift.minutes, shift.cause, shift.tally) == (200, Cause.SELF, Tally())


def test_while_it_is_open_nothing_is_counted(world: World) -> None:
    world.book()
    shift = shifts.clock_state("a", world.now).shift
    assert shift is not None
    assert (shift.minutes, shift.cause, shift.tally) == (None, None, None)


def test_offers_by_what_came_of_them(world: World) -> None:
    complete(world, take(world, "a", world.book("accepted")))
    world.book("declined")
    decline(world, "a")
    _miss(world, "missed")
    lost = world.book("taken by another")
    world.mechanic("b")
    world.accept(world.broadcast(lost.id).id, "b")
    called_off = world.book("cancelled")
    sessions.cancel_session(called_off.id, "cancelled", None, world.now)
    passed_on = world.book("cannot be delivered")
    offers.end_undeliverable("a", world.now)
    world.drain()
    assert world.asked(passed_on.id) == ["a"]
    clock_out(world, "a")
    assert last_shift("a").tally == Tally(
        offers_received=6,
        offers_accepted=1,
        offers_declined=1,
        offers_missed=1,
        micro_sessions=1,
    )


def test_a_broadcast_is_no_offer_but_its_session_counts(world: World) -> None:
    session = _miss(world, "customer")
    complete(world, world.accept(world.broadcast(session.id).id, "a"))
    clock_out(world, "a")
    tally = Tally(offers_received=1, offers_missed=1, micro_sessions=1)
    assert last_shift("a").tally == tally


def test_declining_a_broadcast_is_declining_no_offer(world: World) -> None:
    session = _miss(world, "customer")
    broadcast = world.broadcast(session.id)
    sessions.decline_offer(broadcast.id, "a", DeclineReason.PRICE, world.now)
    clock_out(world, "a")
    assert last_shift("a").tally == Tally(offers_received=1, offers_missed=1)


def _released(world: World, session: Session) -> None:
    release(world, session)


def _lease_lost(world: World, _session: Session) -> None:
    world.pass_time(minutes=5)


def _customer_missing(world: World, session: Session) -> None:
    sessions.join_session(session.id, "a", world.now)
    world.drain()
    world.pass_time(minutes=10)


def _cancelled(world: World, session: Session) -> None:
    sessions.cancel_session(session.id, session.customer_id, None, world.now)
    world.drain()


_NOT_COMPLETED = [_released, _lease_lost, _customer_missing, _cancelled]


@pytest.mark.parametrize("ends", _NOT_COMPLETED)
def test_what_was_accepted_and_not_completed_is_no_session(
    world: World, ends: Callable[[World, Session], None]
) -> None:
    ends(world, take(world, "a", world.book()))
    clock_out(world, "a")
    assert last_shift("a").tally == Tally(offers_received=1, offers_accepted=1)


def test_each_shift_counts_its_own(world: World) -> None:
    complete(world, take(world, "a", world.book()))
    world.clock.advance(minutes=1)
    clock_out(world, "a")
    world.clock.advance(minutes=1)
    clock_in(world, "a")
    world.clock.advance(minutes=1)
    world.book("next")
    decline(world, "a")
    clock_out(world, "a")
    (second, first), _ = shifts.shifts_of("a", 2, None)
    assert first.tally == Tally(offers_received=1, offers_accepted=1, micro_sessions=1)
    assert second.tally == Tally(offers_received=1, offers_declined=1)


def test_what_the_index_did_not_show_yet_is_counted_some_seconds_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.book()
    decline(world, "a")
    with monkeypatch.context() as lagging:
        lagging.setattr(rows, "rows_of", lambda *_: [])
        clock_out(world, "a")
    assert last_shift("a").tally == Tally()
    world.pass_time(seconds=10)
    assert last_shift("a").tally == Tally(offers_received=1, offers_declined=1)
    assert last_shift("a").minutes == 0, "the rest stays"


# Micro and full


@pytest.mark.parametrize(
    ("numbers", "tally"),
    [
        (_plan(15), Tally(offers_received=1, offers_accepted=1, micro_sessions=1)),
        (_plan(16), Tally(offers_received=1, offers_accepted=1, full_sessions=1)),
    ],
)
def test_a_plan_of_up_to_fifteen_minutes_is_micro(world: World, tally: Tally) -> None:
    complete(world, take(world, "a", world.book()))
    clock_out(world, "a")
    assert last_shift("a").tally == tally


# Three misses


def test_the_third_miss_in_a_row_clocks_out(world: World) -> None:
    for number in (1, 2):
        _miss(world, f"customer-{number}")
        assert the_mechanic("a").misses == number
        assert the_mechanic("a").duty.on_shift
    _miss(world, "customer-3")
    assert not the_mechanic("a").duty.on_shift
    shift = last_shift("a")
    assert (shift.cause, shift.minutes) == (Cause.THREE_MISSES, 15)
    assert shift.tally == Tally(offers_received=3, offers_missed=3)
    (fact,) = world.facts("MechanicClockedOut")
    assert (fact["mechanic_id"], fact["cause"]) == ("a", "three_misses")


def test_three_at_once_are_three(world: World) -> None:
    for number in range(3):
        world.book(f"customer-{number}")
    world.pass_time(minutes=5)
    assert last_shift("a").cause is Cause.THREE_MISSES


def test_who_was_clocked_out_so_is_offered_nothing(world: World) -> None:
    for number in range(3):
        _miss(world, f"customer-{number}")
    session = world.book()
    assert world.asked(session.id) == []
    assert may_take(world, "a") == []


def test_what_they_were_offered_meanwhile_passes_on(world: World) -> None:
    for number in (1, 2):
        _miss(world, f"customer-{number}")
    world.book("customer-3")
    world.pass_time(minutes=1)
    session = world.book()
    assert world.asked(session.id) == ["a"]
    world.clock.advance(minutes=1)
    world.mechanic("b")
    world.pass_time(minutes=3)
    assert not the_mechanic("a").duty.on_shift
    assert world.asked(session.id) == ["a", "b"]


def _accepts(world: World) -> None:
    complete(world, take(world, "a", world.book("answered")))


def _declines(world: World) -> None:
    session = world.book("answered")
    (row,) = [row for row in offers.queue_of("a", world.now).mine if row.session_id == session.id]
    sessions.decline_offer(row.id, "a", DeclineReason.BUSY, world.now)
    world.drain()


def _takes_a_broadcast(world: World) -> None:
    (missed, *_) = may_take(world, "a")
    complete(world, world.accept(world.broadcast(missed).id, "a"))


@pytest.mark.parametrize("answers", [_accepts, _declines, _takes_a_broadcast])
def test_an_answer_makes_the_misses_forgotten(
    world: World, answers: Callable[[World], None]
) -> None:
    for number in (1, 2):
        _miss(world, f"before-{number}")
    answers(world)
    assert the_mechanic("a").misses == 0
    for number in (1, 2):
        _miss(world, f"after-{number}")
    assert the_mechanic("a").duty.on_shift


def test_a_new_shift_begins_without_misses(world: World) -> None:
    for number in (1, 2):
        _miss(world, f"before-{number}")
    clock_out(world, "a")
    clock_in(world, "a")
    _miss(world, "after")
    assert the_mechanic("a").misses == 1


def test_told_again_it_does_not_end_the_next_shift(world: World) -> None:
    for number in range(3):
        _miss(world, f"customer-{number}")
    clock_in(world, "a")
    world.tell_again(world.facts("OffersExpired"))
    assert the_mechanic("a").duty.on_shift


def test_who_is_busy_when_the_time_is_up_has_not_missed_it(world: World) -> None:
    """Though nobody has come to end the offer for that."""
    session = world.book("first")
    other = world.book("other")
    sessions.accept_offer(_row(world, other).id, "a", world.now)
    row = _row(world, session)
    world.clock.advance(minutes=5)
    offers.expire_offers(session.id, world.now)
    assert (world.row(row.id).cause, world.row(row.id).missed) == (EndOfOffer.TIMEOUT, False)
    assert the_mechanic("a").misses == 0


def _row(world: World, session: Session) -> Assignment:
    mine = offers.queue_of("a", world.now).mine
    (row,) = [row for row in mine if row.session_id == session.id]
    return row


def test_who_clocked_in_since_has_not_missed_it(world: World) -> None:
    session = world.book()
    row = world.offer_to("a")
    world.clock.advance(minutes=1)
    shifts.clock_out("a", world.now)
    world.clock.advance(minutes=1)
    shifts.clock_in("a", world.now)
    world.clock.advance(minutes=3)
    offers.expire_offers(session.id, world.now)
    assert not world.row(row.id).missed
    assert the_mechanic("a").misses == 0


def test_what_ends_before_its_time_was_not_missed(world: World) -> None:
    for number in range(3):
        session = world.book(f"customer-{number}")
        offers.end_undeliverable("a", world.now)
        world.drain()
        assert world.asked(session.id) == ["a"]
    assert the_mechanic("a").misses == 0
    assert the_mechanic("a").duty.on_shift


# Finish, then clock out


def test_the_shift_closes_with_the_session(world: World) -> None:
    session = make_busy(world, "a")
    world.clock.advance(minutes=2)
    state = shifts.clock_out("a", world.now, notes="Home", finish=True)
    assert (state.currently_on_shift, state.load, state.closing) == (True, 1, True)
    assert shifts.clock_state("a", world.now).closing
    world.drain()
    (closing,) = world.facts("ShiftClosing")
    assert (closing["mechanic_id"], closing["cause"]) == ("a", "finished")
    world.clock.advance(minutes=2)
    complete(world, session)
    shift = last_shift("a")
    assert (shift.cause, shift.minutes, shift.notes) == (Cause.FINISHED, 4, "Home")
    assert shift.tally is not None
    assert shift.tally.micro_sessions == 1, "the last one counts, too"
    assert not the_mechanic("a").duty.on_shift
    assert world.facts("MechanicFreed") == [], "there is no new capacity"


@pytest.mark.parametrize("ends", _NOT_COMPLETED)
def test_however_the_session_ends(world: World, ends: Callable[[World, Session], None]) -> None:
    session = make_busy(world, "a")
    clock_out(world, "a", finish=True)
    left = world.facts("CapacityLeft")
    ends(world, session)
    assert last_shift("a").cause is Cause.FINISHED
    assert not the_mechanic("a").duty.on_shift
    assert not the_mechanic("a").duty.closing
    assert world.load("a") == 0
    assert world.facts("MechanicFreed") == []
    assert world.facts("CapacityLeft") == left


def test_without_a_session_it_closes_at_once(world: World) -> None:
    clock_out(world, "a", finish=True)
    assert last_shift("a").cause is Cause.SELF
    assert world.facts("ShiftClosing") == []


def test_twice_is_once(world: World) -> None:
    make_busy(world, "a")
    for _ in range(2):
        clock_out(world, "a", finish=True)
    assert len(world.facts("ShiftClosing")) == 1


def test_while_it_closes_the_mechanic_is_on_shift_with_a_session(world: World) -> None:
    make_busy(world, "a")
    clock_out(world, "a", finish=True)
    with pytest.raises(Conflict) as refused:
        shifts.clock_out("a", world.now)
    assert refused.value.reason == "has_load"
    with pytest.raises(Conflict) as refused:
        shifts.clock_in("a", world.now)
    assert refused.value.reason == "already_clocked_in"


def test_the_next_shift_is_an_open_one(world: World) -> None:
    session = make_busy(world, "a")
    clock_out(world, "a", finish=True)
    complete(world, session)
    clock_in(world, "a")
    assert not shifts.clock_state("a", world.now).closing
    assert is_offered(world, "a") == []
    later = world.book()
    assert is_offered(world, "a") == [later.id]


@TWO_AT_ONCE
def test_a_closing_shift_gives_its_other_offers_away(world: World) -> None:
    make_busy(world, "a")
    session = world.book()
    row = _row(world, session)
    world.mechanic("b")
    clock_out(world, "a", finish=True)
    ended = world.row(row.id)
    assert (ended.status, ended.cause) == (AssignmentStatus.EXPIRED, EndOfOffer.AT_CAPACITY)
    assert world.asked(session.id) == ["a", "b"]


@TWO_AT_ONCE
def test_a_closing_shift_is_offered_nothing_and_takes_nothing(world: World) -> None:
    make_busy(world, "a")
    clock_out(world, "a", finish=True)
    session = world.book()
    assert world.asked(session.id) == []
    with pytest.raises(Conflict) as refused:
        sessions.accept_offer(world.broadcast(session.id).id, "a", world.now)
    assert refused.value.reason == "at_capacity"


@TWO_AT_ONCE
def test_it_closes_with_the_last_of_several_sessions(world: World) -> None:
    first = make_busy(world, "a")
    second = make_busy(world, "a", "another")
    clock_out(world, "a", finish=True)
    waiting = world.book()
    complete(world, second)
    assert shifts.clock_state("a", world.now).closing
    assert world.asked(waiting.id) == [], "a session less is no new capacity now"
    complete(world, first)
    assert last_shift("a").cause is Cause.FINISHED


# Twelve hours


def test_after_twelve_hours_a_shift_ends_by_itself(world: World) -> None:
    shift = shifts.clock_state("a", world.now).shift
    assert shift is not None
    assert shift.closes_at == world.now + timedelta(hours=12)
    world.pass_time(hours=11, minutes=59)
    assert the_mechanic("a").duty.on_shift
    world.pass_time(minutes=1)
    closed = last_shift("a")
    assert (closed.cause, closed.minutes) == (Cause.TWELVE_HOURS, 720)
    assert not the_mechanic("a").duty.on_shift
    (fact,) = world.facts("MechanicClockedOut")
    assert fact["cause"] == "twelve_hours"


def test_its_offers_pass_on(world: World) -> None:
    world.pass_time(hours=11, minutes=57)
    session = world.book()
    world.mechanic("b")
    world.drain()
    assert world.asked(session.id) == ["a"]
    world.pass_time(minutes=3)
    assert world.asked(session.id) == ["a", "b"]
    assert last_shift("a").tally == Tally(offers_received=1), "which is no miss"


def test_with_a_session_in_hand_it_ends_with_the_session(world: World) -> None:
    world.pass_time(hours=11, minutes=50)
    session = make_busy(world, "a")
    sessions.join_session(session.id, "a", world.now)
    sessions.join_session(session.id, session.customer_id, world.now)
    world.pass_time(minutes=10)
    assert the_mechanic("a").duty.on_shift
    assert shifts.clock_state("a", world.now).closing
    (closing,) = world.facts("ShiftClosing")
    assert closing["cause"] == "twelve_hours"
    world.pass_time(minutes=4)
    sessions.end_session(session.id, "a", world.now)
    world.drain()
    closed = last_shift("a")
    assert (closed.cause, closed.minutes) == (Cause.TWELVE_HOURS, 724)
    assert closed.tally is not None
    assert closed.tally.micro_sessions == 1


def test_a_shift_that_closes_already_keeps_its_reason(world: World) -> None:
    world.pass_time(hours=11, minutes=55)
    session = make_busy(world, "a")
    sessions.join_session(session.id, "a", world.now)
    sessions.join_session(session.id, session.customer_id, world.now)
    clock_out(world, "a", finish=True)
    world.pass_time(minutes=10)
    sessions.end_session(session.id, "a", world.now)
    world.drain()
    assert last_shift("a").cause is Cause.FINISHED
    assert len(world.facts("ShiftClosing")) == 1


def test_the_ring_of_a_shift_that_is_over_leaves_the_next_alone(world: World) -> None:
    world.pass_time(hours=1)
    clock_out(world, "a")
    clock_in(world, "a")
    world.pass_time(hours=11)
    assert the_mechanic("a").duty.on_shift
    world.pass_time(hours=1)
    assert not the_mechanic("a").duty.on_shift
    assert [shift.minutes for shift in shifts.shifts_of("a", 10, None)[0]] == [720, 60]


def test_rung_late_and_twice_it_ends_once(world: World) -> None:
    shift = shifts.clock_state("a", world.now).shift
    assert shift is not None
    assert not shifts.end_overdue_shift("a", shift.id, world.now), "not yet"
    world.clock.advance(hours=12, minutes=4)
    assert shifts.end_overdue_shift("a", shift.id, world.now)
    assert not shifts.end_overdue_shift("a", shift.id, world.now)
    assert len(world.facts("MechanicClockedOut")) == 1


def test_after_twelve_hours_nothing_is_to_be_had_though_no_timer_rings(world: World) -> None:
    session = world.book()
    offer = world.offer_to("a")
    world.clock.advance(hours=12)
    another = world.book("another")
    assert world.asked(another.id) == []
    assert not shifts.clock_state("a", world.now).currently_on_shift
    assert offers.queue_of("a", world.now).unassigned == []
    for id_ in (offer.id, world.broadcast(another.id).id):
        with pytest.raises(Conflict):
            sessions.accept_offer(id_, "a", world.now)
    assert world.session(session.id).status is not Status.WAITING
    assert world.load("a") == 0


@pytest.mark.parametrize("action", ClockAction)
def test_whoever_comes_to_the_clock_late_finds_the_shift_over(
    world: World, action: ClockAction
) -> None:
    world.clock.advance(hours=13)
    if action is ClockAction.CLOCK_IN:
        assert shifts.punch_clock(action, "a", world.now).currently_on_shift
    else:
        with pytest.raises(Conflict) as refused:
            shifts.punch_clock(action, "a", world.now)
        assert refused.value.reason == "not_clocked_in"
    closed = last_shift("a")
    assert (closed.cause, closed.minutes) == (Cause.TWELVE_HOURS, 720)


def test_a_session_in_hand_is_part_of_the_shift_however_late_its_end_is_rung(world: World) -> None:
    world.pass_time(hours=11, minutes=50)
    session = make_busy(world, "a")
    sessions.join_session(session.id, "a", world.now)
    sessions.join_session(session.id, session.customer_id, world.now)
    world.clock.advance(minutes=14)
    sessions.end_session(session.id, "a", world.now)
    world.clock.advance(minutes=6)
    shift = shifts.clock_state("a", world.now)
    assert not shift.currently_on_shift
    shifts.end_overdue_shift("a", the_mechanic("a").shift_id or "", world.now)
    assert last_shift("a").minutes == 724


def test_a_session_that_waits_is_offered_to_nobody_whose_time_is_up(world: World) -> None:
    world.pass_time(hours=12)
    session = world.book()
    assert world.asked(session.id) == []
    assert world.session(session.id).status is Status.PENDING
