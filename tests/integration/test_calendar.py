"""Holding, confirming, moving and freeing slots; time off; what a query of slots costs."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from dispatch.calendar import rules, service, store
from dispatch.calendar.model import Booking, BookingRef, Span
from dispatch.core import aws
from dispatch.core.errors import Busy, Conflict, Invalid, NotFound
from dispatch.core.table import Transaction, decides_anew
from dispatch.policy.model import Plan, Policy
from dispatch.shifts import service as shifts
from tests.builders import ONE_HOUR, ONE_MINUTE
from tests.calendar_builders import QUARTER, TEN, TORONTO, an_availability
from tests.world import World

ONE_DAY = timedelta(days=1)
FREE, QUICK, STANDARD, DIAGNOSTIC = Policy().plans
DAY = Span(TEN - 6 * ONE_HOUR, TEN + 12 * ONE_HOUR)
"""All of the hours of Thursday, 9 to 5 in Toronto."""


@pytest.fixture
def ada(world: World) -> str:
    world.mechanic("ada", on_shift=False)
    service.replace_availability("ada", an_availability(), 0, world.now)
    return "ada"


@decides_anew
def hold(
    world: World,
    start: datetime = TEN,
    *,
    customer: str = "jo",
    session: str | None = None,
    plan: Plan = STANDARD,
) -> Booking:
    with Transaction() as tx:
        return service.hold_slot(
            tx,
            mechanic_id="ada",
            session_id=session or f"session-of-{customer}",
            customer_id=customer,
            plan=plan,
            start=start,
            now=world.now,
        )


@decides_anew
def do(part: Callable[..., Any], world: World, ref: BookingRef, **more: Any) -> Any:
    with Transaction() as tx:
        return part(tx, ref, now=world.now, **more)


def begin(world: World, booking: Booking) -> None:
    never = AssertionError("she is there, and free")
    more = {"policy": Policy(), "brand_key": None, "otherwise": lambda _reason: never}
    do(service.begin_booking, world, booking.ref, **more)


def confirm(world: World, booking: Booking) -> Booking:
    confirmed: Booking = do(service.confirm_booking, world, booking.ref)
    return confirmed


def book(world: World, start: datetime = TEN, **more: Any) -> Booking:
    return confirm(world, hold(world, start, **more))


def free(world: World, booking: Booking) -> None:
    do(service.free_booking, world, booking.ref)


def move(world: World, booking: Booking, start: datetime) -> Booking:
    moved: Booking = do(service.move_booking, world, booking.ref, start=start)
    return moved


def slots(world: World, by: str = "anybody", plan: str = "standard") -> list[str]:
    """What Toronto's clocks show, of Thursday."""
    found = service.slots_of("ada", by, plan, world.now, DAY)
    return [f"{slot.start - 4 * ONE_HOUR:%H:%M}" for slot in found]


def buckets() -> list[tuple[str, str]]:
    """Every quarter hour that is in the table, with its session."""
    pages = aws.dynamodb().get_paginator("scan").paginate(TableName="dispatch-test")
    return sorted(
        (item["sk"]["S"][18:23], item["session_id"]["S"])
        for page in pages
        for item in page["Items"]
        if item["sk"]["S"].startswith("BUCKET#")
    )


def taken(world: World) -> list[tuple[datetime, str]]:
    page = service.bookings_of("ada", world.now, 100, None)
    return [(booking.start, booking.session_id) for booking in page.items]


def refused(act: Callable[[], object], reason: str) -> Conflict:
    with pytest.raises(Conflict) as conflict:
        act()
    assert conflict.value.reason == reason
    return conflict.value


ALL = [f"{9 + n // 4:02}:{n % 4 * 15:02}" for n in range(29)]
WITHOUT_TEN = [at for at in ALL if not "09:15" <= at < "11:00"]


# Hold


def test_a_hold_takes_its_quarters_for_a_quarter_of_an_hour(world: World, ada: str) -> None:
    booking = hold(world)
    assert booking.held_until == world.now + QUARTER
    assert buckets() == [(at, "session-of-jo") for at in ("14:00", "14:15", "14:30", "14:45")]
    assert slots(world) == WITHOUT_TEN
    world.clock.advance(minutes=15, milliseconds=-1)
    assert slots(world) == WITHOUT_TEN
    world.clock.advance(milliseconds=1)
    assert slots(world) == ALL


