"""Finding a session its mechanic: waves of offers, the broadcast, answers, queues.

The dispatch of a session is open while the session is pending. Use cases here change the dispatch
alone; moves that change the session too are in ``sessions.service``, which calls the functions
that take a transaction.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from dispatch.core.errors import IllegalMove, NotFound, StaleVersion
from dispatch.core.events import EventType
from dispatch.core.idempotency import Once
from dispatch.core.ids import is_id, new_id
from dispatch.core.logging import MetricUnit, metrics
from dispatch.core.table import Transaction, decides_anew
from dispatch.core.time import format_time
from dispatch.matching import service as matching
from dispatch.matching.model import MatchRequest, Priority
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic
from dispatch.offers import capacity, rules, search, store
from dispatch.offers.capacity import broadcasts_for, hand_capacity_on
from dispatch.offers.model import (
    Assignment,
    AssignmentStatus,
    Cause,
    DeclineReason,
    Dispatch,
    MatchType,
    Move,
    OpenOffer,
    SessionBrief,
    Tally,
)
from dispatch.offers.search import event, match_of, passed_over_event
from dispatch.policy import service as policies
from dispatch.policy.model import Policy

UNASSIGNED_SHOWN = 100
"""Of what a mechanic could take, the queue shows the oldest this many."""

Facts = Mapping[str, str | bool]
"""What is written on a row besides its status, when it moves."""

# The search, and what becomes of new capacity: modules of their own


seek_mechanic = search.seek_mechanic
top_up = search.top_up
place_capacity = capacity.place_capacity
renew_capacity = capacity.renew_capacity
is_waited_for = capacity.is_waited_for
tell_waiting = capacity.tell_waiting
of_no_new_capacity = capacity.of_no_new_capacity
left_at = capacity.left_at
forget_left = capacity.forget_left
find_dispatch = search.find_dispatch
dispatch_of = search.dispatch_of
keeps_until = search.keeps_until


# Parts of other use cases' transactions


def open_dispatch(
    tx: Transaction,
    brief: SessionBrief,
    wanted: MatchRequest,
    *,
    customer_id: str,
    preferred_id: str | None,
    policy: Policy,
    now: datetime,
    until: datetime,
) -> None:
    """The session has become pending for the first time.

    Anybody may take the broadcast, once it is not held for the preferred mechanic any more; but the
    customer, who may be a mechanic too.
    """
    dispatch = Dispatch(
        session_id=brief.id,
        period=1,
        pending_since=now,
        pending_until=until,
        policy_version=policy.version,
        customer_id=customer_id,
        brief=brief,
        wanted=wanted,
        broadcast_id=new_id(now),
        preferred_id=preferred_id,
        excluded=(customer_id,),
    )
    dispatch = rules.seeking(dispatch, policy.preferred_s, now)
    store.put_dispatch(tx, dispatch)
    store.add(tx, _broadcast(dispatch))


def booked_row(
    brief: SessionBrief,
    wanted: MatchRequest,
    mechanic: Mechanic,
    policy: Policy,
    now: datetime,
) -> Assignment:
    """The row of a booking that begins: its mechanic has accepted it by being booked."""
    ranked = matching.score_of(mechanic, wanted, policy, now)
    return Assignment(
        id=new_id(now),
        session_id=brief.id,
        match_type=MatchType.TARGETED,
        status=AssignmentStatus.ACCEPTED,
        priority=Priority.HIGH,
        mechanic_id=mechanic.id,
        match=match_of(ranked),
        offered_at=now,
        expires_at=None,
        brief=brief,
        wanted=wanted,
        accepted_at=now,
    )


def assign(
    tx: Transaction, row: Assignment, *, customer_id: str, policy: Policy, now: datetime
) -> None:
    """A booking has begun. Nobody is sought, unless its mechanic does not keep it."""
    assert row.mechanic_id is not None, "it is somebody's"
    dispatch = Dispatch(
        session_id=row.session_id,
        period=0,
        pending_since=now,
        policy_version=policy.version,
        customer_id=customer_id,
        brief=row.brief,
        wanted=row.wanted,
        broadcast_id=new_id(now),
        is_open=False,
        preferred_id=row.mechanic_id,
        asked=(row.mechanic_id,),
        excluded=(customer_id,),
    )
    store.put_dispatch(tx, dispatch)
    store.add(tx, row)


def reopen_dispatch(
    tx: Transaction,
    dispatch: Dispatch,
    *,
    period: int,
    excluding: str,
    policy: Policy,
    now: datetime,
    until: datetime,
    outcome: str,
) -> None:
    """The session is pending again, without the mechanic who had it; ``outcome`` is why."""
    again = rules.reopened(
        dispatch,
        period=period,
        broadcast_id=new_id(now),
        excluding=excluding,
        preferred_s=policy.preferred_s,
        now=now,
        until=until,
        outcome=outcome,
    )
    store.put_dispatch(tx, again)
    store.add(tx, _broadcast(again))


def _broadcast(dispatch: Dispatch) -> Assignment:
    return Assignment(
        id=dispatch.broadcast_id,
        session_id=dispatch.session_id,
        match_type=MatchType.BROADCAST,
        status=rules.broadcast_status(dispatch),
        priority=Priority.NORMAL,
        mechanic_id=None,
        match=None,
        offered_at=dispatch.pending_since,
        expires_at=dispatch.pending_until,
        brief=dispatch.brief,
        wanted=dispatch.wanted,
        declined_by=frozenset(dispatch.declined),
        excluded=frozenset(dispatch.excluded),
        opens_at=dispatch.opens_at,
    )


def win(
    tx: Transaction, dispatch: Dispatch, assignment: Assignment, mechanic_id: str, now: datetime
) -> list[OpenOffer]:
    """This row was accepted; every other one of the session is rescinded.

    Answers with the offers that others have lost by it.
    """
    accepted_at = {"accepted_at": format_time(now)}
    _move(tx, assignment, Move.ACCEPT, now=now, mechanic_id=mechanic_id, facts=accepted_at)
    _close_rows(tx, dispatch, Move.RESCIND, now, except_for=assignment.id)
    store.put_dispatch(tx, rules.closed(dispatch))
    lost = [offer for offer in dispatch.offers if offer.mechanic_id != mechanic_id]
    hand_capacity_on(tx, lost, now)
    return lost


def withdraw(tx: Transaction, dispatch: Dispatch, now: datetime) -> list[OpenOffer]:
    """The session was cancelled while pending: so are its rows. Answers with the offers lost."""
    _close_rows(tx, dispatch, Move.CANCEL, now)
    store.put_dispatch(tx, rules.withdrawn(dispatch))
    hand_capacity_on(tx, dispatch.offers, now)
    return list(dispatch.offers)


def give_up(tx: Transaction, dispatch: Dispatch, now: datetime) -> list[OpenOffer]:
    """Nobody took the session in time: its rows have expired. Answers with the offers lost."""
    _close_rows(tx, dispatch, Move.EXPIRE, now, facts={"cause": Cause.UNFILLED})
    store.put_dispatch(tx, rules.closed(dispatch))
    hand_capacity_on(tx, dispatch.offers, now)
    return list(dispatch.offers)


def move_on(
    tx: Transaction,
    assignment: Assignment,
    *moves: Move,
    now: datetime,
    facts: Facts | None = None,
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
    facts: Facts | None = None,
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
    tx: Transaction,
    dispatch: Dispatch,
    move: Move,
    now: datetime,
    except_for: str = "",
    facts: Facts | None = None,
) -> None:
    for offer in dispatch.offers:
        if offer.assignment_id != except_for:
            _close_offer(tx, offer, move, now, facts)
    if dispatch.broadcast_id != except_for:
        status = rules.broadcast_status(dispatch)
        store.settle(
            tx,
            dispatch.broadcast_id,
            before=status,
            after=rules.TRANSITIONS[status, move],
            mechanic_id=None,
            offered_at=dispatch.pending_since,
            now=now,
            facts=facts,
        )


def _close_offer(
    tx: Transaction,
    offer: OpenOffer,
    move: Move,
    now: datetime,
    facts: Facts | None = None,
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


# The ends of offers


@decides_anew
def expire_offers(session_id: str, now: datetime) -> bool:
    """End the offers that are past their deadline. Safe at any time; answers whether any was.

    Who was on shift and free all the while has missed it.
    """
    dispatch = dispatch_of(session_id)
    overdue = rules.overdue_offers(dispatch, now)
    if not overdue:
        return False
    policy = policies.of_version(dispatch.policy_version)
    _end(dispatch, overdue, Cause.TIMEOUT, policy, now)
    metrics.add_metric("OffersExpired", MetricUnit.Count, len(overdue))
    return True


def review_offers(mechanic_id: str, now: datetime) -> None:
    """End the open offers that a mechanic can no longer accept; each passes on.

    For whoever has clocked out, is at capacity, closes the shift or is not eligible any more. Looks
    at how things stand: safe at any time.
    """
    for row in store.held_by(mechanic_id):
        if row.status is AssignmentStatus.OFFERED:
            _end_untenable(row.session_id, row.id, now, _why_untenable)


def end_undeliverable(mechanic_id: str, now: datetime) -> None:
    """None of the mechanic's devices can be reached any more: their open offers pass on."""
    for row in store.held_by(mechanic_id):
        if row.status is AssignmentStatus.OFFERED:
            _end_untenable(row.session_id, row.id, now, lambda *_: Cause.UNDELIVERABLE)


