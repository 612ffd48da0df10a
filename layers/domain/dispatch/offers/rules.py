"""The assignments' state machine and who may accept, as ``domain.md`` has it. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from dispatch.core.errors import Conflict, IllegalMove
from dispatch.matching.model import MatchRequest, Priority
from dispatch.mechanics.model import Duty, Mechanic, Unavailable
from dispatch.offers.model import (
    Assignment,
    AssignmentStatus,
    Cause,
    Dispatch,
    MatchType,
    Move,
    OfferKind,
    OpenOffer,
    SessionBrief,
    Tally,
)

S = AssignmentStatus

TRANSITIONS = {
    (S.HELD, Move.OPEN): S.QUEUED,
    (S.HELD, Move.ACCEPT): S.ACCEPTED,
    (S.HELD, Move.EXPIRE): S.EXPIRED,
    (S.HELD, Move.RESCIND): S.RESCINDED,
    (S.HELD, Move.CANCEL): S.CANCELLED,
    (S.QUEUED, Move.ACCEPT): S.ACCEPTED,
    (S.QUEUED, Move.EXPIRE): S.EXPIRED,
    (S.QUEUED, Move.RESCIND): S.RESCINDED,
    (S.QUEUED, Move.CANCEL): S.CANCELLED,
    (S.OFFERED, Move.ACCEPT): S.ACCEPTED,
    (S.OFFERED, Move.DECLINE): S.DECLINED,
    (S.OFFERED, Move.EXPIRE): S.EXPIRED,
    (S.OFFERED, Move.RESCIND): S.RESCINDED,
    (S.OFFERED, Move.CANCEL): S.CANCELLED,
    (S.ACCEPTED, Move.JOIN): S.JOINED,
    (S.ACCEPTED, Move.RELEASE): S.RELEASED,
    (S.ACCEPTED, Move.EXPIRE): S.EXPIRED,
    (S.ACCEPTED, Move.RESCIND): S.RESCINDED,
    (S.ACCEPTED, Move.CANCEL): S.CANCELLED,
    (S.JOINED, Move.START): S.IN_PROGRESS,
    (S.JOINED, Move.RELEASE): S.RELEASED,
    (S.JOINED, Move.EXPIRE): S.EXPIRED,
    (S.JOINED, Move.RESCIND): S.RESCINDED,
    (S.JOINED, Move.CANCEL): S.CANCELLED,
    (S.JOINED, Move.END): S.ENDED,
    (S.IN_PROGRESS, Move.END): S.ENDED,
}

OPEN = frozenset({S.HELD, S.QUEUED, S.OFFERED})
"""Can be accepted, until the deadline; a held one from its opening on."""
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
    """Open means before its deadline: a deadline stands in every read. A held row opens by time."""
    in_time = assignment.expires_at is None or now < assignment.expires_at
    return assignment.status in OPEN and in_time and not is_held(assignment, now)


def as_of(assignment: Assignment, now: datetime) -> Assignment:
    """The row as time makes it: a held broadcast opens at its instant, timer or no timer."""
    if assignment.status is S.HELD and not is_held(assignment, now):
        return advance(assignment, Move.OPEN)
    return assignment


def is_held(assignment: Assignment, now: datetime) -> bool:
    """A broadcast that is kept for the preferred mechanic still."""
    opens_at = assignment.opens_at
    return assignment.status is S.HELD and opens_at is not None and now < opens_at


def is_winners_repeat(assignment: Assignment, mechanic_id: str) -> bool:
    """Whether this mechanic has accepted it already."""
    return assignment.mechanic_id == mechanic_id and assignment.status in WON


def may_act_on(assignment: Assignment, mechanic_id: str) -> bool:
    """An offer is its mechanic's alone, a broadcast everybody's, even once it is taken."""
    return assignment.match_type is MatchType.BROADCAST or assignment.mechanic_id == mechanic_id


def why_not_declinable(assignment: Assignment, mechanic_id: str, now: datetime) -> Conflict:
    """The refusal where there is nothing to decline, or nothing left."""
    if is_held(assignment, now):
        return refused("not_eligible")
    if is_winners_repeat(assignment, mechanic_id):
        return IllegalMove(Move.DECLINE, assignment.status)
    if assignment.status is S.CANCELLED:
        return refused("cancelled")
    return refused("taken" if assignment.status in {S.RESCINDED, *WON} else "expired")


def why_not_releasable(assignment: Assignment, mechanic_id: str, now: datetime) -> Conflict:
    """The refusal where this mechanic has not accepted it: only what was taken is given back."""
    if is_open(assignment, now) and mechanic_id not in assignment.declined_by:
        return IllegalMove(Move.RELEASE, as_of(assignment, now).status)
    return why_not_declinable(assignment, mechanic_id, now)


def why_not_acceptable(
    dispatch: Dispatch,
    assignment: Assignment,
    mechanic_id: str,
    *,
    is_cancelled: bool,
    is_unfilled: bool,
    now: datetime,
) -> str | None:
    """The first reason that holds why this mechanic can not have it; None if none does.

    What depends on the mechanic's own state (eligible, on shift, room) is decided by
    ``mechanics.rules.why_not_available``, after these.
    """
    if is_cancelled:
        return "cancelled"
    if not dispatch.is_open and not is_unfilled:
        return "taken"
    held = is_held(assignment, now)
    if is_unfilled or mechanic_id in assignment.declined_by:
        return "expired"
    if not held and not is_open(assignment, now):
        return "expired"
    if held or mechanic_id in dispatch.excluded:
        return "not_eligible"
    return None


def refused(reason: str) -> Conflict:
    """The refusal for one of accept's reasons."""
    return Conflict(reason, _REFUSALS[reason])


