"""Invitations, read by another library than the one that writes them (RFC 5545, 5546)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ical.calendar import Calendar
from ical.calendar_stream import IcsCalendarStream
from ical.event import Event

from dispatch.core.time import format_time
from dispatch.notifications import rules
from dispatch.notifications.invitations import has_invitation, invitation_of
from dispatch.notifications.model import Channel, Entry, Invitation, Language, Side
from tests.builders import (
    BOOKED_FROM,
    BOOKED_UNTIL,
    CUSTOMER,
    MECHANIC,
    SESSION,
    a_booking_fact,
)
from tests.calendar_builders import local
from tests.clock import NOON
from tests.unit.test_mail_texts import HOSTILE
from tests.unit.test_notice_rules import ALL

SENDER = "notices@dispatch.example"
JO = "jo@driver.example"
SCHEDULED = a_booking_fact("SessionScheduled")
RESCHEDULED = a_booking_fact("SessionRescheduled", booking_version=2)
CANCELLED = a_booking_fact(
    "SessionCancelled", booking_version=3, cancelled_by="customer", refund_percent=50
)
FACTS = {fact["type"]: fact for fact in (SCHEDULED, RESCHEDULED, CANCELLED)}
PLAIN = set(
    "BEGIN VERSION PRODID METHOD UID SEQUENCE DTSTAMP DTSTART DTEND STATUS SUMMARY DESCRIPTION "
    "ORGANIZER ATTENDEE END".split()
)


def entry_of(
    fact: Mapping[str, Any], side: Side = Side.CUSTOMER, language: Language = Language.ENGLISH
) -> Entry:
    (notice,) = [notice for notice in rules.told_of(fact) if notice.side is side]
    return rules.entry_of(notice, Channel.MAIL, language)


def made(entry: Entry, name: str | None = "Ana", attendee: str = JO) -> Invitation:
    return invitation_of(entry, organizer=SENDER, attendee=attendee, mechanic_name=name)


def read(invitation: Invitation) -> tuple[Calendar, Event]:
    calendar = IcsCalendarStream.calendar_from_ics(invitation.content.decode())
    (event,) = calendar.events
    return calendar, event


def unfolded(invitation: Invitation) -> list[str]:
    """The content lines, by the letter of RFC 5545, 3.1."""
    text = invitation.content.decode()
    assert text.endswith("\r\n")
    return text.replace("\r\n ", "").removesuffix("\r\n").split("\r\n")


def names(invitation: Invitation) -> list[str]:
    return [re.split("[:;]", line)[0] for line in unfolded(invitation)]


# What it says


@pytest.mark.parametrize(
    ("fact", "method", "sequence", "status"),
    [
        (SCHEDULED, "REQUEST", 0, "CONFIRMED"),
        (RESCHEDULED, "REQUEST", 1, "CONFIRMED"),
        (CANCELLED, "CANCEL", 2, "CANCELLED"),
    ],
    ids=FACTS,
)
@pytest.mark.parametrize("side", Side)
def test_it_tells_a_calendar_what_to_do_with_which_version(
    fact: dict[str, Any], method: str, sequence: int, status: str, side: Side
) -> None:
    invitation = made(entry_of(fact, side))
    calendar, event = read(invitation)
    assert (calendar.method, event.sequence, event.status) == (method, sequence, status)
    assert invitation.media_type == f"text/calendar; method={method}; charset=UTF-8"
    assert event.dtstamp == NOON


def test_what_is_told_later_replaces_what_was_told_before() -> None:
    """The same UID for both sides and all along, and a higher SEQUENCE each time."""
    for side in Side:
        events = [read(made(entry_of(fact, side)))[1] for fact in FACTS.values()]
        assert {event.uid for event in events} == {SESSION}
        assert [event.sequence for event in events] == [0, 1, 2]


@pytest.mark.parametrize(
    ("zone", "on", "clock", "fold"),
    [
        ("America/Vancouver", "2026-03-08", "1:45", 0),
        ("America/Vancouver", "2026-03-08", "3:00", 0),
        ("America/Toronto", "2026-11-01", "1:30", 0),
        ("America/Toronto", "2026-11-01", "1:30", 1),
        ("Asia/Kathmandu", "2026-07-01", "9:15", 0),
        ("Australia/Lord_Howe", "2026-04-05", "1:45", 1),
    ],
)
def test_it_shows_the_right_instants_wherever_it_is_read(
    zone: str, on: str, clock: str, fold: int
) -> None:
    wall = local(zone, on, clock, fold)
    start = wall.astimezone(UTC)
    end = start + timedelta(minutes=45)
    times = {"scheduled_start": format_time(start), "scheduled_end": format_time(end)}
    for fact in FACTS.values():
        _, event = read(made(entry_of(fact | times)))
        assert isinstance(event.dtstart, datetime)
        assert (event.dtstart, event.dtend) == (start, end)
        shown = event.dtstart.astimezone(ZoneInfo(zone))
        assert (shown.isoformat(), shown.fold) == (wall.isoformat(), wall.fold)


@given(st.integers(0, 5 * 366 * 24 * 60))
def test_any_instant_comes_out_as_it_went_in(minutes: int) -> None:
    start = NOON + timedelta(minutes=minutes)
    _, event = read(made(entry_of(SCHEDULED | {"scheduled_start": format_time(start)})))
    assert event.dtstart == start


def test_a_cancellation_that_knows_no_end_does_without() -> None:
    fact = {name: value for name, value in CANCELLED.items() if name != "scheduled_end"}
    _, event = read(made(entry_of(fact)))
    assert (event.dtstart, event.dtend) == (BOOKED_FROM, None)


def test_times_are_written_in_utc_so_that_no_reader_needs_a_zones_rules() -> None:
    lines = unfolded(made(entry_of(SCHEDULED)))
    assert f"DTSTART:{BOOKED_FROM:%Y%m%dT%H%M%S}Z" in lines
    assert f"DTEND:{BOOKED_UNTIL:%Y%m%dT%H%M%S}Z" in lines
    assert not [line for line in lines if "TZID" in line]


# Whom it names


def test_a_customer_reads_the_mechanics_public_name_and_a_mechanic_nobodys() -> None:
    for language, customers, mechanics in (
        (Language.ENGLISH, "Dispatch session with Ana", "Dispatch session with a driver"),
        (Language.FRENCH, "Session Dispatch avec Ana", "Session Dispatch avec un conducteur"),
    ):
        for fact in FACTS.values():
            summaries = {
                side: read(made(entry_of(fact, side, language)))[1].summary for side in Side
            }
            assert summaries == {Side.CUSTOMER: customers, Side.MECHANIC: mechanics}


@pytest.mark.parametrize("name", [None, "", "https://bad.example", "\u202e"])
def test_a_mechanic_without_a_name_to_show_is_not_named(name: str | None) -> None:
    assert read(made(entry_of(SCHEDULED), name))[1].summary == "Dispatch session"


@pytest.mark.parametrize("side", Side)
def test_who_gets_it_is_the_only_one_invited_and_is_not_asked_to_answer(side: Side) -> None:
    _, event = read(made(entry_of(SCHEDULED, side)))
    (attendee,) = event.attendees
    assert attendee.uri == f"mailto:{JO}"
    assert (attendee.rsvp, attendee.status) == (False, "ACCEPTED")
    assert event.organizer is not None
    assert (event.organizer.uri, event.organizer.common_name) == (f"mailto:{SENDER}", "Dispatch")
    text = made(entry_of(SCHEDULED, side)).content.decode()
    assert CUSTOMER not in text
    assert MECHANIC not in text


# Always the same file, whoever tries to write in it


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
@pytest.mark.parametrize("side", Side)
def test_the_same_entry_makes_the_same_file(fact: dict[str, Any], side: Side) -> None:
    assert made(entry_of(fact, side)) == made(entry_of(fact, side))
    assert set(names(made(entry_of(fact, side)))) == PLAIN


def check(invitation: Invitation, plain: Invitation) -> None:
    """It has the lines of the plain one, in lines of at most 75 octets, each whole characters."""
    assert names(invitation) == names(plain)
    for line in invitation.content.split(b"\r\n"):
        assert len(line) <= 75
        line.decode()
    assert b"\n" not in invitation.content.replace(b"\r\n", b"")
    assert b"\r" not in invitation.content.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "name",
    [
        *HOSTILE,
        "Ana\r\nATTENDEE:mailto:all@bad.example",
        "Ana\nEND:VEVENT\nBEGIN:VEVENT",
        "Ana\\nX-EVIL:1",
        "Ana; RSVP=TRUE, \\; :",
        "Ana\u0085\u000b\u000c\u001c\u2028\u2029X-EVIL:1",
        "É" * 100,
        "🔧" * 100,
    ],
)
def test_a_hostile_name_adds_no_line(name: str) -> None:
    invitation = made(entry_of(SCHEDULED), name)
    check(invitation, made(entry_of(SCHEDULED)))
    shown = rules.greeting_name(name)
    summary = f"Dispatch session with {shown}" if shown else "Dispatch session"
    assert read(invitation)[1].summary == summary


@given(name=st.text(max_size=300), language=st.sampled_from(Language))
def test_any_name_makes_the_lines_that_are_ours(name: str, language: Language) -> None:
    check(made(entry_of(RESCHEDULED, language=language), name), made(entry_of(RESCHEDULED)))


LOCAL_PART = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)


@given(local=LOCAL_PART, labels=st.integers(1, 60))
def test_any_address_that_is_mailed_to_is_one_uri(local: str, labels: int) -> None:
    address = rules.mail_address(f"{local}@{'sub.' * labels}driver.example")
    if address is None:
        return
    invitation = made(entry_of(SCHEDULED), attendee=address)
    check(invitation, made(entry_of(SCHEDULED)))
    (attendee,) = read(invitation)[1].attendees
    assert re.fullmatch(r"mailto:[A-Za-z0-9@!$*'+/=~%._-]+", attendee.uri)


# Which mails carry one


def test_bookings_are_put_into_calendars_and_nothing_else() -> None:
    carrying = {
        notice.wording
        for notice in ALL
        if has_invitation(rules.entry_of(notice, Channel.MAIL, Language.ENGLISH))
    }
    assert carrying == {
        "session_scheduled.customer",
        "session_scheduled.mechanic",
        "session_rescheduled.customer",
        "session_rescheduled.mechanic",
        "session_cancelled.customer_booking",
        "session_cancelled.customer_own_booking",
        "session_cancelled.mechanic_booking",
        "session_cancelled.mechanic_own_booking",
    }
