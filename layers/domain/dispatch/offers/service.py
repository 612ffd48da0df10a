"""Finding a session its mechanic: waves of offers, the broadcast, answers, queues.

The dispatch of a session is open while the session is pending. Use cases here change the dispatch
alone; moves that change the session too are in ``sessions.service``, which calls the functions
that take a transaction.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from dispatch.calendar.rules import length, shortest
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
from dispatch.mechanics.model import Mechanic, Unavailable
from dispatch.offers import rules, store
from dispatch.offers.model import (
    Assignment,
    AssignmentStatus,
    Cause,
    DeclineReason,
    Dispatch,
    Match,
    MatchType,
    Move,
    OfferKind,
    OpenOffer,
    SessionBrief,
    Tally,
)
from dispatch.policy import service as policies
from dispatch.policy.model import Policy

UNASSIGNED_SHOWN = 100
"""Of what a mechanic could take, the queue shows the oldest this many."""

KEPT = 10
"""How many of the best are written down beside the session."""


Facts = Mapping[str, str | bool]
"""What is written on a row besides its status, when it moves."""


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
        match=_match(ranked),
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
    _hand_capacity_on(tx, lost, now)
    return lost


def withdraw(tx: Transaction, dispatch: Dispatch, now: datetime) -> list[OpenOffer]:
    """The session was cancelled while pending: so are its rows. Answers with the offers lost."""
    _close_rows(tx, dispatch, Move.CANCEL, now)
    store.put_dispatch(tx, rules.withdrawn(dispatch))
    _hand_capacity_on(tx, dispatch.offers, now)
    return list(dispatch.offers)


def give_up(tx: Transaction, dispatch: Dispatch, now: datetime) -> list[OpenOffer]:
    """Nobody took the session in time: its rows have expired. Answers with the offers lost."""
    _close_rows(tx, dispatch, Move.EXPIRE, now, facts={"cause": Cause.UNFILLED})
    store.put_dispatch(tx, rules.closed(dispatch))
    _hand_capacity_on(tx, dispatch.offers, now)
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


# The search


@decides_anew
def seek_mechanic(session_id: str, now: datetime) -> None:
    """Do what is due for a pending session: ask the preferred mechanic, make offers, announce.

    Safe to call at any time and any number of times. Raises NotFound where there is no dispatch.
    """
    dispatch = dispatch_of(session_id)
    if not rules.is_pending(dispatch, now) or dispatch.seek_due_at is None:
        return
    policy = policies.of_version(dispatch.policy_version)
    if dispatch.matched:
        _make_wave(dispatch, policy, now, wanted=dispatch.owed)
    elif preferred := rules.preferred_to_ask(dispatch):
        _ask_preferred(dispatch, preferred, policy, now)
    elif not rules.asks_preferred_alone(dispatch, now):
        _make_wave(dispatch, policy, now, wanted=policy.offers_per_wave)


def _ask_preferred(dispatch: Dispatch, preferred: str, policy: Policy, now: datetime) -> None:
    """The customer's choice is asked alone, or, where that cannot be, passed over."""
    mechanic = mechanics.get(preferred)
    brand = dispatch.wanted.brand_key
    until = keeps_until(dispatch, policy, now)
    why_not = mechanics.why_not_available(mechanic, policy, now, brand, until)
    if mechanic is None or why_not is not None:
        outcome = why_not or Unavailable.NOT_ELIGIBLE
        _make_wave(dispatch, policy, now, wanted=policy.offers_per_wave, passed_over=outcome)
        return
    ranked = matching.score_of(mechanic, dispatch.wanted, policy, now)
    row = _offer(dispatch, ranked, policy, now, alone=True)
    offer = _open_offer(row, OfferKind.PREFERRED)
    after = rules.with_preferred_asked(dispatch, offer)
    everyone = _everyone(dispatch, policy, now)
    with Transaction() as tx:
        store.put_dispatch(tx, after)
        store.add(tx, row)
        store.hold_broadcast(tx, dispatch.broadcast_id, offer.expires_at)
        _check_available(tx, mechanic.id, dispatch, policy, now, _decide_anew)
        store.put_matches(tx, dispatch, _record(everyone, after))
        tx.record(_offers_made(after, [offer], OfferKind.PREFERRED, now))
    metrics.add_metric("OffersMade", MetricUnit.Count, 1)