@decides_anew
def _end_untenable(
    session_id: str,
    assignment_id: str,
    now: datetime,
    why: Callable[[Dispatch, OpenOffer, Policy, datetime], Cause | None],
) -> None:
    dispatch = settled_dispatch_of(session_id, now)
    policy = policies.of_version(dispatch.policy_version)
    for offer in dispatch.offers:
        if offer.assignment_id == assignment_id and (cause := why(dispatch, offer, policy, now)):
            _end(dispatch, [offer], cause, policy, now)
            metrics.add_metric("OffersPassedOn", MetricUnit.Count, 1)


def _why_untenable(
    dispatch: Dispatch, offer: OpenOffer, policy: Policy, now: datetime
) -> Cause | None:
    mechanic = mechanics.get(offer.mechanic_id)
    brand = dispatch.wanted.brand_key
    until = keeps_until(dispatch, policy, now)
    why_not = mechanics.why_not_available(mechanic, policy, now, brand, until)
    return rules.why_untenable(offer, mechanic, why_not)


def _end(
    dispatch: Dispatch,
    ended: Sequence[OpenOffer],
    cause: Cause,
    policy: Policy,
    now: datetime,
) -> None:
    after = rules.with_ended(dispatch, ended, cause, now)
    missed = _missed(ended, policy, now) if cause is Cause.TIMEOUT else {}
    with Transaction() as tx:
        store.put_dispatch(tx, after)
        for offer in ended:
            facts: Facts = {"cause": cause}
            if absent := missed.get(offer.mechanic_id):
                facts = {"cause": cause, "missed": True}
                mechanics.count_miss(tx, absent, policy, now)
            _close_offer(tx, offer, Move.EXPIRE, now, facts)
        tx.record(
            event(
                EventType.OFFERS_EXPIRED,
                dispatch.session_id,
                now,
                period=dispatch.period,
                assignment_ids=[offer.assignment_id for offer in ended],
                mechanic_ids=[offer.mechanic_id for offer in ended],
                cause=cause,
            )
        )
        if after.preferred_outcome != dispatch.preferred_outcome:
            tx.record(passed_over_event(after, now))
        if cause is not Cause.CLOCKED_OUT:  # clocked in again, they are new capacity
            hand_capacity_on(tx, ended, now)


