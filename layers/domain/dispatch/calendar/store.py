"""A mechanic's calendar: what they said, what is booked, and who has which quarter hour.

All in one partition. The bookings tell what is there to whoever reads; the quarter hours decide:
of all who want one at once, one gets it. Whoever writes any of it writes the calendar's next
revision, too, so what was decided on was all there is, and what is written here needs no condition
of its own but that on the quarter hours.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from dispatch.calendar.model import Availability, Booking, BookingRef, Calendar, TimeOff
from dispatch.calendar.rules import LOOKED_BACK, buckets
from dispatch.core.table import (
    IS_NEW,
    Item,
    Key,
    Otherwise,
    Page,
    Transaction,
    get,
    get_many,
    query,
)
from dispatch.core.time import format_time

BOOKINGS_KEPT = timedelta(days=30)
LAPSED_KEPT = timedelta(days=1)
_BOOKING = "BOOKING#"
_BUCKET = "BUCKET#"
_LAST = "~"

_SAME_REVISION = "#revision = :revision_read"
_FREE_OR_OWN = (
    "attribute_not_exists(#pk) OR #held_until <= :now OR #session_id = :session_id"
    " OR (#customer_id = :customer_id AND attribute_exists(#held_until))"
)
_OWN = "#session_id = :session_id"


def subject(mechanic_id: str) -> str:
    """The partition of a mechanic's calendar."""
    return f"CALENDAR#{mechanic_id}"


# What the mechanic said


def _key(mechanic_id: str) -> Key:
    return Key(subject(mechanic_id), "RULES")


def find(mechanic_id: str) -> Calendar | None:
    item = get(_key(mechanic_id))
    return _calendar(item) if item else None


def find_many(mechanic_ids: Iterable[str]) -> list[Calendar]:
    """Of those who have said anything yet, in any order; at most a hundred."""
    return [_calendar(item) for item in get_many([_key(id_) for id_ in mechanic_ids])]


def _calendar(item: Item) -> Calendar:
    return Calendar(
        mechanic_id=item["pk"].removeprefix(subject("")),
        availability=msgspec.json.decode(item["availability"], type=Availability),
        time_off=msgspec.json.decode(item["time_off"], type=tuple[TimeOff, ...]),
        version=item["version"],
        revision=item["revision"],
    )


def put(tx: Transaction, calendar: Calendar) -> None:
    """Write what the mechanic said, provided that nothing has changed since it was read."""
    tx.put(
        {
            **_key(calendar.mechanic_id)._asdict(),
            "entity": "calendar",
            "availability": msgspec.json.encode(calendar.availability).decode(),
            "time_off": msgspec.json.encode(calendar.time_off).decode(),
            "version": calendar.version,
            "revision": calendar.revision + 1,
        },
        when=_SAME_REVISION if calendar.revision else IS_NEW,
        values={":revision_read": calendar.revision},
    )


def forget(tx: Transaction, mechanic_id: str) -> None:
    tx.delete(_key(mechanic_id))


def touch(tx: Transaction, calendar: Calendar) -> None:
    """What is booked changes, provided that nothing has since the calendar was read."""
    tx.update(
        _key(calendar.mechanic_id),
        "SET #revision = :revision",
        {":revision": calendar.revision + 1, ":revision_read": calendar.revision},
        when=_SAME_REVISION,
    )


# Bookings


def _booking_key(ref: BookingRef) -> Key:
    return Key(subject(ref.mechanic_id), f"{_BOOKING}{format_time(ref.start)}#{ref.session_id}")


def _booking(item: Item) -> Booking:
    return msgspec.json.decode(item["booking"], type=Booking)


def find_booking(ref: BookingRef) -> Booking | None:
    item = get(_booking_key(ref))
    return _booking(item) if item else None


def bookings(mechanic_id: str, start: datetime, end: datetime | None = None) -> list[Booking]:
    """All that share time with the stretch, in order; lapsed holds too. One query."""
    page = query(subject(mechanic_id), between=_between(start, end))
    found = (_booking(item) for item in page.items)
    return [booking for booking in found if booking.buffer_end > start]


def bookings_page(mechanic_id: str, start: datetime, limit: int, cursor: str | None) -> Page:
    """Those that are not over at ``start`` or were not a day before, earliest first.

    ``items`` as ``bookings_of`` takes them.
    """
    return query(subject(mechanic_id), between=_between(start, None), limit=limit, cursor=cursor)


def _between(start: datetime, end: datetime | None) -> tuple[str, str]:
    since = format_time(start - LOOKED_BACK)
    return f"{_BOOKING}{since}", f"{_BOOKING}{format_time(end) if end else _LAST}"


def bookings_of(page: Page) -> list[Booking]:
    return [_booking(item) for item in page.items]


def put_booking(tx: Transaction, booking: Booking) -> None:
    tx.put(
        {
            **_booking_key(booking.ref)._asdict(),
            "entity": "booking",
            "version": booking.version,
            "booking": msgspec.json.encode(booking).decode(),
            "expires_ttl": _expires(booking),
        }
    )


def drop_booking(tx: Transaction, booking: Booking) -> None:
    tx.delete(_booking_key(booking.ref))


def _expires(booking: Booking) -> int:
    held = booking.held_until
    until = held + LAPSED_KEPT if held else booking.buffer_end + BOOKINGS_KEPT
    return int(until.timestamp())


# Quarter hours


def _bucket_key(mechanic_id: str, at: datetime) -> Key:
    return Key(subject(mechanic_id), f"{_BUCKET}{format_time(at)}")


def own_buckets(booking: Booking) -> list[datetime]:
    """The quarter hours of a booking that nobody else has taken since."""
    touched = {
        _bucket_key(booking.mechanic_id, at): at
        for at in buckets(booking.start, booking.buffer_end)
    }
    found = get_many(list(touched))
    return sorted(
        touched[Key(item["pk"], item["sk"])]
        for item in found
        if item["session_id"] == booking.session_id
    )


def take_bucket(
    tx: Transaction, booking: Booking, at: datetime, now: datetime, otherwise: Otherwise
) -> None:
    """Provided that it is free, its hold has lapsed, or it is this session's or a hold of this
    customer's."""
    tx.put(
        _bucket(booking, at),
        when=_FREE_OR_OWN,
        values={
            ":now": format_time(now),
            ":session_id": booking.session_id,
            ":customer_id": booking.customer_id,
        },
        otherwise=otherwise,
    )


def confirm_bucket(tx: Transaction, booking: Booking, at: datetime, otherwise: Otherwise) -> None:
    """The hold on it has no deadline any more, provided that nobody else has taken it."""
    values = {":session_id": booking.session_id}
    tx.put(_bucket(booking, at), when=_OWN, values=values, otherwise=otherwise)


def free_bucket(tx: Transaction, booking: Booking, at: datetime) -> None:
    """Provided that it is this session's."""
    values = {":session_id": booking.session_id}
    tx.delete(_bucket_key(booking.mechanic_id, at), when=_OWN, values=values)


def _bucket(booking: Booking, at: datetime) -> Item:
    held = {"held_until": format_time(booking.held_until)} if booking.held_until else {}
    return {
        **_bucket_key(booking.mechanic_id, at)._asdict(),
        "entity": "bucket",
        "session_id": booking.session_id,
        "customer_id": booking.customer_id,
        "expires_ttl": _expires(booking),
        **held,
    }
