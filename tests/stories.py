"""What people do in stories, each with all that follows at once; what holds after every story."""

from typing import Any

from dispatch.core import aws, settings
from dispatch.core.due import overdue
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic
from dispatch.offers import service as offers
from dispatch.offers.model import Assignment, AssignmentStatus, DeclineReason
from dispatch.policy import store as policy_rows
from dispatch.policy.model import Policy
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Session
from dispatch.shifts import service as shifts
from dispatch.shifts.model import Shift
from dispatch.timers.rules import LOOK_AGAIN_AFTER
from tests.invariants import check, picture
from tests.sweeper import sweep
from tests.world import World

# Under which rules


def under_a_policy(**numbers: Any) -> None:
    """The policy with other numbers than by default; before anything else happens."""
    policy_rows.add_first(Policy(**numbers))


# What mechanics do


def decline(world: World, mechanic_id: str) -> Assignment:
    """The mechanic declines the one offer they have."""
    offer = world.offer_to(mechanic_id)
    sessions.decline_offer(offer.id, mechanic_id, DeclineReason.BUSY, world.now)
    world.drain()
    return world.row(offer.id)


def release(world: World, session: Session) -> Session:
    """The mechanic who has the session gives it back."""
    assert session.assignment_id
    assert session.mechanic_id
    released = sessions.release_session(
        session.assignment_id, session.mechanic_id, "My connection fails", world.now
    )
    world.drain()
    return released


def clock_in(world: World, mechanic_id: str) -> None:
    shifts.clock_in(mechanic_id, world.now)
    world.drain()


def clock_out(world: World, mechanic_id: str, *, finish: bool = False) -> None:
    shifts.clock_out(mechanic_id, world.now, finish=finish)
    world.drain()


def suspend(world: World, mechanic_id: str) -> None:
    world.mechanic(mechanic_id, on_shift=False, status="suspended")
    world.drain()


# What becomes of a session


def take(world: World, mechanic_id: str, session: Session) -> Session:
    """The mechanic accepts their open offer of this session."""
    mine = offers.queue_of(mechanic_id, world.now).mine
    (row,) = [row for row in mine if row.session_id == session.id]
    return world.accept(row.id, mechanic_id)


def make_busy(world: World, mechanic_id: str, customer_id: str = "somebody else") -> Session:
    """The mechanic, who is on shift and free, takes the session of another customer."""
    session = world.book(customer_id)
    return world.accept(world.broadcast(session.id).id, mechanic_id)


def go_live(world: World, session: Session) -> Session:
    """Both sides come to a session that waits for them."""
    assert session.mechanic_id
    sessions.join_session(session.id, session.mechanic_id, world.now)
    live = sessions.join_session(session.id, session.customer_id, world.now)
    world.drain()
    return live


def end(world: World, session: Session) -> Session:
    ended = sessions.end_session(session.id, session.customer_id, world.now)
    world.drain()
    return ended


def complete(world: World, session: Session) -> Session:
    return end(world, go_live(world, session))


# What is to be seen


def is_offered(world: World, mechanic_id: str) -> list[str]:
    """Ids of the sessions that the mechanic has open offers for."""
    mine = offers.queue_of(mechanic_id, world.now).mine
    return [row.session_id for row in mine if row.status is AssignmentStatus.OFFERED]


def may_take(world: World, mechanic_id: str) -> list[str]:
    """Ids of the sessions whose broadcasts the mechanic sees."""
    return [row.session_id for row in offers.queue_of(mechanic_id, world.now).unassigned]


def outcome(world: World, session_id: str) -> str | None:
    """What the customer sees of their wish for a mechanic."""
    session = world.session(session_id)
    return sessions.details(session, session.customer_id, world.now).preferred_outcome


def options(world: World, session_id: str) -> tuple[str, ...]:
    """The ways on that the customer sees."""
    session = world.session(session_id)
    return sessions.details(session, session.customer_id, world.now).options


def the_mechanic(mechanic_id: str) -> Mechanic:
    mechanic = mechanics.get(mechanic_id)
    assert mechanic is not None
    return mechanic


def last_shift(mechanic_id: str) -> Shift:
    """The latest of the shifts that are over."""
    (shift, *_), _ = shifts.shifts_of(mechanic_id, 1, None)
    return shift


# What holds after every story


def check_that_all_is_well(world: World) -> None:
    """All facts told and all timers rung, nothing is left to repair, and what always holds holds.

    Some seconds later, that is: what indexes did not show at first is looked at again.
    """
    world.drain()
    world.pass_time(seconds=LOOK_AGAIN_AFTER.total_seconds())
    assert list(overdue(by=world.now)) == [], "nothing is overdue"
    assert sweep(world.now) == 0, "nothing is left to repair"
    pages = aws.dynamodb().get_paginator("scan").paginate(TableName=settings.table_name())
    check(picture(world.now, (item for page in pages for item in page["Items"])))
