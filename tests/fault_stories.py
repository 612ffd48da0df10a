"""What the backend is there for, as short stories: each use case, with all that follows from it.

A story sets its scene and answers with what happens then, which is what is put to the test, and
how it is to end.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from dispatch.accounts import service as accounts
from dispatch.calendar import service as calendar
from dispatch.calendar.model import Booking
from dispatch.core.errors import NotFound
from dispatch.core.idempotency import Once
from dispatch.core.table import Transaction
from dispatch.core.time import format_time
from dispatch.customers import service as customers
from dispatch.customers.model import Customer, Vehicle
from dispatch.matching import service as matching
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import ProfileEdit, StandingMove
from dispatch.notifications import rules
from dispatch.notifications import service as notifications
from dispatch.notifications import store as devices
from dispatch.notifications.model import Channel, NoticeStatus, Platform
from dispatch.notifications.model import Entry as Notice
from dispatch.offers import service as offers
from dispatch.offers.model import AssignmentStatus, DeclineReason
from dispatch.policy import service as policies
from dispatch.profiles import service as profiles
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Review, Session, Status, TakenBack
from dispatch.shifts import service as shifts
from dispatch.uploads import rules as upload_rules
from dispatch.uploads import service as uploads
from dispatch.uploads import store as upload_items
from dispatch.uploads.model import Kind
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import Entry, EntryStatus, Target, Wish
from tests.builders import BOOKED_FROM, a_booking_fact
from tests.calendar_builders import an_availability, take_slot
from tests.erasing import a_life, check_forgotten
from tests.fast.world import FEEDBACK, FastWorld
from tests.sweeper import sweep
from tests.upload_builders import JPEG, TEXT
from tests.world import DOWNTOWN, an_intake


@dataclass(frozen=True, slots=True)
class Plot:
    """``then`` happens; ``end`` asserts how it ends.

    Facts of the types in ``may_repeat`` may be recorded again where a request is made again.
    ``may_be_late``: what is tried again some seconds later has consequences, later by as much.
    """

    then: Callable[[], None]
    end: Callable[[], None]
    may_repeat: frozenset[str] = frozenset()
    may_be_late: bool = False


Story = Callable[[FastWorld], Plot]

STORIES: dict[str, Story] = {}

_CHANGED = frozenset({"MechanicChanged"})


def story(tell: Story) -> Story:
    STORIES[tell.__name__] = tell
    return tell


# The scene


def town(world: FastWorld, mechanics_: str = "abc", **fields: Any) -> None:
    """Mechanics on shift since a minute ago, the best first, everybody with a phone."""
    for number, id_ in enumerate(mechanics_):
        world.mechanic(id_, rating=4.9 - number / 10, **fields)
        world.device(id_)
    world.device("customer")
    world.pass_time(minutes=1)


def booked(world: FastWorld, customer_id: str = "customer", **changes: Any) -> Session:
    return sessions.book_session(an_intake(**changes), customer_id, world.now)


def sign(world: FastWorld, session: Session) -> None:
    world.call(
        lambda once: sessions.sign_waiver(session.id, "customer", "Jo Driver", world.now, once)
    )


def accept(world: FastWorld, assignment_id: str, by: str) -> None:
    world.call(lambda once: sessions.accept_offer(assignment_id, by, world.now, once))


def decline(world: FastWorld, assignment_id: str, by: str) -> None:
    world.call(
        lambda once: sessions.decline_offer(assignment_id, by, DeclineReason.BUSY, world.now, once)
    )


def waiting(world: FastWorld, by: str = "a") -> Session:
    """A session that a mechanic has accepted."""
    world.book()
    return world.accept(world.offer_to(by).id, by)


def live(world: FastWorld, by: str = "a") -> Session:
    session = waiting(world, by)
    for party in (by, "customer"):
        sessions.join_session(session.id, party, world.now)
    world.drain()
    return world.session(session.id)


def ends(world: FastWorld, session: Session, status: Status, load: int = 0) -> None:
    """The session is there, and mechanic ``a`` has so many in hand."""
    assert world.session(session.id).status is status
    assert world.load("a") == load


# Booking


@story
def a_customer_books(world: FastWorld) -> Plot:
    def then() -> None:
        world.call(lambda once: sessions.book_session(an_intake(), "customer", world.now, once))

    def end() -> None:
        (fact,) = world.facts("SessionBooked")
        assert world.session(fact["session_id"]).status is Status.AWAITING_WAIVER

    return Plot(then, end)


@story
def a_customer_books_anew_after_the_timer_of_the_last_booking_was_lost(world: FastWorld) -> Plot:
    first = booked(world)
    world.drain()
    world.queues.messages.clear()
    world.scheduler.schedules.clear()
    world.clock.advance(minutes=31)

    def then() -> None:
        world.call(lambda once: sessions.book_session(an_intake(), "customer", world.now, once))

    def end() -> None:
        assert world.session(first.id).status is Status.CANCELLED
        assert len(world.facts("SessionBooked")) == 2

    return Plot(then, end)


@story
def a_customer_with_a_session_books_another(world: FastWorld) -> Plot:
    booked(world)
    world.drain()

    def then() -> None:
        world.call(lambda once: sessions.book_session(an_intake(), "customer", world.now, once))

    def end() -> None:
        assert len(world.facts("SessionBooked")) == 1
        if world.keyed:
            (refusal,) = world.refusals
            assert refusal.members["reason"] == "active_session"

    return Plot(then, end)


@story
def a_customer_never_signs(world: FastWorld) -> Plot:
    session = booked(world)
    world.drain()

    def then() -> None:
        world.pass_time(minutes=32)

    return Plot(then, lambda: _is(world, session, Status.CANCELLED))


def _is(world: FastWorld, session: Session, status: Status) -> None:
    assert world.session(session.id).status is status


@story
def a_customer_signs_and_three_mechanics_are_asked(world: FastWorld) -> Plot:
    town(world)
    session = booked(world)
    world.drain()

    def then() -> None:
        sign(world, session)

    def end() -> None:
        assert world.asked(session.id) == ["a", "b", "c"]
        assert all(world.pushes_to(id_) for id_ in "abc")

    return Plot(then, end)


@story
def a_customer_signs_while_all_are_offline(world: FastWorld) -> Plot:
    for id_ in "ab":
        world.mechanic(id_, on_shift=False)
    session = booked(world)
    world.drain()

    def then() -> None:
        sign(world, session)

    def end() -> None:
        assert len(world.facts("AllOffline")) == 1

    return Plot(then, end)


# Accepting


@story
def a_mechanic_accepts_an_offer(world: FastWorld) -> Plot:
    town(world)
    session = world.book()
    offer = world.offer_to("a")

    def then() -> None:
        accept(world, offer.id, "a")

    return Plot(then, lambda: ends(world, session, Status.WAITING, load=1))


@story
def a_mechanic_accepts_the_broadcast(world: FastWorld) -> Plot:
    town(world, "bcda")
    session = world.book()
    broadcast = world.broadcast(session.id)

    def then() -> None:
        accept(world, broadcast.id, "a")

    return Plot(then, lambda: ends(world, session, Status.WAITING, load=1))


@story
def a_mechanic_is_too_late(world: FastWorld) -> Plot:
    town(world)
    session = world.book()
    late = world.offer_to("a")
    world.accept(world.offer_to("b").id, "b")

    def then() -> None:
        accept(world, late.id, "a")

    def end() -> None:
        ends(world, session, Status.WAITING)
        assert world.session(session.id).mechanic_id == "b"
        if world.keyed:
            (refusal,) = world.refusals
            assert refusal.members["reason"] == "taken"

    return Plot(then, end)


@story
def a_mechanic_accepts_one_of_two_and_the_other_passes_on(world: FastWorld) -> Plot:
    town(world, "abcd")
    first, second = world.book(), world.book("other")
    mine = {row.session_id: row for row in offers.queue_of("a", world.now).mine}

    def then() -> None:
        accept(world, mine[first.id].id, "a")

    def end() -> None:
        ends(world, first, Status.WAITING, load=1)
        assert world.asked(second.id) == ["a", "b", "c", "d"]

    return Plot(then, end)


# Declining and not answering


@story
def a_mechanic_declines_and_the_next_is_asked(world: FastWorld) -> Plot:
    town(world, "abcd")
    session = world.book()
    offer = world.offer_to("a")

    def then() -> None:
        decline(world, offer.id, "a")

    def end() -> None:
        assert world.asked(session.id) == ["a", "b", "c", "d"]
        assert world.row(offer.id).status is AssignmentStatus.DECLINED

    return Plot(then, end)


@story
def the_last_one_asked_declines_and_the_broadcast_is_announced(world: FastWorld) -> Plot:
    town(world, "a")
    session = world.book()
    offer = world.offer_to("a")
    world.mechanic("other", city="Ottawa", postal_code="K1A 0A1")
    world.device("other")
    world.drain()

    def then() -> None:
        decline(world, offer.id, "a")

    return Plot(then, lambda: _is(world, session, Status.PENDING))


@story
def a_mechanic_declines_the_broadcast(world: FastWorld) -> Plot:
    town(world, "bcda")
    session = world.book()
    broadcast = world.broadcast(session.id)

    def then() -> None:
        decline(world, broadcast.id, "a")

    def end() -> None:
        assert world.row(broadcast.id).declined_by == {"a"}

    return Plot(then, end)


@story
def nobody_answers_and_the_broadcast_is_announced(world: FastWorld) -> Plot:
    town(world)
    session = world.book()

    def then() -> None:
        world.pass_time(minutes=6)

    def end() -> None:
        assert len(world.facts("OffersExpired", session_id=session.id)) == 1
        assert len(world.facts("BroadcastAnnounced", session_id=session.id)) == 1

    return Plot(then, end)


@story
def nobody_takes_it_in_time(world: FastWorld) -> Plot:
    town(world, "a")
    session = world.book()
    world.pass_time(minutes=6)

    def then() -> None:
        world.pass_time(minutes=26)

    return Plot(then, lambda: ends(world, session, Status.UNFILLED))


@story
def a_mechanic_misses_three_offers(world: FastWorld) -> Plot:
    town(world, "a")
    for customer in ("one", "two"):
        world.book(customer)
        world.pass_time(minutes=6)
    world.book("three")

    def then() -> None:
        world.pass_time(minutes=6)

    def end() -> None:
        (out,) = world.facts("MechanicClockedOut")
        assert out["cause"] == "three_misses"

    return Plot(then, end)


@story
def a_mechanic_without_any_device_left_is_passed_over(world: FastWorld) -> Plot:
    town(world, "abcd")
    session = world.book()

    def then() -> None:
        offers.end_undeliverable("a", world.now)

    def end() -> None:
        assert world.asked(session.id) == ["a", "b", "c", "d"]

    return Plot(lambda: world.scheduled(then), end)


# The preferred mechanic


@story
def the_preferred_mechanic_is_asked_alone(world: FastWorld) -> Plot:
    town(world)
    session = booked(world, preferred_mechanic_id="b")
    world.drain()

    def then() -> None:
        sign(world, session)

    def end() -> None:
        assert world.asked(session.id) == ["b"]

    return Plot(then, end)


@story
def the_preferred_mechanic_accepts(world: FastWorld) -> Plot:
    town(world)
    session = world.book(preferred_mechanic_id="a")
    offer = world.offer_to("a")

    def then() -> None:
        accept(world, offer.id, "a")

    return Plot(then, lambda: ends(world, session, Status.WAITING, load=1))


@story
def the_preferred_mechanic_declines(world: FastWorld) -> Plot:
    town(world, "abcd")
    session = world.book(preferred_mechanic_id="d")
    offer = world.offer_to("d")

    def then() -> None:
        decline(world, offer.id, "d")

    return Plot(then, lambda: _passed_over(world, session, "declined"))


def _passed_over(world: FastWorld, session: Session, outcome: str) -> None:
    (fact,) = world.facts("PreferredPassedOver", session_id=session.id)
    assert fact["outcome"] == outcome
    assert world.asked(session.id)[-3:] == ["a", "b", "c"]


@story
def the_preferred_mechanic_sleeps(world: FastWorld) -> Plot:
    town(world, "abcd")
    session = world.book(preferred_mechanic_id="d")

    def then() -> None:
        world.pass_time(minutes=3)

    return Plot(then, lambda: _passed_over(world, session, "expired"))


@story
def the_preferred_mechanic_clocks_out(world: FastWorld) -> Plot:
    town(world, "abcd")
    session = world.book(preferred_mechanic_id="d")

    def then() -> None:
        world.call(lambda once: shifts.clock_out("d", world.now, once=once))

    return Plot(then, lambda: _passed_over(world, session, "clocked_out"))


@story
def the_preferred_mechanic_is_off_shift(world: FastWorld) -> Plot:
    town(world)
    world.mechanic("d", on_shift=False)
    session = booked(world, preferred_mechanic_id="d")
    world.drain()

    def then() -> None:
        sign(world, session)

    return Plot(then, lambda: _passed_over(world, session, "off_shift"))


# The session


@story
def a_mechanic_releases_the_session(world: FastWorld) -> Plot:
    town(world, "abcd")
    session = waiting(world)
    assignment = session.assignment_id or ""

    def then() -> None:
        world.call(lambda once: sessions.release_session(assignment, "a", "ill", world.now, once))

    def end() -> None:
        ends(world, session, Status.PENDING)
        assert world.asked(session.id) == ["a", "b", "c", "d"]

    return Plot(then, end)


def _join(world: FastWorld, session: Session, by: str) -> None:
    world.call(lambda once: sessions.join_session(session.id, by, world.now, once))


@story
def both_join(world: FastWorld) -> Plot:
    town(world)
    session = waiting(world)

    def then() -> None:
        _join(world, session, "a")
        world.pass_time(seconds=6)  # until the customer is called, if only at the second attempt
        _join(world, session, "customer")

    return Plot(then, lambda: ends(world, session, Status.LIVE, load=1))


@story
def the_mechanic_does_not_join(world: FastWorld) -> Plot:
    town(world, "abcd")
    session = waiting(world)

    def then() -> None:
        world.pass_time(minutes=6)

    def end() -> None:
        ends(world, session, Status.PENDING)
        assert world.asked(session.id)[-1] == "d"

    return Plot(then, end)


@story
def the_customer_does_not_join(world: FastWorld) -> Plot:
    town(world)
    session = waiting(world)
    sessions.join_session(session.id, "a", world.now)
    world.drain()

    def then() -> None:
        world.pass_time(minutes=11)

    return Plot(then, lambda: ends(world, session, Status.NO_SHOW))


@story
def the_mechanic_ends_it(world: FastWorld) -> Plot:
    town(world)
    session = live(world)
    world.clock.advance(minutes=2)

    def then() -> None:
        world.call(lambda once: sessions.end_session(session.id, "a", world.now, once))

    return Plot(then, lambda: ends(world, session, Status.COMPLETED))


@story
def it_ends_by_itself(world: FastWorld) -> Plot:
    town(world)
    session = live(world)

    def then() -> None:
        world.pass_time(minutes=27)

    return Plot(then, lambda: ends(world, session, Status.COMPLETED))


def _cancel(world: FastWorld, session: Session) -> None:
    world.call(lambda once: sessions.cancel_session(session.id, "customer", None, world.now, once))


@story
def a_customer_cancels_before_signing(world: FastWorld) -> Plot:
    session = booked(world)
    world.drain()
    return Plot(lambda: _cancel(world, session), lambda: _is(world, session, Status.CANCELLED))


@story
def a_customer_cancels_while_mechanics_are_asked(world: FastWorld) -> Plot:
    town(world)
    session = world.book()
    return Plot(lambda: _cancel(world, session), lambda: ends(world, session, Status.CANCELLED))


@story
def a_customer_cancels_while_the_mechanic_waits(world: FastWorld) -> Plot:
    town(world)
    session = waiting(world)
    sessions.join_session(session.id, "a", world.now)
    world.drain()
    return Plot(lambda: _cancel(world, session), lambda: ends(world, session, Status.CANCELLED))


# Shifts


@story
def a_mechanic_clocks_in(world: FastWorld) -> Plot:
    world.mechanic("a", on_shift=False)
    world.drain()

    def then() -> None:
        world.call(lambda once: shifts.clock_in("a", world.now, once=once))

    def end() -> None:
        assert shifts.clock_state("a", world.now).currently_on_shift
        assert len(world.facts("CapacityLeft")) == 1

    return Plot(then, end)


@story
def a_mechanic_clocks_in_and_is_offered_the_oldest_session(world: FastWorld) -> Plot:
    world.mechanic("a", on_shift=False)
    world.device("a")
    first = world.book("one")
    world.pass_time(minutes=1)
    world.book("two")

    def then() -> None:
        world.call(lambda once: shifts.clock_in("a", world.now, once=once))

    def end() -> None:
        assert world.offer_to("a").session_id == first.id
        assert world.pushes_to("a")

    return Plot(then, end)


@story
def a_mechanic_becomes_free_and_is_offered_the_oldest_session(world: FastWorld) -> Plot:
    town(world, "a")
    session = live(world)
    second = world.book("other")
    world.clock.advance(minutes=2)

    def then() -> None:
        world.call(lambda once: sessions.end_session(session.id, "a", world.now, once))

    def end() -> None:
        assert world.offer_to("a").session_id == second.id

    return Plot(then, end)


@story
def offered_capacity_is_not_taken(world: FastWorld) -> Plot:
    world.mechanic("a", on_shift=False)
    world.book()
    shifts.clock_in("a", world.now)
    world.drain()
    offer = world.offer_to("a")

    def then() -> None:
        decline(world, offer.id, "a")

    def end() -> None:
        assert [fact["reason"] for fact in world.facts("CapacityLeft")] == ["not_taken"]

    return Plot(then, end)


@story
def a_mechanic_clocks_out_with_an_offer(world: FastWorld) -> Plot:
    town(world, "abcd")
    session = world.book()

    def then() -> None:
        world.call(lambda once: shifts.clock_out("a", world.now, once=once))
        world.pass_time(seconds=15)

    def end() -> None:
        assert world.asked(session.id) == ["a", "b", "c", "d"]
        (shift,), _ = shifts.shifts_of("a", 10, None)
        assert shift.ended_at is not None

    return Plot(then, end)


@story
def a_mechanic_finishes_and_clocks_out(world: FastWorld) -> Plot:
    town(world)
    session = live(world)
    world.clock.advance(minutes=2)

    def then() -> None:
        world.call(lambda once: shifts.clock_out("a", world.now, finish=True, once=once))
        world.drain()
        world.call(lambda once: sessions.end_session(session.id, "a", world.now, once))

    def end() -> None:
        ends(world, session, Status.COMPLETED)
        assert not shifts.clock_state("a", world.now).currently_on_shift

    return Plot(then, end)


@story
def a_shift_ends_after_twelve_hours(world: FastWorld) -> Plot:
    town(world, "a")
    world.pass_time(hours=11, minutes=50)

    def then() -> None:
        world.pass_time(minutes=12)

    def end() -> None:
        assert not shifts.clock_state("a", world.now).currently_on_shift

    return Plot(then, end)


@story
def a_shift_ends_after_twelve_hours_and_its_session(world: FastWorld) -> Plot:
    town(world, "a")
    world.pass_time(hours=11, minutes=50)
    session = live(world)

    def then() -> None:
        world.pass_time(minutes=12)
        world.call(lambda once: sessions.end_session(session.id, "a", world.now, once))

    def end() -> None:
        ends(world, session, Status.COMPLETED)
        assert not shifts.clock_state("a", world.now).currently_on_shift

    return Plot(then, end)


# Bookings of a mechanic's calendar


def opened(world: FastWorld) -> datetime:
    """Mechanic ``a`` can be booked around the clock, ``b`` is on shift; a start in three hours."""
    world.mechanic("a", on_shift=False)
    world.device("a")
    world.device("customer")
    calendar.replace_availability(
        "a", an_availability("America/Toronto", "0:00-24:00"), 0, world.now
    )
    world.drain()
    return world.now + timedelta(hours=3)


def scheduled(world: FastWorld, start: datetime) -> Session:
    session = booked(world, preferred_mechanic_id="a", scheduled_start=start)
    sessions.sign_waiver(session.id, "customer", "Jo Driver", world.now)
    world.drain()
    return world.session(session.id)


@story
def a_customer_books_a_slot(world: FastWorld) -> Plot:
    start = opened(world)
    intake = an_intake(preferred_mechanic_id="a", scheduled_start=start)

    def then() -> None:
        world.call(lambda once: sessions.book_session(intake, "customer", world.now, once))

    def end() -> None:
        (fact,) = world.facts("SessionBooked")
        assert world.session(fact["session_id"]).scheduled_start == start

    return Plot(then, end)


@story
def a_customer_signs_for_a_slot(world: FastWorld) -> Plot:
    session = booked(world, preferred_mechanic_id="a", scheduled_start=opened(world))
    world.drain()

    def then() -> None:
        sign(world, session)

    return Plot(then, lambda: _is(world, session, Status.SCHEDULED))


@story
def a_hold_lapses(world: FastWorld) -> Plot:
    session = booked(world, preferred_mechanic_id="a", scheduled_start=opened(world))
    world.drain()

    def then() -> None:
        world.pass_time(minutes=16)

    return Plot(then, lambda: _is(world, session, Status.CANCELLED))


@story
def a_customer_moves_a_booking(world: FastWorld) -> Plot:
    start = opened(world)
    session = scheduled(world, start)
    later = start + timedelta(minutes=30)

    def then() -> None:
        world.call(
            lambda once: sessions.reschedule_session(session.id, "customer", later, world.now, once)
        )

    def end() -> None:
        assert world.session(session.id).scheduled_start == later
        assert len(world.facts("SessionRescheduled")) == 1

    return Plot(then, end)


@story
def a_mechanic_calls_a_booking_off(world: FastWorld) -> Plot:
    session = scheduled(world, opened(world))

    def then() -> None:
        world.call(lambda once: sessions.cancel_session(session.id, "a", "Ill", world.now, once))

    return Plot(then, lambda: _is(world, session, Status.CANCELLED))


@story
def both_are_reminded_of_a_booking(world: FastWorld) -> Plot:
    start = opened(world)
    scheduled(world, start)

    def then() -> None:
        world.pass_time(hours=2, minutes=2)

    def end() -> None:
        assert [fact["ahead"] for fact in world.facts("SessionReminder")] == ["1_h"]

    return Plot(then, end)


@story
def a_booking_begins(world: FastWorld) -> Plot:
    start = opened(world)
    session = scheduled(world, start)
    world.pass_time(hours=2, minutes=50)
    shifts.clock_in("a", world.now)
    world.drain()

    def then() -> None:
        world.pass_time(minutes=10, seconds=20)

    return Plot(then, lambda: ends(world, session, Status.WAITING, load=1), may_be_late=True)


@story
def whoever_was_called_to_a_booking_comes(world: FastWorld) -> Plot:
    session = scheduled(world, opened(world))
    world.pass_time(hours=3, minutes=1)

    def then() -> None:
        world.call(lambda once: shifts.clock_in("a", world.now, once=once))

    return Plot(then, lambda: ends(world, session, Status.WAITING, load=1), may_be_late=True)


@story
def nobody_comes_to_a_booking_and_others_are_asked(world: FastWorld) -> Plot:
    session = scheduled(world, opened(world))
    world.mechanic("b")
    world.device("b")
    world.pass_time(hours=2, minutes=59)

    def then() -> None:
        world.pass_time(minutes=7)

    def end() -> None:
        ends(world, session, Status.PENDING)
        assert world.asked(session.id) == ["b"]

    return Plot(then, end, may_be_late=True)


@story
def a_customer_is_elsewhere_when_a_booking_begins(world: FastWorld) -> Plot:
    session = scheduled(world, opened(world))
    world.pass_time(hours=2, minutes=55)
    shifts.clock_in("a", world.now)
    world.drain()
    world.book()

    def then() -> None:
        world.pass_time(minutes=16)

    return Plot(then, lambda: _is(world, session, Status.NO_SHOW), may_be_late=True)


# The waitlist


ANYBODY = Wish(Target.ANY)


def wait(world: FastWorld, *customers_: str) -> None:
    """They join the waitlist, a minute apart, while nobody is on shift."""
    for customer in customers_:
        customers.upsert({"id": customer, "country": "Canada"})
        waitlist.join(ANYBODY, customer, world.now)
        world.pass_time(minutes=1)


def entry_of(world: FastWorld, customer_id: str) -> Entry:
    (listed,) = waitlist.entries_of(customer_id, world.now, 10, None).items
    return listed.entry


def told(world: FastWorld) -> list[str]:
    return [fact["customer_id"] for fact in world.facts("WaitlistTold")]


@story
def a_customer_joins_the_waitlist(world: FastWorld) -> Plot:
    customers.upsert({"id": "one", "country": "Canada"})

    def then() -> None:
        world.call(lambda once: waitlist.join(ANYBODY, "one", world.now, once))

    def end() -> None:
        assert entry_of(world, "one").status is EntryStatus.WAITING

    return Plot(then, end)


@story
def a_customer_leaves_the_waitlist(world: FastWorld) -> Plot:
    wait(world, "one")
    entry = entry_of(world, "one")

    def then() -> None:
        world.call(lambda _once: waitlist.leave(entry.id, "one", world.now))

    def end() -> None:
        assert entry_of(world, "one").status is EntryStatus.LEFT

    return Plot(then, end)


@story
def a_mechanic_clocks_in_and_the_first_who_waits_is_told(world: FastWorld) -> Plot:
    world.mechanic("a", on_shift=False)
    wait(world, "one", "two")

    def then() -> None:
        world.call(lambda once: shifts.clock_in("a", world.now, once=once))

    def end() -> None:
        assert told(world) == ["one"]

    return Plot(then, end)


def _first_is_told(world: FastWorld) -> None:
    world.mechanic("a", on_shift=False)
    wait(world, "one", "two")
    shifts.clock_in("a", world.now)
    world.drain()


@story
def who_was_told_does_not_book_and_the_second_is_told(world: FastWorld) -> Plot:
    _first_is_told(world)

    def then() -> None:
        world.pass_time(minutes=6)

    def end() -> None:
        assert told(world) == ["one", "two"]
        assert entry_of(world, "one").was_sent_back

    return Plot(then, end)


@story
def who_was_told_leaves_and_the_second_is_told(world: FastWorld) -> Plot:
    _first_is_told(world)
    entry = entry_of(world, "one")

    def then() -> None:
        world.call(lambda _once: waitlist.leave(entry.id, "one", world.now))

    def end() -> None:
        assert told(world) == ["one", "two"]

    return Plot(then, end)


@story
def who_was_told_books_and_has_claimed(world: FastWorld) -> Plot:
    _first_is_told(world)
    world.book("one")
    offer = world.offer_to("a")

    def then() -> None:
        accept(world, offer.id, "a")

    def end() -> None:
        assert entry_of(world, "one").status is EntryStatus.CLAIMED
        assert told(world) == ["one"]

    return Plot(then, end)


@story
def who_waits_for_a_day_is_told_so(world: FastWorld) -> Plot:
    wait(world, "one")
    world.pass_time(hours=23, minutes=50)

    def then() -> None:
        world.pass_time(minutes=12)

    def end() -> None:
        assert entry_of(world, "one").status is EntryStatus.EXPIRED

    return Plot(then, end)


@story
def a_customer_joins_the_waitlist_while_somebody_is_free(world: FastWorld) -> Plot:
    town(world, "a")
    customers.upsert({"id": "one", "country": "Canada"})

    def then() -> None:
        world.call(lambda once: waitlist.join(ANYBODY, "one", world.now, once))
        world.pass_time(seconds=15)

    def end() -> None:
        assert told(world) == ["one"]
        assert offers.left_at("a") is None

    return Plot(then, end)


@story
def who_slept_while_somebody_came_cancels_and_is_told(world: FastWorld) -> Plot:
    world.mechanic("a", on_shift=False)
    wait(world, "customer")
    session = booked(world)
    world.drain()
    shifts.clock_in("a", world.now)
    world.pass_time(minutes=1)

    def then() -> None:
        _cancel(world, session)
        world.pass_time(seconds=15)

    def end() -> None:
        assert told(world) == ["customer"]
        assert len(world.facts("WaitlistWoken")) == 1

    return Plot(then, end)


@story
def who_booked_in_the_turn_and_never_signed_has_not_claimed(world: FastWorld) -> Plot:
    world.mechanic("a", on_shift=False)
    wait(world, "customer", "two")
    shifts.clock_in("a", world.now)
    world.pass_time(minutes=4)
    session = booked(world)
    world.pass_time(minutes=2)

    def then() -> None:
        _cancel(world, session)

    def end() -> None:
        assert told(world) == ["customer", "two"]
        assert entry_of(world, "customer").was_sent_back

    return Plot(then, end)


@story
def an_offer_ends_and_who_waits_is_told_of_the_mechanic(world: FastWorld) -> Plot:
    town(world, "a")
    world.book()
    offer = world.offer_to("a")
    customers.upsert({"id": "one", "country": "Canada"})
    waitlist.join(ANYBODY, "one", world.now)
    world.pass_time(seconds=15)

    def then() -> None:
        decline(world, offer.id, "a")

    def end() -> None:
        assert told(world) == ["one"]

    return Plot(then, end)


# Who comes and who goes


@story
def a_mechanic_comes_while_three_sessions_wait(world: FastWorld) -> Plot:
    world.mechanic("a", on_shift=False)
    world.device("a")
    first = world.book()
    others = [world.book(customer) for customer in ("other", "third")]

    def then() -> None:
        world.call(lambda once: shifts.clock_in("a", world.now, once=once))

    def end() -> None:
        assert world.asked(first.id) == ["a"]
        assert len(world.facts("BroadcastAnnounced")) == len(others)
        for session in (first, *others):
            assert offers.dispatch_of(session.id).all_offline is False

    return Plot(then, end)


@story
def the_last_one_leaves_while_a_session_waits(world: FastWorld) -> Plot:
    town(world, "a")
    session = world.book()
    decline(world, world.offer_to("a").id, "a")
    world.drain()

    def then() -> None:
        world.call(lambda once: shifts.clock_out("a", world.now, once=once))
        world.pass_time(seconds=15)

    def end() -> None:
        (fact,) = world.facts("AllOffline")
        assert fact["session_id"] == session.id

    return Plot(then, end)


@story
def a_mechanic_is_reinstated_while_a_session_waits(world: FastWorld) -> Plot:
    town(world, "a")
    world.mechanic("a", on_shift=False, status="suspended")
    session = world.book()

    def then() -> None:
        world.call(lambda _once: world.mechanic("a", on_shift=False))

    def end() -> None:
        assert world.asked(session.id) == ["a"]

    return Plot(then, end, _CHANGED)


@story
def the_preferred_mechanic_is_sought_for_too_late(world: FastWorld) -> Plot:
    town(world, "abcd")
    session = booked(world, preferred_mechanic_id="d")
    sessions.sign_waiver(session.id, "customer", "Jo Driver", world.now)

    def end() -> None:
        assert world.asked(session.id) == ["d", "a", "b"]

    return _swept(world, end, minutes=4)


@story
def a_mechanic_declines_the_broadcast_of_what_they_are_offered(world: FastWorld) -> Plot:
    town(world, "a")
    session = world.book()
    offer, broadcast = world.offer_to("a"), world.broadcast(session.id)

    def then() -> None:
        decline(world, broadcast.id, "a")

    def end() -> None:
        assert world.row(offer.id).status is AssignmentStatus.DECLINED

    return Plot(then, end)


# Devices and pushes


def _register(world: FastWorld, user_id: str, token: str) -> None:
    world.call(
        lambda _once: notifications.register_device(
            user_id, "phone", Platform.FCM, token, world.now
        )
    )


@story
def a_device_is_registered(world: FastWorld) -> Plot:
    return Plot(lambda: _register(world, "a", "token"), lambda: _has_tokens("a", "token"))


def _has_tokens(user_id: str, *tokens: str) -> None:
    assert [device.token for device in devices.devices_of(user_id)] == [*tokens]


@story
def a_device_gets_a_new_token(world: FastWorld) -> Plot:
    world.device("a", token="old")
    return Plot(lambda: _register(world, "a", "new"), lambda: _has_tokens("a", "new"))


@story
def a_token_moves_to_another_user(world: FastWorld) -> Plot:
    world.device("a", token="shared")

    def end() -> None:
        _has_tokens("a")
        _has_tokens("b", "shared")

    return Plot(lambda: _register(world, "b", "shared"), end)


@story
def a_device_is_forgotten(world: FastWorld) -> Plot:
    world.device("a")

    def then() -> None:
        world.call(lambda _once: notifications.forget_device("a", "phone", world.now))

    return Plot(then, lambda: _has_tokens("a"))


@story
def a_mechanic_gives_up_the_last_device_that_works(world: FastWorld) -> Plot:
    town(world, "abcd")
    world.device("a", "tablet")
    for attributes in world.topic.endpoints.values():
        if attributes["Token"] == "token-of-a-phone":
            attributes["Enabled"] = "false"
    session = world.book()

    def then() -> None:
        world.call(lambda _once: notifications.forget_device("a", "tablet", world.now))

    def end() -> None:
        assert world.asked(session.id) == ["a", "b", "c", "d"]

    return Plot(then, end)


@story
def a_user_registers_one_device_more_than_there_may_be(world: FastWorld) -> Plot:
    for number in range(rules.DEVICES_PER_USER):
        world.device("a", f"d{number}")
        world.pass_time(seconds=1)

    def then() -> None:
        _register(world, "a", "one-more")

    def end() -> None:
        assert len(devices.devices_of("a")) == rules.DEVICES_PER_USER
        assert devices.find("a", "d0") is None

    return Plot(then, end)


@story
def a_push_meets_a_dead_endpoint(world: FastWorld) -> Plot:
    town(world)
    arn = world.device("a", "tablet")
    world.topic.endpoints[arn]["Enabled"] = "false"
    session = booked(world)
    world.drain()

    def then() -> None:
        sign(world, session)

    def end() -> None:
        assert world.pushes_to("a")
        assert world.pushes_to("b")

    return Plot(then, end, may_be_late=True)


@story
def all_the_phones_of_a_mechanic_are_dead(world: FastWorld) -> Plot:
    town(world, "abcd")
    for attributes in world.topic.endpoints.values():
        if '"a"' in attributes["CustomUserData"]:
            attributes["Enabled"] = "false"
    session = booked(world)
    world.drain()

    def then() -> None:
        sign(world, session)

    def end() -> None:
        assert world.asked(session.id) == ["a", "b", "c", "d"]

    return Plot(then, end, may_be_late=True)


@story
def a_push_turns_out_not_to_be_deliverable(world: FastWorld) -> Plot:
    town(world, "abcd")
    session = world.book()
    (delivery,) = _entry(world, "a").deliveries
    (device,) = devices.devices_of("a")
    event = {
        "EventType": "DeliveryFailure",
        "EndpointArn": device.endpoint_arn,
        "FailureType": "InvalidPlatformToken",
        "MessageId": delivery.message_id,
        "Time": format_time(world.now),
    }

    def then() -> None:
        world.queues.put(FEEDBACK, json.dumps(event))
        world.drain()

    def end() -> None:
        assert _entry(world, "a").status is NoticeStatus.FAILED
        assert world.asked(session.id) == ["a", "b", "c", "d"]

    return Plot(then, end)


def _entry(world: FastWorld, user_id: str, channel: Channel = Channel.PUSH) -> Notice:
    """The latest in this person's ledger, through one channel."""
    entries, _ = notifications.ledger_of(user_id, 10, None)
    return next(entry for entry in entries if entry.channel is channel)


