"""What callers are shown of sessions. Imported by HTTP functions only."""

from datetime import datetime
from typing import Any

from pydantic import Field

from dispatch.core.examples import (
    ACCEPTED_AT,
    ASSIGNMENT_ID,
    AWAITING_UNTIL,
    BOOKED_AT,
    KEYWORDS,
    MECHANIC_ID,
    OFFER_ENDS_AT,
    OFFERED_AT,
    SESSION_ID,
    SIGNED_AT,
)
from dispatch.core.table import Page
from dispatch.core.views import Instant, View, by_example
from dispatch.matching.model import RequestType, WayOn
from dispatch.mechanics.views import PublicMechanic
from dispatch.policy.model import SessionType
from dispatch.sessions import examples, rules
from dispatch.sessions.model import AWAITING, Party, PaymentMethod, Session, Status
from dispatch.sessions.service import Details, Sessions
from dispatch.uploads.model import Link


class IntakeView(View):
    """The new session, and what to do next."""

    model_config = by_example(
        {
            "session_id": SESSION_ID,
            "status": "awaiting_waiver",
            "next": "sign_waiver",
            "keywords": KEYWORDS,
            "price_cents": 0,
            "credits": 0,
            "scheduled_start": None,
        }
    )

    session_id: str
    status: Status
    next: str | None = Field(examples=["sign_waiver"])
    keywords: tuple[str, ...] = Field(examples=[["check engine light", "engine diagnostic"]])
    price_cents: int
    credits: int
    scheduled_start: Instant | None = Field(None, description="The slot that is held for it")

    @classmethod
    def of(cls, session: Session) -> "IntakeView":
        return cls(
            session_id=session.id,
            status=session.status,
            next=rules.next_step(session, Party.CUSTOMER),
            keywords=session.keywords,
            price_cents=session.price_cents,
            credits=session.credits,
            scheduled_start=session.scheduled_start,
        )


class VehicleView(View):
    """The car, as it was when it was booked. Who has not accepted sees no VIN and no plate."""

    year: int
    make: str
    model: str
    vin: str | None = None
    plate: str | None = None
    odometer_km: int | None = None


class RefundView(View):
    """What a session that is off gives back, in the means it was paid by."""

    percent: int
    price_cents: int
    credits: int


class RatingView(View):
    """What the customer has given."""

    stars: int
    comment: str | None
    rated_at: Instant


class CustomerView(View):
    """Whom the assigned mechanic is to help."""

    id: str
    name: str
    phone: str


class SessionSummary(View):
    """A session in a list."""

    id: str
    status: Status
    next: str | None = Field(description="`sign_waiver`, `pay`, `join` or null")
    type: SessionType
    plan: str
    urgent: bool
    keywords: tuple[str, ...]
    concern_preview: str
    city: str | None
    created_at: Instant
    scheduled_start: Instant | None
    mechanic_id: str | None
    live_at: Instant | None
    ended_at: Instant | None

    @classmethod
    def of(cls, session: Session, viewer_id: str) -> "SessionSummary":
        return cls(**_common(session, viewer_id), mechanic_id=session.mechanic_id)


_SUMMARY = {
    "mechanic_id": MECHANIC_ID,
    **{
        name: value
        for name, value in examples.WAITING.items()
        if name in SessionSummary.model_fields
    },
}


class SessionList(View):
    """Newest first."""

    model_config = by_example({"items": [_SUMMARY], "next_cursor": None})

    items: list[SessionSummary]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Sessions, viewer_id: str) -> "SessionList":
        return cls(
            items=[SessionSummary.of(session, viewer_id) for session in page.items],
            next_cursor=page.cursor,
        )


class PreferredView(View):
    """What became of the customer's wish for a mechanic.

    `undecided`, `offered`, `accepted`, `booked` (it is scheduled with them); why they were passed
    over: `not_eligible`, `off_shift`, `at_capacity`, `declined`, `expired`, `clocked_out`,
    `undeliverable`, `cancelled` (the session was, while they were asked); or why they no longer
    have the session: `released`, `not_joined`.
    """

    mechanic_id: str
    outcome: str = Field(examples=["offered"])


