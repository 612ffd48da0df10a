"""Use cases of the waitlist: joining, leaving, being told, and what deadlines make of an entry.

What is free at a mechanic's is one customer's at a time: a *turn*. Booking is all there is to
claiming it. Where a turn ends, the next one begins in the same transaction, so that nothing that
is lost between two messages can stop the line. More are never told than the mechanic has room,
whatever comes twice, late or under another id. Capacity that is left is remembered until it was
dealt with here, so the sweeper finds it where the message was lost.

New capacity finds who waits; who begins to wait, or wakes, finds what is free (``seek_free``).
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.calendar.rules import shortest
from dispatch.core import places
from dispatch.core.errors import Invalid, NotFound, StaleVersion
from dispatch.core.events import Event, EventType
from dispatch.core.idempotency import Once
from dispatch.core.ids import new_id
from dispatch.core.logging import MetricUnit, metrics
from dispatch.core.table import Key, Transaction, decides_anew
from dispatch.core.time import format_time, parse_time
from dispatch.customers import service as customers
from dispatch.matching import service as matching
from dispatch.matching.model import RequestType
from dispatch.matching.rules import match_request
from dispatch.mechanics import rules as mechanic_rules
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic, Unavailable
from dispatch.offers import service as offers
from dispatch.policy import service as policies
from dispatch.policy.model import Policy
from dispatch.quotas import service as quotas
from dispatch.quotas.model import Action
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Session
from dispatch.waitlist import rules, store
from dispatch.waitlist.model import OPEN, Entry, EntryStatus, Place, Target, Turn, Turns, Wish


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry as its customer sees it.

    ``place`` counts from 1 and is None unless the entry waits. It is ``sleeping`` while it waits
    and its customer has a session: nobody tells them of capacity that they could not use.
    """

    entry: Entry
    place: int | None
    sleeping: bool


@dataclass(frozen=True, slots=True)
class Entries:
    items: list[Listed]
    cursor: str | None


def _event(type_: EventType, entry: Entry, now: datetime, **facts: Any) -> Event:
    ids = {"entry_id": entry.id, "customer_id": entry.customer_id}
    return Event(type_, store.subject(entry.customer_id), now, ids | facts)


# Moves of the customer


@decides_anew
def join(wish: Wish, customer_id: str, now: datetime, once: Once | None = None) -> Listed:
    """The customer waits to be told. Who waits for the same already keeps entry and place.

    Raises Invalid for a mechanic who is not there for them, Conflict ``erased``, QuotaExceeded.
    """
    before = store.find(customer_id, rules.target_key(wish))
    if before:
        before = _settled(before, now)
    if before and before.status in OPEN:
        listed = _listed(before, now, sessions.active_of(customer_id, now))
        if once:
            with Transaction() as tx:
                once.remember(tx, listed, now)
        return listed
    _check_mechanic(wish, customer_id)
    entry = rules.join(
        wish,
        entry_id=new_id(now),
        customer_id=customer_id,
        country=_country_of(customer_id) if wish.target is Target.ANY else None,
        policy=policies.current(now),
        now=now,
        replacing=before,
    )
    listed = _listed(entry, now, sessions.active_of(customer_id, now))
    with Transaction() as tx:
        if once:
            once.remember(tx, listed, now)
        customers.check_not_erased(tx, customer_id)
        quotas.count(tx, Action.WAITLIST_JOIN, customer_id, now)
        store.put(tx, entry, before)
        expires_at = format_time(entry.expires_at)
        tx.record(_event(EventType.WAITLIST_JOINED, entry, now, expires_at=expires_at))
    metrics.add_metric("WaitlistJoined", MetricUnit.Count, 1)
    return listed


def _check_mechanic(wish: Wish, customer_id: str) -> None:
    if wish.mechanic_id is None:
        return
    mechanic = mechanics.get(wish.mechanic_id)
    if mechanic is None or not mechanic_rules.is_visible(mechanic):
        raise Invalid.field("/mechanic_id", "There is no such mechanic.")
    if mechanic.id == customer_id:
        raise Invalid.field("/mechanic_id", "is yourself; wait for somebody else")


