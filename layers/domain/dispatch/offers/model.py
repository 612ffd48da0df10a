"""The dispatch of a session: its assignments, targeted and broadcast. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dispatch.matching.model import Badge, MatchRequest, Priority
from dispatch.policy.model import SessionType


class AssignmentStatus(StrEnum):
    HELD = "held"
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
    OPEN = "open"
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


class OfferKind(StrEnum):
    """How an offer came about: the customer's choice alone, a wave, or new capacity."""

    PREFERRED = "preferred"
    WAVE = "wave"
    CAPACITY = "capacity"


class Cause(StrEnum):
    """Why an assignment expired."""

    TIMEOUT = "timeout"
    CLOCKED_OUT = "clocked_out"
    AT_CAPACITY = "at_capacity"
    UNDELIVERABLE = "undeliverable"
    NOT_JOINED = "not_joined"
    NOT_ELIGIBLE = "not_eligible"
    UNFILLED = "unfilled"


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
    minutes: int = 0
    scheduled_start: datetime | None = None
    scheduled_end: datetime | None = None


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

    A broadcast has no ``mechanic_id`` until it is accepted; it ends with the pending period
    (``expires_at``), and while it is ``held`` it opens by itself at ``opens_at``. ``declined_by``
    are those who do not want it, ``excluded`` those who may not have it. ``accepted_at``,
    ``missed``, ``no_show`` and ``cause`` tell how the row went on. ``kind`` is how an offer came
    about; unknown of those written before it was kept.
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
    opens_at: datetime | None = None
    accepted_at: datetime | None = None
    missed: bool = False
    no_show: bool = False
    cause: Cause | None = None
    kind: OfferKind | None = None


@dataclass(frozen=True, slots=True)
class OpenOffer:
    """An offer that is out, as the dispatch remembers it."""

    assignment_id: str
    mechanic_id: str
    offered_at: datetime
    expires_at: datetime
    kind: OfferKind = OfferKind.WAVE


@dataclass(frozen=True, slots=True)
class LeftCapacity:
    """Capacity that no pending session takes, until the waitlist has dealt with it.

    ``id`` is that of the fact that told so (``CapacityLeft``).
    """

    id: str
    mechanic_id: str
    room: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of the offers to a mechanic in a stretch of time, and the sessions they completed.

    A plan of up to 15 minutes counts as ``micro``, the rest as ``full``.
    """

    offers_received: int = 0
    offers_accepted: int = 0
    offers_declined: int = 0
    offers_missed: int = 0
    micro_sessions: int = 0
    full_sessions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """How far the search for a session's mechanic has come. ``version`` is the lock.

    ``is_open`` while the session is pending. ``asked`` were offered this session at any time,
    ``declined`` do not want it, ``excluded`` may not have it: they gave it back, did not come, or
    are the customer. ``announced`` once the broadcast was pushed in this period.

    ``preferred_id`` is whom the customer chose, ``preferred_outcome`` why they were passed over.
    While that one is asked alone the broadcast opens only at ``opens_at``.

    ``seek_due_at``: since when there is something to seek; None once it was done. ``matched`` once
    this period's first wave was made, at ``wave_at``, ``short`` of that many mechanics. ``owed``
    offers have to pass on. ``all_offline`` while nobody eligible was seen on shift.
    ``earlier_broadcasts`` are the rows of the periods before.
    """

    session_id: str
    period: int
    pending_since: datetime
    policy_version: int
    customer_id: str
    brief: SessionBrief
    wanted: MatchRequest
    broadcast_id: str
    is_open: bool = True
    matched: bool = False
    announced: bool = False
    pending_until: datetime | None = None
    preferred_id: str | None = None
    preferred_outcome: str | None = None
    opens_at: datetime | None = None
    seek_due_at: datetime | None = None
    wave_at: datetime | None = None
    short: int = 0
    owed: int = 0
    all_offline: bool = False
    waves: int = 0
    offers: tuple[OpenOffer, ...] = ()
    earlier_broadcasts: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    declined: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    version: int = 1
