"""What a customer's record must be. Pure."""

from collections.abc import Mapping
from typing import Any

from dispatch.core import places
from dispatch.core.errors import Conflict, FieldError, Invalid
from dispatch.customers.model import Customer, Location

_TEXTS = ("name", "email", "phone", "locale")
_PLACE = ("country", "state_province", "city", "postal_code")
_FIELDS = frozenset({"id", "credits", *_TEXTS, *_PLACE})


def customer_of(record: Mapping[str, Any]) -> Customer:
    """The customer of a whole record. Raises Invalid with a pointer to each wrong field."""
    errors = [
        FieldError(f"/{name}", "is not a field of a customer")
        for name in sorted(record.keys() - _FIELDS)
    ]
    id_ = record.get("id")
    if not _is_text(id_, 128) or not id_:
        errors.append(FieldError("/id", "must be a text of 1 to 128 characters"))
    for name in (*_TEXTS, *_PLACE):
        value = record.get(name)
        if value is not None and not _is_text(value, 200):
            errors.append(FieldError(f"/{name}", "must be a text of at most 200 characters"))
    balance = record.get("credits", 0)
    if isinstance(balance, bool) or not isinstance(balance, int) or balance < 0:
        errors.append(FieldError("/credits", "must be a whole number from 0 up"))
    country = record.get("country")
    if isinstance(country, str) and places.country(country) is None:
        errors.append(FieldError("/country", "is not a country; use its ISO code or English name"))
    if errors:
        raise Invalid(errors)
    return Customer(
        id=str(id_),
        **{name: record.get(name) for name in _TEXTS},
        location=Location(
            country=places.country(country),
            state_province=record.get("state_province"),
            city=record.get("city"),
            postal_code=record.get("postal_code"),
        ),
    )


def credits_of(record: Mapping[str, Any]) -> int | None:
    """How many credits the customer of a checked record is to have; None: as many as now."""
    credits_: int | None = record.get("credits")
    return credits_


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest and places.is_unicode(value)


MOST_VEHICLES = 50
"""In one garage: more is a dealer's, or a mistake."""


def too_many_vehicles() -> Conflict:
    return Conflict(
        "too_many_vehicles",
        f"Your garage has {MOST_VEHICLES} vehicles. Remove one that you no longer have.",
    )


def erased() -> Conflict:
    return Conflict("erased", "This account was erased. Sign up again to come back.")
