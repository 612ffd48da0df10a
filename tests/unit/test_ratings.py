"""Stars: how long they may be given, and the mean that they make."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.core.errors import Conflict
from dispatch.matching.rules import reached
from dispatch.mechanics.rules import RATING_DIGITS, mean_of_stars, profile_from, stars_of_record
from dispatch.policy.model import Scoring
from dispatch.sessions import rules
from dispatch.sessions.model import Rating, Status
from tests.builders import ONE_MS, a_session
from tests.clock import NOON
from tests.mechanic_builders import a_record

FORTNIGHT = timedelta(days=14)


# Giving them


@pytest.mark.parametrize("after", [timedelta(0), FORTNIGHT - ONE_MS])
def test_a_session_can_be_rated_for_fourteen_days_after_its_end(after: timedelta) -> None:
    session = a_session(Status.COMPLETED, ended_at=NOON)
    rated = rules.rate(session, 4, NOON + after)
    assert rated.rating == Rating(4, NOON + after)
    assert (rated.status, rated.version) == (Status.COMPLETED, session.version + 1)


@pytest.mark.parametrize("after", [FORTNIGHT, FORTNIGHT + ONE_MS, timedelta(days=365)])
def test_and_not_any_longer(after: timedelta) -> None:
    with pytest.raises(Conflict, match="14 days") as refused:
        rules.rate(a_session(Status.COMPLETED, ended_at=NOON), 4, NOON + after)
    assert refused.value.members == {"reason": "illegal_move", "current_status": "completed"}


def test_a_rating_is_never_changed() -> None:
    rated = rules.rate(a_session(Status.COMPLETED, ended_at=NOON), 4, NOON)
    with pytest.raises(Conflict, match="already") as refused:
        rules.rate(rated, 5, NOON)
    assert refused.value.members == {"reason": "illegal_move", "current_status": "completed"}


# Their mean

counts = st.integers(1, 10**6)


@st.composite
def given_stars(draw: st.DrawFn) -> tuple[int, int]:
    count = draw(counts)
    return draw(st.integers(count, 5 * count)), count


def mean(total: int, count: int) -> Decimal:
    found = mean_of_stars(Decimal(total), count)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [
        (5, 1, "5"),
        (9, 2, "4.5"),
        (13, 3, "4.333333333333333333"),
        (14, 3, "4.666666666666666666"),
        (449_999, 100_000, "4.49999"),
    ],
)
def test_the_mean(total: int, count: int, expected: str) -> None:
    assert str(mean(total, count)) == expected


def test_before_the_first_star_there_is_none() -> None:
    assert mean_of_stars(Decimal(0), 0) is None


@given(stars=given_stars(), threshold=st.decimals(0, 5, places=2))
def test_it_reaches_a_threshold_if_and_only_if_the_true_mean_does(
    stars: tuple[int, int], threshold: Decimal
) -> None:
    assert (mean(*stars) >= threshold) == (Fraction(*stars) >= Fraction(threshold))


@given(one=given_stars(), other=given_stars())
def test_two_of_them_stand_in_the_order_of_the_true_means(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    assert (mean(*one) < mean(*other)) == (Fraction(*one) < Fraction(*other))
    assert (mean(*one) == mean(*other)) == (Fraction(*one) == Fraction(*other))


@given(stars=given_stars())
def test_it_is_cut_off_and_never_rounded_up(stars: tuple[int, int]) -> None:
    missing = Fraction(*stars) - Fraction(mean(*stars))
    assert 0 <= missing < Fraction(1, 10**RATING_DIGITS)


def test_one_star_short_of_a_threshold_is_short_of_it() -> None:
    """Of a million stars, a mean that any rounding would take over the step."""
    steps = Scoring().rating
    assert reached(mean(4_499_999, 1_000_000), steps) == (Decimal("4.0"), 10)
    assert reached(mean(4_500_000, 1_000_000), steps) == (Decimal("4.5"), 15)


# Ratings that came with a record


@given(rating=st.floats(0, 5).map(lambda mean: round(mean, 6)), completed=st.integers(0, 1_000_000))
def test_a_rating_of_a_record_is_its_own_mean(rating: float, completed: int) -> None:
    profile = profile_from(a_record(rating=rating, completed_sessions=completed))
    total, count = stars_of_record(profile)
    assert count == max(1, completed)
    assert mean_of_stars(total, count) == profile.rating


def test_a_record_without_a_rating_has_no_stars() -> None:
    assert stars_of_record(profile_from(a_record(rating=None))) == (Decimal(0), 0)
