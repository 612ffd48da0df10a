"""The match score, its reasons and its order, as `domain.md` rules them."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dispatch.matching.model import Badge, Priority, RequestType, Score
from dispatch.matching.rules import (
    badge,
    best_possible_abroad,
    match_request,
    order,
    priority,
    score,
    static_points,
)
from dispatch.mechanics.model import Duty, RosterEntry
from dispatch.policy.model import Scoring
from tests.clock import NOON
from tests.mechanic_builders import FREE, OFF, a_record, a_request, a_request_like, an_entry

TODAY = NOON.date()
VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "scoring.json").read_text(encoding="utf-8")
)


def scored(entry: RosterEntry, **wanted: Any) -> Score:
    return score(entry, a_request(**wanted), Scoring(), TODAY)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["name"]))
def test_the_vectors(case: dict[str, Any]) -> None:
    described = dict(case["mechanic"])
    duty = Duty(on_shift=described.pop("currently_on_shift"))
    found = score(
        an_entry(duty, **{"state_province": None, **described}),
        a_request_like(case["request"]),
        Scoring(),
        date.fromisoformat(case["request"]["on"]),
    )
    assert {
        "match_score": found.match_score,
        "match_reasons": list(found.match_reasons),
        "badge": found.badge,
        "is_local_match": found.is_local_match,
        "is_brand_specialist": found.is_brand_specialist,
    } == case["expected"]


def test_the_breakdown_names_each_criterion_that_holds_and_adds_up() -> None:
    found = scored(an_entry(), request_type=RequestType.BRAND_SPECIALIST, requested_brand="Bmw")
    assert found.breakdown == {
        "presence": 50,
        "country": 25,
        "area": 40,
        "city": 35,
        "experience": 10,
        "rating": 15,
        "certified": 10,
        "completed_sessions": 8,
        "keywords": 15,
        "brand": 30,
    }
    assert found.match_score == sum(found.breakdown.values())


def test_what_is_unknown_scores_nothing_and_raises_nothing() -> None:
    nothing_known = dict.fromkeys(a_record(), None) | {
        "id": "m",
        "name": "M",
        "profile_completion": 0,
    }
    found = score(an_entry(OFF, **nothing_known), match_request(), Scoring(), TODAY)
    assert (found.match_score, found.match_reasons) == (20, ("Available soon",))


def test_a_city_with_an_unknown_country_on_both_sides_is_no_match() -> None:
    found = scored(an_entry(country=None), country=None)
    assert not found.is_local_match


def test_the_same_digits_in_another_country_are_another_area() -> None:
    found = scored(
        an_entry(country="US", state_province="New York", city="Buffalo", postal_code="14201"),
        country="Germany",
        state_province=None,
        city="Bonn",
        postal_code="14299",
    )
    assert not found.is_local_match
    assert found.breakdown["country"] == -20


def test_each_keyword_counts_once_in_the_spelling_and_order_of_the_request() -> None:
    found = scored(
        an_entry(service_keywords=["brake repair", "oil change", "Oil Change"]),
        keywords=("Oil change", "tire rotation", "OIL CHANGE", "brake repair"),
    )
    assert [r for r in found.match_reasons if r.startswith("Keyword")] == [
        "Keyword match: Oil change",
        "Keyword match: brake repair",
    ]


def test_a_reason_stands_even_where_the_policy_gives_no_points() -> None:
    found = score(an_entry(), a_request(), replace(Scoring(), certified=0), TODAY)
    assert "Professionally Certified" in found.match_reasons


def test_a_certification_counts_through_its_last_day() -> None:
    entry = an_entry(certification_expires_on=TODAY.isoformat())
    assert "certified" in score(entry, a_request(), Scoring(), TODAY).breakdown
    tomorrow = TODAY + timedelta(days=1)
    assert "certified" not in score(entry, a_request(), Scoring(), tomorrow).breakdown


def test_static_points_are_the_score_less_presence_place_keywords_and_brand() -> None:
    entry = an_entry(profile_completion=95, completed_sessions=50)
    found = scored(entry, country=None, keywords=(), request_type=RequestType.GENERAL)
    assert static_points(entry, Scoring()) == found.match_score - found.breakdown["presence"]


def test_nobody_abroad_exceeds_what_is_possible_there() -> None:
    superb = an_entry(
        country="DE",
        years_of_experience=10,
        rating=5,
        completed_sessions=50,
        profile_completion=100,
    )
    wanted = a_request(request_type=RequestType.BRAND_SPECIALIST, requested_brand="BMW")
    found = score(superb, wanted, Scoring(), TODAY)
    assert best_possible_abroad(wanted, Scoring()) == found.match_score


def test_the_order_of_equal_scores_is_total() -> None:
    best_first = [
        an_entry(FREE, id="b", rating=5),
        an_entry(FREE, id="a", rating=4.9),
        an_entry(Duty(on_shift=True, waiting_since=NOON), id="h", rating=4.9),
        an_entry(
            Duty(on_shift=True, waiting_since=NOON + timedelta(seconds=1)), id="c", rating=4.9
        ),
        an_entry(
            Duty(on_shift=True, waiting_since=NOON + timedelta(seconds=1)), id="d", rating=4.9
        ),
        an_entry(FREE, id="a0", rating=None),
        an_entry(OFF, id="a1", rating=5),
    ]
    assert sorted(sorted(best_first, key=lambda entry: entry.id), key=order) == best_first


def test_ratings_are_ordered_exactly_not_as_shown() -> None:
    higher = replace(an_entry(id="z"), rating=Decimal("4.84"))
    lower = replace(an_entry(id="a"), rating=Decimal("4.83"))
    assert sorted([lower, higher], key=order) == [higher, lower]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (150, Badge.HIGH),
        (149, Badge.GOOD),
        (100, Badge.GOOD),
        (99, Badge.STANDARD),
    ],
)
def test_the_badge(points: int, expected: Badge) -> None:
    assert badge(points, Scoring()) is expected


def test_a_high_match_is_of_high_priority() -> None:
    assert priority(150, Scoring()) is Priority.HIGH
    assert priority(149, Scoring()) is Priority.NORMAL