@story
def a_notice_is_seen(world: FastWorld) -> Plot:
    town(world)
    world.book()
    notice = _entry(world, "a")

    def then() -> None:
        world.call(lambda once: notifications.see(notice.id, "a", world.now, once))

    def end() -> None:
        assert _entry(world, "a").status is NoticeStatus.SEEN

    return Plot(then, end)


# Mails


@story
def a_mail_tells_that_nobody_took_it(world: FastWorld) -> Plot:
    world.send_mails()
    session = world.book()

    def then() -> None:
        world.pass_time(minutes=31)

    def end() -> None:
        _is(world, session, Status.UNFILLED)
        assert {mail.to for mail in world.mail.mails} == {"jo@driver.example"}

    return Plot(then, end)


def _mail_event(world: FastWorld, type_: str, **details: Any) -> str:
    """What SES tells of the mail to a customer whose session nobody took."""
    world.send_mails()
    world.book()
    world.pass_time(minutes=31)
    mail = world.mail.mails[-1]
    tags = {name: [value] for name, value in json.loads(mail.tags).items()}
    return json.dumps({"eventType": type_, "mail": {"tags": tags}, **details})


def _mail_is(world: FastWorld, status: NoticeStatus) -> None:
    assert _entry(world, "customer", Channel.MAIL).status is status


