"""Finding a session its mechanic: waves of offers, the broadcast, answers, queues.

The dispatch of a session is open while the session is pending. Use cases here change the dispatch
alone; moves that change the session too are in ``sessions.service``, which calls the functions
that take a transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dispatch.core.errors import IllegalMove, NotFound, StaleVersion
from dispatch.core.events import Event, EventType
from dispatch.core.idempotency import Once
from dispatch.core.ids import is_id, new_id
from dispatch.core.logging import MetricUnit, metrics
from dispatch.core.table import Transaction, decides_anew
from dispatch.core.time import format_time
from dispatch.matching import service as matching
from dispatch.matching.model import Among, MatchRequest, Priority, Ranked, Ranking
from dispatch.matching.rules import priority
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic
from dispatch.offers import rules, store
from dispatch.offers.model import (
    Assignment,
    AssignmentStatus,
    DeclineReason,
    Dispatch,
    Match,
    MatchType,
    Move,
    OpenOffer,
    SessionBrief,
)
from dispatch.policy import service as policies
from dispatch.policy.model import Policy

KEPT = 10
"""How many of the best are written down beside the session."""


class _Unavailable(Exception):
    """A mechanic who was ranked free is not: the index lagged behind."""

    def __init__(self, mechanic_id: str) -> None:
        self.mechanic_id = mechanic_id


def _event(type_: EventType, session_id: str, now: datetime, **facts: Any) -> Event:
    return Event(type_, f"SESSION#{session_id}", now, {"session_id": session_id, **facts})


# Parts of other use cases' transactions


def open_dispatch(
    tx: Transaction,
    brief: SessionBrief,
    wanted: MatchRequest,
    *,
    customer_id: str,
    policy_version: int,
    now: datetime,
) -> None:
    """The session has become pending for the first time: anybody may take the broadcast.

    Anybody but the customer, who may be a mechanic too.
    """
    dispatch = Dispatch(
        session_id=brief.id,
        period=1,
        pending_since=now,
        policy_version=policy_version,
        brief=brief,
        wanted=wanted,
        broadcast_id=new_id(now),
        excluded=(customer_id,),
    )
    store.put_dispatch(tx, dispatch)
    store.add(tx, _broadcast(dispatch))


def reopen_dispatch(
    tx: Transaction, dispatch: Dispatch, *, period: int, excluding: str, now: datetime
) -> None:
    """The session is pending again, without the mechanic who had it."""
    again = rules.reopened(
        dispatch, period=period, broadcast_id=new_id(now), excluding=excluding, now=now
    )
    store.put_dispatch(tx, again)
    store.add(tx, _broadcast(again))


def _broadcast(dispatch: Dispatch) -> Assignment:
    return Assignment(
        id=dispatch.broadcast_id,
        session_id=dispatch.session_id,
        match_type=MatchType.BROADCAST,
        status=AssignmentStatus.QUEUED,
        priority=Priority.NORMAL,
        mechanic_id=None,
        match=None,
        offered_at=dispatch.pending_since,
        expires_at=None,
        brief=dispatch.brief,
        wanted=dispatch.wanted,
        declined_by=frozenset(dispatch.declined),
        excluded=frozenset(dispatch.excluded),
    )


def win(
    tx: Transaction, dispatch: Dispatch, assignment: Assignment, mechanic_id: str, now: datetime
) -> None:
    """This row was accepted; every other one of the session is rescinded."""
    _move(tx, assignment, Move.ACCEPT, now=now, mechanic_id=mechanic_id)
    _close_rows(tx, dispatch, Move.RESCIND, now, except_for=assignment.id)
    store.put_dispatch(tx, rules.closed(dispatch))


def withdraw(tx: Transaction, dispatch: Dispatch, now: datetime) -> None:
    """The session was cancelled while pending: so are its rows."""
    _close_rows(tx, dispatch, Move.CANCEL, now)
    store.put_dispatch(tx, rules.closed(dispatch))


def move_on(
    tx: Transaction,
    assignment: Assignment,
    *moves: Move,
    now: datetime,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Move an accepted row on, by one step or several at once.

    The session has allowed it. Where the row does not, it was read later than the session.
    """
    try:
        _move(tx, assignment, *moves, now=now, facts=facts)
    except IllegalMove as error:
        raise StaleVersion from error


