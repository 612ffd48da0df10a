"""Devices and notices as they are shown. Imported by HTTP functions only."""

from typing import Any

from pydantic import Field

from dispatch.core.examples import (
    ASSIGNMENT_ID,
    CITY,
    KEYWORDS,
    OFFER_ENDS_AT,
    OFFERED_AT,
    SESSION_ID,
)
from dispatch.core.views import Instant, View, by_example
from dispatch.notifications.model import Channel, Entry, NoticeStatus, NoticeType, Platform

POLL_AFTER_S = 15
"""Pushes are faster; who has none polls sessions and queue for what is urgent."""


class DeviceView(View):
    """A registered device; a disabled one gets no pushes until it is registered again."""

    model_config = by_example({"device_id": "jos-phone", "platform": "fcm", "enabled": True})

    device_id: str
    platform: Platform
    enabled: bool


_OFFER: dict[str, Any] = {
    "id": f"{ASSIGNMENT_ID}-push",
    "type": "offer_made",
    "channel": "push",
    "status": "sent",
    "reason": None,
    "title": "New session for you",
    "body": f"{', '.join(KEYWORDS)} - {CITY}",
    "data": {"session_id": SESSION_ID, "assignment_id": ASSIGNMENT_ID},
    "created_at": OFFERED_AT,
    "expires_at": OFFER_ENDS_AT,
    "sent_at": OFFERED_AT,
    "seen_at": None,
}


class NoticeView(View):
    """One fact told through one channel.

    A push is `queued`, then `sent` or `failed`; a mail may be known to be `delivered` or
    `bounced`; `seen` is either once it was opened in the app.
    """

    model_config = by_example(_OFFER | {"status": "seen", "seen_at": "2026-03-02T14:03:21.600Z"})

    id: str
    type: NoticeType
    channel: Channel
    status: NoticeStatus
    reason: str | None = Field(
        description="Why it failed, bounced, or is tried again: `no_device`, `device_disabled`, "
        "`no_address`, `mail_limit` (five mails of a type a day), `withdrawn`, `too_late`, or "
        "what the provider said"
    )
    title: str
    body: str
    data: dict[str, str] = Field(description="Ids and codes to act on")
    created_at: Instant = Field(description="When it happened")
    expires_at: Instant = Field(description="Not worth telling after")
    sent_at: Instant | None
    seen_at: Instant | None


class NoticeList(View):
    """Newest first. A fact that was pushed and mailed is there twice, by `channel`."""

    model_config = by_example(
        {
            "items": [
                _OFFER,
                _OFFER
                | {
                    "id": "01KJQA4N40C3ZP4M2XV8R7T6HW-mail",
                    "type": "mechanic_clocked_out",
                    "channel": "mail",
                    "status": "bounced",
                    "reason": "bounce_permanent_general",
                    "title": "You are off shift",
                    "body": "You missed several offers in a row. Clock in again when you are back.",
                    "data": {"shift_id": "01KJPX9Q2E5V8S1D7N3B6M4K0R", "cause": "three_misses"},
                    "created_at": "2026-03-01T21:14:05.210Z",
                    "expires_at": "2026-03-02T21:14:05.210Z",
                    "sent_at": "2026-03-01T21:14:06.020Z",
                },
            ],
            "next_cursor": None,
            "poll_after_s": POLL_AFTER_S,
        }
    )

    items: list[NoticeView]
    next_cursor: str | None
    poll_after_s: int

    @classmethod
    def of(cls, entries: list[Entry], next_cursor: str | None) -> "NoticeList":
        return cls(
            items=[NoticeView.model_validate(entry) for entry in entries],
            next_cursor=next_cursor,
            poll_after_s=POLL_AFTER_S,
        )
