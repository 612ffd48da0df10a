"""The sweeper: no message arrives, no timer rings, and nobody is stuck all the same."""

import json
from collections.abc import Collection
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from dispatch.core import aws, due, settings
from dispatch.core.due import due_keys, overdue
from dispatch.core.logging import flush_metrics
from dispatch.core.table import Key, Transaction
from dispatch.offers import service as offers
from dispatch.offers.model import AssignmentStatus, Cause, DeclineReason
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Session, Status
from dispatch.shifts import service as shifts
from dispatch.shifts.model import Cause as EndOfShift
from dispatch.timers.model import Ring
from dispatch.timers.reactions import react
from dispatch.timers.rules import rings_for
from dispatch.timers.sweeper import GRACE
from tests.clock import Clock
from tests.entry_points import load
from tests.stories import go_live, is_offered, last_shift, outcome, take, the_mechanic
from tests.sweeper import sweep
from tests.world import Fact, World, an_intake

pytestmark = pytest.mark.usefixtures("well_in_the_end")


def _book(world: World, customer_id: str = "customer", **fields: Any) -> Session:
    """A signed booking that nobody hears of."""
    booked = sessions.book_session(an_intake(**fields), customer_id, world.now)
    return sessions.sign_waiver(booked.id, customer_id, "Jo Driver", world.now)


def _lose_everything(world: World) -> None:
    """The facts so far have been told, their timers are lost."""
    world.drain()
    _messages()


def _messages() -> list[dict[str, Any]]:
    """What lies in the queue of the function that ranks; it is taken out."""
    queue = settings.matching_queue_url()
    found = []
    while (
        messages := aws.sqs()
        .receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        .get("Messages")
    ):
        for message in messages:
            found.append(json.loads(message["Body"]))
            aws.sqs().delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def _sweep(world: World) -> int:
    """Sweep, and let matching hear of it."""
    found: int = sweep(world.now)
    for message in _messages():
        react(message, world.now)
    return found


def _sweep_after(world: World, **deadline: float) -> int:
    """Sweep as soon as what was due at the deadline is overdue, and not a moment earlier."""
    before = world.facts()
    world.clock.advance(**deadline)
    world.clock.at += GRACE - timedelta(milliseconds=1)
    assert _sweep(world) == 0, "a timer may still ring"
    assert world.facts() == before
    world.clock.at += timedelta(milliseconds=1)
    return _sweep(world)


# Sessions


def test_a_waiver_that_is_never_signed(world: World) -> None:
    booked = sessions.book_session(an_intake(), "customer", world.now)
    assert _sweep_after(world, minutes=30) == 1
    assert len(world.facts("SessionCancelled")) == 1
    assert sessions.active_of("customer", world.now) is None
    assert world.session(booked.id).ended_at == booked.awaiting_until


def test_a_session_that_nobody_takes(world: World) -> None:
    session = world.book()
    assert _sweep_after(world, minutes=30) == 1
    assert len(world.facts("SessionUnfilled")) == 1
    assert world.session(session.id).ended_at == session.pending_until


def test_a_mechanic_who_does_not_come(world: World) -> None:
    world.mechanic("a")
    world.drain()
    session = world.book()
    take(world, "a", session)
    world.mechanic("b")
    world.drain()
    assert _sweep_after(world, minutes=5) == 1
    assert world.load("a") == 0
    assert len(world.facts("MechanicNotJoined")) == 1
    world.drain()
    assert world.asked(session.id) == ["a", "b"]


def test_a_customer_who_does_not_come(world: World) -> None:
    world.mechanic("a")
    world.drain()
    session = take(world, "a", world.book())
    sessions.join_session(session.id, "a", world.now)
    world.drain()
    assert _sweep_after(world, minutes=10) == 1
    assert world.load("a") == 0
    assert world.session(session.id).status is Status.NO_SHOW
    assert len(world.facts("CustomerNotJoined")) == 1


def test_a_live_session_that_does_not_end(world: World) -> None:
    world.mechanic("a")
    world.drain()
    session = go_live(world, take(world, "a", world.book()))
    assert _sweep_after(world, minutes=25) == 1
    assert world.load("a") == 0
    assert len(world.facts("SessionCompleted")) == 1
    assert world.session(session.id).ended_at == session.ends_by


def test_what_has_passed_two_deadlines_is_brought_to_the_end(world: World) -> None:
    world.mechanic("a")
    world.drain()
    session = take(world, "a", world.book())
    world.clock.advance(hours=2)
    assert _sweep(world) == 1
    assert world.session(session.id).status is Status.UNFILLED
    assert world.load("a") == 0
    assert len(world.facts("MechanicNotJoined")) == len(world.facts("SessionUnfilled")) == 1


