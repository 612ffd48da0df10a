"""Shifts: one stretch between clock-in and clock-out. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dispatch.offers.model import Tally


class ClockAction(StrEnum):
    CLOCK_IN = "clock_in"
    CLOCK_OUT = "clock_out"


class Cause(StrEnum):
    """Why a shift ended, or closes with the session in hand."""

    SELF = "self"
    FINISHED = "finished"
    THREE_MISSES = "three_misses"
    TWELVE_HOURS = "twelve_hours"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """``minutes`` are whole minutes, rounded down; they, ``tally`` and ``cause`` are unknown while
    the shift is open. It closes by itself at ``closes_at``, or with the session in hand then.
    """

    id: str
    mechanic_id: str
    started_at: datetime
    closes_at: datetime
    location: str | None = None
    notes: str | None = None
    ended_at: datetime | None = None
    minutes: int | None = None
    cause: Cause | None = None
    tally: Tally | None = None
