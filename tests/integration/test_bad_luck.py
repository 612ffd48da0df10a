"""Messages twice, in any order, late or never; handlers that die between two lines.

Whatever happens, the state is that of a clean run: nothing lost, nothing doubled.
"""

import json
from typing import Any

import pytest

from dispatch.core import aws
from dispatch.core.idempotency import AlreadyAnswered, Once
from dispatch.offers import service as offers
from dispatch.offers.model import AssignmentStatus
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Status
from dispatch.timers import rules as timer_rules
from dispatch.timers import service as timers
from tests.world import World, an_intake


def _pushes(world: World) -> list[str]:
    """All that was shown. Withdrawals show nothing, are in no ledger and may come again."""
    told = [push for user in ("a", "b", "c", "customer") for push in world.pushes_to(user)]
    return [push for push in told if "offer_withdrawn" not in push]


@pytest.fixture
def busy_world(world: World) -> World:
    """Three mechanics and a customer, each with a device. What is free was put to use."""
    for rating, id_ in ((4.0, "c"), (4.5, "b"), (5.0, "a")):
        world.mechanic(id_, rating=rating)
        world.device(id_)
    world.device("customer")
    world.drain()
    return world


class Killed(BaseException):
    """The process is gone: nothing catches this."""


def _dies_after(call: str, monkeypatch: pytest.MonkeyPatch, client: Any) -> None:
    """The next such call takes effect, but its caller does not live to see it."""
    real = getattr(client, call)

    def dying(**kwargs: Any) -> Any:
        real(**kwargs)
        monkeypatch.setattr(client, call, real)
        raise Killed

    monkeypatch.setattr(client, call, dying)


def test_every_fact_told_twice_and_backwards_changes_nothing(busy_world: World) -> None:
    world = busy_world
    session = world.book()
    offer = world.offer_to("a")
    world.accept(offer.id, "a")
    sessions.join_session(session.id, "a", world.now)
    sessions.join_session(session.id, "customer", world.now)
    sessions.end_session(session.id, "a", world.now)
    world.drain()
    world.pass_time(seconds=10)  # until all that is looked at again has been
    facts, pushes = world.facts(), _pushes(world)
    world.tell_again()
    assert world.facts() == facts
    assert _pushes(world) == pushes
    assert world.session(session.id).status is Status.COMPLETED
    assert world.load("a") == 0


def test_a_wave_told_twice_is_one_wave(busy_world: World) -> None:
    world = busy_world
    session = world.book()
    world.tell_again(world.facts("SessionPending"))
    assert len(world.facts("OffersMade", session_id=session.id)) == 1
    assert len(world.asked(session.id)) == 3


def test_an_announcement_is_made_once_per_period(busy_world: World) -> None:
    world = busy_world
    session = world.book()
    world.clock.advance(minutes=5)
    world.ring()
    world.tell_again(world.facts("OffersExpired", "SessionPending"))
    assert len(world.facts("BroadcastAnnounced", session_id=session.id)) == 1


# Rings


def _ring_of(world: World, type_: str) -> dict[str, str]:
    (fact,) = world.facts(type_)
    return timer_rules.message(next(timer_rules.rings_for(fact)))


def test_a_ring_twice_expires_offers_once(busy_world: World) -> None:
    world = busy_world
    session = world.book()
    world.clock.advance(minutes=5)
    for _ in range(3):
        timers.handle(_ring_of(world, "OffersMade"), world.now)
    assert len(world.facts("OffersExpired", session_id=session.id)) == 1