# The search


def test_a_pending_session_that_nobody_was_told_of(world: World) -> None:
    world.mechanic("a")
    world.drain()
    session = _book(world)
    assert _sweep_after(world) == 1
    assert world.asked(session.id) == ["a"]


def test_one_that_came_back_and_nobody_was_told_of(world: World) -> None:
    world.mechanic("a")
    world.drain()
    session = take(world, "a", world.book())
    world.mechanic("b")
    _lose_everything(world)
    sessions.release_session(session.assignment_id or "", "a", "why", world.now)
    world.clock.at += GRACE
    assert _sweep(world) == 2, "the session waits, and the mechanic is free"
    assert world.asked(session.id) == ["a", "b"]


def test_offers_past_their_deadline(world: World) -> None:
    world.mechanic("a")
    world.drain()
    session = world.book()
    offer = world.offer_to("a")
    _lose_everything(world)
    assert _sweep_after(world, minutes=5) == 1
    row = world.row(offer.id)
    assert (row.status, row.cause, row.missed) == (AssignmentStatus.EXPIRED, Cause.TIMEOUT, True)
    world.drain()
    (told,) = world.facts("BroadcastAnnounced", session_id=session.id)
    assert told["mechanic_ids"] == ["a"]


def test_a_preferred_mechanic_who_sleeps(world: World) -> None:
    world.mechanic("own")
    world.mechanic("b")
    world.drain()
    session = world.book(preferred_mechanic_id="own")
    _lose_everything(world)
    assert _sweep_after(world, minutes=2) == 1
    assert outcome(world, session.id) == "expired"
    world.drain()
    assert world.asked(session.id) == ["own", "b"]


def test_a_preferred_mechanic_who_was_never_asked(world: World) -> None:
    """Meanwhile the broadcast is open to all: it was held for two minutes, and is not again."""
    world.mechanic("own")
    world.mechanic("b")
    world.drain()
    session = _book(world, preferred_mechanic_id="own")
    world.clock.at += GRACE
    assert _sweep(world) == 1
    assert world.asked(session.id) == ["own", "b"]
    assert outcome(world, session.id) == "offered"


def test_a_decline_that_nobody_heard_of(world: World) -> None:
    for id_ in "abc":
        world.mechanic(id_)
    world.drain()
    session = world.book()
    world.mechanic("d")
    _lose_everything(world)
    sessions.decline_offer(world.offer_to("a").id, "a", DeclineReason.BUSY, world.now)
    assert _sweep_after(world) == 1
    assert world.asked(session.id)[3:] == ["d"]


def test_the_end_of_offers_that_nobody_heard_of(world: World) -> None:
    world.mechanic("a")
    world.drain()
    session = world.book()
    _lose_everything(world)
    world.clock.advance(minutes=5)
    offers.expire_offers(session.id, world.now)
    assert world.facts("BroadcastAnnounced") == []
    assert _sweep_after(world) == 1
    assert len(world.facts("BroadcastAnnounced", session_id=session.id)) == 1


# Capacity and shifts


def test_a_clock_in_that_nobody_heard_of(world: World) -> None:
    session = world.book()
    world.mechanic("a")
    assert _sweep_after(world) == 1
    assert is_offered(world, "a") == [session.id]
    assert the_mechanic("a").capacity_at is None


def test_one_that_finds_nothing_to_do_is_the_waitlists(world: World) -> None:
    world.mechanic("a")
    assert _sweep_after(world) == 1
    assert [fact["mechanic_id"] for fact in world.facts("CapacityLeft")] == ["a"]


def test_a_mechanic_who_came_free_and_nobody_heard_of_it(world: World) -> None:
    world.mechanic("a")
    world.drain()
    session = go_live(world, take(world, "a", world.book()))
    waiting = world.book("other")
    _lose_everything(world)
    sessions.end_session(session.id, "a", world.now)
    assert _sweep_after(world) == 1
    assert is_offered(world, "a") == [waiting.id]


def test_who_has_clocked_out_since_needs_no_repair(world: World) -> None:
    world.mechanic("a")
    shifts.clock_out("a", world.now)
    world.clock.at += GRACE
    assert _sweep(world) == 0


def test_who_has_missed_three_offers_and_nobody_heard_of_it(world: World) -> None:
    _miss_three(world)
    assert the_mechanic("a").duty.on_shift
    world.clock.at += GRACE
    assert _sweep(world) == 1
    assert last_shift("a").cause is EndOfShift.THREE_MISSES
    assert _sweep(world) == 0


