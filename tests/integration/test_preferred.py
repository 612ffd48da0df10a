"""The mechanic whom the customer prefers: asked alone, and then not waited for any longer."""

from datetime import timedelta
from typing import Any

import pytest

from dispatch.core.errors import Conflict, Invalid
from dispatch.matching.model import Badge, Priority, RequestType
from dispatch.offers import service as offers
from dispatch.offers.model import AssignmentStatus, Cause, DeclineReason
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Session, Status
from dispatch.shifts import service as shifts
from tests.stories import (
    clock_in,
    clock_out,
    complete,
    decline,
    is_offered,
    make_busy,
    may_take,
    outcome,
    release,
    suspend,
    the_mechanic,
)
from tests.world import Fact, World, an_intake

pytestmark = pytest.mark.usefixtures("well_in_the_end")

TWO_MINUTES = timedelta(minutes=2)
ONE_MS = timedelta(milliseconds=1)


@pytest.fixture
def world(world: World) -> World:
    """Two good mechanics downtown, and the customer's own, who is far off and not so good."""
    world.mechanic("b", rating=4.6)
    world.mechanic("a", rating=5.0)
    world.mechanic("own", city="Ottawa", postal_code="K1A 0A1", rating=3.0, service_keywords=[])
    world.drain()
    return world


def _book(world: World, **fields: Any) -> Session:
    return world.book(preferred_mechanic_id="own", **fields)


def _passed_over(world: World, session: Session) -> list[Fact]:
    return world.facts("PreferredPassedOver", session_id=session.id)


def _check_moved_on(world: World, session: Session, reason: str) -> None:
    """The customer was told why, once; the next best were asked; anybody may take it."""
    (told,) = _passed_over(world, session)
    assert (told["mechanic_id"], told["customer_id"]) == ("own", "customer")
    assert told["outcome"] == reason
    assert outcome(world, session.id) == reason
    assert world.asked(session.id)[-2:] == ["a", "b"]
    assert world.asked(session.id).count("own") <= 1
    assert world.broadcast(session.id).status is AssignmentStatus.QUEUED


# Without being asked


def test_who_declines_the_opened_broadcast_before_being_asked_is_passed_over(world: World) -> None:
    booked = sessions.book_session(an_intake(preferred_mechanic_id="own"), "customer", world.now)
    session = sessions.sign_waiver(booked.id, "customer", "Jo Driver", world.now)
    world.clock.advance(minutes=2)
    row = world.broadcast(session.id)
    sessions.decline_offer(row.id, "own", DeclineReason.BUSY, world.now)
    world.drain()
    (told,) = _passed_over(world, session)
    assert told["outcome"] == outcome(world, session.id) == "declined"
    assert world.asked(session.id) == ["a", "b"]


def test_a_session_cancelled_while_they_are_asked_says_so(world: World) -> None:
    session = _book(world)
    sessions.cancel_session(session.id, "customer", None, world.now)
    world.drain()
    assert outcome(world, session.id) == "cancelled"
    assert _passed_over(world, session) == []


def test_a_release_of_the_broadcast_that_time_has_opened_tells_what_it_is(world: World) -> None:
    session = _book(world)
    row = world.broadcast(session.id)
    world.clock.advance(minutes=2)
    with pytest.raises(Conflict) as refused:
        sessions.release_session(row.id, "a", "Not mine", world.now)
    assert refused.value.members["current_status"] == AssignmentStatus.QUEUED


# Asked alone


def test_is_asked_alone_for_two_minutes(world: World) -> None:
    session = _book(world)
    assert world.asked(session.id) == ["own"]
    (made,) = world.facts("OffersMade", session_id=session.id)
    assert made["kind"] == "preferred"
    offer = world.offer_to("own")
    assert offer.expires_at == world.now + TWO_MINUTES
    assert outcome(world, session.id) == "offered"


def test_the_offer_is_of_high_priority_whatever_the_score(world: World) -> None:
    _book(world)
    offer = world.offer_to("own")
    assert offer.match is not None
    assert offer.match.badge is not Badge.HIGH
    assert offer.priority is Priority.HIGH


