"""The shift log: one item per shift, beside its mechanic."""

import msgspec

from dispatch.core.due import due_keys
from dispatch.core.table import Key, Transaction, get, query
from dispatch.shifts.model import Shift


def subject(mechanic_id: str) -> str:
    """The partition of a mechanic and of their events."""
    return f"MECHANIC#{mechanic_id}"


def _key(mechanic_id: str, shift_id: str) -> Key:
    return Key(subject(mechanic_id), f"SHIFT#{shift_id}")


def put(tx: Transaction, shift: Shift, *, closing: bool = False) -> None:
    """What is open is due at its end; what is closing ends with the session in hand."""
    key = _key(shift.mechanic_id, shift.id)
    is_due = shift.ended_at is None and not closing
    tx.put(
        {
            **key._asdict(),
            "entity": "shift",
            "log": msgspec.json.encode(shift).decode(),
            **(due_keys(key.pk, shift.closes_at) if is_due else {}),
        }
    )


def find(mechanic_id: str, shift_id: str) -> Shift:
    """Raises LookupError for a shift that was never opened."""
    item = get(_key(mechanic_id, shift_id))
    if item is None:
        raise LookupError(f"mechanic {mechanic_id} has no shift {shift_id}")
    return msgspec.json.decode(item["log"], type=Shift)


def of_mechanic(mechanic_id: str, limit: int, cursor: str | None) -> tuple[list[Shift], str | None]:
    """Those that are over, newest first, and the cursor of the next page."""
    shifts, cursor = _page(mechanic_id, limit, cursor)
    over = [shift for shift in shifts if shift.ended_at]
    if cursor and len(over) < limit:  # the open one, the newest, took a place
        more, cursor = _page(mechanic_id, limit - len(over), cursor)
        over += more
    return over, cursor


def _page(mechanic_id: str, limit: int, cursor: str | None) -> tuple[list[Shift], str | None]:
    page = query(subject(mechanic_id), prefix="SHIFT#", ascending=False, limit=limit, cursor=cursor)
    return [msgspec.json.decode(item["log"], type=Shift) for item in page.items], page.cursor
