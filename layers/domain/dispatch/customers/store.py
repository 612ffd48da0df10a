"""The customer's item."""

import msgspec

from dispatch.core.table import Key, Transaction, get
from dispatch.customers.model import Customer


def _key(customer_id: str) -> Key:
    return Key(f"CUSTOMER#{customer_id}")


def find(customer_id: str) -> Customer | None:
    item = get(_key(customer_id))
    return msgspec.json.decode(item["profile"], type=Customer) if item else None


def put(tx: Transaction, customer: Customer) -> None:
    tx.put(
        {
            **_key(customer.id)._asdict(),
            "entity": "customer",
            "profile": msgspec.json.encode(customer).decode(),
        }
    )