# The dispatch: each function answers the next version


def open_offers(dispatch: Dispatch, now: datetime) -> tuple[OpenOffer, ...]:
    return tuple(offer for offer in dispatch.offers if now < offer.expires_at)


def overdue_offers(dispatch: Dispatch, now: datetime) -> tuple[OpenOffer, ...]:
    """Those past their deadline. What ends with the pending period is its end's to close."""
    return tuple(
        offer
        for offer in dispatch.offers
        if now >= offer.expires_at and offer.expires_at != dispatch.pending_until
    )


def is_pending(dispatch: Dispatch, now: datetime) -> bool:
    """Whether the session may still be taken: its period is not over, timer or no timer."""
    until = dispatch.pending_until
    return dispatch.is_open and (until is None or now < until)


def offer_ends(dispatch: Dispatch, lasting_s: int, now: datetime) -> datetime:
    """When an offer made now is over: with the pending period at the latest."""
    end = now + timedelta(seconds=lasting_s)
    return min(end, dispatch.pending_until) if dispatch.pending_until else end


def due_at(dispatch: Dispatch) -> datetime | None:
    """When somebody has to look at an open dispatch next, if ever."""
    if not dispatch.is_open:
        return None
    instants = [offer.expires_at for offer in dispatch.offers]
    if dispatch.seek_due_at:
        instants.append(dispatch.seek_due_at)
    return min(instants, default=None)


def preferred_to_ask(dispatch: Dispatch) -> str | None:
    """Whom the customer chose, if they have not been asked and may have the session."""
    chosen = dispatch.preferred_id
    return chosen if chosen is not None and may_ask(dispatch, chosen) else None


def is_time_for_preferred(dispatch: Dispatch, now: datetime) -> bool:
    """Whether the broadcast is held for them still. What time has opened is not held again."""
    return dispatch.opens_at is not None and now < dispatch.opens_at


def asks_preferred_alone(dispatch: Dispatch, now: datetime) -> bool:
    return any(offer.kind is OfferKind.PREFERRED for offer in open_offers(dispatch, now))


def broadcast_status(dispatch: Dispatch) -> AssignmentStatus:
    """What the open dispatch's broadcast row is written as."""
    return S.HELD if dispatch.opens_at else S.QUEUED


def _next(dispatch: Dispatch, **changes: Any) -> Dispatch:
    return replace(dispatch, version=dispatch.version + 1, **changes)


def _without(dispatch: Dispatch, gone: Iterable[OpenOffer]) -> tuple[OpenOffer, ...]:
    ids = {offer.assignment_id for offer in gone}
    return tuple(offer for offer in dispatch.offers if offer.assignment_id not in ids)


def with_ended(
    dispatch: Dispatch, ended: Collection[OpenOffer], cause: Cause, now: datetime
) -> Dispatch:
    """After these offers have expired. But for a timeout, each passes on."""
    return _next(
        dispatch,
        offers=_without(dispatch, ended),
        owed=dispatch.owed + (0 if cause is Cause.TIMEOUT else _passed_on(ended)),
        seek_due_at=now,
        **_preference(ended, _OUTCOMES.get(cause, cause)),
    )


def with_decline(
    dispatch: Dispatch, declined: OpenOffer | None, mechanic_id: str, now: datetime
) -> Dispatch:
    """After this mechanic has passed, on their offer or (without one) on the broadcast."""
    gone = (declined,) if declined else ()
    preference = _preference(gone, "declined")
    if mechanic_id == dispatch.preferred_id and not dispatch.preferred_outcome:
        preference = {"preferred_outcome": "declined"}  # the broadcast: they were not asked yet
    return _next(
        dispatch,
        offers=_without(dispatch, gone),
        declined=(*dispatch.declined, mechanic_id),
        owed=dispatch.owed + _passed_on(gone),
        seek_due_at=now if declined else dispatch.seek_due_at,
        **preference,
    )


