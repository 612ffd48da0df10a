"""Clocking in and out: presence, the shift log and the fact in one transaction."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dispatch.core.errors import Conflict, NotFound
from dispatch.core.events import Event, EventType
from dispatch.core.idempotency import Once
from dispatch.core.ids import new_id
from dispatch.core.table import Transaction, decides_anew
from dispatch.core.time import format_time
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic
from dispatch.offers import service as offers
from dispatch.offers.model import Tally
from dispatch.policy import service as policies
from dispatch.shifts import rules, store
from dispatch.shifts.model import Cause, ClockAction, Shift


@dataclass(frozen=True, slots=True)
class ClockState:
    """A mechanic's presence and load, with the current shift if there is one.

    ``closing``: no new offers, and the shift ends with the session in hand.
    """

    currently_on_shift: bool
    load: int
    shift: Shift | None
    closing: bool = False


def _event(type_: EventType, shift: Shift, now: datetime, **facts: Any) -> Event:
    ids = {"mechanic_id": shift.mechanic_id, "shift_id": shift.id}
    return Event(type_, store.subject(shift.mechanic_id), now, ids | facts)


def punch_clock(
    action: ClockAction,
    mechanic_id: str,
    now: datetime,
    *,
    location: str | None = None,
    notes: str | None = None,
    finish: bool = False,
    once: Once | None = None,
) -> ClockState:
    """Clock in or out. Raises NotFound, or Conflict where that is what the mechanic has done.

    A shift that has lasted as long as one may has ended by that first.
    """
    if (mechanic := mechanics.get(mechanic_id)) and mechanic.shift_id:
        end_overdue_shift(mechanic_id, mechanic.shift_id, now)
    if action is ClockAction.CLOCK_IN:
        return clock_in(mechanic_id, now, location=location, notes=notes, once=once)
    return clock_out(mechanic_id, now, notes=notes, finish=finish, once=once)


@decides_anew
def clock_in(
    mechanic_id: str,
    now: datetime,
    *,
    location: str | None = None,
    notes: str | None = None,
    once: Once | None = None,
) -> ClockState:
    """Open a shift. Raises NotFound without a profile, Conflict ``not_eligible`` for whoever is not
    approved, Conflict ``already_clocked_in``."""
    _refuse(rules.why_not_clock_in(_mechanic(mechanic_id)))
    policy = policies.current(now)
    shift = rules.opened(new_id(now), mechanic_id, policy, now, location=location, notes=notes)
    state = ClockState(currently_on_shift=True, load=0, shift=shift)
    with Transaction() as tx:
        if once:
            once.remember(tx, state, now)
        mechanics.go_on_shift(tx, mechanic_id, shift.id, now, shift.closes_at)
        store.put(tx, shift)
        closes_at = format_time(shift.closes_at)
        tx.record(_event(EventType.MECHANIC_CLOCKED_IN, shift, now, closes_at=closes_at))
    return state


@decides_anew
def clock_out(
    mechanic_id: str,
    now: datetime,
    *,
    notes: str | None = None,
    finish: bool = False,
    once: Once | None = None,
) -> ClockState:
    """Close the shift; ``finish``: with the session in hand, if there is one.

    Raises NotFound, Conflict ``not_clocked_in`` or ``has_load``.
    """
    mechanic = _mechanic(mechanic_id)
    _refuse(rules.why_not_clock_out(mechanic, finish=finish))
    if mechanic.duty.load > 0:
        return _close_with_session(mechanic, Cause.FINISHED, now, notes=notes, once=once)
    return _clock_out(mechanic, Cause.SELF, now, notes=notes, once=once)


def _clock_out(
    mechanic: Mechanic,
    cause: Cause,
    now: datetime,
    *,
    ended_at: datetime | None = None,
    notes: str | None = None,
    once: Once | None = None,
) -> ClockState:
    shift = _closed_shift_of(mechanic, cause, ended_at or now, notes)
    state = ClockState(currently_on_shift=False, load=0, shift=shift)
    with Transaction() as tx:
        if once:
            once.remember(tx, state, now)
        mechanics.go_off_shift(tx, mechanic.id, shift.id, now)
        store.put(tx, shift)
        tx.record(_event(EventType.MECHANIC_CLOCKED_OUT, shift, now, cause=cause))
    return state


def _close_with_session(
    mechanic: Mechanic,
    cause: Cause,
    now: datetime,
    *,
    notes: str | None = None,
    once: Once | None = None,
) -> ClockState:
    """No new offers from now on. A shift that is closing already stays so."""
    shift = _shift_of(mechanic)
    shift = replace(shift, notes=notes or shift.notes)
    state = ClockState(True, mechanic.duty.load, shift, closing=True)
    with Transaction() as tx:
        if once:
            once.remember(tx, state, now)
        store.put(tx, shift, closing=True)
        if mechanic.duty.closing:
            mechanics.check_shift(tx, mechanic.id, shift.id)
        else:
            stays_due = cause is Cause.SUSPENDED
            mechanics.close_shift(tx, mechanic.id, shift.id, cause, now, stays_due=stays_due)
            tx.record(_event(EventType.SHIFT_CLOSING, shift, now, cause=cause))
    return state


def _closed_shift_of(
    mechanic: Mechanic, cause: Cause, at: datetime, notes: str | None = None
) -> Shift:
    shift = _shift_of(mechanic)
    return rules.closed(shift, cause, _tally(shift, at), at, notes)


def _tally(shift: Shift, until: datetime) -> Tally:
    policy = policies.current(until)
    return offers.tally(shift.mechanic_id, shift.started_at, until, policy)


def free_load(
    tx: Transaction,
    mechanic_id: str,
    now: datetime,
    *,
    completed: bool,
    session_ended: bool = True,
) -> None:
    """One session less, in the transaction of the move that frees the mechanic.

    New capacity is told of (``MechanicFreed``); a shift that is closing ends with its last session.
    """
    mechanic = _mechanic(mechanic_id)
    if rules.closes_with_session(mechanic):
        cause = Cause(mechanic.closing or Cause.FINISHED)
        shift = _closed_shift_of(mechanic, cause, now)
        mechanics.free_last_and_go_off_shift(
            tx, mechanic_id, shift.id, now=now, completed=completed, session_ended=session_ended
        )
        store.put(tx, shift)
        tx.record(_event(EventType.MECHANIC_CLOCKED_OUT, shift, now, cause=cause))
        return
    mechanics.free_load(tx, mechanic_id, now=now, completed=completed, session_ended=session_ended)
    facts = {"mechanic_id": mechanic_id}
    tx.record(Event(EventType.MECHANIC_FREED, store.subject(mechanic_id), now, facts))


# Moves of the clock


@decides_anew
def end_overdue_shift(mechanic_id: str, shift_id: str, now: datetime) -> bool:
    """A shift that has lasted as long as one may ends, or closes with the session in hand.

    Safe at any time; answers whether anything was due.
    """
    mechanic = _mechanic(mechanic_id)
    if mechanic.shift_id != shift_id or mechanic.duty.closing:
        return False
    shift = _shift_of(mechanic)
    if now < shift.closes_at:
        return False
    if mechanic.duty.load > 0:
        _close_with_session(mechanic, Cause.TWELVE_HOURS, now)
    else:
        ended_at = rules.ended_by_itself_at(shift, mechanic)
        _clock_out(mechanic, Cause.TWELVE_HOURS, now, ended_at=ended_at)
    return True


@decides_anew
def clock_out_if_absent(mechanic_id: str, now: datetime) -> bool:
    """Who has missed too many offers in a row is not there. Answers whether that was so."""
    mechanic = mechanics.get(mechanic_id)
    policy = policies.current(now)
    if mechanic is None or not rules.has_missed_too_many(mechanic, policy) or mechanic.duty.load:
        return False
    _clock_out(mechanic, Cause.THREE_MISSES, now)
    return True


@decides_anew
def suspend_shift(mechanic_id: str, now: datetime) -> bool:
    """The shift of a suspended mechanic ends, or closes with what is in hand.

    In that case they stay due, until somebody has looked at that. Answers whether there was
    anything to do.
    """
    mechanic = mechanics.get(mechanic_id)
    if mechanic is None or not rules.is_to_go_off_shift(mechanic):
        return False
    if mechanic.duty.load > 0:
        _close_with_session(mechanic, Cause.SUSPENDED, now)
    else:
        _clock_out(mechanic, Cause.SUSPENDED, now)
    return True


@decides_anew
def count_anew(mechanic_id: str, shift_id: str) -> None:
    """Derive the statistics of a shift that is over again: some rows were not to be seen yet."""
    shift = store.find(mechanic_id, shift_id)
    if shift.ended_at is None:
        return
    tally = _tally(shift, shift.ended_at)
    if tally != shift.tally:
        with Transaction() as tx:
            store.put(tx, replace(shift, tally=tally))


# Reads


def clock_state(mechanic_id: str, now: datetime) -> ClockState:
    """Where a mechanic stands now. Raises NotFound without a profile."""
    mechanic = _mechanic(mechanic_id)
    duty = mechanics.duty_at(mechanic, now)
    shift = _shift_of(mechanic) if duty.on_shift else None
    return ClockState(duty.on_shift, duty.load, shift, duty.closing)


def shifts_of(mechanic_id: str, limit: int, cursor: str | None) -> tuple[list[Shift], str | None]:
    """A mechanic's past shifts, newest first, and the cursor of the next page."""
    return store.of_mechanic(mechanic_id, limit, cursor)


def _mechanic(mechanic_id: str) -> Mechanic:
    mechanic = mechanics.get(mechanic_id)
    if mechanic is None:
        raise NotFound("You have no mechanic profile yet.")
    return mechanic


def _shift_of(mechanic: Mechanic) -> Shift:
    return store.find(mechanic.id, mechanic.shift_id or "")


def _refuse(conflict: Conflict | None) -> None:
    if conflict:
        raise conflict
