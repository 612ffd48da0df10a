"""Booked sessions: from the slot to the start, which makes sessions like any other of them."""

from datetime import datetime

from dispatch.calendar import service as calendar
from dispatch.calendar.model import BookingRef
from dispatch.core.errors import Invalid, StaleVersion
from dispatch.core.events import Event, EventType
from dispatch.core.logging import MetricUnit, metrics
from dispatch.core.table import Transaction
from dispatch.core.time import format_time
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic, Unavailable
from dispatch.offers import service as offers
from dispatch.policy.model import Plan, Policy
from dispatch.sessions import facts, rules, store
from dispatch.sessions.model import ACTIVE, AWAITING, Reminder, Session, Status


def ref_of(session: Session) -> BookingRef | None:
    """Its place in the mechanic's calendar, as long as that is kept for it."""
    is_kept = session.status in AWAITING or session.status is Status.SCHEDULED
    if session.scheduled_start is None or not is_kept:
        return None
    return _ref(session)


def _ref(session: Session) -> BookingRef:
    assert session.preferred_mechanic_id is not None, "a slot is somebody's"
    return BookingRef(session.preferred_mechanic_id, session.id, rules.start_of(session))


# Parts of other use cases' transactions


def open_search(tx: Transaction, pending: Session, policy: Policy, now: datetime) -> None:
    """The session has become pending for the first time: signed, paid for, or not begun."""
    assert pending.pending_until is not None, "set when it became pending"
    offers.open_dispatch(
        tx,
        rules.brief(pending),
        rules.wanted(pending),
        customer_id=pending.customer_id,
        preferred_id=pending.preferred_mechanic_id,
        policy=policy,
        now=now,
        until=pending.pending_until,
    )
    tx.record(facts.pending(pending, now))


def check_mechanic(mechanic: Mechanic, session: Session, policy: Policy, now: datetime) -> None:
    """Only whoever may be matched can be booked, brand included. Raises Invalid."""
    brand_key = rules.wanted(session).brand_key
    if not mechanics.is_eligible(mechanic, policy, now, brand_key):
        raise Invalid.field("/preferred_mechanic_id", "does not take sessions like yours")


def hold(tx: Transaction, session: Session, plan: Plan, start: datetime, now: datetime) -> Session:
    """The session with the slot that is held for it. Raises Invalid, Conflict ``slot_taken``."""
    assert session.preferred_mechanic_id is not None, "a slot is somebody's"
    booking = calendar.hold_slot(
        tx,
        mechanic_id=session.preferred_mechanic_id,
        session_id=session.id,
        customer_id=session.customer_id,
        plan=plan,
        start=start,
        now=now,
    )
    assert booking.held_until is not None, "it is not signed yet"
    return rules.with_slot(session, booking.start, booking.end, booking.held_until)


def go_ahead(tx: Transaction, session: Session, policy: Policy, now: datetime) -> None:
    """Signed, and paid for if it has to be: the search begins, or the slot is booked."""
    if session.status is Status.SCHEDULED:
        confirm(tx, session, now)
    elif session.status is Status.PENDING:
        open_search(tx, session, policy, now)


def confirm(tx: Transaction, signed: Session, now: datetime) -> None:
    """Signed and paid for: the slot is booked, and the customer free for others until it starts."""
    store.unlock(tx, signed)
    calendar.confirm_booking(tx, _ref(signed), now)
    tx.record(facts.event(EventType.SESSION_SCHEDULED, signed, now, **facts.booked(signed, now)))


def move(
    tx: Transaction, session: Session, start: datetime, policy: Policy, now: datetime
) -> Session:
    """The session in another slot; the old one is free. Raises as ``hold``."""
    mechanic = mechanics.get(session.mechanic_id or "")
    brand_key = rules.wanted(session).brand_key
    if mechanic is None or not mechanics.is_eligible(mechanic, policy, now, brand_key):
        why = "is no slot any more: this mechanic does not take sessions like yours"
        raise Invalid.field("/scheduled_start", why)
    booking = calendar.move_booking(tx, _ref(session), start=start, now=now)
    moved = rules.reschedule(session, booking.start, booking.end, now)
    before = {"previous_start": _start_time(session)}
    booked = facts.booked(moved, now)
    tx.record(facts.event(EventType.SESSION_RESCHEDULED, moved, now, **booked, **before))
    return moved


def clash_of(live: Session, now: datetime) -> Event | None:
    """The warning of a session that has just begun and may last into its mechanic's next booking.

    What is further off than the last reminder is warned of with that.
    """
    assert live.mechanic_id is not None, "a live session has both"
    assert live.ends_by is not None, "and an end"
    mechanic = mechanics.get(live.mechanic_id)
    start = mechanic.duty.next_booking_at if mechanic else None
    if start is None or start >= live.ends_by or rules.remind_at(start)[Reminder.QUARTER] > now:
        return None
    about = {"mechanic_id": live.mechanic_id, "scheduled_start": format_time(start)}
    return facts.event(EventType.BOOKING_CLASH, live, now, **about)


# Moves of the clock


def make_move(session: Session, policy: Policy, now: datetime) -> bool:
    """Do what is due for a scheduled session; answers whether anything was.

    Before its start reminders. At its start it begins, if both sides are to be had. Who is not is
    waited for: a mechanic is called for 5 minutes, then others are asked; a customer who has
    another session has 10 minutes (domain.md, Calendar).
    """
    if now >= rules.start_of(session):
        return _start(session, policy, now)
    reminder = rules.reminder_due(session, now)
    if reminder is None:
        return False
    _remind(session, reminder, now)
    return True


