"""Bodies of the calls about money. Imported by HTTP functions only."""

from typing import Annotated

from fastapi import Path
from pydantic import Field, field_validator

from dispatch.core.views import Body, Line, by_example, wrong

MOST_CREDITS = 1_000_000
"""At a time. More is a slip of the keyboard."""


GrantedTo = Annotated[
    str, Path(max_length=128, pattern=r"^[^\x00-\x20\x7f#]+$", description="The user's id")
]
"""A user's id. Whether it is anybody's is not known here: who has a token needs no profile."""


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
