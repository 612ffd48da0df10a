"""New capacity: whom a mechanic who has come, or become free, is offered or left to."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from dispatch.calendar.rules import shortest
from dispatch.core.errors import StaleVersion
from dispatch.core.events import Event, EventType
from dispatch.core.logging import MetricUnit, metrics
from dispatch.core.table import Transaction, decides_anew
from dispatch.matching import service as matching
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic
from dispatch.offers import rules, search, store
from dispatch.offers.model import (
    Assignment,
    AssignmentStatus,
    Dispatch,
    LeftCapacity,
    OfferKind,
    OpenOffer,
)
from dispatch.offers.search import (
    decide_anew,
    dispatch_of,
    keeps_until,
    offer_of,
    offers_made,
    open_offer,
)
from dispatch.policy import service as policies
from dispatch.policy.model import Policy


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
            _offer_capacity(dispatch, mechanic, now)
            return
        one_is_sought |= rules.is_sought(dispatch, now)
    if mechanic.capacity_at is None or one_is_sought:
        return
    with Transaction() as tx:
        mechanics.put_capacity_to_use(tx, mechanic)
        _leave_capacity(tx, mechanic, "none_fits", now)


def _pending_for(mechanic: Mechanic, policy: Policy, now: datetime) -> Iterator[Dispatch]:
    """The pending sessions that this mechanic could have and was not asked for, oldest first.

    Each goes by the policy under which it became pending: by that it will be accepted, or not.
    """
    if not mechanics.room(mechanic, policy, now):
        return
    waiting = sorted(
        (row.brief.created_at, row.session_id)
        for row in broadcasts_for(mechanic, policy, now)
        if rules.may_see_broadcast(row, mechanic.id, sessions_offered=frozenset(), now=now)
    )
    for _, session_id in waiting:
        dispatch = dispatch_of(session_id)
        its_policy = policies.of_version(dispatch.policy_version)
        until = keeps_until(dispatch, its_policy, now)
        brand = dispatch.wanted.brand_key
        why_not = mechanics.why_not_available(mechanic, its_policy, now, brand, until)
        if why_not is None and rules.may_ask(dispatch, mechanic.id):
            yield dispatch


def _offer_capacity(dispatch: Dispatch, mechanic: Mechanic, now: datetime) -> None:
    policy = policies.of_version(dispatch.policy_version)
    ranked = matching.score_of(mechanic, dispatch.wanted, policy, now)
    row = offer_of(dispatch, ranked, policy, now, OfferKind.CAPACITY)
    offer = open_offer(row)
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
            otherwise=decide_anew,
            keeps_until=keeps_until(dispatch, policy, now),
        )
        tx.record(offers_made(after, [offer], OfferKind.CAPACITY, now))
    metrics.add_metric("OffersMade", MetricUnit.Count, 1)


MOST_LOOKED_AT = 50
MOST_ANNOUNCED = 10
"""Of the sessions that wait, the oldest so many are told of it when a mechanic comes or goes."""


def tell_waiting(mechanic_id: str, now: datetime) -> None:
    """A mechanic has come, become free, or gone: what does that mean for who waits?

    Of sessions without an open offer. Those who could take one are told of its broadcast, if nobody
    was yet; its customer learns that all are offline, or is not told so any more. Looks at how
    things stand: safe at any time.
    """
    mechanic = mechanics.get(mechanic_id)
    if mechanic is None:
        return
    policy = policies.current(now)
    on_shift = mechanics.duty_at(mechanic, now).on_shift
    rows = sorted(
        (row for row in _broadcasts_near(mechanic) if rules.is_open(row, now)),
        key=lambda row: (row.brief.created_at, row.session_id),
    )
    fresh_since, announced = None, 0
    for row in rows[:MOST_LOOKED_AT]:
        brand = row.wanted.brand_key
        there = on_shift and mechanics.is_eligible(mechanic, policy, now, brand)
        seen = search.Seen(
            there=mechanic_id if there else None,
            gone=None if there else mechanic_id,
            may_announce=announced < MOST_ANNOUNCED,
            fresh_since=fresh_since,
        )
        announces = search.tell_anew(row.session_id, seen, now)
        if announces is not None:
            announced += announces
            fresh_since = now - _AN_INSTANT  # the roster is of now from here on


_AN_INSTANT = timedelta(microseconds=1)


def hand_capacity_on(tx: Transaction, ended: Iterable[OpenOffer], now: datetime) -> None:
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
        id_ = tx.record(_fact(EventType.CAPACITY_LEFT, mechanic.id, now, room=room, reason=reason))
        store.put_left(tx, LeftCapacity(id_, mechanic.id, room), now)


def _fact(type_: EventType, mechanic_id: str, now: datetime, **facts: Any) -> Event:
    return Event(type_, f"MECHANIC#{mechanic_id}", now, {"mechanic_id": mechanic_id, **facts})


left_at = store.find_left


def forget_left(mechanic_id: str, capacity_id: str) -> bool:
    """The waitlist has dealt with what was left; answers whether nobody had said so before."""
    try:
        with Transaction() as tx:
            store.forget_left(tx, mechanic_id, capacity_id)
    except StaleVersion:  # said before, or newer capacity is left by now
        return False
    return True


# Capacity that was there all along


@decides_anew
def renew_capacity(mechanic_id: str, now: datetime, *, promised: int = 0) -> bool:
    """Have what is free at a mechanic's placed as if it were new (``CapacityRenewed``).

    For somebody who came when it had been placed already. Answers whether it is, or was about to
    be; not where all the room is held by open offers, or ``promised`` to somebody.
    """
    policy = policies.current(now)
    mechanic = mechanics.get(mechanic_id)
    until = now + shortest(policy)
    if mechanic is None or mechanics.why_not_available(mechanic, policy, now, None, until):
        return False
    if mechanic.capacity_at:
        return True
    held = sum(
        row.status is AssignmentStatus.OFFERED and rules.is_open(row, now)
        for row in store.held_by(mechanic_id)
    )
    if held + promised >= mechanics.room(mechanic, policy, now):
        return False
    with Transaction() as tx:
        mechanics.renew_capacity(tx, mechanic_id, policy=policy, now=now, otherwise=decide_anew)
        tx.record(_fact(EventType.CAPACITY_RENEWED, mechanic_id, now))
    return True


def is_waited_for(mechanic_id: str, now: datetime) -> bool:
    """Whether a pending session without an open offer could be offered to this mechanic."""
    mechanic = mechanics.get(mechanic_id)
    return mechanic is not None and any(
        rules.may_be_offered_capacity(dispatch, now)
        for dispatch in _pending_for(mechanic, policies.current(now), now)
    )


def of_no_new_capacity(assignment_ids: Iterable[str]) -> Iterator[str]:
    """Whose offers these were, but for those of new capacity: they leave it behind at their end."""
    for assignment_id in assignment_ids:
        row = store.find(assignment_id)
        if row and row.mechanic_id and row.kind in (OfferKind.WAVE, OfferKind.PREFERRED):
            yield row.mechanic_id


def broadcasts_for(mechanic: Mechanic, policy: Policy, now: datetime) -> Iterator[Assignment]:
    """Broadcasts of the mechanic's country and of unknown location that they are eligible for."""
    for row in _broadcasts_near(mechanic):
        if mechanics.is_eligible(mechanic, policy, now, row.wanted.brand_key):
            yield row


def _broadcasts_near(mechanic: Mechanic) -> Iterator[Assignment]:
    for country in dict.fromkeys((mechanic.profile.country, None)):
        yield from store.open_broadcasts(country)
