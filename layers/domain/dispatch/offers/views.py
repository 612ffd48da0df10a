"""A mechanic's queue as it is shown. Imported by HTTP functions only."""

import math
from datetime import datetime
from typing import Any

from pydantic import Field

from dispatch.core.examples import (
    ASSIGNMENT_ID,
    BOOKED_AT,
    CITY,
    CONCERN,
    KEYWORDS,
    MECHANIC_ID,
    OFFER_ENDS_AT,
    OFFERED_AT,
    SESSION_ID,
    VEHICLE,
)
from dispatch.core.views import Instant, View, by_example
from dispatch.matching.model import Badge, Priority
from dispatch.offers import rules
from dispatch.offers.model import Assignment, AssignmentStatus, MatchType
from dispatch.offers.service import Queue
from dispatch.policy.model import SessionType


class VehicleBriefView(View):
    """A vehicle without what identifies it."""

    year: int
    make: str
    model: str


class QueuedSession(View):
    """What a mechanic may know of a session before accepting it."""

    id: str
    type: SessionType
    plan: str
    status: str = Field(examples=["pending"])
    urgent: bool
    created_at: Instant
    scheduled_start: Instant | None = None
    scheduled_end: Instant | None = None
    vehicle: VehicleBriefView | None
    keywords: tuple[str, ...]
    concern_preview: str
    city: str | None


class RowMetadata(View):
    """How the row came about."""

    match_type: MatchType
    reason: str | None = Field(examples=["Available now"])
    is_brand_specialist: bool
    is_local_match: bool


class QueueRow(View):
    """One assignment. A broadcast has no score; only an offer has a deadline."""

    id: str
    session_id: str
    status: AssignmentStatus
    mechanic_id: str | None
    match_score: int | None
    match_reasons: tuple[str, ...] | None
    badge: Badge
    priority: Priority
    offered_at: Instant
    expires_at: Instant | None
    expires_in_s: int | None
    metadata: RowMetadata
    session: QueuedSession

    @classmethod
    def of(cls, row: Assignment, now: datetime) -> "QueueRow":
        match = row.match
        expires_at = row.expires_at if row.status is AssignmentStatus.OFFERED else None
        return cls(
            id=row.id,
            session_id=row.session_id,
            status=rules.as_of(row, now).status,
            mechanic_id=row.mechanic_id,
            match_score=match.score if match else None,
            match_reasons=match.reasons if match else None,
            badge=match.badge if match else Badge.GENERAL,
            priority=row.priority,
            offered_at=row.offered_at,
            expires_at=expires_at,
            expires_in_s=_seconds(expires_at, now),
            metadata=RowMetadata(
                match_type=row.match_type,
                reason="; ".join(match.reasons) if match else None,
                is_brand_specialist=match.is_brand_specialist if match else False,
                is_local_match=match.is_local_match if match else False,
            ),
            session=QueuedSession.model_validate(_session(row)),
        )


def _seconds(expires_at: datetime | None, now: datetime) -> int | None:
    if expires_at is None:
        return None
    return max(0, math.ceil((expires_at - now).total_seconds()))


def _session(row: Assignment) -> dict[str, Any]:
    brief = row.brief
    return {
        "id": brief.id,
        "type": brief.type,
        "plan": brief.plan,
        "status": rules.session_status(row.status),
        "urgent": brief.urgent,
        "created_at": brief.created_at,
        "scheduled_start": brief.scheduled_start,
        "scheduled_end": brief.scheduled_end,
        "vehicle": brief.vehicle,
        "keywords": brief.keywords,
        "concern_preview": brief.concern_preview,
        "city": brief.city,
    }


_REASONS = [
    "Available now",
    "Local match - Toronto FSA M5V",
    "10+ years experience",
    "Highly rated (4.8)",
    "Professionally Certified",
    "50+ sessions completed",
    "Keyword match: check engine light",
    "Keyword match: engine diagnostic",
    "Complete profile",
]
_TARGETED: dict[str, Any] = {
    "id": ASSIGNMENT_ID,
    "session_id": SESSION_ID,
    "status": "offered",
    "mechanic_id": MECHANIC_ID,
    "match_score": 245,
    "match_reasons": _REASONS,
    "badge": "high",
    "priority": "high",
    "offered_at": OFFERED_AT,
    "expires_at": OFFER_ENDS_AT,
    "expires_in_s": 271,
    "metadata": {
        "match_type": "targeted",
        "reason": "; ".join(_REASONS),
        "is_brand_specialist": False,
        "is_local_match": True,
    },
    "session": {
        "id": SESSION_ID,
        "type": "chat",
        "plan": "free",
        "status": "pending",
        "urgent": False,
        "created_at": BOOKED_AT,
        "scheduled_start": None,
        "scheduled_end": None,
        "vehicle": VEHICLE,
        "keywords": KEYWORDS,
        "concern_preview": CONCERN,
        "city": CITY,
    },
}
_BROADCAST: dict[str, Any] = {
    "id": "01KJQDFFATHBKTNTCH09Q9THFZ",
    "session_id": "01KJQDCDHEEVCM1SXWFMRX4MYB",
    "status": "queued",
    "mechanic_id": None,
    "match_score": None,
    "match_reasons": None,
    "badge": "general",
    "priority": "normal",
    "offered_at": "2026-03-02T13:58:20.250Z",
    "expires_at": None,
    "expires_in_s": None,
    "metadata": {
        "match_type": "broadcast",
        "reason": None,
        "is_brand_specialist": False,
        "is_local_match": False,
    },
    "session": {
        "id": "01KJQDCDHEEVCM1SXWFMRX4MYB",
        "type": "chat",
        "plan": "free",
        "status": "pending",
        "urgent": True,
        "created_at": "2026-03-02T13:56:40.110Z",
        "scheduled_start": None,
        "scheduled_end": None,
        "vehicle": None,
        "keywords": ["brake repair"],
        "concern_preview": "Brakes squeal when stopping, need a second opinion",
        "city": "Hamilton",
    },
}


class QueueView(View):
    """``mine`` is offered to or in hand of the caller, ``unassigned`` anybody's; best first."""

    model_config = by_example(
        {"total": 2, "unassigned": [_BROADCAST], "mine": [_TARGETED], "poll_after_s": 3}
    )

    total: int
    unassigned: list[QueueRow]
    mine: list[QueueRow]
    poll_after_s: int

    @classmethod
    def of(cls, queue: Queue, now: datetime) -> "QueueView":
        return cls(
            total=len(queue.unassigned) + len(queue.mine),
            unassigned=[QueueRow.of(row, now) for row in queue.unassigned],
            mine=[QueueRow.of(row, now) for row in queue.mine],
            poll_after_s=rules.poll_after_s(on_shift=queue.on_shift),
        )
