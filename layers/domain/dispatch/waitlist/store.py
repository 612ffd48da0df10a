"""Items of the waitlist: entries, their places in lines, and turns at both their sides.

The entry's item is the truth, under the customer, one per target by construction. Its place stands
in its line only while it waits to be told, and moves in the entry's transaction. A turn stands at
the mechanic's, so that no more are told than there is room, and at the customer's, so that nobody
is told of two at once.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from dispatch.core.due import due_keys
from dispatch.core.table import (
    BY_CUSTOMER,
    IS_NEW,
    SAME_VERSION,
    Item,
    Key,
    Page,
    Transaction,
    get,
    query,
)
from dispatch.core.time import format_time, parse_time
from dispatch.waitlist.model import Entry, EntryStatus, Place, Turn, Turns
from dispatch.waitlist.rules import due_at, order, target_key

CLOSED_KEPT = timedelta(days=30)
_TURNS_KEPT = timedelta(days=1)
_PREFIX = "WAITLIST#"
_PAGE = 25
_FREE = "attribute_not_exists(#pk) OR #until <= :now"


def subject(customer_id: str) -> str:
    """The partition of a customer's entries and of their events."""
    return f"CUSTOMER#{customer_id}"


# Entries


def _key(customer_id: str, target: str) -> Key:
    return Key(subject(customer_id), f"{_PREFIX}{target}")


def find(customer_id: str, target: str) -> Entry | None:
    """The latest entry of a customer for a target, open or closed."""
    return at(_key(customer_id, target))


def at(key: Key) -> Entry | None:
    item = get(key)
    return _entry(item) if item else None


def all_of(customer_id: str) -> list[Entry]:
    """A customer's entries as they are now, one per target."""
    page = query(subject(customer_id), prefix=_PREFIX)
    return [_entry(item) for item in page.items]


def of_customer(customer_id: str, limit: int, cursor: str | None) -> Page:
    """Newest first; ``items`` as ``entries_of`` takes them."""
    return query(
        subject(customer_id),
        index=BY_CUSTOMER,
        prefix=_PREFIX,
        ascending=False,
        limit=limit,
        cursor=cursor,
    )


def entries_of(page: Page) -> list[Entry]:
    return [_entry(item) for item in page.items]


def _entry(item: Item) -> Entry:
    return msgspec.json.decode(item["state"], type=Entry)


def put(tx: Transaction, entry: Entry, before: Entry | None) -> None:
    """Write the next version, provided that nobody else has, and its place in or out of line."""
    item: Item = {
        **_key(entry.customer_id, target_key(entry.wish))._asdict(),
        "entity": "waitlist_entry",
        "status": entry.status,
        "version": entry.version,
        "state": msgspec.json.encode(entry).decode(),
        "customer_pk": subject(entry.customer_id),
        "customer_sk": f"{_PREFIX}{format_time(entry.joined_at)}#{entry.id}",
    }
    if due := due_at(entry):
        item |= due_keys(item["pk"], due)
    if entry.ended_at:
        item["expires_ttl"] = int((entry.ended_at + CLOSED_KEPT).timestamp())
    tx.put(
        item,
        when=SAME_VERSION if before else IS_NEW,
        values={":version_read": entry.version - 1},
    )
    was = _place_key(before) if before and before.status is EntryStatus.WAITING else None
    is_ = _place_key(entry) if entry.status is EntryStatus.WAITING else None
    if was and was != is_:
        tx.delete(was)
    if is_ and was != is_:
        _put_place(tx, entry)


def forget(tx: Transaction, entry: Entry) -> None:
    """Drop an entry that is closed: it has no place any more."""
    tx.delete(_key(entry.customer_id, target_key(entry.wish)))


# Lines


def _line(line: str) -> str:
    return f"{_PREFIX}{line}"


def _place_key(entry: Entry) -> Key:
    return Key(_line(entry.line), f"{format_time(entry.since)}#{entry.id}")


def _put_place(tx: Transaction, entry: Entry) -> None:
    tx.put(
        {
            **_place_key(entry)._asdict(),
            "entity": "waitlist_place",
            "customer_id": entry.customer_id,
            "target_key": target_key(entry.wish),
            "expires_at": format_time(entry.expires_at),
        }
    )


def _place(item: Item) -> Place:
    since, _, entry_id = item["sk"].partition("#")
    return Place(
        since=parse_time(since),
        entry_id=entry_id,
        customer_id=item["customer_id"],
        target_key=item["target_key"],
        expires_at=parse_time(item["expires_at"]),
    )


def in_lines(lines: Iterable[str]) -> Iterator[Place]:
    """All who wait in any of these lines, oldest first, read no further than they are taken."""
    return heapq.merge(*(_in_line(line) for line in lines), key=order)


def _in_line(line: str) -> Iterator[Place]:
    cursor = None
    while True:
        page = query(_line(line), limit=_PAGE, cursor=cursor)
        yield from (_place(item) for item in page.items)
        if page.cursor is None:
            return
        cursor = page.cursor


def ahead_of(entry: Entry, now: datetime) -> int:
    """How many wait in its line for longer than the entry, those past their time left out."""
    page = query(_line(entry.line), between=("0", _place_key(entry).sk))
    present = format_time(now)
    return sum(
        item["expires_at"] > present and not item["sk"].endswith(f"#{entry.id}")
        for item in page.items
    )


# Turns


def _turn_key(customer_id: str) -> Key:
    return Key(subject(customer_id), "TURN")


def turn_ends_at(customer_id: str) -> datetime | None:
    """When the latest turn of a customer is or was over."""
    item = get(_turn_key(customer_id))
    return parse_time(item["until"]) if item else None


def put_turn(tx: Transaction, turn: Turn) -> None:
    """The customer has this turn, provided that they have no other at the time."""
    tx.put(
        {
            **_turn_key(turn.customer_id)._asdict(),
            "entity": "waitlist_turn",
            "entry_id": turn.entry_id,
            "until": format_time(turn.until),
            "expires_ttl": int((turn.until + _TURNS_KEPT).timestamp()),
        },
        when=_FREE,
        values={":now": format_time(turn.told_at)},
    )


def end_turn(tx: Transaction, customer_id: str) -> None:
    """The customer's turn is over before its time, in the transaction of its entry."""
    tx.delete(_turn_key(customer_id))


def _turns_key(mechanic_id: str) -> Key:
    return Key(f"MECHANIC#{mechanic_id}", "TURNS")


def turns_of(mechanic_id: str) -> Turns:
    item = get(_turns_key(mechanic_id))
    return (
        msgspec.json.decode(item["state"], type=Turns) if item else Turns(mechanic_id=mechanic_id)
    )


def put_turns(tx: Transaction, turns: Turns) -> None:
    """Write the mechanic's turns, provided that nobody else has since they were read."""
    after = replace(turns, version=turns.version + 1)
    tx.put(
        {
            **_turns_key(turns.mechanic_id)._asdict(),
            "entity": "waitlist_turns",
            "version": after.version,
            "state": msgspec.json.encode(after).decode(),
        },
        when=SAME_VERSION if turns.version else IS_NEW,
        values={":version_read": turns.version},
    )
