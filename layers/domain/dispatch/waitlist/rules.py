"""The waitlist's state machine, its lines and turns (``domain.md``, Offline customers). Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from dispatch.core import places
from dispatch.core.errors import IllegalMove
from dispatch.matching.brands import BRANDS
from dispatch.mechanics.model import Profile
from dispatch.policy.model import Policy
from dispatch.waitlist.model import OPEN, Entry, EntryStatus, Move, Place, Target, Turn, Turns, Wish

TRANSITIONS = {
    (EntryStatus.WAITING, Move.TELL): EntryStatus.TOLD,
    (EntryStatus.WAITING, Move.CLAIM): EntryStatus.CLAIMED,
    (EntryStatus.WAITING, Move.GO_TO_BACK): EntryStatus.WAITING,
    (EntryStatus.WAITING, Move.EXPIRE): EntryStatus.EXPIRED,
    (EntryStatus.WAITING, Move.LEAVE): EntryStatus.LEFT,
    (EntryStatus.TOLD, Move.KEEP_PLACE): EntryStatus.WAITING,
    (EntryStatus.TOLD, Move.GO_TO_BACK): EntryStatus.WAITING,
    (EntryStatus.TOLD, Move.CLAIM): EntryStatus.CLAIMED,
    (EntryStatus.TOLD, Move.EXPIRE): EntryStatus.EXPIRED,
    (EntryStatus.TOLD, Move.LEAVE): EntryStatus.LEFT,
}

_UNKNOWN_COUNTRY = "??"
_BRANDS_BY_KEY = {places.fold(brand): brand for brand in BRANDS}


def _advance(entry: Entry, move: Move) -> Entry:
    target = TRANSITIONS.get((entry.status, move))
    if target is None:
        raise IllegalMove(move, entry.status)
    return replace(entry, status=target, turn=None, booked=None, version=entry.version + 1)


def _close(entry: Entry, move: Move, at: datetime) -> Entry:
    return replace(_advance(entry, move), ended_at=at)


# An entry's life


def join(
    wish: Wish,
    *,
    entry_id: str,
    customer_id: str,
    country: str | None,
    policy: Policy,
    now: datetime,
    replacing: Entry | None = None,
) -> Entry:
    """A new entry at the back of its line, in the place of the closed one for the same target."""
    return Entry(
        id=entry_id,
        customer_id=customer_id,
        wish=wish,
        line=line_of(wish, country),
        joined_at=now,
        expires_at=now + timedelta(seconds=policy.waitlist_s),
        since=now,
        version=replacing.version + 1 if replacing else 1,
    )


def turn_for(entry: Entry, mechanic_id: str, policy: Policy, now: datetime) -> Turn:
    """The customer's time to book, beginning now. It is granted whole, whatever else runs out."""
    return Turn(
        entry_id=entry.id,
        customer_id=entry.customer_id,
        mechanic_id=mechanic_id,
        told_at=now,
        until=now + timedelta(seconds=policy.claim_s),
    )


def tell(entry: Entry, turn: Turn) -> Entry:
    return replace(_advance(entry, Move.TELL), turn=turn)


def claim(entry: Entry, at: datetime) -> Entry:
    """A mechanic has accepted the customer's session."""
    return _close(entry, Move.CLAIM, at)


def wake(entry: Entry, fact_id: str) -> Entry:
    """Its customer can be told again: the session for which it slept is over."""
    return replace(entry, woken_by=fact_id, version=entry.version + 1)


def leave(entry: Entry, now: datetime) -> Entry:
    return _close(entry, Move.LEAVE, now)


def has_run_out(turn: Turn, now: datetime) -> bool:
    return now >= turn.until


def as_of(entry: Entry, now: datetime, *, keeps_place: bool, booked: str | None = None) -> Entry:
    """The entry as its deadlines make it at ``now``, whether or not a timer has come round.

    A turn that has run out sends it to the back, once. ``keeps_place`` has who made use of the
    turn, by booking, or could not: somebody else was quicker to take what was free. ``booked`` is
    the session that has yet to be signed.
    """
    if entry.turn:
        if has_run_out(entry.turn, now):
            after = _after_turn(entry, entry.turn, now, keeps_place)
            return replace(after, booked=booked) if after.status in OPEN else after
        return entry
    if entry.status is EntryStatus.WAITING and now >= entry.expires_at:
        return _close(entry, Move.EXPIRE, entry.expires_at)
    return entry


