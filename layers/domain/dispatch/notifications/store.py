"""Devices, who a push token belongs to, and everybody's ledger of notices."""

import hashlib
from datetime import datetime, timedelta

import msgspec

from dispatch.core.events import Event, EventType
from dispatch.core.ids import time_prefix
from dispatch.core.table import (
    IS_NEW,
    SAME_VERSION,
    SCHEMA,
    Item,
    Key,
    Otherwise,
    Transaction,
    get,
    query,
)
from dispatch.core.time import format_time, parse_time
from dispatch.notifications.model import Device, Entry, Platform, Registrations
from dispatch.quotas.model import Times

_NOTICES_KEPT_FOR = timedelta(days=90)
_COUNTS_KEPT_FOR = timedelta(days=7)
"""By then no fact of that day comes again, not even from a dead-letter queue."""


def subject(user_id: str) -> str:
    """The partition of a user's devices and notices, and of events about them."""
    return f"USER#{user_id}"


def _device_key(user_id: str, device_id: str) -> Key:
    return Key(subject(user_id), f"DEVICE#{device_id}")


def _token_key(platform: Platform, token: str) -> Key:
    digest = hashlib.sha256(f"{platform}/{token}".encode()).hexdigest()
    return Key(f"TOKEN#{digest}")


def _notice_key(user_id: str, notice_id: str) -> Key:
    return Key(subject(user_id), f"NOTICE#{notice_id}")


# Devices


def _device(item: Item) -> Device:
    registered_at = item.get("registered_at")
    return Device(
        user_id=item["pk"].removeprefix("USER#"),
        device_id=item["sk"].removeprefix("DEVICE#"),
        platform=Platform(item["platform"]),
        token=item["token"],
        endpoint_arn=item["endpoint_arn"],
        enabled=item["enabled"],
        registered_at=parse_time(registered_at) if registered_at else None,
    )


def find(user_id: str, device_id: str) -> Device | None:
    item = get(_device_key(user_id, device_id))
    return _device(item) if item else None


def devices_of(user_id: str) -> list[Device]:
    return [_device(item) for item in query(subject(user_id), prefix="DEVICE#").items]


def holder_of(platform: Platform, token: str) -> tuple[str, str] | None:
    """User and device that a push token is bound to."""
    item = get(_token_key(platform, token))
    return (item["user_id"], item["device_id"]) if item else None


def bind(
    tx: Transaction,
    device: Device,
    *,
    before: Device | None,
    holder: tuple[str, str] | None,
) -> None:
    """Bind the device to its token, provided that neither has changed since they were read."""
    item = {
        **_device_key(device.user_id, device.device_id)._asdict(),
        "entity": "device",
        "platform": device.platform,
        "token": device.token,
        "endpoint_arn": device.endpoint_arn,
        "enabled": device.enabled,
    }
    if device.registered_at:
        item["registered_at"] = format_time(device.registered_at)
    tx.put(
        item,
        when="#token = :token_read" if before else IS_NEW,
        values={":token_read": before.token if before else None},
    )
    bind_token(tx, device, holder=holder)


def bind_token(tx: Transaction, device: Device, *, holder: tuple[str, str] | None) -> None:
    """The token is this device's, provided that it is still bound as it was read."""
    user_id, device_id = holder or (None, None)
    tx.put(
        {
            **_token_key(device.platform, device.token)._asdict(),
            "entity": "token_binding",
            "user_id": device.user_id,
            "device_id": device.device_id,
        },
        when="#user_id = :holder AND #device_id = :held_on" if holder else IS_NEW,
        values={":holder": user_id, ":held_on": device_id},
    )


def forget_device(tx: Transaction, device: Device) -> None:
    """Drop the device, provided that its token has not moved on since it was read."""
    tx.delete(
        _device_key(device.user_id, device.device_id),
        when="attribute_not_exists(#pk) OR #token = :token",
        values={":token": device.token},
    )


def registrations_of(user_id: str) -> Registrations:
    """How often a user has registered a device."""
    item = get(_registrations_key(user_id))
    if item is None:
        return Registrations()
    return Registrations(item["version"], Times(item.get("hour", ""), item.get("times", 0)))


def _registrations_key(user_id: str) -> Key:
    return Key(subject(user_id), "REGISTRATIONS")


