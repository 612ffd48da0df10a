"""New capacity meets who waits: the oldest session that fits, or else the waitlist."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from dispatch.customers.model import Location
from dispatch.matching import service as matching
from dispatch.matching.model import Ranked, RequestType
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import RosterRow
from dispatch.offers import service as offers
from dispatch.offers import store as rows
from dispatch.offers.model import AssignmentStatus
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
    release,
    suspend,
    the_mechanic,
    under_a_policy,
)
from tests.world import Fact, World

pytestmark = pytest.mark.usefixtures("well_in_the_end")

BUFFALO = Location("US", "New York", "Buffalo", "14201")


def _waiting_customers(world: World, number: int = 2) -> list[Session]:
    """Sessions that nobody is there for, the oldest first."""
    sessions_ = []
    for customer in range(number):
        sessions_.append(world.book(f"customer-{customer}"))
        world.clock.advance(seconds=1)
    return sessions_


def _left(world: World) -> list[Fact]:
    return world.facts("CapacityLeft")


def _capacity_offers(world: World) -> list[tuple[str, str]]:
    made = [fact for fact in world.facts("OffersMade") if fact["kind"] == "capacity"]
    return [(fact["session_id"], mechanic) for fact in made for mechanic in fact["mechanic_ids"]]


# Who clocks in


def test_who_clocks_in_is_offered_the_oldest(world: World) -> None:
    oldest, _ = _waiting_customers(world)
    world.mechanic("a")
    world.drain()
    assert _capacity_offers(world) == [(oldest.id, "a")]
    offer = world.offer_to("a")
    assert offer.session_id == oldest.id
    assert offer.expires_at == world.now + timedelta(minutes=5)
    assert offer.match is not None
    assert offer.match.score > 100, "scored as in any wave"
    assert _left(world) == []


def test_the_next_one_is_offered_the_next(world: World) -> None:
    oldest, next_one = _waiting_customers(world)
    for id_ in ("a", "b"):
        world.mechanic(id_)
        world.drain()
    assert _capacity_offers(world) == [(oldest.id, "a"), (next_one.id, "b")]


def test_the_oldest_by_booking_though_it_waits_anew(world: World) -> None:
    world.mechanic("a")
    oldest = world.book("oldest")
    waiting = world.accept(world.offer_to("a").id, "a")
    world.clock.advance(minutes=1)
    younger = world.book("younger")
    world.clock.advance(minutes=1)
    release(world, waiting)
    assert is_offered(world, "a") == [younger.id], "not the one they gave back"
    world.mechanic("b")
    world.drain()
    assert is_offered(world, "b") == [oldest.id]


def test_what_has_an_open_offer_is_not_offered(world: World) -> None:
    world.mechanic("a")
    session = world.book()
    world.clock.advance(seconds=30)
    world.mechanic("b")
    world.drain()
    assert world.asked(session.id) == ["a"]
    assert may_take(world, "b") == [session.id], "but they may take the broadcast"


def test_what_the_preferred_is_asked_alone_for_is_not_offered(world: World) -> None:
    world.mechanic("own")
    session = world.book(preferred_mechanic_id="own")
    world.mechanic("b")
    world.drain()
    assert world.asked(session.id) == ["own"]


def test_told_twice_it_is_one_offer(world: World) -> None:
    _waiting_customers(world)
    world.mechanic("a")
    world.drain()
    world.tell_again()
    assert len(_capacity_offers(world)) == 1
    assert _left(world) == []


# Who becomes free


def _end(world: World, session: Session) -> None:
    complete(world, session)


def _cancel(world: World, session: Session) -> None:
    sessions.cancel_session(session.id, session.customer_id, None, world.now)
    world.drain()


def _release(world: World, session: Session) -> None:
    release(world, session)


def _no_show(world: World, session: Session) -> None:
    sessions.join_session(session.id, "a", world.now)
    world.drain()
    world.pass_time(minutes=10)


def _lost_lease(world: World, session: Session) -> None:
    world.pass_time(minutes=5)


@pytest.mark.parametrize("becomes_free", [_end, _cancel, _release, _no_show, _lost_lease])
def test_who_becomes_free_is_offered_the_oldest(
    world: World, becomes_free: Callable[[World, Session], None]
) -> None:
    world.mechanic("a")
    busy_with = make_busy(world, "a")
    waiting = world.book()
    assert world.asked(waiting.id) == []
    becomes_free(world, busy_with)
    assert world.load("a") == 0
    assert _capacity_offers(world) == [(waiting.id, "a")]
    assert world.asked(busy_with.id) == ["a"], "and not again what they had"


# What fits


def test_of_another_country_does_not_fit(world: World) -> None:
    session = world.book(location=BUFFALO)
    world.mechanic("a")
    world.drain()
    assert world.asked(session.id) == []
    assert len(_left(world)) == 1


@pytest.mark.parametrize("country", ["Canada", None])
def test_of_unknown_place_fits_everybody(world: World, country: str | None) -> None:
    session = world.book(location=Location())
    world.mechanic("a", country=country)
    world.drain()
    assert is_offered(world, "a") == [session.id]


def test_a_brand_fits_its_specialists_alone(world: World) -> None:
    bmw = world.book("driver", request_type=RequestType.BRAND_SPECIALIST, requested_brand="BMW")
    world.clock.advance(seconds=1)
    any_ = world.book()
    world.mechanic("a", brand_specializations=["Audi"])
    world.drain()
    assert is_offered(world, "a") == [any_.id]
    world.mechanic("b", brand_specializations=["bmw"])
    world.drain()
    assert is_offered(world, "b") == [bmw.id]


def test_nothing_fits_who_is_not_eligible(world: World) -> None:
    session = world.book()
    world.mechanic("a", profile_completion=79)
    world.drain()
    assert world.asked(session.id) == []


def test_what_they_declined_does_not_fit(world: World) -> None:
    world.mechanic("a")
    session = world.book()
    decline(world, "a")
    clock_out(world, "a")
    world.clock.advance(minutes=1)
    clock_in(world, "a")
    assert world.asked(session.id) == ["a"]
    assert may_take(world, "a") == []


def test_what_they_missed_does_not_fit_but_they_may_take_it(world: World) -> None:
    world.mechanic("a")
    session = world.book()
    world.pass_time(minutes=5)
    clock_out(world, "a")
    clock_in(world, "a")
    assert world.asked(session.id) == ["a"]
    assert may_take(world, "a") == [session.id]


def test_their_own_booking_does_not_fit(world: World) -> None:
    session = world.book("both")
    world.mechanic("both")
    world.drain()
    assert world.asked(session.id) == []


def test_what_is_over_does_not_fit_though_no_timer_has_rung(world: World) -> None:
    session = world.book()
    world.clock.advance(minutes=30)
    mechanics.upsert({"id": "a", "name": "A", "profile_completion": 90}, world.now)
    shifts.clock_in("a", world.now)
    offers.place_capacity("a", world.now)
    assert world.asked(session.id) == []


# Two at once


def test_two_who_clock_in_at_once_take_different_sessions(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look at the oldest; who is a moment slower takes the next."""
    oldest, next_one = _waiting_customers(world)
    for id_ in ("slow", "quick"):
        world.mechanic(id_)
    score_of = matching.score_of

    def meanwhile(*args: Any) -> Ranked:
        monkeypatch.setattr(matching, "score_of", score_of)
        if not is_offered(world, "quick"):
            offers.place_capacity("quick", world.now)
        return score_of(*args)

    monkeypatch.setattr(matching, "score_of", meanwhile)
    offers.place_capacity("slow", world.now)
    assert is_offered(world, "quick") == [oldest.id]
    assert is_offered(world, "slow") == [next_one.id]