def _country_of(customer_id: str) -> str | None:
    """Where the profile says the customer is, else where they booked last."""
    country = customers.location_of(customer_id).country
    if country:
        return country
    latest = sessions.latest_of(customer_id)
    return latest.location.country if latest else None


@decides_anew
def leave(entry_id: str, by: str, now: datetime) -> None:
    """The customer waits no longer. What is over already stays as it is. Raises NotFound."""
    entry = _find(by, entry_id)
    if entry is None:
        raise NotFound("There is no such entry of yours.")
    entry = _settled(entry, now)
    if entry.status in OPEN:
        _move(entry, rules.leave(entry, now), now)


def forget(customer_id: str, now: datetime) -> None:
    """The customer waits for nothing, and never did. Forgetting twice is forgetting once."""
    for entry in store.all_of(customer_id):
        with suppress(NotFound):  # the same message has come twice, and the other was quicker
            leave(entry.id, customer_id, now)
        with Transaction() as tx:
            store.forget(tx, entry)


# What happens meanwhile


def hear(fact: dict[str, Any], now: datetime) -> None:
    """What a fact means for those who wait. A fact heard again changes nothing."""
    match fact["type"]:
        case EventType.CAPACITY_LEFT:
            capacity_left(fact, now)
        case EventType.OFFER_ACCEPTED:
            session_accepted(fact, now)
        case _ if fact["type"] in _WAKING:
            session_over(fact, now)


_WAKING = frozenset(
    {
        EventType.SESSION_CANCELLED,
        EventType.SESSION_UNFILLED,
        EventType.SESSION_COMPLETED,
        EventType.CUSTOMER_NOT_JOINED,
    }
)


def capacity_left(fact: dict[str, Any], now: datetime) -> bool:
    """No session waits for what is free at this mechanic's: as many customers are told, in turn.

    Answers whether that was still to be dealt with.
    """
    for _ in range(fact["room"]):
        if not _give_turn(fact["mechanic_id"], fact["id"], fact["room"], now):
            break
    return offers.forget_left(fact["mechanic_id"], fact["id"])


def deal_with_left(mechanic_id: str, now: datetime) -> bool:
    """The same for whatever is left at this mechanic's; answers whether anything was."""
    left = offers.left_at(mechanic_id)
    if left is None:
        return False
    return capacity_left({"id": left.id, "mechanic_id": mechanic_id, "room": left.room}, now)


@decides_anew
def _give_turn(mechanic_id: str, capacity_id: str, room: int, now: datetime) -> bool:
    turns = store.turns_of(mechanic_id)
    if not rules.has_unit(turns, capacity_id, room, now):
        return False
    told = _next_told(turns, now)
    if told is None:
        return False
    with Transaction() as tx:
        _tell(tx, told, rules.giving(turns, capacity_id, now), now)
    _count_told(told, now)
    return True


def session_accepted(fact: dict[str, Any], now: datetime) -> None:
    """The customer has a mechanic: every entry that waited for one is claimed."""
    accepted_at = parse_time(fact["at"])
    for entry in store.all_of(fact["customer_id"]):
        _claim(entry.customer_id, rules.target_key(entry.wish), accepted_at, now)


@decides_anew
def _claim(customer_id: str, target_key: str, accepted_at: datetime, now: datetime) -> None:
    entry = store.find(customer_id, target_key)
    if entry and rules.was_open(entry, accepted_at):
        _move(entry, rules.claim(entry, accepted_at), now)


def session_over(fact: dict[str, Any], now: datetime) -> None:
    """The customer has no session any more: who slept meanwhile wakes (``WaitlistWoken``)."""
    for entry in store.all_of(fact["customer_id"]):
        if entry.status is EntryStatus.WAITING:
            _wake(entry.customer_id, rules.target_key(entry.wish), fact, now)