class AttachmentView(View):
    """A file that the customer has sent along. Files are kept for 180 days."""

    key: str
    content_type: str
    size_bytes: int
    url: str = Field(description="Where it can be read, without a token")
    url_expires_at: Instant = Field(description="Ask again for another one by then")

    @classmethod
    def of(cls, link: Link) -> "AttachmentView":
        return cls(
            key=link.attachment.key,
            content_type=link.attachment.content_type,
            size_bytes=link.attachment.size_bytes,
            url=link.url,
            url_expires_at=link.url_expires_at,
        )


class SessionView(View):
    """A session as its customer or its mechanic sees it.

    ``customer``, ``concern``, ``attachments``, VIN and plate are for the assigned mechanic and the
    customer; a mechanic who has not accepted gets ``concern_preview`` and ``city``.
    """

    model_config = by_example(examples.WAITING)

    id: str
    status: Status
    next: str | None = Field(description="`sign_waiver`, `pay`, `join` or null")
    type: SessionType
    plan: str
    minutes: int
    price_cents: int
    credits: int
    payment_method: PaymentMethod
    urgent: bool
    request_type: RequestType
    requested_brand: str | None
    keywords: tuple[str, ...]
    concern_preview: str
    concern: str | None
    attachments: list[AttachmentView] = Field([], description="What was sent along")
    vehicle: VehicleView | None
    city: str | None
    created_at: Instant
    awaiting_until: Instant | None
    pending_since: Instant | None
    pending_until: Instant | None
    scheduled_start: Instant | None
    scheduled_end: Instant | None
    mechanic: PublicMechanic | None
    customer: CustomerView | None
    preferred: PreferredView | None = None
    options: tuple[WayOn, ...] = Field((), description="The ways on, once nobody is there")
    accepted_at: Instant | None
    mechanic_due_by: Instant | None = Field(description="Joins by then, or another is sought")
    customer_due_by: Instant | None = Field(description="Joins by then, or has missed it")
    mechanic_joined_at: Instant | None
    customer_joined_at: Instant | None
    live_at: Instant | None
    ends_by: Instant | None
    ended_at: Instant | None
    ended_by: Party | None
    end_reason: str | None
    refund: RefundView | None
    rating: RatingView | None = Field(description="The customer's own to see")
    poll_after_s: int

    @classmethod
    def of(cls, details: Details) -> "SessionView":
        session, contact = details.session, details.contact
        for_mechanic = details.viewer_id != session.customer_id
        awaits = session.status in AWAITING
        return cls(
            **_common(session, details.viewer_id),
            minutes=session.minutes,
            price_cents=session.price_cents,
            credits=session.credits,
            payment_method=session.payment_method,
            request_type=session.request_type,
            requested_brand=session.requested_brand,
            concern=contact.concern if contact else None,
            attachments=[AttachmentView.of(link) for link in details.attachments],
            vehicle=VehicleView.model_validate(session.vehicle) if session.vehicle else None,
            awaiting_until=session.awaiting_until if awaits else None,
            pending_since=session.pending_since,
            pending_until=session.pending_until,
            scheduled_end=session.scheduled_end,
            mechanic=PublicMechanic.of(details.mechanic) if details.mechanic else None,
            customer=CustomerView(id=session.customer_id, name=contact.name, phone=contact.phone)
            if contact and for_mechanic
            else None,
            preferred=PreferredView(
                mechanic_id=session.preferred_mechanic_id, outcome=details.preferred_outcome
            )
            if session.preferred_mechanic_id and details.preferred_outcome
            else None,
            options=details.options,
            accepted_at=session.accepted_at,
            mechanic_due_by=session.mechanic_due_by,
            customer_due_by=session.customer_due_by,
            mechanic_joined_at=session.mechanic_joined_at,
            customer_joined_at=session.customer_joined_at,
            ends_by=session.ends_by,
            ended_by=session.ended_by,
            end_reason=session.end_reason,
            refund=RefundView.model_validate(session.refund) if session.refund else None,
            rating=_rating(details),
            poll_after_s=rules.poll_after_s(session),
        )


