"""The body of the clock call. Imported by HTTP functions only."""

from dispatch.core.views import Body, Line, NotYet
from dispatch.shifts.model import ClockAction


class ClockBody(Body):
    """``location`` and ``notes`` are kept in the shift log."""

    action: ClockAction
    location: Line | None = None
    notes: Line | None = None
    finish_then_clock_out: NotYet = None
