"""Clocking in and out: presence, the shift log and the fact in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dispatch.core.errors import Conflict, NotFound
from dispatch.core.events import Event, EventType
from dispatch.core.idempotency import Once
from dispatch.core.ids import new_id
from dispatch.core.table import Transaction, decides_anew
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic
from dispatch.shifts import rules, store
from dispatch.shifts.model import ClockAction, Shift


@dataclass(frozen=True, slots=True)
class ClockState:
    """A mechanic's presence and load, with the current shift if there is one."""

    currently_on_shift: bool
    load: int
    shift: Shift | None


def _event(type_: EventType, shift: Shift, now: datetime) -> Event:
    facts = {"mechanic_id": shift.mechanic_id, "shift_id": shift.id}
    return Event(type_, store.subject(shift.mechanic_id), now, facts)


def punch_clock(
    action: ClockAction,
    mechanic_id: str,
    now: datetime,
    *,
    location: str | None = None,
    notes: str | None = None,
    once: Once | None = None,
) -> ClockState:
    """Clock in or out. Raises NotFound, or Conflict where that is what the mechanic has done."""
    if action is ClockAction.CLOCK_IN:
        return clock_in(mechanic_id, now, location=location, notes=notes, once=once)
    return clock_out(mechanic_id, now, notes=notes, once=once)


@decides_anew
def clock_in(
    mechanic_id: str,
    now: datetime,
    *,
    location: str | None = None,
    notes: str | None = None,
    once: Once | None = None,
) -> ClockState:
    """Open a shift. Raises NotFound without a profile, Conflict ``already_clocked_in``."""
    _refuse(rules.why_not_clock_in, _mechanic(mechanic_id))
    shift = Shift(
        id=new_id(now), mechanic_id=mechanic_id, started_at=now, location=location, notes=notes
    )
    state = ClockState(currently_on_shift=True, load=0, shift=shift)
    with Transaction() as tx:
        if once:
            once.remember(tx, state, now)
        mechanics.go_on_shift(tx, mechanic_id, shift.id, now)
        store.put(tx, shift)
        tx.record(_event(EventType.MECHANIC_CLOCKED_IN, shift, now))
    return state


@decides_anew
def clock_out(
    mechanic_id: str, now: datetime, *, notes: str | None = None, once: Once | None = None
) -> ClockState:
    """Close the shift. Raises NotFound, Conflict ``not_clocked_in`` or ``has_load``."""
    mechanic = _mechanic(mechanic_id)
    _refuse(rules.why_not_clock_out, mechanic)
    shift = rules.closed(store.find(mechanic_id, mechanic.shift_id or ""), now, notes)
    state = ClockState(currently_on_shift=False, load=0, shift=shift)
    with Transaction() as tx:
        if once:
            once.remember(tx, state, now)
        mechanics.go_off_shift(tx, mechanic_id, shift.id, now)
        store.put(tx, shift)
        tx.record(_event(EventType.MECHANIC_CLOCKED_OUT, shift, now))
    return state


def clock_state(mechanic_id: str) -> ClockState:
    """Where a mechanic stands now. Raises NotFound without a profile."""
    mechanic = _mechanic(mechanic_id)
    shift = store.find(mechanic_id, mechanic.shift_id) if mechanic.shift_id else None
    return ClockState(mechanic.duty.on_shift, mechanic.duty.load, shift)


def shifts_of(mechanic_id: str, limit: int, cursor: str | None) -> tuple[list[Shift], str | None]:
    """A mechanic's past shifts, newest first, and the cursor of the next page."""
    return store.of_mechanic(mechanic_id, limit, cursor)


def _mechanic(mechanic_id: str) -> Mechanic:
    mechanic = mechanics.get(mechanic_id)
    if mechanic is None:
        raise NotFound("You have no mechanic profile yet.")
    return mechanic


def _refuse(why: Callable[[Mechanic], Conflict | None], mechanic: Mechanic) -> None:
    if conflict := why(mechanic):
        raise conflict