def _move(
    tx: Transaction,
    assignment: Assignment,
    *moves: Move,
    now: datetime,
    mechanic_id: str | None = None,
    facts: Mapping[str, str] | None = None,
) -> None:
    after = assignment
    for move in moves:
        after = rules.advance(after, move)
    store.settle(
        tx,
        assignment.id,
        before=assignment.status,
        after=after.status,
        mechanic_id=mechanic_id or assignment.mechanic_id,
        offered_at=assignment.offered_at,
        now=now,
        facts=facts,
    )


def _close_rows(
    tx: Transaction, dispatch: Dispatch, move: Move, now: datetime, except_for: str = ""
) -> None:
    for offer in dispatch.offers:
        if offer.assignment_id != except_for:
            _close_offer(tx, offer, move, now)
    if dispatch.broadcast_id != except_for:
        store.settle(
            tx,
            dispatch.broadcast_id,
            before=AssignmentStatus.QUEUED,
            after=rules.TRANSITIONS[AssignmentStatus.QUEUED, move],
            mechanic_id=None,
            offered_at=dispatch.pending_since,
            now=now,
        )


def _close_offer(
    tx: Transaction,
    offer: OpenOffer,
    move: Move,
    now: datetime,
    facts: Mapping[str, str] | None = None,
) -> None:
    store.settle(
        tx,
        offer.assignment_id,
        before=AssignmentStatus.OFFERED,
        after=rules.TRANSITIONS[AssignmentStatus.OFFERED, move],
        mechanic_id=offer.mechanic_id,
        offered_at=offer.offered_at,
        now=now,
        facts=facts,
    )


# The search


@decides_anew
def seek_mechanic(session_id: str, now: datetime) -> None:
    """Do what is due for a pending session: rank and offer once per period, then announce.

    Safe to call at any time and any number of times. Raises NotFound where there is no dispatch.
    """
    dispatch = dispatch_of(session_id)
    if not dispatch.is_open:
        return
    policy = policies.of_version(dispatch.policy_version)
    if not dispatch.matched:
        _offer_wave(dispatch, policy, now)
    elif not dispatch.announced and not rules.open_offers(dispatch, now):
        with Transaction() as tx:
            store.put_dispatch(tx, rules.announced(dispatch))
            _announce(tx, dispatch, policy, now)


def _offer_wave(dispatch: Dispatch, policy: Policy, now: datetime) -> None:
    """Ask the best who are free. Whoever turns out not to be is passed over, on a fresh roster."""
    passed_over = {*dispatch.asked, *dispatch.declined, *dispatch.excluded}
    fresh_since: datetime | None = dispatch.pending_since
    while True:
        everyone = matching.rank(
            dispatch.wanted, KEPT, policy, now, among=Among.ALL, fresh_since=fresh_since
        )
        free = matching.rank(
            dispatch.wanted,
            policy.offers_per_wave,
            policy,
            now,
            among=Among.FREE,
            excluding=passed_over,
            fresh_since=dispatch.pending_since,
        )
        try:
            _write_wave(dispatch, policy, everyone, free.top, now)
        except _Unavailable as gone:
            passed_over.add(gone.mechanic_id)
            fresh_since = None
        else:
            metrics.add_metric("OffersMade", MetricUnit.Count, len(free.top))
            return


def _write_wave(
    dispatch: Dispatch,
    policy: Policy,
    ranking: Ranking,
    best: tuple[Ranked, ...],
    now: datetime,
) -> None:
    rows = [_offer(dispatch, ranked, policy, now) for ranked in best]
    offers = tuple(
        OpenOffer(row.id, ranked.mechanic.id, now, row.expires_at)
        for row, ranked in zip(rows, best, strict=True)
        if row.expires_at
    )
    after = rules.with_wave(dispatch, offers, announce=not offers)
    with Transaction() as tx:
        store.put_dispatch(tx, after)
        for row in rows:
            store.add(tx, row)
        for ranked in best:
            mechanics.check_available(
                tx,
                ranked.mechanic.id,
                brand_key=dispatch.wanted.brand_key,
                policy=policy,
                now=now,
                otherwise=_unavailable(ranked.mechanic.id),
            )
        store.put_matches(tx, dispatch, _record(ranking))
        if offers:
            tx.record(
                _event(
                    EventType.OFFERS_MADE,
                    dispatch.session_id,
                    now,
                    period=dispatch.period,
                    wave=after.waves,
                    assignment_ids=[offer.assignment_id for offer in offers],
                    mechanic_ids=[offer.mechanic_id for offer in offers],
                    expires_at=format_time(offers[0].expires_at),
                )
            )
        else:
            _announce(tx, dispatch, policy, now)


