"""Facts: past tense, never changed, ids and codes only.

An event is written in the transaction of the change it tells of, under the partition of its
subject. The relay publishes it with the attribute ``type``; consumers get ``message(item)``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from dispatch.core.ids import new_id
from dispatch.core.time import format_time

PREFIX = "EVENT#"
_KEYS = frozenset({"pk", "sk", "entity", "schema"})


class EventType(StrEnum):
    """Every fact there is; ``docs/events.md`` tells what each carries."""

    SESSION_BOOKED = "SessionBooked"
    WAIVER_SIGNED = "WaiverSigned"
    SESSION_PENDING = "SessionPending"
    SESSION_SCHEDULED = "SessionScheduled"
    SESSION_RESCHEDULED = "SessionRescheduled"
    SESSION_REMINDER = "SessionReminder"
    BOOKING_DELAYED = "BookingDelayed"
    BOOKING_BEGAN = "BookingBegan"
    BOOKING_CLASH = "BookingClash"
    OFFERS_MADE = "OffersMade"
    OFFER_ACCEPTED = "OfferAccepted"
    OFFER_DECLINED = "OfferDeclined"
    OFFERS_EXPIRED = "OffersExpired"
    OFFER_RELEASED = "OfferReleased"
    SESSION_REASSIGNED = "SessionReassigned"
    BROADCAST_ANNOUNCED = "BroadcastAnnounced"
    MECHANIC_JOINED = "MechanicJoined"
    CUSTOMER_JOINED = "CustomerJoined"
    SESSION_STARTED = "SessionStarted"
    SESSION_COMPLETED = "SessionCompleted"
    SESSION_CANCELLED = "SessionCancelled"
    SESSION_RATED = "SessionRated"
    SESSION_UNFILLED = "SessionUnfilled"
    CUSTOMER_NOT_JOINED = "CustomerNotJoined"
    MECHANIC_NOT_JOINED = "MechanicNotJoined"
    PREFERRED_PASSED_OVER = "PreferredPassedOver"
    ALL_OFFLINE = "AllOffline"
    CAPACITY_LEFT = "CapacityLeft"
    CAPACITY_RENEWED = "CapacityRenewed"
    MECHANIC_FREED = "MechanicFreed"
    MECHANIC_CLOCKED_IN = "MechanicClockedIn"
    MECHANIC_CLOCKED_OUT = "MechanicClockedOut"
    SHIFT_CLOSING = "ShiftClosing"
    MECHANIC_CHANGED = "MechanicChanged"
    MECHANIC_APPROVED = "MechanicApproved"
    MECHANIC_SUSPENDED = "MechanicSuspended"
    MECHANIC_REINSTATED = "MechanicReinstated"
    WAITLIST_JOINED = "WaitlistJoined"
    WAITLIST_TOLD = "WaitlistTold"
    WAITLIST_WOKEN = "WaitlistWoken"
    WAITLIST_ENDED = "WaitlistEnded"
    DEVICE_DISABLED = "DeviceDisabled"
    UPLOAD_CONFIRMED = "UploadConfirmed"
    UPLOAD_REJECTED = "UploadRejected"
    CUSTOMER_ERASED = "CustomerErased"
    POLICY_CHANGED = "PolicyChanged"
    PAYMENT_RECEIVED = "PaymentReceived"
    REFUND_DUE = "RefundDue"
    REFUND_MADE = "RefundMade"
    REFUND_FAILED = "RefundFailed"


@dataclass(frozen=True, slots=True)
class Event:
    """``subject`` is the partition of what the fact is about."""

    type: EventType
    subject: str
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)


def event_item(event: Event, after: str | None = None) -> dict[str, Any]:
    """The item that records the event; it sorts behind the one with the id ``after``."""
    id_ = new_id(event.at, after)
    return {
        **event.facts,
        "pk": event.subject,
        "sk": f"{PREFIX}{id_}",
        "entity": "event",
        "id": id_,
        "type": event.type,
        "at": format_time(event.at),
    }


def message(item: Mapping[str, Any]) -> dict[str, Any]:
    """What consumers are told of a recorded event."""
    return {name: value for name, value in item.items() if name not in _KEYS}
