"""What the roster is measured against: look at every mechanic, score the eligible, sort.

As lean as plain Python gets: one pass, sums without reasons, ties ordered only among those who
reach the k-th score. Both sides explain the final ten.
"""

import heapq
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from dispatch.matching.model import Among, MatchRequest, Ranked
from dispatch.matching.rules import order, score
from dispatch.mechanics.model import RosterEntry
from dispatch.policy.model import Policy, Scoring


def best(
    entries: Sequence[RosterEntry],
    request: MatchRequest,
    k: int,
    policy: Policy,
    now: datetime,
    among: Among,
) -> list[Ranked]:
    """The same answer as ``Roster.best``."""
    on, scoring = now.date(), policy.scoring
    scored = [
        (_points(entry, request, scoring), entry)
        for entry in _eligible(entries, request, policy, on, among)
    ]
    if not scored:
        return []
    least = heapq.nlargest(k, [points for points, _ in scored])[-1]
    contenders = [(-points, *order(entry), entry) for points, entry in scored if points >= least]
    return [Ranked(row[-1], score(row[-1], request, scoring, on)) for row in sorted(contenders)[:k]]


def _eligible(
    entries: Sequence[RosterEntry],
    request: MatchRequest,
    policy: Policy,
    on: date,
    among: Among,
) -> list[RosterEntry]:
    least, capacity, brand = policy.min_profile_completion, policy.capacity, request.brand_key
    if among is Among.FREE:
        entries = [e for e in entries if e.duty.on_shift and e.duty.load < capacity]
    return [
        entry
        for entry in entries
        if entry.approved
        and entry.profile_completion >= least
        and not (entry.certified and entry.certified_until and entry.certified_until < on)
        and (brand is None or brand in entry.brand_keys)
    ]


def _points(entry: RosterEntry, request: MatchRequest, scoring: Scoring) -> int:
    points = scoring.on_shift if entry.duty.on_shift else scoring.off_shift
    if entry.country and request.country:
        points += _points_of_place(entry, request, scoring)
    points += _reached(entry.years_of_experience, scoring.experience_years)
    points += _reached(entry.rating, scoring.rating)
    points += _reached(entry.completed_sessions, scoring.completed_sessions)
    points += _reached(entry.profile_completion, scoring.complete_profile)
    if entry.certified:
        points += scoring.certified
    for key in request.keyword_keys:
        if key in entry.keyword_keys:
            points += scoring.keyword
    if request.brand_key:
        points += scoring.brand_specialist
    return points


def _points_of_place(entry: RosterEntry, request: MatchRequest, scoring: Scoring) -> int:
    if entry.country != request.country:
        return scoring.other_country if request.prefer_local_mechanic else 0
    points = scoring.same_country
    if request.area and entry.area == request.area:
        points += scoring.same_area
    if (
        request.prefer_local_mechanic
        and request.city_key
        and entry.city_key == request.city_key
        and (
            not entry.subdivision
            or not request.subdivision
            or entry.subdivision == request.subdivision
        )
    ):
        points += scoring.same_city
    return points


def _reached(value: Any, steps: Any) -> int:
    if value is not None:
        for threshold, points in steps:
            if value >= threshold:
                return int(points)
    return 0
