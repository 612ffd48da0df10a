"""Boundary models' common ground. Imported by HTTP functions only."""

from datetime import datetime
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from dispatch.core.time import format_time


class Body(BaseModel):
    """A request's body: unknown fields are refused, a misspelt one must not vanish."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class NoBody(Body):
    """For calls that take nothing: what is sent all the same must not vanish."""


class View(BaseModel):
    """What a caller is shown."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Problem(View):
    """RFC 9457 problem document."""

    type: str
    title: str
    status: int
    detail: str


class FieldProblem(View):
    """One wrong field: a JSON pointer to it, and what is wrong."""

    pointer: str
    detail: str


class InvalidProblem(Problem):
    """422: which fields are wrong."""

    errors: list[FieldProblem]


class ConflictProblem(Problem):
    """409: ``reason`` is the word to act on; some reasons bring a member of their own."""

    model_config = ConfigDict(frozen=True, extra="allow")

    reason: str


Line = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
"""A short text of one line."""

Instant = Annotated[
    datetime,
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 in UTC, with milliseconds."""


def wrong(detail: str) -> PydanticCustomError:
    """The error of a field; ``detail`` goes on where the field's name ends."""
    return PydanticCustomError("wrong_field", "{detail}", {"detail": detail})


def _refuse(value: object) -> None:
    if value:
        raise wrong("is not available yet; leave it out")


NotYet = Annotated[
    None, BeforeValidator(_refuse), Field(description="Not available yet; leave it out.")
]
"""A field of the contract whose feature is still to come: refused by name, not as unknown."""
