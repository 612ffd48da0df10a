"""Customers, where they are, and the cars in their garage. Pure."""

from dataclasses import dataclass
from datetime import datetime


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


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A car. ``vin`` and ``plate`` tell whose it is: only who has accepted a session sees them."""

    year: int
    make: str
    model: str
    vin: str | None = None
    plate: str | None = None
    odometer_km: int | None = None


@dataclass(frozen=True, slots=True)
class KeptVehicle:
    """A car in a customer's garage."""

    id: str
    vehicle: Vehicle
    added_at: datetime
