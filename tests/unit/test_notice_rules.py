"""Who is told what, in which words, and how it is written for providers (domain.md, Notices)."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.core.events import EventType
from dispatch.core.time import format_time, parse_time
from dispatch.notifications import rules, texts
from dispatch.notifications.model import (
    Channel,
    Delivery,
    Device,
    Entry,
    Language,
    Notice,
    NoticeType,
    Platform,
    Side,
    Withdrawal,
)
from dispatch.offers.model import SessionBrief
from tests.builders import (
    BOOKED_FROM,
    BOOKED_UNTIL,
    BROADCAST,
    CONCERN,
    CUSTOMER,
    FIVE_MINUTES,
    MECHANIC,
    OFFER,
    ONE_MS,
    ONE_SECOND,
    RIVAL,
    SESSION,
    a_booking_fact,
    a_brief,
    a_fact,
)
from tests.clock import NOON
from tests.template_file import subscriptions

FACT_ID = "01K00000000000000000000E01"
TO_ME, TO_RIVAL = OFFER, "01K00000000000000000000A02"
BOTH = {"customer_id": CUSTOMER, "mechanic_id": MECHANIC}
SHIFT = {"mechanic_id": MECHANIC, "shift_id": "shift-1"}

OFFERS_MADE = a_fact(
    "OffersMade",
    mechanic_ids=[MECHANIC, RIVAL],
    assignment_ids=[TO_ME, TO_RIVAL],
    expires_at=format_time(NOON + FIVE_MINUTES),
)
ANNOUNCED = a_fact(
    "BroadcastAnnounced",
    mechanic_ids=[MECHANIC, RIVAL],
    assignment_id=BROADCAST,
    expires_at=format_time(NOON + timedelta(minutes=30)),
)
PUSH, MAIL = Channel.PUSH, Channel.MAIL


def offers_made(brief: SessionBrief) -> list[Notice]:
    return rules.offers_made(OFFERS_MADE, brief)


def sessionless(type_: str, **facts: Any) -> dict[str, Any]:
    fact = a_fact(type_, **facts)
    del fact["session_id"]
    return fact


def told(notices: Sequence[Notice]) -> list[str]:
    return [notice.user_id for notice in notices]


# Every fact, and every person it is told to

WAITLIST_TOLD = sessionless(
    "WaitlistTold",
    entry_id="entry-1",
    claim_until=format_time(NOON + FIVE_MINUTES),
    **BOTH,
)
PASSED_OVER = [
    "not_eligible",
    "off_shift",
    "at_capacity",
    "declined",
    "expired",
    "clocked_out",
    "undeliverable",
]

IN_TEN_MINUTES = format_time(NOON + timedelta(minutes=10))

Told = tuple[str, str, tuple[Channel, ...]]
Case = tuple[str, dict[str, Any], list[Told]]


def passed_over(outcome: str) -> Case:
    fact = a_fact("PreferredPassedOver", outcome=outcome, **BOTH)
    told = [(CUSTOMER, "preferred_passed_over", (PUSH,))]
    return f"the preferred mechanic: {outcome}", fact, [*told]


def decided(type_: str, notice: str) -> Case:
    fact = a_fact(type_, mechanic_id=MECHANIC, by="admin-1")
    return f"an admin decides: {type_}", fact, [(MECHANIC, notice, (PUSH,))]


VANCOUVER = "America/Vancouver"


def a_booking(type_: str, **facts: Any) -> dict[str, Any]:
    """With the zone that it is told in, as use cases add it."""
    return a_booking_fact(type_, time_zone=VANCOUVER, **facts)


def a_booking_without_end(type_: str, **facts: Any) -> dict[str, Any]:
    fact = a_booking(type_, **facts)
    del fact["scheduled_end"], fact["booking_version"]
    return fact


def reminded(ahead: str) -> dict[str, Any]:
    return a_booking_without_end("SessionReminder", ahead=ahead)


def near(ahead: str) -> Case:
    told = [(CUSTOMER, "session_reminder", (PUSH,)), (MECHANIC, "session_reminder", (PUSH,))]
    return f"a booking is near: {ahead}", reminded(ahead), [*told]


def delayed(*, customer: bool, mechanic: bool) -> dict[str, Any]:
    return a_booking_without_end(
        "BookingDelayed",
        customer_elsewhere=customer,
        mechanic_called=mechanic,
        delayed_until=format_time(NOON + FIVE_MINUTES),
    )


def called_off(by: str, percent: int = 100) -> dict[str, Any]:
    return a_booking("SessionCancelled", cancelled_by=by, booking_version=2, refund_percent=percent)


BEGAN = a_fact(
    "BookingBegan",
    assignment_id=OFFER,
    mechanic_due_by=format_time(NOON + FIVE_MINUTES),
    **BOTH,
)

CASES: list[Case] = [
    (
        "a mechanic has taken it",
        a_fact("OfferAccepted", lost_mechanic_ids=[RIVAL], lost_assignment_ids=[TO_RIVAL], **BOTH),
        [(CUSTOMER, "offer_accepted", (PUSH,))],
    ),
    (
        "and has given it back",
        a_fact("OfferReleased", **BOTH),
        [(CUSTOMER, "offer_released", (PUSH,))],
    ),
    (
        "and an admin gives it to another",
        a_fact("SessionReassigned", assignment_id=OFFER, why="reassigned", **BOTH),
        [(CUSTOMER, "offer_released", (PUSH,)), (MECHANIC, "session_reassigned", (PUSH,))],
    ),
    (
        "and is suspended",
        a_fact("SessionReassigned", assignment_id=OFFER, why="suspended", **BOTH),
        [(CUSTOMER, "offer_released", (PUSH,))],
    ),
    (
        "the mechanic has come",
        a_fact("MechanicJoined", assignment_id=OFFER, customer_due_by=IN_TEN_MINUTES, **BOTH),
        [(CUSTOMER, "mechanic_joined", (PUSH,))],
    ),
    (
        "the mechanic has come to a customer who is there",
        a_fact("MechanicJoined", assignment_id=OFFER, **BOTH),
        [],
    ),
    (
        "the mechanic did not come",
        a_fact("MechanicNotJoined", assignment_id=OFFER, **BOTH),
        [
            (CUSTOMER, "mechanic_not_joined", (PUSH,)),
            (MECHANIC, "mechanic_not_joined", (PUSH,)),
        ],
    ),
    (
        "their shift ends by a suspension, which is told by itself",
        a_fact("MechanicClockedOut", mechanic_id=MECHANIC, shift_id="s", cause="suspended"),
        [],
    ),
    decided("MechanicApproved", "mechanic_approved"),
    decided("MechanicSuspended", "mechanic_suspended"),
    decided("MechanicReinstated", "mechanic_reinstated"),
    *map(passed_over, PASSED_OVER),
    (
        "all are offline",
        a_fact("AllOffline", customer_id=CUSTOMER, period=1),
        [(CUSTOMER, "all_offline", (PUSH, MAIL))],
    ),
    (
        "nobody took it",
        a_fact("SessionUnfilled", customer_id=CUSTOMER, period=1),
        [(CUSTOMER, "session_unfilled", (PUSH, MAIL))],
    ),
    (
        "the customer did not come",
        a_fact("CustomerNotJoined", assignment_id=OFFER, **BOTH),
        [
            (CUSTOMER, "customer_not_joined", (PUSH, MAIL)),
            (MECHANIC, "customer_not_joined", (PUSH,)),
        ],
    ),
    (
        "the customer is elsewhere to the end",
        a_fact("CustomerNotJoined", assignment_id=None, **BOTH),
        [
            (CUSTOMER, "customer_not_joined", (PUSH, MAIL)),
            (MECHANIC, "customer_not_joined", (PUSH,)),
        ],
    ),
    (
        "the customer cancels before anybody came",
        a_fact("SessionCancelled", customer_id=CUSTOMER, mechanic_id=None, cancelled_by="customer"),
        [],
    ),
    (
        "the customer cancels what a mechanic has",
        a_fact("SessionCancelled", cancelled_by="customer", **BOTH),
        [(MECHANIC, "session_cancelled", (PUSH,))],
    ),
    (
        "it was not signed in time",
        a_fact("SessionCancelled", customer_id=CUSTOMER, mechanic_id=None, cancelled_by="timer"),
        [(CUSTOMER, "session_cancelled", (PUSH, MAIL))],
    ),
    (
        "an admin calls off what nobody has accepted",
        a_fact("SessionCancelled", customer_id=CUSTOMER, mechanic_id=None, cancelled_by="admin"),
        [(CUSTOMER, "session_cancelled", (PUSH, MAIL))],
    ),
    (
        "an admin calls off what a mechanic has",
        a_fact("SessionCancelled", cancelled_by="admin", **BOTH),
        [
            (MECHANIC, "session_cancelled", (PUSH,)),
            (CUSTOMER, "session_cancelled", (PUSH, MAIL)),
        ],
    ),
    (
        "the customer ends it",
        a_fact("SessionCompleted", ended_by="customer", **BOTH),
        [(CUSTOMER, "session_completed", (MAIL,)), (MECHANIC, "session_completed", (PUSH,))],
    ),
    (
        "the mechanic ends it",
        a_fact("SessionCompleted", ended_by="mechanic", **BOTH),
        [(CUSTOMER, "session_completed", (PUSH, MAIL))],
    ),
    (
        "its time is up",
        a_fact("SessionCompleted", ended_by="timer", **BOTH),
        [(CUSTOMER, "session_completed", (PUSH, MAIL)), (MECHANIC, "session_completed", (PUSH,))],
    ),
    ("a place comes up", WAITLIST_TOLD, [(CUSTOMER, "waitlist_told", (PUSH, MAIL))]),
    (
        "a mechanic clocks out",
        sessionless("MechanicClockedOut", cause="self", **SHIFT),
        [],
    ),
    (
        "a mechanic clocked out before causes were told",
        sessionless("MechanicClockedOut", **SHIFT),
        [],
    ),
    (
        "a shift closes with its session",
        sessionless("MechanicClockedOut", cause="finished", **SHIFT),
        [(MECHANIC, "mechanic_clocked_out", (PUSH,))],
    ),
    (
        "three offers were missed",
        sessionless("MechanicClockedOut", cause="three_misses", **SHIFT),
        [(MECHANIC, "mechanic_clocked_out", (PUSH, MAIL))],
    ),
    (
        "a shift was too long",
        sessionless("MechanicClockedOut", cause="twelve_hours", **SHIFT),
        [(MECHANIC, "mechanic_clocked_out", (PUSH, MAIL))],
    ),
    (
        "a session is booked",
        a_booking("SessionScheduled"),
        [
            (CUSTOMER, "session_scheduled", (PUSH, MAIL)),
            (MECHANIC, "session_scheduled", (PUSH, MAIL)),
        ],
    ),
    (
        "a booking gets another time",
        a_booking("SessionRescheduled", booking_version=2, previous_start=format_time(NOON)),
        [
            (CUSTOMER, "session_rescheduled", (PUSH, MAIL)),
            (MECHANIC, "session_rescheduled", (PUSH, MAIL)),
        ],
    ),
    (
        "a booking is a day ahead",
        reminded("24_h"),
        [
            (CUSTOMER, "session_reminder", (PUSH, MAIL)),
            (MECHANIC, "session_reminder", (PUSH, MAIL)),
        ],
    ),
    *map(near, ("1_h", "15_min", "a_new_distance")),
    (
        "the customer cancels a booking",
        called_off("customer", 50),
        [
            (CUSTOMER, "session_cancelled", (MAIL,)),
            (MECHANIC, "session_cancelled", (PUSH, MAIL)),
        ],
    ),
    (
        "the mechanic cancels a booking",
        called_off("mechanic"),
        [
            (CUSTOMER, "session_cancelled", (PUSH, MAIL)),
            (MECHANIC, "session_cancelled", (MAIL,)),
        ],
    ),
    (
        "somebody else cancels a booking",
        called_off("admin"),
        [
            (CUSTOMER, "session_cancelled", (PUSH, MAIL)),
            (MECHANIC, "session_cancelled", (PUSH, MAIL)),
        ],
    ),
    (
        "at the start of a booking the mechanic is not there",
        delayed(customer=False, mechanic=True),
        [(MECHANIC, "booking_delayed", (PUSH,))],
    ),
    (
        "at the start of a booking the customer is elsewhere",
        delayed(customer=True, mechanic=False),
        [(CUSTOMER, "booking_delayed", (PUSH,))],
    ),
    (
        "at the start of a booking neither is there",
        delayed(customer=True, mechanic=True),
        [(CUSTOMER, "booking_delayed", (PUSH,)), (MECHANIC, "booking_delayed", (PUSH,))],
    ),
    (
        "a booking begins",
        BEGAN,
        [(CUSTOMER, "booking_began", (PUSH,)), (MECHANIC, "booking_began", (PUSH,))],
    ),
    (
        "a session runs into a booking",
        a_booking_without_end("BookingClash"),
        [(CUSTOMER, "booking_clash", (PUSH,)), (MECHANIC, "booking_clash", (PUSH,))],
    ),
    ("a fact of no interest", a_fact("SessionBooked", customer_id=CUSTOMER), []),
    ("a fact of a later release", a_fact("SomethingNew", customer_id=CUSTOMER), []),
]
IDS = [name for name, *_ in CASES]
ALL = [
    *offers_made(a_brief()),
    *offers_made(a_brief(urgent=True)),
    *rules.broadcast_announced(ANNOUNCED, a_brief()),
    *(notice for _, fact, _ in CASES for notice in rules.told_of(fact)),
]


@pytest.mark.parametrize(("fact", "whom"), [case[1:] for case in CASES], ids=IDS)
def test_a_fact_is_told_to(fact: dict[str, Any], whom: list[Told]) -> None:
    notices = rules.told_of(fact)
    assert [(notice.user_id, notice.type, notice.channels) for notice in notices] == whom


def test_each_mechanic_who_was_asked_is_told_of_their_own_offer() -> None:
    notices = offers_made(a_brief())
    assert told(notices) == [MECHANIC, RIVAL]
    assert [notice.data for notice in notices] == [
        {"session_id": SESSION, "assignment_id": TO_ME},
        {"session_id": SESSION, "assignment_id": TO_RIVAL},
    ]
    assert {notice.expires_at for notice in notices} == {NOON + FIVE_MINUTES}


def test_a_broadcast_is_told_to_its_audience() -> None:
    notices = rules.broadcast_announced(ANNOUNCED, a_brief())
    assert told(notices) == [MECHANIC, RIVAL]
    assert notices[0].data == {"session_id": SESSION, "assignment_id": BROADCAST}
    assert {notice.expires_at for notice in notices} == {NOON + timedelta(minutes=30)}


def test_a_broadcast_of_an_earlier_release_is_worth_telling_for_a_day() -> None:
    fact = {name: value for name, value in ANNOUNCED.items() if name != "expires_at"}
    notices = rules.broadcast_announced(fact, a_brief())
    assert {notice.expires_at for notice in notices} == {NOON + timedelta(days=1)}


def test_every_type_of_notice_is_told_of_some_fact_and_every_fact_that_is_heard_is_handled() -> (
    None
):
    assert {notice.type for notice in ALL} == set(NoticeType)
    heard = set(subscriptions()["NotifySubscription"])
    told_elsewhere = {
        EventType.OFFERS_MADE,
        EventType.BROADCAST_ANNOUNCED,
        EventType.OFFERS_EXPIRED,  # silent withdrawals
        EventType.DEVICE_DISABLED,  # offers pass on
    }
    assert {fact["type"] for _, fact, whom in CASES if whom} | told_elsewhere == heard


def test_a_place_on_the_waitlist_is_worth_telling_until_it_is_lost() -> None:
    (notice,) = rules.told_of(WAITLIST_TOLD)
    assert notice.expires_at == NOON + FIVE_MINUTES
    assert notice.data == {
        "entry_id": "entry-1",
        "mechanic_id": MECHANIC,
        "claim_until": format_time(NOON + FIVE_MINUTES),
    }
    assert an_entry_of(notice).body == "Book within 5 min to keep your place."


@pytest.mark.parametrize(
    ("wait", "minutes"),
    [(timedelta(minutes=10), "10"), (timedelta(minutes=3, seconds=59), "3"), (ONE_SECOND, "1")],
)
def test_that_the_mechanic_has_come_is_worth_telling_while_the_customer_is_waited_for(
    wait: timedelta, minutes: str
) -> None:
    due_by = NOON + wait
    (notice,) = rules.told_of(a_fact("MechanicJoined", customer_due_by=format_time(due_by), **BOTH))
    assert notice.expires_at == due_by
    assert notice.data == {
        "session_id": SESSION,
        "mechanic_id": MECHANIC,
        "customer_due_by": format_time(due_by),
    }
    assert an_entry_of(notice).body == f"Join within {minutes} min, or the session is closed."


@pytest.mark.parametrize("language", Language)
def test_nobody_is_here_before_they_have_joined(language: Language) -> None:
    (accepted,) = rules.told_of(a_fact("OfferAccepted", **BOTH))
    (joined,) = rules.told_of(a_fact("MechanicJoined", customer_due_by=IN_TEN_MINUTES, **BOTH))
    here = an_entry_of(joined, language).title
    assert here in ("Your mechanic is here", "Votre mécanicien est là")
    assert an_entry_of(accepted, language).title != here
    assert accepted.data == {"session_id": SESSION, "mechanic_id": MECHANIC}


@pytest.mark.parametrize("notice", ALL, ids=lambda notice: notice.wording)
def test_anything_else_is_worth_telling_for_a_day_at_most(notice: Notice) -> None:
    assert NOON < notice.expires_at <= NOON + timedelta(days=1)


@pytest.mark.parametrize("type_", ["AllOffline", "SessionUnfilled"])
def test_a_customer_whom_nobody_helps_has_three_ways_on(type_: str) -> None:
    (notice,) = rules.told_of(a_fact(type_, customer_id=CUSTOMER, period=1))
    assert notice.data["options"].split(",") == ["schedule", "browse_offline", "join_waitlist"]


# Bookings

BOOKING = {
    "session_id": SESSION,
    "mechanic_id": MECHANIC,
    "scheduled_start": format_time(BOOKED_FROM),
    "time_zone": VANCOUVER,
}
FRIDAY = "Friday, July 3 at 05:00 (America/Vancouver, UTC-07:00)"
VENDREDI = "vendredi 3 juillet à 5 h 00 (America/Vancouver, UTC-07:00)"


@pytest.mark.parametrize("type_", ["SessionScheduled", "SessionRescheduled"])
def test_a_booking_tells_both_all_that_an_invitation_is_made_of(type_: str) -> None:
    for notice in rules.told_of(a_booking(type_, booking_version=3)):
        assert notice.data == BOOKING | {
            "scheduled_end": format_time(BOOKED_UNTIL),
            "booking_version": "3",
        }
        assert notice.expires_at == NOON + timedelta(days=1)


@pytest.mark.parametrize(
    ("start", "expires_at"),
    [
        (NOON + timedelta(hours=2), NOON + timedelta(hours=2)),
        (NOON + timedelta(days=2), NOON + timedelta(days=1)),
    ],
)
@pytest.mark.parametrize("type_", ["SessionScheduled", "SessionRescheduled", "SessionReminder"])
def test_what_is_to_come_is_not_told_once_it_has_come(
    type_: str, start: datetime, expires_at: datetime
) -> None:
    for notice in rules.told_of(a_booking(type_, scheduled_start=format_time(start), ahead="1_h")):
        assert notice.expires_at == expires_at


@pytest.mark.parametrize(
    "fact", [delayed(customer=True, mechanic=True), BEGAN], ids=["delayed", "began"]
)
def test_who_is_called_is_called_as_long_as_they_are_waited_for(fact: dict[str, Any]) -> None:
    assert {notice.expires_at for notice in rules.told_of(fact)} == {NOON + FIVE_MINUTES}


def bodies(fact: dict[str, Any], language: Language = Language.ENGLISH) -> dict[str, str]:
    return {
        notice.side: rules.entry_of(notice, notice.channels[0], language).body
        for notice in rules.told_of(fact)
    }


@pytest.mark.parametrize(
    "fact",
    [
        a_booking("SessionScheduled"),
        a_booking("SessionRescheduled", booking_version=2),
        *(reminded(ahead) for ahead in ("24_h", "1_h", "15_min", "a_new_distance")),
        called_off("customer"),
        called_off("mechanic"),
        a_booking_without_end("BookingClash"),
    ],
    ids=lambda fact: fact["type"],
)
def test_a_start_is_told_by_the_mechanics_clock_and_says_so(fact: dict[str, Any]) -> None:
    for language, start in ((Language.ENGLISH, FRIDAY), (Language.FRENCH, VENDREDI)):
        assert all(start in body for body in bodies(fact, language).values())


def test_each_reminder_says_how_far_it_is() -> None:
    titles = {
        ahead: [an_entry_of(notice).title for notice in rules.told_of(reminded(ahead))]
        for ahead in ("24_h", "1_h", "15_min", "a_new_distance")
    }
    assert titles == {
        "24_h": ["Your session starts in 24 hours"] * 2,
        "1_h": ["Your session starts in an hour"] * 2,
        "15_min": ["Your session starts in 15 minutes"] * 2,
        "a_new_distance": ["Your session starts soon"] * 2,
    }


@pytest.mark.parametrize("percent", [0, 50, 100])
def test_a_customer_is_told_what_share_of_a_cancelled_booking_comes_back(percent: int) -> None:
    for by in ("customer", "mechanic", "admin"):
        fact = called_off(by, percent)
        assert f"You get back {percent}% of what you paid." in bodies(fact)["customer"]
        assert f"{percent} % de ce que" in bodies(fact, Language.FRENCH)["customer"]
        assert {n.data["refund_percent"] for n in rules.told_of(fact)} == {str(percent)}


def test_who_cancels_is_told_that_it_was_them() -> None:
    for by in ("customer", "mechanic"):
        titles = {
            notice.side: an_entry_of(notice).title for notice in rules.told_of(called_off(by))
        }
        assert [side for side, title in titles.items() if "You have cancelled" in title] == [by]


def test_a_mechanic_is_told_how_long_a_booking_waits_for_them() -> None:
    for fact in (delayed(customer=False, mechanic=True), BEGAN):
        for language in Language:
            assert " 5 min" in bodies(fact, language)["mechanic"]


@pytest.mark.parametrize("language", Language)
def test_a_mechanic_who_is_not_there_is_called_urgently(language: Language) -> None:
    (notice,) = rules.told_of(delayed(customer=False, mechanic=True))
    assert "Urgent" in an_entry_of(notice, language).title


@pytest.mark.parametrize(
    ("instant", "zone", "english", "french"),
    [
        # The night in which clocks in Toronto go forward, at 7:00 UTC.
        (
            "2026-03-08T06:45:00Z",
            "America/Toronto",
            "Sunday, March 8 at 01:45 (America/Toronto, UTC-05:00)",
            "dimanche 8 mars à 1 h 45 (America/Toronto, UTC-05:00)",
        ),
        (
            "2026-03-08T07:00:00Z",
            "America/Toronto",
            "Sunday, March 8 at 03:00 (America/Toronto, UTC-04:00)",
            "dimanche 8 mars à 3 h 00 (America/Toronto, UTC-04:00)",
        ),
        # And back: the same hour twice, told apart by the offset.
        (
            "2026-11-01T05:30:00Z",
            "America/Toronto",
            "Sunday, November 1 at 01:30 (America/Toronto, UTC-04:00)",
            "dimanche 1er novembre à 1 h 30 (America/Toronto, UTC-04:00)",
        ),
        (
            "2026-11-01T06:30:00Z",
            "America/Toronto",
            "Sunday, November 1 at 01:30 (America/Toronto, UTC-05:00)",
            "dimanche 1er novembre à 1 h 30 (America/Toronto, UTC-05:00)",
        ),
        (
            "2026-12-31T20:00:00Z",
            "Asia/Kathmandu",
            "Friday, January 1 at 01:45 (Asia/Kathmandu, UTC+05:45)",
            "vendredi 1er janvier à 1 h 45 (Asia/Kathmandu, UTC+05:45)",
        ),
        (
            "2026-01-10T12:00:00Z",
            "Europe/London",
            "Saturday, January 10 at 12:00 (Europe/London, UTC)",
            "samedi 10 janvier à 12 h 00 (Europe/London, UTC)",
        ),
        (
            "2026-01-10T12:00:00Z",
            "UTC",
            "Saturday, January 10 at 12:00 (UTC)",
            "samedi 10 janvier à 12 h 00 (UTC)",
        ),
        (
            "2026-01-10T12:00:00Z",
            "Mars/Olympus",
            "Saturday, January 10 at 12:00 (UTC)",
            "samedi 10 janvier à 12 h 00 (UTC)",
        ),
    ],
)
def test_a_moment_is_told_by_the_clocks_of_its_zone(
    instant: str, zone: str, english: str, french: str
) -> None:
    at = parse_time(instant)
    assert texts.moment(at, zone, Language.ENGLISH) == english
    assert texts.moment(at, zone, Language.FRENCH) == french


# In which words


def an_entry_of(notice: Notice, language: Language = Language.ENGLISH) -> Entry:
    return rules.entry_of(notice, PUSH, language)


def test_an_offer_says_what_it_is_about_and_where() -> None:
    def body(**brief: Any) -> str:
        return an_entry_of(offers_made(a_brief(**brief))[0]).body

    assert body(keywords=("engine diagnostic",)) == "engine diagnostic - Toronto"
    assert body(keywords=("engine diagnostic",), city=None) == "engine diagnostic"
    assert body(keywords=(), city=None) == "free chat session"


@pytest.mark.parametrize("language", Language)
def test_an_urgent_offer_says_so(language: Language) -> None:
    calm, urgent = (
        an_entry_of(offers_made(a_brief(urgent=urgent))[0], language).title
        for urgent in (False, True)
    )
    assert "rgent" not in calm
    assert "rgent" in urgent


@pytest.mark.parametrize("language", Language)
def test_every_reason_to_pass_the_preferred_mechanic_over_has_words_of_its_own(
    language: Language,
) -> None:
    bodies = {
        an_entry_of(notice, language).body
        for outcome in [*PASSED_OVER, "a_new_reason"]
        for notice in rules.told_of(a_fact("PreferredPassedOver", outcome=outcome, **BOTH))
    }
    assert len(bodies) == len(PASSED_OVER) + 1


@pytest.mark.parametrize("cause", ["three_misses", "twelve_hours", "finished", "a_new_cause"])
def test_every_cause_of_an_end_of_shift_has_words(cause: str) -> None:
    (notice,) = rules.told_of(sessionless("MechanicClockedOut", cause=cause, **SHIFT))
    assert {an_entry_of(notice, language).title for language in Language} == {
        "You are off shift",
        "Vous n'êtes plus en service",
    }


def test_both_languages_have_words_for_the_same() -> None:
    assert texts.ENGLISH.keys() == texts.FRENCH.keys()


@pytest.mark.parametrize("notice", ALL, ids=lambda notice: notice.wording)
def test_the_languages_differ_in_more_than_what_they_speak_of(notice: Notice) -> None:
    english, french = (an_entry_of(notice, language) for language in Language)
    assert english.title != french.title
    assert all((english.title, english.body, french.title, french.body))
    assert "{" not in english.title + english.body + french.title + french.body


def test_words_are_taken_as_they_are() -> None:
    (notice, _) = offers_made(a_brief(keywords=(), city="{what} {0.__class__} %s"))
    assert an_entry_of(notice).body == "free chat session - {what} {0.__class__} %s"


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("en-CA", "en"),
        ("fr", "fr"),
        ("fr-CA", "fr"),
        ("FR_ca", "fr"),
        (" fr-FR.UTF-8 ", "fr"),
        ("fry", "en"),
        ("es-MX", "en"),
        ("-fr", "en"),
        ("日本", "en"),
    ],
)
def test_french_is_for_whoever_speaks_it(locale: str | None, language: str) -> None:
    assert rules.language_of(locale) == language


@given(st.text())
def test_any_locale_has_a_language_and_any_text_becomes_one_line(text: str) -> None:
    assert rules.language_of(text) in Language
    line = rules.one_line(text)
    assert len(line) <= 100
    assert line.isprintable()


@pytest.mark.parametrize(
    ("name", "greeting"),
    [
        ("Jo Driver", "Jo Driver"),
        ("Zoë  O'Neil-Ünal", "Zoë O'Neil-Ünal"),
        ("Dr. J. R. Smith", "Dr. J. R. Smith"),
        ("Jo\r\nBcc: all@example.com", ""),
        ("Jo\r\nDriver", "Jo Driver"),
        ("Win now: https://bad.example", ""),
        ("www.bad.example", ""),
        ("bad.example", ""),
        ("x" * 40, "x" * 40),
        ("x" * 41, ""),
        ("María del Carmen García Pérez", "María del Carmen García Pérez"),
        ("Jean-François D’Arcy", "Jean-François D’Arcy"),
        ("山田 太郎", "山田 太郎"),
        ("संदीप कुमार", "संदीप कुमार"),
        ("Call 555 0100 now", ""),
        ("Call ٥٥٥", ""),
        ("Send me all of your money", ""),
        ("Jo (see below)", ""),
        ("Jo: you have won!", ""),
        ("Jo, Driver", ""),
        ("jo@driver", ""),
        ("‮gnihtyna", "gnihtyna"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_mail_greets_by_name_and_links_to_nowhere(name: str | None, greeting: str) -> None:
    assert rules.greeting_name(name) == greeting


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("jo@driver.example", "jo@driver.example"),
        ("jo+cars@driver.example", "jo+cars@driver.example"),
        ("jo@bücher.example", "jo@xn--bcher-kva.example"),
        ("jo@driver.example\nBcc: all@example.com", None),
        ("jo@driver.example, all@example.com", None),
        ("jo@driver.example,all@example.com", None),
        ("<jo@driver.example>", None),
        ("Jo <jo@driver.example>", None),
        ('"jo"@driver.example', None),
        ("jö@driver.example", None),
        ("jo@", None),
        ("@driver.example", None),
        ("jo@a..b", None),
        ("jo", None),
        ("", None),
        (None, None),
    ],
)
def test_only_one_plain_address_is_an_address(text: str | None, address: str | None) -> None:
    assert rules.mail_address(text) == address


# What leaves the house names nobody


@pytest.mark.parametrize("platform", Platform)
def test_a_push_tells_neither_who_it_is_nor_what_they_wrote(platform: Platform) -> None:
    for notice in ALL:
        payload = rules.payload(an_entry_of(notice), platform, 300)
        for private in (CONCERN, CUSTOMER, RIVAL, "Honda", "Jo Driver"):
            assert private not in payload


def test_data_members_are_texts_as_fcm_demands() -> None:
    for notice in ALL:
        assert all(isinstance(value, str) for value in notice.data.values())


# Ids: the same fact for the same person is the same notice


def test_a_repeated_fact_makes_the_same_notices() -> None:
    again = offers_made(a_brief())
    assert again == offers_made(a_brief())


def test_the_id_of_an_offer_is_known_from_its_assignment_that_of_others_from_the_fact() -> None:
    assert [an_entry_of(notice).id for notice in offers_made(a_brief())] == [
        f"{TO_ME}-push",
        f"{TO_RIVAL}-push",
    ]
    (accepted,) = rules.told_of(a_fact("OfferAccepted", **BOTH))
    assert an_entry_of(accepted).id == f"{FACT_ID}-push"
    assert rules.entry_of(accepted, MAIL, Language.ENGLISH).id == f"{FACT_ID}-mail"


@pytest.mark.parametrize(
    ("text", "is_id"),
    [
        (f"{FACT_ID}-push", True),
        (f"{FACT_ID}-mail", True),
        (f"{FACT_ID}-sms", False),
        (FACT_ID, False),
        (f"{FACT_ID.lower()}-push", False),
        (f"{FACT_ID}-push\n", False),
        (f"X{FACT_ID}-push", False),
        ("", False),
    ],
)
def test_ids_of_notices_are_told_from_anything_else(text: str, is_id: bool) -> None:
    assert rules.is_notice_id(text) is is_id


def test_another_person_or_another_notice_collapses_apart() -> None:
    pairs = [(MECHANIC, "n-1"), (RIVAL, "n-1"), (MECHANIC, "n-2")]
    assert len({rules.collapse_id(*pair) for pair in pairs}) == 3


@given(user_id=st.text(max_size=500), notice_id=st.text())
def test_a_collapse_id_fits_apns(user_id: str, notice_id: str) -> None:
    id_ = rules.collapse_id(user_id, notice_id)
    assert 0 < len(id_.encode()) <= 64
    assert id_ == rules.collapse_id(user_id, notice_id)


# How long it is worth delivering


@pytest.mark.parametrize(
    ("remaining", "ttl_s"),
    [
        (FIVE_MINUTES, 300),
        (FIVE_MINUTES - ONE_MS, 299),
        (ONE_SECOND, 1),
        (ONE_SECOND - ONE_MS, 0),
        (timedelta(0), 0),
        (-ONE_SECOND, 0),
    ],
)
def test_a_push_lives_as_long_as_its_offer(remaining: timedelta, ttl_s: int) -> None:
    entry = an_entry_of(offers_made(a_brief())[0])
    assert rules.ttl_s(entry, entry.expires_at - remaining) == ttl_s


# To which devices


def a_device(number: int, **fields: Any) -> Device:
    return Device(
        **{
            "user_id": MECHANIC,
            "device_id": f"d{number:02}",
            "platform": Platform.FCM,
            "token": f"token-{number}",
            "endpoint_arn": f"arn-{number}",
            "registered_at": NOON + timedelta(seconds=number),
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("others", "giving_way"), [(0, 0), (18, 0), (19, 0), (20, 1), (59, 40), (4000, 40)]
)
def test_who_was_registered_longest_ago_gives_way(others: int, giving_way: int) -> None:
    known = [a_device(number) for number in range(others)]
    assert rules.giving_way(known[::-1]) == known[:giving_way]


def test_devices_that_nobody_knows_the_time_of_are_the_oldest() -> None:
    known = [a_device(number) for number in range(19)]
    unknown = [a_device(number, registered_at=None) for number in (98, 99)]
    assert rules.giving_way([*known, *unknown]) == unknown


def ids_left(entry: Entry, *devices: Device) -> list[str]:
    return [device.device_id for device in rules.devices_left(entry, devices)]


def test_an_entry_is_pushed_to_devices_that_work_the_newest_first() -> None:
    assert ids_left(ENTRY, a_device(1), a_device(2), a_device(3, enabled=False)) == ["d02", "d01"]


def test_at_later_attempts_it_is_pushed_to_those_that_it_waits_for() -> None:
    entry = replace(ENTRY, attempts=1, waiting=("d01",))
    assert ids_left(entry, a_device(1), a_device(2)) == ["d01"]


@pytest.mark.parametrize(("had", "left"), [(0, 20), (19, 1), (20, 0), (25, 0)])
def test_an_entry_goes_to_so_many_devices_at_most(had: int, left: int) -> None:
    """Also where others take their place while it is told: it grows no further."""
    deliveries = tuple(Delivery(target=f"gone-{number}") for number in range(had))
    entry = replace(ENTRY, deliveries=deliveries)
    assert len(ids_left(entry, *(a_device(number) for number in range(30)))) == left


def test_what_a_device_has_had_it_does_not_get_again() -> None:
    entry = replace(ENTRY, deliveries=(Delivery(target="d01"),))
    assert ids_left(entry, a_device(1), a_device(2)) == ["d02"]


# The messages of the platforms

NAMES = {Platform.FCM: "GCM", Platform.APNS: "APNS", Platform.APNS_SANDBOX: "APNS_SANDBOX"}


@pytest.mark.parametrize(("platform", "name"), NAMES.items())
@pytest.mark.parametrize("notice", ALL, ids=lambda notice: notice.wording)
@pytest.mark.parametrize("language", Language)
def test_sns_gets_the_platforms_message_and_a_default(
    notice: Notice, platform: Platform, name: str, language: Language
) -> None:
    entry = an_entry_of(notice, language)
    envelope = json.loads(rules.payload(entry, platform, 300))
    assert set(envelope) == {"default", name}
    assert envelope["default"] == entry.body
    assert json.loads(envelope[name])
    assert len(envelope[name].encode()) <= 4096


ENTRY = an_entry_of(offers_made(a_brief())[0])
TAG = rules.collapse_id(MECHANIC, f"{TO_ME}-push")
ALERT = {"title": "New session for you", "body": "check engine light, engine diagnostic - Toronto"}


def test_fcm() -> None:
    envelope = json.loads(rules.payload(ENTRY, Platform.FCM, 299))
    message = json.loads(envelope["GCM"])["fcmV1Message"]["message"]
    assert message["notification"] == ALERT
    assert message["data"] == {
        "type": "offer_made",
        "notice_id": f"{TO_ME}-push",
        "session_id": SESSION,
        "assignment_id": TO_ME,
    }
    assert message["android"]["ttl"] == "299s"
    assert message["android"]["priority"] == "high"
    assert message["android"]["collapse_key"] == TAG
    assert message["android"]["notification"]["tag"] == TAG
    assert rules.attributes(ENTRY, Platform.FCM, 299) == {"AWS.SNS.MOBILE.FCM.TTL": "299"}


@pytest.mark.parametrize("platform", [Platform.APNS, Platform.APNS_SANDBOX])
def test_apns(platform: Platform) -> None:
    envelope = json.loads(rules.payload(ENTRY, platform, 299))
    message = json.loads(envelope[platform.upper()])
    assert message["aps"]["alert"] == ALERT
    assert message["type"] == "offer_made"
    assert message["assignment_id"] == TO_ME
    assert rules.attributes(ENTRY, platform, 299) == {
        f"AWS.SNS.MOBILE.{platform.upper()}.TTL": "299",
        "AWS.SNS.MOBILE.APNS.COLLAPSE_ID": TAG,
        "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "alert",
        "AWS.SNS.MOBILE.APNS.PRIORITY": "10",
    }


# Lost offers

LOST = Withdrawal(user_id=MECHANIC, session_id=SESSION, assignment_id=TO_ME)


@pytest.mark.parametrize("type_", ["OfferAccepted", "SessionCancelled", "SessionUnfilled"])
def test_who_lost_an_offer_has_it_withdrawn(type_: str) -> None:
    lost = {"lost_mechanic_ids": [MECHANIC], "lost_assignment_ids": [TO_ME]}
    assert rules.withdrawals(a_fact(type_, **lost)) == [LOST]
    assert rules.withdrawals(a_fact(type_)) == [], "facts of an earlier release tell of none"


@pytest.mark.parametrize(
    ("cause", "is_withdrawn"),
    [
        ("timeout", False),
        ("clocked_out", True),
        ("at_capacity", True),
        ("undeliverable", True),
        ("not_eligible", True),
    ],
)
def test_an_offer_that_ends_before_its_time_is_withdrawn(cause: str, is_withdrawn: bool) -> None:
    fact = a_fact("OffersExpired", mechanic_ids=[MECHANIC], assignment_ids=[TO_ME], cause=cause)
    assert rules.withdrawals(fact) == ([LOST] if is_withdrawn else [])


DATA = {
    "type": "offer_withdrawn",
    "session_id": SESSION,
    "assignment_id": TO_ME,
    "notice_id": f"{TO_ME}-push",
    "collapse_id": TAG,
}


def test_a_withdrawal_shows_nothing_on_android() -> None:
    envelope = json.loads(rules.withdrawal_payload(LOST, Platform.FCM))
    message = json.loads(envelope["GCM"])["fcmV1Message"]["message"]
    assert message["data"] == DATA
    assert "notification" not in message
    assert "notification" not in message["android"]
    assert rules.withdrawal_attributes(Platform.FCM) == {"AWS.SNS.MOBILE.FCM.TTL": "300"}


@pytest.mark.parametrize("platform", [Platform.APNS, Platform.APNS_SANDBOX])
def test_a_withdrawal_wakes_the_app_in_the_background_on_apple(platform: Platform) -> None:
    envelope = json.loads(rules.withdrawal_payload(LOST, platform))
    assert json.loads(envelope[platform.upper()]) == {"aps": {"content-available": 1}, **DATA}
    assert rules.withdrawal_attributes(platform) == {
        f"AWS.SNS.MOBILE.{platform.upper()}.TTL": "300",
        "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "background",
        "AWS.SNS.MOBILE.APNS.PRIORITY": "5",
    }


@pytest.mark.parametrize("platform", Platform)
def test_a_withdrawal_names_the_notice_that_it_takes_away(platform: Platform) -> None:
    shown = json.loads(rules.payload(ENTRY, Platform.FCM, 300))
    tag = json.loads(shown["GCM"])["fcmV1Message"]["message"]["android"]["notification"]["tag"]
    assert tag in rules.withdrawal_payload(LOST, platform)


# Tags of mails


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("3f0c9a52-6f0e-4e0b-9a53-4a2f1c7b8e10", "3f0c9a52-6f0e-4e0b-9a53-4a2f1c7b8e10"),
        ("customer_1", "customer_1"),
        ("auth0|62", "b64_YXV0aDB8NjI"),
        ("b64_x", "b64_YjY0X3g"),
        ("", "b64_"),
    ],
)
def test_a_tag_is_plain_where_ses_takes_it(text: str, tag: str) -> None:
    assert rules.tag_of(text) == tag


@given(st.text(max_size=60))
def test_a_tag_can_be_read_back_and_ses_takes_it(text: str) -> None:
    tag = rules.tag_of(text)
    assert rules.text_of_tag(tag) == text
    assert len(tag) <= 400
    assert all(char.isascii() and (char.isalnum() or char in "_-") for char in tag)


# What went wrong


@pytest.mark.parametrize(
    "code",
    [
        "EndpointDisabled",
        "NotFound",
        "InvalidParameter",
        "ParameterValueInvalid",
        "MessageRejected",
        "BadRequestException",
        "ValidationException",
    ],
)
def test_what_will_never_be_taken_is_permanent(code: str) -> None:
    assert rules.is_permanent(code)


@pytest.mark.parametrize(
    "code",
    [
        "Throttled",
        "ThrottlingException",
        "InternalError",
        "ServiceUnavailable",
        "TooManyRequestsException",
        "LimitExceededException",
        "SendingPausedException",
        "AccessDeniedException",
        "PlatformApplicationDisabled",
        "Unreachable",
        "503",
        "SomethingNew",
    ],
)
def test_everything_else_passes_or_is_mended(code: str) -> None:
    assert not rules.is_permanent(code)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("Throttled", "throttled"),
        ("TooManyRequestsException", "too_many_requests"),
        ("InvalidPlatformToken", "invalid_platform_token"),
        ("NotificationTTLExpired", "notification_ttl_expired"),
        ("KMSThrottlingException", "kms_throttling"),
        ("503", "503"),
        ("Exception", "exception"),
        ("", "unknown"),
    ],
)
def test_reasons_are_written_in_one_way(code: str, reason: str) -> None:
    assert rules.reason_of(code) == reason


def test_sides_are_named_as_parties_are() -> None:
    assert {side.value for side in Side} == {"customer", "mechanic"}


@pytest.mark.parametrize(
    ("code", "message", "is_dead"),
    [
        ("EndpointDisabled", "Endpoint is disabled", True),
        ("NotFound", "Endpoint does not exist", True),
        (
            "InvalidParameter",
            "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified",
            True,
        ),
        ("InvalidParameter", "Invalid parameter: Message too long", False),
        ("Throttling", "Rate exceeded", False),
    ],
)
def test_a_dead_endpoint_is_told_from_a_bad_message(code: str, message: str, is_dead: bool) -> None:
    assert rules.is_dead_endpoint(code, message) is is_dead
