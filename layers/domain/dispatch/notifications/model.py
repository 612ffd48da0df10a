"""Devices, and what is sent to them. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Platform(StrEnum):
    FCM = "fcm"
    APNS = "apns"
    APNS_SANDBOX = "apns_sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One app on one device of one user. A disabled one is reached by polling only."""

    user_id: str
    device_id: str
    platform: Platform
    token: str
    endpoint_arn: str
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One fact for one person. ``data`` is for the app, ids and codes only.

    ``id`` is the same whenever the same fact is told to the same person. After ``expires_at`` it
    is not worth telling; None is worth telling for a day.
    """

    id: str
    user_id: str
    type: str
    title: str
    body: str
    data: dict[str, str]
    expires_at: datetime | None = None