def _missed(ended: Iterable[OpenOffer], policy: Policy, now: datetime) -> dict[str, Mechanic]:
    """Who could have answered: on shift since before the offer, and free."""
    found = ((offer, mechanics.get(offer.mechanic_id)) for offer in ended)
    return {
        mechanic.id: mechanic
        for offer, mechanic in found
        if mechanic
        and mechanics.room(mechanic, policy, now)
        and mechanic.clocked_in_at
        and mechanic.clocked_in_at <= offer.offered_at
    }


@decides_anew
def decline_offer(
    assignment_id: str,
    by: str,
    reason: DeclineReason,
    now: datetime,
    once: Once | None = None,
) -> Assignment:
    """The mechanic does not want it. Declining twice is declining once.

    An offer passes on to the next best. The broadcast is hidden from this mechanic and stays open
    for the others; who has an open offer of the same session declines that with it. Raises
    NotFound, or Conflict with the reason why there is nothing to decline.
    """
    assignment = _assignment_of_mechanic(assignment_id, by)
    if assignment.status is AssignmentStatus.DECLINED or by in assignment.declined_by:
        if once:
            with Transaction() as tx:
                once.remember(tx, assignment, now)
        return assignment
    dispatch = settled_dispatch_of(assignment.session_id, now)
    if not rules.is_open(assignment, now):
        raise rules.why_not_declinable(assignment, by, now)
    if not dispatch.is_open:
        raise StaleVersion  # closed between the two reads, and the row with it
    declined = next((o for o in dispatch.offers if o.mechanic_id == by), None)
    if declined:
        assignment = assignment_for(declined.assignment_id, by)
    after = rules.with_decline(dispatch, declined, by, now)
    with Transaction() as tx:
        if once:
            once.remember(tx, assignment, now)
        store.put_dispatch(tx, after)
        store.mark_declined(tx, dispatch.broadcast_id, by)
        if assignment.match_type is MatchType.TARGETED:
            _move(tx, assignment, Move.DECLINE, now=now, facts={"decline_reason": reason})
        mechanics.forget_misses(tx, by)
        tx.record(
            event(
                EventType.OFFER_DECLINED,
                assignment.session_id,
                now,
                assignment_id=assignment.id,
                mechanic_id=by,
                match_type=assignment.match_type,
                decline_reason=reason,
            )
        )
        if after.preferred_outcome != dispatch.preferred_outcome:
            tx.record(passed_over_event(after, now))
        if declined:
            hand_capacity_on(tx, [declined], now)
    metrics.add_metric("OffersDeclined", MetricUnit.Count, 1)
    return assignment


