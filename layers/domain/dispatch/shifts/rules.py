"""When a shift may begin and end (``domain.md``, Clock and shifts). Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from dispatch.core.errors import Conflict
from dispatch.core.time import format_time
from dispatch.mechanics.model import Mechanic
from dispatch.shifts.model import Shift


def why_not_clock_in(mechanic: Mechanic) -> Conflict | None:
    if mechanic.duty.on_shift and mechanic.clocked_in_at:
        return Conflict(
            "already_clocked_in",
            "You are on shift already.",
            clocked_in_at=format_time(mechanic.clocked_in_at),
        )
    return None


def why_not_clock_out(mechanic: Mechanic) -> Conflict | None:
    if not mechanic.duty.on_shift:
        return Conflict("not_clocked_in", "You are not on shift.")
    if mechanic.duty.load > 0:
        return Conflict("has_load", "You have a session in hand. End or release it first.")
    return None


def closed(shift: Shift, now: datetime, notes: str | None) -> Shift:
    """The shift at its end. Notes given at clock-out replace those of clock-in."""
    minutes = (now - shift.started_at) // timedelta(minutes=1)
    return replace(shift, ended_at=now, minutes=minutes, notes=notes or shift.notes)
