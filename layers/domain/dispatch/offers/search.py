"""Whom to ask for a session: the preferred mechanic, waves of offers, the broadcast."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.calendar.rules import length
from dispatch.core.errors import NotFound, StaleVersion
from dispatch.core.events import Event, EventType
from dispatch.core.ids import new_id
from dispatch.core.logging import MetricUnit, metrics
from dispatch.core.table import Transaction, decides_anew
from dispatch.core.time import format_time
from dispatch.matching import service as matching
from dispatch.matching.model import Among, Priority, Ranked, Ranking
from dispatch.matching.rules import priority
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Unavailable
from dispatch.offers import rules, store
from dispatch.offers.model import (
    Assignment,
    AssignmentStatus,
    Dispatch,
    Match,
    MatchType,
    OfferKind,
    OpenOffer,
)
from dispatch.policy import service as policies
from dispatch.policy.model import Policy

KEPT = 10
"""How many of the best are written down beside the session."""


class _Unavailable(Exception):
    """A mechanic who was ranked free is not: the index lagged behind."""

    def __init__(self, mechanic_id: str) -> None:
        self.mechanic_id = mechanic_id


def event(type_: EventType, session_id: str, now: datetime, **facts: Any) -> Event:
    return Event(type_, f"SESSION#{session_id}", now, {"session_id": session_id, **facts})


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
    elif not (preferred := rules.preferred_to_ask(dispatch)):
        if not rules.asks_preferred_alone(dispatch, now):
            _make_wave(dispatch, policy, now, wanted=policy.offers_per_wave)
    elif rules.is_time_for_preferred(dispatch, now):
        _ask_preferred(dispatch, preferred, policy, now)
    else:
        _make_wave(dispatch, policy, now, wanted=policy.offers_per_wave, late=preferred)


def _ask_preferred(dispatch: Dispatch, preferred: str, policy: Policy, now: datetime) -> None:
    """The customer's choice is asked alone, or, where that cannot be, passed over."""
    ranked, why_not = _choice(dispatch, preferred, policy, now)
    if ranked is None:
        _make_wave(dispatch, policy, now, wanted=policy.offers_per_wave, passed_over=why_not)
        return
    row = offer_of(dispatch, ranked, policy, now, OfferKind.PREFERRED)
    offer = open_offer(row)
    after = rules.with_preferred_asked(dispatch, offer)
    everyone = _everyone(dispatch, policy, now)
    with Transaction() as tx:
        store.put_dispatch(tx, after)
        store.add(tx, row)
        store.hold_broadcast(tx, dispatch.broadcast_id, offer.expires_at)
        check_available(tx, preferred, dispatch, policy, now, decide_anew)
        store.put_matches(tx, dispatch, _record(everyone, after))
        tx.record(offers_made(after, [offer], OfferKind.PREFERRED, now))
    metrics.add_metric("OffersMade", MetricUnit.Count, 1)


