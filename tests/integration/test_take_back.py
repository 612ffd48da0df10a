"""A session is taken from the mechanic who has it: for another, or since they are suspended."""

from collections.abc import Callable
from typing import Any

import pytest

from dispatch.core.errors import Conflict, IllegalMove, NotFound
from dispatch.offers import service as offers
from dispatch.offers.model import AssignmentStatus, Cause
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Session, Status, TakenBack
from tests.stories import (
    check_that_all_is_well,
    clock_out,
    complete,
    go_live,
    last_shift,
    outcome,
    take,
    the_mechanic,
)
from tests.world import World


def waiting(world: World, **changes: Any) -> Session:
    """Accepted by ``a``; ``b`` has come since."""
    world.mechanic("a")
    session = take(world, "a", world.book(**changes))
    world.mechanic("b")
    world.drain()
    return session


def take_back(world: World, session: Session, why: TakenBack = TakenBack.REASSIGNED) -> Session:
    taken = sessions.take_back(session.id, "a", why, world.now)
    world.drain()
    return taken


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize(
    ("why", "status", "cause"),
    [
        (TakenBack.REASSIGNED, AssignmentStatus.RESCINDED, None),
        (TakenBack.SUSPENDED, AssignmentStatus.EXPIRED, Cause.NOT_ELIGIBLE),
    ],
)
def test_a_session_taken_back_seeks_again_without_that_mechanic(
    world: World, why: TakenBack, status: AssignmentStatus, cause: Cause | None, joined: bool
) -> None:
    session = waiting(world)
    if joined:
        sessions.join_session(session.id, "a", world.now)
    assert session.assignment_id
    take_back(world, session, why)
    again = world.session(session.id)
    assert (again.status, again.period, again.mechanic_id) == (Status.PENDING, 2, None)
    row = world.row(session.assignment_id)
    assert (row.status, row.cause) == (status, cause)
    assert world.load("a") == 0
    assert world.asked(session.id) == ["a", "b"], "nobody is asked twice"
    assert offers.queue_of("a", world.now).unassigned == []
    with pytest.raises(Conflict) as refused:
        sessions.accept_offer(world.broadcast(session.id).id, "a", world.now)
    assert refused.value.reason == "not_eligible"
    (fact,) = world.facts("SessionReassigned")
    assert (fact["mechanic_id"], fact["why"]) == ("a", why)
    complete(world, take(world, "b", again))
    check_that_all_is_well(world)


def test_taking_it_back_twice_is_taking_it_back_once(world: World) -> None:
    session = waiting(world)
    for _ in range(2):
        assert take_back(world, session).status is Status.PENDING
    assert len(world.facts("SessionReassigned")) == 1
    assert world.session(session.id).period == 2


def test_who_has_it_by_now_keeps_it(world: World) -> None:
    session = waiting(world)
    take_back(world, session)
    take(world, "b", world.session(session.id))
    assert take_back(world, session).mechanic_id == "b"
    assert world.session(session.id).status is Status.WAITING


@pytest.mark.parametrize("then", [go_live, complete])
def test_what_is_live_or_over_is_not_taken_back(
    world: World, then: Callable[[World, Session], Session]
) -> None:
    session = waiting(world)
    then(world, session)
    with pytest.raises(IllegalMove):
        take_back(world, session)
    assert world.facts("SessionReassigned") == []


def test_there_has_to_be_a_session(world: World) -> None:
    with pytest.raises(NotFound):
        sessions.take_back("01JZ2N5T8QW4R6Y0A1B2C3D4E5", "a", TakenBack.REASSIGNED, world.now)


@pytest.mark.parametrize(
    ("why", "told"),
    [(TakenBack.REASSIGNED, "reassigned"), (TakenBack.SUSPENDED, "not_eligible")],
)
def test_the_customer_learns_what_became_of_their_choice(
    world: World, why: TakenBack, told: str
) -> None:
    session = waiting(world, preferred_mechanic_id="a")
    take_back(world, session, why)
    assert outcome(world, session.id) == told


def test_a_closing_shift_ends_with_the_session_that_is_taken_back(world: World) -> None:
    session = waiting(world)
    world.pass_time(minutes=1)
    clock_out(world, "a", finish=True)
    take_back(world, session)
    assert not the_mechanic("a").duty.on_shift
    assert last_shift("a").cause == "finished"
