"""The body of the clock call. Imported by HTTP functions only."""

from dispatch.core.views import Body, Line, NotYet, by_example
from dispatch.shifts.model import ClockAction


class ClockBody(Body):
    """``location`` and ``notes`` are kept in the shift log."""

    model_config = by_example({"action": "clock_in", "location": "Queen Street garage"})

    action: ClockAction
    location: Line | None = None
    notes: Line | None = None
    finish_then_clock_out: NotYet = None
