"""How often one user may do what is dear: windows, limits, and what is said of them."""

from datetime import UTC, datetime, timedelta

import pytest

from dispatch.core.errors import QuotaExceeded
from dispatch.policy.model import Policy, Quotas
from dispatch.quotas import rules
from dispatch.quotas.model import Action, Times

AT = datetime(2026, 7, 1, 14, 59, 59, 1000, tzinfo=UTC)
MS = timedelta(milliseconds=1)


def test_bookings_count_by_the_day_and_all_else_by_the_hour() -> None:
    for action in Action:
        window = "2026-07-01" if action is Action.BOOKING else "2026-07-01T14"
        assert rules.window_of(action, AT) == window
    assert rules.window_ends(Action.BOOKING, AT) == datetime(2026, 7, 2, tzinfo=UTC)
    assert rules.window_ends(Action.UPLOAD, AT) == datetime(2026, 7, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize("action", Action)
def test_a_window_ends_where_the_next_one_begins(action: Action) -> None:
    ends = rules.window_ends(action, AT)
    assert rules.window_of(action, ends - MS) == rules.window_of(action, AT)
    assert rules.window_of(action, ends) != rules.window_of(action, AT)
    assert rules.window_ends(action, ends - MS) == ends
    assert rules.window_ends(action, ends) > ends


def test_each_action_has_its_own_limit() -> None:
    policy = Policy(quotas=Quotas(1, 2, 3, 4, 5))
    assert [rules.limit_of(action, policy) for action in Action] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("left", "retry_after_s", "words"),
    [
        (MS, 1, "a minute"),
        (timedelta(seconds=60), 60, "a minute"),
        (timedelta(seconds=60) + MS, 61, "2 minutes"),
        (timedelta(minutes=60), 3600, "60 minutes"),
    ],
)
def test_what_is_refused_says_when_to_try_again(
    left: timedelta, retry_after_s: int, words: str
) -> None:
    ends = rules.window_ends(Action.UPLOAD, AT)
    refusal = rules.exceeded(Action.UPLOAD, 30, ends - left)
    assert refusal.members == {"reason": "quota_exceeded", "retry_after_s": retry_after_s}
    assert refusal.detail == (
        f"You have asked to upload files 30 times, which is all that an hour takes. "
        f"Try again in {words}."
    )


def test_a_day_is_told_in_hours() -> None:
    refusal = rules.exceeded(Action.BOOKING, 20, AT)
    assert refusal.detail.endswith("all that a day takes. Try again in 10 hours.")
    assert refusal.members["retry_after_s"] == 9 * 3600 + 1


def test_who_counts_for_themselves_counts_up_to_the_limit_and_then_anew() -> None:
    times = Times()
    for count in (1, 2):
        times = rules.once_more(Action.DEVICE, times, 2, AT)
        assert times == Times("2026-07-01T14", count)
    with pytest.raises(QuotaExceeded):
        rules.once_more(Action.DEVICE, times, 2, AT)
    later = AT + timedelta(seconds=1)
    assert rules.once_more(Action.DEVICE, times, 2, later) == Times("2026-07-01T15", 1)
