"""Devices, who a push token belongs to, and the notices that were sent."""

import hashlib
from datetime import datetime, timedelta

from dispatch.core.table import IS_NEW, Item, Key, Transaction, get, query
from dispatch.core.time import format_time
from dispatch.notifications.model import Device, Notice, Platform

_NOTICES_KEPT_FOR = timedelta(days=90)


def _device_key(user_id: str, device_id: str) -> Key:
    return Key(f"USER#{user_id}", f"DEVICE#{device_id}")


def _token_key(platform: Platform, token: str) -> Key:
    digest = hashlib.sha256(f"{platform}/{token}".encode()).hexdigest()
    return Key(f"TOKEN#{digest}")


def _notice_key(notice: Notice) -> Key:
    return Key(f"USER#{notice.user_id}", f"NOTICE#{notice.id}")


def _device(item: Item) -> Device:
    return Device(
        user_id=item["pk"].removeprefix("USER#"),
        device_id=item["sk"].removeprefix("DEVICE#"),
        platform=Platform(item["platform"]),
        token=item["token"],
        endpoint_arn=item["endpoint_arn"],
        enabled=item["enabled"],
    )


def find(user_id: str, device_id: str) -> Device | None:
    item = get(_device_key(user_id, device_id))
    return _device(item) if item else None


def devices_of(user_id: str) -> list[Device]:
    return [_device(item) for item in query(f"USER#{user_id}", prefix="DEVICE#").items]


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
    tx.put(
        {
            **_device_key(device.user_id, device.device_id)._asdict(),
            "entity": "device",
            "platform": device.platform,
            "token": device.token,
            "endpoint_arn": device.endpoint_arn,
            "enabled": device.enabled,
        },
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


def forget_token(tx: Transaction, device: Device) -> None:
    """Drop the binding of the device's token, provided that it is still this device's."""
    tx.delete(
        _token_key(device.platform, device.token),
        when="attribute_not_exists(#pk) OR (#user_id = :user_id AND #device_id = :device_id)",
        values={":user_id": device.user_id, ":device_id": device.device_id},
    )


def disable(device: Device) -> None:
    """No more pushes to this endpoint. A device that was bound anew meanwhile is left alone."""
    with Transaction() as tx:
        tx.update(
            _device_key(device.user_id, device.device_id),
            "SET #enabled = :no",
            {":no": False, ":arn": device.endpoint_arn},
            when="#endpoint_arn = :arn",
        )


def was_sent(notice: Notice, device: Device) -> bool:
    """Whether this notice has reached SNS for this device before."""
    item = get(_notice_key(notice))
    return item is not None and device.device_id in item["sent_to"]


def mark_sent(notice: Notice, device: Device, now: datetime) -> None:
    """Note that SNS has taken it, so that a repeated message does not send it again."""
    with Transaction() as tx:
        tx.update(
            _notice_key(notice),
            "SET #entity = :entity, #schema = :one, #type = :type, #sent_at = :now, "
            "#expires_ttl = :ttl ADD #sent_to :device",
            {
                ":entity": "notice",
                ":one": 1,
                ":type": notice.type,
                ":now": format_time(now),
                ":ttl": int((now + _NOTICES_KEPT_FOR).timestamp()),
                ":device": {device.device_id},
            },
        )