@story
def a_mail_is_delivered(world: FastWorld) -> Plot:
    event = _mail_event(world, "Delivery")
    return Plot(
        lambda: world.queues.put(FEEDBACK, event),
        lambda: _mail_is(world, NoticeStatus.DELIVERED),
    )


@story
def a_mail_bounces(world: FastWorld) -> Plot:
    event = _mail_event(world, "Bounce", bounce={"bounceType": "Permanent"})
    return Plot(
        lambda: world.queues.put(FEEDBACK, event),
        lambda: _mail_is(world, NoticeStatus.BOUNCED),
    )


# Bookings, told


def _slot(world: FastWorld) -> Booking:
    """A booking with mechanic ``a``, in two days; everybody has a phone and an address."""
    world.send_mails()
    world.mechanic("a", email="a@mechanic.example")
    world.device("a")
    world.device("customer")
    session = booked(world)
    booking = take_slot(session.id, "a", BOOKED_FROM + timedelta(hours=2), world.now)
    world.drain()
    return booking


def _tell(world: FastWorld, booking: Booking, type_: str, **facts: Any) -> None:
    """What the session would record of its booking."""
    fact = a_booking_fact(
        type_,
        at=format_time(world.now),
        session_id=booking.session_id,
        customer_id="customer",
        mechanic_id="a",
        scheduled_start=format_time(booking.start),
        scheduled_end=format_time(booking.end),
        **facts,
    )
    world.queues.put("NotifySubscription", json.dumps(fact))


