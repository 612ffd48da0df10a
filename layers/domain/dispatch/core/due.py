"""What is overdue: the sparse index ``due``, in which the sweeper finds what a lost message left.

An item is in it while something has to happen to it by an instant. Whoever does it in time writes
the item with another instant, or without one.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from dispatch.core.table import DUE, Item, Key, query
from dispatch.core.time import format_time, parse_time

SHARDS = 8
"""Partitions of the index. Every one is read at every sweep; one takes 1,000 writes a second."""

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Overdue:
    """Where an item is, what it is, and since when somebody should have looked at it."""

    key: Key
    entity: str
    due_at: datetime


def due_keys(subject: str, at: datetime) -> Item:
    """The index's keys for the item of ``subject`` (its partition key)."""
    shard = zlib.crc32(subject.encode()) % SHARDS
    return {"due_pk": f"DUE#{shard}", "due_at": format_time(at)}


def overdue(by: datetime) -> Iterator[Overdue]:
    """Everything that was due at ``by`` or earlier, oldest first in each shard."""
    for shard in range(SHARDS):
        cursor = None
        while True:
            page = query(
                f"DUE#{shard}",
                index=DUE,
                between=("0", format_time(by)),
                limit=_PAGE,
                cursor=cursor,
            )
            for item in page.items:
                key = Key(item["pk"], item["sk"])
                yield Overdue(key, item["entity"], parse_time(item["due_at"]))
            cursor = page.cursor
            if cursor is None:
                break
