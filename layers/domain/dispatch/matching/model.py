"""What is asked for, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from dispatch.customers.model import Location
from dispatch.mechanics.model import Mechanic, Presence, RosterEntry

Standing = tuple[int, bool, bool, Decimal, bool, datetime | None, str]
"""Where a mechanic is in a request's total order; sorts as that does. See ``rules.standing``."""


class RequestType(StrEnum):
    GENERAL = "general"
    BRAND_SPECIALIST = "brand_specialist"


class Badge(StrEnum):
    """How good a match is, in a word. A broadcast is ``general``: it is not scored."""

    HIGH = "high"
    GOOD = "good"
    STANDARD = "standard"
    GENERAL = "general"


class Priority(StrEnum):
    """How an assignment sorts in a queue. ``low`` is for operators."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Among(StrEnum):
    """Whom of the eligible to rank, by presence."""

    FREE = "free"
    ON_SHIFT = "on_shift"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class MatchRequest:
    """What a customer needs, names resolved. Made by ``rules.match_request``.

    ``keywords`` are as written, each once; the ``_key`` fields are folded. ``brand_key`` is None
    unless a brand specialist is asked for. The place is like that of a RosterEntry.
    """

    keywords: tuple[str, ...] = ()
    keyword_keys: tuple[str, ...] = ()
    brand_key: str | None = None
    country: str | None = None
    subdivision: str | None = None
    city_key: str | None = None
    area: str | None = None
    prefer_local_mechanic: bool = True


@dataclass(frozen=True, slots=True)
class Score:
    """``points`` by criterion and in sum, and the sentences that explain them, in table order."""

    match_score: int
    breakdown: Mapping[str, int]
    match_reasons: tuple[str, ...]
    badge: Badge
    is_local_match: bool
    is_brand_specialist: bool


@dataclass(frozen=True, slots=True)
class Ranked:
    """A mechanic with what they scored for a request."""

    mechanic: RosterEntry
    score: Score


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best for a request, best first.

    ``roster_age_s`` is how long ago the refresh began that this rests on.
    """

    top: tuple[Ranked, ...]
    policy_version: int
    ranked_at: datetime
    roster_age_s: float


# Browsing


class Availability(StrEnum):
    """Who of those that match is on shift, busy or not: somebody, nobody; or nobody matches."""

    ONLINE = "online"
    ALL_OFFLINE = "all_offline"
    NONE_MATCH = "none_match"


class WayOn(StrEnum):
    """What a customer can do while everybody is off shift."""

    SCHEDULE = "schedule"
    BROWSE_OFFLINE = "browse_offline"
    JOIN_WAITLIST = "join_waitlist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """To what a customer narrows a list of mechanics down.

    ``online_only`` keeps who is on shift, busy or not. ``brand_specialists_only`` keeps who lists
    ``brand_key``, without it who lists any brand. ``min_rating`` keeps the rated, zero everybody.
    ``local_only`` keeps local matches, ``name_prefix`` whose whole name begins so; it is folded.
    """

    online_only: bool = False
    brand_specialists_only: bool = False
    brand_key: str | None = None
    min_rating: Decimal = Decimal(0)
    local_only: bool = False
    name_prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowseQuery:
    """What a customer asks for. A location without any part is that of their profile."""

    request_type: RequestType = RequestType.GENERAL
    requested_brand: str | None = None
    keywords: tuple[str, ...] = ()
    location: Location = field(default_factory=Location)
    prefer_local_mechanic: bool = True
    filters: Filters = Filters()


@dataclass(frozen=True, slots=True)
class Glimpse:
    """One page of those who match, best first, and how many match in all, on shift or not."""

    page: tuple[Ranked, ...]
    has_more: bool
    matching: int
    on_shift: int


@dataclass(frozen=True, slots=True)
class Card:
    """A mechanic as their item is now, with what they score for a request.

    ``next_slot_at`` is when the next slot of the shortest plan starts; None without any.
    """

    mechanic: Mechanic
    presence: Presence
    score: Score
    next_slot_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BrowseList:
    """One page of the list of available mechanics. ``online_count`` counts the busy, too.

    ``average_response_s`` is the mean time from offer to accept of late, None without any.
    """

    availability: Availability
    online_count: int
    average_response_s: float | None
    cards: tuple[Card, ...]
    options: tuple[WayOn, ...]
    next_cursor: str | None
