"""Use cases of the calendar: when mechanics work, which slots there are, and who has them.

Sessions book through the functions that take a transaction: each adds its clauses to the session's.
All stand under the calendar's revision, so that time off, bookings and the next booking always
agree; where something else has changed meanwhile, the use case is to decide anew
(``decides_anew``).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatch.calendar import rules, store
from dispatch.calendar.model import (
    QUARTER,
    Availability,
    Booking,
    BookingRef,
    Calendar,
    Slot,
    Span,
    TimeOff,
)
from dispatch.core.errors import Conflict, Invalid, NotFound, StaleVersion
from dispatch.core.idempotency import Once
from dispatch.core.ids import new_id
from dispatch.core.table import Item, Transaction, decides_anew
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic
from dispatch.policy import service as policies
from dispatch.policy.model import Plan, Policy
from dispatch.quotas import service as quotas
from dispatch.quotas.model import Action

# Parts of other use cases' transactions


@dataclass(frozen=True, slots=True)
class _Book:
    """A calendar and all its bookings that are not over, as they were read."""

    calendar: Calendar
    bookings: list[Booking]

    @classmethod
    def read(cls, mechanic_id: str, now: datetime) -> "_Book":
        # In this order: what changes in between shows in the revision.
        calendar = store.find(mechanic_id) or Calendar(mechanic_id=mechanic_id)
        return cls(calendar, store.bookings(mechanic_id, now - rules.LOOKED_BACK))

    def find(self, ref: BookingRef) -> Booking | None:
        """Read by its key where it is longer ago than what is looked at."""
        found = (booking for booking in self.bookings if booking.ref == ref)
        return next(found, None) or store.find_booking(ref)

    def next_booking_at(
        self, now: datetime, *, without: Collection[Booking] = (), plus: Booking | None = None
    ) -> datetime | None:
        """The mechanic's next booking once these are gone, and that one has come."""
        others = [booking for booking in self.bookings if booking not in without]
        return rules.next_booking_at([*others, plus] if plus else others, now)


def hold_slot(
    tx: Transaction,
    *,
    mechanic_id: str,
    session_id: str,
    customer_id: str,
    plan: Plan,
    start: datetime,
    now: datetime,
) -> Booking:
    """Keep a slot for a session that is yet to be signed and paid for: for 15 minutes (policy).

    Its deadline is the booking's ``held_until``; whoever is later finds the slot free, timer or no
    timer. A hold of the same customer is not in the way, and gives way.

    Raises Invalid (``/scheduled_start``) for a start that never was a slot: no quarter of an hour,
    too soon, too far ahead, outside the mechanic's hours. Raises Conflict ``slot_taken`` for one
    that is no more. On commit: Conflict ``slot_taken``, StaleVersion, Invalid
    (``/preferred_mechanic_id``) for a mechanic who may not be matched.
    """
    policy = policies.current(now)
    book = _Book.read(mechanic_id, now)
    others = rules.taken(book.bookings, now, but_for_customer=customer_id)
    rules.check_slot(book.calendar, others, plan.minutes, policy, now, start)
    booking = rules.hold(
        mechanic_id=mechanic_id,
        session_id=session_id,
        customer_id=customer_id,
        plan=plan,
        start=start,
        policy=policy,
        now=now,
    )
    given_way = [
        b
        for b in rules.overlapping(book.bookings, booking.start, booking.buffer_end)
        if b.customer_id == customer_id
    ]
    _take(tx, booking, now)
    for hold in given_way:
        _release(tx, hold, but_for=booking)
    store.put_booking(tx, booking)
    store.touch(tx, book.calendar)
    next_booking_at = book.next_booking_at(now, without=given_way, plus=booking)
    mechanics.put_new_booking(
        tx, mechanic_id, next_booking_at, policy=policy, now=now, otherwise=_not_eligible
    )
    return booking


def _not_eligible(_mechanic: Item | None) -> Invalid:
    return Invalid.field("/preferred_mechanic_id", "cannot be booked now")