def test_a_hold_never_hides_a_slot_from_its_owner(world: World, ada: str) -> None:
    hold(world)
    assert slots(world, by="jo") == ALL


@pytest.mark.parametrize("minutes", [-45, -30, 0, 15, 45])
def test_of_two_who_want_overlapping_slots_the_first_has_it(
    world: World, ada: str, minutes: int
) -> None:
    hold(world)
    other = TEN + minutes * ONE_MINUTE
    refused(lambda: hold(world, other, customer="al"), "slot_taken")
    assert [session for _, session in buckets()] == ["session-of-jo"] * 4


@pytest.mark.parametrize("minutes", [-60, 60])
def test_neighbours_do_not_overlap(world: World, ada: str, minutes: int) -> None:
    hold(world)
    hold(world, TEN + minutes * ONE_MINUTE, customer="al")
    assert len(buckets()) == 8


def test_who_waits_for_a_hold_to_lapse_gets_the_slot_timer_or_no_timer(
    world: World, ada: str
) -> None:
    first = hold(world)
    world.clock.advance(minutes=15)
    hold(world, TEN + 2 * QUARTER, customer="al")
    assert [session[-2:] for _, session in buckets()] == ["jo", "jo", "al", "al", "al", "al"]
    refused(lambda: confirm(world, first), "slot_taken")
    free(world, first)
    free(world, first)
    assert [session[-2:] for _, session in buckets()] == ["al"] * 4


def test_a_new_hold_of_the_same_customer_takes_the_place_of_the_old(world: World, ada: str) -> None:
    old = hold(world, session="first")
    new = hold(world, TEN + QUARTER, session="second")
    assert buckets() == [(at, "second") for at in ("14:15", "14:30", "14:45", "15:00")]
    assert taken(world) == [(new.start, "second")]
    refused(lambda: confirm(world, old), "slot_taken")
    free(world, old)
    assert len(buckets()) == 4


def test_a_session_may_hold_the_same_again(world: World, ada: str) -> None:
    hold(world)
    world.clock.advance(minutes=5)
    again = hold(world)
    assert again.held_until == world.now + QUARTER
    assert (taken(world), len(buckets())) == ([(TEN, "session-of-jo")], 4)


def test_a_confirmed_booking_is_in_the_way_of_its_customer_too(world: World, ada: str) -> None:
    book(world)
    refused(lambda: hold(world, session="another"), "slot_taken")


@pytest.mark.parametrize(
    "start", [TEN + ONE_MINUTE, TEN - 4 * ONE_HOUR, TEN - ONE_DAY - QUARTER, TEN + 90 * ONE_DAY]
)
def test_what_never_was_a_slot_is_invalid_and_nothing_is_held(
    world: World, ada: str, start: datetime
) -> None:
    with pytest.raises(Invalid) as invalid:
        hold(world, start)
    (error,) = invalid.value.members["errors"]
    assert error["pointer"] == "/scheduled_start"
    assert buckets() == []


def test_of_a_mechanic_who_never_said_anything_nothing_can_be_held(world: World) -> None:
    world.mechanic("ada")
    with pytest.raises(Invalid):
        hold(world)


def test_what_the_availability_does_not_offer_any_more_cannot_be_held(
    world: World, ada: str
) -> None:
    service.replace_availability(ada, an_availability(TORONTO, "13:00-17:00"), 1, world.now)
    with pytest.raises(Invalid):
        hold(world)


# Confirm


def test_a_confirmed_hold_stays(world: World, ada: str) -> None:
    booking = book(world)
    assert (booking.held_until, booking.version) == (None, 2)
    world.clock.advance(hours=1)
    assert slots(world) == WITHOUT_TEN
    assert slots(world, by="jo") == WITHOUT_TEN
    assert confirm(world, booking) == booking


def test_a_hold_that_has_lapsed_cannot_be_confirmed(world: World, ada: str) -> None:
    booking = hold(world)
    world.clock.advance(minutes=15)
    refused(lambda: confirm(world, booking), "slot_taken")


