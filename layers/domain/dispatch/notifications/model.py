"""Devices, what people are told, and the ledger of it. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from dispatch.quotas.model import Times


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
    registered_at: datetime | None = None

    def is_same(self, other: "Device") -> bool:
        """Whether it is that device, perhaps as it was before or after."""
        return (self.user_id, self.device_id) == (other.user_id, other.device_id)


@dataclass(frozen=True, slots=True)
class Registrations:
    """How often a user has registered devices: in all, and in the latest hour in which they did."""

    version: int = 0
    of_hour: Times = field(default_factory=Times)


class Channel(StrEnum):
    PUSH = "push"
    MAIL = "mail"


class Side(StrEnum):
    """In which role somebody is told. One user may be both."""

    CUSTOMER = "customer"
    MECHANIC = "mechanic"


class Language(StrEnum):
    """What texts are written in. Anybody who asks for another gets English."""

    ENGLISH = "en"
    FRENCH = "fr"


class NoticeType(StrEnum):
    """What a notice is about: the word that apps act on."""

    OFFER_MADE = "offer_made"
    BROADCAST_ANNOUNCED = "broadcast_announced"
    OFFER_ACCEPTED = "offer_accepted"
    OFFER_RELEASED = "offer_released"
    MECHANIC_JOINED = "mechanic_joined"
    MECHANIC_NOT_JOINED = "mechanic_not_joined"
    PREFERRED_PASSED_OVER = "preferred_passed_over"
    ALL_OFFLINE = "all_offline"
    SESSION_UNFILLED = "session_unfilled"
    CUSTOMER_NOT_JOINED = "customer_not_joined"
    SESSION_CANCELLED = "session_cancelled"
    SESSION_COMPLETED = "session_completed"
    WAITLIST_TOLD = "waitlist_told"
    MECHANIC_CLOCKED_OUT = "mechanic_clocked_out"
    SESSION_SCHEDULED = "session_scheduled"
    SESSION_RESCHEDULED = "session_rescheduled"
    SESSION_REMINDER = "session_reminder"
    BOOKING_DELAYED = "booking_delayed"
    BOOKING_BEGAN = "booking_began"
    BOOKING_CLASH = "booking_clash"
    SESSION_REASSIGNED = "session_reassigned"
    MECHANIC_APPROVED = "mechanic_approved"
    MECHANIC_SUSPENDED = "mechanic_suspended"
    MECHANIC_REINSTATED = "mechanic_reinstated"


class While(StrEnum):
    """How long a notice that is not of something past goes on to be true."""

    SOUGHT = "sought"
    ALL_OFFLINE = "all_offline"
    TAKEN = "taken"
    CUSTOMER_DUE = "customer_due"
    TURN = "turn"


OFFER_WITHDRAWN = "offer_withdrawn"
"""The type of the silent push that takes a notice off a screen: it has no entry in the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one fact means to one person, before it is put into words.

    ``source`` is the id of the fact, or of the assignment it offers to this person: with the
    channel it makes the id of the ledger's entry. ``wording`` names the words and ``words`` are
    what they speak of. ``data`` is for the app, ids and codes only. After ``expires_at`` it is not
    worth telling.
    """

    source: str
    user_id: str
    side: Side
    type: NoticeType
    wording: str
    words: dict[str, str] = field(default_factory=dict)
    data: dict[str, str]
    at: datetime
    expires_at: datetime
    channels: tuple[Channel, ...] = (Channel.PUSH,)


class NoticeStatus(StrEnum):
    """Where an entry stands. Only mail can be known to be delivered or bounced."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    SEEN = "seen"


class Move(StrEnum):
    SEND = "send"
    FAIL = "fail"
    DELIVER = "deliver"
    BOUNCE = "bounce"
    SEE = "see"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of one attempt for good: SNS or SES took it as ``message_id``, or ``reason``.

    ``target`` is a device, or ``mail``. Both are set where the provider took it back later.
    """

    target: str
    message_id: str | None = None
    reason: str | None = None

    @property
    def went_out(self) -> bool:
        return self.message_id is not None and self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a person's ledger: one fact, told through one channel.

    ``settled`` once everything was sent or given up. Until then ``attempts`` counts those that
    left something to try again, for ``waiting``, at ``retry_at``. ``reason`` is why it failed or
    bounced, or why it is tried again. ``version`` is the lock.
    """

    id: str
    user_id: str
    channel: Channel
    side: Side
    type: NoticeType
    language: Language
    title: str
    body: str
    data: dict[str, str]
    created_at: datetime
    expires_at: datetime
    status: NoticeStatus = NoticeStatus.QUEUED
    reason: str | None = None
    sent_at: datetime | None = None
    seen_at: datetime | None = None
    settled: bool = False
    attempts: int = 0
    retry_at: datetime | None = None
    waiting: tuple[str, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A lost offer, to be taken off the screens of the mechanic who had it."""

    user_id: str
    session_id: str
    assignment_id: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail in words: one line of subject, and the same body twice."""

    subject: str
    text: str
    html: str


class InvitationMethod(StrEnum):
    """What a calendar is to do with an invitation (RFC 5546)."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class Invitation:
    """A booking as an ``.ics`` file for one person's calendar."""

    method: InvitationMethod
    content: bytes

    @property
    def media_type(self) -> str:
        """With the method: mail programs act on it only if it says the same as the content."""
        return f"text/calendar; method={self.method}; charset=UTF-8"