def confirm_booking(tx: Transaction, booking_ref: BookingRef, now: datetime) -> Booking:
    """The hold becomes a booking: its session is signed and paid for.

    What is confirmed already stays as it is. Raises Conflict ``slot_taken`` where the hold has
    lapsed or is gone. On commit: Conflict ``slot_taken``, StaleVersion.
    """
    book = _Book.read(booking_ref.mechanic_id, now)
    hold = book.find(booking_ref)
    if hold is None:
        raise rules.slot_taken()
    if hold.held_until is None:
        return hold
    booking = rules.confirm(hold, now)
    for at in rules.buckets(booking.start, booking.buffer_end):
        store.confirm_bucket(tx, booking, at, _is_taken)
    store.put_booking(tx, booking)
    store.touch(tx, book.calendar)
    next_booking_at = book.next_booking_at(now, without=[hold], plus=booking)
    mechanics.put_next_booking(tx, booking.mechanic_id, next_booking_at, now)
    return booking


def free_booking(tx: Transaction, booking_ref: BookingRef, now: datetime) -> None:
    """The session is off: what it had of the calendar is free again.

    Of a hold that has lapsed, nothing that somebody else has taken since. What is free or over
    already stays as it is. On commit: StaleVersion.
    """
    book = _Book.read(booking_ref.mechanic_id, now)
    booking = book.find(booking_ref)
    if booking is None:
        return
    _release(tx, booking)
    store.touch(tx, book.calendar)
    if not booking.has_begun:
        next_booking_at = book.next_booking_at(now, without=[booking])
        mechanics.put_next_booking(tx, booking.mechanic_id, next_booking_at, now)


def move_booking(
    tx: Transaction, booking_ref: BookingRef, *, start: datetime, now: datetime
) -> Booking:
    """The session is to start at another time: that is taken, and the old one free.

    The new start is to be a slot like any other, but that its own quarter hours are not in the way.
    Moved to where it stands, it stays as it is, in the version it has. Raises Conflict
    ``slot_taken`` where the booking is gone; else as ``hold_slot``.
    """
    policy = policies.current(now)
    book = _Book.read(booking_ref.mechanic_id, now)
    booking = book.find(booking_ref)
    if booking is None or not rules.is_live(booking, now):
        raise rules.slot_taken()
    if start == booking.start:
        return booking
    others = [b for b in rules.taken(book.bookings, now) if b is not booking]
    rules.check_slot(book.calendar, others, booking.minutes, policy, now, start)
    moved = rules.move(booking, start, policy)
    _take(tx, moved, now)
    _release(tx, booking, but_for=moved)
    store.put_booking(tx, moved)
    store.touch(tx, book.calendar)
    next_booking_at = book.next_booking_at(now, without=[booking], plus=moved)
    mechanics.put_next_booking(tx, moved.mechanic_id, next_booking_at, now)
    return moved


def begin_booking(
    tx: Transaction,
    booking_ref: BookingRef,
    *,
    policy: Policy,
    brand_key: str | None,
    now: datetime,
    otherwise: mechanics.Refuse,
) -> None:
    """The mechanic takes their booking, at its start: it no longer is their next.

    Its quarter hours stay taken. The mechanic's load is taken in the same clause (a transaction may
    touch their item only once), whatever else they have booked: nothing else overlaps.

    Raises StaleVersion where it has begun or is gone: decide anew. On commit: what ``otherwise``
    makes of the reason why the mechanic cannot, StaleVersion.
    """
    book = _Book.read(booking_ref.mechanic_id, now)
    booking = book.find(booking_ref)
    if booking is None or booking.has_begun:
        raise StaleVersion
    mechanics.take_load_of_booking(
        tx,
        booking.mechanic_id,
        policy=policy,
        brand_key=brand_key,
        next_booking_at=_begin(tx, book, booking, now),
        now=now,
        otherwise=otherwise,
    )