def test_one_who_takes_another_session_meanwhile_is_not_offered_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest, next_one = _waiting_customers(world)
    world.mechanic("a")
    score_of = matching.score_of

    def meanwhile(*args: Any) -> Ranked:
        if world.load("a") == 0:
            sessions.accept_offer(world.broadcast(next_one.id).id, "a", world.now)
        return score_of(*args)

    monkeypatch.setattr(matching, "score_of", meanwhile)
    world.drain()
    assert world.asked(oldest.id) == []
    assert _left(world) == []


# What is left is the waitlist's


def test_when_none_fits_the_capacity_is_left(world: World) -> None:
    world.mechanic("a")
    world.drain()
    (left,) = _left(world)
    assert (left["mechanic_id"], left["room"], left["reason"]) == ("a", 1, "none_fits")


def test_room_for_several_is_told_as_such(world: World) -> None:
    under_a_policy(capacity=3)
    world.mechanic("a")
    world.drain()
    make_busy(world, "a")
    busy_with = make_busy(world, "a", "another")
    complete(world, busy_with)
    assert [left["room"] for left in _left(world)] == [3, 2]


def test_each_new_capacity_is_left_once(world: World) -> None:
    world.mechanic("a")
    world.drain()
    world.tell_again()
    world.pass_time(minutes=1)
    assert len(_left(world)) == 1
    complete(world, make_busy(world, "a"))
    assert len(_left(world)) == 2