def test_an_early_ring_is_sent_again_with_what_remains(
    busy_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = busy_world
    world.book()
    ring = _ring_of(world, "OffersMade")
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(aws.sqs(), "send_message", lambda **message: sent.append(message))
    world.clock.advance(minutes=4)
    timers.handle(ring, world.now)
    assert [message["DelaySeconds"] for message in sent] == [60]
    assert world.offer_to("a").status is AssignmentStatus.OFFERED


def test_a_late_ring_finds_the_deadline_kept_without_it(busy_world: World) -> None:
    """Between the deadline and the ring an offer is over in every read and for every write."""
    world = busy_world
    world.book()
    offer = world.offer_to("a")
    world.clock.advance(minutes=7)
    assert offers.queue_of("a", world.now).mine == []
    with pytest.raises(Exception, match="over"):
        sessions.accept_offer(offer.id, "a", world.now)
    timers.handle(_ring_of(world, "OffersMade"), world.now)
    assert world.row(offer.id).status is AssignmentStatus.EXPIRED


def test_a_ring_that_never_comes_leaves_the_session_open_to_all(busy_world: World) -> None:
    world = busy_world
    session = world.book()
    world.clock.advance(minutes=29)
    (row,) = offers.queue_of("a", world.now).unassigned
    assert sessions.accept_offer(row.id, "a", world.now).id == session.id


def test_a_ring_that_lost_the_race_is_quiet(busy_world: World) -> None:
    world = busy_world
    session = world.book()
    world.accept(world.offer_to("a").id, "a")
    sessions.join_session(session.id, "a", world.now)
    world.clock.advance(minutes=5)
    timers.handle(_ring_of(world, "OffersMade"), world.now)
    assert world.session(session.id).status is Status.WAITING
    assert world.facts("OffersExpired") == []


def test_a_ring_for_nothing_and_a_ring_of_an_unknown_kind_are_quiet(world: World) -> None:
    ring = {
        "ring": "expire_offers",
        "session_id": "01JZ2N5T8QW4R6Y0A1B2C3D4E5",
        "due_at": "2026-01-01T00:00:00.000Z",
        "name": "expire_offers-1",
    }
    timers.handle(ring, world.now)
    timers.handle(ring | {"ring": "of_a_later_release"}, world.now)
    assert world.facts() == []


# Killed after the commit, before the answer


def test_a_booking_whose_answer_was_lost_is_repeated_by_its_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def once() -> Once:
        return Once.of(
            caller="customer",
            route="POST /intake/start",
            key="k1",
            body=b"{}",
            show=lambda session: {"status": 201, "body": {"session_id": session.id}},
        )

    _dies_after("transact_write_items", monkeypatch, _after_policy(world))
    with pytest.raises(Killed):
        sessions.book_session(an_intake(), "customer", world.now, once())
    with pytest.raises(AlreadyAnswered) as repeat:
        once().check(world.now)
    (booked,) = world.facts("SessionBooked")
    assert repeat.value.answer["body"] == {"session_id": booked["session_id"]}


def _after_policy(world: World) -> Any:
    """The table's client, once the policy is stored, so that the next write is the use case's."""
    from dispatch.policy import service as policies

    policies.current(world.now)
    return aws.dynamodb()


def _sign(world: World, session_id: str) -> object:
    return sessions.sign_waiver(session_id, "customer", "Jo Driver", world.now)


def test_an_accept_whose_answer_was_lost_is_made_once_when_repeated(
    busy_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = busy_world
    world.book()
    offer = world.offer_to("a")
    _dies_after("transact_write_items", monkeypatch, aws.dynamodb())
    with pytest.raises(Killed):
        sessions.accept_offer(offer.id, "a", world.now)
    sessions.accept_offer(offer.id, "a", world.now)
    assert len(world.facts("OfferAccepted")) == 1
    assert world.load("a") == 1


def test_a_cancel_whose_answer_was_lost_is_made_once_when_repeated(
    busy_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = busy_world
    session = world.book()
    _dies_after("transact_write_items", monkeypatch, aws.dynamodb())
    with pytest.raises(Killed):
        sessions.cancel_session(session.id, "customer", None, world.now)
    sessions.cancel_session(session.id, "customer", None, world.now)
    assert len(world.facts("SessionCancelled")) == 1


def test_signing_again_after_a_lost_answer_starts_one_search(
    busy_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = busy_world
    booked = sessions.book_session(an_intake(), "customer", world.now)
    _dies_after("transact_write_items", monkeypatch, aws.dynamodb())
    with pytest.raises(Killed):
        _sign(world, booked.id)
    _sign(world, booked.id)
    world.drain()
    assert len(world.facts("SessionPending")) == 1
    assert len(world.asked(booked.id)) == 3


def test_matching_killed_after_its_commit_offers_once(
    busy_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = busy_world
    booked = sessions.book_session(an_intake(), "customer", world.now)
    _sign(world, booked.id)
    _dies_after("transact_write_items", monkeypatch, aws.dynamodb())
    with pytest.raises(Killed):
        offers.seek_mechanic(booked.id, world.now)
    world.drain()
    assert len(world.facts("OffersMade")) == 1


def test_timers_killed_between_schedule_and_message_set_both_when_told_again(
    busy_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = busy_world
    world.book()
    (fact,) = world.facts("OffersMade")
    (before,) = [s for s in world.schedules() if s.startswith("expire_offers")]
    sent: list[Any] = []
    monkeypatch.setattr(aws.sqs(), "send_message", lambda **message: sent.append(message))
    timers.handle(fact, world.now)
    assert [s for s in world.schedules() if s.startswith("expire_offers")] == [before]
    assert len(sent) == 1


def test_a_push_whose_note_was_lost_is_repeated_once_with_the_same_collapse_id(
    busy_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = busy_world
    session = world.book()
    world.clock.advance(minutes=5)
    world.ring()
    before = len(world.pushes_to("a"))
    sessions.accept_offer(world.broadcast(session.id).id, "a", world.now)
    _dies_after("publish", monkeypatch, aws.sns())
    with pytest.raises(Killed):
        world.drain()
    world.tell_again(world.facts("OfferAccepted"))
    to_customer = world.pushes_to("customer")
    assert len(to_customer) == 2
    assert len({_collapse_id(push) for push in to_customer}) == 1
    assert len(world.pushes_to("a")) == before


def _collapse_id(push: str) -> str:
    message = json.loads(json.loads(push)["GCM"])["fcmV1Message"]["message"]
    collapse_key: str = message["android"]["collapse_key"]
    assert message["android"]["notification"]["tag"] == collapse_key
    return collapse_key
