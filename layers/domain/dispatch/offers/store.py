"""Items of the dispatch: its own, one per assignment, and the ranking's record."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from dispatch.core.due import due_keys
from dispatch.core.table import (
    BY_MECHANIC,
    IS_NEW,
    OPEN_BROADCASTS,
    SAME_VERSION,
    Item,
    Key,
    Otherwise,
    Transaction,
    get,
    query,
)
from dispatch.core.time import format_time, parse_time
from dispatch.matching.model import MatchRequest, Priority
from dispatch.offers import rules
from dispatch.offers.model import (
    Assignment,
    AssignmentStatus,
    Cause,
    Dispatch,
    LeftCapacity,
    Match,
    MatchType,
    OfferKind,
    SessionBrief,
)

_PAGE = 100
_PAGES = 20
"""Of the open broadcasts of one country, the oldest this many pages are looked through."""


@dataclass(frozen=True, slots=True)
class _Details:
    """What of an assignment no condition and no index looks at."""

    match: Match | None
    brief: SessionBrief
    wanted: MatchRequest
    excluded: frozenset[str]
    kind: OfferKind | None = None


def _dispatch_key(session_id: str) -> Key:
    return Key(f"SESSION#{session_id}", "DISPATCH")


def _assignment_key(assignment_id: str) -> Key:
    return Key(f"ASSIGNMENT#{assignment_id}")


def find_dispatch(session_id: str) -> Dispatch | None:
    item = get(_dispatch_key(session_id))
    return msgspec.json.decode(item["state"], type=Dispatch) if item else None


def put_dispatch(tx: Transaction, dispatch: Dispatch) -> None:
    """Write the next version, provided that nobody else has. What is due is in the index."""
    key = _dispatch_key(dispatch.session_id)
    tx.put(
        {
            **key._asdict(),
            "entity": "dispatch",
            "version": dispatch.version,
            "state": msgspec.json.encode(dispatch).decode(),
            **(due_keys(key.pk, due_at) if (due_at := rules.due_at(dispatch)) else {}),
        },
        when=IS_NEW if dispatch.version == 1 else SAME_VERSION,
        values={":version_read": dispatch.version - 1},
    )


def put_matches(tx: Transaction, dispatch: Dispatch, matches: Mapping[str, Any]) -> None:
    """The ranking as it was when the period began: a record, kept beside the session."""
    tx.put(
        {
            "pk": f"SESSION#{dispatch.session_id}",
            "sk": f"MATCHES#{dispatch.period:04d}",
            "entity": "matches",
            "record": msgspec.json.encode(matches).decode(),
        }
    )


def _mechanic_keys(
    mechanic_id: str, status: AssignmentStatus, offered_at: datetime, assignment_id: str
) -> dict[str, str]:
    side = "OPEN" if status in rules.HELD_BY_MECHANIC else "ENDED"
    return {
        "mechanic_pk": f"MECHANIC#{mechanic_id}",
        "mechanic_sk": f"{side}#{format_time(offered_at)}#{assignment_id}",
    }


def add(tx: Transaction, assignment: Assignment) -> None:
    """A new row. A broadcast is indexed by the customer's country, an offer by its mechanic."""
    item: Item = {
        **_assignment_key(assignment.id)._asdict(),
        "entity": "assignment",
        "session_id": assignment.session_id,
        "status": assignment.status,
        "match_type": assignment.match_type,
        "priority": assignment.priority,
        "offered_at": format_time(assignment.offered_at),
        "details": msgspec.json.encode(
            _Details(
                assignment.match,
                assignment.brief,
                assignment.wanted,
                assignment.excluded,
                assignment.kind,
            )
        ).decode(),
    }
    if assignment.expires_at:
        item["expires_at"] = format_time(assignment.expires_at)
    if assignment.mechanic_id:
        item["mechanic_id"] = assignment.mechanic_id
        item |= _mechanic_keys(
            assignment.mechanic_id, assignment.status, assignment.offered_at, assignment.id
        )
    if assignment.declined_by:
        item["declined_by"] = set(assignment.declined_by)
    if assignment.match_type is MatchType.BROADCAST:
        item["open_pk"] = _open_partition(assignment.wanted.country)
        item["open_sk"] = f"{format_time(assignment.brief.created_at)}#{assignment.id}"
    if assignment.accepted_at:
        item["accepted_at"] = format_time(assignment.accepted_at)
    if assignment.opens_at:
        item["opens_at"] = format_time(assignment.opens_at)
    tx.put(item, when=IS_NEW)


def _open_partition(country: str | None) -> str:
    return f"OPEN#{country or '??'}"


def assignment_of(item: Item) -> Assignment:
    details = msgspec.json.decode(item["details"], type=_Details)
    return Assignment(
        id=item["pk"].removeprefix("ASSIGNMENT#"),
        session_id=item["session_id"],
        match_type=MatchType(item["match_type"]),
        status=AssignmentStatus(item["status"]),
        priority=Priority(item["priority"]),
        mechanic_id=item.get("mechanic_id"),
        match=details.match,
        offered_at=parse_time(item["offered_at"]),
        expires_at=_instant(item, "expires_at"),
        brief=details.brief,
        wanted=details.wanted,
        declined_by=frozenset(item.get("declined_by", ())),
        excluded=details.excluded,
        opens_at=_instant(item, "opens_at"),
        accepted_at=_instant(item, "accepted_at"),
        missed=item.get("missed", False),
        no_show=item.get("no_show", False),
        cause=Cause(item["cause"]) if "cause" in item else None,
        kind=details.kind,
    )


