"""An offer that ends before its time passes to the next best; when none is left, all are told."""

from datetime import timedelta

import pytest

from dispatch.offers import service as offers
from dispatch.offers import store as rows
from dispatch.offers.model import AssignmentStatus, Cause, DeclineReason
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Session
from dispatch.shifts import service as shifts
from tests.stories import (
    clock_in,
    clock_out,
    decline,
    is_offered,
    release,
    suspend,
    take,
    the_mechanic,
)
from tests.world import World

pytestmark = pytest.mark.usefixtures("well_in_the_end")


def _mechanics(world: World, ids: str) -> None:
    """On shift; the earlier in the alphabet, the better."""
    for id_ in ids:
        rating = round(4.9 - (ord(id_) - ord("a")) / 100, 2)
        world.mechanic(id_, years_of_experience=0, rating=rating)
    world.drain()


@pytest.fixture
def world(world: World) -> World:
    """Four mechanics, of whom the best three are asked."""
    _mechanics(world, "abcd")
    return world


@pytest.fixture
def session(world: World) -> Session:
    session = world.book()
    assert world.asked(session.id) == ["a", "b", "c"]
    return session


def _last_of(world: World, session: Session, mechanic_id: str) -> tuple[str, Cause | None]:
    """How the mechanic's offer of the session has gone."""
    made = world.facts("OffersMade", session_id=session.id)
    (id_,) = [
        assignment_id
        for fact in made
        for assignment_id, asked in zip(fact["assignment_ids"], fact["mechanic_ids"], strict=True)
        if asked == mechanic_id
    ]
    row = world.row(id_)
    return row.status, row.cause


# Why an offer passes on


def test_declined(world: World, session: Session) -> None:
    world.clock.advance(minutes=4)
    decline(world, "b")
    assert world.asked(session.id) == ["a", "b", "c", "d"]
    offer = world.offer_to("d")
    assert offer.expires_at == world.now + timedelta(minutes=5), "with all the time of an offer"
    assert is_offered(world, "a") == is_offered(world, "c") == [session.id]


def test_clocked_out(world: World, session: Session) -> None:
    clock_out(world, "a")
    assert world.asked(session.id) == ["a", "b", "c", "d"]
    assert _last_of(world, session, "a") == (AssignmentStatus.EXPIRED, Cause.CLOCKED_OUT)
    clock_in(world, "a")
    assert is_offered(world, "a") == []


def test_clocked_out_and_in_again_before_anybody_noticed(world: World, session: Session) -> None:
    world.clock.advance(seconds=5)
    shifts.clock_out("a", world.now)
    world.clock.advance(seconds=5)
    shifts.clock_in("a", world.now)
    world.drain()
    assert _last_of(world, session, "a") == (AssignmentStatus.EXPIRED, Cause.CLOCKED_OUT)
    assert world.asked(session.id) == ["a", "b", "c", "d"]


def test_at_capacity_with_another_offer(world: World, session: Session) -> None:
    other = world.book("other")
    take(world, "a", other)
    assert world.asked(session.id) == ["a", "b", "c", "d"]
    assert _last_of(world, session, "a") == (AssignmentStatus.EXPIRED, Cause.AT_CAPACITY)


def test_at_capacity_with_a_broadcast(world: World, session: Session) -> None:
    other = world.book("other")
    world.accept(world.broadcast(other.id).id, "a")
    assert _last_of(world, session, "a") == (AssignmentStatus.EXPIRED, Cause.AT_CAPACITY)


def test_not_eligible_any_more(world: World, session: Session) -> None:
    suspend(world, "a")
    assert world.asked(session.id) == ["a", "b", "c", "d"]
    assert _last_of(world, session, "a") == (AssignmentStatus.EXPIRED, Cause.NOT_ELIGIBLE)


def test_undeliverable(world: World, session: Session) -> None:
    offers.end_undeliverable("a", world.now)
    world.drain()
    assert world.asked(session.id) == ["a", "b", "c", "d"]
    assert _last_of(world, session, "a") == (AssignmentStatus.EXPIRED, Cause.UNDELIVERABLE)
    assert is_offered(world, "b") == [session.id], "theirs alone"


def test_undeliverable_ends_every_offer_of_theirs_and_twice_is_once(
    world: World, session: Session
) -> None:
    other = world.book("other")
    for _ in range(2):
        offers.end_undeliverable("a", world.now)
        world.drain()
    for of in (session, other):
        assert world.asked(of.id) == ["a", "b", "c", "d"]
        assert _last_of(world, of, "a") == (AssignmentStatus.EXPIRED, Cause.UNDELIVERABLE)


def test_what_was_accepted_does_not_end_as_undeliverable(world: World, session: Session) -> None:
    accepted = take(world, "a", session)
    offers.end_undeliverable("a", world.now)
    assert world.row(accepted.assignment_id or "").status is AssignmentStatus.ACCEPTED


def test_who_has_offers_only_that_they_can_accept_keeps_them(
    world: World, session: Session
) -> None:
    """A look at a mechanic's offers changes nothing while the mechanic is there and free."""
    facts = world.facts()
    for id_ in "abcd":
        offers.review_offers(id_, world.now)
    assert world.facts() == facts