def _invited(world: FastWorld, method: str) -> None:
    """Both got a mail with one file for their calendar, and it is the same booking for both."""
    mails = {mail.to: mail.attached or "" for mail in world.mail.mails}
    assert set(mails) == {"jo@driver.example", "a@mechanic.example"}
    for file in mails.values():
        assert f"method={method}" in file
        assert f"METHOD:{method}" in file
    assert (
        len({line for file in mails.values() for line in file.splitlines() if "UID" in line}) == 1
    )


@story
def both_are_invited_to_a_booking(world: FastWorld) -> Plot:
    booking = _slot(world)

    def then() -> None:
        _tell(world, booking, "SessionScheduled")

    def end() -> None:
        _invited(world, "REQUEST")
        assert world.pushes_to("a")
        assert world.pushes_to("customer")

    return Plot(then, end)


@story
def a_cancelled_booking_leaves_both_calendars(world: FastWorld) -> Plot:
    booking = _slot(world)
    with Transaction() as tx:
        calendar.free_booking(tx, booking.ref, world.now)

    def then() -> None:
        how = {"booking_version": 2, "cancelled_by": "customer", "refund_percent": 100}
        _tell(world, booking, "SessionCancelled", **how)

    def end() -> None:
        _invited(world, "CANCEL")
        assert world.pushes_to("a")
        assert not world.pushes_to("customer")

    return Plot(then, end)


