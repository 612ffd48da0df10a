"""The waitlist: customers who ask to be told when a mechanic comes online. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Target(StrEnum):
    """Whom a customer waits for: anybody of the same country, one favourite, or a brand."""

    ANY = "any"
    MECHANIC = "mechanic"
    BRAND = "brand"


class EntryStatus(StrEnum):
    WAITING = "waiting"
    TOLD = "told"
    CLAIMED = "claimed"
    EXPIRED = "expired"
    LEFT = "left"


OPEN = frozenset({EntryStatus.WAITING, EntryStatus.TOLD})
"""A customer has at most one entry per target in these."""


class Move(StrEnum):
    TELL = "tell"
    KEEP_PLACE = "keep_place"
    GO_TO_BACK = "go_to_back"
    CLAIM = "claim"
    EXPIRE = "expire"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an entry waits for. ``brand`` is in the catalogue's spelling."""

    target: Target
    mechanic_id: str | None = None
    brand: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A mechanic's free capacity is one customer's to book, before the next one is told of it."""

    entry_id: str
    customer_id: str
    mechanic_id: str
    told_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A customer's place on the waitlist. ``version`` is the lock.

    ``line`` is where it waits, behind all who wait there since before ``since``. ``turn`` is set
    while it is told. Whether it sleeps is not its own state: its customer has a session, or not.

    ``booked`` is the session that was booked in a turn which has run out, not signed by then: if it
    comes to nothing, the turn was not claimed. ``woken_by`` is the latest fact by which its
    customer had no session any more.
    """

    id: str
    customer_id: str
    wish: Wish
    line: str
    joined_at: datetime
    expires_at: datetime
    since: datetime
    status: EntryStatus = EntryStatus.WAITING
    turn: Turn | None = None
    was_sent_back: bool = False
    ended_at: datetime | None = None
    woken_by: str = ""
    booked: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a line knows of one of its entries, enough to find the entry and to pass over it."""

    since: datetime
    entry_id: str
    customer_id: str
    target_key: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """The turns at one mechanic, as they were read: ``version`` is the lock, 0 before the first.

    ``capacity_id`` is the newest capacity that somebody was told of, ``given`` how many were.
    ``held`` may hold turns that are over, until what became of their entries is written.
    """

    mechanic_id: str
    held: tuple[Turn, ...] = ()
    capacity_id: str = ""
    given: int = 0
    version: int = 0
