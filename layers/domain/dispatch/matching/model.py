"""What is asked for, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dispatch.mechanics.model import RosterEntry


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