def _instant(item: Item, name: str) -> datetime | None:
    return parse_time(item[name]) if name in item else None


def find(assignment_id: str) -> Assignment | None:
    item = get(_assignment_key(assignment_id))
    return assignment_of(item) if item else None


def settle(
    tx: Transaction,
    assignment_id: str,
    *,
    before: AssignmentStatus,
    after: AssignmentStatus,
    mechanic_id: str | None,
    offered_at: datetime,
    now: datetime,
    facts: Mapping[str, str | bool] | None = None,
) -> None:
    """Move a row on, provided that it is still where it was read; no row stays on broadcast."""
    values: Item = {"status": after, "moved_at": format_time(now), **(facts or {})}
    if mechanic_id:
        values["mechanic_id"] = mechanic_id
        values |= _mechanic_keys(mechanic_id, after, offered_at, assignment_id)
    change = ", ".join(f"#{name} = :{name}" for name in values)
    tx.update(
        _assignment_key(assignment_id),
        f"SET {change} REMOVE #open_pk, #open_sk, #opens_at",
        {f":{name}": value for name, value in values.items()} | {":before": before},
        when="#status = :before",
    )


def forget_customer(tx: Transaction, assignment: Assignment) -> None:
    """Take out of a row what tells whose session it is of, provided that it is there.

    Why it was given back is in words of the mechanic's, or an admin's, who may name them.
    """
    anonymous = _Details(
        assignment.match,
        rules.brief_of_nobody(assignment.brief),
        rules.wanted_by_nobody(assignment.wanted),
        assignment.excluded,
        assignment.kind,
    )
    tx.update(
        _assignment_key(assignment.id),
        "SET #details = :details REMOVE #release_reason",
        {":details": msgspec.json.encode(anonymous, order="deterministic").decode()},
        when="attribute_exists(#pk)",
    )


def hold_broadcast(tx: Transaction, broadcast_id: str, opens_at: datetime) -> None:
    """Keep a held broadcast closed until that instant."""
    tx.update(
        _assignment_key(broadcast_id),
        "SET #opens_at = :opens_at",
        {":opens_at": format_time(opens_at), ":held": AssignmentStatus.HELD},
        when="#status = :held",
    )


def open_broadcast(tx: Transaction, broadcast_id: str) -> None:
    """A held broadcast is anybody's from now on."""
    tx.update(
        _assignment_key(broadcast_id),
        "SET #status = :queued REMOVE #opens_at",
        {":queued": AssignmentStatus.QUEUED, ":held": AssignmentStatus.HELD},
        when="#status = :held",
    )


def mark_declined(tx: Transaction, broadcast_id: str, mechanic_id: str) -> None:
    """Hide an open broadcast from one mechanic; it stays open for the others."""
    tx.update(
        _assignment_key(broadcast_id),
        "ADD #declined_by :mechanic",
        {
            ":mechanic": {mechanic_id},
            ":queued": AssignmentStatus.QUEUED,
            ":held": AssignmentStatus.HELD,
        },
        when="#status IN (:queued, :held)",
    )


def held_by(mechanic_id: str) -> list[Assignment]:
    """What is offered to or in hand of a mechanic."""
    page = query(f"MECHANIC#{mechanic_id}", index=BY_MECHANIC, prefix="OPEN#")
    return [assignment_of(item) for item in page.items]


def rows_of(mechanic_id: str, since: datetime, until: datetime) -> list[Assignment]:
    """A mechanic's assignments that were made within that time, open ones and ended ones."""
    return [
        assignment_of(item)
        for side in ("OPEN", "ENDED")
        for item in query(
            f"MECHANIC#{mechanic_id}",
            index=BY_MECHANIC,
            between=(f"{side}#{format_time(since)}", f"{side}#{format_time(until)}~"),
        ).items
    ]


def open_broadcasts(country: str | None) -> Iterator[Assignment]:
    """Open broadcasts of customers in one country (None: of unknown location), oldest first.

    Read page by page, as far as they are asked for.
    """
    cursor = None
    for _ in range(_PAGES):
        page = query(_open_partition(country), index=OPEN_BROADCASTS, limit=_PAGE, cursor=cursor)
        yield from (assignment_of(item) for item in page.items)
        cursor = page.cursor
        if cursor is None:
            return


# Capacity that is the waitlist's


def _left_key(mechanic_id: str) -> Key:
    return Key(f"MECHANIC#{mechanic_id}", "LEFT")


def put_left(tx: Transaction, left: LeftCapacity, now: datetime) -> None:
    """Remember what is left until somebody has dealt with it; the newest is what counts."""
    key = _left_key(left.mechanic_id)
    tx.put(
        {
            **key._asdict(),
            "entity": "capacity_left",
            "capacity_id": left.id,
            "room": left.room,
            **due_keys(key.pk, now),
        }
    )


def find_left(mechanic_id: str) -> LeftCapacity | None:
    item = get(_left_key(mechanic_id))
    return LeftCapacity(item["capacity_id"], mechanic_id, item["room"]) if item else None


def forget_left(
    tx: Transaction, mechanic_id: str, capacity_id: str, otherwise: Otherwise | None = None
) -> None:
    """It was dealt with, provided that it is still what is left."""
    tx.delete(
        _left_key(mechanic_id),
        when="#capacity_id = :capacity_id",
        values={":capacity_id": capacity_id},
        otherwise=otherwise,
    )
