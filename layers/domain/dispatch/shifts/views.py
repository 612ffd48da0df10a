"""Clock and shift log as they are shown. Imported by HTTP functions only."""

from collections.abc import Iterable
from typing import Any

from dispatch.core.examples import CLOCKED_IN_AT, SHIFT_ID
from dispatch.core.views import Instant, View, by_example
from dispatch.shifts.model import Shift
from dispatch.shifts.service import ClockState

_OPEN: dict[str, Any] = {
    "id": SHIFT_ID,
    "started_at": CLOCKED_IN_AT,
    "ended_at": None,
    "minutes": None,
    "location": "Queen Street garage",
    "notes": None,
}
_CLOSED = _OPEN | {
    "id": "01KJMQQY40GQPMRXTPRMADWVHN",
    "started_at": "2026-03-01T13:00:00.000Z",
    "ended_at": "2026-03-01T17:30:24.000Z",
    "minutes": 270,
    "notes": "Two sessions, quiet otherwise",
}


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

    model_config = by_example(
        {"currently_on_shift": True, "clocked_in_at": CLOCKED_IN_AT, "load": 0, "shift": _OPEN}
    )

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

    model_config = by_example({"items": [_OPEN, _CLOSED], "next_cursor": None})

    items: list[ShiftView]
    next_cursor: str | None

    @classmethod
    def of(cls, shifts: Iterable[Shift], cursor: str | None) -> "ShiftList":
        return cls(items=[ShiftView.model_validate(shift) for shift in shifts], next_cursor=cursor)