@story
def nobody_is_reminded_of_a_booking_that_is_off(world: FastWorld) -> Plot:
    booking = _slot(world)
    with Transaction() as tx:
        calendar.free_booking(tx, booking.ref, world.now)

    def then() -> None:
        _tell(world, booking, "SessionReminder", ahead="24_h")

    def end() -> None:
        assert world.mail.mails == []
        assert not world.pushes_to("a")

    return Plot(then, end)


# What operators and schedules do


@story
def a_mechanic_is_seeded(world: FastWorld) -> Plot:
    def then() -> None:
        world.call(lambda _once: world.mechanic("a", on_shift=False))

    def end() -> None:
        assert mechanics.get("a") is not None

    return Plot(then, end, _CHANGED)


@story
def a_mechanic_moves_to_another_country(world: FastWorld) -> Plot:
    town(world, "abcd")
    session = world.book()

    def then() -> None:
        world.call(lambda _once: world.mechanic("a", on_shift=False, country="France"))

    def end() -> None:
        assert world.asked(session.id) == ["a", "b", "c"]

    return Plot(then, end, _CHANGED)


@story
def a_mechanic_is_suspended(world: FastWorld) -> Plot:
    town(world, "abcd")
    session = world.book()

    def then() -> None:
        world.call(lambda _once: world.mechanic("a", on_shift=False, status="suspended"))

    def end() -> None:
        assert world.asked(session.id) == ["a", "b", "c", "d"]

    return Plot(then, end, _CHANGED)