@decides_anew
def _wake(customer_id: str, target_key: str, fact: dict[str, Any], now: datetime) -> None:
    entry = store.find(customer_id, target_key)
    if entry is None or entry.woken_by >= fact["id"] or _settled(entry, now) is not entry:
        return
    if entry.was_sent_back and entry.since == sessions.get(fact["session_id"], now).ended_at:
        return  # that session was no claim: it went unclaimed by this
    if entry.status is EntryStatus.WAITING and _may_be_told(customer_id, now):
        with Transaction() as tx:
            store.put(tx, rules.wake(entry, fact["id"]), entry)
            tx.record(_event(EventType.WAITLIST_WOKEN, entry, now))


# Who waits looks for who is free

MOST_RENEWED = 10
"""Mechanics whose capacity is placed anew at once, for one who waits and those before them."""


@decides_anew
def seek_free(customer_id: str, entry_id: str, now: datetime) -> None:
    """Have what is free for an entry that waits awake placed as if it were new.

    So pending sessions come first, then whoever waits for the longest. As many mechanics as it
    takes for the entry's turn to come, unless what they have is promised or held.
    """
    entry = _find(customer_id, entry_id)
    if entry is None or _settled(entry, now) is not entry:
        return
    if entry.status is not EntryStatus.WAITING or not _may_be_told(customer_id, now):
        return
    wanted = min(store.ahead_of(entry, now) + 1, MOST_RENEWED)
    for mechanic_id in _free_for(entry, now):
        if wanted == 0:
            return
        wanted -= _renew(entry, mechanic_id, now)


def _free_for(entry: Entry, now: datetime) -> Iterable[str]:
    wish, policy = entry.wish, policies.current(now)
    if wish.mechanic_id:
        return (wish.mechanic_id,)
    request = match_request(
        request_type=RequestType.BRAND_SPECIALIST if wish.brand else RequestType.GENERAL,
        requested_brand=wish.brand,
        country=rules.country_of(entry),
    )
    return matching.audience(
        request, policy, now, limit=policy.broadcast_push_limit, excluding={entry.customer_id}
    )


def _renew(entry: Entry, mechanic_id: str, now: datetime) -> bool:
    """The roster may lag behind what this mechanic is for."""
    mechanic = mechanics.get(mechanic_id)
    if mechanic is None or entry.line not in rules.lines_served(mechanic.profile):
        return False
    promised = len(rules.open_turns(store.turns_of(mechanic_id), now))
    return offers.renew_capacity(mechanic_id, now, promised=promised)


@decides_anew
def reconsider(mechanic_id: str, now: datetime) -> None:
    """A mechanic may be free for who could not have them before: an offer has ended, say.

    If anybody waits, in line or with a pending session, what is free is placed as if it were new.
    """
    turns = store.turns_of(mechanic_id)
    if _next_told(turns, now) or offers.is_waited_for(mechanic_id, now):
        promised = len(rules.open_turns(turns, now))
        offers.renew_capacity(mechanic_id, now, promised=promised)


# Moves of the clock


@decides_anew
def settle(customer_id: str, entry_id: str, now: datetime) -> None:
    """Write down what a passed deadline has made of an entry; none passed is no news.

    Time run out expires an entry. A turn run out sends it back, and the next customer is told.
    """
    entry = _find(customer_id, entry_id)
    if entry:
        _settled(entry, now)


@decides_anew
def settle_at(key: Key, now: datetime) -> bool:
    """The same for the entry under this key, as the index of what is due tells it.

    Answers whether any deadline had passed.
    """
    entry = store.at(key)
    return entry is not None and _settled(entry, now) is not entry


def _settled(entry: Entry, now: datetime) -> Entry:
    """The entry as its deadlines make it, once that is written."""
    after = _as_of(entry, now, sessions.active_of(entry.customer_id, now))
    if after is not entry:
        _move(entry, after, now)
    return after