def _unavailable(mechanic_id: str) -> mechanics.Refuse:
    return lambda _reason: _Unavailable(mechanic_id)


def _offer(dispatch: Dispatch, ranked: Ranked, policy: Policy, now: datetime) -> Assignment:
    score = ranked.score
    return Assignment(
        id=new_id(now),
        session_id=dispatch.session_id,
        match_type=MatchType.TARGETED,
        status=AssignmentStatus.OFFERED,
        priority=priority(score.match_score, policy.scoring),
        mechanic_id=ranked.mechanic.id,
        match=Match(
            score=score.match_score,
            reasons=score.match_reasons,
            badge=score.badge,
            is_brand_specialist=score.is_brand_specialist,
            is_local_match=score.is_local_match,
        ),
        offered_at=now,
        expires_at=now + timedelta(seconds=policy.offer_s),
        brief=dispatch.brief,
        wanted=dispatch.wanted,
    )


def _record(ranking: Ranking) -> dict[str, Any]:
    """The ranking as it is kept: ids, points and reasons, no names."""
    return {
        "policy_version": ranking.policy_version,
        "ranked_at": format_time(ranking.ranked_at),
        "roster_age_s": ranking.roster_age_s,
        "matches": [
            {
                "mechanic_id": ranked.mechanic.id,
                "match_score": ranked.score.match_score,
                "breakdown": dict(ranked.score.breakdown),
                "match_reasons": ranked.score.match_reasons,
                "badge": ranked.score.badge,
            }
            for ranked in ranking.top
        ],
    }


def _announce(tx: Transaction, dispatch: Dispatch, policy: Policy, now: datetime) -> None:
    """Tell those who could take the broadcast. Nobody there: nobody to tell."""
    audience = matching.audience(
        dispatch.wanted,
        policy,
        now,
        limit=policy.broadcast_push_limit,
        excluding={*dispatch.excluded, *dispatch.declined},
    )
    if audience:
        tx.record(
            _event(
                EventType.BROADCAST_ANNOUNCED,
                dispatch.session_id,
                now,
                period=dispatch.period,
                assignment_id=dispatch.broadcast_id,
                mechanic_ids=list(audience),
            )
        )


@decides_anew
def expire_offers(session_id: str, now: datetime) -> None:
    """End the offers that are past their deadline. Safe at any time; none due is no news."""
    dispatch = dispatch_of(session_id)
    overdue = rules.overdue_offers(dispatch, now)
    if not overdue:
        return
    with Transaction() as tx:
        store.put_dispatch(tx, rules.without(dispatch, overdue))
        for offer in overdue:
            _close_offer(tx, offer, Move.EXPIRE, now, {"cause": "timeout"})
        tx.record(
            _event(
                EventType.OFFERS_EXPIRED,
                session_id,
                now,
                period=dispatch.period,
                assignment_ids=[offer.assignment_id for offer in overdue],
                mechanic_ids=[offer.mechanic_id for offer in overdue],
                cause="timeout",
            )
        )
    metrics.add_metric("OffersExpired", MetricUnit.Count, len(overdue))


