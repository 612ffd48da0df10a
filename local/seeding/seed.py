"""Runs as a worker, like a function: writes the records of ``POST /_local/seed``.

All records are checked before the first is written, so a bad one leaves nothing half written.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from dispatch.core import time
from dispatch.core.errors import Invalid
from dispatch.customers import service as customers
from dispatch.customers.rules import credits_of, customer_of
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import MechanicStatus
from dispatch.mechanics.rules import profile_from
from dispatch.payments import service as payments
from dispatch.shifts import service as shifts

Record = dict[str, Any]

_AT_ONCE = 8


def handler(event: dict[str, list[Record]], _context: object) -> dict[str, Any]:
    """``{"errors": [...]}`` with pointers into the request, or how many records were written."""
    errors = [
        *_errors("mechanics", event["mechanics"], lambda record: profile_from(_profile(record))),
        *_errors("customers", event["customers"], customer_of),
    ]
    if errors:
        return {"errors": errors}
    now = time.now()
    latest = {record["id"]: record for record in event["mechanics"]}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda record: _seed_mechanic(record, now), latest.values()))
        list(pool.map(lambda record: _seed_customer(record, now), event["customers"]))
    return {"mechanics": len(event["mechanics"]), "customers": len(event["customers"])}


def _errors(
    name: str, records: list[Record], check: Callable[[Record], object]
) -> list[dict[str, str]]:
    errors = []
    for position, record in enumerate(records):
        at = f"/{name}/{position}"
        if not isinstance(record, Mapping):
            errors.append({"pointer": at, "detail": "must be an object"})
            continue
        try:
            check(record)
        except Invalid as invalid:
            errors += [
                {"pointer": at + error["pointer"], "detail": error["detail"]}
                for error in invalid.members["errors"]
            ]
        wanted = record.get("currently_on_shift")
        if wanted is not None and not isinstance(wanted, bool):
            detail = "must be true or false"
            errors.append({"pointer": f"{at}/currently_on_shift", "detail": detail})
    return errors


def _profile(record: Record) -> Record:
    """The record as a profile: named after its id and complete, where it does not say."""
    defaults = {"name": record.get("id"), "profile_completion": 100}
    told = {name: value for name, value in record.items() if name != "currently_on_shift"}
    return defaults | told


def _seed_customer(record: Record, now: datetime) -> None:
    """The credits, if the record tells, are entered into the ledger."""
    customer = customers.upsert(record)
    wanted = credits_of(record)
    if wanted is not None:
        payments.adjust(customer.id, wanted, now)


def _seed_mechanic(record: Record, now: datetime) -> None:
    """Who is on shift by the record clocks in while they are approved, as only such do."""
    profile, wanted = _profile(record), record.get("currently_on_shift")
    if wanted and profile.get("status", MechanicStatus.APPROVED) != MechanicStatus.APPROVED:
        _seed_mechanic(record | {"status": MechanicStatus.APPROVED}, now)
    mechanic = mechanics.upsert(profile, now)
    if wanted and not mechanic.duty.on_shift:
        shifts.clock_in(mechanic.id, now)
    elif wanted is False and mechanic.duty.on_shift and not mechanic.duty.load:
        shifts.clock_out(mechanic.id, now)
