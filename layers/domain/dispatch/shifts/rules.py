"""When a shift may begin and end (``domain.md``, Clock and shifts). Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from dispatch.core.errors import Conflict
from dispatch.core.time import format_time
from dispatch.mechanics.model import Mechanic, MechanicStatus
from dispatch.offers.model import Tally
from dispatch.policy.model import Policy
from dispatch.shifts.model import Cause, Shift


def why_not_clock_in(mechanic: Mechanic) -> Conflict | None:
    """Only whoever is approved works; who is suspended has their live sessions, and no shift."""
    if mechanic.profile.status is not MechanicStatus.APPROVED:
        return Conflict("not_eligible", "You are not approved, or not any more.")
    if mechanic.duty.on_shift and mechanic.clocked_in_at:
        return Conflict(
            "already_clocked_in",
            "You are on shift already.",
            clocked_in_at=format_time(mechanic.clocked_in_at),
        )
    return None


def why_not_clock_out(mechanic: Mechanic, *, finish: bool) -> Conflict | None:
    """``finish``: the shift may close later, with the session in hand."""
    if not mechanic.duty.on_shift:
        return Conflict("not_clocked_in", "You are not on shift.")
    if mechanic.duty.load > 0 and not finish:
        return Conflict(
            "has_load",
            "You have a session in hand. End or release it first, or send finish_then_clock_out.",
        )
    return None


def opened(
    shift_id: str,
    mechanic_id: str,
    policy: Policy,
    now: datetime,
    *,
    location: str | None,
    notes: str | None,
) -> Shift:
    return Shift(
        id=shift_id,
        mechanic_id=mechanic_id,
        started_at=now,
        closes_at=now + timedelta(seconds=policy.shift_s),
        location=location,
        notes=notes,
    )


def closed(shift: Shift, cause: Cause, tally: Tally, now: datetime, notes: str | None) -> Shift:
    """The shift at its end. Notes given at clock-out replace those of clock-in."""
    minutes = (now - shift.started_at) // timedelta(minutes=1)
    return replace(
        shift,
        ended_at=now,
        minutes=minutes,
        cause=cause,
        tally=tally,
        notes=notes or shift.notes,
    )


def ended_by_itself_at(shift: Shift, mechanic: Mechanic) -> datetime:
    """When a shift that has lasted as long as one may was over, however late that is noticed.

    Without a session in hand; the last one may have gone on for longer than the shift should have.
    """
    return max(shift.closes_at, mechanic.duty.waiting_since or shift.closes_at)


def closes_with_session(mechanic: Mechanic) -> bool:
    """Whether the session that ends now is the last of a closing shift."""
    return mechanic.duty.closing and mechanic.duty.load == 1


def is_to_go_off_shift(mechanic: Mechanic) -> bool:
    """Whether a mechanic is suspended, and on a shift that goes on all the same."""
    is_suspended = mechanic.profile.status is MechanicStatus.SUSPENDED
    return is_suspended and mechanic.duty.on_shift and not mechanic.duty.closing


def has_missed_too_many(mechanic: Mechanic, policy: Policy) -> bool:
    return mechanic.duty.on_shift and mechanic.misses >= policy.misses_to_clock_out
