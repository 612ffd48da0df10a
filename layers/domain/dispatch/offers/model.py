"""The dispatch of a session: its assignments, targeted and broadcast. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dispatch.matching.model import Badge, MatchRequest, Priority
from dispatch.policy.model import SessionType


class AssignmentStatus(StrEnum):
    QUEUED = "queued"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    JOINED = "joined"
    IN_PROGRESS = "in_progress"
    ENDED = "ended"
    DECLINED = "declined"
    RELEASED = "released"
    EXPIRED = "expired"
    RESCINDED = "rescinded"
    CANCELLED = "cancelled"


class Move(StrEnum):
    ACCEPT = "accept"
    JOIN = "join"
    START = "start"
    END = "end"
    DECLINE = "decline"
    RELEASE = "release"
    EXPIRE = "expire"
    RESCIND = "rescind"
    CANCEL = "cancel"


class MatchType(StrEnum):
    TARGETED = "targeted"
    BROADCAST = "broadcast"


class DeclineReason(StrEnum):
    BUSY = "busy"
    NOT_MY_SKILL = "not_my_skill"
    WRONG_LOCATION = "wrong_location"
    PRICE = "price"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class VehicleBrief:
    """A vehicle as a mechanic sees it before accepting: no VIN, no plate."""

    year: int
    make: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBrief:
    """What a mechanic may know of a session before accepting it."""

    id: str
    type: SessionType
    plan: str
    urgent: bool
    created_at: datetime
    vehicle: VehicleBrief | None
    keywords: tuple[str, ...]
    concern_preview: str
    city: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Why a mechanic was chosen; a broadcast has none."""

    score: int
    reasons: tuple[str, ...]
    badge: Badge
    is_brand_specialist: bool
    is_local_match: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One row in the dispatch of a session.

    A broadcast has no ``mechanic_id`` until it is accepted and no ``expires_at``;
    ``declined_by`` are those who do not want to see it, ``excluded`` those who may not have
    the session.
    """

    id: str
    session_id: str
    match_type: MatchType
    status: AssignmentStatus
    priority: Priority
    mechanic_id: str | None
    match: Match | None
    offered_at: datetime
    expires_at: datetime | None
    brief: SessionBrief
    wanted: MatchRequest
    declined_by: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OpenOffer:
    """An offer that is out, as the dispatch remembers it."""

    assignment_id: str
    mechanic_id: str
    offered_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """How far the search for a session's mechanic has come. ``version`` is the lock.

    ``is_open`` while the session is pending. ``asked`` were offered this session at any time,
    ``declined`` do not want it, ``excluded`` may not have it: they gave it back, or are the
    customer. ``announced`` once the broadcast was pushed in this period.
    """

    session_id: str
    period: int
    pending_since: datetime
    policy_version: int
    brief: SessionBrief
    wanted: MatchRequest
    broadcast_id: str
    is_open: bool = True
    matched: bool = False
    announced: bool = False
    waves: int = 0
    offers: tuple[OpenOffer, ...] = ()
    asked: tuple[str, ...] = ()
    declined: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    version: int = 1
