"""Nobody takes it: a session is not sought for for ever, and the customer has three ways on."""

from datetime import timedelta

import pytest

from dispatch.core.errors import Conflict
from dispatch.offers import service as offers
from dispatch.offers.model import AssignmentStatus, Cause
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Party, Session, Status
from tests.stories import (
    clock_in,
    clock_out,
    complete,
    decline,
    make_busy,
    may_take,
    options,
    release,
    take,
    the_mechanic,
)
from tests.world import World, an_intake

pytestmark = pytest.mark.usefixtures("well_in_the_end")

ONE_MS = timedelta(milliseconds=1)
THREE_WAYS_ON = ("schedule", "browse_offline", "join_waitlist")


# Half an hour


def test_after_half_an_hour_it_is_unfilled_and_all_comes_back(world: World) -> None:
    session = world.book()
    assert session.pending_until == world.now + timedelta(minutes=30)
    world.pass_time(minutes=30)
    unfilled = world.session(session.id)
    assert (unfilled.status, unfilled.ended_by) == (Status.UNFILLED, Party.TIMER)
    assert unfilled.refund is not None
    assert unfilled.refund.percent == 100
    (fact,) = world.facts("SessionUnfilled")
    assert (fact["period"], fact["customer_id"]) == (1, "customer")


def test_up_to_then_it_can_be_taken(world: World) -> None:
    session = world.book()
    world.mechanic("a", on_shift=False)
    world.clock.at += timedelta(minutes=30) - ONE_MS
    world.ring()
    clock_in(world, "a")
    assert world.accept(world.broadcast(session.id).id, "a").status is Status.WAITING


def test_then_it_cannot_though_no_timer_rings(world: World) -> None:
    world.mechanic("a")
    session = world.book()
    broadcast = world.broadcast(session.id)
    world.clock.advance(minutes=30)
    assert world.session(session.id).status is Status.UNFILLED
    assert may_take(world, "a") == []
    with pytest.raises(Conflict) as refused:
        sessions.accept_offer(broadcast.id, "a", world.now)
    assert refused.value.reason == "expired"


def test_its_rows_have_expired(world: World) -> None:
    session = world.book()
    broadcast = world.broadcast(session.id)
    world.pass_time(minutes=27)
    world.mechanic("a")
    world.drain()
    offer = world.offer_to("a")
    assert offer.expires_at == session.pending_until, "an offer does not outlive the search"
    world.pass_time(minutes=3)
    for row in (broadcast, offer):
        ended = world.row(row.id)
        assert (ended.status, ended.cause) == (AssignmentStatus.EXPIRED, Cause.UNFILLED)
    (fact,) = world.facts("SessionUnfilled")
    assert fact["lost_mechanic_ids"] == ["a"]
    assert fact["lost_assignment_ids"] == [offer.id]


@pytest.mark.parametrize("first", ["the session's ring", "the offers' ring"])
def test_an_offer_cut_short_by_the_end_was_not_missed(world: World, first: str) -> None:
    """Whichever of the two rings comes first."""
    session = world.book()
    world.pass_time(minutes=27)
    world.mechanic("a")
    world.drain()
    offer = world.offer_to("a")
    world.clock.advance(minutes=3)
    if first == "the offers' ring":
        offers.expire_offers(session.id, world.now)
    world.ring()
    assert world.row(offer.id).cause is Cause.UNFILLED
    assert the_mechanic("a").misses == 0


def test_an_offer_that_ended_before_the_end_was_missed_all_the_same(world: World) -> None:
    """Though the ring of the offers never came, and the session's did."""
    world.mechanic("a")
    session = world.book()
    offer = world.offer_to("a")
    world.clock.advance(minutes=30)
    sessions.close_overdue(session.id, world.now)
    row = world.row(offer.id)
    assert (row.cause, row.missed) == (Cause.TIMEOUT, True)
    assert world.session(session.id).status is Status.UNFILLED


def test_it_makes_room_for_the_next(world: World) -> None:
    session = world.book()
    world.pass_time(minutes=30)
    assert sessions.active_of("customer", world.now) is None
    again = sessions.book_session(an_intake(), "customer", world.now)
    assert again.id != session.id


def test_noticed_twice_it_is_unfilled_once(world: World) -> None:
    session = world.book()
    world.pass_time(minutes=30)
    world.tell_again()
    assert not sessions.close_overdue(session.id, world.now)
    assert len(world.facts("SessionUnfilled")) == 1


def test_noticed_late_it_ended_at_the_deadline(world: World) -> None:
    session = world.book()
    world.clock.advance(minutes=44)
    sessions.close_overdue(session.id, world.now)
    assert world.session(session.id).ended_at == session.pending_until


# An hour in all


def _given_back_after(world: World, session: Session, minutes: int, by: str) -> Session:
    """Pending for that long, and then taken and given back at once."""
    world.pass_time(minutes=minutes)
    clock_in(world, by)
    return release(world, world.accept(world.broadcast(session.id).id, by))


