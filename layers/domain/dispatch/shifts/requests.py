"""The body of the clock call. Imported by HTTP functions only."""

from pydantic import Field, ValidationInfo, field_validator

from dispatch.core.views import Body, Line, by_example, wrong
from dispatch.shifts.model import ClockAction


class ClockBody(Body):
    """``location`` and ``notes`` are kept in the shift log."""

    model_config = by_example({"action": "clock_in", "location": "Queen Street garage"})

    action: ClockAction
    location: Line | None = None
    notes: Line | None = None
    finish_then_clock_out: bool = Field(
        False,
        strict=True,
        description="With a session in hand: no new offers, and the shift closes with the session",
    )

    @field_validator("finish_then_clock_out")
    @classmethod
    def _at_the_end(cls, finish: bool, info: ValidationInfo) -> bool:
        if finish and info.data.get("action") is ClockAction.CLOCK_IN:
            raise wrong("goes with clock_out")
        return finish