@story
def a_customer_is_seeded(world: FastWorld) -> Plot:
    def then() -> None:
        world.call(lambda _once: customers.upsert({"id": "customer", "name": "Jo"}))

    return Plot(then, lambda: None)


@story
def the_rosters_snapshots_are_renewed(world: FastWorld) -> Plot:
    for number, country in enumerate(["Canada", "Canada", "France"]):
        world.mechanic(f"m{number}", country=country)
    world.drain()

    def then() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(matching, "SNAPSHOT_FROM", 1)
            world.scheduled(lambda: matching.renew_snapshots(world.now))

    def end() -> None:
        assert len(world.bucket.objects) == 2

    return Plot(then, end)


# The sweeper finds what was lost


def _swept(world: FastWorld, end: Callable[[], None], **later: float) -> Plot:
    """All that was under way is lost; some time after, the sweeper comes."""
    world.lose_everything()
    world.clock.advance(**later)
    return Plot(lambda: world.scheduled(lambda: sweep(world.now)), end)


@story
def the_sweeper_finds_a_session_nobody_was_sought_for(world: FastWorld) -> Plot:
    town(world)
    session = booked(world)
    sessions.sign_waiver(session.id, "customer", "Jo Driver", world.now)

    def end() -> None:
        assert world.asked(session.id) == ["a", "b", "c"]

    return _swept(world, end, minutes=4)


