"""No offer goes to a mechanic whose own booking begins before the session would be over."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from dispatch.calendar import service as calendars
from dispatch.calendar.model import Booking
from dispatch.core.errors import Conflict, Invalid, StaleVersion
from dispatch.core.table import Transaction, decides_anew
from dispatch.matching import service as matching
from dispatch.mechanics import service as mechanics
from dispatch.offers import rules as offer_rules
from dispatch.offers import service as offers
from dispatch.policy.model import Policy
from dispatch.sessions.model import Status
from dispatch.shifts import service as shifts
from tests.builders import ONE_HOUR, ONE_MINUTE, ONE_SECOND
from tests.calendar_builders import QUARTER, an_availability
from tests.clock import NOON
from tests.mechanic_builders import a_request
from tests.world import World

TEN_PAST_FOUR = NOON + timedelta(hours=4)
FREE, _, STANDARD, _ = Policy().plans
PLAN_AND_BUFFER = timedelta(minutes=25)
"""Of the free plan, which the tests' customers book."""


@pytest.fixture
def ada(world: World) -> str:
    world.mechanic("ada")
    world.drain()
    calendars.replace_availability("ada", an_availability("UTC", "0:00-24:00"), 0, world.now)
    return "ada"


@decides_anew
def hold(
    world: World, start: datetime = TEN_PAST_FOUR, session: str = "booked", who: str = "ada"
) -> Booking:
    with Transaction() as tx:
        return calendars.hold_slot(
            tx,
            mechanic_id=who,
            session_id=session,
            customer_id=f"customer-of-{session}",
            plan=STANDARD,
            start=start,
            now=world.now,
        )


def confirm(world: World, booking: Booking) -> Booking:
    with Transaction() as tx:
        return calendars.confirm_booking(tx, booking.ref, world.now)


def free(world: World, booking: Booking) -> None:
    with Transaction() as tx:
        calendars.free_booking(tx, booking.ref, world.now)


def begin(world: World, booking: Booking) -> None:
    with Transaction() as tx:
        calendars.begin_booking(
            tx,
            booking.ref,
            policy=Policy(),
            brand_key=None,
            now=world.now,
            otherwise=lambda _reason: AssertionError(),
        )


def next_at(mechanic_id: str = "ada") -> datetime | None:
    mechanic = mechanics.get(mechanic_id)
    assert mechanic
    return mechanic.duty.next_booking_at


# It is exact


def test_the_next_booking_is_the_earliest_whatever_comes_and_goes(world: World, ada: str) -> None:
    assert next_at() is None
    later = confirm(world, hold(world))
    assert next_at() == later.start
    earlier = hold(world, TEN_PAST_FOUR - ONE_HOUR, "earlier")
    assert next_at() == earlier.start
    free(world, earlier)
    assert next_at() == later.start
    with Transaction() as tx:
        moved = calendars.move_booking(tx, later.ref, start=later.start + QUARTER, now=world.now)
    assert next_at() == moved.start
    free(world, moved)
    assert next_at() is None


def test_what_has_begun_is_not_the_next(world: World, ada: str) -> None:
    first = confirm(world, hold(world))
    second = confirm(world, hold(world, TEN_PAST_FOUR + ONE_HOUR, "second"))
    world.clock.at = first.start
    assert next_at() == first.start
    begin(world, first)
    assert next_at() == second.start
    free(world, first)
    assert next_at() == second.start


def test_a_hold_that_has_lapsed_counts_until_the_calendar_is_next_written(
    world: World, ada: str
) -> None:
    lapsed = hold(world)
    world.clock.advance(minutes=15)
    assert next_at() == lapsed.start
    other = hold(world, TEN_PAST_FOUR + ONE_HOUR, "other")
    assert next_at() == other.start


def test_it_survives_a_change_of_the_profile_and_of_presence(world: World, ada: str) -> None:
    booking = confirm(world, hold(world))
    world.mechanic("ada", on_shift=False, city="Ottawa")
    assert next_at() == booking.start


def test_a_mechanic_who_may_not_be_matched_cannot_be_booked(world: World, ada: str) -> None:
    world.mechanic("ada", on_shift=False, status="suspended")
    with pytest.raises(Invalid) as invalid:
        hold(world)
    (error,) = invalid.value.members["errors"]
    assert error == {"pointer": "/preferred_mechanic_id", "detail": "cannot be booked now"}
    assert calendars.bookings_of("ada", world.now, 10, None).items == []


def test_a_booking_begins_with_load_in_one_clause(world: World, ada: str) -> None:
    booking = confirm(world, hold(world))
    world.clock.at = booking.start

    def take() -> None:
        with Transaction() as tx:
            calendars.begin_booking(
                tx,
                booking.ref,
                policy=Policy(),
                brand_key=None,
                now=world.now,
                otherwise=offer_rules.refused,
            )

    take()
    assert (next_at(), world.load("ada")) == (None, 1)
    with pytest.raises(StaleVersion):
        take()
    free(world, booking)
    with pytest.raises(StaleVersion):
        take()


