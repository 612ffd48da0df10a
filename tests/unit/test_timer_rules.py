"""Which facts need a timer, and when it rings (architecture.md, Timers)."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.core.events import EventType
from dispatch.core.time import format_time
from dispatch.timers import rules
from dispatch.timers.model import Ring
from tests.builders import FIVE_MINUTES, ONE_MINUTE, ONE_MS, ONE_SECOND, SESSION, a_fact
from tests.clock import NOON

FIFTEEN_MINUTES = timedelta(minutes=15)

# Fact, its deadline, what the ring says to look at.
NEEDS_A_TIMER = [
    ("SessionBooked", "awaiting_until", "close_overdue"),
    ("OffersMade", "expires_at", "expire_offers"),
    ("SessionStarted", "ends_by", "close_overdue"),
]


def a_ring(due_at: datetime) -> Ring:
    return Ring(kind="expire_offers", session_id=SESSION, due_at=due_at, name="ring-1")


@pytest.mark.parametrize(("fact", "deadline", "kind"), NEEDS_A_TIMER)
def test_these_facts_ring_at_their_deadline(fact: str, deadline: str, kind: str) -> None:
    due_at = NOON + FIVE_MINUTES + ONE_MS
    ring = rules.ring_for(a_fact(fact, **{deadline: format_time(due_at)}))
    assert ring
    assert (ring.kind, ring.session_id, ring.due_at) == (kind, SESSION, due_at)


@pytest.mark.parametrize(
    "fact", [*sorted(set(EventType) - {fact for fact, _, _ in NEEDS_A_TIMER}), "UnheardOf"]
)
def test_others_need_none(fact: str) -> None:
    assert rules.ring_for(a_fact(fact)) is None


def test_the_same_fact_makes_the_same_name_another_fact_another() -> None:
    fact = a_fact("OffersMade", expires_at=format_time(NOON))
    first, again = rules.ring_for(fact), rules.ring_for(dict(fact))
    other = rules.ring_for(fact | {"id": "01K00000000000000000000E02"})
    assert first
    assert other
    assert first == again
    assert first.name != other.name


@pytest.mark.parametrize(("fact", "deadline", "kind"), NEEDS_A_TIMER)
def test_a_name_is_one_that_scheduler_takes(fact: str, deadline: str, kind: str) -> None:
    ring = rules.ring_for(a_fact(fact, **{deadline: format_time(NOON)}))
    assert ring
    assert re.fullmatch(r"[0-9a-zA-Z._-]{1,64}", ring.name)
    assert ring.name.startswith(kind)


def test_a_ring_survives_its_message() -> None:
    ring = a_ring(NOON + FIVE_MINUTES + ONE_MS)
    message = rules.message(ring)
    assert message == {
        "ring": "expire_offers",
        "session_id": SESSION,
        "due_at": "2026-07-01T12:05:00.001Z",
        "name": "ring-1",
    }
    assert rules.ring_of(message) == ring


# The schedule: to the minute, never early


@pytest.mark.parametrize(
    ("due_at", "minute"),
    [
        (NOON, NOON),
        (NOON + ONE_MS, NOON + ONE_MINUTE),
        (NOON + ONE_MINUTE - ONE_MS, NOON + ONE_MINUTE),
        (datetime(2026, 12, 31, 23, 59, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (NOON.astimezone(timezone(timedelta(hours=-4))), NOON),
    ],
)
def test_a_schedule_is_rounded_up_to_the_minute(due_at: datetime, minute: datetime) -> None:
    at = rules.schedule_at(a_ring(due_at), due_at)
    assert at == minute
    assert at.utcoffset() == timedelta(0)


@given(st.datetimes(timezones=st.just(UTC), max_value=datetime(9000, 1, 1)))  # noqa: DTZ001
def test_a_schedule_is_less_than_a_minute_late_and_never_early(due_at: datetime) -> None:
    at = rules.schedule_at(a_ring(due_at), due_at)
    assert timedelta(0) <= at - due_at < ONE_MINUTE
    assert (at.second, at.microsecond) == (0, 0)


# The delayed message: to the second, as far as a queue can


@pytest.mark.parametrize(
    ("remaining", "delay_s"),
    [
        (-timedelta(days=1), 0),
        (timedelta(0), 0),
        (ONE_MS, 1),
        (ONE_SECOND, 1),
        (FIVE_MINUTES - ONE_MS, 300),
        (FIVE_MINUTES, 300),
        (FIFTEEN_MINUTES - ONE_MS, 900),
        (FIFTEEN_MINUTES, 900),
        (FIFTEEN_MINUTES + ONE_MS, 900),
        (timedelta(days=1), 900),
    ],
)
def test_a_message_is_held_back_up_to_the_deadline(remaining: timedelta, delay_s: int) -> None:
    assert rules.delay_s(a_ring(NOON + remaining), NOON) == delay_s
