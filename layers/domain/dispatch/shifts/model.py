"""Shifts: one stretch between clock-in and clock-out. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ClockAction(StrEnum):
    CLOCK_IN = "clock_in"
    CLOCK_OUT = "clock_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """``minutes`` are whole minutes, rounded down, and unknown while the shift is open."""

    id: str
    mechanic_id: str
    started_at: datetime
    location: str | None = None
    notes: str | None = None
    ended_at: datetime | None = None
    minutes: int | None = None