def _assignment_of_mechanic(assignment_id: str, by: str) -> Assignment:
    assignment = assignment_for(assignment_id, by)
    if mechanics.get(by) is None:
        raise NotFound("You have no mechanic profile yet.")
    return assignment


# Reads


def is_seek_due(session_id: str) -> bool:
    """Whether there is something left to seek for this session."""
    dispatch = dispatch_of(session_id)
    return dispatch.is_open and dispatch.seek_due_at is not None


def settled_dispatch_of(session_id: str, now: datetime) -> Dispatch:
    """The dispatch to decide on: what is past its deadline has ended by that, and nothing else.

    Raises NotFound where the session was never pending.
    """
    dispatch = dispatch_of(session_id)
    if not rules.overdue_offers(dispatch, now):
        return dispatch
    expire_offers(session_id, now)
    return dispatch_of(session_id)


def in_hand(mechanic_id: str) -> list[str]:
    """Ids of the sessions that a mechanic has accepted and that are not over; may lag a moment."""
    return [row.session_id for row in store.held_by(mechanic_id) if row.status in rules.WON]


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
        on_shift=mechanic is not None and mechanics.duty_at(mechanic, now).on_shift,
    )


def _unassigned(
    mechanic: Mechanic | None, mine: list[Assignment], now: datetime
) -> list[Assignment]:
    if mechanic is None or not mechanics.duty_at(mechanic, now).on_shift:
        return []
    offered = frozenset(row.session_id for row in mine)
    seen = (
        row
        for row in broadcasts_for(mechanic, policies.current(now), now)
        if rules.may_see_broadcast(row, mechanic.id, sessions_offered=offered, now=now)
    )
    return list(islice(seen, UNASSIGNED_SHOWN))


def tally(mechanic_id: str, since: datetime, until: datetime, policy: Policy) -> Tally:
    """What came of the offers to a mechanic within that time, derived from their rows.

    Reads through an index, which may lag by a moment. A broadcast that was taken is older than its
    accept, by as long as a session may be pending.
    """
    earliest = since - timedelta(seconds=policy.pending_s)
    return rules.tally(store.rows_of(mechanic_id, earliest, until), since, until)


# Forgetting a customer


@decides_anew
def forget_customer(session_id: str, assignment_ids: Iterable[str]) -> None:
    """Take out of a search that is over, and of its rows, what tells whose session it was."""
    dispatch = find_dispatch(session_id)
    if dispatch is None:
        return
    rows = {*assignment_ids, dispatch.broadcast_id, *dispatch.earlier_broadcasts}
    for assignment_id in sorted(rows):
        if row := store.find(assignment_id):
            with Transaction() as tx:
                store.forget_customer(tx, row)
    anonymous = rules.without_customer(dispatch)
    if anonymous is not dispatch:
        with Transaction() as tx:
            store.put_dispatch(tx, anonymous)
