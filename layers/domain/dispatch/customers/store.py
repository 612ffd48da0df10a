"""Items of a customer: the profile, the garage, and what stays once the customer is erased."""

from datetime import datetime

import msgspec

from dispatch.core.table import (
    IS_NEW,
    SCHEMA,
    Item,
    Key,
    Otherwise,
    Page,
    Transaction,
    get,
    query,
)
from dispatch.core.time import format_time
from dispatch.customers.model import Customer, KeptVehicle

_VEHICLE = "VEHICLE#"


def subject(customer_id: str) -> str:
    """The partition of a customer and of events about them."""
    return f"CUSTOMER#{customer_id}"


# The profile


def _key(customer_id: str) -> Key:
    return Key(subject(customer_id))


def find(customer_id: str) -> Customer | None:
    item = get(_key(customer_id))
    return msgspec.json.decode(item["profile"], type=Customer) if item else None


def _profile(customer: Customer) -> str:
    return msgspec.json.encode(customer).decode()


def put(tx: Transaction, customer: Customer) -> None:
    tx.put(
        {
            **_key(customer.id)._asdict(),
            "entity": "customer",
            "profile": _profile(customer),
        }
    )


def put_profile(tx: Transaction, customer: Customer, before: Customer | None) -> None:
    """Write the profile alone, provided that it is still as it was read."""
    tx.update(
        _key(customer.id),
        "SET #entity = :entity, #schema = :schema, #profile = :profile",
        {
            ":entity": "customer",
            ":schema": SCHEMA,
            ":profile": _profile(customer),
            ":profile_read": _profile(before) if before else None,
        },
        when="#profile = :profile_read" if before else IS_NEW,
    )


# The garage


def _vehicle_key(customer_id: str, vehicle_id: str) -> Key:
    return Key(subject(customer_id), f"{_VEHICLE}{vehicle_id}")


def _count_key(customer_id: str) -> Key:
    return Key(subject(customer_id), "GARAGE")


def _kept(item: Item) -> KeptVehicle:
    return msgspec.json.decode(item["vehicle"], type=KeptVehicle)


def find_vehicle(customer_id: str, vehicle_id: str) -> KeptVehicle | None:
    item = get(_vehicle_key(customer_id, vehicle_id))
    return _kept(item) if item else None


def vehicles_of(customer_id: str, limit: int, cursor: str | None) -> Page:
    """Newest first; ``items`` as ``vehicles_in`` takes them."""
    return query(subject(customer_id), prefix=_VEHICLE, ascending=False, limit=limit, cursor=cursor)


def vehicles_in(page: Page) -> list[KeptVehicle]:
    return [_kept(item) for item in page.items]


def add_vehicle(
    tx: Transaction, customer_id: str, kept: KeptVehicle, most: int, otherwise: Otherwise
) -> None:
    """One more, provided that there are not so many."""
    tx.update(
        _count_key(customer_id),
        "SET #entity = :entity, #schema = :schema ADD #vehicles :one",
        {":entity": "garage", ":schema": SCHEMA, ":one": 1, ":most": most},
        when=f"{IS_NEW} OR #vehicles < :most",
        otherwise=otherwise,
    )
    tx.put(
        {
            **_vehicle_key(customer_id, kept.id)._asdict(),
            "entity": "vehicle",
            "vehicle": msgspec.json.encode(kept).decode(),
        }
    )


def remove_vehicle(
    tx: Transaction, customer_id: str, vehicle_id: str, otherwise: Otherwise
) -> None:
    """One less, provided that it is there."""
    tx.delete(
        _vehicle_key(customer_id, vehicle_id), when="attribute_exists(#pk)", otherwise=otherwise
    )
    tx.update(_count_key(customer_id), "ADD #vehicles :less", {":less": -1})


# Erased


def _erased_key(customer_id: str) -> Key:
    return Key(subject(customer_id), "ERASED")


def is_erased(customer_id: str) -> bool:
    return get(_erased_key(customer_id)) is not None


def mark_erased(tx: Transaction, customer_id: str, now: datetime) -> None:
    """From now on nothing is written for this customer. Provided that they were not erased yet."""
    tx.put(
        {
            **_erased_key(customer_id)._asdict(),
            "entity": "erased_customer",
            "erased_at": format_time(now),
        },
        when=IS_NEW,
    )


def check_not_erased(tx: Transaction, customer_id: str, otherwise: Otherwise) -> None:
    tx.check(_erased_key(customer_id), when=IS_NEW, values={}, otherwise=otherwise)


def forget_garage(tx: Transaction, customer_id: str, vehicle_ids: list[str]) -> None:
    """Without counting: the count goes, too."""
    for vehicle_id in vehicle_ids:
        tx.delete(_vehicle_key(customer_id, vehicle_id))
    tx.delete(_count_key(customer_id))
