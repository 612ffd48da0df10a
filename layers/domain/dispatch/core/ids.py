"""Identifiers: ULIDs, which sort by the time they were made."""

import re
from datetime import datetime

from ulid import ULID

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def new_id(now: datetime, after: str | None = None) -> str:
    """A fresh id made at ``now``; greater than ``after``, if that was made at the same instant."""
    fresh = ULID.from_datetime(now)
    if after is not None:
        earlier = ULID.from_str(after)
        if earlier.milliseconds == fresh.milliseconds:
            fresh = ULID.from_int(int(earlier) + 1)
    return str(fresh)


def time_prefix(instant: datetime) -> str:
    """How all ids begin that were made in this very millisecond: sorts as instants do."""
    return str(ULID.from_datetime(instant))[:10]


def is_id(text: str) -> bool:
    """Whether ``text`` is written as our ids are. Ask before using one from outside as a key."""
    return _ULID.fullmatch(text) is not None
