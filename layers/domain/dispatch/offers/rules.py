"""The assignments' state machine and who may accept, as ``domain.md`` has it. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from dispatch.core.errors import Conflict, IllegalMove
from dispatch.matching.model import Priority
from dispatch.offers.model import (
    Assignment,
    AssignmentStatus,
    Dispatch,
    MatchType,
    Move,
    OpenOffer,
)

S = AssignmentStatus

TRANSITIONS = {
    (S.QUEUED, Move.ACCEPT): S.ACCEPTED,
    (S.QUEUED, Move.RESCIND): S.RESCINDED,
    (S.QUEUED, Move.CANCEL): S.CANCELLED,
    (S.OFFERED, Move.ACCEPT): S.ACCEPTED,
    (S.OFFERED, Move.DECLINE): S.DECLINED,
    (S.OFFERED, Move.EXPIRE): S.EXPIRED,
    (S.OFFERED, Move.RESCIND): S.RESCINDED,
    (S.OFFERED, Move.CANCEL): S.CANCELLED,
    (S.ACCEPTED, Move.JOIN): S.JOINED,
    (S.ACCEPTED, Move.RELEASE): S.RELEASED,
    (S.ACCEPTED, Move.CANCEL): S.CANCELLED,
    (S.JOINED, Move.START): S.IN_PROGRESS,
    (S.JOINED, Move.RELEASE): S.RELEASED,
    (S.JOINED, Move.CANCEL): S.CANCELLED,
    (S.IN_PROGRESS, Move.END): S.ENDED,
}

OPEN = frozenset({S.QUEUED, S.OFFERED})
"""Can be accepted, until the deadline."""
HELD_BY_MECHANIC = frozenset({S.OFFERED, S.ACCEPTED, S.JOINED, S.IN_PROGRESS})
"""What a mechanic's queue shows as theirs."""
WON = frozenset({S.ACCEPTED, S.JOINED, S.IN_PROGRESS, S.ENDED})

_REFUSALS = {
    "cancelled": "The customer has cancelled this session.",
    "taken": "Another mechanic has taken this session.",
    "expired": "This offer is over. Look at your queue for what is open now.",
    "not_eligible": "You cannot take this session.",
    "off_shift": "You are off shift. Clock in first.",
    "at_capacity": "You have as many sessions as you may have. End one first.",
}


def advance(assignment: Assignment, move: Move) -> Assignment:
    target = TRANSITIONS.get((assignment.status, move))
    if target is None:
        raise IllegalMove(move, assignment.status)
    return replace(assignment, status=target)


def is_open(assignment: Assignment, now: datetime) -> bool:
    """Open means before its deadline: a deadline stands in every read."""
    in_time = assignment.expires_at is None or now < assignment.expires_at
    return assignment.status in OPEN and in_time


def is_winners_repeat(assignment: Assignment, mechanic_id: str) -> bool:
    """Whether this mechanic has accepted it already."""
    return assignment.mechanic_id == mechanic_id and assignment.status in WON


def may_act_on(assignment: Assignment, mechanic_id: str) -> bool:
    """An offer is its mechanic's alone, a broadcast everybody's, even once it is taken."""
    return assignment.match_type is MatchType.BROADCAST or assignment.mechanic_id == mechanic_id


def why_not_declinable(assignment: Assignment, mechanic_id: str) -> Conflict:
    """The refusal where there is nothing left to decline."""
    if is_winners_repeat(assignment, mechanic_id):
        return IllegalMove(Move.DECLINE, assignment.status)
    if assignment.status is S.CANCELLED:
        return refused("cancelled")
    return refused("taken" if assignment.status in {S.RESCINDED, *WON} else "expired")


def why_not_acceptable(
    dispatch: Dispatch,
    assignment: Assignment,
    mechanic_id: str,
    *,
    is_cancelled: bool,
    now: datetime,
) -> str | None:
    """The first reason that holds why this mechanic can not have it; None if none does.

    What depends on the mechanic's own state (eligible, on shift, room) is decided by
    ``mechanics.rules.why_not_available``, after these.
    """
    if is_cancelled:
        return "cancelled"
    if not dispatch.is_open:
        return "taken"
    if not is_open(assignment, now) or mechanic_id in assignment.declined_by:
        return "expired"
    if mechanic_id in dispatch.excluded:
        return "not_eligible"
    return None