@story
def the_sweeper_finds_a_session_never_signed(world: FastWorld) -> Plot:
    session = booked(world)
    return _swept(world, lambda: _is(world, session, Status.CANCELLED), minutes=34)


@story
def the_sweeper_finds_offers_past_their_deadline(world: FastWorld) -> Plot:
    town(world)
    session = world.book()

    def end() -> None:
        assert len(world.facts("OffersExpired", session_id=session.id)) == 1
        assert len(world.facts("BroadcastAnnounced", session_id=session.id)) == 1

    return _swept(world, end, minutes=9)


@story
def the_sweeper_finds_a_session_nobody_took(world: FastWorld) -> Plot:
    town(world)
    session = world.book()
    return _swept(world, lambda: ends(world, session, Status.UNFILLED), minutes=34)


@story
def the_sweeper_finds_a_mechanic_who_did_not_join(world: FastWorld) -> Plot:
    town(world, "abcd")
    session = waiting(world)

    def end() -> None:
        ends(world, session, Status.PENDING)
        assert world.asked(session.id)[-1] == "d"

    return _swept(world, end, minutes=9)


@story
def the_sweeper_finds_a_customer_who_did_not_join(world: FastWorld) -> Plot:
    town(world)
    session = waiting(world)
    sessions.join_session(session.id, "a", world.now)
    return _swept(world, lambda: ends(world, session, Status.NO_SHOW), minutes=14)


@story
def the_sweeper_finds_a_session_that_never_ended(world: FastWorld) -> Plot:
    town(world)
    session = live(world)
    return _swept(world, lambda: ends(world, session, Status.COMPLETED), minutes=30)


@story
def the_sweeper_finds_a_shift_that_never_ended(world: FastWorld) -> Plot:
    town(world, "a")

    def end() -> None:
        assert not shifts.clock_state("a", world.now).currently_on_shift

    return _swept(world, end, hours=12, minutes=4)


@story
def the_sweeper_finds_capacity_that_was_never_offered(world: FastWorld) -> Plot:
    world.mechanic("a", on_shift=False)
    session = world.book()
    shifts.clock_in("a", world.now)

    def end() -> None:
        assert world.asked(session.id) == ["a"]

    return _swept(world, end, minutes=4)


@story
def the_sweeper_finds_a_turn_nobody_ended(world: FastWorld) -> Plot:
    _first_is_told(world)

    def end() -> None:
        assert told(world) == ["one", "two"]

    return _swept(world, end, minutes=9)


@story
def the_sweeper_finds_capacity_that_was_left(world: FastWorld) -> Plot:
    world.mechanic("a", on_shift=False)
    wait(world, "one")
    world.pass_time(seconds=15)
    shifts.clock_in("a", world.now)
    offers.place_capacity("a", world.now)

    def end() -> None:
        assert told(world) == ["one"]
        assert offers.left_at("a") is None

    return _swept(world, end, minutes=4)


# What is over


@story
def a_customer_rates_a_session(world: FastWorld) -> Plot:
    town(world, "a", completed_sessions=1)
    session = live(world)
    sessions.end_session(session.id, "customer", world.now)
    world.drain()

    def rate() -> None:
        review = Review(4, "Quick and kind")
        world.call(
            lambda once: sessions.rate_session(session.id, "customer", review, world.now, once)
        )

    def end() -> None:
        rated = mechanics.get("a")
        assert rated
        assert (str(rated.profile.rating), rated.rating_count) == ("4.45", 2)
        assert world.session(session.id).rating
        assert len(world.facts("SessionRated")) == 1

    return Plot(rate, end)


# Admins


@story
def an_admin_calls_a_session_off(world: FastWorld) -> Plot:
    town(world, "a")
    session = waiting(world)

    def call_off() -> None:
        world.call(
            lambda once: sessions.call_off_session(session.id, "admin-1", "closed", world.now, once)
        )

    def end() -> None:
        ends(world, session, Status.CANCELLED)
        assert world.load("a") == 0

    return Plot(call_off, end)


@story
def an_admin_reassigns_a_session(world: FastWorld) -> Plot:
    town(world, "a")
    session = waiting(world)
    town(world, "b")

    def reassign() -> None:
        world.call(
            lambda once: sessions.reassign_session(
                session.id, "admin-1", "not to be had", world.now, once
            )
        )

    def end() -> None:
        ends(world, session, Status.PENDING)
        assert world.offer_to("b").session_id == session.id

    return Plot(reassign, end)


@story
def an_admin_changes_the_policy(world: FastWorld) -> Plot:
    town(world)
    first = policies.newest().policy

    def change() -> None:
        wanted = replace(first, offer_s=120)
        world.call(lambda once: policies.change(wanted, 1, "admin", world.now, once))

    def end() -> None:
        (fact,) = world.facts("PolicyChanged")
        assert fact["version"] == 2
        assert policies.newest().policy == replace(first, version=2, offer_s=120)

    return Plot(change, end)


@story
def a_session_is_taken_from_its_mechanic(world: FastWorld) -> Plot:
    town(world, "a")
    session = waiting(world)
    town(world, "b")
    world.drain()

    def then() -> None:
        world.call(
            lambda once: sessions.take_back(session.id, "a", TakenBack.REASSIGNED, world.now, once)
        )

    def end() -> None:
        ends(world, session, Status.PENDING)
        assert world.offer_to("b").session_id == session.id

    return Plot(then, end)


# Profiles


@story
def a_mechanic_edits_the_profile(world: FastWorld) -> Plot:
    world.mechanic("a", on_shift=False)
    world.drain()

    def then() -> None:
        edit = ProfileEdit(name="Ada Chen", country="FR", email="ada@mechanic.example")
        world.call(lambda _once: profiles.edit_profile("a", edit, 0, world.now))

    def end() -> None:
        mechanic = mechanics.get("a")
        assert mechanic is not None
        assert (mechanic.version, mechanic.profile.country) == (1, "FR")

    return Plot(then, end, _CHANGED)


