"""How roster entries are written compactly: in the index, and row by row in snapshots.

Arrays in JSON, so that no name is repeated. New fields go to the end, with a default: then what
was written before can be read, and older code reads what is written now. What repeats among
mechanics (keywords, cities, ratings ...) is kept in memory once.
"""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from sys import intern

import msgspec

from dispatch.mechanics.model import Duty, RosterEntry, RosterRow


class _Inputs(msgspec.Struct, array_like=True, frozen=True):
    """Of a RosterEntry, what the profile says."""

    approved: bool
    country: str | None
    subdivision: str | None
    city: str | None
    city_key: str | None
    area: str | None
    years_of_experience: int | None
    rating: str | None
    certified: bool
    certified_until: str | None
    profile_completion: int
    keyword_keys: list[str]
    brands: list[str]
    brand_keys: list[str]
    name_key: str = ""


class _Row(msgspec.Struct, array_like=True, frozen=True):
    mechanic_id: str
    partition: str
    changed_at: str
    on_shift: bool
    load: int
    waiting_since: datetime | None
    completed_sessions: int
    inputs: _Inputs
    closing: bool = False
    next_booking_at: datetime | None = None


_inputs_decoder = msgspec.json.Decoder(_Inputs)
_row_decoder = msgspec.json.Decoder(_Row)
_decimal = lru_cache(1_000)(Decimal)
_day = lru_cache(10_000)(date.fromisoformat)


def pack_inputs(entry: RosterEntry) -> str:
    """What the profile says, as text; presence and counts change without it."""
    return msgspec.json.encode(_inputs_of(entry)).decode()


def unpack_entry(
    mechanic_id: str,
    packed_inputs: str,
    duty: Duty,
    completed_sessions: int,
    rating: Decimal | None = None,
) -> RosterEntry:
    """``rating`` is the mean of the stars that were counted since; None if none were."""
    inputs = _inputs_decoder.decode(packed_inputs)
    if rating is None and inputs.rating is not None:
        rating = _decimal(inputs.rating)
    return _entry(mechanic_id, inputs, duty, completed_sessions, rating)


def pack_row(row: RosterRow) -> bytes:
    """One line of a snapshot. Tombstones have no place there."""
    entry = row.entry
    assert entry is not None, "a snapshot holds who is there"
    return msgspec.json.encode(
        _Row(
            mechanic_id=row.mechanic_id,
            partition=row.partition,
            changed_at=row.changed_at,
            on_shift=entry.duty.on_shift,
            load=entry.duty.load,
            waiting_since=entry.duty.waiting_since,
            completed_sessions=entry.completed_sessions,
            inputs=_inputs_of(entry),
            closing=entry.duty.closing,
            next_booking_at=entry.duty.next_booking_at,
        )
    )


def unpack_row(line: bytes) -> RosterRow:
    row = _row_decoder.decode(line)
    rating = _decimal(row.inputs.rating) if row.inputs.rating is not None else None
    duty = Duty(row.on_shift, row.load, row.waiting_since, row.closing, row.next_booking_at)
    return RosterRow(
        mechanic_id=row.mechanic_id,
        partition=intern(row.partition),
        changed_at=row.changed_at,
        entry=_entry(row.mechanic_id, row.inputs, duty, row.completed_sessions, rating),
    )


def _inputs_of(entry: RosterEntry) -> _Inputs:
    return _Inputs(
        approved=entry.approved,
        country=entry.country,
        subdivision=entry.subdivision,
        city=entry.city,
        city_key=entry.city_key,
        area=entry.area,
        years_of_experience=entry.years_of_experience,
        rating=str(entry.rating) if entry.rating is not None else None,
        certified=entry.certified,
        certified_until=entry.certified_until.isoformat() if entry.certified_until else None,
        profile_completion=entry.profile_completion,
        keyword_keys=list(entry.keyword_keys),
        brands=list(entry.brands),
        brand_keys=list(entry.brand_keys),
        name_key=entry.name_key,
    )


def _entry(
    mechanic_id: str,
    inputs: _Inputs,
    duty: Duty,
    completed_sessions: int,
    rating: Decimal | None,
) -> RosterEntry:
    return RosterEntry(
        id=mechanic_id,
        approved=inputs.approved,
        duty=duty,
        country=_once(inputs.country),
        subdivision=_once(inputs.subdivision),
        city=_once(inputs.city),
        city_key=_once(inputs.city_key),
        area=_once(inputs.area),
        years_of_experience=inputs.years_of_experience,
        rating=rating,
        certified=inputs.certified,
        certified_until=_day(inputs.certified_until) if inputs.certified_until else None,
        completed_sessions=completed_sessions,
        profile_completion=inputs.profile_completion,
        keyword_keys=tuple(map(intern, inputs.keyword_keys)),
        brands=tuple(map(intern, inputs.brands)),
        brand_keys=tuple(map(intern, inputs.brand_keys)),
        name_key=inputs.name_key,
    )


def _once(text: str | None) -> str | None:
    return intern(text) if text is not None else None
