"""Accepted is not there yet: the mechanic has five minutes to come, then the customer ten."""

from datetime import timedelta

import pytest

from dispatch.core.errors import Conflict, IllegalMove, NotFound
from dispatch.offers.model import AssignmentStatus, Cause
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Party, Session, Status
from tests.stories import go_live, is_offered, may_take, take, the_mechanic
from tests.world import World, an_intake

pytestmark = pytest.mark.usefixtures("well_in_the_end")

ONE_MS = timedelta(milliseconds=1)


@pytest.fixture
def waiting(world: World) -> Session:
    """Accepted by the best of two; the other one has declined nothing and is free."""
    world.mechanic("b", rating=4.0)
    world.mechanic("a", rating=5.0)
    session = world.book()
    return take(world, "a", session)


def _join(world: World, session: Session, by: str) -> Session:
    joined = sessions.join_session(session.id, by, world.now)
    world.drain()
    return joined


# The mechanic's lease


def test_the_mechanic_has_five_minutes_from_the_accept(world: World, waiting: Session) -> None:
    assert waiting.mechanic_due_by == world.now + timedelta(minutes=5)
    world.clock.at += timedelta(minutes=5) - ONE_MS
    world.ring()
    assert _join(world, waiting, "a").mechanic_joined_at == world.now
    world.pass_time(minutes=5)
    assert world.session(waiting.id).status is Status.WAITING


def test_who_does_not_come_loses_the_session(world: World, waiting: Session) -> None:
    world.pass_time(minutes=5)
    again = world.session(waiting.id)
    assert (again.status, again.period, again.mechanic_id) == (Status.PENDING, 2, None)
    row = world.row(waiting.assignment_id or "")
    assert (row.status, row.cause) == (AssignmentStatus.EXPIRED, Cause.NOT_JOINED)
    assert world.load("a") == 0
    (lost,) = world.facts("MechanicNotJoined")
    assert (lost["mechanic_id"], lost["customer_id"]) == ("a", "customer")
    assert lost["assignment_id"] == waiting.assignment_id


def test_the_search_goes_on_without_them(world: World, waiting: Session) -> None:
    world.mechanic("c", rating=3.0)
    world.pass_time(minutes=5)
    assert world.asked(waiting.id) == ["a", "b", "c"], "nor is who was asked before asked again"
    assert may_take(world, "a") == []
    assert may_take(world, "b") == [waiting.id]
    with pytest.raises(Conflict) as refused:
        sessions.accept_offer(world.broadcast(waiting.id).id, "a", world.now)
    assert refused.value.reason == "not_eligible"


def test_the_customer_who_was_there_is_to_come_again(world: World, waiting: Session) -> None:
    """It does not count for the next mechanic: the customer is asked to join again."""
    _join(world, waiting, "customer")
    world.pass_time(minutes=5)
    again = world.session(waiting.id)
    assert (again.status, again.customer_joined_at) == (Status.PENDING, None)
    accepted = world.accept(world.broadcast(waiting.id).id, "b")
    assert accepted.mechanic_due_by == world.now + timedelta(minutes=5)
    assert _join(world, waiting, "b").status is Status.WAITING
    assert _join(world, waiting, "customer").status is Status.LIVE


def test_a_customer_who_came_does_not_prolong_it(world: World, waiting: Session) -> None:
    world.clock.advance(minutes=4)
    _join(world, waiting, "customer")
    world.pass_time(minutes=1)
    assert world.session(waiting.id).status is Status.PENDING


def test_the_deadline_stands_in_every_read_though_no_timer_rings(
    world: World, waiting: Session
) -> None:
    world.clock.advance(minutes=5)
    assert world.session(waiting.id).status is Status.PENDING
    for _ in range(2):
        with pytest.raises(NotFound):
            sessions.join_session(waiting.id, "a", world.now)
        assert world.load("a") == 0, "it is written down with the first who comes to write"


def test_the_search_begins_at_the_deadline_however_late_it_is_noticed(
    world: World, waiting: Session
) -> None:
    due_by = waiting.mechanic_due_by
    assert due_by
    world.clock.advance(minutes=8)
    sessions.close_overdue(waiting.id, world.now)
    again = world.session(waiting.id)
    assert again.pending_since == due_by
    assert again.pending_until == due_by + timedelta(minutes=30)


def test_noticed_twice_it_is_lost_once(world: World, waiting: Session) -> None:
    world.pass_time(minutes=5)
    world.tell_again()
    for _ in range(2):
        assert not sessions.close_overdue(waiting.id, world.now)
    assert len(world.facts("MechanicNotJoined")) == 1
    assert world.session(waiting.id).period == 2