@story
def a_photo_completes_a_profile(world: FastWorld) -> Plot:
    profiles.edit_profile("a", ProfileEdit(name="Ada Chen"), 0, world.now)
    calendar.replace_availability("a", an_availability(), 0, world.now)
    world.drain()

    def then() -> None:
        world.call(lambda _once: mechanics.set_photo("a", "https://photos.example/1", world.now))

    def end() -> None:
        mechanic = mechanics.get("a")
        assert mechanic is not None
        assert mechanic.profile.profile_completion == 35

    return Plot(then, end)


def decide(world: FastWorld, move: StandingMove) -> None:
    world.call(lambda once: profiles.decide("a", move, "admin", world.now, reason="why", once=once))


@story
def an_applicant_is_approved(world: FastWorld) -> Plot:
    world.mechanic("a", on_shift=False, status="pending")
    world.device("a")
    world.drain()

    def end() -> None:
        assert len(world.facts("MechanicApproved")) == 1
        assert world.pushes_to("a")

    return Plot(lambda: decide(world, StandingMove.APPROVE), end)


@story
def a_mechanic_is_suspended_with_a_session_that_waits_for_them(world: FastWorld) -> Plot:
    town(world, "a")
    session = waiting(world)
    town(world, "b")
    world.drain()

    def end() -> None:
        ends(world, session, Status.PENDING)
        assert world.offer_to("b").session_id == session.id
        mechanic = mechanics.get("a")
        assert mechanic is not None
        assert not mechanic.duty.on_shift

    return Plot(lambda: decide(world, StandingMove.SUSPEND), end)


@story
def the_sweeper_finds_what_a_suspended_mechanic_has_in_hand(world: FastWorld) -> Plot:
    town(world, "a")
    session = waiting(world)
    profiles.decide("a", StandingMove.SUSPEND, "admin", world.now, reason="why")
    return _swept(world, lambda: ends(world, session, Status.PENDING), minutes=4)


# Customers


@story
def a_customer_writes_their_profile(world: FastWorld) -> Plot:
    customers.upsert({"id": "customer", "name": "Jo"})
    given = Customer(id="customer", name="Jo Driver", location=DOWNTOWN)

    def then() -> None:
        world.call(lambda _once: customers.replace_profile(given, world.now))

    def end() -> None:
        assert customers.profile_of("customer") == given

    return Plot(then, end)


@story
def a_customer_keeps_a_vehicle_and_gives_up_another(world: FastWorld) -> Plot:
    world.keyed = True  # without a key a car that is sent twice is there twice, as it may be
    car = Vehicle(2019, "Honda", "Civic", plate="CBXT 901")
    old = customers.add_vehicle("customer", car, world.now)

    def give_up(_once: Once | None) -> None:
        with suppress(NotFound):  # the repeat finds it gone, which is what was wanted
            customers.remove_vehicle("customer", old.id)

    def then() -> None:
        world.call(lambda once: customers.add_vehicle("customer", car, world.now, once))
        world.call(give_up)

    def end() -> None:
        kept = [each.id for each in customers.vehicles_of("customer", 10, None).items]
        assert old.id not in kept
        assert len(kept) == 1

    return Plot(then, end)


# Files


@story
def a_form_is_asked_for(world: FastWorld) -> Plot:
    world.keyed = True  # without a key a form that is asked for twice is there twice

    def then() -> None:
        world.call(
            lambda once: uploads.request_attachment("customer", "image/jpeg", world.now, once)
        )

    def end() -> None:
        assert len(upload_items.of_owner("customer", Kind.ATTACHMENT)) == 1

    return Plot(then, end)


@story
def a_photo_takes_the_place_of_another(world: FastWorld) -> Plot:
    world.mechanic("a", on_shift=False)
    old = uploads.request_photo("a", "image/jpeg", world.now)
    world.bucket.upload(old.fields, JPEG)
    world.pass_time(seconds=1)
    new = uploads.request_photo("a", "image/jpeg", world.now)

    def end() -> None:
        mechanic = mechanics.get("a")
        assert mechanic
        assert mechanic.profile.photo_url == uploads.photo_url(new.upload.ref)
        assert len(world.bucket.uploads) == 1

    return Plot(lambda: world.bucket.upload(new.fields, JPEG), end)


@story
def a_file_is_what_its_name_says(world: FastWorld) -> Plot:
    post = uploads.request_attachment("customer", "image/jpeg", world.now)

    def end() -> None:
        assert list(world.bucket.uploads.values()) == [JPEG]
        assert len(world.facts("UploadConfirmed")) == 1

    return Plot(lambda: world.bucket.upload(post.fields, JPEG), end)


@story
def a_file_is_not_what_its_name_says(world: FastWorld) -> Plot:
    post = uploads.request_attachment("customer", "image/jpeg", world.now)

    def end() -> None:
        assert world.bucket.uploads == {}
        assert len(world.facts("UploadRejected")) == 1

    return Plot(lambda: world.bucket.upload(post.fields, TEXT), end)


@story
def a_booking_takes_along_what_the_bucket_tells_of_late(world: FastWorld) -> Plot:
    post = uploads.request_attachment("customer", "image/jpeg", world.now)
    world.bucket.uploads[post.fields["key"]] = JPEG
    intake = an_intake(attachments=(upload_rules.key_of(post.upload.ref),))

    def then() -> None:
        world.call(lambda once: sessions.book_session(intake, "customer", world.now, once))

    def end() -> None:
        (fact,) = world.facts("SessionBooked")
        assert len(sessions.contact_of(fact["session_id"]).attachments) == 1
        world.bucket.tell(post.fields["key"])
        world.drain()
        assert list(world.bucket.uploads.values()) == [JPEG]

    return Plot(then, end)


# Accounts


@story
def who_is_approved_gets_the_group(world: FastWorld) -> Plot:
    world.users.users["a"] = {"customer"}
    world.mechanic("a", on_shift=False, status="pending")
    world.drain()

    def end() -> None:
        assert world.users.users == {"a": {"customer", "mechanic"}}

    return Plot(lambda: decide(world, StandingMove.APPROVE), end)


@story
def a_customer_is_erased(world: FastWorld) -> Plot:
    a_life(world)
    world.pass_time(minutes=10)

    def then() -> None:
        world.call(lambda _once: accounts.erase_customer("customer", world.now))

    return Plot(then, lambda: check_forgotten(world))


@story
def an_applicant_is_erased(world: FastWorld) -> Plot:
    profiles.edit_profile("a", ProfileEdit(name="Ada Chen"), 0, world.now)
    calendar.replace_availability("a", an_availability(), 0, world.now)
    world.drain()

    def then() -> None:
        world.call(lambda _once: accounts.erase_customer("a", world.now))

    def end() -> None:
        assert mechanics.get("a") is None
        assert customers.is_erased("a")
        items = world.table.scan(TableName=world.table.name)["Items"]
        assert not [item for item in items if item["pk"]["S"] == "CALENDAR#a"]

    return Plot(then, end)
