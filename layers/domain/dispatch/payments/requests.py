"""Bodies of the calls about money. Imported by HTTP functions only."""

from pydantic import Field, field_validator

from dispatch.core.views import Body, Line, by_example, wrong

MOST_CREDITS = 1_000_000
"""At a time. More is a slip of the keyboard."""


class GrantBody(Body):
    """Credits that an admin gives, or takes away where there are fewer than none."""

    model_config = by_example({"amount": 25, "reason": "The video did not work"})

    amount: int = Field(ge=-MOST_CREDITS, le=MOST_CREDITS, strict=True)
    reason: Line = Field(description="Shown to the customer")

    @field_validator("amount")
    @classmethod
    def _something(cls, amount: int) -> int:
        if amount == 0:
            raise wrong("must not be 0")
        return amount
