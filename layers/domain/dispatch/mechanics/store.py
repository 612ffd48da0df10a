"""The mechanic's item, the index of those that changed, and the list of its partitions.

The profile is one JSON text, what ranking needs of it another, compact one (``roster_blob``), and
what conditions look at are attributes; all are written together. What changes alone (presence,
load, counts) are attributes too, so that a clock-in knows nothing of the profile and a change of
the profile nothing of presence. The index carries the blob and what changes alone.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from sys import intern

import msgspec

from dispatch.core import settings
from dispatch.core.due import due_keys
from dispatch.core.table import (
    BY_CUSTOMER,
    IS_NEW,
    ROSTER,
    SCHEMA,
    Item,
    Key,
    Otherwise,
    Transaction,
    get,
    get_many,
    query,
)
from dispatch.core.time import format_time, parse_time
from dispatch.mechanics.model import Duty, Mechanic, MechanicStatus, Profile, RosterEntry, RosterRow
from dispatch.mechanics.packing import pack_inputs, unpack_entry
from dispatch.mechanics.rules import mean_of_stars, roster_entry, stars_of_record
from dispatch.policy.model import Policy

TOMBSTONES_KEPT = timedelta(days=7)
"""Longer than any instance or snapshot lives on changes alone."""

_PARTITIONS = Key("ROSTER", "PARTITIONS")
_UNKNOWN_COUNTRY = "??"
_PAGE = 1000

_SAME_REVISION = "#revision = :revision_read"
_NEVER_REVISED = "attribute_exists(#pk) AND attribute_not_exists(#revision)"
_SAME_SHIFT = "#shift_id = :shift_id"
_NO_SHIFT = "attribute_not_exists(#shift_id)"
_IS_OFF_SHIFT = "#currently_on_shift = :no AND #status = :approved"
_IS_ON_SHIFT_UNLOADED = "#currently_on_shift = :yes AND #shift_id = :shift_id AND #load = :none"
_EXISTS = "attribute_exists(#pk)"
_HAS_LOAD = "#load >= :one"
_IS_OPEN_WITH_LOAD = f"{_HAS_LOAD} AND (attribute_not_exists(#closing) OR #load > :one)"
_IS_ELIGIBLE = (
    "#status = :approved AND #profile_completion >= :min_profile_completion"
    " AND (attribute_not_exists(#certified_until) OR #certified_until >= :today)"
)
_KNOWS_BRAND = "contains(#brand_keys, :brand_key)"
_HAS_ROOM = (
    "#currently_on_shift = :yes AND #load < :capacity AND attribute_not_exists(#closing)"
    " AND (attribute_not_exists(#shift_ends_at) OR #shift_ends_at > :now)"
)
_IS_CLEAR = "(attribute_not_exists(#next_booking_at) OR #next_booking_at >= :keeps_until)"
_IS_ON_SHIFT_LOADED = "#shift_id = :shift_id AND #load >= :one AND attribute_not_exists(#closing)"
_IS_CLOSING_WITH_LAST = "#shift_id = :shift_id AND #load = :one AND attribute_exists(#closing)"


def subject(mechanic_id: str) -> str:
    """The partition of a mechanic and of their events."""
    return f"MECHANIC#{mechanic_id}"


def key(mechanic_id: str) -> Key:
    return Key(subject(mechanic_id))


def find(mechanic_id: str) -> Mechanic | None:
    item = get(key(mechanic_id))
    return mechanic_of(item) if item else None


def find_many(mechanic_ids: Iterable[str]) -> list[Mechanic]:
    """Those who exist, in any order; at most a hundred."""
    return [mechanic_of(item) for item in get_many([key(id_) for id_ in mechanic_ids])]


def mechanic_of(item: Item) -> Mechanic:
    profile = msgspec.json.decode(item["profile"], type=Profile)
    rating = _rating_of(item)
    return Mechanic(
        profile=replace(
            profile,
            completed_sessions=item["completed_sessions"],
            rating=profile.rating if rating is None else rating,
        ),
        duty=_duty_of(item),
        rating_count=item.get("rating_count", 0),
        shift_id=item.get("shift_id"),
        clocked_in_at=_instant(item, "clocked_in_at"),
        shift_ends_at=_instant(item, "shift_ends_at"),
        last_seen_at=_instant(item, "last_seen_at"),
        closing=item.get("closing"),
        misses=item.get("misses", 0),
        capacity_at=_instant(item, "capacity_at"),
        version=item.get("version", 0),
        revision=item.get("revision", 0),
        partition=item["roster_pk"],
    )


def _instant(item: Item, name: str) -> datetime | None:
    return parse_time(item[name]) if name in item else None


def _rating_of(item: Item) -> Decimal | None:
    """The mean of the stars that were counted; None if none were, whatever the profile says."""
    return mean_of_stars(Decimal(item.get("rating_sum", 0)), item.get("rating_count", 0))


def _duty_of(item: Item) -> Duty:
    next_booking_at = item.get("next_booking_at")
    waiting_since = max(item.get("clocked_in_at", ""), item.get("last_session_ended_at", ""))
    return Duty(
        on_shift=item["currently_on_shift"],
        load=item["load"],
        waiting_since=parse_time(waiting_since) if waiting_since else None,
        closing=item.get("closing") is not None,
        next_booking_at=parse_time(next_booking_at) if next_booking_at else None,
    )


# Writes: each is one clause and stamps `changed_at`, if it changes what ranking goes by

_SEEN = "#last_seen_at = :now, #changed_at = :now"
_MARK = "#capacity_at = :now, #due_pk = :due_pk, #due_at = :due_at"
_UNMARK = "#capacity_at, #due_pk, #due_at"


def _marking(mechanic_id: str, now: datetime) -> Item:
    """The values with which new capacity is marked, until somebody puts it to use."""
    due = due_keys(subject(mechanic_id), now)
    return {":now": format_time(now), ":due_pk": due["due_pk"], ":due_at": due["due_at"]}


def put_profile(
    tx: Transaction,
    profile: Profile,
    before: Mechanic | None,
    now: datetime,
    *,
    version: int = 0,
    with_count: bool = False,
    off_duty: bool = False,
) -> str:
    """Write a whole profile, provided that nobody has since ``before`` was read; None: it is new.

    Presence and load stay as they are, and so do the count of completed sessions and the stars,
    unless they are written ``with_count``. Returns the index partition; when that changes, a
    tombstone stays behind under the old one. ``version`` is that of the mechanic's edits.

    ``off_duty``: who is on shift, on the one that was read, is to be taken off it, and is due until
    then, should the message that tells of it be lost.
    """
    entry = roster_entry(Mechanic(profile))
    partition = _partition(entry)
    values = {
        ":entity": "mechanic",
        ":schema": SCHEMA,
        ":profile": msgspec.json.encode(profile).decode(),
        ":status": profile.status,
        ":profile_completion": profile.profile_completion,
        ":brand_keys": list(entry.brand_keys),
        ":roster_blob": pack_inputs(entry),
        ":roster_pk": partition,
        ":changed_at": format_time(now),
        ":version": version,
        ":revision": before.revision + 1 if before else 1,
    }
    if entry.certified_until:
        values[":certified_until"] = entry.certified_until.isoformat()
    if with_count:
        values[":completed_sessions"] = profile.completed_sessions
        values[":rating_sum"], values[":rating_count"] = stars_of_record(profile)
    written = ", ".join(f"#{value[1:]} = {value}" for value in values)
    change = (
        f"SET {written}, #currently_on_shift = if_not_exists(#currently_on_shift, :no),"
        " #load = if_not_exists(#load, :none)"
    )
    if not with_count:
        change += ", #completed_sessions = if_not_exists(#completed_sessions, :none)"
    guards = [_as_read(before)]
    if off_duty and before:
        guards.append(_SAME_SHIFT if before.shift_id else _NO_SHIFT)
        values[":shift_id"] = before.shift_id
        if before.shift_id:
            change += ", #due_pk = :due_pk, #due_at = if_not_exists(#due_at, :changed_at)"
            values[":due_pk"] = due_keys(subject(profile.id), now)["due_pk"]
    if not entry.certified_until:
        change += " REMOVE #certified_until"
    values |= {":no": False, ":none": 0, ":revision_read": before.revision if before else 0}
    tx.update(key(profile.id), change, values, when=" AND ".join(guards))
    if before is None or before.profile.status is not profile.status:
        _list(tx, profile, now)
    if before and before.partition and before.partition != partition:
        _leave_tombstone(tx, profile.id, before.partition, now)
        tx.delete(_tombstone_key(profile.id, partition))
    return partition


def check_no_profile(tx: Transaction, user_id: str) -> None:
    tx.check(key(user_id), when=IS_NEW, values={})


def drop_profile(tx: Transaction, mechanic: Mechanic, now: datetime) -> None:
    """No such mechanic any more, provided that nobody has written since it was read."""
    values = {":revision_read": mechanic.revision}
    tx.delete(key(mechanic.id), when=_as_read(mechanic), values=values)
    tx.delete(_listing_key(mechanic.id))
    if mechanic.partition:
        _leave_tombstone(tx, mechanic.id, mechanic.partition, now)


def add_stars(tx: Transaction, mechanic_id: str, stars: int, now: datetime) -> None:
    """Added where they are kept, so that none is lost however many come at once."""
    tx.update(
        key(mechanic_id),
        "SET #changed_at = :now ADD #rating_sum :stars, #rating_count :one",
        {":now": format_time(now), ":stars": stars, ":one": 1},
        when=_EXISTS,
    )


def _as_read(before: Mechanic | None) -> str:
    """What was written before there were revisions has none."""
    if before is None:
        return IS_NEW
    return _SAME_REVISION if before.revision else _NEVER_REVISED


def _list(tx: Transaction, profile: Profile, now: datetime) -> None:
    """Under their status, by when it was attained: an item of its own, for presence and load change
    all the time, and lists of everybody of one status would have to follow."""
    since = profile.status_since or now
    tx.put(
        {
            **_listing_key(profile.id)._asdict(),
            "entity": "mechanic_listing",
            "mechanic_id": profile.id,
            "customer_pk": f"MECHANICS#{profile.status}",
            "customer_sk": f"{format_time(since)}#{profile.id}",
        }
    )


def _listing_key(mechanic_id: str) -> Key:
    return Key(subject(mechanic_id), "LISTING")


def listed(status: MechanicStatus, limit: int, cursor: str | None) -> tuple[list[str], str | None]:
    """Ids of mechanics of that status, who attained it longest ago first; and the next cursor."""
    page = query(f"MECHANICS#{status}", index=BY_CUSTOMER, limit=limit, cursor=cursor)
    return [item["mechanic_id"] for item in page.items], page.cursor


def go_on_shift(
    tx: Transaction,
    mechanic_id: str,
    shift_id: str,
    now: datetime,
    ends_at: datetime,
    otherwise: Otherwise | None,
) -> None:
    tx.update(
        key(mechanic_id),
        "SET #currently_on_shift = :yes, #shift_id = :shift_id, #clocked_in_at = :now,"
        f" #shift_ends_at = :ends_at, #misses = :none, {_SEEN}, {_MARK}",
        {
            ":yes": True,
            ":no": False,
            ":none": 0,
            ":shift_id": shift_id,
            ":ends_at": format_time(ends_at),
            ":approved": MechanicStatus.APPROVED,
            **_marking(mechanic_id, now),
        },
        when=_IS_OFF_SHIFT,
        otherwise=otherwise,
    )


def go_off_shift(
    tx: Transaction, mechanic_id: str, shift_id: str, now: datetime, otherwise: Otherwise | None
) -> None:
    tx.update(
        key(mechanic_id),
        f"SET #currently_on_shift = :no, {_SEEN} REMOVE #shift_id, {_UNMARK}",
        {
            ":yes": True,
            ":no": False,
            ":none": 0,
            ":shift_id": shift_id,
            ":now": format_time(now),
        },
        when=_IS_ON_SHIFT_UNLOADED,
        otherwise=otherwise,
    )


def take_load(
    tx: Transaction,
    mechanic_id: str,
    policy: Policy,
    brand_key: str | None,
    keeps_until: datetime | None,
    now: datetime,
    otherwise: Otherwise,
) -> None:
    when, values = _available(policy, brand_key, keeps_until, now)
    tx.update(
        key(mechanic_id),
        f"SET #load = #load + :one, #misses = :none, {_SEEN}",
        {**values, ":one": 1, ":none": 0},
        when=when,
        otherwise=otherwise,
    )


def check_available(
    tx: Transaction,
    mechanic_id: str,
    policy: Policy,
    brand_key: str | None,
    keeps_until: datetime | None,
    now: datetime,
    otherwise: Otherwise,
) -> None:
    when, values = _available(policy, brand_key, keeps_until, now)
    tx.check(key(mechanic_id), when=when, values=values, otherwise=otherwise)


def _available(
    policy: Policy, brand_key: str | None, keeps_until: datetime | None, now: datetime
) -> tuple[str, Item]:
    """The condition that `rules.why_not_available` explains."""
    clauses = [_IS_ELIGIBLE, _HAS_ROOM]
    if brand_key is not None:
        clauses.append(_KNOWS_BRAND)
    if keeps_until is not None:
        clauses.append(_IS_CLEAR)
    values = {
        **_eligible(policy, now),
        ":yes": True,
        ":capacity": policy.capacity,
        ":brand_key": brand_key,
        ":now": format_time(now),
        ":keeps_until": format_time(keeps_until) if keeps_until else None,
    }
    return " AND ".join(clauses), values


def _eligible(policy: Policy, now: datetime) -> Item:
    return {
        ":approved": MechanicStatus.APPROVED,
        ":min_profile_completion": policy.min_profile_completion,
        ":today": now.date().isoformat(),
    }


# The next booking


def take_load_of_booking(
    tx: Transaction,
    mechanic_id: str,
    policy: Policy,
    brand_key: str | None,
    next_booking_at: datetime | None,
    now: datetime,
    otherwise: Otherwise,
) -> None:
    """As ``take_load``, of what was booked: another booking is the next one from now on."""
    when, values = _available(policy, brand_key, None, now)
    tx.update(
        key(mechanic_id),
        f"SET #load = #load + :one, #misses = :none, {_SEEN}{_next(next_booking_at)}",
        {**values, **_next_value(next_booking_at), ":one": 1, ":none": 0},
        when=when,
        otherwise=otherwise,
    )


def put_next_booking(
    tx: Transaction, mechanic_id: str, next_booking_at: datetime | None, now: datetime
) -> None:
    tx.update(
        key(mechanic_id),
        f"SET #changed_at = :now{_next(next_booking_at)}",
        {":now": format_time(now), **_next_value(next_booking_at)},
        when=_EXISTS,
    )


def put_new_booking(
    tx: Transaction,
    mechanic_id: str,
    next_booking_at: datetime | None,
    policy: Policy,
    now: datetime,
    otherwise: Otherwise,
) -> None:
    tx.update(
        key(mechanic_id),
        f"SET #changed_at = :now{_next(next_booking_at)}",
        {":now": format_time(now), **_next_value(next_booking_at), **_eligible(policy, now)},
        when=_IS_ELIGIBLE,
        otherwise=otherwise,
    )


def _next(at: datetime | None) -> str:
    """The end of a SET."""
    return ", #next_booking_at = :next_booking_at" if at else " REMOVE #next_booking_at"


def _next_value(at: datetime | None) -> Item:
    return {":next_booking_at": format_time(at)} if at else {}


def free_load(
    tx: Transaction, mechanic_id: str, *, session_ended: bool, completed: bool, now: datetime
) -> None:
    """The capacity that comes free is marked."""
    tx.update(
        key(mechanic_id),
        f"SET {_less_load(session_ended=session_ended, completed=completed)}, {_MARK}",
        {":one": 1, **_marking(mechanic_id, now)},
        when=_IS_OPEN_WITH_LOAD,
    )


def free_last_and_go_off_shift(
    tx: Transaction,
    mechanic_id: str,
    shift_id: str,
    *,
    session_ended: bool,
    completed: bool,
    now: datetime,
) -> None:
    """The last session of a closing shift: the shift is over with it."""
    less = _less_load(session_ended=session_ended, completed=completed)
    tx.update(
        key(mechanic_id),
        f"SET {less}, #currently_on_shift = :no REMOVE #shift_id, #closing, {_UNMARK}",
        {":one": 1, ":no": False, ":shift_id": shift_id, ":now": format_time(now)},
        when=_IS_CLOSING_WITH_LAST,
    )


def _less_load(*, session_ended: bool, completed: bool) -> str:
    change = f"#load = #load - :one, {_SEEN}"
    if session_ended:
        change += ", #last_session_ended_at = :now"
    if completed:
        change += ", #completed_sessions = #completed_sessions + :one"
    return change


def close_shift(
    tx: Transaction,
    mechanic_id: str,
    shift_id: str,
    cause: str,
    now: datetime,
    *,
    stays_due: bool = False,
) -> None:
    """No new offers; the shift ends with the sessions in hand."""
    unmark = "#capacity_at" if stays_due else _UNMARK
    tx.update(
        key(mechanic_id),
        f"SET #closing = :cause, #changed_at = :now REMOVE {unmark}",
        {":cause": cause, ":one": 1, ":shift_id": shift_id, ":now": format_time(now)},
        when=_IS_ON_SHIFT_LOADED,
    )


def check_shift(tx: Transaction, mechanic_id: str, shift_id: str) -> None:
    values = {":shift_id": shift_id}
    tx.check(key(mechanic_id), when="#shift_id = :shift_id", values=values)


def count_miss(
    tx: Transaction, mechanic: Mechanic, capacity: int, now: datetime, *, is_last: bool
) -> None:
    """An offer missed while on shift and free. After the ``last`` one the mechanic is due."""
    values = {":yes": True, ":capacity": capacity, ":now": format_time(now)}
    change = "SET #misses = :misses"
    if is_last:
        change += ", #due_pk = :due_pk, #due_at = if_not_exists(#due_at, :now)"
        values[":due_pk"] = due_keys(subject(mechanic.id), now)["due_pk"]
    tx.update(
        key(mechanic.id),
        change,
        {**values, ":misses": mechanic.misses + 1, ":before": mechanic.misses},
        when=f"{_HAS_ROOM} AND #misses = :before",
    )


def forget_misses(tx: Transaction, mechanic_id: str) -> None:
    tx.update(key(mechanic_id), "SET #misses = :none", {":none": 0}, when=_EXISTS)


def forget_due(tx: Transaction, mechanic: Mechanic) -> None:
    """Nothing is due of this mechanic: they have answered after their last miss but one."""
    tx.update(
        key(mechanic.id),
        "REMOVE #due_pk, #due_at",
        {":misses": mechanic.misses},
        when="attribute_not_exists(#capacity_at) AND #misses = :misses",
    )


def renew_capacity(
    tx: Transaction, mechanic_id: str, policy: Policy, now: datetime, otherwise: Otherwise
) -> None:
    """Mark what is free as new capacity, provided that it is there and not marked already."""
    when, values = _available(policy, None, None, now)
    tx.update(
        key(mechanic_id),
        f"SET {_MARK}",
        {**values, **_marking(mechanic_id, now)},
        when=f"{when} AND attribute_not_exists(#capacity_at)",
        otherwise=otherwise,
    )


def put_capacity_to_use(tx: Transaction, mechanic_id: str, marked_at: datetime) -> None:
    """The capacity marked at that instant has been dealt with."""
    tx.update(
        key(mechanic_id),
        f"REMOVE {_UNMARK}",
        {":marked_at": format_time(marked_at)},
        when="#capacity_at = :marked_at",
    )


def offer_marked_capacity(
    tx: Transaction,
    mechanic_id: str,
    marked_at: datetime,
    policy: Policy,
    brand_key: str | None,
    keeps_until: datetime | None,
    now: datetime,
    otherwise: Otherwise,
) -> None:
    """As ``check_available``, and the capacity marked at that instant is dealt with."""
    when, values = _available(policy, brand_key, keeps_until, now)
    tx.update(
        key(mechanic_id),
        f"REMOVE {_UNMARK}",
        {**values, ":marked_at": format_time(marked_at)},
        when=f"{when} AND #capacity_at = :marked_at",
        otherwise=otherwise,
    )


# The index


def _partition(entry: RosterEntry) -> str:
    shard = zlib.crc32(entry.id.encode()) % settings.roster_shards()
    return f"ROSTER#{entry.country or _UNKNOWN_COUNTRY}#{shard}"


def country_of(partition: str) -> str | None:
    """The country whose mechanics are in a partition; None for the one of unknown country."""
    code = partition.split("#")[1]
    return None if code == _UNKNOWN_COUNTRY else code


def partitions() -> frozenset[str]:
    """Every partition of the index that ever had a mechanic."""
    item = get(_PARTITIONS)
    return frozenset(item["names"]) if item else frozenset()


def list_partition(tx: Transaction, partition: str) -> None:
    tx.update(
        _PARTITIONS,
        "SET #entity = :entity, #schema = :schema ADD #names :partition",
        {":entity": "roster_partitions", ":schema": SCHEMA, ":partition": {partition}},
    )


def changes(partition: str, since: datetime | None) -> Iterator[RosterRow]:
    """What changed in a partition at ``since`` or later, oldest first; all, without ``since``."""
    between = (format_time(since), "~") if since else None
    cursor = None
    while True:
        page = query(partition, index=ROSTER, between=between, limit=_PAGE, cursor=cursor)
        yield from (_row(item) for item in page.items)
        if page.cursor is None:
            return
        cursor = page.cursor


def _tombstone_key(mechanic_id: str, partition: str) -> Key:
    return Key(subject(mechanic_id), f"GONE#{partition}")


def _leave_tombstone(tx: Transaction, mechanic_id: str, partition: str, now: datetime) -> None:
    tx.put(
        {
            **_tombstone_key(mechanic_id, partition)._asdict(),
            "entity": "tombstone",
            "roster_pk": partition,
            "changed_at": format_time(now),
            "expires_ttl": int((now + TOMBSTONES_KEPT).timestamp()),
        }
    )


def _row(item: Item) -> RosterRow:
    mechanic_id = item["pk"].removeprefix(subject(""))
    return RosterRow(
        mechanic_id=mechanic_id,
        partition=intern(item["roster_pk"]),
        changed_at=item["changed_at"],
        entry=unpack_entry(
            mechanic_id,
            item["roster_blob"],
            _duty_of(item),
            item["completed_sessions"],
            _rating_of(item),
        )
        if "roster_blob" in item
        else None,
    )