def test_meanwhile_the_broadcast_is_held(world: World) -> None:
    session = _book(world)
    broadcast = world.broadcast(session.id)
    assert broadcast.status is AssignmentStatus.HELD
    assert broadcast.opens_at == world.offer_to("own").expires_at
    for id_ in ("a", "own"):
        assert may_take(world, id_) == []
    assert world.facts("BroadcastAnnounced") == []


def test_the_record_ranks_everybody_all_the_same(world: World) -> None:
    session = _book(world)
    record = world.matches(session.id)
    assert [match["mechanic_id"] for match in record["matches"]] == ["a", "b", "own"]
    assert record["preferred"] == {"mechanic_id": "own", "outcome": None}


def test_who_accepts_has_it(world: World) -> None:
    session = _book(world)
    broadcast = world.broadcast(session.id)
    world.clock.advance(seconds=119, milliseconds=999)
    accepted = world.accept(world.offer_to("own").id, "own")
    assert (accepted.status, accepted.mechanic_id) == (Status.WAITING, "own")
    assert world.row(broadcast.id).status is AssignmentStatus.RESCINDED
    assert outcome(world, session.id) == "accepted"
    world.pass_time(minutes=2)
    assert _passed_over(world, session) == []
    assert world.asked(session.id) == ["own"]


# The held broadcast


def test_nobody_else_takes_it_before(world: World) -> None:
    session = _book(world)
    broadcast = world.broadcast(session.id)
    world.clock.at += TWO_MINUTES - ONE_MS
    for id_ in ("a", "own"):
        with pytest.raises(Conflict) as refused:
            sessions.accept_offer(broadcast.id, id_, world.now)
        assert refused.value.reason == "not_eligible"
    with pytest.raises(Conflict) as refused:
        sessions.decline_offer(broadcast.id, "a", DeclineReason.OTHER, world.now)
    assert refused.value.reason == "not_eligible"
    assert may_take(world, "a") == []


def test_it_opens_at_that_very_instant_though_no_timer_rings(world: World) -> None:
    session = _book(world)
    world.clock.at += TWO_MINUTES
    assert may_take(world, "a") == [session.id]
    assert may_take(world, "own") == [session.id], "after a miss, too"
    accepted = sessions.accept_offer(world.broadcast(session.id).id, "a", world.now)
    assert accepted.mechanic_id == "a"


def test_who_takes_it_at_that_instant_leaves_the_customer_told_of_their_own(world: World) -> None:
    """The preferred mechanic has missed it, whether a timer has written that down or not."""
    session = _book(world)
    offer = world.offer_to("own")
    world.clock.at += TWO_MINUTES
    world.accept(world.broadcast(session.id).id, "a")
    (told,) = _passed_over(world, session)
    assert told["outcome"] == outcome(world, session.id) == "expired"
    row = world.row(offer.id)
    assert (row.status, row.cause, row.missed) == (AssignmentStatus.EXPIRED, Cause.TIMEOUT, True)


def test_it_opens_at_its_instant_however_late_the_offer_was_made(world: World) -> None:
    booked = sessions.book_session(an_intake(preferred_mechanic_id="own"), "customer", world.now)
    sessions.sign_waiver(booked.id, "customer", "Jo Driver", world.now)
    world.clock.advance(seconds=90)
    world.drain()
    assert world.asked(booked.id) == ["own"]
    world.clock.advance(seconds=29)
    assert may_take(world, "a") == []
    world.clock.advance(seconds=1)
    assert may_take(world, "a") == [booked.id], "two minutes from when it became pending"
    world.ring()
    assert world.asked(booked.id) == ["own", "a", "b"]


def test_a_declined_broadcast_stays_declined_when_it_is_opened(world: World) -> None:
    session = _book(world)
    world.clock.at += TWO_MINUTES
    broadcast = world.broadcast(session.id)
    sessions.decline_offer(broadcast.id, "a", DeclineReason.PRICE, world.now)
    world.ring()
    assert world.asked(session.id) == ["own", "b"]
    assert may_take(world, "a") == []