def _make_wave(
    dispatch: Dispatch,
    policy: Policy,
    now: datetime,
    *,
    wanted: int,
    passed_over: str | None = None,
    late: str | None = None,
) -> None:
    """Ask the best who are free, up to ``wanted``; announce the broadcast where nobody is.

    Whoever turns out not to be free is passed over, on a fresh roster. ``late`` is the customer's
    choice, for whom the broadcast is not held any more: if they are free, they are asked, too.
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
        best = free.top
        if late:
            chosen, why_not = _choice(dispatch, late, policy, now)
            passed_over = why_not
            if chosen:
                others = (ranked for ranked in best if ranked.mechanic.id != late)
                best = (chosen, *others)[:wanted]
        try:
            _write_wave(dispatch, policy, everyone, best, now, wanted, passed_over)
        except _Unavailable as gone:
            out.add(gone.mechanic_id)
            fresh_since = None
        else:
            metrics.add_metric("OffersMade", MetricUnit.Count, len(best))
            return


def _choice(
    dispatch: Dispatch, chosen: str, policy: Policy, now: datetime
) -> tuple[Ranked | None, Unavailable | None]:
    """The customer's choice as they are ranked, or why they cannot be asked."""
    mechanic = mechanics.get(chosen)
    brand, until = dispatch.wanted.brand_key, keeps_until(dispatch, policy, now)
    why_not = mechanics.why_not_available(mechanic, policy, now, brand, until)
    if mechanic is None or why_not is not None:
        return None, why_not or Unavailable.NOT_ELIGIBLE
    return matching.score_of(mechanic, dispatch.wanted, policy, now), None


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
    rows = [offer_of(dispatch, ranked, policy, now) for ranked in best]
    offers = [open_offer(row) for row in rows]
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
            check_available(
                tx, offer.mechanic_id, dispatch, policy, now, _unavailable(offer.mechanic_id)
            )
        if everyone:
            store.put_matches(tx, dispatch, _record(everyone, after))
        if passed_over:
            tx.record(passed_over_event(after, now))
        if offers:
            tx.record(offers_made(after, offers, OfferKind.WAVE, now))
        for event in _told(told, after, now):
            tx.record(event)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one mechanic better than the roster may know it, which lags.

    ``there``: on shift, and eligible for the session. ``gone``: neither any more.
    """

    there: str | None = None
    gone: str | None = None
    may_announce: bool = True
    fresh_since: datetime | None = None


NOBODY_SEEN = Seen()


@decides_anew
def tell_anew(session_id: str, seen: Seen, now: datetime) -> bool | None:
    """Presence has changed while a session waits without an open offer: tell what is to be told.

    Its broadcast, if nobody was free to be told of it in this period; its customer, that all are
    offline. Answers whether the broadcast was announced; None where there was nothing to look at.
    """
    dispatch = dispatch_of(session_id)
    if not rules.may_be_offered_capacity(dispatch, now) or rules.overdue_offers(dispatch, now):
        return None  # what is past its deadline ends first, and the search goes on with that
    told = _to_tell(dispatch, (), policies.of_version(dispatch.policy_version), now, seen=seen)
    announces = bool(told.audience)
    if not announces and told.all_offline == dispatch.all_offline:
        return False
    after = rules.with_news(dispatch, announced=announces, all_offline=told.all_offline)
    with Transaction() as tx:
        store.put_dispatch(tx, after)
        for event in _told(told, after, now):
            tx.record(event)
    return announces


@dataclass(frozen=True, slots=True)
class _ToTell:
    """Whom to tell of the broadcast, and whether to tell the customer that all are offline."""

    audience: Collection[str] = ()
    all_offline: bool = False
    is_news: bool = False


def _to_tell(
    dispatch: Dispatch,
    offers: Collection[OpenOffer],
    policy: Policy,
    now: datetime,
    *,
    seen: Seen = NOBODY_SEEN,
) -> _ToTell:
    """Nothing while an offer is open. The broadcast is pushed once per period."""
    if offers or rules.open_offers(dispatch, now):
        return _ToTell()
    fresh_since = seen.fresh_since or dispatch.seek_due_at
    gone = {seen.gone} if seen.gone else set()
    audience: Collection[str] = ()
    if not dispatch.announced and seen.may_announce:
        audience = matching.audience(
            dispatch.wanted,
            policy,
            now,
            limit=policy.broadcast_push_limit,
            excluding={*dispatch.excluded, *dispatch.declined, *gone},
            fresh_since=fresh_since,
            keeps_until=keeps_until(dispatch, policy, now),
        )
    somebody = audience or seen.there not in (None, dispatch.customer_id)
    all_offline = not somebody and not matching.anyone_on_shift(
        dispatch.wanted,
        policy,
        now,
        excluding={dispatch.customer_id, *gone},
        fresh_since=fresh_since,
    )
    return _ToTell(audience, all_offline, is_news=all_offline and not dispatch.all_offline)


def _told(told: _ToTell, dispatch: Dispatch, now: datetime) -> Iterator[Event]:
    if told.audience:
        yield event(
            EventType.BROADCAST_ANNOUNCED,
            dispatch.session_id,
            now,
            period=dispatch.period,
            assignment_id=dispatch.broadcast_id,
            mechanic_ids=list(told.audience),
            **({"expires_at": format_time(until)} if (until := dispatch.pending_until) else {}),
        )
    if told.is_news:
        yield event(
            EventType.ALL_OFFLINE,
            dispatch.session_id,
            now,
            period=dispatch.period,
            customer_id=dispatch.customer_id,
        )


def offers_made(
    dispatch: Dispatch, offers: Sequence[OpenOffer], kind: OfferKind, now: datetime
) -> Event:
    """The fact, for offers that end together."""
    return event(
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


def passed_over_event(dispatch: Dispatch, now: datetime) -> Event:
    return event(
        EventType.PREFERRED_PASSED_OVER,
        dispatch.session_id,
        now,
        customer_id=dispatch.customer_id,
        mechanic_id=dispatch.preferred_id,
        outcome=dispatch.preferred_outcome,
    )


def check_available(
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


def decide_anew(_reason: Unavailable) -> Exception:
    return StaleVersion()


def offer_of(
    dispatch: Dispatch,
    ranked: Ranked,
    policy: Policy,
    now: datetime,
    kind: OfferKind = OfferKind.WAVE,
) -> Assignment:
    """A row; to the customer's choice alone, where that is its ``kind``."""
    score = ranked.score
    alone = kind is OfferKind.PREFERRED
    return Assignment(
        id=new_id(now),
        session_id=dispatch.session_id,
        match_type=MatchType.TARGETED,
        status=AssignmentStatus.OFFERED,
        priority=Priority.HIGH if alone else priority(score.match_score, policy.scoring),
        mechanic_id=ranked.mechanic.id,
        match=match_of(ranked),
        offered_at=now,
        expires_at=dispatch.opens_at if alone else rules.offer_ends(dispatch, policy.offer_s, now),
        brief=dispatch.brief,
        wanted=dispatch.wanted,
        kind=kind,
    )


def match_of(ranked: Ranked) -> Match:
    score = ranked.score
    return Match(
        score=score.match_score,
        reasons=score.match_reasons,
        badge=score.badge,
        is_brand_specialist=score.is_brand_specialist,
        is_local_match=score.is_local_match,
    )


def open_offer(row: Assignment) -> OpenOffer:
    assert row.mechanic_id is not None, "an offer has its mechanic"
    assert row.kind is not None, "an offer has its kind"
    assert row.expires_at is not None, "an offer has its deadline"
    return OpenOffer(row.id, row.mechanic_id, row.offered_at, row.expires_at, row.kind)


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
    rows = [offer_of(dispatch, ranked, policy, now) for ranked in missed[: dispatch.short]]
    offers = [open_offer(row) for row in rows]
    after = rules.with_top_up(dispatch, offers)
    with Transaction() as tx:
        store.put_dispatch(tx, after)
        for row, offer in zip(rows, offers, strict=True):
            store.add(tx, row)
            check_available(tx, offer.mechanic_id, dispatch, policy, now, decide_anew)
        if offers:
            tx.record(offers_made(after, offers, OfferKind.WAVE, now))


# Reads


find_dispatch = store.find_dispatch


def dispatch_of(session_id: str) -> Dispatch:
    """Raises NotFound where the session was never pending."""
    dispatch = find_dispatch(session_id)
    if dispatch is None:
        raise NotFound("There is no dispatch of this session.")
    return dispatch