def _make_wave(
    dispatch: Dispatch,
    policy: Policy,
    now: datetime,
    *,
    wanted: int,
    passed_over: str | None = None,
) -> None:
    """Ask the best who are free, up to ``wanted``; announce the broadcast where nobody is.

    Whoever turns out not to be free is passed over, on a fresh roster.
    """
    everyone = None if dispatch.matched else _everyone(dispatch, policy, now)
    out = set(rules.not_to_ask(dispatch))
    fresh_since = dispatch.seek_due_at
    while True:
        free = matching.rank(
            dispatch.wanted,
            wanted,
            policy,
            now,
            among=Among.FREE,
            excluding=out,
            fresh_since=fresh_since,
            keeps_until=keeps_until(dispatch, policy, now),
        )
        try:
            _write_wave(dispatch, policy, everyone, free.top, now, wanted, passed_over)
        except _Unavailable as gone:
            out.add(gone.mechanic_id)
            fresh_since = None
        else:
            metrics.add_metric("OffersMade", MetricUnit.Count, len(free.top))
            return


def _everyone(dispatch: Dispatch, policy: Policy, now: datetime) -> Ranking:
    """The ten best whatever their presence: a record."""
    return matching.rank(
        dispatch.wanted,
        KEPT,
        policy,
        now,
        among=Among.ALL,
        excluding=dispatch.excluded,
        fresh_since=dispatch.seek_due_at,
    )


def _write_wave(
    dispatch: Dispatch,
    policy: Policy,
    everyone: Ranking | None,
    best: tuple[Ranked, ...],
    now: datetime,
    wanted: int,
    passed_over: str | None,
) -> None:
    rows = [_offer(dispatch, ranked, policy, now) for ranked in best]
    offers = [_open_offer(row, OfferKind.WAVE) for row in rows]
    told = _to_tell(dispatch, offers, policy, now)
    after = rules.with_wave(
        dispatch,
        offers,
        now,
        wanted=wanted,
        preferred_outcome=passed_over,
        announced=bool(told.audience),
        all_offline=told.all_offline,
    )
    with Transaction() as tx:
        store.put_dispatch(tx, after)
        if rules.broadcast_status(dispatch) is AssignmentStatus.HELD:
            store.open_broadcast(tx, dispatch.broadcast_id)
        for row, offer in zip(rows, offers, strict=True):
            store.add(tx, row)
            _check_available(
                tx, offer.mechanic_id, dispatch, policy, now, _unavailable(offer.mechanic_id)
            )
        if everyone:
            store.put_matches(tx, dispatch, _record(everyone, after))
        if passed_over:
            tx.record(_passed_over(after, now))
        if offers:
            tx.record(_offers_made(after, offers, OfferKind.WAVE, now))
        for event in _told(told, after, now):
            tx.record(event)


@dataclass(frozen=True, slots=True)
class _ToTell:
    """Whom to tell of the broadcast, and whether to tell the customer that all are offline."""

    audience: Collection[str] = ()
    all_offline: bool = False
    is_news: bool = False


def _to_tell(
    dispatch: Dispatch, offers: Collection[OpenOffer], policy: Policy, now: datetime
) -> _ToTell:
    """Nothing while an offer is open. The broadcast is pushed once per period."""
    if offers or rules.open_offers(dispatch, now):
        return _ToTell()
    audience: Collection[str] = ()
    if not dispatch.announced:
        audience = matching.audience(
            dispatch.wanted,
            policy,
            now,
            limit=policy.broadcast_push_limit,
            excluding={*dispatch.excluded, *dispatch.declined},
            fresh_since=dispatch.seek_due_at,
            keeps_until=keeps_until(dispatch, policy, now),
        )
    all_offline = not audience and not matching.anyone_on_shift(
        dispatch.wanted,
        policy,
        now,
        excluding={dispatch.customer_id},
        fresh_since=dispatch.seek_due_at,
    )
    return _ToTell(audience, all_offline, is_news=all_offline and not dispatch.all_offline)


