"""Who may be matched, who is available, and what makes a valid profile."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dispatch.core.errors import Invalid
from dispatch.mechanics.model import Duty, Mechanic, MechanicStatus, Presence, Unavailable
from dispatch.mechanics.rules import (
    is_eligible,
    presence,
    profile_from,
    room,
    why_not_available,
)
from dispatch.policy.model import Policy
from tests.clock import NOON
from tests.mechanic_builders import BUSY, CLOSING, FREE, OFF, a_mechanic, a_record, an_entry

TODAY = NOON.date()
POLICY = Policy()


def test_an_approved_mechanic_with_a_filled_profile_is_eligible() -> None:
    assert is_eligible(an_entry(), POLICY, TODAY)


def test_presence_does_not_matter_to_eligibility() -> None:
    assert is_eligible(an_entry(OFF), POLICY, TODAY)


@pytest.mark.parametrize("status", [MechanicStatus.PENDING, MechanicStatus.SUSPENDED])
def test_only_an_approved_mechanic_is_eligible(status: MechanicStatus) -> None:
    assert not is_eligible(an_entry(status=status), POLICY, TODAY)


def test_the_profile_must_be_filled_as_the_policy_says() -> None:
    assert is_eligible(an_entry(profile_completion=80), POLICY, TODAY)
    assert not is_eligible(an_entry(profile_completion=79), POLICY, TODAY)
    assert is_eligible(
        an_entry(profile_completion=79), replace(POLICY, min_profile_completion=79), TODAY
    )


def test_a_certified_mechanic_is_eligible_through_the_last_day_of_the_certification() -> None:
    entry = an_entry(certification_expires_on=TODAY.isoformat())
    assert is_eligible(entry, POLICY, TODAY)
    assert not is_eligible(entry, POLICY, TODAY + timedelta(days=1))


def test_an_expiry_without_a_certification_means_nothing() -> None:
    entry = an_entry(certified=False, certification_expires_on="2020-01-01")
    assert is_eligible(entry, POLICY, TODAY)


def test_a_certification_may_have_no_last_day() -> None:
    assert is_eligible(an_entry(certification_expires_on=None), POLICY, date.max)


def test_a_brand_specialist_request_needs_the_brand() -> None:
    entry = an_entry(brand_specializations=["Citroën"])
    assert is_eligible(entry, POLICY, TODAY, brand_key="citroen")
    assert not is_eligible(entry, POLICY, TODAY, brand_key="bmw")


@pytest.mark.parametrize(
    ("duty", "capacity", "expected", "more"),
    [
        (OFF, 1, Presence.OFFLINE, 0),
        (FREE, 1, Presence.ONLINE, 1),
        (FREE, 2, Presence.ONLINE, 2),
        (BUSY, 1, Presence.BUSY, 0),
        (BUSY, 2, Presence.ONLINE, 1),
        (Duty(on_shift=True, load=2), 1, Presence.BUSY, 0),
        (CLOSING, 1, Presence.BUSY, 0),
        (CLOSING, 2, Presence.BUSY, 0),
        (Duty(on_shift=True, closing=True), 1, Presence.BUSY, 0),
        (Duty(on_shift=False, closing=True), 1, Presence.OFFLINE, 0),
    ],
)
def test_presence_and_how_many_sessions_more_there_is_room_for(
    duty: Duty, capacity: int, expected: Presence, more: int
) -> None:
    """A shift that is closing has room for none, whatever the load."""
    assert presence(duty, capacity) is expected
    assert room(duty, capacity) == more


@pytest.mark.parametrize(
    ("mechanic", "reason"),
    [
        (None, Unavailable.NOT_ELIGIBLE),
        (a_mechanic(OFF, status="suspended"), Unavailable.NOT_ELIGIBLE),
        (a_mechanic(OFF), Unavailable.OFF_SHIFT),
        (a_mechanic(BUSY), Unavailable.AT_CAPACITY),
        (a_mechanic(CLOSING), Unavailable.AT_CAPACITY),
        (a_mechanic(FREE), None),
    ],
)
def test_the_first_reason_that_holds_is_told(
    mechanic: Mechanic | None, reason: Unavailable | None
) -> None:
    assert why_not_available(mechanic, POLICY, NOON) is reason


def test_who_finishes_the_shift_takes_no_more_whatever_the_capacity() -> None:
    roomy = replace(POLICY, capacity=5)
    assert why_not_available(a_mechanic(BUSY), roomy, NOON) is None
    assert why_not_available(a_mechanic(CLOSING), roomy, NOON) is Unavailable.AT_CAPACITY


@pytest.mark.parametrize(
    ("duty", "reason"),
    [
        (FREE, Unavailable.OFF_SHIFT),
        (BUSY, Unavailable.AT_CAPACITY),
        (CLOSING, Unavailable.AT_CAPACITY),
        (OFF, Unavailable.OFF_SHIFT),
    ],
)
def test_a_shift_that_has_lasted_as_long_as_one_may_is_over_rung_or_not(
    duty: Duty, reason: Unavailable
) -> None:
    """With a session in hand it is closing: no more, whatever the capacity."""
    roomy = replace(POLICY, capacity=2)
    mechanic = replace(a_mechanic(duty), shift_ends_at=NOON)
    assert why_not_available(mechanic, roomy, NOON) is reason
    before = why_not_available(mechanic, roomy, NOON - timedelta(milliseconds=1))
    assert before is why_not_available(a_mechanic(duty), roomy, NOON)


@pytest.mark.parametrize(
    ("starts_in_s", "reason"),
    [
        (None, None),
        (-3600, Unavailable.AT_CAPACITY),
        (0, Unavailable.AT_CAPACITY),
        (3299, Unavailable.AT_CAPACITY),
        (3300, None),
        (86_400, None),
    ],
)
def test_whose_own_booking_starts_too_early_takes_nothing_before_it(
    starts_in_s: int | None, reason: Unavailable | None
) -> None:
    """Of 45 minutes and a buffer of ten. A booking that nobody has dealt with yet comes first."""
    at = None if starts_in_s is None else NOON + timedelta(seconds=starts_in_s)
    mechanic, until = a_mechanic(replace(FREE, next_booking_at=at)), NOON + timedelta(seconds=3300)
    assert why_not_available(mechanic, POLICY, NOON, keeps_until=until) is reason
    assert why_not_available(mechanic, POLICY, NOON) is None
    off = a_mechanic(replace(OFF, next_booking_at=at))
    assert why_not_available(off, POLICY, NOON, keeps_until=until) is Unavailable.OFF_SHIFT


def test_the_wrong_brand_is_told_before_presence() -> None:
    found = why_not_available(a_mechanic(OFF), POLICY, NOON, brand_key="audi")
    assert found is Unavailable.NOT_ELIGIBLE


def test_a_record_becomes_a_profile() -> None:
    profile = profile_from(
        a_record(rating=4.46, certification_expires_on="2026-07-01", time_zone="America/Toronto")
    )
    assert profile.country == "CA"
    assert profile.rating == Decimal("4.46")
    assert profile.certification_expires_on == date(2026, 7, 1)
    assert profile.status is MechanicStatus.APPROVED
    assert profile.service_keywords == ("engine diagnostic",)


def test_only_id_name_and_completion_are_needed() -> None:
    profile = profile_from({"id": "m", "name": "M", "profile_completion": 80})
    assert (profile.rating, profile.country, profile.completed_sessions) == (None, None, 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", 7),
        ("name", None),
        ("name", "x" * 201),
        ("status", "retired"),
        ("status", ["approved"]),
        ("country", "Atlantis"),
        ("city", 5),
        ("time_zone", "not a zone"),
        ("years_of_experience", -1),
        ("years_of_experience", 1.5),
        ("years_of_experience", True),
        ("rating", 5.1),
        ("rating", "4.8"),
        ("rating", float("nan")),
        ("certified", "yes"),
        ("certification_expires_on", "01/07/2026"),
        ("completed_sessions", -1),
        ("service_keywords", "brakes"),
        ("service_keywords", [1]),
        ("brand_specializations", ["x"] * 101),
        ("profile_completion", 101),
        ("profile_completion", None),
        ("years_of_experiense", 5),
    ],
)
def test_a_wrong_field_is_pointed_at(field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        profile_from(a_record(**{field: value}))
    assert [error["pointer"] for error in refused.value.members["errors"]] == [f"/{field}"]