# Asked, and passed over at once


def test_who_declines_is_passed_over(world: World) -> None:
    session = _book(world)
    decline(world, "own")
    _check_moved_on(world, session, "declined")
    assert may_take(world, "own") == []


def test_who_sleeps_is_passed_over_after_two_minutes(world: World) -> None:
    session = _book(world)
    world.pass_time(seconds=119)
    assert world.asked(session.id) == ["own"]
    assert outcome(world, session.id) == "offered"
    world.pass_time(seconds=1)
    _check_moved_on(world, session, "expired")
    assert the_mechanic("own").misses == 1
    with pytest.raises(Conflict) as refused:
        sessions.accept_offer(_first_offer(world, session), "own", world.now)
    assert refused.value.reason == "expired"
    assert world.accept(world.broadcast(session.id).id, "own").mechanic_id == "own"
    assert outcome(world, session.id) == "accepted", "late, but after all"


def _first_offer(world: World, session: Session) -> str:
    assignment_id: str = world.facts("OffersMade", session_id=session.id)[0]["assignment_ids"][0]
    return assignment_id


def test_the_deadline_stands_in_what_the_customer_sees(world: World) -> None:
    session = _book(world)
    world.clock.at += TWO_MINUTES
    assert outcome(world, session.id) == "expired"


def test_who_clocks_out_is_passed_over(world: World) -> None:
    session = _book(world)
    clock_out(world, "own")
    _check_moved_on(world, session, "clocked_out")


def test_who_clocks_out_and_in_again_is_not_waited_for(world: World) -> None:
    session = _book(world)
    world.clock.advance(seconds=10)
    shifts.clock_out("own", world.now)
    world.clock.advance(seconds=1)
    shifts.clock_in("own", world.now)
    world.drain()
    _check_moved_on(world, session, "clocked_out")


def test_who_takes_another_session_is_passed_over(world: World) -> None:
    session = _book(world)
    make_busy(world, "own")
    _check_moved_on(world, session, "at_capacity")


def test_who_loses_eligibility_is_passed_over(world: World) -> None:
    session = _book(world)
    suspend(world, "own")
    _check_moved_on(world, session, "not_eligible")


def test_who_cannot_be_reached_is_passed_over(world: World) -> None:
    session = _book(world)
    offers.end_undeliverable("own", world.now)
    world.drain()
    _check_moved_on(world, session, "undeliverable")


def test_messages_twice_and_backwards_pass_over_once(world: World) -> None:
    session = _book(world)
    decline(world, "own")
    world.tell_again()
    _check_moved_on(world, session, "declined")
    assert world.asked(session.id) == ["own", "a", "b"]


# Never asked


def test_who_is_off_shift_is_not_waited_for(world: World) -> None:
    clock_out(world, "own")
    session = _book(world)
    _check_moved_on(world, session, "off_shift")
    assert world.asked(session.id) == ["a", "b"]
    record = world.matches(session.id)
    assert record["preferred"] == {"mechanic_id": "own", "outcome": "off_shift"}


def test_who_is_busy_is_not_waited_for(world: World) -> None:
    make_busy(world, "own")
    session = _book(world)
    _check_moved_on(world, session, "at_capacity")


@pytest.mark.parametrize(
    "fields",
    [
        {"profile_completion": 79},
        {"certified": True, "certification_expires_on": "2026-06-30"},
    ],
)
def test_who_is_not_eligible_is_not_waited_for(world: World, fields: dict[str, Any]) -> None:
    world.mechanic("own", on_shift=False, **fields)
    session = _book(world)
    _check_moved_on(world, session, "not_eligible")


def test_who_is_suspended_between_booking_and_signing_is_not_waited_for(world: World) -> None:
    booked = sessions.book_session(an_intake(preferred_mechanic_id="own"), "customer", world.now)
    suspend(world, "own")
    sessions.sign_waiver(booked.id, "customer", "Jo Driver", world.now)
    world.drain()
    _check_moved_on(world, booked, "not_eligible")