def test_offers_that_the_index_did_not_show_yet_pass_on_some_seconds_later(
    world: World, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written just before the clock-out, by the matching function."""
    with monkeypatch.context() as lagging:
        lagging.setattr(rows, "held_by", lambda _mechanic_id: [])
        clock_out(world, "a")
    assert world.asked(session.id) == ["a", "b", "c"]
    world.pass_time(seconds=9)
    assert world.asked(session.id) == ["a", "b", "c"]
    world.pass_time(seconds=1)
    assert world.asked(session.id) == ["a", "b", "c", "d"]


# Nobody is asked twice


def test_who_has_declined_is_not_the_next_best(world: World, session: Session) -> None:
    for id_ in "abcd":
        decline(world, id_)
    assert world.asked(session.id) == ["a", "b", "c", "d"]


def test_two_declines_at_once_ask_two_more(world: World, session: Session) -> None:
    _mechanics(world, "e")
    for id_ in "ab":
        offer = world.offer_to(id_)
        sessions.decline_offer(offer.id, id_, DeclineReason.BUSY, world.now)
    world.drain()
    assert world.asked(session.id) == ["a", "b", "c", "d", "e"]


def test_a_decline_told_twice_asks_one_more(world: World, session: Session) -> None:
    _mechanics(world, "e")
    decline(world, "a")
    world.tell_again(world.facts("OfferDeclined"))
    world.tell_again()
    assert world.asked(session.id) == ["a", "b", "c", "d"]


def test_those_asked_before_a_release_are_not_asked_after_it(
    world: World, session: Session
) -> None:
    release(world, take(world, "b", session))
    assert world.asked(session.id) == ["a", "b", "c", "d"]


def test_who_is_not_free_is_passed_by(world: World, session: Session) -> None:
    clock_out(world, "d")
    decline(world, "a")
    assert world.asked(session.id) == ["a", "b", "c"]
    assert is_offered(world, "b") == is_offered(world, "c") == [session.id]


def test_who_comes_free_later_is_not_owed_what_nobody_could_have(
    world: World, session: Session
) -> None:
    """Offers are open still: new capacity goes to sessions that have none."""
    clock_out(world, "d")
    decline(world, "a")
    world.clock.advance(seconds=30)
    clock_in(world, "d")
    assert is_offered(world, "d") == []


# A timeout does not pass on


def test_a_timeout_does_not_pass_on(world: World, session: Session) -> None:
    world.pass_time(minutes=5)
    assert world.asked(session.id) == ["a", "b", "c"]
    (expired,) = world.facts("OffersExpired", session_id=session.id)
    assert (expired["cause"], expired["mechanic_ids"]) == ("timeout", ["a", "b", "c"])


def test_past_its_time_an_offer_has_timed_out_whoever_comes_to_look_first(
    world: World, session: Session
) -> None:
    """Clocking out a second too late passes nothing on, and whoever is there has missed it."""
    world.clock.advance(minutes=5, seconds=1)
    clock_out(world, "a")
    assert _last_of(world, session, "a") == (AssignmentStatus.EXPIRED, Cause.TIMEOUT)
    assert _last_of(world, session, "b") == (AssignmentStatus.EXPIRED, Cause.TIMEOUT)
    assert world.asked(session.id) == ["a", "b", "c"]
    assert the_mechanic("b").misses == 1


# The cascade and the broadcast


def test_a_cascade_through_ten_mechanics(world: World) -> None:
    _mechanics(world, "efghij")
    session = world.book()
    for id_ in "abcdefghij":
        assert is_offered(world, id_) == [session.id]
        assert world.facts("BroadcastAnnounced", session_id=session.id) == []
        world.clock.advance(seconds=20)
        decline(world, id_)
    assert world.asked(session.id) == list("abcdefghij"), "each once, the best first"
    assert world.facts("BroadcastAnnounced") == [], "there is nobody left who has not declined"
    assert world.facts("AllOffline") == [], "who has declined is there all the same"
    assert world.broadcast(session.id).status is AssignmentStatus.QUEUED


def test_the_broadcast_is_pushed_when_the_last_offer_has_ended(
    world: World, session: Session
) -> None:
    world.clock.advance(minutes=1)
    decline(world, "a")
    world.pass_time(minutes=4)
    assert is_offered(world, "d") == [session.id], "asked a minute later"
    assert world.facts("BroadcastAnnounced", session_id=session.id) == []
    world.pass_time(minutes=1)
    (told,) = world.facts("BroadcastAnnounced", session_id=session.id)
    assert told["mechanic_ids"] == ["b", "c", "d"], "not to who has declined"
    assert told["period"] == 1


def test_who_has_declined_the_broadcast_is_not_told_of_it(world: World, session: Session) -> None:
    broadcast = world.broadcast(session.id)
    sessions.decline_offer(broadcast.id, "d", DeclineReason.PRICE, world.now)
    world.pass_time(minutes=5)
    (told,) = world.facts("BroadcastAnnounced", session_id=session.id)
    assert told["mechanic_ids"] == ["a", "b", "c"]


def test_it_is_pushed_once_in_a_period_and_anew_in_the_next(world: World, session: Session) -> None:
    world.pass_time(minutes=5)
    world.clock.advance(minutes=1)
    _mechanics(world, "e")
    assert is_offered(world, "e") == [session.id], "of new capacity"
    decline(world, "e")
    assert len(world.facts("BroadcastAnnounced", session_id=session.id)) == 1
    release(world, world.accept(world.broadcast(session.id).id, "a"))
    world.pass_time(minutes=5)
    told = world.facts("BroadcastAnnounced", session_id=session.id)
    assert [fact["period"] for fact in told] == [1, 2]
    assert told[1]["mechanic_ids"] == ["b", "c", "d"], "not to who declined or gave it back"


def test_who_is_not_on_shift_free_and_of_the_country_is_not_told(
    world: World, session: Session
) -> None:
    world.mechanic("abroad", country="US", state_province="NY", city="Buffalo", postal_code="14201")
    clock_out(world, "d")
    take(world, "c", world.book("other"))
    world.pass_time(minutes=5)
    (told,) = world.facts("BroadcastAnnounced", session_id=session.id)
    assert told["mechanic_ids"] == ["a", "b"]
