"""The match score: what is worth how much, and the order it gives (``domain.md``).

Scoring ignores eligibility. Whatever is unknown on either side scores nothing and gives no reason.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple, TypeVar

from dispatch.core import places
from dispatch.matching.model import (
    Availability,
    Badge,
    Filters,
    MatchRequest,
    Priority,
    RequestType,
    Score,
    Standing,
    WayOn,
)
from dispatch.mechanics.model import RosterEntry, RosterRow
from dispatch.mechanics.rules import is_certified
from dispatch.policy.model import Scoring


def match_request(
    *,
    request_type: RequestType = RequestType.GENERAL,
    requested_brand: str | None = None,
    keywords: Sequence[str] = (),
    country: str | None = None,
    state_province: str | None = None,
    city: str | None = None,
    postal_code: str | None = None,
    prefer_local_mechanic: bool = True,
) -> MatchRequest:
    """The request with its names resolved. A place that is not recognised is unknown."""
    code = places.country(country)
    by_key = {places.fold(keyword): keyword for keyword in reversed(keywords)}
    distinct = tuple(dict.fromkeys(places.fold(keyword) for keyword in keywords))
    wants_brand = request_type is RequestType.BRAND_SPECIALIST and requested_brand
    return MatchRequest(
        keywords=tuple(by_key[key] for key in distinct),
        keyword_keys=distinct,
        brand_key=places.fold(requested_brand) if wants_brand and requested_brand else None,
        country=code,
        subdivision=places.subdivision(code, state_province),
        city_key=places.fold(city) if city else None,
        area=places.postal_area(code, postal_code),
        prefer_local_mechanic=prefer_local_mechanic,
    )


def in_same_area(entry: RosterEntry, request: MatchRequest) -> bool:
    """Areas are known only where the country is; the same digits mean other places elsewhere."""
    return (
        request.area is not None and entry.area == request.area and entry.country == request.country
    )


def in_same_city(entry: RosterEntry, request: MatchRequest) -> bool:
    """Same name, country and province: Richmond in British Columbia is not Richmond in Ontario."""
    return (
        request.city_key is not None
        and entry.city_key == request.city_key
        and request.country is not None
        and entry.country == request.country
        and (
            entry.subdivision is None
            or request.subdivision is None
            or entry.subdivision == request.subdivision
        )
    )


class _Line(NamedTuple):
    """One row of the table: what a criterion is worth here, and the sentences to show for it."""

    points: int
    reasons: tuple[str, ...] = ()


_NOTHING = _Line(0)
_Criterion = Callable[[RosterEntry, MatchRequest, Scoring, date], _Line]
_T = TypeVar("_T", int, Decimal)


def reached(value: _T | None, steps: Sequence[tuple[_T, int]]) -> tuple[_T, int] | None:
    """The highest step that ``value`` reaches, with its points; None if none, or unknown."""
    if value is not None:
        for step in steps:
            if value >= step[0]:
                return step
    return None


def _presence(entry: RosterEntry, _: MatchRequest, scoring: Scoring, __: date) -> _Line:
    if entry.duty.on_shift:
        return _Line(scoring.on_shift, ("Available now",))
    return _Line(scoring.off_shift, ("Available soon",))


def _country(entry: RosterEntry, request: MatchRequest, scoring: Scoring, _: date) -> _Line:
    if entry.country is None or request.country is None:
        return _NOTHING
    if entry.country != request.country:
        return _Line(scoring.other_country) if request.prefer_local_mechanic else _NOTHING
    if in_same_area(entry, request) or _counts_as_same_city(entry, request):
        return _Line(scoring.same_country)
    return _Line(scoring.same_country, (f"Same country - {places.country_name(entry.country)}",))


def _area(entry: RosterEntry, request: MatchRequest, scoring: Scoring, _: date) -> _Line:
    if not in_same_area(entry, request):
        return _NOTHING
    area = f"FSA {entry.area}" if entry.country == places.CANADA else entry.area
    place = f"{entry.city} {area}" if entry.city else area
    return _Line(scoring.same_area, (f"Local match - {place}",))


def _city(entry: RosterEntry, request: MatchRequest, scoring: Scoring, _: date) -> _Line:
    if not _counts_as_same_city(entry, request):
        return _NOTHING
    if in_same_area(entry, request):
        return _Line(scoring.same_city)
    return _Line(scoring.same_city, (f"Same city - {entry.city}",))


def _counts_as_same_city(entry: RosterEntry, request: MatchRequest) -> bool:
    return request.prefer_local_mechanic and in_same_city(entry, request)


def _experience(entry: RosterEntry, _: MatchRequest, scoring: Scoring, __: date) -> _Line:
    step = reached(entry.years_of_experience, scoring.experience_years)
    return _Line(step[1], (f"{step[0]}+ years experience",)) if step else _NOTHING


def _rating(entry: RosterEntry, _: MatchRequest, scoring: Scoring, __: date) -> _Line:
    step = reached(entry.rating, scoring.rating)
    if step is None or entry.rating is None:
        return _NOTHING
    praise = "Highly rated" if step == scoring.rating[0] else "Well rated"
    stars = entry.rating.quantize(Decimal("0.1"), rounding=ROUND_DOWN)
    return _Line(step[1], (f"{praise} ({stars})",))


def _certified(entry: RosterEntry, _: MatchRequest, scoring: Scoring, on: date) -> _Line:
    if not is_certified(entry, on):
        return _NOTHING
    return _Line(scoring.certified, ("Professionally Certified",))


def _completed_sessions(entry: RosterEntry, _: MatchRequest, scoring: Scoring, __: date) -> _Line:
    step = reached(entry.completed_sessions, scoring.completed_sessions)
    return _Line(step[1], (f"{step[0]}+ sessions completed",)) if step else _NOTHING


def _keywords(entry: RosterEntry, request: MatchRequest, scoring: Scoring, _: date) -> _Line:
    matched = [
        keyword
        for keyword, key in zip(request.keywords, request.keyword_keys, strict=True)
        if key in entry.keyword_keys
    ]
    if not matched:
        return _NOTHING
    reasons = tuple(f"Keyword match: {keyword}" for keyword in matched)
    return _Line(scoring.keyword * len(matched), reasons)


def _complete_profile(entry: RosterEntry, _: MatchRequest, scoring: Scoring, __: date) -> _Line:
    step = reached(entry.profile_completion, scoring.complete_profile)
    return _Line(step[1], ("Complete profile",)) if step else _NOTHING


def _brand(entry: RosterEntry, request: MatchRequest, scoring: Scoring, _: date) -> _Line:
    if request.brand_key is None or request.brand_key not in entry.brand_keys:
        return _NOTHING
    brand = entry.brands[entry.brand_keys.index(request.brand_key)]
    return _Line(scoring.brand_specialist, (f"Brand specialist - {brand}",))


# In the order of the table in domain.md, which is the order of the reasons.
_CRITERIA: dict[str, _Criterion] = {
    "presence": _presence,
    "country": _country,
    "area": _area,
    "city": _city,
    "experience": _experience,
    "rating": _rating,
    "certified": _certified,
    "completed_sessions": _completed_sessions,
    "keywords": _keywords,
    "complete_profile": _complete_profile,
    "brand": _brand,
}


def score(entry: RosterEntry, request: MatchRequest, scoring: Scoring, on: date) -> Score:
    """What one mechanic scores for one request on that day (UTC)."""
    lines = {
        name: line
        for name, criterion in _CRITERIA.items()
        if (line := criterion(entry, request, scoring, on)) is not _NOTHING
    }
    match_score = sum(line.points for line in lines.values())
    return Score(
        match_score=match_score,
        breakdown={name: line.points for name, line in lines.items()},
        match_reasons=tuple(reason for line in lines.values() for reason in line.reasons),
        badge=badge(match_score, scoring),
        is_local_match="area" in lines or "city" in lines,
        is_brand_specialist="brand" in lines,
    )


def static_points(entry: RosterEntry, scoring: Scoring) -> int:
    """The part of the score that depends neither on the request, nor on presence, nor on the day.

    A certification counts as valid: with a lapsed one a mechanic is not eligible, so not ranked.
    """
    points = scoring.certified if entry.certified else 0
    for step in (
        reached(entry.years_of_experience, scoring.experience_years),
        reached(entry.rating, scoring.rating),
        reached(entry.completed_sessions, scoring.completed_sessions),
        reached(entry.profile_completion, scoring.complete_profile),
    ):
        if step:
            points += step[1]
    return points


def best_possible_abroad(request: MatchRequest, scoring: Scoring) -> int:
    """What no mechanic of another country than the customer's can exceed for this request.

    Ranking need not look abroad where it found enough who score more.
    """
    abroad = scoring.other_country if request.prefer_local_mechanic and request.country else 0
    best = max(scoring.on_shift, scoring.off_shift) + abroad
    best += max(0, scoring.keyword) * len(request.keyword_keys)
    best += max(0, scoring.certified) + max(0, scoring.brand_specialist if request.brand_key else 0)
    for steps in (
        scoring.experience_years,
        scoring.rating,
        scoring.completed_sessions,
        scoring.complete_profile,
    ):
        best += max((0, *(points for _, points in steps)))
    return best


def order(entry: RosterEntry) -> tuple[bool, bool, Decimal, bool, datetime | None, str]:
    """Sorts mechanics of equal score, the first to be offered first. Exact and total.

    On shift first, rating descending (none last), ``waiting_since`` ascending (null first), id.
    """
    rating, since = entry.rating, entry.duty.waiting_since
    return (
        not entry.duty.on_shift,
        rating is None,
        -rating if rating is not None else Decimal(0),
        since is not None,
        since,
        entry.id,
    )


def standing(match_score: int, entry: RosterEntry) -> Standing:
    """Sorts mechanics in the total order: the higher score first, then by ``order``."""
    return (-match_score, *order(entry))


def is_listed(entry: RosterEntry, score: Score, filters: Filters) -> bool:
    """Whether an eligible mechanic with that score passes the filters, ``online_only`` too."""
    brand = filters.brand_key
    return (
        (entry.duty.on_shift or not filters.online_only)
        and (score.is_local_match or not filters.local_only)
        and entry.name_key.startswith(filters.name_prefix)
        and is_rated(entry, filters.min_rating)
        and (
            not filters.brand_specialists_only
            or (brand in entry.brand_keys if brand else bool(entry.brand_keys))
        )
    )


def is_rated(entry: RosterEntry, at_least: Decimal) -> bool:
    """Whether the exact mean of the stars reaches that. Everybody reaches zero, rated or not."""
    return not at_least or (entry.rating is not None and entry.rating >= at_least)


def availability(matching: int, on_shift: int) -> Availability:
    """In a word, of how many match and how many of them are on shift. All busy is online."""
    if not matching:
        return Availability.NONE_MATCH
    return Availability.ONLINE if on_shift else Availability.ALL_OFFLINE


def ways_on(found: Availability) -> tuple[WayOn, ...]:
    """What is left to do: all three ways while all are off shift, else there is no need."""
    return tuple(WayOn) if found is Availability.ALL_OFFLINE else ()


def badge(match_score: int, scoring: Scoring) -> Badge:
    if match_score >= scoring.badge_high:
        return Badge.HIGH
    return Badge.GOOD if match_score >= scoring.badge_good else Badge.STANDARD


def priority(match_score: int, scoring: Scoring) -> Priority:
    """Of a targeted assignment: ``high`` for a match of badge ``high``, else ``normal``."""
    return Priority.HIGH if match_score >= scoring.badge_high else Priority.NORMAL


def supersedes(row: RosterRow, known: RosterRow | None) -> bool:
    """Whether a row that was read counts against what is known of its mechanic.

    Rows come late, again, and in any order between partitions. Of one partition the one read last
    counts, whatever its stamp: writers' clocks differ. From another partition, which a mechanic
    has moved to or from, only a newer presence counts, never a tombstone.
    """
    if known is None:
        return row.entry is not None
    if row.partition == known.partition:
        return row != known
    return row.entry is not None and row.changed_at >= known.changed_at
