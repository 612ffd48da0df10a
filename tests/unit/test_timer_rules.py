"""Which facts need a timer, and when it rings (architecture.md, Timers)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.core.events import EventType
from dispatch.core.time import format_time
from dispatch.timers import reactions, rules, service
from dispatch.timers.model import FOR_MATCHING, Kind, Ring
from tests.builders import (
    CUSTOMER,
    FIVE_MINUTES,
    MECHANIC,
    ONE_HOUR,
    ONE_MINUTE,
    ONE_MS,
    ONE_SECOND,
    SESSION,
    TEN_MINUTES,
    a_fact,
)
from tests.clock import NOON
from tests.template_file import subscriptions

FIFTEEN_MINUTES = timedelta(minutes=15)
SOON = NOON + timedelta(seconds=10)
DUE = NOON + FIVE_MINUTES + ONE_MS

SHIFT = {"mechanic_id": MECHANIC, "shift_id": "shift-1"}
ENTRY = {"customer_id": CUSTOMER, "entry_id": "entry-1"}
OF_SESSION, OF_MECHANIC = {"session_id": SESSION}, {"mechanic_id": MECHANIC}


class Need(NamedTuple):
    """A ring that a fact needs at its ``deadline``, or without one soon after it."""

    kind: str
    subject: Mapping[str, str]
    deadline: str | None = None


BOOKING = {"mechanic_id": MECHANIC, "booking_version": 1}
_OF_BOOKING = {**OF_SESSION, "booking_version": "1"}
OF_A_BOOKING = [
    Need("close_overdue", OF_SESSION, "scheduled_start"),
    Need("remind", _OF_BOOKING, "remind_24_h_at"),
    Need("remind", _OF_BOOKING, "remind_1_h_at"),
    Need("remind", _OF_BOOKING, "remind_15_min_at"),
]

# Every fact that needs a timer: its members besides the deadlines, and what rings.
NEEDS: dict[str, tuple[dict[str, Any], list[Need]]] = {
    "SessionBooked": ({}, [Need("close_overdue", OF_SESSION, "awaiting_until")]),
    "SessionPending": ({"period": 1}, [Need("close_overdue", OF_SESSION, "pending_until")]),
    "SessionScheduled": (BOOKING, OF_A_BOOKING),
    "SessionRescheduled": (BOOKING, OF_A_BOOKING),
    "BookingDelayed": (OF_MECHANIC, [Need("close_overdue", OF_SESSION, "delayed_until")]),
    "BookingBegan": (
        OF_MECHANIC,
        [
            Need("close_overdue", OF_SESSION, "mechanic_due_by"),
            Need("review_offers", OF_MECHANIC),
        ],
    ),
    "OfferAccepted": (
        OF_MECHANIC,
        [
            Need("close_overdue", OF_SESSION, "mechanic_due_by"),
            Need("review_offers", OF_MECHANIC),
        ],
    ),
    "MechanicJoined": (OF_MECHANIC, [Need("close_overdue", OF_SESSION, "customer_due_by")]),
    "SessionStarted": (OF_MECHANIC, [Need("close_overdue", OF_SESSION, "ends_by")]),
    "OffersMade": (
        {"short": 1},
        [Need("expire_offers", OF_SESSION, "expires_at"), Need("top_up", OF_SESSION)],
    ),
    "CapacityLeft": (
        {**OF_MECHANIC, "room": 1, "reason": "none_fits"},
        [Need("place_capacity_again", OF_MECHANIC)],
    ),
    "MechanicClockedIn": (
        SHIFT,
        [Need("end_shift", SHIFT, "closes_at"), Need("place_capacity", OF_MECHANIC)],
    ),
    "MechanicFreed": (OF_MECHANIC, [Need("place_capacity", OF_MECHANIC)]),
    "MechanicClockedOut": (
        {**SHIFT, "cause": "self"},
        [
            Need("review_offers", OF_MECHANIC),
            Need("tell_waiting", OF_MECHANIC),
            Need("count_shift", SHIFT),
        ],
    ),
    "ShiftClosing": ({**SHIFT, "cause": "finished"}, [Need("review_offers", OF_MECHANIC)]),
    "MechanicSuspended": ({**OF_MECHANIC, "by": "admin-1"}, [Need("end_duties", OF_MECHANIC)]),
    "CapacityRenewed": (OF_MECHANIC, [Need("place_capacity", OF_MECHANIC)]),
    "WaitlistJoined": (
        ENTRY,
        [Need("settle_waitlist", ENTRY, "expires_at"), Need("seek_free", ENTRY)],
    ),
    "WaitlistWoken": (ENTRY, [Need("seek_free", ENTRY)]),
    "WaitlistTold": (
        {**ENTRY, "mechanic_id": MECHANIC},
        [Need("settle_waitlist", ENTRY, "claim_until")],
    ),
}
EVERY_NEED = [
    pytest.param(fact, need, id=f"{fact}-{need.kind}-{need.deadline}")
    for fact, (_, needs) in NEEDS.items()
    for need in needs
]
AT_A_DEADLINE = [
    pytest.param(fact, need.deadline, id=f"{fact}-{need.deadline}")
    for fact, (_, needs) in NEEDS.items()
    for need in needs
    if need.deadline
]


def a_fact_with(type_: str, deadline: datetime = DUE) -> dict[str, Any]:
    """A fact of that type with all its members."""
    members, needs = NEEDS[type_]
    deadlines = {need.deadline: format_time(deadline) for need in needs if need.deadline}
    return a_fact(type_, **members, **deadlines)


def rings(fact: Mapping[str, Any]) -> list[Ring]:
    return list(rules.rings_for(fact))


def a_ring(due_at: datetime) -> Ring:
    return Ring(
        kind=Kind.EXPIRE_OFFERS, subject={"session_id": SESSION}, due_at=due_at, name="ring-1"
    )


# What rings, for which fact


@pytest.mark.parametrize("type_", NEEDS)
def test_a_fact_has_these_rings_and_no_other(type_: str) -> None:
    _, needs = NEEDS[type_]
    assert [(ring.kind, dict(ring.subject)) for ring in rings(a_fact_with(type_))] == [
        (need.kind, need.subject) for need in needs
    ]


@pytest.mark.parametrize(("type_", "need"), EVERY_NEED)
def test_it_rings_at_the_deadline_or_soon_where_indexes_lag(type_: str, need: Need) -> None:
    found = [ring for ring in rings(a_fact_with(type_)) if ring.kind == need.kind]
    for ring in found:
        assert ring.due_at == (DUE if need.deadline else SOON)
        assert ring.scheduled is bool(need.deadline)
    assert len({ring.name for ring in found}) == len(found) > 0, "none takes another's schedule"


@pytest.mark.parametrize("type_", [*sorted(set(EventType) - set(NEEDS)), "UnheardOf"])
def test_others_need_none(type_: str) -> None:
    assert rings(a_fact(type_, **SHIFT, **ENTRY)) == []


@pytest.mark.parametrize("absent", [True, False])
@pytest.mark.parametrize(("type_", "deadline"), AT_A_DEADLINE)
def test_a_fact_without_its_deadline_does_not_ring_for_it(
    type_: str, deadline: str, absent: bool
) -> None:
    """An older one, say, or a mechanic who joined second: nobody is waited for."""
    fact = a_fact_with(type_)
    with_it = {ring.name for ring in rings(fact)}
    without = {name: value for name, value in fact.items() if name != deadline}
    left = {ring.name for ring in rings(without if absent else fact | {deadline: None})}
    assert len(with_it - left) == 1


@pytest.mark.parametrize("short", [{}, {"short": 0}])
def test_a_wave_that_was_not_short_is_not_topped_up(short: dict[str, int]) -> None:
    fact = a_fact("OffersMade", expires_at=format_time(DUE), **short)
    assert [ring.kind for ring in rings(fact)] == [Kind.EXPIRE_OFFERS]


@pytest.mark.parametrize("reason", [{}, {"reason": "not_taken"}])
def test_capacity_that_was_offered_and_not_taken_is_not_placed_again(
    reason: dict[str, str],
) -> None:
    assert rings(a_fact("CapacityLeft", **OF_MECHANIC, room=1, **reason)) == []


# Names


@pytest.mark.parametrize("type_", NEEDS)
def test_the_same_fact_makes_the_same_names_another_fact_others(type_: str) -> None:
    fact = a_fact_with(type_)
    assert rings(fact) == rings(dict(fact))
    names = [ring.name for ring in rings(fact)]
    others = [ring.name for ring in rings(fact | {"id": "01K00000000000000000000E02"})]
    assert len({*names, *others}) == 2 * len(names), "and each ring has a name of its own"


@pytest.mark.parametrize("type_", NEEDS)
def test_a_name_is_one_that_scheduler_takes(type_: str) -> None:
    for ring in rings(a_fact_with(type_)):
        assert re.fullmatch(r"[0-9a-zA-Z._-]{1,64}", ring.name)
        assert ring.name.startswith(ring.kind)


# Messages


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


@pytest.mark.parametrize("type_", NEEDS)
def test_every_ring_survives_its_message(type_: str) -> None:
    for ring in rings(a_fact_with(type_)):
        heard = rules.ring_of(rules.message(ring))
        assert heard
        assert (heard.kind, heard.subject) == (ring.kind, ring.subject)
        assert (heard.due_at, heard.name) == (ring.due_at, ring.name)


def test_a_ring_of_a_kind_that_a_later_release_sent_is_none() -> None:
    message = rules.message(a_ring(NOON))
    assert rules.ring_of(message | {"ring": "of_a_later_release"}) is None


# Which queue: where it is answered


def test_what_needs_the_roster_rings_where_the_roster_is() -> None:
    assert set(reactions._DUE) == FOR_MATCHING
    assert set(service._DUE) == set(Kind) - FOR_MATCHING


@pytest.mark.parametrize("type_", NEEDS)
def test_a_schedule_rings_on_the_timers_queue_so_none_is_for_matching(type_: str) -> None:
    scheduled = {ring.kind for ring in rings(a_fact_with(type_)) if ring.scheduled}
    assert not scheduled & FOR_MATCHING


def test_each_function_hears_the_facts_that_it_acts_on_and_no_other() -> None:
    heard = subscriptions()
    assert set(heard["TimersSubscription"]) == set(NEEDS) | service.FREES_THE_CUSTOMER
    assert set(heard["MatchingSubscription"]) == set(reactions._WHAT_FOLLOWS)


# The schedule: to the minute


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


@pytest.mark.parametrize(
    ("due_at", "minute"),
    [
        (NOON + FIFTEEN_MINUTES, NOON + FIFTEEN_MINUTES),
        (NOON + FIFTEEN_MINUTES + ONE_MS, NOON + timedelta(minutes=14)),
        (NOON + ONE_HOUR, NOON + timedelta(minutes=59)),
        (NOON + ONE_HOUR + timedelta(seconds=59), NOON + timedelta(minutes=59)),
    ],
)
def test_a_distant_ring_comes_early_and_is_sent_again_with_what_remains(
    due_at: datetime, minute: datetime
) -> None:
    assert rules.schedule_at(a_ring(due_at), NOON) == minute


IN_TIME = st.datetimes(timezones=st.just(UTC), max_value=datetime(9000, 1, 1))  # noqa: DTZ001


@given(IN_TIME, st.timedeltas(timedelta(0), FIFTEEN_MINUTES))
def test_a_schedule_is_less_than_a_minute_late_and_never_early(
    now: datetime, remaining: timedelta
) -> None:
    due_at = now + remaining
    at = rules.schedule_at(a_ring(due_at), now)
    assert timedelta(0) <= at - due_at < ONE_MINUTE
    assert (at.second, at.microsecond) == (0, 0)


@given(IN_TIME, st.timedeltas(FIFTEEN_MINUTES + timedelta(microseconds=1), timedelta(days=1)))
def test_a_distant_schedule_is_early_by_less_than_a_queue_can_hold_and_still_to_come(
    now: datetime, remaining: timedelta
) -> None:
    due_at = now + remaining
    at = rules.schedule_at(a_ring(due_at), now)
    assert ONE_MINUTE <= due_at - at < 2 * ONE_MINUTE
    assert at - now > TEN_MINUTES
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
