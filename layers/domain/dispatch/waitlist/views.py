"""Waitlist entries as their customers see them. Imported by HTTP functions only."""

from typing import Any

from pydantic import Field

from dispatch.core.examples import MECHANIC_ID
from dispatch.core.views import Instant, View, by_example
from dispatch.waitlist.model import EntryStatus, Target
from dispatch.waitlist.service import Entries, Listed

_WAITING: dict[str, Any] = {
    "id": "01KJPBYWPG9CAV6QX3Z1H5T8MD",
    "target": "any",
    "mechanic_id": None,
    "brand": None,
    "status": "waiting",
    "place": 3,
    "sleeping": False,
    "turn": None,
    "joined_at": "2026-03-02T04:10:52.560Z",
    "expires_at": "2026-03-03T04:10:52.560Z",
    "ended_at": None,
}
_TOLD = _WAITING | {
    "id": "01KJPBVQ2R4N0WJ6Y8E5K7C9AF",
    "target": "brand",
    "brand": "Honda",
    "status": "told",
    "place": None,
    "turn": {
        "mechanic_id": MECHANIC_ID,
        "told_at": "2026-03-02T13:00:01.204Z",
        "claim_until": "2026-03-02T13:05:01.204Z",
    },
    "joined_at": "2026-03-02T04:09:08.440Z",
    "expires_at": "2026-03-03T04:09:08.440Z",
}


class TurnView(View):
    """A mechanic is free, and it is the caller's turn: book until then, with `/intake/start`."""

    mechanic_id: str
    told_at: Instant
    claim_until: Instant


class WaitlistEntryView(View):
    """One entry of the waitlist. `target` says which of `mechanic_id` and `brand` is set."""

    model_config = by_example(_WAITING)

    id: str
    target: Target
    mechanic_id: str | None
    brand: str | None = Field(examples=["Honda"])
    status: EntryStatus = Field(description="`waiting` and `told` are open, the others over")
    place: int | None = Field(
        description="In line, from 1 for the next to be told; null unless waiting"
    )
    sleeping: bool = Field(
        description="Keeps its place, and is not told while the caller has a session"
    )
    turn: TurnView | None = Field(description="While `told`")
    joined_at: Instant
    expires_at: Instant
    ended_at: Instant | None

    @classmethod
    def of(cls, listed: Listed) -> "WaitlistEntryView":
        entry = listed.entry
        return cls(
            id=entry.id,
            target=entry.wish.target,
            mechanic_id=entry.wish.mechanic_id,
            brand=entry.wish.brand,
            status=entry.status,
            place=listed.place,
            sleeping=listed.sleeping,
            turn=TurnView(
                mechanic_id=entry.turn.mechanic_id,
                told_at=entry.turn.told_at,
                claim_until=entry.turn.until,
            )
            if entry.turn
            else None,
            joined_at=entry.joined_at,
            expires_at=entry.expires_at,
            ended_at=entry.ended_at,
        )


class WaitlistEntryList(View):
    """Newest first; entries that are over are listed for 30 days."""

    model_config = by_example({"items": [_WAITING, _TOLD], "next_cursor": None})

    items: list[WaitlistEntryView]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Entries) -> "WaitlistEntryList":
        return cls(
            items=[WaitlistEntryView.of(listed) for listed in page.items], next_cursor=page.cursor
        )