def test_a_booking_does_not_begin_with_a_mechanic_who_has_no_room(world: World, ada: str) -> None:
    booking = confirm(world, hold(world))
    world.accept(world.offer_to(_seek(world)).id, "ada")
    world.clock.at = booking.start
    with pytest.raises(Conflict) as refused, Transaction() as tx:
        calendars.begin_booking(
            tx,
            booking.ref,
            policy=Policy(),
            brand_key=None,
            now=world.now,
            otherwise=offer_rules.refused,
        )
    assert refused.value.reason == "at_capacity"
    assert next_at() == booking.start


def _seek(world: World) -> str:
    world.book("driver")
    return "ada"


# Offers


def near(world: World, by: timedelta) -> Booking:
    """A booking that starts this long from now on."""
    booking = confirm(world, hold(world))
    world.clock.at = booking.start - by
    return booking


def test_no_offer_before_a_booking_that_is_too_near(world: World, ada: str) -> None:
    near(world, PLAN_AND_BUFFER - ONE_SECOND)
    session = world.book()
    assert world.asked(session.id) == []


def test_an_offer_up_to_a_booking_that_is_just_far_enough(world: World, ada: str) -> None:
    near(world, PLAN_AND_BUFFER)
    session = world.book()
    assert world.asked(session.id) == ["ada"]


def test_the_next_best_is_asked_instead(world: World, ada: str) -> None:
    near(world, 10 * ONE_MINUTE)
    world.mechanic("bo", rating=1)
    assert world.asked(world.book().id) == ["bo"]


def test_an_offer_that_was_made_in_time_can_be_accepted_in_time_alone(
    world: World, ada: str
) -> None:
    near(world, PLAN_AND_BUFFER + ONE_MINUTE)
    session = world.book()
    offer = world.offer_to("ada")
    world.clock.advance(minutes=1, milliseconds=1)
    with pytest.raises(Conflict) as refused:
        world.accept(offer.id, "ada")
    assert refused.value.reason == "at_capacity"
    assert world.load("ada") == 0
    world.clock.advance(milliseconds=-1)
    assert world.accept(offer.id, "ada").status is Status.WAITING
    assert world.session(session.id).mechanic_id == "ada"


def test_a_broadcast_cannot_be_accepted_before_a_booking_that_is_too_near(
    world: World, ada: str
) -> None:
    near(world, 10 * ONE_MINUTE)
    session = world.book()
    with pytest.raises(Conflict) as refused:
        world.accept(world.broadcast(session.id).id, "ada")
    assert refused.value.reason == "at_capacity"


def test_the_broadcast_is_not_pushed_to_who_could_not_take_it(world: World, ada: str) -> None:
    near(world, 10 * ONE_MINUTE)
    world.book()
    assert world.facts("BroadcastAnnounced", "AllOffline") == []


def test_the_preferred_mechanic_is_passed_over_before_their_booking(world: World, ada: str) -> None:
    near(world, 10 * ONE_MINUTE)
    world.book(preferred_mechanic_id="ada")
    (passed,) = world.facts("PreferredPassedOver")
    assert passed["outcome"] == "at_capacity"


@pytest.mark.parametrize(
    ("by", "asked"), [(PLAN_AND_BUFFER, ["ada"]), (PLAN_AND_BUFFER - ONE_SECOND, [])]
)
def test_new_capacity_is_offered_only_what_fits_before_a_booking(
    world: World, ada: str, by: timedelta, asked: list[str]
) -> None:
    """Nor is the waitlist told of it."""
    shifts.clock_out("ada", world.now)
    near(world, by)
    session = world.book()
    shifts.clock_in("ada", world.now)
    world.drain()
    assert world.asked(session.id) == asked
    assert world.facts("CapacityLeft")[1:] == []


def test_an_offer_ends_when_looked_at_once_a_booking_is_too_near(world: World, ada: str) -> None:
    near(world, PLAN_AND_BUFFER + ONE_MINUTE)
    world.book()
    world.clock.advance(minutes=2)
    offers.review_offers("ada", world.now)
    (expired,) = world.facts("OffersExpired")
    assert expired["cause"] == "at_capacity"


def test_the_roster_may_lag_behind_a_booking(
    world: World, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the condition on the mechanic refuses, and the next best is asked."""
    world.mechanic("bo", rating=1)
    near(world, 10 * ONE_MINUTE)
    rank: Callable[..., object] = matching.rank

    def lagging(*args: object, **more: object) -> object:
        return rank(*args, **(more | {"keeps_until": None}))

    monkeypatch.setattr(matching, "rank", lagging)
    assert world.asked(world.book().id) == ["bo"]


def test_the_roster_tells_the_next_booking(world: World, ada: str) -> None:
    booking = near(world, 10 * ONE_MINUTE)
    (found,) = matching.rank(a_request(), 3, Policy(), world.now).top
    assert found.mechanic.duty.next_booking_at == booking.start
    until = booking.start + ONE_SECOND
    assert matching.rank(a_request(), 3, Policy(), world.now, keeps_until=until).top == ()
