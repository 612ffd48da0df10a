"""What is known of customers."""

from collections.abc import Mapping
from typing import Any

from dispatch.core.table import Transaction
from dispatch.customers import store
from dispatch.customers.model import Customer, Location
from dispatch.customers.rules import customer_of


def upsert(record: Mapping[str, Any]) -> Customer:
    """Store a whole record under its ``id``. Raises Invalid with pointers."""
    customer = customer_of(record)
    with Transaction() as tx:
        store.put(tx, customer)
    return customer


def get(customer_id: str) -> Customer | None:
    """The customer's profile, or None."""
    return store.find(customer_id)


def location_of(customer_id: str) -> Location:
    """Where the profile says the customer is; unknown without a profile."""
    customer = store.find(customer_id)
    return customer.location if customer else Location()