def _told(told: _ToTell, dispatch: Dispatch, now: datetime) -> Iterator[Event]:
    if told.audience:
        yield _event(
            EventType.BROADCAST_ANNOUNCED,
            dispatch.session_id,
            now,
            period=dispatch.period,
            assignment_id=dispatch.broadcast_id,
            mechanic_ids=list(told.audience),
            **({"expires_at": format_time(until)} if (until := dispatch.pending_until) else {}),
        )
    if told.is_news:
        yield _event(
            EventType.ALL_OFFLINE,
            dispatch.session_id,
            now,
            period=dispatch.period,
            customer_id=dispatch.customer_id,
        )


def _offers_made(
    dispatch: Dispatch, offers: Sequence[OpenOffer], kind: OfferKind, now: datetime
) -> Event:
    """The fact, for offers that end together."""
    return _event(
        EventType.OFFERS_MADE,
        dispatch.session_id,
        now,
        period=dispatch.period,
        wave=dispatch.waves,
        kind=kind,
        short=dispatch.short,
        assignment_ids=[offer.assignment_id for offer in offers],
        mechanic_ids=[offer.mechanic_id for offer in offers],
        expires_at=format_time(offers[0].expires_at),
    )


def _passed_over(dispatch: Dispatch, now: datetime) -> Event:
    return _event(
        EventType.PREFERRED_PASSED_OVER,
        dispatch.session_id,
        now,
        customer_id=dispatch.customer_id,
        mechanic_id=dispatch.preferred_id,
        outcome=dispatch.preferred_outcome,
    )


def _check_available(
    tx: Transaction,
    mechanic_id: str,
    dispatch: Dispatch,
    policy: Policy,
    now: datetime,
    otherwise: mechanics.Refuse,
) -> None:
    """Offers stand under this condition on the mechanic."""
    mechanics.check_available(
        tx,
        mechanic_id,
        brand_key=dispatch.wanted.brand_key,
        policy=policy,
        now=now,
        otherwise=otherwise,
        keeps_until=keeps_until(dispatch, policy, now),
    )


def keeps_until(dispatch: Dispatch, policy: Policy, now: datetime) -> datetime:
    """When a mechanic who began now would be free again. Their own next booking comes first."""
    return now + length(dispatch.brief.minutes, policy)


def _unavailable(mechanic_id: str) -> mechanics.Refuse:
    return lambda _reason: _Unavailable(mechanic_id)


def _decide_anew(_reason: Unavailable) -> Exception:
    return StaleVersion()


def _offer(
    dispatch: Dispatch,
    ranked: Ranked,
    policy: Policy,
    now: datetime,
    *,
    alone: bool = False,
) -> Assignment:
    """``alone``: to the customer's choice, before anybody else is asked."""
    score = ranked.score
    lasting_s = policy.preferred_s if alone else policy.offer_s
    return Assignment(
        id=new_id(now),
        session_id=dispatch.session_id,
        match_type=MatchType.TARGETED,
        status=AssignmentStatus.OFFERED,
        priority=Priority.HIGH if alone else priority(score.match_score, policy.scoring),
        mechanic_id=ranked.mechanic.id,
        match=_match(ranked),
        offered_at=now,
        expires_at=rules.offer_ends(dispatch, lasting_s, now),
        brief=dispatch.brief,
        wanted=dispatch.wanted,
    )


def _match(ranked: Ranked) -> Match:
    score = ranked.score
    return Match(
        score=score.match_score,
        reasons=score.match_reasons,
        badge=score.badge,
        is_brand_specialist=score.is_brand_specialist,
        is_local_match=score.is_local_match,
    )


def _open_offer(row: Assignment, kind: OfferKind) -> OpenOffer:
    assert row.mechanic_id is not None, "an offer has its mechanic"
    assert row.expires_at is not None, "an offer has its deadline"
    return OpenOffer(row.id, row.mechanic_id, row.offered_at, row.expires_at, kind)


