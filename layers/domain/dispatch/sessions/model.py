"""A session: one consultation, from booking to its end. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dispatch.customers.model import Location
from dispatch.customers.model import Vehicle as Vehicle
from dispatch.matching.model import RequestType
from dispatch.policy.model import SessionType
from dispatch.uploads.model import Attachment


class Status(StrEnum):
    AWAITING_WAIVER = "awaiting_waiver"
    AWAITING_PAYMENT = "awaiting_payment"
    SCHEDULED = "scheduled"
    PENDING = "pending"
    WAITING = "waiting"
    LIVE = "live"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    UNFILLED = "unfilled"
    NO_SHOW = "no_show"


AWAITING = frozenset({Status.AWAITING_WAIVER, Status.AWAITING_PAYMENT})
"""Not signed or not paid yet. One deadline, ``awaiting_until``, ends both."""

ACTIVE = AWAITING | {Status.PENDING, Status.WAITING, Status.LIVE}
"""A customer has at most one session in these. A scheduled one counts from its start on."""


class Move(StrEnum):
    SIGN = "sign"
    SCHEDULE = "schedule"
    BILL = "sign and pay for"
    PAY = "pay for"
    REMIND = "be reminded of"
    RESCHEDULE = "reschedule"
    DELAY = "delay"
    BEGIN = "begin"
    SEEK = "seek a mechanic for"
    ABANDON = "abandon"
    ACCEPT = "accept"
    RELEASE = "release"
    REASSIGN = "reassign"
    JOIN = "join"
    START = "start"
    END = "end"
    CANCEL = "cancel"
    RATE = "rate"
    GIVE_UP = "give up"
    MISS_MECHANIC = "miss the mechanic"
    MISS_CUSTOMER = "miss the customer"


class Party(StrEnum):
    """Who did something: a side of the session, an admin, or the clock."""

    CUSTOMER = "customer"
    MECHANIC = "mechanic"
    ADMIN = "admin"
    TIMER = "timer"


class TakenBack(StrEnum):
    """Why a session was taken from the mechanic who had it, before it was live."""

    SUSPENDED = "suspended"
    REASSIGNED = "reassigned"


class Reminder(StrEnum):
    """How far ahead of a scheduled start both sides are reminded of it."""

    DAY = "24_h"
    HOUR = "1_h"
    QUARTER = "15_min"


class PaymentMethod(StrEnum):
    FREE = "free"
    CREDITS = "credits"
    STRIPE = "stripe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What the customer submits, checked and normalised.

    ``vehicle_id`` names one of the customer's garage, in place of ``vehicle``; ``attachments`` are
    the keys of uploads.
    """

    plan: str
    payment_method: PaymentMethod
    name: str
    email: str
    phone: str
    location: Location
    vehicle: Vehicle | None
    concern: str
    urgent: bool
    request_type: RequestType
    requested_brand: str | None
    prefer_local_mechanic: bool
    preferred_mechanic_id: str | None = None
    scheduled_start: datetime | None = None
    vehicle_id: str | None = None
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Who the customer is and the whole of what they wrote and sent. Apart from the session."""

    name: str
    email: str
    phone: str
    concern: str
    waiver_full_name: str | None = None
    waiver_signed_at: datetime | None = None
    attachments: tuple[Attachment, ...] = ()
    rating_comment: str | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """What a session that is off gives back: the share, and what that is of what was paid for it.

    In the means that it was paid by, and nothing of what was never paid.
    """

    percent: int
    price_cents: int
    credits: int


@dataclass(frozen=True, slots=True)
class Review:
    """What the customer says of a session: one to five stars, and words if they like."""

    stars: int
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """One to five stars by the customer. What they wrote with it stands with the contact."""

    stars: int
    rated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """``version`` is the lock: every write is guarded by the version that was read.

    ``awaiting_until`` ends both ``awaiting_*`` states, ``pending_until`` a pending one,
    ``mechanic_due_by`` and ``customer_due_by`` are how long each side waits for the other, and
    ``ends_by`` ends a live one. ``period`` counts how often it became pending,
    ``pending_left_s`` is what earlier periods have left of the time in all.

    A session with a ``scheduled_start`` is booked with its preferred mechanic, until
    ``scheduled_end``, the buffer not included. ``booking_version`` counts the changes of that: who
    was told of an older one is out of date. ``reminded`` were sent or were past when it was booked.
    ``delayed_until`` is when a start that had to wait is looked at again.

    ``paid_at`` is when it was paid, of credits when it was booked; ``payment_id`` is the payment by
    Stripe that counts for it. The free plan is never paid.
    """

    id: str
    customer_id: str
    status: Status
    plan: str
    type: SessionType
    minutes: int
    payment_method: PaymentMethod
    price_cents: int
    credits: int
    urgent: bool
    request_type: RequestType
    requested_brand: str | None
    prefer_local_mechanic: bool
    location: Location
    vehicle: Vehicle | None
    keywords: tuple[str, ...]
    concern_preview: str
    created_at: datetime
    awaiting_until: datetime
    paid_at: datetime | None = None
    payment_id: str | None = None
    version: int = 1
    policy_version: int | None = None
    period: int = 0
    pending_since: datetime | None = None
    pending_until: datetime | None = None
    pending_left_s: float = 0
    preferred_mechanic_id: str | None = None
    scheduled_start: datetime | None = None
    scheduled_end: datetime | None = None
    booking_version: int = 0
    reminded: frozenset[Reminder] = frozenset()
    delayed_until: datetime | None = None
    mechanic_due_by: datetime | None = None
    customer_due_by: datetime | None = None
    mechanic_id: str | None = None
    assignment_id: str | None = None
    accepted_at: datetime | None = None
    mechanic_joined_at: datetime | None = None
    customer_joined_at: datetime | None = None
    live_at: datetime | None = None
    ends_by: datetime | None = None
    ended_at: datetime | None = None
    ended_by: Party | None = None
    end_reason: str | None = None
    refund: Refund | None = None
    rating: Rating | None = None
