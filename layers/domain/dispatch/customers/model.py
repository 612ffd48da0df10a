"""Customers and where they are. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Location:
    """Where somebody is, None for unknown. ``country`` is ISO 3166-1 alpha-2, others as written."""

    country: str | None = None
    state_province: str | None = None
    city: str | None = None
    postal_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    location: Location = Location()
    locale: str | None = None
