"""The mechanic's item, the index of those that changed, and the list of its partitions.

What changes alone (presence, load, status, counts) and what conditions look at are attributes of
their own; the rest of the profile is one JSON text, and what ranking needs of it another, compact
one (``roster_blob``), which the index ``roster`` carries. So a clock-in knows nothing of the
profile, and a change of the profile nothing of presence.
"""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from sys import intern

import msgspec

from dispatch.core import settings
from dispatch.core.table import (
    IS_NEW,
    ROSTER,
    SCHEMA,
    Item,
    Key,
    Otherwise,
    Transaction,
    get,
    query,
)
from dispatch.core.time import format_time, parse_time
from dispatch.mechanics.model import Duty, Mechanic, Profile, RosterEntry, RosterRow, Status
from dispatch.mechanics.rules import roster_entry
from dispatch.policy.model import Policy

TOMBSTONES_KEPT = timedelta(days=7)
"""Longer than any instance or snapshot lives on changes alone."""

_PARTITIONS = Key("ROSTER", "PARTITIONS")
_UNKNOWN_COUNTRY = "??"
_PAGE = 1000

_CLOCKED_IN = "attribute_exists(#pk) AND #currently_on_shift = :no"
_MAY_CLOCK_OUT = "#currently_on_shift = :yes AND #shift_id = :shift_id AND #load = :none"
_ELIGIBLE = (
    "#status = :approved AND #profile_completion >= :min_profile_completion"
    " AND (attribute_not_exists(#certified_until) OR #certified_until >= :today)"
)
_OF_BRAND = "contains(#brand_keys, :brand_key)"
_ROOM = "#currently_on_shift = :yes AND #load < :capacity"


class _Inputs(msgspec.Struct, array_like=True, frozen=True):
    """The content of ``roster_blob``. New fields go to the end, with a default."""

    country: str | None
    subdivision: str | None
    city: str | None
    city_key: str | None
    area: str | None
    years_of_experience: int | None
    rating: Decimal | None
    certified: bool
    certified_until: date | None
    profile_completion: int
    keyword_keys: list[str]
    brands: list[str]
    brand_keys: list[str]


_inputs_of = msgspec.json.Decoder(_Inputs)


def subject(mechanic_id: str) -> str:
    """The partition of a mechanic and of their events."""
    return f"MECHANIC#{mechanic_id}"


def key(mechanic_id: str) -> Key:
    return Key(subject(mechanic_id))


def find(mechanic_id: str) -> tuple[Mechanic, str] | None:
    """The mechanic, and the index partition they are in."""
    item = get(key(mechanic_id))
    return (mechanic_of(item), item["roster_pk"]) if item else None


def mechanic_of(item: Item) -> Mechanic:
    profile = msgspec.json.decode(item["profile"], type=Profile)
    clocked_in_at, last_seen_at = item.get("clocked_in_at"), item.get("last_seen_at")
    return Mechanic(
        profile=replace(
            profile,
            status=Status(item["status"]),
            completed_sessions=item["completed_sessions"],
        ),
        duty=_duty_of(item),
        shift_id=item.get("shift_id"),
        clocked_in_at=parse_time(clocked_in_at) if clocked_in_at else None,
        last_seen_at=parse_time(last_seen_at) if last_seen_at else None,
    )


def _duty_of(item: Item) -> Duty:
    waiting_since = item.get("waiting_since")
    return Duty(
        on_shift=item["currently_on_shift"],
        load=item["load"],
        waiting_since=parse_time(waiting_since) if waiting_since else None,
    )


# Writes: each is one clause and stamps `changed_at`


def put_profile(tx: Transaction, profile: Profile, before: str | None, now: datetime) -> str:
    """Write a whole profile; presence and load stay as they are. Returns the index partition.

    ``before`` is the partition the mechanic was read in, None for a new one. When the partition
    changes, a tombstone stays behind under the old one.
    """
    entry = roster_entry(Mechanic(profile))
    partition = _partition(entry)
    values = {
        ":entity": "mechanic",
        ":schema": SCHEMA,
        ":profile": msgspec.json.encode(profile).decode(),
        ":status": profile.status,
        ":profile_completion": profile.profile_completion,
        ":completed_sessions": profile.completed_sessions,
        ":brand_keys": list(entry.brand_keys),
        ":roster_blob": msgspec.json.encode(_inputs(entry)).decode(),
        ":roster_pk": partition,
        ":changed_at": format_time(now),
    }
    if entry.certified_until:
        values[":certified_until"] = entry.certified_until.isoformat()
    written = ", ".join(f"#{value[1:]} = {value}" for value in values)
    change = (
        f"SET {written}, #currently_on_shift = if_not_exists(#currently_on_shift, :no),"
        " #load = if_not_exists(#load, :none)"
    )
    if not entry.certified_until:
        change += " REMOVE #certified_until"
    tx.update(
        key(profile.id),
        change,
        {**values, ":no": False, ":none": 0, ":before": before},
        when="#roster_pk = :before" if before else IS_NEW,
    )
    if before and before != partition:
        _leave_tombstone(tx, profile.id, before, now)
        tx.delete(_tombstone_key(profile.id, partition))
    return partition


def go_on_shift(
    tx: Transaction, mechanic_id: str, shift_id: str, now: datetime, otherwise: Otherwise | None
) -> None:
    tx.update(
        key(mechanic_id),
        "SET #currently_on_shift = :yes, #shift_id = :shift_id, #clocked_in_at = :now,"
        " #waiting_since = :now, #last_seen_at = :now, #changed_at = :now",
        {":yes": True, ":no": False, ":shift_id": shift_id, ":now": format_time(now)},
        when=_CLOCKED_IN,
        otherwise=otherwise,
    )


def go_off_shift(
    tx: Transaction, mechanic_id: str, shift_id: str, now: datetime, otherwise: Otherwise | None
) -> None:
    tx.update(
        key(mechanic_id),
        "SET #currently_on_shift = :no, #last_seen_at = :now, #changed_at = :now"
        " REMOVE #shift_id, #clocked_in_at",
        {
            ":yes": True,
            ":no": False,
            ":none": 0,
            ":shift_id": shift_id,
            ":now": format_time(now),
        },
        when=_MAY_CLOCK_OUT,
        otherwise=otherwise,
    )