def _begin(tx: Transaction, book: _Book, booking: Booking, now: datetime) -> datetime | None:
    """Answers with what is the mechanic's next booking from now on."""
    store.put_booking(tx, rules.begin(booking))
    store.touch(tx, book.calendar)
    return book.next_booking_at(now, without=[booking])


def _take(tx: Transaction, booking: Booking, now: datetime) -> None:
    for at in rules.buckets(booking.start, booking.buffer_end):
        store.take_bucket(tx, booking, at, now, _is_taken)


def _release(tx: Transaction, booking: Booking, *, but_for: Booking | None = None) -> None:
    """The booking, and of its quarter hours those that ``but_for`` does not have from now on."""
    kept = rules.buckets(but_for.start, but_for.buffer_end) if but_for else []
    for at in store.own_buckets(booking):
        if at not in kept:
            store.free_bucket(tx, booking, at)
    if but_for is None or but_for.ref != booking.ref:
        store.drop_booking(tx, booking)


def _is_taken(_bucket: Item | None) -> Conflict:
    return rules.slot_taken()


# What a mechanic says


def calendar_of(mechanic_id: str) -> Calendar:
    """What they have said; before the first time nothing, by the clock of their profile's zone.

    Raises NotFound without a profile.
    """
    return _calendar_of(mechanics.existing(mechanic_id))


def _calendar_of(mechanic: Mechanic) -> Calendar:
    calendar = store.find(mechanic.id)
    if calendar:
        return calendar
    zone = mechanic.profile.time_zone
    availability = Availability(time_zone=zone if zone and rules.find_zone(zone) else "UTC")
    return Calendar(mechanic_id=mechanic.id, availability=availability)


@decides_anew
def replace_availability(
    mechanic_id: str, availability: Availability, version: int, now: datetime
) -> Calendar:
    """Zone, weekly blocks and overrides anew, as a whole. What is booked stays booked.

    A profile is the more complete for weekly blocks. Raises NotFound without a profile, Conflict
    ``stale_version`` unless ``version`` is the one in force, Invalid with a pointer to each block
    that overlaps another, QuotaExceeded.
    """
    mechanic = mechanics.existing(mechanic_id)
    after = rules.with_availability(_calendar_of(mechanic), availability, version)
    with Transaction() as tx:
        quotas.count(tx, Action.EDIT, mechanic_id, now)
        store.put(tx, after)
        mechanics.put_weekly_hours(tx, mechanic, now, has_hours=bool(availability.weekly))
    return after


def forget(user_id: str) -> None:
    """Who only asked to be a mechanic works at no time; nobody has booked. Twice is once."""
    with Transaction() as tx:
        store.forget(tx, user_id)


@decides_anew
def take_time_off(
    mechanic_id: str, start: datetime, end: datetime, now: datetime, once: Once | None = None
) -> TimeOff:
    """Nothing can be booked in that time. Raises NotFound without a profile, Invalid for a time
    that is over or too much of it, Conflict ``bookings_inside``, QuotaExceeded.
    """
    calendar = calendar_of(mechanic_id)
    time_off = TimeOff(new_id(now), start, end)
    booked = store.bookings(mechanic_id, start, end)
    after = rules.with_time_off(calendar, time_off, booked, now)
    with Transaction() as tx:
        if once:
            once.remember(tx, time_off, now)
        quotas.count(tx, Action.EDIT, mechanic_id, now)
        store.put(tx, after)
    return time_off


@decides_anew
def end_time_off(mechanic_id: str, time_off_id: str) -> None:
    """They work then, as always. Raises NotFound."""
    after = rules.without_time_off(calendar_of(mechanic_id), time_off_id)
    if after is None:
        raise NotFound("There is no such time off of yours.")
    with Transaction() as tx:
        store.put(tx, after)


# Reads


@dataclass(frozen=True, slots=True)
class Bookings:
    """``time_zone`` is that of the mechanic."""

    items: list[Booking]
    time_zone: str
    cursor: str | None


