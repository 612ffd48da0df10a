"""Where a list of mechanics goes on: the opaque cursor, and what it remembers.

The list moves while it is read: mechanics clock in and out, are taken and become free. So a cursor
does not say how many were shown but who: the last hundred, by short marks. The next page is the
best of the others as they are now. Nobody comes twice, whatever happened to them, and nobody is
left out, wherever they moved to. Of those who were shown before the last hundred it remembers where
in the total order they ended: from there on, who moves past that point has to be looked up anew.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from dispatch.core.errors import Invalid
from dispatch.matching.model import Standing

REMEMBERED = 100
"""Mechanics. They are most of a cursor's length: eight characters each."""

MAX_CURSOR = 3_000
"""Characters; room for the longest id there may be."""

_MARK_BYTES = 6
"""Two among 100,000 mechanics share a mark with one of those shown in 1 of 28 million lists."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a list has been shown.

    ``shown`` are the marks of those shown last, oldest first. Nobody up to ``after`` comes again.
    """

    shown: tuple[bytes, ...] = ()
    after: Standing | None = None

    def moved_on(self, mechanic_ids: Sequence[str], last: Standing) -> "Position":
        """The position behind a page that ends with ``last``."""
        shown = (*self.shown, *map(mark, mechanic_ids))
        if self.after is None and len(shown) <= REMEMBERED:
            return Position(shown)
        # Everybody before the last of a page has been shown: it is of the best that were left.
        return Position(shown[-REMEMBERED:], last)


START = Position()


def mark(mechanic_id: str) -> bytes:
    """A short name for an id. Two ids may share one, almost never."""
    return _digest(mechanic_id.encode())


class _Cursor(msgspec.Struct, array_like=True, frozen=True):
    of: bytes
    shown: bytes
    after: (
        tuple[
            int,
            bool,
            bool,
            Decimal,
            bool,
            Annotated[datetime, msgspec.Meta(tz=True)] | None,
            str,
        ]
        | None
    )


def cursor_of(position: Position, query: Any) -> str:
    """The text that stands for a position in the list that ``query`` (a plain model) asks for."""
    packed = msgspec.msgpack.encode(
        _Cursor(_fingerprint(query), b"".join(position.shown), position.after)
    )
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def position_of(cursor: str, query: Any) -> Position:
    """Where a cursor of the same query points to. Raises Invalid for any other text."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        found = msgspec.msgpack.decode(packed, type=_Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise _not_ours() from None
    if found.of != _fingerprint(query) or not _makes_sense(found):
        raise _not_ours()
    starts = range(0, len(found.shown), _MARK_BYTES)
    return Position(tuple(found.shown[at : at + _MARK_BYTES] for at in starts), found.after)


def _makes_sense(cursor: _Cursor) -> bool:
    """Whether it can be compared with: a forged one must be refused, not fail later."""
    count, rest = divmod(len(cursor.shown), _MARK_BYTES)
    if rest or count > REMEMBERED:
        return False
    if cursor.after is None:
        return True
    _, _, _, rating, has_waited, since, _ = cursor.after
    return rating.is_finite() and has_waited is (since is not None)


def _not_ours() -> Invalid:
    detail = "is not a cursor of this list; start without one, and again after changing a filter"
    return Invalid.field("/cursor", detail)


def _fingerprint(query: Any) -> bytes:
    return _digest(msgspec.json.encode(query))


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_MARK_BYTES).digest()