def test_each_mechanic_has_a_lease_of_their_own(world: World, waiting: Session) -> None:
    world.pass_time(minutes=5)
    world.accept(world.broadcast(waiting.id).id, "b")
    world.pass_time(minutes=5)
    assert world.session(waiting.id).period == 3
    assert [fact["mechanic_id"] for fact in world.facts("MechanicNotJoined")] == ["a", "b"]
    assert world.load("a") == world.load("b") == 0


def test_cancelled_at_its_last_moment_there_is_nothing_to_lose(
    world: World, waiting: Session
) -> None:
    world.clock.at += timedelta(minutes=5) - ONE_MS
    cancelled = sessions.cancel_session(waiting.id, "customer", None, world.now)
    assert cancelled.refund is not None
    assert cancelled.refund.percent == 100
    world.pass_time(minutes=1)
    assert world.facts("MechanicNotJoined") == []


def test_cancelled_a_moment_too_late_it_was_pending(world: World, waiting: Session) -> None:
    world.clock.advance(minutes=5)
    cancelled = sessions.cancel_session(waiting.id, "customer", None, world.now)
    assert cancelled.status is Status.CANCELLED
    assert len(world.facts("MechanicNotJoined")) == 1
    (fact,) = world.facts("SessionCancelled")
    assert fact["mechanic_id"] is None


# The customer's patience with the mechanic is over; the mechanic's with the customer


def test_the_customer_has_ten_minutes_from_when_the_mechanic_came(
    world: World, waiting: Session
) -> None:
    world.clock.advance(minutes=2)
    joined = _join(world, waiting, "a")
    assert joined.customer_due_by == world.now + timedelta(minutes=10)
    world.clock.at += timedelta(minutes=10) - ONE_MS
    world.ring()
    assert _join(world, waiting, "customer").status is Status.LIVE
    world.pass_time(minutes=1)
    assert world.session(waiting.id).status is Status.LIVE


def test_who_does_not_come_has_missed_it(world: World, waiting: Session) -> None:
    _join(world, waiting, "a")
    world.pass_time(minutes=10)
    missed = world.session(waiting.id)
    assert (missed.status, missed.ended_by) == (Status.NO_SHOW, Party.TIMER)
    assert missed.refund is not None
    assert missed.refund.percent == 0
    row = world.row(waiting.assignment_id or "")
    assert (row.status, row.no_show) == (AssignmentStatus.ENDED, True)
    assert world.load("a") == 0
    (fact,) = world.facts("CustomerNotJoined")
    assert (fact["mechanic_id"], fact["customer_id"]) == ("a", "customer")


def test_after_a_no_show_both_are_free(world: World, waiting: Session) -> None:
    _join(world, waiting, "a")
    world.pass_time(minutes=10)
    assert sessions.active_of("customer", world.now) is None
    sessions.book_session(an_intake(), "customer", world.now)
    other = world.book("other")
    assert is_offered(world, "a") == [other.id]


def test_a_no_show_is_not_a_completed_session(world: World, waiting: Session) -> None:
    _join(world, waiting, "a")
    world.pass_time(minutes=10)
    assert world.facts("SessionCompleted") == []
    assert the_mechanic("a").profile.completed_sessions == 0


def test_too_late_is_too_late_though_no_timer_rings(world: World, waiting: Session) -> None:
    _join(world, waiting, "a")
    world.clock.advance(minutes=10)
    assert world.session(waiting.id).status is Status.NO_SHOW
    with pytest.raises(IllegalMove) as refused:
        sessions.join_session(waiting.id, "customer", world.now)
    assert refused.value.members["current_status"] == "no_show"


def test_noticed_late_it_ended_at_the_deadline(world: World, waiting: Session) -> None:
    due_by = _join(world, waiting, "a").customer_due_by
    world.clock.advance(minutes=25)
    sessions.close_overdue(waiting.id, world.now)
    assert world.session(waiting.id).ended_at == due_by


def test_who_was_there_before_the_mechanic_has_not_missed_it(
    world: World, waiting: Session
) -> None:
    assert go_live(world, waiting).status is Status.LIVE
    world.pass_time(minutes=10)
    assert world.session(waiting.id).status is Status.LIVE
    assert world.facts("CustomerNotJoined") == []


def test_the_mechanic_may_release_while_they_wait_for_the_customer(
    world: World, waiting: Session
) -> None:
    _join(world, waiting, "a")
    sessions.release_session(waiting.assignment_id or "", "a", "Nobody comes", world.now)
    world.pass_time(minutes=10)
    assert world.session(waiting.id).status is Status.PENDING
    assert world.facts("CustomerNotJoined") == []