@pytest.fixture
def given_back(world: World) -> Session:
    """Pending for 25 minutes and for 20; with two mechanics who gave it back."""
    for id_ in ("a", "b"):
        world.mechanic(id_, on_shift=False)
    session = world.book()
    _given_back_after(world, session, 25, "a")
    return _given_back_after(world, session, 20, "b")


def test_several_periods_last_an_hour_in_all(world: World, given_back: Session) -> None:
    assert given_back.period == 3
    assert given_back.pending_until == world.now + timedelta(minutes=15)
    world.pass_time(minutes=14)
    assert world.session(given_back.id).status is Status.PENDING
    world.pass_time(minutes=1)
    assert world.session(given_back.id).status is Status.UNFILLED
    assert world.facts("SessionUnfilled")[0]["period"] == 3


def test_a_second_period_lasts_half_an_hour_if_the_first_was_short(world: World) -> None:
    world.mechanic("a")
    session = world.book()
    world.clock.advance(minutes=2)
    again = release(world, take(world, "a", session))
    assert again.pending_until == world.now + timedelta(minutes=30)


def test_while_a_mechanic_has_it_the_hour_stands_still(world: World) -> None:
    world.mechanic("a")
    session = world.book()
    world.pass_time(minutes=20)
    waiting = world.accept(world.broadcast(session.id).id, "a")
    sessions.join_session(session.id, "a", world.now)
    world.pass_time(minutes=9)
    again = release(world, waiting)
    assert again.pending_left_s == 40 * 60
    assert again.pending_until == world.now + timedelta(minutes=30)


# The three ways on


def test_an_unfilled_session_has_the_three_ways_on(world: World) -> None:
    session = world.book()
    world.pass_time(minutes=30)
    assert options(world, session.id) == THREE_WAYS_ON
    world.mechanic("a")
    world.drain()
    assert options(world, session.id) == THREE_WAYS_ON, "whoever comes: this one is over"


def test_when_all_are_offline_the_customer_is_told_at_once(world: World) -> None:
    world.mechanic("a", on_shift=False)
    session = world.book()
    (told,) = world.facts("AllOffline", session_id=session.id)
    assert (told["customer_id"], told["period"]) == ("customer", 1)
    assert options(world, session.id) == THREE_WAYS_ON
    assert world.facts("OffersMade", "BroadcastAnnounced") == []
    assert world.broadcast(session.id).status is AssignmentStatus.QUEUED, "only the broadcast"


def test_all_busy_is_not_offline(world: World) -> None:
    world.mechanic("a")
    make_busy(world, "a")
    session = world.book()
    assert world.facts("AllOffline", session_id=session.id) == []
    assert options(world, session.id) == ()


def test_somebody_abroad_is_not_offline(world: World) -> None:
    world.mechanic("a", country="US", state_province="NY", city="Buffalo", postal_code="14201")
    session = world.book()
    assert world.asked(session.id) == ["a"]
    assert world.facts("AllOffline", session_id=session.id) == []


def test_who_may_not_be_matched_counts_as_offline(world: World) -> None:
    world.mechanic("a", profile_completion=79)
    session = world.book()
    assert len(world.facts("AllOffline", session_id=session.id)) == 1


def test_the_customer_themselves_counts_as_offline(world: World) -> None:
    world.mechanic("both")
    session = world.book("both")
    assert len(world.facts("AllOffline", session_id=session.id)) == 1


def test_the_last_one_goes_home(world: World) -> None:
    """What was not so when it began is told when it comes to be, and once."""
    world.mechanic("a")
    session = world.book()
    assert world.facts("AllOffline") == []
    clock_out(world, "a")
    assert len(world.facts("AllOffline", session_id=session.id)) == 1
    assert options(world, session.id) == THREE_WAYS_ON
    world.tell_again()
    assert len(world.facts("AllOffline", session_id=session.id)) == 1


def test_who_clocks_in_ends_it(world: World) -> None:
    session = world.book()
    assert options(world, session.id) == THREE_WAYS_ON
    world.mechanic("a")
    world.drain()
    assert world.asked(session.id) == ["a"]
    assert options(world, session.id) == ()
    decline(world, "a")
    assert options(world, session.id) == (), "there is somebody, if not for this one"


def test_it_is_told_anew_in_a_new_period(world: World) -> None:
    world.mechanic("a")
    session = world.book()
    waiting = take(world, "a", session)
    clock_out(world, "a", finish=True)
    release(world, waiting)
    told = world.facts("AllOffline", session_id=session.id)
    assert [fact["period"] for fact in told] == [2]


def test_a_session_that_was_taken_has_no_ways_on(world: World) -> None:
    session = world.book()
    world.mechanic("a")
    world.drain()
    waiting = world.accept(world.offer_to("a").id, "a")
    assert options(world, session.id) == ()
    complete(world, waiting)
    assert options(world, session.id) == ()