def test_who_answers_after_three_misses_needs_no_repair(world: World) -> None:
    missed, *_ = _miss_three(world)
    row = world.broadcast(missed.id)
    offers.decline_offer(row.id, "a", DeclineReason.BUSY, world.now)
    world.clock.at += GRACE
    for _ in range(2):
        assert _sweep(world) == 0
        assert the_mechanic("a").duty.on_shift
        assert list(overdue(world.now)) == []


def _miss_three(world: World) -> list[Session]:
    """Three offers at once run out; nobody hears of it."""
    world.mechanic("a")
    world.drain()
    sought = [world.book(f"customer-{number}") for number in range(3)]
    world.clock.advance(minutes=5)
    for session in sought:
        assert offers.expire_offers(session.id, world.now)
    for session in sought:
        offers.seek_mechanic(session.id, world.now)
    _messages()
    return sought


def test_a_shift_past_its_twelve_hours(world: World) -> None:
    world.mechanic("a")
    _lose_everything(world)
    assert _sweep_after(world, hours=12) == 1
    assert last_shift("a").cause is EndOfShift.TWELVE_HOURS
    assert not the_mechanic("a").duty.on_shift


def test_a_shift_past_its_twelve_hours_with_a_session_in_hand(world: World) -> None:
    world.mechanic("a")
    world.drain()
    world.pass_time(hours=11, minutes=50)
    go_live(world, take(world, "a", world.book()))
    _lose_everything(world)
    assert _sweep_after(world, minutes=10) == 1
    assert shifts.clock_state("a", world.now).closing
    world.clock.advance(minutes=15)
    assert _sweep(world) == 1, "the session, and the shift with it"
    assert last_shift("a").cause is EndOfShift.TWELVE_HOURS
    assert not the_mechanic("a").duty.on_shift


# Sweeping


def test_when_all_goes_well_there_is_nothing_to_repair(world: World) -> None:
    world.mechanic("a")
    world.drain()
    session = world.book()
    for _ in range(8):
        world.pass_time(minutes=5)
        assert sweep(world.now) == 0
    assert world.session(session.id).status is Status.UNFILLED


def test_a_repair_is_made_once(world: World) -> None:
    world.mechanic("a")
    world.drain()
    world.book()
    sessions.book_session(an_intake(), "never signs", world.now)
    _lose_everything(world)
    world.clock.advance(minutes=40)
    assert _sweep(world) > 0
    world.drain()
    facts = world.facts()
    assert _sweep(world) == 0
    world.drain()
    assert world.facts() == facts


def test_sweeping_again_before_matching_has_heard_does_no_harm(world: World) -> None:
    session = _book(world)
    world.mechanic("a")
    world.clock.at += GRACE
    for _ in range(3):
        assert sweep(world.now) == 2, "found each time, until somebody has done it"
    messages = _messages()
    assert len(messages) == 6
    for message in messages:
        react(message, world.now)
    assert world.asked(session.id) == ["a"]
    assert len(world.facts("OffersMade")) == 1
    assert _sweep(world) == 0


def test_all_at_once_and_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "SHARDS", 1)
    monkeypatch.setattr(due, "_PAGE", 2)
    for number in range(5):
        sessions.book_session(an_intake(), f"customer-{number}", world.now)
    world.clock.advance(minutes=33)
    assert _sweep(world) == 5
    assert len(world.facts("SessionCancelled")) == 5


