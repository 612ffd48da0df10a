"""Clock and shift log as they are shown. Imported by HTTP functions only."""

from collections.abc import Iterable

from dispatch.core.views import Instant, View
from dispatch.shifts.model import Shift
from dispatch.shifts.service import ClockState


class ShiftView(View):
    """One shift; ``ended_at`` and ``minutes`` are null while it is open."""

    id: str
    started_at: Instant
    ended_at: Instant | None
    minutes: int | None
    location: str | None
    notes: str | None


class ClockView(View):
    """Where the mechanic stands. After a clock-out ``shift`` is the one just closed."""

    currently_on_shift: bool
    clocked_in_at: Instant | None
    load: int
    shift: ShiftView | None

    @classmethod
    def of(cls, state: ClockState) -> "ClockView":
        shift = state.shift
        return cls(
            currently_on_shift=state.currently_on_shift,
            clocked_in_at=shift.started_at if shift and state.currently_on_shift else None,
            load=state.load,
            shift=ShiftView.model_validate(shift) if shift else None,
        )


class ShiftList(View):
    """Newest first."""

    items: list[ShiftView]
    next_cursor: str | None

    @classmethod
    def of(cls, shifts: Iterable[Shift], cursor: str | None) -> "ShiftList":
        return cls(items=[ShiftView.model_validate(shift) for shift in shifts], next_cursor=cursor)