@decides_anew
def decline_offer(
    assignment_id: str,
    by: str,
    reason: DeclineReason,
    now: datetime,
    once: Once | None = None,
) -> Assignment:
    """The mechanic does not want it. Declining twice is declining once.

    The broadcast is hidden from this mechanic and stays open for the others. Raises NotFound,
    or Conflict with the reason why there is nothing left to decline.
    """
    assignment = assignment_for(assignment_id, by)
    if assignment.status is AssignmentStatus.DECLINED or by in assignment.declined_by:
        if once:
            with Transaction() as tx:
                once.remember(tx, assignment, now)
        return assignment
    dispatch = dispatch_of(assignment.session_id)
    if not rules.is_open(assignment, now):
        raise rules.why_not_declinable(assignment, by)
    if not dispatch.is_open:
        raise StaleVersion  # closed between the two reads, and the row with it
    with Transaction() as tx:
        if once:
            once.remember(tx, assignment, now)
        store.put_dispatch(tx, rules.with_decline(dispatch, assignment.id, by))
        store.mark_declined(tx, dispatch.broadcast_id, by)
        if assignment.match_type is MatchType.TARGETED:
            _move(tx, assignment, Move.DECLINE, now=now, facts={"decline_reason": reason})
        tx.record(
            _event(
                EventType.OFFER_DECLINED,
                assignment.session_id,
                now,
                assignment_id=assignment.id,
                mechanic_id=by,
                match_type=assignment.match_type,
                decline_reason=reason,
            )
        )
    metrics.add_metric("OffersDeclined", MetricUnit.Count, 1)
    return assignment


# Reads


def dispatch_of(session_id: str) -> Dispatch:
    """Raises NotFound where the session was never pending."""
    dispatch = store.find_dispatch(session_id)
    if dispatch is None:
        raise NotFound("There is no dispatch of this session.")
    return dispatch


def assignment_for(assignment_id: str, mechanic_id: str) -> Assignment:
    """An assignment that this mechanic may act on: their own or a broadcast. Raises NotFound."""
    assignment = store.find(assignment_id) if is_id(assignment_id) else None
    if assignment is None or not rules.may_act_on(assignment, mechanic_id):
        raise NotFound("There is no such assignment. Look at GET /mechanic/queue.")
    return assignment


@dataclass(frozen=True, slots=True)
class Queue:
    """``mine`` is offered to or in hand of the mechanic, ``unassigned`` anybody's to take."""

    mine: list[Assignment]
    unassigned: list[Assignment]
    on_shift: bool


def queue_of(mechanic_id: str, now: datetime) -> Queue:
    """A mechanic's queue, each part best first. Off shift there is nothing unassigned."""
    mechanic = mechanics.get(mechanic_id)
    held = store.held_by(mechanic_id)
    mine = [row for row in held if row.status in rules.WON or rules.is_open(row, now)]
    return Queue(
        mine=sorted(mine, key=rules.queue_order),
        unassigned=sorted(_unassigned(mechanic, mine, now), key=rules.queue_order),
        on_shift=mechanic is not None and mechanic.duty.on_shift,
    )


def _unassigned(
    mechanic: Mechanic | None, mine: list[Assignment], now: datetime
) -> list[Assignment]:
    if mechanic is None or not mechanic.duty.on_shift:
        return []
    policy = policies.current(now)
    offered = frozenset(row.session_id for row in mine)
    partitions = dict.fromkeys((mechanic.profile.country, None))
    return [
        row
        for country in partitions
        for row in store.open_broadcasts(country)
        if rules.may_see_broadcast(row, mechanic.id, sessions_offered=offered)
        and mechanics.is_eligible(mechanic, policy, now, row.wanted.brand_key)
    ]


# Mechanics who cannot be reached


def end_undeliverable(mechanic_id: str, now: datetime) -> None:
    """End the offers that are out to a mechanic all of whose devices are dead. Safe at any time."""
    for row in store.held_by(mechanic_id):
        if row.status is AssignmentStatus.OFFERED:
            _end_undeliverable_offer(row.session_id, row.id, now)


@decides_anew
def _end_undeliverable_offer(session_id: str, assignment_id: str, now: datetime) -> None:
    dispatch = dispatch_of(session_id)
    gone = [offer for offer in dispatch.offers if offer.assignment_id == assignment_id]
    if not gone:
        return
    with Transaction() as tx:
        store.put_dispatch(tx, rules.without(dispatch, gone))
        _close_offer(tx, gone[0], Move.EXPIRE, now, {"cause": "undeliverable"})
        tx.record(
            _event(
                EventType.OFFERS_EXPIRED,
                session_id,
                now,
                period=dispatch.period,
                assignment_ids=[assignment_id],
                mechanic_ids=[gone[0].mechanic_id],
                cause="undeliverable",
            )
        )
