"""Booked sessions over HTTP: across a change of clocks, and where one side does not come."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dispatch.core.time import format_time, parse_time
from local.stack import RunningStack
from tests.e2e.people import SIGNATURE, Document, Person, Town, answer, refused

TORONTO, VANCOUVER = ZoneInfo("America/Toronto"), ZoneInfo("America/Vancouver")
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
EVERY_DAY = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@pytest.fixture
def mechanic(town: Town) -> Person:
    """In Vancouver, off shift, to be booked from nine to five by the clock there."""
    person = town.mechanic(currently_on_shift=False)
    weekly = [{"weekday": day, "start": "09:00", "end": "17:00"} for day in EVERY_DAY]
    body = {"version": 0, "time_zone": VANCOUVER.key, "weekly": weekly}
    answer(person.call("PUT", "/mechanic/availability", body))
    answer(person.call("PUT", "/devices/phone", {"platform": "fcm", "token": f"token-{person.id}"}))
    return person


@pytest.fixture
def customer(town: Town) -> Person:
    person = town.customer()
    answer(person.call("PUT", "/devices/phone", {"platform": "fcm", "token": f"token-{person.id}"}))
    return person


def go_to(stack: RunningStack, instant: datetime) -> None:
    stack.advance((instant - stack.now()).total_seconds())


def slots(asker: Person, mechanic: Person, on: str, zone: str = VANCOUVER.key) -> list[Document]:
    wanted = {"plan": "free", "from": on, "to": on, "time_zone": zone}
    return list(answer(asker.get(f"/mechanics/{mechanic.id}/slots", params=wanted))["items"])


def local_day(instant: datetime) -> str:
    return instant.astimezone(VANCOUVER).date().isoformat()


def hold(town: Town, customer: Person, mechanic: Person, start: str) -> str:
    fields = {"preferred_mechanic_id": mechanic.id, "scheduled_start": start}
    return town.book(customer, **fields)


def schedule(town: Town, customer: Person, mechanic: Person, start: str) -> str:
    session_id = hold(town, customer, mechanic, start)
    signed = answer(customer.act(session_id, "waiver", SIGNATURE))
    assert signed["status"] == "scheduled"
    town.stack.drain()
    return session_id


def soon(town: Town, customer: Person, mechanic: Person) -> str:
    """A slot some hours from now."""
    for days in (0, 1):
        for slot in slots(customer, mechanic, local_day(town.stack.now() + days * DAY)):
            return str(slot["start"])
    raise AssertionError("no slot on two days")


def next_change_of_clocks(now: datetime) -> datetime:
    """The first midnight of Vancouver after the next change of its clocks."""
    midnight = now.astimezone(VANCOUVER).replace(hour=0, minute=0, second=0, microsecond=0)
    offset = midnight.utcoffset()
    while midnight.utcoffset() == offset:
        midnight += DAY
    return midnight


def pushed(town: Town, person: Person, type_: str) -> list[datetime]:
    return [datetime.fromisoformat(push["at"]) for push in town.pushes(person, type_)]


def test_a_booking_across_a_change_of_the_clocks(
    town: Town, customer: Person, mechanic: Person
) -> None:
    stack = town.stack
    changed = next_change_of_clocks(stack.now())
    go_to(stack, changed.astimezone(UTC) - 4 * DAY)
    day = local_day(changed + DAY)
    before = local_day(changed - 3 * DAY)
    first, *_ = slots(customer, mechanic, day)
    assert first["local_start"][11:16] == "09:00", "by the clock of that day"
    shown, *_ = slots(customer, mechanic, day, TORONTO.key)
    assert (shown["start"], shown["local_start"][11:16]) == (first["start"], "12:00")
    other, *_ = slots(customer, mechanic, before)
    apart = parse_time(first["start"]) - parse_time(other["start"])
    assert apart % DAY != timedelta(0), "days across the change are no 24 hours"

    session_id = schedule(town, customer, mechanic, first["start"])
    assert first not in slots(customer, mechanic, day)
    (booked,) = answer(mechanic.get("/mechanic/bookings"))["items"]
    assert (booked["session_id"], booked["start"]) == (session_id, first["start"])
    assert len(pushed(town, customer, "session_scheduled")) == 1

    moved_to = slots(customer, mechanic, local_day(changed + 2 * DAY))[4]["start"]
    moved = answer(customer.act(session_id, "reschedule", {"scheduled_start": moved_to}))
    assert moved["scheduled_start"] == moved_to
    start = parse_time(moved_to)
    go_to(stack, start - MINUTE)
    for person in (customer, mechanic):
        told = pushed(town, person, "session_reminder")
        assert [round((start - at) / MINUTE) for at in told] == [24 * 60, 60, 15], person
    answer(mechanic.clock("clock_in"))
    go_to(stack, start)
    begun = customer.session(session_id)
    assert (begun["status"], begun["next"], begun["mechanic"]["id"]) == (
        "waiting",
        "join",
        mechanic.id,
    )
    for side in (mechanic, customer):
        answer(side.act(session_id, "join"))
    assert customer.session(session_id)["status"] == "live"
    answer(customer.act(session_id, "end"))
    assert customer.events(session_id)[-5:] == [
        "BookingBegan",
        "MechanicJoined",
        "CustomerJoined",
        "SessionStarted",
        "SessionCompleted",
    ]


def test_a_mechanic_who_is_off_shift_is_called_and_others_are_asked(
    town: Town, customer: Person, mechanic: Person
) -> None:
    start = soon(town, customer, mechanic)
    session_id = schedule(town, customer, mechanic, start)
    go_to(town.stack, parse_time(start) - MINUTE)
    other = town.mechanic()
    go_to(town.stack, parse_time(start) + MINUTE)
    assert customer.session(session_id)["status"] == "scheduled"
    assert len(pushed(town, mechanic, "booking_delayed")) == 1
    assert not other.was_asked(session_id)
    go_to(town.stack, parse_time(start) + 5 * MINUTE)
    assert other.was_asked(session_id)
    found = customer.session(session_id)
    assert (found["status"], found["preferred"]["outcome"]) == ("pending", "off_shift")
    assert len(pushed(town, customer, "preferred_passed_over")) == 1
    answer(other.accept(other.offer(session_id)))


def test_a_customer_who_does_not_come_to_a_booking_has_missed_it(
    town: Town, customer: Person, mechanic: Person
) -> None:
    start = soon(town, customer, mechanic)
    session_id = schedule(town, customer, mechanic, start)
    go_to(town.stack, parse_time(start) - MINUTE)
    answer(mechanic.clock("clock_in"))
    go_to(town.stack, parse_time(start))
    answer(mechanic.act(session_id, "join"))
    town.stack.advance(10 * 60)
    missed = customer.session(session_id)
    assert (missed["status"], missed["refund"]["percent"]) == ("no_show", 0)
    assert mechanic.load() == 0


def test_a_hold_lapses_while_another_customer_waits_for_it(
    town: Town, customer: Person, mechanic: Person
) -> None:
    other = town.customer()
    start = soon(town, customer, mechanic)
    held = hold(town, customer, mechanic, start)
    refused(
        other.post(
            "/intake/start",
            town.intake(preferred_mechanic_id=mechanic.id, scheduled_start=start),
        ),
        409,
        "slot_taken",
    )
    on = local_day(parse_time(start))
    assert start not in [slot["start"] for slot in slots(other, mechanic, on)]
    assert start in [slot["start"] for slot in slots(customer, mechanic, on)], "it is theirs"
    town.stack.advance(15 * 60)
    assert customer.session(held)["status"] == "cancelled"
    start = soon(town, other, mechanic)
    schedule(town, other, mechanic, start)
    refused(customer.act(held, "waiver", SIGNATURE), 409, "illegal_move")


def test_a_booking_is_called_off_by_either_side(
    town: Town, customer: Person, mechanic: Person
) -> None:
    start = soon(town, customer, mechanic)
    session_id = schedule(town, customer, mechanic, start)
    seen = answer(mechanic.get(f"/sessions/{session_id}"))
    assert (seen["customer"], seen["concern"], seen["vehicle"]["vin"]) == (None, None, None)
    cancelled = answer(mechanic.act(session_id, "cancel", {"reason": "Ill"}))
    assert (cancelled["status"], cancelled["ended_by"]) == ("cancelled", "mechanic")
    town.stack.drain()
    assert customer.session(session_id)["refund"]["percent"] == 100
    assert len(pushed(town, customer, "session_cancelled")) == 1
    again = schedule(town, customer, mechanic, start)
    late = format_time(parse_time(start) + DAY)
    refused(customer.act(again, "reschedule", {"scheduled_start": "tomorrow"}), 422)
    moved = customer.act(again, "reschedule", {"scheduled_start": late})
    if parse_time(start) - town.stack.now() >= 2 * HOUR:
        assert answer(moved)["scheduled_start"] == late
    else:
        refused(moved, 409, "illegal_move")
    answer(customer.act(again, "cancel", {"reason": "Sold it"}))