def test_a_booking_that_is_gone_cannot_be_confirmed(world: World, ada: str) -> None:
    booking = hold(world)
    free(world, booking)
    refused(lambda: confirm(world, booking), "slot_taken")


# Free


def test_what_is_freed_can_be_booked_at_once(world: World, ada: str) -> None:
    booking = book(world)
    free(world, booking)
    assert (buckets(), taken(world), slots(world)) == ([], [], ALL)
    assert service.booking_at(booking.ref) is None
    hold(world, customer="al")


def test_freeing_twice_changes_nothing(world: World, ada: str) -> None:
    booking = book(world)
    free(world, booking)
    book(world, customer="al")
    revision = service.calendar_of(ada).revision
    free(world, booking)
    assert service.calendar_of(ada).revision == revision
    assert len(buckets()) == 4


# Move


def test_a_move_takes_the_new_and_frees_the_old(world: World, ada: str) -> None:
    booking = book(world)
    moved = move(world, booking, TEN + 2 * QUARTER)
    assert (moved.start, moved.version) == (TEN + 2 * QUARTER, 3)
    assert [at for at, _ in buckets()] == ["14:30", "14:45", "15:00", "15:15"]
    assert service.booking_at(booking.ref) is None
    assert service.booking_at(moved.ref) == moved
    assert taken(world) == [(moved.start, booking.session_id)]


def test_a_move_to_another_day_frees_all_of_the_old(world: World, ada: str) -> None:
    move(world, book(world), TEN + ONE_DAY)
    assert (slots(world), len(buckets())) == (ALL, 4)


def test_a_move_to_where_it_stands_changes_nothing(world: World, ada: str) -> None:
    booking = book(world)
    revision = service.calendar_of(ada).revision
    assert move(world, booking, TEN) == booking
    assert service.calendar_of(ada).revision == revision


def test_a_move_keeps_a_hold_a_hold(world: World, ada: str) -> None:
    held = hold(world)
    moved = move(world, held, TEN + QUARTER)
    assert moved.held_until == held.held_until
    assert confirm(world, moved).held_until is None


def test_no_move_into_what_another_has_or_what_is_no_slot(world: World, ada: str) -> None:
    booking = book(world)
    book(world, TEN + ONE_HOUR, customer="al")
    before = buckets()
    refused(lambda: move(world, booking, TEN + QUARTER), "slot_taken")
    with pytest.raises(Invalid):
        move(world, booking, TEN - 4 * ONE_HOUR)
    assert buckets() == before
    move(world, booking, TEN - QUARTER)


def test_what_is_gone_or_has_lapsed_cannot_be_moved(world: World, ada: str) -> None:
    gone, lapsed = book(world), hold(world, TEN + ONE_HOUR, customer="al")
    free(world, gone)
    world.clock.advance(minutes=15)
    for booking in (gone, lapsed):
        refused(partial(move, world, booking, TEN + 3 * ONE_HOUR), "slot_taken")


# Begin


