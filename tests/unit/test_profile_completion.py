"""How complete a profile is, who counts as what, and which decisions there are."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.core.errors import Conflict, IllegalMove
from dispatch.mechanics import rules
from dispatch.mechanics.model import (
    Mechanic,
    MechanicStatus,
    Profile,
    ProfileEdit,
    SpecialistTier,
    StandingMove,
)
from dispatch.mechanics.rules import ENOUGH_KEYWORDS, PARTS
from dispatch.policy.model import Policy
from tests.clock import NOON

TODAY = NOON.date()
DAY = timedelta(days=1)
EMPTY = Profile(id="mechanic-1", name="")

# What makes each part of a profile complete.
FILLED: dict[str, dict[str, Any]] = {
    "name": {"name": "Ada Chen"},
    "email": {"email": "ada@mechanic.example"},
    "phone": {"phone": "+14165550142"},
    "photo": {"photo_url": "https://photos.example/1"},
    "about_me": {"about_me": "Odd noises"},
    "location": {
        "country": "CA",
        "state_province": "ON",
        "city": "Toronto",
        "postal_code": "M5V 2B2",
        "time_zone": "America/Toronto",
    },
    "years_of_experience": {"years_of_experience": 0},
    "service_keywords": {"service_keywords": ("a", "b", "c")},
    "weekly_availability": {"has_weekly_hours": True},
    "languages": {"languages": ("en",)},
    "certification": {"certified": True, "certification_expires_on": TODAY},
    "brand_specializations": {"brand_specializations": ("BMW",)},
}
# What each part of a complete profile is worth.
WEIGHTS = {
    "name": 10,
    "email": 5,
    "phone": 10,
    "photo": 15,
    "about_me": 5,
    "location": 15,
    "years_of_experience": 10,
    "service_keywords": 15,
    "weekly_availability": 10,
    "languages": 5,
    "certification": 15,
    "brand_specializations": 10,
}
OF_SPECIALISTS = {"certification", "brand_specializations"}
tiers = st.sampled_from(SpecialistTier)
parts = st.sets(st.sampled_from(sorted(FILLED)))


def a_profile(there: set[str], tier: SpecialistTier = SpecialistTier.GENERAL) -> Profile:
    fields = {name: value for part in there for name, value in FILLED[part].items()}
    return replace(EMPTY, specialist_tier=tier, **fields)


def percentage(profile: Profile, on: date = TODAY) -> int:
    return rules.completion(profile, on).percentage


def test_the_table_is_that_of_the_issue() -> None:
    assert {part.field: part.weight for part in PARTS} == WEIGHTS
    assert {part.field for part in PARTS if part.specialists} == OF_SPECIALISTS
    assert sum(WEIGHTS.values()) == 125


@given(parts, tiers)
def test_it_is_the_share_of_what_applies_rounded_down(
    there: set[str], tier: SpecialistTier
) -> None:
    applies = set(WEIGHTS) - (set() if tier is SpecialistTier.BRAND_SPECIALIST else OF_SPECIALISTS)
    found = rules.completion(a_profile(there, tier), TODAY)
    whole = sum(WEIGHTS[part] for part in applies)
    assert found.percentage == 100 * sum(WEIGHTS[part] for part in applies & there) // whole
    assert 0 <= found.percentage <= 100
    assert {each.field: each.weight for each in found.missing} == {
        part: WEIGHTS[part] for part in applies - there
    }
    assert (found.percentage == 100) is (not found.missing)
    assert all(each.next_step for each in found.missing)


@given(parts, st.sampled_from(sorted(FILLED)), tiers)
def test_a_part_more_is_never_less(there: set[str], more: str, tier: SpecialistTier) -> None:
    assert percentage(a_profile(there | {more}, tier)) >= percentage(a_profile(there, tier))


@pytest.mark.parametrize(
    ("part", "fields"),
    [
        ("photo", {"photo_url": "https://photos.example/1"}),
        ("certification", {"certified": True}),
    ],
)
def test_there_is_more_than_one_way(part: str, fields: dict[str, Any]) -> None:
    specialist = replace(EMPTY, specialist_tier=SpecialistTier.BRAND_SPECIALIST)
    missing = rules.completion(replace(specialist, **fields), TODAY).missing
    assert part not in {each.field for each in missing}


def _without(profile: Profile, field: str) -> Profile:
    nothing: Any = {field: None}
    return replace(profile, **nothing)


@pytest.mark.parametrize("absent", sorted(FILLED["location"]))
def test_a_location_is_full_or_it_is_not_there(absent: str) -> None:
    full = a_profile({"location"})
    assert rules.has_full_location(full)
    assert not rules.has_full_location(_without(full, absent))


def test_nobody_is_asked_for_what_addresses_of_their_country_do_not_have() -> None:
    paris = replace(
        EMPTY,
        country="FR",
        city="Paris",
        postal_code="75001",
        time_zone="Europe/Paris",
        address_needs=("city", "postal_code"),
    )
    assert rules.has_full_location(paris)


def test_two_keywords_are_not_enough() -> None:
    two = replace(EMPTY, service_keywords=("a", "b"))
    assert len(two.service_keywords) < ENOUGH_KEYWORDS
    assert percentage(two) == 0


# A certification that expires


def test_a_certification_counts_through_its_last_day() -> None:
    whole = a_profile(set(FILLED), SpecialistTier.BRAND_SPECIALIST)
    assert percentage(whole, TODAY) == 100
    assert percentage(whole, TODAY + DAY) == 88


def test_past_it_nobody_is_eligible_whatever_percentage_is_stored() -> None:
    """So that the stored percentage is too high from midnight on matters to nobody."""
    whole = rules.with_completion(
        replace(a_profile(set(FILLED), SpecialistTier.BRAND_SPECIALIST), is_edited=True), TODAY
    )
    entry = rules.roster_entry(Mechanic(whole))
    assert (entry.approved, entry.profile_completion) == (True, 100)
    assert rules.is_eligible(entry, Policy(), TODAY)
    assert not rules.is_eligible(entry, Policy(), TODAY + DAY)


def test_what_an_operator_says_stands_until_the_mechanic_edits() -> None:
    seeded = replace(EMPTY, name="Ada", profile_completion=90)
    assert rules.with_completion(seeded, TODAY).profile_completion == 90
    edit = ProfileEdit(name="Ada Chen")
    edited = rules.edited(Mechanic(seeded, version=2), "mechanic-1", edit, 2, NOON)
    assert (edited.name, edited.profile_completion, edited.is_edited) == ("Ada Chen", 10, True)


# Edits


def test_an_edit_replaces_what_is_the_mechanics_and_nothing_else() -> None:
    before = replace(
        a_profile(set(FILLED)),
        status=MechanicStatus.SUSPENDED,
        completed_sessions=7,
        suspension_reason="why",
        photo_url="https://photos.example/1",
    )
    after = rules.edited(Mechanic(before), before.id, ProfileEdit(name="Bo"), 0, NOON)
    assert (after.email, after.country, after.certified, after.languages) == (None, None, False, ())
    kept = ("id", "status", "completed_sessions", "suspension_reason", "photo_url")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    assert after.has_weekly_hours


def test_the_first_edit_makes_an_applicant() -> None:
    applicant = rules.edited(None, "mechanic-1", ProfileEdit(name="Bo"), 0, NOON)
    assert (applicant.id, applicant.status) == ("mechanic-1", MechanicStatus.PENDING)
    assert applicant.status_since == NOON


@pytest.mark.parametrize(("mechanic", "version"), [(None, 1), (Mechanic(EMPTY, version=2), 1)])
def test_an_edit_of_what_has_changed_is_refused(mechanic: Mechanic | None, version: int) -> None:
    with pytest.raises(Conflict) as refused:
        rules.edited(mechanic, "mechanic-1", ProfileEdit(name="Bo"), version, NOON)
    assert refused.value.reason == "stale_version"


# Decisions

MOVES = {
    ("pending", "approve"): "approved",
    ("approved", "suspend"): "suspended",
    ("suspended", "reinstate"): "approved",
}


@pytest.mark.parametrize(("status", "move"), list(product(MechanicStatus, StandingMove)))
def test_every_move_from_every_status(status: MechanicStatus, move: StandingMove) -> None:
    before = Mechanic(replace(EMPTY, status=status))
    target = MOVES.get((status, move))
    if target is None:
        with pytest.raises(IllegalMove) as refused:
            rules.moved(before, move, NOON)
        assert refused.value.members == {"reason": "illegal_move", "current_status": status}
        return
    after = rules.moved(before, move, NOON, "why").profile
    assert (after.status, after.status_since, after.suspension_reason) == (target, NOON, "why")


REPEATS = {("approved", "approve"), ("suspended", "suspend")}


@pytest.mark.parametrize(("status", "move"), list(product(MechanicStatus, StandingMove)))
def test_what_has_been_done_is_a_repeat(status: MechanicStatus, move: StandingMove) -> None:
    assert rules.is_repeat(replace(EMPTY, status=status), move) is ((status, move) in REPEATS)


def test_reinstating_again_is_a_repeat_too() -> None:
    suspended = Mechanic(replace(EMPTY, status=MechanicStatus.SUSPENDED))
    reinstated = rules.moved(suspended, StandingMove.REINSTATE, NOON)
    assert rules.is_repeat(reinstated.profile, StandingMove.REINSTATE)
    again = rules.moved(reinstated, StandingMove.SUSPEND, NOON, "why")
    assert not rules.is_repeat(again.profile, StandingMove.REINSTATE)