def _move(before: Entry, after: Entry, now: datetime) -> None:
    """Write what became of an entry. If its turn ends by that, the next customer's begins."""
    turns = _turns_without(before.turn) if before.turn else None
    told = _next_told(turns, now, but=before.customer_id) if turns else None
    woken = _woken_by_end_of_turn(before, after, now) if before.turn else []
    with Transaction() as tx:
        store.put(tx, after, before)
        if after.status not in OPEN:
            tx.record(_event(EventType.WAITLIST_ENDED, after, now, outcome=after.status))
        for entry in woken:
            tx.record(_event(EventType.WAITLIST_WOKEN, entry, now))
        if turns and told:
            _tell(tx, told, turns, now)
        elif turns:
            store.put_turns(tx, turns)
        if before.turn and not rules.has_run_out(before.turn, now):
            store.end_turn(tx, before.customer_id)
    if counted := _COUNTED.get(after.status):
        metrics.add_metric(counted, MetricUnit.Count, 1)
    if told:
        _count_told(told, now)


MOST_WOKEN = 20
"""Entries of one customer that the end of a turn wakes; more hardly anybody has."""


def _woken_by_end_of_turn(before: Entry, after: Entry, now: datetime) -> list[Entry]:
    """What was passed by while this turn was open: all else its customer waits for.

    And the entry itself, where it lost a race. What went unclaimed once waits for new capacity.
    """
    if after.status is EntryStatus.CLAIMED or _has_session(after.customer_id, now):
        return []
    others = [
        entry
        for entry in store.all_of(after.customer_id)
        if entry.status is EntryStatus.WAITING and entry.id != after.id and not entry.was_sent_back
    ]
    kept = after.status is EntryStatus.WAITING and after.since == before.since
    itself = [after] if kept else []
    return [*itself, *sorted(others, key=lambda entry: entry.since)][:MOST_WOKEN]


_COUNTED = {EntryStatus.CLAIMED: "WaitlistClaimed", EntryStatus.EXPIRED: "WaitlistExpired"}


def _as_of(entry: Entry, now: datetime, session: Session | None) -> Entry:
    """Losing a race keeps the place: who has booked, or found the mechanic taken or gone.

    ``session`` is what the customer has. One that was not signed when the turn ran out has yet to
    show that the turn was claimed.
    """
    turn = entry.turn
    if turn is None or not rules.has_run_out(turn, now):
        after = rules.as_of(entry, now, keeps_place=True)
        given_up_at = _given_up_at(after, now)
        return rules.unclaimed(after, given_up_at) if given_up_at else after
    is_gone = _free(turn.mechanic_id, policies.current(now), now) is None
    booked = session.id if session and session.pending_since is None else None
    return rules.as_of(entry, now, keeps_place=session is not None or is_gone, booked=booked)


def _given_up_at(entry: Entry, now: datetime) -> datetime | None:
    """When the session that was booked in a turn came to nothing without ever being signed."""
    if entry.status is not EntryStatus.WAITING or entry.booked is None:
        return None
    session = sessions.get(entry.booked, now)
    return session.ended_at if session.pending_since is None else None


# Turns


@dataclass(frozen=True, slots=True)
class _Told:
    """An entry before and after its customer is told, and the policy under which they are."""

    before: Entry
    after: Entry
    turn: Turn
    policy: Policy


def _turns_without(turn: Turn) -> Turns | None:
    """The turns at the mechanic's once this one has ended; None where it has been passed on."""
    turns = store.turns_of(turn.mechanic_id)
    return rules.without_turn(turns, turn) if turn in turns.held else None


def _next_told(turns: Turns, now: datetime, *, but: str | None = None) -> _Told | None:
    """The customer who is to be told now of what is free at this mechanic's, the oldest first.

    None where nothing is free that is not promised, or nobody waits for it but ``but``, who has
    just had the turn.
    """
    policy = policies.current(now)
    mechanic = _free(turns.mechanic_id, policy, now)
    if mechanic is None:
        return None
    if len(rules.open_turns(turns, now)) >= policy.capacity - mechanic.duty.load:
        return None
    for place in store.in_lines(rules.lines_served(mechanic.profile)):
        if place.customer_id in (but, mechanic.id):
            continue
        entry = _awake(place, now)
        if entry:
            turn = rules.turn_for(entry, mechanic.id, policy, now)
            return _Told(entry, rules.tell(entry, turn), turn, policy)
    return None