def _remind(session: Session, reminder: Reminder, now: datetime) -> None:
    clashes = _clashes(session, now) if reminder is Reminder.QUARTER else []
    reminded = rules.remind(session, now)
    start = {"mechanic_id": session.mechanic_id, "scheduled_start": _start_time(session)}
    with Transaction() as tx:
        store.put(tx, reminded)
        tx.record(facts.event(EventType.SESSION_REMINDER, session, now, ahead=reminder, **start))
        for live in clashes:
            tx.record(facts.event(EventType.BOOKING_CLASH, live, now, **start))


def _clashes(session: Session, now: datetime) -> list[Session]:
    """Live sessions of the mechanic that may last into this booking."""
    assert session.mechanic_id is not None, "set when it was scheduled"
    start = rules.start_of(session)
    in_hand = offers.in_hand(session.mechanic_id)
    found = (store.find(session_id) for session_id in in_hand)
    return [
        live
        for live in found
        if live and live.status is Status.LIVE and live.ends_by and live.ends_by > start > now
    ]


def _start(session: Session, policy: Policy, now: datetime) -> bool:
    assert session.mechanic_id is not None, "set when it was scheduled"
    mechanic = mechanics.get(session.mechanic_id)
    brand = rules.wanted(session).brand_key
    why_not = mechanics.why_not_available(mechanic, policy, now, brand)
    if _is_customer_elsewhere(session):
        grace_ends = rules.elsewhere_grace_ends(session, policy)
        if now >= grace_ends:
            _miss_customer(session, grace_ends, now)
            return True
        return _delay(session, grace_ends, now, why_not, customer_elsewhere=True)
    if mechanic and why_not is None:
        _begin(session, mechanic, policy, now)
        return True
    grace_ends = rules.start_grace_ends(session, policy)
    if now >= grace_ends:
        _seek(session, policy, now)
        return True
    return _delay(session, grace_ends, now, why_not, customer_elsewhere=False)


def _is_customer_elsewhere(session: Session) -> bool:
    """Whether the customer has an active session, of which what is over was written down.

    Another booking whose start has come, and whose mechanic is called, is one as well.
    """
    active_id = store.active_session_id(session.customer_id)
    active = store.find(active_id) if active_id and active_id != session.id else None
    return active is not None and (active.status in ACTIVE or active.status is Status.SCHEDULED)


def _delay(
    session: Session,
    until: datetime,
    now: datetime,
    why_not: Unavailable | None,
    *,
    customer_elsewhere: bool,
) -> bool:
    if session.delayed_until == until:
        return False
    with Transaction() as tx:
        store.put(tx, rules.delay(session, until))
        if not customer_elsewhere:  # its start has come: from now on it is the customer's one
            store.lock(tx, session, otherwise=_decide_anew)
        tx.record(
            facts.event(
                EventType.BOOKING_DELAYED,
                session,
                now,
                mechanic_id=session.mechanic_id,
                scheduled_start=_start_time(session),
                mechanic_called=why_not is not None,
                customer_elsewhere=customer_elsewhere,
                delayed_until=format_time(until),
            )
        )
    return True


def _begin(session: Session, mechanic: Mechanic, policy: Policy, now: datetime) -> None:
    """The mechanic has it, and both sides are to join."""
    row = offers.booked_row(rules.brief(session), rules.wanted(session), mechanic, policy, now)
    begun = rules.begin(session, policy, assignment_id=row.id, now=now)
    assert begun.mechanic_due_by is not None, "set as by an accept"
    with Transaction() as tx:
        store.lock(tx, begun, otherwise=_decide_anew)
        store.put(tx, begun)
        offers.assign(tx, row, customer_id=session.customer_id, policy=policy, now=now)
        calendar.begin_booking(
            tx,
            _ref(session),
            policy=policy,
            brand_key=row.wanted.brand_key,
            now=now,
            otherwise=_decide_anew,
        )
        tx.record(
            facts.event(
                EventType.BOOKING_BEGAN,
                begun,
                now,
                mechanic_id=mechanic.id,
                assignment_id=row.id,
                mechanic_due_by=format_time(begun.mechanic_due_by),
            )
        )
    metrics.add_metric("BookingsBegun", MetricUnit.Count, 1)


def _seek(session: Session, policy: Policy, now: datetime) -> None:
    """Others are asked; whoever was booked first of all, should they be there by now."""
    sought = rules.seek(session, policy, now)
    with Transaction() as tx:
        store.lock(tx, sought, otherwise=_decide_anew)
        store.put(tx, sought)
        calendar.free_booking(tx, _ref(session), now)
        open_search(tx, sought, policy, now)
    metrics.add_metric("BookingsUnkept", MetricUnit.Count, 1)


def _miss_customer(session: Session, at: datetime, now: datetime) -> None:
    with Transaction() as tx:
        store.put(tx, rules.miss_customer(session, at))
        calendar.free_booking(tx, _ref(session), now)
        tx.record(
            facts.event(
                EventType.CUSTOMER_NOT_JOINED,
                session,
                now,
                mechanic_id=session.mechanic_id,
                assignment_id=None,
            )
        )
    metrics.add_metric("CustomersNotJoined", MetricUnit.Count, 1)


def _decide_anew(_why: object) -> StaleVersion:
    return StaleVersion()


def _start_time(session: Session) -> str:
    return format_time(rules.start_of(session))