def _rating(details: Details) -> RatingView | None:
    session, contact = details.session, details.contact
    if session.rating is None or contact is None or details.viewer_id != session.customer_id:
        return None
    return RatingView(
        stars=session.rating.stars,
        comment=contact.rating_comment,
        rated_at=session.rating.rated_at,
    )


def _common(session: Session, viewer_id: str) -> dict[str, Any]:
    is_customer = viewer_id == session.customer_id
    party = Party.CUSTOMER if is_customer else Party.MECHANIC
    may_act = is_customer or viewer_id == session.mechanic_id
    return {
        "id": session.id,
        "status": session.status,
        "next": rules.next_step(session, party) if may_act else None,
        "type": session.type,
        "plan": session.plan,
        "urgent": session.urgent,
        "keywords": session.keywords,
        "concern_preview": session.concern_preview,
        "city": session.location.city,
        "created_at": session.created_at,
        "scheduled_start": session.scheduled_start,
        "live_at": session.live_at,
        "ended_at": session.ended_at,
    }


class AdminSessionView(View):
    """A session as admins see it: ids, states and money; nothing of who the customer is."""

    model_config = by_example(examples.CALLED_OFF)

    id: str
    status: Status
    customer_id: str
    mechanic_id: str | None
    plan: str
    payment_method: PaymentMethod
    price_cents: int
    credits: int
    created_at: Instant
    scheduled_start: Instant | None
    pending_until: Instant | None
    ended_at: Instant | None
    ended_by: Party | None
    end_reason: str | None
    refund: RefundView | None


class TimelineEntry(View):
    """One fact of a session's timeline; ``detail`` holds ids and codes only."""

    id: str
    type: str = Field(examples=["OfferAccepted"])
    at: Instant
    detail: dict[str, Any]


def _entry(id_: str, at: str, type_: str, **detail: Any) -> dict[str, Any]:
    return {"id": id_, "type": type_, "at": at, "detail": detail}


class Timeline(View):
    """Oldest first."""

    model_config = by_example(
        {
            "items": [
                _entry(
                    "01KJQDPH4RBXN55QV0JH6PD2JK",
                    BOOKED_AT,
                    "SessionBooked",
                    plan="free",
                    keywords=KEYWORDS,
                    awaiting_until=AWAITING_UNTIL,
                ),
                _entry("01KJQDQYP8B2YXP07C21BFW5B3", SIGNED_AT, "WaiverSigned"),
                _entry("01KJQDQYP8B2YXP07C21BFW5B4", SIGNED_AT, "SessionPending", period=1),
                _entry(
                    "01KJQDQYVW3B6Q9M71R5ZJ8KTD",
                    OFFERED_AT,
                    "OffersMade",
                    period=1,
                    mechanics_asked=3,
                    expires_at=OFFER_ENDS_AT,
                ),
                _entry(
                    "01KJQDS8F9MHXGDH0VCNCWC7J6",
                    ACCEPTED_AT,
                    "OfferAccepted",
                    match_type="targeted",
                    mechanic_id=MECHANIC_ID,
                    assignment_id=ASSIGNMENT_ID,
                ),
            ],
            "next_cursor": None,
        }
    )

    items: list[TimelineEntry]
    next_cursor: str | None

    @classmethod
    def of(cls, session: Session, page: Page, viewer_id: str) -> "Timeline":
        return cls(
            items=[
                TimelineEntry(
                    id=fact["id"],
                    type=fact["type"],
                    at=datetime.fromisoformat(fact["at"]),
                    detail=rules.timeline_detail(fact, session, viewer_id),
                )
                for fact in page.items
            ],
            next_cursor=page.cursor,
        )