def _free(mechanic_id: str, policy: Policy, now: datetime) -> Mechanic | None:
    """The mechanic, if they are eligible, on shift and have room."""
    mechanic = mechanics.get(mechanic_id)
    until = now + shortest(policy)
    if mechanic_rules.why_not_available(mechanic, policy, now, keeps_until=until):
        return None
    return mechanic


def _awake(place: Place, now: datetime) -> Entry | None:
    """The entry at this place, if its customer can be told now. Who cannot keeps the place."""
    entry = store.find(place.customer_id, place.target_key)
    if entry is None or not rules.stands_at(entry, place):
        return None
    if (entry.booked or now >= entry.expires_at) and _settled(entry, now) is not entry:
        return None
    return entry if _may_be_told(entry.customer_id, now) else None


def _may_be_told(customer_id: str, now: datetime) -> bool:
    """Whether the customer has neither a turn nor a session: whatever they wait for is awake."""
    turn_ends_at = store.turn_ends_at(customer_id)
    has_turn = turn_ends_at is not None and now < turn_ends_at
    return not has_turn and not _has_session(customer_id, now)


def _tell(tx: Transaction, told: _Told, turns: Turns, now: datetime) -> None:
    """Provided that nobody else was told of it, and the mechanic is still there and has room."""
    turn, brand = told.turn, told.before.wish.brand
    store.put(tx, told.after, told.before)
    store.put_turn(tx, turn)
    store.put_turns(tx, rules.with_turn(turns, turn))
    mechanics.check_available(
        tx,
        turn.mechanic_id,
        policy=told.policy,
        brand_key=places.fold(brand) if brand else None,
        now=now,
        otherwise=_gone,
        keeps_until=now + shortest(told.policy),
    )
    tx.record(
        _event(
            EventType.WAITLIST_TOLD,
            told.after,
            now,
            mechanic_id=turn.mechanic_id,
            claim_until=format_time(turn.until),
        )
    )


def _gone(_reason: Unavailable) -> StaleVersion:
    """The mechanic was free when read: look again."""
    return StaleVersion()


def _count_told(told: _Told, now: datetime) -> None:
    waited = (now - told.before.joined_at).total_seconds()
    metrics.add_metric("WaitlistTold", MetricUnit.Count, 1)
    metrics.add_metric("SecondsToTell", MetricUnit.Seconds, waited)


# Reads


def entries_of(customer_id: str, now: datetime, limit: int, cursor: str | None) -> Entries:
    """A customer's entries, open and lately closed, newest first."""
    page = store.of_customer(customer_id, limit, cursor)
    session = sessions.active_of(customer_id, now)
    found = [_listed(entry, now, session) for entry in store.entries_of(page)]
    return Entries(found, page.cursor)


def is_told(customer_id: str, entry_id: str, now: datetime) -> bool:
    """Whether it is this entry's turn: not over, nor used, nor given up."""
    entry = _find(customer_id, entry_id)
    turn = entry.turn if entry else None
    return turn is not None and not rules.has_run_out(turn, now)


def _listed(entry: Entry, now: datetime, session: Session | None) -> Listed:
    entry = _as_of(entry, now, session)
    waits = entry.status is EntryStatus.WAITING
    place = store.ahead_of(entry, now) + 1 if waits else None
    return Listed(entry, place, sleeping=waits and session is not None)


def _has_session(customer_id: str, now: datetime) -> bool:
    return sessions.active_of(customer_id, now) is not None


def _find(customer_id: str, entry_id: str) -> Entry | None:
    entries = store.all_of(customer_id)
    return next((entry for entry in entries if entry.id == entry_id), None)
