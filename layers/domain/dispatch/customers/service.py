"""Customers: their profile, their garage, and how they are forgotten.

The functions that take a transaction add one clause each to another use case's transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.core.errors import Conflict, NotFound
from dispatch.core.events import Event, EventType
from dispatch.core.idempotency import Once
from dispatch.core.ids import is_id, new_id
from dispatch.core.table import Item, Transaction, decides_anew
from dispatch.customers import rules, store
from dispatch.customers.model import Customer, KeptVehicle, Location, Vehicle
from dispatch.quotas import service as quotas
from dispatch.quotas.model import Action


def upsert(record: Mapping[str, Any]) -> Customer:
    """Store a whole record under its ``id``. Raises Invalid with pointers."""
    customer = rules.customer_of(record)
    with Transaction() as tx:
        store.put(tx, customer)
    return customer


# The profile


def get(customer_id: str) -> Customer | None:
    """The customer's profile, or None."""
    return store.find(customer_id)


def profile_of(customer_id: str) -> Customer:
    """The customer's own profile, empty before the first. Raises NotFound for who was erased."""
    if store.is_erased(customer_id):
        raise NotFound("This account was erased.")
    return store.find(customer_id) or Customer(id=customer_id)


@decides_anew
def replace_profile(given: Customer, now: datetime) -> Customer:
    """Write the whole profile under its ``id``. Raises Conflict ``erased``, QuotaExceeded."""
    before = store.find(given.id)
    with Transaction() as tx:
        check_not_erased(tx, given.id)
        quotas.count(tx, Action.EDIT, given.id, now)
        store.put_profile(tx, given, before)
    return given


def location_of(customer_id: str) -> Location:
    """Where the profile says the customer is; unknown without a profile."""
    customer = store.find(customer_id)
    return customer.location if customer else Location()


# The garage


@dataclass(frozen=True, slots=True)
class Vehicles:
    items: list[KeptVehicle]
    cursor: str | None


def vehicles_of(customer_id: str, limit: int, cursor: str | None) -> Vehicles:
    """What is in the garage, newest first."""
    page = store.vehicles_of(customer_id, limit, cursor)
    return Vehicles(store.vehicles_in(page), page.cursor)


def vehicle_of(customer_id: str, vehicle_id: str) -> Vehicle | None:
    """One vehicle of the customer's own garage, or None."""
    kept = store.find_vehicle(customer_id, vehicle_id) if is_id(vehicle_id) else None
    return kept.vehicle if kept else None


def add_vehicle(
    customer_id: str, vehicle: Vehicle, now: datetime, once: Once | None = None
) -> KeptVehicle:
    """Keep a vehicle. Raises Conflict ``too_many_vehicles``, ``erased``, QuotaExceeded."""
    kept = KeptVehicle(new_id(now), vehicle, now)
    with Transaction() as tx:
        if once:
            once.remember(tx, kept, now)
        check_not_erased(tx, customer_id)
        quotas.count(tx, Action.EDIT, customer_id, now)
        store.add_vehicle(tx, customer_id, kept, rules.MOST_VEHICLES, _too_many)
    return kept


def _too_many(_count: Item | None) -> Conflict:
    return rules.too_many_vehicles()


def remove_vehicle(customer_id: str, vehicle_id: str) -> None:
    """Sessions that were booked with it keep their copy. Raises NotFound."""
    if not is_id(vehicle_id):
        raise _no_such_vehicle()
    with Transaction() as tx:
        store.remove_vehicle(tx, customer_id, vehicle_id, _no_such_vehicle)


def _no_such_vehicle(_item: Item | None = None) -> NotFound:
    return NotFound("There is no such vehicle in your garage.")


# Forgetting


def is_erased(customer_id: str) -> bool:
    """Whether the customer has asked to be forgotten."""
    return store.is_erased(customer_id)


def check_not_erased(tx: Transaction, customer_id: str) -> None:
    """Nothing is written for who was erased: what came after would never be found again."""
    store.check_not_erased(tx, customer_id, _erased)


def erased() -> Conflict:
    """Why nothing is written for somebody any more."""
    return rules.erased()


def _erased(_mark: Item | None) -> Conflict:
    return erased()


def erase(tx: Transaction, customer_id: str, now: datetime) -> None:
    """Empty the profile for good, and have all else follow (``CustomerErased``).

    Raises StaleVersion where the profile has changed meanwhile, or they were erased.
    """
    store.mark_erased(tx, customer_id, now)
    if before := store.find(customer_id):
        store.put_profile(tx, Customer(id=customer_id), before)
    facts = {"customer_id": customer_id}
    tx.record(Event(EventType.CUSTOMER_ERASED, store.subject(customer_id), now, facts))


def forget_garage(customer_id: str) -> None:
    """Drop every vehicle. Forgetting twice is forgetting once."""
    kept = vehicles_of(customer_id, rules.MOST_VEHICLES, None).items
    with Transaction() as tx:
        store.forget_garage(tx, customer_id, [each.id for each in kept])