def test_what_cannot_be_repaired_does_not_keep_the_others_from_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep goes on, and fails in the end, so that somebody hears of it."""
    ids = [
        sessions.book_session(an_intake(), f"customer-{number}", world.now).id
        for number in range(3)
    ]
    close_overdue = sessions.close_overdue

    def failing(session_id: str, *args: Any) -> bool:
        if session_id == ids[1]:
            raise RuntimeError("broken")
        return close_overdue(session_id, *args)

    world.clock.advance(minutes=33)
    with monkeypatch.context() as broken:
        broken.setattr(sessions, "close_overdue", failing)
        with pytest.raises(RuntimeError, match="broken"):
            sweep(world.now)
    assert {fact["session_id"] for fact in world.facts("SessionCancelled")} == {ids[0], ids[2]}
    assert sweep(world.now) == 1


def _put_overdue(world: World, key: Key, entity: str) -> None:
    with Transaction() as tx:
        tx.put({**key._asdict(), "entity": entity, **due_keys(key.pk, world.now)})


def _remove(key: Key) -> None:
    with Transaction() as tx:
        tx.delete(key)


@pytest.mark.parametrize("entity", ["session", "dispatch", "shift", "of a later release"])
def test_what_is_gone_or_unknown_is_no_repair(world: World, entity: str) -> None:
    key = Key("SESSION#01JZ2N5T8QW4R6Y0A1B2C3D4E5", "STRAY")
    _put_overdue(world, key, entity)
    world.clock.at += GRACE
    assert _sweep(world) == 0
    _remove(key)


def test_each_repair_is_counted_by_what_it_was(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.mechanic("a")
    world.drain()
    world.pass_time(hours=11, minutes=57)
    session = world.book()
    _lose_everything(world)
    sessions.book_session(an_intake(), "never signs", world.now - timedelta(minutes=30))
    world.mechanic("b")
    assert world.asked(session.id) == ["a"]
    world.clock.advance(minutes=8)
    flush_metrics()
    capsys.readouterr()
    load("timers/sweeper").handler({}, SimpleNamespace(aws_request_id="sweep"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (counted,) = [line for line in lines if "Repairs" in line]
    kinds = ("session", "dispatch", "mechanic", "shift")
    assert [sum(counted[f"Repaired_{kind}"]) for kind in kinds] == [1, 1, 1, 1]
    assert counted["Repairs"] == [4.0]


def test_that_nothing_was_repaired_is_counted_too(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    flush_metrics()
    capsys.readouterr()
    load("timers/sweeper").handler({}, SimpleNamespace(aws_request_id="sweep"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["Repairs"] for line in lines if "Repairs" in line] == [[0.0]]


# A whole story, of which some messages are lost


class LossyWorld(World):
    """Facts of the ``lost`` types never reach anybody, nor do the rings that they would set.

    Where rings are lost, no timer rings at all.
    """

    def __init__(self, clock: Clock, lost: Collection[str]) -> None:
        super().__init__(clock)
        self._lost = lost

    def tell(self, fact: Fact) -> None:
        if fact["type"] not in self._lost:
            super().tell(fact)

    def rings(self) -> list[Ring]:
        if "rings" in self._lost:
            return []
        told = [fact for fact in self.facts() if fact["type"] not in self._lost]
        return [ring for fact in told for ring in rings_for(fact)]


_FACTS = (
    "SessionPending",
    "OffersMade",
    "OfferDeclined",
    "OffersExpired",
    "OfferAccepted",
    "MechanicClockedIn",
    "MechanicFreed",
    "MechanicClockedOut",
)


@pytest.mark.parametrize(
    "lost",
    [
        *(pytest.param([fact], id=fact) for fact in _FACTS),
        pytest.param(["rings"], id="rings"),
        pytest.param([*_FACTS, "rings"], id="everything"),
    ],
)
def test_whatever_is_lost_everybody_gets_to_the_end(
    world: World, clock: Clock, lost: list[str]
) -> None:
    """One preferred mechanic sleeps, one declines and goes home, one takes what they get."""
    lossy = LossyWorld(clock, lost)
    for id_ in ("sleeps", "declines", "takes"):
        lossy.mechanic(id_)
    lossy.drain()
    _book(lossy, "first", preferred_mechanic_id="sleeps")
    _book(lossy, "second")
    for _ in range(9):
        _act(lossy)
        lossy.pass_time(minutes=1)
        _act(lossy)
        lossy.pass_time(minutes=4)
        _sweep(lossy)
        lossy.drain()
    ended = {
        fact["customer_id"]: fact["type"]
        for fact in world.facts("SessionCompleted", "SessionUnfilled")
    }
    assert ended == {"first": "SessionCompleted", "second": "SessionCompleted"}
    assert list(overdue(by=lossy.now - GRACE)) == []


def _act(world: World) -> None:
    """Everybody does what they do, with whatever they see."""
    for row in offers.queue_of("declines", world.now).mine:
        sessions.decline_offer(row.id, "declines", DeclineReason.BUSY, world.now)
        shifts.clock_out("declines", world.now)
    queue = offers.queue_of("takes", world.now)
    for row in (*queue.mine, *queue.unassigned)[:1]:
        if row.status is AssignmentStatus.IN_PROGRESS:
            sessions.end_session(row.session_id, "takes", world.now)
        else:
            accepted = sessions.accept_offer(row.id, "takes", world.now)
            for by in ("takes", accepted.customer_id):
                sessions.join_session(accepted.id, by, world.now)
    world.drain()