def _declined(world: World, _session: Session) -> None:
    decline(world, "a")


def _timed_out(world: World, _session: Session) -> None:
    world.pass_time(minutes=5)


def _rescinded(world: World, session: Session) -> None:
    world.mechanic("b")
    world.drain()
    world.accept(world.broadcast(session.id).id, "b")


def _cancelled(world: World, session: Session) -> None:
    sessions.cancel_session(session.id, session.customer_id, None, world.now)
    world.drain()


@pytest.mark.parametrize("ends", [_declined, _timed_out, _rescinded, _cancelled])
def test_an_offer_that_ends_unaccepted_leaves_the_capacity(
    world: World, ends: Callable[[World, Session], None]
) -> None:
    session = world.book()
    world.mechanic("a")
    world.drain()
    assert _left(world) == []
    ends(world, session)
    left = [fact for fact in _left(world) if fact["mechanic_id"] == "a"]
    assert [(fact["room"], fact["reason"]) for fact in left] == [(1, "not_taken")]


def test_an_unfilled_session_leaves_the_capacity_it_was_offered(world: World) -> None:
    session = world.book()
    world.pass_time(minutes=28)
    world.mechanic("a")
    world.drain()
    assert world.offer_to("a").expires_at == session.pending_until
    world.pass_time(minutes=2)
    assert world.session(session.id).status is Status.UNFILLED
    assert [fact["reason"] for fact in _left(world)] == ["not_taken"]


def test_an_accepted_offer_leaves_none(world: World) -> None:
    world.book()
    world.mechanic("a")
    world.drain()
    world.accept(world.offer_to("a").id, "a")
    assert _left(world) == []


def test_a_wave_that_ends_leaves_none(world: World) -> None:
    """Those who were free all along are no new capacity."""
    world.mechanic("a")
    world.drain()
    before = _left(world)
    world.book()
    world.pass_time(minutes=5)
    assert _left(world) == before


def test_clocking_out_leaves_none(world: World) -> None:
    world.book()
    world.mechanic("a")
    world.drain()
    clock_out(world, "a")
    assert _left(world) == []


def test_clocking_out_and_in_again_leaves_it_once(world: World) -> None:
    """The shift that is over has no capacity, the new one has."""
    world.book()
    world.mechanic("a")
    world.drain()
    world.clock.advance(seconds=1)
    shifts.clock_out("a", world.now)
    world.clock.advance(seconds=1)
    shifts.clock_in("a", world.now)
    world.drain()
    assert [fact["reason"] for fact in _left(world)] == ["none_fits"]


def test_who_has_clocked_out_before_anybody_looked_has_none(world: World) -> None:
    session = world.book()
    world.mechanic("a")
    shifts.clock_out("a", world.now)
    world.drain()
    assert world.asked(session.id) == []
    assert _left(world) == []


def test_taking_another_session_leaves_none(world: World) -> None:
    oldest, next_one = _waiting_customers(world)
    world.mechanic("a")
    world.drain()
    world.accept(world.broadcast(next_one.id).id, "a")
    assert world.row(world.facts("OffersMade")[0]["assignment_ids"][0]).cause == "at_capacity"
    assert world.asked(oldest.id) == ["a"]
    assert _left(world) == []


def test_losing_eligibility_leaves_none(world: World) -> None:
    """Nobody on the waitlist may be promised a mechanic who may not be matched."""
    world.book()
    world.mechanic("a")
    world.drain()
    suspend(world, "a")
    assert _left(world) == []


def test_who_is_not_eligible_has_none_to_leave(world: World) -> None:
    world.mechanic("a", profile_completion=79)
    world.drain()
    assert _left(world) == []
    assert the_mechanic("a").capacity_at is None, "it was dealt with"


# Looked at again: indexes lag