_OUTCOMES = {Cause.TIMEOUT: "expired"}


def _passed_on(ended: Collection[OpenOffer]) -> int:
    """After the preferred mechanic comes a whole wave, so theirs is not owed."""
    return sum(offer.kind is not OfferKind.PREFERRED for offer in ended)


def _preference(ended: Iterable[OpenOffer], outcome: str) -> dict[str, Any]:
    if any(offer.kind is OfferKind.PREFERRED for offer in ended):
        return {"preferred_outcome": outcome}
    return {}


def with_preferred_asked(dispatch: Dispatch, offer: OpenOffer) -> Dispatch:
    """The customer's choice is asked, alone: the broadcast opens when that is over."""
    return _next(
        dispatch,
        offers=(offer,),
        asked=(*dispatch.asked, offer.mechanic_id),
        opens_at=offer.expires_at,
        seek_due_at=None,
        all_offline=False,
        waves=dispatch.waves + 1,
    )


def with_wave(
    dispatch: Dispatch,
    offers: Collection[OpenOffer],
    now: datetime,
    *,
    wanted: int,
    preferred_outcome: str | None = None,
    announced: bool = False,
    all_offline: bool = False,
) -> Dispatch:
    """After those were asked who could be, of as many as were ``wanted``.

    Whom a first wave may have missed is still to be looked for when another follows at once.
    """
    first = not dispatch.matched
    return _next(
        dispatch,
        matched=True,
        wave_at=now if first else dispatch.wave_at,
        short=wanted - len(offers) if first and offers else dispatch.short,
        owed=0,
        opens_at=None,
        seek_due_at=None,
        preferred_outcome=preferred_outcome or dispatch.preferred_outcome,
        announced=dispatch.announced or announced,
        all_offline=all_offline,
        waves=dispatch.waves + 1 if offers else dispatch.waves,
        offers=(*dispatch.offers, *offers),
        asked=(*dispatch.asked, *(offer.mechanic_id for offer in offers)),
    )


def with_capacity(dispatch: Dispatch, offer: OpenOffer) -> Dispatch:
    """New capacity was offered to a session that had no open offer."""
    return _next(
        dispatch,
        offers=(*dispatch.offers, offer),
        asked=(*dispatch.asked, offer.mechanic_id),
        all_offline=False,
        waves=dispatch.waves + 1,
    )


def with_top_up(dispatch: Dispatch, offers: Collection[OpenOffer]) -> Dispatch:
    """Those were asked whom the first wave had missed."""
    return _next(
        dispatch,
        short=0,
        all_offline=dispatch.all_offline and not offers,
        offers=(*dispatch.offers, *offers),
        asked=(*dispatch.asked, *(offer.mechanic_id for offer in offers)),
        waves=dispatch.waves + 1 if offers else dispatch.waves,
    )


def with_news(dispatch: Dispatch, *, announced: bool, all_offline: bool) -> Dispatch:
    """Mechanics have come or gone while nobody was asked, and whom that concerns was told."""
    return _next(dispatch, announced=dispatch.announced or announced, all_offline=all_offline)


def closed(dispatch: Dispatch) -> Dispatch:
    """The dispatch once the session is no longer pending."""
    return _next(
        dispatch, is_open=False, offers=(), owed=0, seek_due_at=None, opens_at=None, short=0
    )


def withdrawn(dispatch: Dispatch) -> Dispatch:
    """The dispatch once the session is cancelled: the customer's choice may just be asked."""
    return replace(closed(dispatch), **_preference(dispatch.offers, "cancelled"))


def reopened(
    dispatch: Dispatch,
    *,
    period: int,
    broadcast_id: str,
    excluding: str,
    preferred_s: int,
    now: datetime,
    until: datetime,
    outcome: str = "released",
) -> Dispatch:
    """A new pending period, without the mechanic who had the session; ``outcome`` is why."""
    had_preferred = excluding == dispatch.preferred_id
    again = replace(
        dispatch,
        period=period,
        pending_since=now,
        pending_until=until,
        broadcast_id=broadcast_id,
        earlier_broadcasts=(*dispatch.earlier_broadcasts, dispatch.broadcast_id),
        is_open=True,
        matched=False,
        announced=False,
        all_offline=False,
        excluded=(*dispatch.excluded, excluding),
        preferred_outcome=outcome if had_preferred else dispatch.preferred_outcome,
        version=dispatch.version + 1,
    )
    return seeking(again, preferred_s, now)


def without_customer(dispatch: Dispatch) -> Dispatch:
    """A dispatch that is over, without what tells whose session it was; itself, if nothing does."""
    anonymous = replace(
        dispatch, brief=brief_of_nobody(dispatch.brief), wanted=wanted_by_nobody(dispatch.wanted)
    )
    return replace(anonymous, version=dispatch.version + 1) if anonymous != dispatch else dispatch