def bookings_of(mechanic_id: str, now: datetime, limit: int, cursor: str | None) -> Bookings:
    """A mechanic's bookings and holds that have not begun, earliest first."""
    found: list[Booking] = []
    while True:
        page = store.bookings_page(mechanic_id, now, limit - len(found), cursor)
        found += [
            booking
            for booking in rules.taken(store.bookings_of(page), now)
            if booking.end > now and not booking.has_begun
        ]
        cursor = page.cursor
        if cursor is None or len(found) == limit:
            calendar = calendar_of(mechanic_id)
            return Bookings(found, calendar.availability.time_zone, cursor)


def slots_of(mechanic_id: str, by: str, plan_id: str, now: datetime, stretch: Span) -> list[Slot]:
    """The slots of a mechanic that start within the stretch, as this caller may book them.

    None of one who may not be matched. Costs a get and a query, however much is booked. Raises
    NotFound for a mechanic whom the caller may not see, Invalid for an unknown plan.
    """
    policy = policies.current(now)
    plan = policy.plan(plan_id)
    if plan is None:
        known = ", ".join(plan.id for plan in policy.plans)
        raise Invalid.field("/plan", f"is not a plan; use one of {known}")
    mechanic = mechanics.profile_for(mechanic_id, by=by)
    calendar = store.find(mechanic_id)
    if calendar is None or not mechanics.is_eligible(mechanic, policy, now, brand_key=None):
        return []
    start, end = max(stretch.start, now), min(stretch.end, rules.horizon(policy, now) + QUARTER)
    if start >= end:
        return []
    booked = store.bookings(mechanic_id, start, end + rules.length(plan.minutes, policy))
    return list(
        rules.slots(
            calendar,
            rules.taken(booked, now, but_for_customer=by),
            plan.minutes,
            policy,
            now,
            start=start,
            end=end,
        )
    )


_SOON = timedelta(days=7)


def next_slot_of(
    mechanic_ids: Iterable[str], plan: Plan, now: datetime, *, by: str | None = None
) -> dict[str, datetime]:
    """When the next slot starts, of each of these mechanics (at most a hundred) who has one.

    As ``by`` may book it: a hold of their own is not in the way. Asks neither who may see them nor
    whether they are eligible. Costs one read of all calendars and, for each that has any hours
    ahead, a query of a week; where that is booked out, another.
    """
    policy = policies.current(now)
    found = {}
    for calendar in store.find_many(mechanic_ids):
        if at := _next_slot(calendar, plan, policy, now, by):
            found[calendar.mechanic_id] = at
    return found


def _next_slot(
    calendar: Calendar, plan: Plan, policy: Policy, now: datetime, by: str | None
) -> datetime | None:
    end = rules.horizon(policy, now) + QUARTER

    def first(start: datetime, end: datetime, booked: Iterable[Booking]) -> datetime | None:
        in_the_way = rules.taken(booked, now, but_for_customer=by)
        found = rules.slots(calendar, in_the_way, plan.minutes, policy, now, start=start, end=end)
        return next((slot.start for slot in found), None)

    start = first(now, end, ())
    if start is None:
        return None
    soon = min(start + _SOON, end)
    for since, until in ((start, soon), (soon, end)):
        behind = until + rules.length(plan.minutes, policy)
        booked = store.bookings(calendar.mechanic_id, since, behind)
        if at := first(since, until, booked):
            return at
    return None


def sessions_to_begin(mechanic_id: str, now: datetime) -> list[str]:
    """Ids of the sessions whose start has come and has not been dealt with."""
    return [
        booking.session_id
        for booking in store.bookings(mechanic_id, now - rules.LOOKED_BACK, now + QUARTER)
        if booking.start <= now and booking.held_until is None and not booking.has_begun
    ]


def booking_at(booking_ref: BookingRef) -> Booking | None:
    """The booking as it is now; None where it was moved, freed or never there."""
    return store.find_booking(booking_ref)