def refused(reason: str) -> Conflict:
    """The refusal for one of accept's reasons."""
    return Conflict(reason, _REFUSALS[reason])


def open_offers(dispatch: Dispatch, now: datetime) -> tuple[OpenOffer, ...]:
    return tuple(offer for offer in dispatch.offers if now < offer.expires_at)


def overdue_offers(dispatch: Dispatch, now: datetime) -> tuple[OpenOffer, ...]:
    return tuple(offer for offer in dispatch.offers if now >= offer.expires_at)


def without(dispatch: Dispatch, gone: Iterable[OpenOffer]) -> Dispatch:
    """The dispatch after these offers have ended."""
    ids = {offer.assignment_id for offer in gone}
    rest = tuple(offer for offer in dispatch.offers if offer.assignment_id not in ids)
    return replace(dispatch, offers=rest, version=dispatch.version + 1)


def with_decline(dispatch: Dispatch, assignment_id: str, mechanic_id: str) -> Dispatch:
    """The dispatch after this mechanic has passed, on an offer or on the broadcast."""
    gone = [offer for offer in dispatch.offers if offer.assignment_id == assignment_id]
    return replace(without(dispatch, gone), declined=(*dispatch.declined, mechanic_id))


def with_wave(dispatch: Dispatch, offers: tuple[OpenOffer, ...], *, announce: bool) -> Dispatch:
    """The dispatch after its period's mechanics were ranked and these were asked."""
    return replace(
        dispatch,
        matched=True,
        announced=dispatch.announced or announce,
        waves=dispatch.waves + 1,
        offers=dispatch.offers + offers,
        asked=dispatch.asked + tuple(offer.mechanic_id for offer in offers),
        version=dispatch.version + 1,
    )


def announced(dispatch: Dispatch) -> Dispatch:
    return replace(dispatch, announced=True, version=dispatch.version + 1)


def closed(dispatch: Dispatch) -> Dispatch:
    """The dispatch once the session is no longer pending."""
    return replace(dispatch, is_open=False, offers=(), version=dispatch.version + 1)


def reopened(
    dispatch: Dispatch, *, period: int, broadcast_id: str, excluding: str, now: datetime
) -> Dispatch:
    """A new pending period, without the mechanic who gave the session back."""
    return replace(
        dispatch,
        period=period,
        pending_since=now,
        broadcast_id=broadcast_id,
        is_open=True,
        matched=False,
        announced=False,
        excluded=(*dispatch.excluded, excluding),
        version=dispatch.version + 1,
    )


def may_see_broadcast(
    assignment: Assignment, mechanic_id: str, *, sessions_offered: frozenset[str]
) -> bool:
    """Whether an open broadcast belongs into this mechanic's ``unassigned`` (eligibility apart)."""
    return (
        assignment.match_type is MatchType.BROADCAST
        and assignment.status is S.QUEUED
        and assignment.session_id not in sessions_offered
        and mechanic_id not in assignment.declined_by | assignment.excluded
    )


_BY_PRIORITY = {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 2}


def queue_order(assignment: Assignment) -> tuple[int, bool, int, datetime]:
    """Sort key of a queue: priority, urgent, score, oldest."""
    score = assignment.match.score if assignment.match else 0
    return (
        _BY_PRIORITY[assignment.priority],
        not assignment.brief.urgent,
        -score,
        assignment.brief.created_at,
    )


_SESSION_STATUS = {S.ACCEPTED: "waiting", S.JOINED: "waiting", S.IN_PROGRESS: "live"}


def session_status(status: AssignmentStatus) -> str:
    """Where the session of a row in a queue stands, without reading it."""
    return _SESSION_STATUS.get(status, "pending")


def poll_after_s(*, on_shift: bool) -> int:
    """When it is worth asking for the queue again: off shift nothing new comes."""
    return 3 if on_shift else 30