@pytest.fixture
def unseen(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Mechanics whose latest change the index does not show yet."""
    ids: set[str] = set()
    changes = mechanics.changes

    def lagging(partition: str, since: datetime | None) -> Iterator[RosterRow]:
        return (row for row in changes(partition, since) if row.mechanic_id not in ids)

    monkeypatch.setattr(mechanics, "changes", lagging)
    return ids


def _on_shift_since_a_while(world: World, **ratings: float) -> None:
    for id_, rating in ratings.items():
        world.mechanic(id_, rating=rating)
    world.drain()
    world.pass_time(minutes=1)


def test_whom_the_roster_missed_is_asked_some_seconds_later(world: World, unseen: set[str]) -> None:
    _on_shift_since_a_while(world, a=4.9, b=4.8, c=4.7)
    unseen.add("b")
    session = world.book()
    assert world.asked(session.id) == ["a", "c"]
    unseen.clear()
    world.pass_time(seconds=9)
    assert world.asked(session.id) == ["a", "c"]
    world.pass_time(seconds=1)
    assert world.asked(session.id) == ["a", "c", "b"]
    assert is_offered(world, "b") == [session.id]


def test_no_more_than_the_wave_fell_short_of_and_the_best_first(
    world: World, unseen: set[str]
) -> None:
    _on_shift_since_a_while(world, a=4.9, b=4.8, c=4.7, d=4.6)
    unseen |= {"b", "c", "d"}
    session = world.book()
    unseen.clear()
    world.pass_time(seconds=10)
    assert world.asked(session.id) == ["a", "b", "c"]


def test_who_came_after_the_wave_was_not_missed_by_it(world: World, unseen: set[str]) -> None:
    _on_shift_since_a_while(world, a=4.9)
    session = world.book()
    world.clock.advance(seconds=1)
    world.mechanic("late", rating=5.0)
    world.drain()
    world.pass_time(seconds=9)
    assert world.asked(session.id) == ["a"]


def test_who_became_free_after_the_wave_was_not_missed_by_it(world: World) -> None:
    _on_shift_since_a_while(world, a=4.9, b=4.8)
    busy_with = make_busy(world, "b")
    session = world.book()
    world.clock.advance(seconds=1)
    complete(world, busy_with)
    world.pass_time(seconds=9)
    assert world.asked(session.id) == ["a"]


def test_who_has_declined_or_was_asked_is_not_asked_again(world: World, unseen: set[str]) -> None:
    _on_shift_since_a_while(world, a=4.9, b=4.8)
    unseen.add("b")
    session = world.book()
    decline(world, "a")
    unseen.clear()
    world.pass_time(seconds=10)
    assert world.asked(session.id) == ["a", "b"]


def test_it_is_looked_at_once(world: World, unseen: set[str]) -> None:
    _on_shift_since_a_while(world, a=4.9, b=4.8)
    unseen.add("b")
    session = world.book()
    world.pass_time(seconds=10)
    unseen.clear()
    offers.top_up(session.id, world.now)
    assert world.asked(session.id) == ["a"]


def test_a_session_that_was_taken_meanwhile_is_left_alone(world: World, unseen: set[str]) -> None:
    _on_shift_since_a_while(world, a=4.9, b=4.8)
    unseen.add("b")
    session = world.book()
    unseen.clear()
    world.accept(world.offer_to("a").id, "a")
    world.pass_time(seconds=10)
    assert world.asked(session.id) == ["a"]


def test_a_full_wave_is_not_looked_at_again(world: World) -> None:
    _on_shift_since_a_while(world, a=4.9, b=4.8, c=4.7)
    world.book()
    assert not any(ring.kind == "top_up" for ring in world.rings())


def test_a_match_and_a_clock_in_that_missed_each_other_still_meet(
    world: World, unseen: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither index showed the other's write."""
    world.mechanic("a", on_shift=False)
    world.drain()
    unseen.add("a")
    with monkeypatch.context() as lagging:
        lagging.setattr(rows, "open_broadcasts", lambda _country: [])
        shifts.clock_in("a", world.now)
        session = world.book()
    assert world.asked(session.id) == []
    assert [left["reason"] for left in _left(world)] == ["none_fits"]
    unseen.clear()
    world.pass_time(seconds=10)
    assert _capacity_offers(world) == [(session.id, "a")]
    assert len(_left(world)) == 1


def test_looking_again_finds_nothing_for_who_is_not_free_any_more(world: World) -> None:
    world.mechanic("a")
    world.drain()
    busy_with = make_busy(world, "a")
    session = world.book()
    world.pass_time(seconds=10)
    assert world.asked(session.id) == []
    assert world.session(busy_with.id).mechanic_id == "a"


def test_a_capacity_offer_passes_on_and_ends_in_the_broadcast(world: World) -> None:
    session = world.book()
    world.mechanic("a")
    world.mechanic("b")
    world.drain()
    assert is_offered(world, "a") == [session.id]
    decline(world, "a")
    assert world.asked(session.id) == ["a", "b"]
    world.pass_time(minutes=5)
    (told,) = world.facts("BroadcastAnnounced", session_id=session.id)
    assert told["mechanic_ids"] == ["b"]
    assert world.broadcast(session.id).status is AssignmentStatus.QUEUED
