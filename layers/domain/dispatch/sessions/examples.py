"""A session of the API document's story, at its stages and as either side sees it."""

from typing import Any

from dispatch.core.examples import (
    ACCEPTED_AT,
    BOOKED_AT,
    CITY,
    CONCERN,
    CUSTOMER_ID,
    KEYWORDS,
    MECHANIC_ID,
    NAME,
    PHONE,
    SCHEDULED_END,
    SCHEDULED_START,
    SESSION_ID,
    SIGNED_AT,
    VEHICLE,
)
from dispatch.mechanics.views import ADA

_Example = dict[str, Any]

PENDING: _Example = {
    "id": SESSION_ID,
    "status": "pending",
    "next": None,
    "type": "chat",
    "plan": "free",
    "minutes": 15,
    "price_cents": 0,
    "credits": 0,
    "payment_method": "free",
    "urgent": False,
    "request_type": "general",
    "requested_brand": None,
    "keywords": KEYWORDS,
    "concern_preview": CONCERN,
    "concern": CONCERN,
    "attachments": [],
    "vehicle": {**VEHICLE, "vin": None, "plate": None, "odometer_km": None},
    "city": CITY,
    "created_at": BOOKED_AT,
    "awaiting_until": None,
    "pending_since": SIGNED_AT,
    "pending_until": "2026-03-02T14:33:17.064Z",
    "scheduled_start": None,
    "scheduled_end": None,
    "mechanic": None,
    "customer": None,
    "preferred": None,
    "options": [],
    "accepted_at": None,
    "mechanic_due_by": None,
    "customer_due_by": None,
    "mechanic_joined_at": None,
    "customer_joined_at": None,
    "live_at": None,
    "ends_by": None,
    "ended_at": None,
    "ended_by": None,
    "end_reason": None,
    "refund": None,
    "rating": None,
    "poll_after_s": 2,
}
"""Just signed, as the customer sees it."""

WAITING = PENDING | {
    "status": "waiting",
    "next": "join",
    "mechanic": ADA,
    "accepted_at": ACCEPTED_AT,
    "pending_until": None,
    "mechanic_due_by": "2026-03-02T14:08:57.103Z",
}

LIVE = WAITING | {
    "status": "live",
    "next": None,
    "mechanic_joined_at": "2026-03-02T14:04:02.218Z",
    "customer_due_by": "2026-03-02T14:14:02.218Z",
    "customer_joined_at": "2026-03-02T14:04:31.750Z",
    "live_at": "2026-03-02T14:04:31.750Z",
    "ends_by": "2026-03-02T14:29:31.750Z",
    "poll_after_s": 5,
}

COMPLETED = LIVE | {
    "status": "completed",
    "ended_at": "2026-03-02T14:18:07.032Z",
    "ended_by": "customer",
    "poll_after_s": 30,
}

RATED = COMPLETED | {
    "rating": {
        "stars": 5,
        "comment": "Found it in five minutes",
        "rated_at": "2026-03-02T14:20:11.340Z",
    }
}

CANCELLED = WAITING | {
    "status": "cancelled",
    "next": None,
    "ended_at": "2026-03-02T14:03:55.640Z",
    "ended_by": "customer",
    "end_reason": "The light went off by itself",
    "refund": {"percent": 100, "price_cents": 0, "credits": 0},
    "poll_after_s": 30,
}

ACCEPTED = WAITING | {
    "customer": {"id": CUSTOMER_ID, "name": NAME, "phone": PHONE},
    "attachments": [
        {
            "key": f"attachments/{CUSTOMER_ID}/01KJQDN4S2M8G0C5Q7XJ3VBEZT",
            "content_type": "image/jpeg",
            "size_bytes": 482133,
            "url": "https://uploads.s3.ca-central-1.amazonaws.com/attachments/...",
            "url_expires_at": "2026-03-02T15:00:00.000Z",
        }
    ],
}
CALLED_OFF: _Example = {
    "id": SESSION_ID,
    "status": "cancelled",
    "customer_id": CUSTOMER_ID,
    "mechanic_id": MECHANIC_ID,
    "plan": "quick",
    "payment_method": "credits",
    "price_cents": 999,
    "credits": 10,
    "created_at": BOOKED_AT,
    "scheduled_start": None,
    "pending_until": None,
    "ended_at": "2026-03-02T14:03:55.640Z",
    "ended_by": "admin",
    "end_reason": "The driver has called us: it is an emergency",
    "refund": {"percent": 100, "price_cents": 0, "credits": 10},
}
"""As admins see it, who have just cancelled it."""

REASSIGNED = CALLED_OFF | {
    "status": "pending",
    "mechanic_id": None,
    "pending_until": "2026-03-02T14:33:58.417Z",
    "ended_at": None,
    "ended_by": None,
    "end_reason": None,
    "refund": None,
}

ACCEPTED = WAITING | {"customer": {"id": CUSTOMER_ID, "name": NAME, "phone": PHONE}}
"""As its mechanic sees it."""

SCHEDULED = WAITING | {
    "status": "scheduled",
    "next": None,
    "pending_since": None,
    "accepted_at": None,
    "mechanic_due_by": None,
    "scheduled_start": SCHEDULED_START,
    "scheduled_end": SCHEDULED_END,
    "preferred": {"mechanic_id": MECHANIC_ID, "outcome": "booked"},
    "poll_after_s": 30,
}

DECLINED = PENDING | {"concern": None}
"""Still pending, as a mechanic sees it who passed."""

RELEASED = DECLINED | {
    "pending_since": "2026-03-02T14:03:58.417Z",
    "pending_until": "2026-03-02T14:33:58.417Z",
}