def _record(ranking: Ranking, dispatch: Dispatch) -> dict[str, Any]:
    """The ranking as it is kept: ids, points and reasons, no names."""
    return {
        "policy_version": ranking.policy_version,
        "ranked_at": format_time(ranking.ranked_at),
        "roster_age_s": ranking.roster_age_s,
        "preferred": {"mechanic_id": dispatch.preferred_id, "outcome": dispatch.preferred_outcome}
        if dispatch.preferred_id
        else None,
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


# Whom the search has missed


@decides_anew
def top_up(session_id: str, now: datetime) -> None:
    """Look again at a wave that fell short: the roster lags, and may have missed somebody.

    Asks those alone who were on shift and free when the wave was made; once, for each period.
    """
    dispatch = dispatch_of(session_id)
    if not rules.is_pending(dispatch, now) or dispatch.short == 0 or dispatch.wave_at is None:
        return
    policy = policies.of_version(dispatch.policy_version)
    found = matching.rank(
        dispatch.wanted,
        KEPT,
        policy,
        now,
        among=Among.FREE,
        excluding=rules.not_to_ask(dispatch),
        keeps_until=keeps_until(dispatch, policy, now),
    )
    missed = [
        ranked for ranked in found.top if rules.was_waiting(ranked.mechanic.duty, dispatch.wave_at)
    ]
    rows = [_offer(dispatch, ranked, policy, now) for ranked in missed[: dispatch.short]]
    offers = [_open_offer(row, OfferKind.WAVE) for row in rows]
    after = rules.with_top_up(dispatch, offers)
    with Transaction() as tx:
        store.put_dispatch(tx, after)
        for row, offer in zip(rows, offers, strict=True):
            store.add(tx, row)
            _check_available(tx, offer.mechanic_id, dispatch, policy, now, _decide_anew)
        if offers:
            tx.record(_offers_made(after, offers, OfferKind.WAVE, now))


@decides_anew
def place_capacity(mechanic_id: str, now: datetime, *, again: bool = False) -> None:
    """A mechanic has clocked in or become free: offer them the oldest pending session that fits.

    When none does, what capacity is left is the waitlist's (``CapacityLeft``). Done once for each
    mark of new capacity; it waits while a session that fits is still to be sought for. ``again``,
    some seconds later, looks only for a session that was not to be seen yet.
    """
    mechanic = mechanics.get(mechanic_id)
    if mechanic is None or (mechanic.capacity_at is None and not again):
        return
    policy = policies.current(now)
    one_is_sought = False
    for dispatch in _pending_for(mechanic, policy, now):
        if rules.may_be_offered_capacity(dispatch, now):
            _offer_capacity(dispatch, mechanic, policy, now)
            return
        one_is_sought |= rules.is_sought(dispatch, now)
    if mechanic.capacity_at is None or one_is_sought:
        return
    with Transaction() as tx:
        mechanics.put_capacity_to_use(tx, mechanic)
        _leave_capacity(tx, mechanic, "none_fits", now)


def _pending_for(mechanic: Mechanic, policy: Policy, now: datetime) -> Iterator[Dispatch]:
    """The pending sessions that this mechanic could have and was not asked for, oldest first."""
    if not mechanics.room(mechanic, policy, now):
        return
    waiting = sorted(
        (row.brief.created_at, row.session_id)
        for row in _broadcasts_for(mechanic, policy, now)
        if rules.may_see_broadcast(row, mechanic.id, sessions_offered=frozenset(), now=now)
    )
    for _, session_id in waiting:
        dispatch = dispatch_of(session_id)
        until = keeps_until(dispatch, policy, now)
        if rules.may_ask(dispatch, mechanic.id) and mechanics.is_clear(mechanic, until):
            yield dispatch


def _offer_capacity(dispatch: Dispatch, mechanic: Mechanic, policy: Policy, now: datetime) -> None:
    its_policy = policies.of_version(dispatch.policy_version)
    ranked = matching.score_of(mechanic, dispatch.wanted, its_policy, now)
    row = _offer(dispatch, ranked, its_policy, now)
    offer = _open_offer(row, OfferKind.CAPACITY)
    after = rules.with_capacity(dispatch, offer)
    with Transaction() as tx:
        store.put_dispatch(tx, after)
        store.add(tx, row)
        mechanics.offer_capacity(
            tx,
            mechanic,
            policy=policy,
            brand_key=dispatch.wanted.brand_key,
            now=now,
            otherwise=_decide_anew,
            keeps_until=keeps_until(dispatch, policy, now),
        )
        tx.record(_offers_made(after, [offer], OfferKind.CAPACITY, now))
    metrics.add_metric("OffersMade", MetricUnit.Count, 1)


def _hand_capacity_on(tx: Transaction, ended: Iterable[OpenOffer], now: datetime) -> None:
    """New capacity that was offered and not taken is the waitlist's."""
    for offer in ended:
        if offer.kind is OfferKind.CAPACITY:
            _leave_capacity(tx, mechanics.get(offer.mechanic_id), "not_taken", now)


def _leave_capacity(tx: Transaction, mechanic: Mechanic | None, reason: str, now: datetime) -> None:
    """Tell of the room that is left, if this mechanic has any and may be matched."""
    policy = policies.current(now)
    if mechanic is None or not mechanics.is_eligible(mechanic, policy, now, brand_key=None):
        return
    if not mechanics.is_clear(mechanic, now + shortest(policy)):
        return
    if room := mechanics.room(mechanic, policy, now):
        facts = {"mechanic_id": mechanic.id, "room": room, "reason": reason}
        tx.record(Event(EventType.CAPACITY_LEFT, f"MECHANIC#{mechanic.id}", now, facts))


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
            _event(
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
            tx.record(_passed_over(after, now))
        if cause not in _ENDS_CAPACITY:
            _hand_capacity_on(tx, ended, now)


_ENDS_CAPACITY = frozenset({Cause.CLOCKED_OUT, Cause.UNDELIVERABLE})
"""Whoever was offered something is gone. Clocked in again, they are new capacity."""


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
    for the others. Raises NotFound, or Conflict with the reason why there is nothing to decline.
    """
    assignment = assignment_for(assignment_id, by)
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
    declined = next((o for o in dispatch.offers if o.assignment_id == assignment.id), None)
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
        if after.preferred_outcome != dispatch.preferred_outcome:
            tx.record(_passed_over(after, now))
        if declined:
            _hand_capacity_on(tx, [declined], now)
    metrics.add_metric("OffersDeclined", MetricUnit.Count, 1)
    return assignment


# Reads


find_dispatch = store.find_dispatch


def is_seek_due(session_id: str) -> bool:
    """Whether there is something left to seek for this session."""
    dispatch = dispatch_of(session_id)
    return dispatch.is_open and dispatch.seek_due_at is not None


def dispatch_of(session_id: str) -> Dispatch:
    """Raises NotFound where the session was never pending."""
    dispatch = find_dispatch(session_id)
    if dispatch is None:
        raise NotFound("There is no dispatch of this session.")
    return dispatch


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
        for row in _broadcasts_for(mechanic, policies.current(now), now)
        if rules.may_see_broadcast(row, mechanic.id, sessions_offered=offered, now=now)
    )
    return list(islice(seen, UNASSIGNED_SHOWN))


def _broadcasts_for(mechanic: Mechanic, policy: Policy, now: datetime) -> Iterator[Assignment]:
    """Broadcasts of the mechanic's country and of unknown location that they are eligible for."""
    for country in dict.fromkeys((mechanic.profile.country, None)):
        for row in store.open_broadcasts(country):
            if mechanics.is_eligible(mechanic, policy, now, row.wanted.brand_key):
                yield row


def tally(mechanic_id: str, since: datetime, until: datetime, policy: Policy) -> Tally:
    """What came of the offers to a mechanic within that time, derived from their rows.

    Reads through an index, which may lag by a moment. A broadcast that was taken is older than its
    accept, by as long as a session may be pending.
    """
    earliest = since - timedelta(seconds=policy.pending_s)
    return rules.tally(store.rows_of(mechanic_id, earliest, until), since, until)
