"""Clock and shift log as they are shown. Imported by HTTP functions only."""

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from dispatch.core.examples import CLOCKED_IN_AT, SHIFT_ID
from dispatch.core.views import Instant, View, by_example
from dispatch.shifts.model import Cause, Shift
from dispatch.shifts.service import ClockState

_OPEN: dict[str, Any] = {
    "id": SHIFT_ID,
    "started_at": CLOCKED_IN_AT,
    "closes_at": "2026-03-03T01:58:04.000Z",
    "ended_at": None,
    "cause": None,
    "minutes": None,
    "location": "Queen Street garage",
    "notes": None,
    "statistics": None,
}
_CLOSED = _OPEN | {
    "id": "01KJMQQY40GQPMRXTPRMADWVHN",
    "started_at": "2026-03-01T13:00:00.000Z",
    "closes_at": "2026-03-02T01:00:00.000Z",
    "ended_at": "2026-03-01T17:30:24.000Z",
    "minutes": 270,
    "notes": "Two sessions, quiet otherwise",
    "cause": "self",
    "statistics": {
        "offers_received": 4,
        "offers_accepted": 2,
        "offers_declined": 1,
        "offers_missed": 0,
        "micro_sessions": 1,
        "full_sessions": 1,
    },
}


_CLOSED_BEFORE = _CLOSED | {
    "id": "01KJGZ8VN0T6M3W9C2X5R7B4QD",
    "started_at": "2026-02-27T18:15:00.000Z",
    "closes_at": "2026-02-28T06:15:00.000Z",
    "ended_at": "2026-02-27T19:40:31.000Z",
    "minutes": 85,
    "location": None,
    "notes": None,
    "cause": "three_misses",
    "statistics": {
        "offers_received": 3,
        "offers_accepted": 0,
        "offers_declined": 0,
        "offers_missed": 3,
        "micro_sessions": 0,
        "full_sessions": 0,
    },
}


class ShiftStatistics(View):
    """What came of a shift's offers (targeted ones), and the sessions completed in it.

    A plan of up to 15 minutes counts as micro, the rest as full.
    """

    offers_received: int
    offers_accepted: int
    offers_declined: int
    offers_missed: int
    micro_sessions: int
    full_sessions: int


class ShiftView(View):
    """One shift; how it went is null while it is open."""

    id: str
    started_at: Instant
    closes_at: Instant = Field(description="When it ends by itself, or with the session in hand")
    ended_at: Instant | None
    cause: Cause | None = Field(description="Why it ended")
    minutes: int | None
    location: str | None
    notes: str | None
    statistics: ShiftStatistics | None

    @classmethod
    def of(cls, shift: Shift) -> "ShiftView":
        return cls(
            id=shift.id,
            started_at=shift.started_at,
            closes_at=shift.closes_at,
            ended_at=shift.ended_at,
            cause=shift.cause,
            minutes=shift.minutes,
            location=shift.location,
            notes=shift.notes,
            statistics=ShiftStatistics.model_validate(shift.tally) if shift.ended_at else None,
        )


class ClockView(View):
    """Where the mechanic stands. After a clock-out ``shift`` is the one just closed."""

    model_config = by_example(
        {
            "currently_on_shift": True,
            "clocked_in_at": CLOCKED_IN_AT,
            "load": 0,
            "closing": False,
            "shift": _OPEN,
        }
    )

    currently_on_shift: bool
    clocked_in_at: Instant | None
    load: int
    closing: bool = Field(description="No new offers; the shift ends with the session in hand")
    shift: ShiftView | None

    @classmethod
    def of(cls, state: ClockState) -> "ClockView":
        shift = state.shift
        return cls(
            currently_on_shift=state.currently_on_shift,
            clocked_in_at=shift.started_at if shift and state.currently_on_shift else None,
            load=state.load,
            closing=state.closing,
            shift=ShiftView.of(shift) if shift else None,
        )


class ShiftList(View):
    """Newest first, those that have ended."""

    model_config = by_example({"items": [_CLOSED, _CLOSED_BEFORE], "next_cursor": None})

    items: list[ShiftView]
    next_cursor: str | None

    @classmethod
    def of(cls, shifts: Iterable[Shift], cursor: str | None) -> "ShiftList":
        return cls(items=[ShiftView.of(shift) for shift in shifts], next_cursor=cursor)