def brief_of_nobody(brief: SessionBrief) -> SessionBrief:
    return replace(brief, concern_preview="", city=None)


def wanted_by_nobody(wanted: MatchRequest) -> MatchRequest:
    """The country is what broadcasts are listed by."""
    return replace(wanted, subdivision=None, city_key=None, area=None)


def seeking(dispatch: Dispatch, preferred_s: int, now: datetime) -> Dispatch:
    """A dispatch at the beginning of a period. Its broadcast is held for a preferred mechanic."""
    opens_at = offer_ends(dispatch, preferred_s, now) if preferred_to_ask(dispatch) else None
    return replace(dispatch, seek_due_at=now, opens_at=opens_at)


def preferred_outcome(dispatch: Dispatch, now: datetime) -> str:
    """What became of the customer's choice, as far as the search goes."""
    if any(o.mechanic_id == dispatch.preferred_id for o in open_offers(dispatch, now)):
        return "offered"
    if any(offer.kind is OfferKind.PREFERRED for offer in overdue_offers(dispatch, now)):
        return "expired"
    return dispatch.preferred_outcome or _unrecorded_outcome(dispatch)


def _unrecorded_outcome(dispatch: Dispatch) -> str:
    """Where the search went on without a word: another was quicker than the timer, say."""
    chosen = dispatch.preferred_id
    if chosen in dispatch.declined:
        return "declined"
    if chosen in dispatch.excluded:
        return "not_eligible"
    return "expired" if chosen in dispatch.asked else "undecided"


# Mechanics and their offers


def why_untenable(
    offer: OpenOffer,
    mechanic: Mechanic | None,
    why_not_available: Unavailable | None,
) -> Cause | None:
    """Why a mechanic can no longer accept an open offer, whatever they are by now; None if so.

    Who has clocked out since is not waited for, though they may be back.
    """
    if why_not_available is not None or mechanic is None:
        return _UNTENABLE[why_not_available or Unavailable.NOT_ELIGIBLE]
    if mechanic.clocked_in_at and offer.offered_at < mechanic.clocked_in_at:
        return Cause.CLOCKED_OUT
    return None


_UNTENABLE = {
    Unavailable.NOT_ELIGIBLE: Cause.NOT_ELIGIBLE,
    Unavailable.OFF_SHIFT: Cause.CLOCKED_OUT,
    Unavailable.AT_CAPACITY: Cause.AT_CAPACITY,
}


def was_waiting(duty: Duty, at: datetime) -> bool:
    """Whether a mechanic who is free now was on shift and free before that instant."""
    return duty.waiting_since is not None and duty.waiting_since < at


def may_ask(dispatch: Dispatch, mechanic_id: str) -> bool:
    """Nobody is asked twice for one session, nor who does not want it or may not have it."""
    return mechanic_id not in not_to_ask(dispatch)


def not_to_ask(dispatch: Dispatch) -> frozenset[str]:
    return frozenset((*dispatch.asked, *dispatch.declined, *dispatch.excluded))


def is_sought(dispatch: Dispatch, now: datetime) -> bool:
    """Whether mechanics are about to be asked for it, whoever is free then."""
    return is_pending(dispatch, now) and (not dispatch.matched or dispatch.owed > 0)


def may_be_offered_capacity(dispatch: Dispatch, now: datetime) -> bool:
    """Whether a session waits without an open offer, and nobody is about to be asked."""
    return (
        is_pending(dispatch, now)
        and not is_sought(dispatch, now)
        and not open_offers(dispatch, now)
    )


MICRO_MINUTES = 15


def tally(rows: Iterable[Assignment], since: datetime, until: datetime) -> Tally:
    """What came of a mechanic's assignments within that time."""
    offered = [
        row
        for row in rows
        if row.match_type is MatchType.TARGETED and since <= row.offered_at <= until
    ]
    completed = [
        row.brief.minutes
        for row in rows
        if row.status is S.ENDED
        and not row.no_show
        and row.accepted_at
        and since <= row.accepted_at <= until
    ]
    micro = sum(minutes <= MICRO_MINUTES for minutes in completed)
    return Tally(
        offers_received=len(offered),
        offers_accepted=sum(row.accepted_at is not None for row in offered),
        offers_declined=sum(row.status is S.DECLINED for row in offered),
        offers_missed=sum(row.missed for row in offered),
        micro_sessions=micro,
        full_sessions=len(completed) - micro,
    )


def may_see_broadcast(
    assignment: Assignment, mechanic_id: str, *, sessions_offered: frozenset[str], now: datetime
) -> bool:
    """Whether an open broadcast belongs into this mechanic's ``unassigned`` (eligibility apart)."""
    return (
        assignment.match_type is MatchType.BROADCAST
        and is_open(assignment, now)
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