def test_what_has_begun_keeps_its_quarters(
    world: World, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.core.table.time.sleep", lambda _seconds: None)
    booking = book(world)
    world.clock.at = TEN
    shifts.clock_in("ada", world.now)
    begin(world, booking)
    with pytest.raises(Busy):
        begin(world, booking)
    begun = service.booking_at(booking.ref)
    assert begun
    assert (begun.has_begun, begun.version) == (True, 3)
    assert len(buckets()) == 4
    free(world, booking)
    with pytest.raises(Busy):
        begin(world, booking)
    assert service.booking_at(booking.ref) is None


# Availability and time off


def test_availability_is_replaced_under_the_version_that_was_read(world: World, ada: str) -> None:
    assert service.calendar_of(ada).version == 1
    refused(
        lambda: service.replace_availability(ada, an_availability("UTC"), 0, world.now),
        "stale_version",
    )
    book(world)
    after = service.replace_availability(ada, an_availability("UTC"), 1, world.now)
    assert (after.version, service.calendar_of(ada).availability) == (2, an_availability("UTC"))
    assert taken(world) == [(TEN, "session-of-jo")]


def test_before_the_first_time_a_calendar_goes_by_the_profile(world: World) -> None:
    world.mechanic("ada", time_zone="America/Vancouver")
    world.mechanic("bo", time_zone="Mars/Base")
    world.mechanic("cy")
    zones = [service.calendar_of(id_).availability.time_zone for id_ in ("ada", "bo", "cy")]
    assert zones == ["America/Vancouver", "UTC", "UTC"]
    assert service.calendar_of("ada").version == 0


def test_without_a_profile_there_is_no_calendar(world: World) -> None:
    for act in (
        lambda: service.calendar_of("nobody"),
        lambda: service.replace_availability("nobody", an_availability(), 0, world.now),
        lambda: service.take_time_off("nobody", TEN, TEN + ONE_HOUR, world.now),
        lambda: service.end_time_off("nobody", "x"),
        lambda: service.bookings_of("nobody", world.now, 10, None),
    ):
        with pytest.raises(NotFound):
            act()


def test_time_off_takes_slots_and_gives_them_back(world: World, ada: str) -> None:
    off = service.take_time_off(ada, TEN, TEN + ONE_HOUR, world.now)
    assert slots(world) == WITHOUT_TEN
    refused(lambda: hold(world), "slot_taken")
    service.end_time_off(ada, off.id)
    assert slots(world) == ALL
    with pytest.raises(NotFound):
        service.end_time_off(ada, off.id)
    assert service.calendar_of(ada).version == 3


def test_no_time_off_where_something_is_booked_or_held(world: World, ada: str) -> None:
    hold(world)
    book(world, TEN + ONE_HOUR, customer="al")
    inside = refused(
        lambda: service.take_time_off(ada, TEN, TEN + ONE_DAY, world.now), "bookings_inside"
    )
    found = [(each["session_id"], each["status"]) for each in inside.members["bookings"]]
    assert found == [("session-of-jo", "held"), ("session-of-al", "confirmed")]
    world.clock.advance(minutes=15)
    service.take_time_off(ada, TEN, TEN + ONE_HOUR, world.now)


def test_time_off_is_limited(world: World, ada: str) -> None:
    with pytest.raises(Invalid, match="is over"):
        service.take_time_off(ada, world.now - ONE_HOUR, world.now, world.now)
    for n in range(rules.MAX_TIME_OFF):
        at = TEN + n * ONE_HOUR
        world.clock.at += ONE_MINUTE  # by hand: more in an hour is beyond the quota
        service.take_time_off(ada, at, at + ONE_MINUTE, world.now)
    with pytest.raises(Invalid, match="too much"):
        service.take_time_off(ada, TEN, TEN + ONE_MINUTE, world.now)
    world.clock.at = TEN + ONE_MINUTE
    service.take_time_off(ada, world.now, TEN + ONE_HOUR, world.now)


def test_time_off_may_begin_in_a_past_that_was_booked(world: World, ada: str) -> None:
    book(world)
    world.clock.at = TEN + 55 * ONE_MINUTE
    service.take_time_off(ada, TEN, TEN + 2 * ONE_HOUR, world.now)


# What meets


def between_read_and_write(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """``act`` happens once, after the next transaction has been decided on."""
    commit = Transaction.commit
    pending = [act]

    def late(tx: Transaction) -> None:
        if pending:
            pending.pop()()
        commit(tx)

    monkeypatch.setattr(Transaction, "commit", late)


def test_a_booking_and_time_off_that_meet_do_not_miss_each_other(
    world: World, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    between_read_and_write(monkeypatch, lambda: hold(world))
    refused(lambda: service.take_time_off(ada, TEN, TEN + ONE_HOUR, world.now), "bookings_inside")
    between_read_and_write(
        monkeypatch, lambda: service.take_time_off(ada, TEN + ONE_HOUR, DAY.end, world.now)
    )
    refused(lambda: hold(world, TEN + ONE_HOUR, customer="al"), "slot_taken")


def test_two_changes_of_the_availability_that_meet_are_one_too_many(
    world: World, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = an_availability("UTC")
    between_read_and_write(
        monkeypatch, lambda: service.replace_availability(ada, other, 1, world.now)
    )
    refused(
        lambda: service.replace_availability(ada, an_availability(), 1, world.now), "stale_version"
    )
    assert service.calendar_of(ada).availability == other


def test_a_booking_that_meets_a_change_of_availability_is_decided_anew(
    world: World, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    afternoons = an_availability(TORONTO, "13:00-17:00")
    between_read_and_write(
        monkeypatch, lambda: service.replace_availability(ada, afternoons, 1, world.now)
    )
    with pytest.raises(Invalid):
        hold(world)


def test_two_who_book_different_slots_at_once_both_get_theirs(
    world: World, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    between_read_and_write(monkeypatch, lambda: hold(world, TEN + ONE_HOUR, customer="al"))
    hold(world)
    assert [session for _, session in taken(world)] == ["session-of-jo", "session-of-al"]


# Whatever happens


def no_overlap(bookings: list[Booking]) -> bool:
    ends = [booking.buffer_end for booking in bookings]
    starts = [booking.start for booking in bookings]
    return all(end <= start for end, start in zip(ends, starts[1:], strict=False))


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_the_quarters_are_those_of_the_bookings(
    world: World, ada: str, seed: int
) -> None:
    """Random holds, moves, frees, time off and the passing of time."""
    dice = random.Random(seed)
    known: list[Booking] = []
    for step in range(120):
        start = TEN + dice.randrange(-4, 24) * QUARTER
        with suppress(Conflict, Invalid):
            match dice.choice(["hold", "hold", "confirm", "free", "move", "off", "wait"]):
                case "hold":
                    plan = dice.choice([FREE, QUICK, STANDARD, DIAGNOSTIC])
                    customer = dice.choice(["a", "b", "c", "d"])
                    known.append(
                        hold(world, start, customer=customer, session=f"s{step}", plan=plan)
                    )
                case "confirm" if known:
                    known.append(confirm(world, dice.choice(known)))
                case "free" if known:
                    free(world, known.pop(dice.randrange(len(known))))
                case "move" if known:
                    known.append(move(world, dice.choice(known), start))
                case "off":
                    off = service.take_time_off(ada, start, start + QUARTER, world.now)
                    if dice.random() < 0.7:
                        service.end_time_off(ada, off.id)
                case _:
                    world.clock.advance(minutes=dice.randrange(10))
        live = service.bookings_of(ada, world.now, 100, None).items
        assert no_overlap(live)
        owner = {
            f"{at:%H:%M}": booking.session_id
            for booking in live
            for at in rules.buckets(booking.start, booking.buffer_end)
        }
        assert owner.items() <= dict(buckets()).items()
        for off in service.calendar_of(ada).time_off:
            assert not rules.overlapping(live, off.start, off.end)


# Lists


def test_bookings_are_listed_earliest_first_until_they_are_over(world: World, ada: str) -> None:
    for n, customer in enumerate("abcde"):
        book(world, TEN + (4 - n) * ONE_HOUR, customer=customer)
    hold(world, TEN - ONE_HOUR, customer="lapses")
    world.clock.advance(minutes=15)
    first = service.bookings_of(ada, world.now, 2, None)
    second = service.bookings_of(ada, world.now, 3, first.cursor)
    sessions = [booking.session_id[-1] for booking in first.items + second.items]
    assert (sessions, first.time_zone) == (list("edcba"), TORONTO)
    rest = service.bookings_of(ada, world.now, 3, second.cursor) if second.cursor else None
    assert rest is None or rest.items == []
    world.clock.at = TEN + 45 * ONE_MINUTE
    assert len(service.bookings_of(ada, world.now, 10, None).items) == 4


# What it costs


class Calls:
    """Counts what the table is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = Counter[str]()
        table = aws.dynamodb()
        for name in ("get_item", "query", "batch_get_item", "transact_write_items"):
            monkeypatch.setattr(table, name, self._counting(name, getattr(table, name)))

    def _counting(self, name: str, call: Any) -> Any:
        def counted(**request: Any) -> Any:
            self.made[name] += 1
            return call(**request)

        return counted

    def of(self, act: Callable[[], object]) -> dict[str, int]:
        self.made.clear()
        act()
        return dict(self.made)


@pytest.fixture
def calls(world: World, ada: str, monkeypatch: pytest.MonkeyPatch) -> Calls:
    slots(world)  # the policy is known
    return Calls(monkeypatch)


def test_slots_cost_two_gets_and_one_query_however_much_is_booked(
    world: World, calls: Calls
) -> None:
    """The mechanic's profile, what they said, and what is booked."""
    wide = Span(world.now, world.now + 31 * ONE_DAY)

    def ask() -> None:
        service.slots_of("ada", "jo", "quick", world.now, wide)

    assert calls.of(ask) == {"get_item": 2, "query": 1}
    for n in range(40):
        at = TEN + n // 8 * ONE_DAY + n % 8 * ONE_HOUR - ONE_HOUR
        with suppress(Conflict, Invalid):
            book(world, at, customer=f"c{n}")
    assert calls.of(ask) == {"get_item": 2, "query": 1}


@pytest.mark.parametrize("years", [-20, 1, 20])
def test_slots_of_another_age_cost_no_query(world: World, calls: Calls, years: int) -> None:
    start = TEN + years * 365 * ONE_DAY
    found = list[object]()
    cost = calls.of(
        lambda: found.extend(
            service.slots_of("ada", "jo", "quick", world.now, Span(start, start + ONE_DAY))
        )
    )
    assert (found, cost) == ([], {"get_item": 2})


def test_the_next_slots_of_a_page_cost_one_read_and_a_query_each(
    world: World, calls: Calls
) -> None:
    for id_ in ("bo", "cy"):
        world.mechanic(id_)
    service.replace_availability("cy", an_availability("UTC"), 0, world.now)
    ids = ["ada", "bo", "cy", "nobody"]
    found = dict[str, datetime]()

    def ask() -> None:
        found.update(service.next_slot_of(ids, STANDARD, world.now))

    assert calls.of(ask) == {"batch_get_item": 1, "query": 2}
    assert found == {"ada": world.now + 2 * ONE_HOUR, "cy": world.now + 2 * ONE_HOUR}
    book(world, world.now + 2 * ONE_HOUR)
    ask()
    assert found["ada"] == world.now + 3 * ONE_HOUR


def test_where_a_week_is_booked_out_the_next_slot_is_looked_for_behind_it(
    world: World, calls: Calls
) -> None:
    hour = an_availability(TORONTO, "10:00-11:00")
    service.replace_availability("ada", hour, 1, world.now)
    for n in range(-1, 9):
        book(world, TEN + n * ONE_DAY, customer=f"c{n}")
    found = dict[str, datetime]()
    cost = calls.of(lambda: found.update(service.next_slot_of(["ada"], DIAGNOSTIC, world.now)))
    assert (found, cost) == ({}, {"batch_get_item": 1})
    cost = calls.of(lambda: found.update(service.next_slot_of(["ada"], STANDARD, world.now)))
    assert (found, cost) == ({"ada": TEN + 9 * ONE_DAY}, {"batch_get_item": 1, "query": 2})


def test_a_hold_costs_a_get_and_a_query_and_its_transaction(world: World, calls: Calls) -> None:
    cost = calls.of(lambda: hold(world))
    assert cost == {"get_item": 1, "query": 1, "transact_write_items": 1}


# What is not kept for ever


def test_holds_are_forgotten_soon_and_bookings_after_a_month(world: World, ada: str) -> None:
    def expiry() -> set[datetime]:
        pages = aws.dynamodb().get_paginator("scan").paginate(TableName="dispatch-test")
        return {
            datetime.fromtimestamp(int(item["expires_ttl"]["N"]), tz=TEN.tzinfo)
            for page in pages
            for item in page["Items"]
            if item["pk"]["S"] == "CALENDAR#ada" and "expires_ttl" in item
        }

    booking = hold(world)
    assert booking.held_until
    assert expiry() == {booking.held_until + store.LAPSED_KEPT}
    confirm(world, booking)
    assert expiry() == {booking.buffer_end + store.BOOKINGS_KEPT}