def count_registration(
    tx: Transaction, user_id: str, before: Registrations, of_hour: Times
) -> None:
    """One more, provided that there has been none since they were read.

    So that of two at the same time each sees the other's device, and there are never too many:
    neither devices, nor registrations in an hour.
    """
    tx.put(
        {
            **_registrations_key(user_id)._asdict(),
            "entity": "device_registrations",
            "version": before.version + 1,
            "hour": of_hour.window,
            "times": of_hour.count,
        },
        when=SAME_VERSION if before.version else IS_NEW,
        values={":version_read": before.version},
    )


def forget_token(tx: Transaction, device: Device) -> None:
    """Drop the binding of the device's token, provided that it is still this device's."""
    tx.delete(
        _token_key(device.platform, device.token),
        when="attribute_not_exists(#pk) OR (#user_id = :user_id AND #device_id = :device_id)",
        values={":user_id": device.user_id, ":device_id": device.device_id},
    )


def disable(tx: Transaction, device: Device, now: datetime) -> None:
    """No more pushes to this endpoint, and the fact of it.

    Provided that the device has pushes, and has not been registered anew since it was read.
    """
    again = "#registered_at = :registered_at" if device.registered_at else _NEVER_STAMPED
    tx.update(
        _device_key(device.user_id, device.device_id),
        "SET #enabled = :no",
        {
            ":no": False,
            ":yes": True,
            ":arn": device.endpoint_arn,
            ":registered_at": format_time(device.registered_at) if device.registered_at else None,
        },
        when=f"#endpoint_arn = :arn AND #enabled = :yes AND {again}",
    )
    record_unreached(tx, device, now)


def record_unreached(tx: Transaction, device: Device, now: datetime) -> None:
    """The fact that no push reaches a device any more."""
    facts = {"user_id": device.user_id, "device_id": device.device_id}
    tx.record(Event(EventType.DEVICE_DISABLED, subject(device.user_id), now, facts))


_NEVER_STAMPED = "attribute_not_exists(#registered_at)"


# The ledger


def entry_of(item: Item) -> Entry:
    return msgspec.json.decode(item["state"], type=Entry)


def find_entry(user_id: str, notice_id: str) -> Entry | None:
    item = get(_notice_key(user_id, notice_id))
    return entry_of(item) if item else None


def put(tx: Transaction, entry: Entry, otherwise: Otherwise | None = None) -> None:
    """Write the next version, provided that nobody else has."""
    tx.put(
        {
            **_notice_key(entry.user_id, entry.id)._asdict(),
            "entity": "notice",
            "version": entry.version,
            "state": msgspec.json.encode(entry).decode(),
            "expires_ttl": int((entry.created_at + _NOTICES_KEPT_FOR).timestamp()),
        },
        when=IS_NEW if entry.version == 1 else SAME_VERSION,
        values={":version_read": entry.version - 1},
        otherwise=otherwise,
    )


def count_mail(tx: Transaction, entry: Entry, most: int, otherwise: Otherwise) -> None:
    """One more mail of its type and day to this person, provided that there are not so many."""
    day = entry.created_at.date()
    tx.update(
        Key(subject(entry.user_id), f"MAILS#{day}#{entry.type}"),
        "SET #entity = :entity, #schema = :schema, #expires_ttl = :expires_ttl ADD #mails :one",
        {
            ":entity": "mail_count",
            ":schema": SCHEMA,
            ":expires_ttl": int((entry.created_at + _COUNTS_KEPT_FOR).timestamp()),
            ":one": 1,
            ":most": most,
        },
        when="attribute_not_exists(#pk) OR #mails < :most",
        otherwise=otherwise,
    )


def ledger_of(user_id: str, limit: int, cursor: str | None) -> tuple[list[Entry], str | None]:
    """A person's notices, newest first, and the cursor of the next page."""
    page = query(subject(user_id), prefix="NOTICE#", ascending=False, limit=limit, cursor=cursor)
    return [entry_of(item) for item in page.items], page.cursor


def told_between(user_id: str, since: datetime, until: datetime) -> list[Entry]:
    """A person's notices of facts from ``since`` up to ``until``, newest first."""
    between = (f"NOTICE#{time_prefix(since)}", f"NOTICE#{time_prefix(until)}~")
    page = query(subject(user_id), between=between, ascending=False)
    return [entry_of(item) for item in page.items]


# Forgetting a user

_AT_ONCE = 50


def forget_entry(tx: Transaction, user_id: str, notice_id: str) -> None:
    tx.delete(_notice_key(user_id, notice_id))


def forget_all(user_id: str) -> None:
    """Delete the whole partition of a user: ledger, counts and facts about them."""
    while items := query(subject(user_id), limit=_AT_ONCE).items:
        with Transaction() as tx:
            for item in items:
                tx.delete(Key(item["pk"], item["sk"]))