def _after_turn(entry: Entry, turn: Turn, now: datetime, keeps_place: bool) -> Entry:
    if now >= entry.expires_at:
        return _close(entry, Move.EXPIRE, max(turn.until, entry.expires_at))
    if keeps_place:
        return _advance(entry, Move.KEEP_PLACE)
    return unclaimed(entry, turn.until)


def unclaimed(entry: Entry, at: datetime) -> Entry:
    """After a turn that was made no use of: to the back of the line once, then it is over."""
    if entry.was_sent_back:
        return _close(entry, Move.EXPIRE, at)
    return replace(_advance(entry, Move.GO_TO_BACK), since=at, was_sent_back=True)


def was_open(entry: Entry, at: datetime) -> bool:
    """Whether a session that was accepted at that instant is what the entry waited for."""
    return (
        entry.status in OPEN
        and entry.joined_at <= at
        and as_of(entry, at, keeps_place=True).status in OPEN
    )


def due_at(entry: Entry) -> datetime | None:
    """When something happens to the entry by itself; None once it is closed."""
    if entry.status not in OPEN:
        return None
    return entry.turn.until if entry.turn else entry.expires_at


# Lines


def catalogue_brand(name: str) -> str | None:
    """The brand as the catalogue spells it; case and accents do not matter."""
    return _BRANDS_BY_KEY.get(places.fold(name))


def target_key(wish: Wish) -> str:
    """What a customer has at most one open entry for."""
    match wish.target:
        case Target.MECHANIC:
            return f"mechanic#{wish.mechanic_id}"
        case Target.BRAND:
            return f"brand#{places.fold(wish.brand or '')}"
        case Target.ANY:
            return "any"


def line_of(wish: Wish, country: str | None) -> str:
    """The line that an entry waits in. Who waits for anybody waits within a country."""
    if wish.target is Target.ANY:
        return f"any#{country or _UNKNOWN_COUNTRY}"
    return target_key(wish)


def country_of(entry: Entry) -> str | None:
    """Where an entry waits for anybody; None where that is unknown, or does not matter."""
    if entry.wish.target is not Target.ANY:
        return None
    country = entry.line.partition("#")[2]
    return None if country == _UNKNOWN_COUNTRY else country


def lines_served(mechanic: Profile) -> tuple[str, ...]:
    """The lines whose customers a mechanic is for.

    As with broadcasts, who is of unknown country is anybody's.
    """
    anybody = Wish(Target.ANY)
    countries = dict.fromkeys((mechanic.country, None))
    known = (catalogue_brand(name) for name in mechanic.brand_specializations)
    brands = dict.fromkeys(brand for brand in known if brand)
    return (
        *(line_of(anybody, country) for country in countries),
        line_of(Wish(Target.MECHANIC, mechanic_id=mechanic.id), None),
        *(line_of(Wish(Target.BRAND, brand=brand), None) for brand in brands),
    )


def stands_at(entry: Entry, place: Place) -> bool:
    """Whether this is where the entry waits, still or again."""
    return entry.status is EntryStatus.WAITING and order(place) == (entry.since, entry.id)


def order(place: Place) -> tuple[datetime, str]:
    """Sort key within a line and across lines: the oldest first."""
    return place.since, place.entry_id


# Turns


def open_turns(turns: Turns, now: datetime) -> tuple[Turn, ...]:
    return tuple(turn for turn in turns.held if not has_run_out(turn, now))


def has_unit(turns: Turns, capacity_id: str, room: int, now: datetime) -> bool:
    """Whether somebody is still to be told of a capacity of ``room`` sessions.

    Not by a message that has come before, nor by one that a newer has overtaken, nor of room that
    an earlier fact has promised to somebody.
    """
    given = turns.given if capacity_id == turns.capacity_id else 0
    return capacity_id >= turns.capacity_id and given < room and len(open_turns(turns, now)) < room


def giving(turns: Turns, capacity_id: str, now: datetime) -> Turns:
    """One more of this capacity is given, or that of a turn which is over, if any, once again.

    What is written later of the entry that had that turn finds it gone, and passes nothing on.
    """
    given = turns.given if capacity_id == turns.capacity_id else 0
    over = next((turn for turn in turns.held if has_run_out(turn, now)), None)
    held = tuple(turn for turn in turns.held if turn is not over)
    return replace(turns, held=held, capacity_id=capacity_id, given=given + 1)


def with_turn(turns: Turns, turn: Turn) -> Turns:
    return replace(turns, held=(*turns.held, turn))


def without_turn(turns: Turns, turn: Turn) -> Turns:
    return replace(turns, held=tuple(held for held in turns.held if held != turn))
