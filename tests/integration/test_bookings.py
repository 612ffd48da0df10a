"""Booked sessions, from the slot to their start: as the mechanic and the customer live them."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from dispatch.calendar import service as calendar
from dispatch.calendar.model import Span
from dispatch.core.errors import Conflict, IllegalMove, Invalid, NotFound
from dispatch.core.time import format_time
from dispatch.offers import service as offers
from dispatch.policy.model import Policy
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Party, Session, Status
from dispatch.shifts import service as shifts
from dispatch.timers.sweeper import GRACE
from tests.calendar_builders import an_availability
from tests.stories import clock_in, complete, go_live, make_busy, the_mechanic
from tests.sweeper import sweep
from tests.world import Fact, World, an_intake

pytestmark = pytest.mark.usefixtures("well_in_the_end")

MINUTE = timedelta(minutes=1)
IN_TWO_DAYS = timedelta(days=2)


@pytest.fixture
def world(world: World) -> World:
    """Ada works around the clock, and is off shift now; it is noon."""
    world.mechanic("ada", on_shift=False)
    calendar.replace_availability(
        "ada", an_availability("America/Toronto", "0:00-24:00"), 0, world.now
    )
    world.drain()
    return world


def hold(world: World, start: datetime, customer_id: str = "customer", **fields: Any) -> Session:
    intake = an_intake(preferred_mechanic_id="ada", scheduled_start=start, **fields)
    return sessions.book_session(intake, customer_id, world.now)


def schedule(world: World, start: datetime | None = None, customer_id: str = "customer") -> Session:
    held = hold(world, start or world.now + IN_TWO_DAYS, customer_id)
    sessions.sign_waiver(held.id, customer_id, "Jo Driver", world.now)
    world.drain()
    return world.session(held.id)


def slots(world: World, start: datetime, by: str = "somebody") -> list[datetime]:
    """The starts of an hour."""
    stretch = Span(start, start + timedelta(hours=1))
    found = calendar.slots_of("ada", by, "free", world.now, stretch)
    return [slot.start for slot in found]


def reminders(world: World) -> list[tuple[str, str]]:
    return [(fact["ahead"], fact["at"]) for fact in world.facts("SessionReminder")]


def go_to(world: World, instant: datetime) -> None:
    """Time passes up to there; timers ring on the way."""
    world.pass_time(seconds=(instant - world.now).total_seconds())


def the_fact(world: World, type_: str) -> Fact:
    (fact,) = world.facts(type_)
    return fact


# The slot is held


def test_a_booking_holds_its_slot_for_a_quarter_of_an_hour(world: World) -> None:
    start = world.now + IN_TWO_DAYS
    held = hold(world, start)
    assert (held.status, held.scheduled_start) == (Status.AWAITING_WAIVER, start)
    assert held.scheduled_end == start + 15 * MINUTE
    assert held.awaiting_until == world.now + 15 * MINUTE
    assert start not in slots(world, start)
    assert start in slots(world, start, by="customer"), "never hidden from whoever holds it"
    with pytest.raises(Conflict) as refused:
        hold(world, start, "another")
    assert refused.value.reason == "slot_taken"


def test_a_hold_that_lapses_is_free_though_no_timer_rings(world: World) -> None:
    start = world.now + IN_TWO_DAYS
    held = hold(world, start)
    world.clock.advance(minutes=15)
    assert start in slots(world, start)
    with pytest.raises(IllegalMove):
        sessions.sign_waiver(held.id, "customer", "Jo Driver", world.now)
    other = schedule(world, start, "another")
    assert other.status is Status.SCHEDULED
    assert world.session(held.id).status is Status.CANCELLED


def test_a_cancelled_hold_is_free_at_once(world: World) -> None:
    start = world.now + IN_TWO_DAYS
    held = hold(world, start)
    sessions.cancel_session(held.id, "customer", None, world.now)
    assert start in slots(world, start)


def test_the_buffer_is_nobody_elses(world: World) -> None:
    start = world.now + IN_TWO_DAYS
    schedule(world, start)
    free = slots(world, start - 30 * MINUTE)
    assert free == [start - 30 * MINUTE]
    assert slots(world, start)[0] == start + 30 * MINUTE


@pytest.mark.parametrize(
    ("offset", "why"),
    [
        (timedelta(hours=1), "notice"),
        (timedelta(days=61), "too far ahead"),
        (IN_TWO_DAYS + MINUTE, "no quarter of an hour"),
    ],
)
def test_a_start_that_is_no_slot_is_pointed_at(world: World, offset: timedelta, why: str) -> None:
    with pytest.raises(Invalid, match="/scheduled_start"):
        hold(world, world.now + offset)
    assert sessions.active_of("customer", world.now) is None, why


def test_only_who_takes_such_sessions_can_be_booked(world: World) -> None:
    world.mechanic("ada", on_shift=False, profile_completion=79)
    with pytest.raises(Invalid, match="/preferred_mechanic_id"):
        hold(world, world.now + IN_TWO_DAYS)


# Signed


def test_signed_it_is_scheduled_and_the_customer_free_for_others(world: World) -> None:
    session = schedule(world)
    assert (session.status, session.mechanic_id) == (Status.SCHEDULED, "ada")
    fact = the_fact(world, "SessionScheduled")
    assert fact["scheduled_start"] == format_time(world.now + IN_TWO_DAYS)
    assert fact["booking_version"] == 1
    assert world.facts("SessionPending") == []
    assert world.book().status is Status.PENDING
    assert sessions.details(session, "customer", world.now).preferred_outcome == "booked"


def test_signing_again_changes_nothing(world: World) -> None:
    session = schedule(world)
    again = sessions.sign_waiver(session.id, "customer", "Jo Driver", world.now)
    assert again == session
    assert len(world.facts("SessionScheduled")) == 1


def test_until_it_begins_the_mechanic_does_not_see_who_it_is(world: World) -> None:
    session = schedule(world)
    seen = sessions.details(sessions.for_party(session.id, "ada", world.now), "ada", world.now)
    assert seen.contact is None
    assert seen.session.vehicle
    assert seen.session.vehicle.vin is None
    with pytest.raises(NotFound):
        sessions.for_party(session.id, "somebody else", world.now)


# Reminders


def test_both_are_reminded_a_day_an_hour_and_a_quarter_ahead(world: World) -> None:
    session = schedule(world)
    start = session.scheduled_start
    assert start
    go_to(world, start - MINUTE)
    assert reminders(world) == [
        ("24_h", format_time(start - timedelta(hours=24))),
        ("1_h", format_time(start - timedelta(hours=1))),
        ("15_min", format_time(start - 15 * MINUTE)),
    ]


def test_reminders_that_were_past_when_it_was_booked_are_not_set(world: World) -> None:
    session = schedule(world, world.now + timedelta(hours=3))
    assert session.scheduled_start
    assert "remind_24_h_at" not in the_fact(world, "SessionScheduled")
    go_to(world, session.scheduled_start - MINUTE)
    assert [ahead for ahead, _ in reminders(world)] == ["1_h", "15_min"]


def test_of_several_that_are_late_the_last_is_sent(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    world.clock.at = session.scheduled_start - 5 * MINUTE
    sessions.close_overdue(session.id, world.now)
    assert [ahead for ahead, _ in reminders(world)] == ["15_min"]


def test_the_sweeper_reminds_where_no_timer_has_rung(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    world.clock.at = session.scheduled_start - timedelta(hours=24) + GRACE
    assert sweep(world.now) == 1
    assert [ahead for ahead, _ in reminders(world)] == ["24_h"]
    assert sweep(world.now) == 0


# Moved


def test_moved_the_old_slot_is_free_and_old_reminders_are_silent(world: World) -> None:
    session = schedule(world)
    old = session.scheduled_start
    assert old
    new = old + timedelta(days=1)
    moved = sessions.reschedule_session(session.id, "customer", new, world.now)
    world.drain()
    assert (moved.scheduled_start, moved.booking_version) == (new, 2)
    fact = the_fact(world, "SessionRescheduled")
    assert (fact["previous_start"], fact["scheduled_start"]) == (format_time(old), format_time(new))
    assert old in slots(world, old)
    assert new not in slots(world, new)
    go_to(world, new - MINUTE)
    assert [at for _, at in reminders(world)] == [
        format_time(new - ahead) for ahead in (timedelta(days=1), timedelta(hours=1), 15 * MINUTE)
    ]


def test_it_may_be_moved_into_what_is_its_own_now(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    by_a_quarter = session.scheduled_start + 15 * MINUTE
    moved = sessions.reschedule_session(session.id, "customer", by_a_quarter, world.now)
    assert moved.scheduled_start == by_a_quarter


def test_moved_to_where_it_is_it_stays_as_it_is(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    again = sessions.reschedule_session(session.id, "customer", session.scheduled_start, world.now)
    assert again == session


def test_it_cannot_be_moved_into_another_booking(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    other = schedule(world, session.scheduled_start + timedelta(hours=1), "another")
    assert other.scheduled_start
    with pytest.raises(Conflict) as refused:
        sessions.reschedule_session(session.id, "customer", other.scheduled_start, world.now)
    assert refused.value.reason == "slot_taken"
    assert world.session(session.id) == session


@pytest.mark.parametrize(("before", "may"), [(2 * 60, True), (2 * 60 - 1, False)])
def test_it_may_be_moved_until_two_hours_before(world: World, before: int, may: bool) -> None:
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start - before * MINUTE)
    new = session.scheduled_start + timedelta(days=1)
    if may:
        assert sessions.reschedule_session(session.id, "customer", new, world.now)
    else:
        with pytest.raises(Conflict, match="2 h before"):
            sessions.reschedule_session(session.id, "customer", new, world.now)


def test_only_its_customer_moves_it(world: World) -> None:
    session = schedule(world)
    for who in ("ada", "somebody"):
        with pytest.raises(NotFound):
            sessions.reschedule_session(session.id, who, world.now + IN_TWO_DAYS, world.now)


# Called off


@pytest.mark.parametrize(
    ("ahead", "percent"),
    [
        (timedelta(hours=24, minutes=1), 100),
        (timedelta(hours=24), 50),
        (timedelta(hours=2, minutes=1), 50),
        (timedelta(hours=2), 0),
        (MINUTE, 0),
    ],
)
def test_what_comes_back_depends_on_how_far_ahead_it_is(
    world: World, ahead: timedelta, percent: int
) -> None:
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start - ahead)
    cancelled = sessions.cancel_session(session.id, "customer", "Sold it", world.now)
    world.drain()
    assert cancelled.refund
    assert cancelled.refund.percent == percent
    fact = the_fact(world, "SessionCancelled")
    assert (fact["cancelled_by"], fact["refund_percent"]) == ("customer", percent)
    assert fact["booking_version"] == 2
    world.clock.at = session.scheduled_start - timedelta(days=1)
    assert session.scheduled_start in slots(world, session.scheduled_start)
    world.clock.at = session.scheduled_start - ahead
    go_to(world, session.scheduled_start + timedelta(hours=1))
    assert world.session(session.id).status is Status.CANCELLED


def test_the_mechanic_may_call_it_off_and_all_comes_back(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start - MINUTE)
    cancelled = sessions.cancel_session(session.id, "ada", "Ill", world.now)
    assert cancelled.refund
    assert (cancelled.refund.percent, cancelled.ended_by) == (100, Party.MECHANIC)
    assert sessions.cancel_session(session.id, "ada", "Ill", world.now) == cancelled


def test_what_has_begun_the_mechanic_gives_back_instead(world: World) -> None:
    session = _begun(world)
    with pytest.raises(IllegalMove):
        sessions.cancel_session(session.id, "ada", "Ill", world.now)


# It begins


def _begun(world: World) -> Session:
    """Ada was there at the start."""
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start - 30 * MINUTE)
    clock_in(world, "ada")
    go_to(world, session.scheduled_start)
    return world.session(session.id)


def test_at_its_start_it_waits_for_both_with_the_mechanic_who_was_booked(world: World) -> None:
    session = _begun(world)
    assert (session.status, session.mechanic_id) == (Status.WAITING, "ada")
    assert session.mechanic_due_by == world.now + 5 * MINUTE
    assert world.load("ada") == 1
    active = sessions.active_of("customer", world.now)
    assert active == session
    (row,) = offers.queue_of("ada", world.now).mine
    assert (row.session_id, row.priority) == (session.id, "high")
    assert the_fact(world, "BookingBegan")["assignment_id"] == row.id
    done = complete(world, session)
    assert done.status is Status.COMPLETED
    assert world.load("ada") == 0


def test_rung_late_and_twice_it_begins_once(world: World) -> None:
    session = _begun(world)
    world.tell_again()
    assert world.load("ada") == 1
    assert world.session(session.id) == session


def test_without_its_ring_the_sweeper_begins_it(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start - 10 * MINUTE)
    clock_in(world, "ada")
    world.clock.at = session.scheduled_start + GRACE
    assert sweep(world.now) == 1
    assert world.session(session.id).status is Status.WAITING


def test_given_back_it_is_sought_like_any_other(world: World) -> None:
    session = _begun(world)
    world.mechanic("ben")
    world.drain()
    assert session.assignment_id
    sessions.release_session(session.assignment_id, "ada", "Ill", world.now)
    world.drain()
    assert world.session(session.id).status is Status.PENDING
    assert world.asked(session.id) == ["ben"]
    assert world.load("ada") == 0


def test_who_does_not_join_loses_it(world: World) -> None:
    session = _begun(world)
    world.mechanic("ben")
    world.pass_time(minutes=5)
    assert world.session(session.id).status is Status.PENDING
    assert world.asked(session.id) == ["ben"]


# The mechanic is not there


def test_who_is_off_shift_is_called_and_after_five_minutes_others_are_asked(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start)
    called = the_fact(world, "BookingDelayed")
    assert (called["mechanic_called"], called["customer_elsewhere"]) == (True, False)
    assert world.session(session.id).status is Status.SCHEDULED
    world.mechanic("ben")
    world.drain()
    world.pass_time(minutes=5)
    assert world.session(session.id).status is Status.PENDING
    assert world.asked(session.id) == ["ben"]
    told = the_fact(world, "PreferredPassedOver")
    assert (told["mechanic_id"], told["outcome"]) == ("ada", "off_shift")
    assert session.scheduled_start + timedelta(hours=3) in slots(
        world, session.scheduled_start + timedelta(hours=3)
    )


def test_who_comes_when_called_has_it_at_once(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start + 2 * MINUTE)
    clock_in(world, "ada")
    begun = world.session(session.id)
    assert (begun.status, begun.accepted_at) == (Status.WAITING, world.now)


def test_who_is_busy_is_called_and_has_it_when_free(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start - 30 * MINUTE)
    clock_in(world, "ada")
    taken = make_busy(world, "ada")
    go_to(world, session.scheduled_start - 26 * MINUTE)
    sessions.join_session(taken.id, "ada", world.now)
    world.drain()
    go_to(world, session.scheduled_start - 17 * MINUTE)
    live = go_live(world, taken)
    go_to(world, session.scheduled_start + 2 * MINUTE)
    assert the_fact(world, "BookingDelayed")["mechanic_called"]
    sessions.end_session(live.id, "ada", world.now)
    world.drain()
    assert world.session(session.id).status is Status.WAITING
    (clash,) = world.facts("BookingClash")
    assert (clash["session_id"], clash["customer_id"]) == (live.id, "somebody else")
    assert clash["scheduled_start"] == format_time(session.scheduled_start)


def test_from_its_start_on_it_is_the_customers_one_session(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start + MINUTE)
    with pytest.raises(Conflict) as refused:
        sessions.book_session(an_intake(), "customer", world.now)
    assert refused.value.members["session_id"] == session.id
    clock_in(world, "ada")
    assert world.session(session.id).status is Status.WAITING


def test_called_off_while_the_mechanic_is_called_the_customer_is_free(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start + MINUTE)
    sessions.cancel_session(session.id, "customer", None, world.now)
    world.drain()
    assert world.book().status is Status.PENDING


@pytest.mark.parametrize("is_there", [True, False])
def test_noticed_more_than_a_day_late_nothing_is_stuck(world: World, is_there: bool) -> None:
    session = schedule(world)
    assert session.scheduled_start
    world.clock.at = session.scheduled_start + timedelta(hours=30)
    if is_there:
        shifts.clock_in("ada", world.now)
    sessions.close_overdue(session.id, world.now)
    world.clock.advance(minutes=5)
    sessions.close_overdue(session.id, world.now)
    world.drain()
    assert world.session(session.id).status is not Status.SCHEDULED
    assert the_mechanic("ada").duty.next_booking_at is None


# The customer is elsewhere


def test_who_signs_for_another_booking_is_free_for_this_one(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start - 5 * MINUTE)
    clock_in(world, "ada")
    other = hold(world, session.scheduled_start + timedelta(days=1))
    go_to(world, session.scheduled_start + 2 * MINUTE)
    assert world.session(session.id).status is Status.SCHEDULED
    sessions.sign_waiver(other.id, "customer", "Jo Driver", world.now)
    world.drain()
    assert world.session(session.id).status is Status.WAITING


def test_who_has_another_session_has_ten_minutes(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    world.mechanic("ben")
    go_to(world, session.scheduled_start - 5 * MINUTE)
    clock_in(world, "ada")
    world.book(preferred_mechanic_id="ben")
    go_to(world, session.scheduled_start)
    waits = the_fact(world, "BookingDelayed")
    assert (waits["mechanic_called"], waits["customer_elsewhere"]) == (False, True)
    go_to(world, session.scheduled_start + 10 * MINUTE)
    missed = world.session(session.id)
    assert missed.status is Status.NO_SHOW
    assert missed.refund
    assert missed.refund.percent == 0
    assert world.load("ada") == 0


@pytest.mark.parametrize("on_shift", [False, True])
def test_whose_other_booking_waits_for_its_mechanic_is_elsewhere(
    world: World, on_shift: bool
) -> None:
    """Two bookings of one customer start at once, and the mechanic of the first is not there."""
    first = schedule(world)
    start = first.scheduled_start
    assert start
    world.mechanic("ben", on_shift=False)
    calendar.replace_availability(
        "ben", an_availability("America/Toronto", "0:00-24:00"), 0, world.now
    )
    intake = an_intake(preferred_mechanic_id="ben", scheduled_start=start)
    second = sessions.book_session(intake, "customer", world.now)
    sessions.sign_waiver(second.id, "customer", "Jo Driver", world.now)
    world.drain()
    go_to(world, start - 5 * MINUTE)
    if on_shift:
        clock_in(world, "ben")
    go_to(world, start)
    called, waits = world.facts("BookingDelayed")
    assert (called["session_id"], called["customer_elsewhere"]) == (first.id, False)
    assert (waits["session_id"], waits["customer_elsewhere"]) == (second.id, True)
    sessions.cancel_session(first.id, "customer", None, world.now)
    world.drain()
    expected = Status.WAITING if on_shift else Status.SCHEDULED
    assert world.session(second.id).status is expected
    assert sessions.cancel_session(second.id, "customer", None, world.now).ended_by == "customer"


def test_whose_other_session_is_over_in_time_has_it_at_once(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start - 5 * MINUTE)
    clock_in(world, "ada")
    other = world.book()
    go_to(world, session.scheduled_start + 3 * MINUTE)
    assert world.session(session.id).status is Status.SCHEDULED
    sessions.cancel_session(other.id, "customer", None, world.now)
    world.drain()
    assert world.session(session.id).status is Status.WAITING


# What runs into it


def test_a_live_session_that_is_over_by_then_is_not_warned(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start - 28 * MINUTE)
    clock_in(world, "ada")
    live = go_live(world, make_busy(world, "ada"))
    assert live.ends_by == session.scheduled_start - 3 * MINUTE
    go_to(world, session.scheduled_start - 10 * MINUTE)
    assert world.facts("BookingClash") == []


def test_what_goes_live_just_before_a_booking_is_warned_at_once(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    go_to(world, session.scheduled_start - 26 * MINUTE)
    clock_in(world, "ada")
    taken = make_busy(world, "ada")
    go_to(world, session.scheduled_start - 22 * MINUTE)
    sessions.join_session(taken.id, "ada", world.now)
    world.drain()
    go_to(world, session.scheduled_start - 13 * MINUTE)
    sessions.join_session(taken.id, "somebody else", world.now)
    world.drain()
    (clash,) = world.facts("BookingClash")
    assert (clash["session_id"], clash["mechanic_id"]) == (taken.id, "ada")


# What it kept its mechanic from


@pytest.mark.parametrize("how", ["cancelled", "moved"])
def test_when_a_near_booking_is_gone_its_mechanic_is_free_for_others(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("dispatch.sessions.rules.why_not_reschedule", lambda *_: None)
    session = schedule(world, world.now + timedelta(hours=3))
    assert session.scheduled_start
    later = session.scheduled_start + timedelta(days=1)
    go_to(world, session.scheduled_start - 22 * MINUTE)
    clock_in(world, "ada")
    waits = world.book("another")
    world.pass_time(seconds=30)
    assert world.asked(waits.id) == []
    if how == "moved":
        sessions.reschedule_session(session.id, "customer", later, world.now)
    else:
        sessions.cancel_session(session.id, "customer", None, world.now)
    world.drain()
    assert world.asked(waits.id) == ["ada"]


def test_what_is_over_is_no_booking_any_more(world: World) -> None:
    session = _begun(world)
    complete(world, session)
    assert calendar.bookings_of("ada", world.now, 10, None).items == []
    assert calendar.take_time_off("ada", world.now, world.now + timedelta(days=1), world.now)


def test_it_is_not_moved_with_a_mechanic_who_may_not_be_booked(world: World) -> None:
    session = schedule(world)
    assert session.scheduled_start
    world.mechanic("ada", on_shift=False, status="suspended")
    with pytest.raises(Invalid, match="/scheduled_start"):
        sessions.reschedule_session(
            session.id, "customer", session.scheduled_start + timedelta(days=1), world.now
        )


def test_ones_own_hold_does_not_hide_the_next_slot(world: World) -> None:
    next_slot = world.now + timedelta(hours=2)
    hold(world, next_slot)
    free = Policy().shortest_plan
    of = {
        by: calendar.next_slot_of(["ada"], free, world.now, by=by)["ada"]
        for by in ("customer", "another")
    }
    assert of == {"customer": next_slot, "another": next_slot + 30 * MINUTE}