def test_who_lacks_the_brand_is_not_waited_for(world: World) -> None:
    for id_, rating in (("b", 4.6), ("a", 5.0)):
        world.mechanic(id_, on_shift=False, rating=rating, brand_specializations=["BMW"])
    session = _book(world, request_type=RequestType.BRAND_SPECIALIST, requested_brand="BMW")
    _check_moved_on(world, session, "not_eligible")


def test_nobody_serves_themselves(world: World) -> None:
    with pytest.raises(Invalid, match="/preferred_mechanic_id"):
        sessions.book_session(an_intake(preferred_mechanic_id="own"), "own", world.now)


@pytest.mark.parametrize("id_", ["nobody", "suspended", "", "x" * 300])
def test_who_is_nobody_cannot_be_preferred(world: World, id_: str) -> None:
    """Nor who may not be seen: an outsider cannot tell that from being nobody."""
    world.mechanic("suspended", on_shift=False, status="suspended")
    with pytest.raises(Invalid, match="/preferred_mechanic_id"):
        sessions.book_session(an_intake(preferred_mechanic_id=id_), "customer", world.now)


def test_without_a_wish_there_is_nothing_to_tell(world: World) -> None:
    session = world.book()
    assert outcome(world, session.id) is None
    assert _passed_over(world, session) == []


# Later


def test_who_becomes_free_while_it_waits_is_asked_as_anybody(world: World) -> None:
    for id_ in ("a", "b"):
        clock_out(world, id_)
    busy = make_busy(world, "own")
    session = _book(world)
    assert world.asked(session.id) == []
    complete(world, busy)
    (made,) = world.facts("OffersMade", session_id=session.id)
    assert (made["mechanic_ids"], made["kind"]) == (["own"], "capacity")
    world.accept(world.offer_to("own").id, "own")
    assert outcome(world, session.id) == "accepted"


def test_who_could_not_be_asked_before_is_asked_alone_in_the_next_period(world: World) -> None:
    clock_out(world, "own")
    session = _book(world)
    waiting = world.accept(world.offer_to("a").id, "a")
    clock_in(world, "own")
    release(world, waiting)
    assert world.asked(session.id) == ["a", "b", "own"]
    assert world.broadcast(session.id).status is AssignmentStatus.HELD
    assert is_offered(world, "b") == []
    assert outcome(world, session.id) == "offered"
    decline(world, "own")
    assert outcome(world, session.id) == "declined"


def test_who_gave_it_back_is_not_asked_again_and_nothing_is_held_for_them(world: World) -> None:
    session = _book(world)
    release(world, world.accept(world.offer_to("own").id, "own"))
    assert world.asked(session.id) == ["own", "a", "b"]
    assert world.broadcast(session.id).status is AssignmentStatus.QUEUED
    assert outcome(world, session.id) == "released"


def test_who_accepted_and_did_not_come_is_not_waited_for_again(world: World) -> None:
    session = _book(world)
    world.accept(world.offer_to("own").id, "own")
    world.pass_time(minutes=5)
    assert world.asked(session.id) == ["own", "a", "b"]
    assert outcome(world, session.id) == "not_joined"


def test_what_another_gave_back_tells_nothing_of_the_preferred(world: World) -> None:
    session = _book(world)
    decline(world, "own")
    release(world, world.accept(world.offer_to("a").id, "a"))
    assert outcome(world, session.id) == "declined"


def test_a_session_cancelled_while_its_broadcast_is_held_takes_all_rows_along(
    world: World,
) -> None:
    session = _book(world)
    offer, broadcast = world.offer_to("own"), world.broadcast(session.id)
    sessions.cancel_session(session.id, "customer", None, world.now)
    world.pass_time(minutes=3)
    for row in (offer, broadcast):
        assert world.row(row.id).status is AssignmentStatus.CANCELLED
    assert world.asked(session.id) == ["own"]
    assert _passed_over(world, session) == []
