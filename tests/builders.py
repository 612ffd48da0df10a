"""What tests are about, valid as it is: each test says only what matters to it.

Mechanics and requests are in ``mechanic_builders``. Everything is built of plain values, not by
the rules under test.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from dispatch.core.time import format_time
from dispatch.customers.model import Location
from dispatch.matching.model import Badge, MatchRequest, Priority, RequestType
from dispatch.offers.model import (
    Assignment,
    AssignmentStatus,
    Dispatch,
    Match,
    MatchType,
    OfferKind,
    OpenOffer,
    SessionBrief,
    VehicleBrief,
)
from dispatch.policy.model import SessionType
from dispatch.sessions.model import Intake, Party, PaymentMethod, Session, Status, Vehicle
from tests.clock import NOON

ONE_MS = timedelta(milliseconds=1)
ONE_SECOND = timedelta(seconds=1)
ONE_MINUTE = timedelta(minutes=1)
TWO_MINUTES = timedelta(minutes=2)
FIVE_MINUTES = timedelta(minutes=5)
TEN_MINUTES = timedelta(minutes=10)
HALF_AN_HOUR = timedelta(minutes=30)
ONE_HOUR = timedelta(hours=1)

CUSTOMER = "customer-1"
MECHANIC = "mechanic-1"
RIVAL = "mechanic-2"
SESSION = "01K00000000000000000000S01"
OFFER = "01K00000000000000000000A01"
BROADCAST = "01K00000000000000000000B01"

TORONTO = Location("CA", "Ontario", "Toronto", "M5V 1A1")
CIVIC = Vehicle(2019, "Honda", "Civic", vin="2HGFC2F59KH500001")
CONCERN = "Check engine light on, rough idle, need diagnostics"


# Sessions


def an_intake_body(**fields: Any) -> dict[str, Any]:
    """What a customer in Toronto posts to book the free plan."""
    return {
        "plan": "free",
        "payment_method": "free",
        "name": "Jo Driver",
        "email": "jo@driver.example",
        "phone": "+1 416 555 0100",
        "customer_country": "Canada",
        "customer_state_province": "Ontario",
        "customer_city": "Toronto",
        "customer_postal_code": "M5V 1A1",
        "vehicle": {"year": 2019, "make": "Honda", "model": "Civic"},
        "concern": CONCERN,
        **fields,
    }


def an_intake(**fields: Any) -> Intake:
    return Intake(
        **{
            "plan": "free",
            "payment_method": PaymentMethod.FREE,
            "name": "Jo Driver",
            "email": "jo@driver.example",
            "phone": "+14165550100",
            "location": TORONTO,
            "vehicle": CIVIC,
            "concern": CONCERN,
            "urgent": False,
            "request_type": RequestType.GENERAL,
            "requested_brand": None,
            "prefer_local_mechanic": True,
            **fields,
        }
    )


def a_session(status: Status = Status.PENDING, **fields: Any) -> Session:
    """Booked at noon, with all that a session of this status has come through by then."""
    session = Session(
        id=SESSION,
        customer_id=CUSTOMER,
        status=status,
        plan="free",
        type=SessionType.CHAT,
        minutes=15,
        payment_method=PaymentMethod.FREE,
        price_cents=0,
        credits=0,
        urgent=False,
        request_type=RequestType.GENERAL,
        requested_brand=None,
        prefer_local_mechanic=True,
        location=TORONTO,
        vehicle=CIVIC,
        keywords=("check engine light", "engine diagnostic"),
        concern_preview=CONCERN,
        created_at=NOON,
        awaiting_until=NOON + HALF_AN_HOUR,
    )
    return replace(session, **{**_come_through(status), **fields})


def _come_through(status: Status) -> dict[str, Any]:
    signed = {
        "policy_version": 1,
        "period": 1,
        "pending_since": NOON,
        "pending_left_s": 3600,
    }
    accepted = {
        "mechanic_id": MECHANIC,
        "assignment_id": OFFER,
        "accepted_at": NOON,
        "mechanic_due_by": NOON + FIVE_MINUTES,
    }
    live = {
        "mechanic_joined_at": NOON,
        "customer_joined_at": NOON,
        "live_at": NOON,
        "ends_by": NOON + timedelta(minutes=25),
    }
    match status:
        case Status.AWAITING_PAYMENT:
            return {
                "plan": "quick",
                "payment_method": PaymentMethod.STRIPE,
                "price_cents": 999,
                "credits": 10,
            }
        case Status.SCHEDULED:
            return {
                "mechanic_id": MECHANIC,
                "preferred_mechanic_id": MECHANIC,
                "scheduled_start": NOON + timedelta(days=2),
                "scheduled_end": NOON + timedelta(days=2, minutes=15),
                "booking_version": 1,
            }
        case Status.PENDING:
            return signed | {"pending_until": NOON + HALF_AN_HOUR}
        case Status.WAITING:
            return signed | accepted
        case Status.LIVE:
            return signed | accepted | live
        case Status.COMPLETED:
            return signed | accepted | live | {"ended_at": NOON, "ended_by": Party.CUSTOMER}
        case Status.CANCELLED:
            return signed | {"ended_at": NOON, "ended_by": Party.CUSTOMER}
        case Status.UNFILLED:
            return signed | {"ended_at": NOON + HALF_AN_HOUR, "ended_by": Party.TIMER}
        case Status.NO_SHOW:
            came = {"mechanic_joined_at": NOON, "customer_due_by": NOON + TEN_MINUTES}
            ended = {"ended_at": NOON + TEN_MINUTES, "ended_by": Party.TIMER}
            return signed | accepted | came | ended
        case _:
            return {}


# Assignments and the dispatch they belong to


def a_brief(**fields: Any) -> SessionBrief:
    return SessionBrief(
        **{
            "id": SESSION,
            "type": SessionType.CHAT,
            "plan": "free",
            "urgent": False,
            "created_at": NOON,
            "vehicle": VehicleBrief(2019, "Honda", "Civic"),
            "keywords": ("check engine light", "engine diagnostic"),
            "concern_preview": CONCERN,
            "city": "Toronto",
            "minutes": 15,
            **fields,
        }
    )


def a_match(score: int = 160, **fields: Any) -> Match:
    return Match(
        **{
            "score": score,
            "reasons": ("Available now", "Local match - Toronto FSA M5V"),
            "badge": Badge.HIGH,
            "is_brand_specialist": False,
            "is_local_match": True,
            **fields,
        }
    )


def an_offer(status: AssignmentStatus = AssignmentStatus.OFFERED, **fields: Any) -> Assignment:
    """Made to one mechanic at noon, for five minutes."""
    return Assignment(
        **{
            "id": OFFER,
            "session_id": SESSION,
            "match_type": MatchType.TARGETED,
            "status": status,
            "priority": Priority.NORMAL,
            "mechanic_id": MECHANIC,
            "match": a_match(),
            "offered_at": NOON,
            "expires_at": NOON + FIVE_MINUTES,
            "brief": a_brief(),
            "wanted": MatchRequest(country="CA"),
            **fields,
        }
    )


def a_broadcast(status: AssignmentStatus = AssignmentStatus.QUEUED, **fields: Any) -> Assignment:
    """Open to everybody since noon, as long as the session is pending."""
    return an_offer(
        status,
        **{
            "id": BROADCAST,
            "match_type": MatchType.BROADCAST,
            "mechanic_id": None,
            "match": None,
            "expires_at": NOON + HALF_AN_HOUR,
            **fields,
        },
    )


def a_held_broadcast(**fields: Any) -> Assignment:
    """Kept for the preferred mechanic for two minutes from noon."""
    return a_broadcast(AssignmentStatus.HELD, **{"opens_at": NOON + TWO_MINUTES, **fields})


def an_open_offer(mechanic_id: str = MECHANIC, **fields: Any) -> OpenOffer:
    return OpenOffer(
        **{
            "assignment_id": f"offer-to-{mechanic_id}",
            "mechanic_id": mechanic_id,
            "offered_at": NOON,
            "expires_at": NOON + FIVE_MINUTES,
            **fields,
        }
    )


def a_preferred_offer(mechanic_id: str = MECHANIC, **fields: Any) -> OpenOffer:
    """To the customer's choice, alone, for two minutes from noon."""
    return an_open_offer(
        mechanic_id,
        **{"expires_at": NOON + TWO_MINUTES, "kind": OfferKind.PREFERRED, **fields},
    )


def a_dispatch(**fields: Any) -> Dispatch:
    """Pending since noon; nobody asked yet."""
    return Dispatch(
        **{
            "session_id": SESSION,
            "period": 1,
            "pending_since": NOON,
            "pending_until": NOON + HALF_AN_HOUR,
            "policy_version": 1,
            "customer_id": CUSTOMER,
            "brief": a_brief(),
            "wanted": MatchRequest(country="CA"),
            "broadcast_id": BROADCAST,
            "excluded": (CUSTOMER,),
            **fields,
        }
    )


# Messages and events as functions get them


def a_fact(type_: str, **facts: Any) -> dict[str, Any]:
    """A recorded event as consumers are told of it."""
    return {
        "id": "01K00000000000000000000E01",
        "type": type_,
        "at": format_time(NOON),
        "session_id": SESSION,
        **facts,
    }


BOOKED_FROM = NOON + timedelta(days=2)
BOOKED_UNTIL = BOOKED_FROM + timedelta(minutes=45)


def a_booking_fact(type_: str, **facts: Any) -> dict[str, Any]:
    """A fact of a booking for the day after tomorrow, as it was made: version 1."""
    return a_fact(
        type_,
        **{
            "customer_id": CUSTOMER,
            "mechanic_id": MECHANIC,
            "scheduled_start": format_time(BOOKED_FROM),
            "scheduled_end": format_time(BOOKED_UNTIL),
            "booking_version": 1,
            **facts,
        },
    )


def an_http_event(
    method: str,
    path: str,
    body: Any = None,
    *,
    caller: str = CUSTOMER,
    groups: str = "[customer]",
    headers: Mapping[str, str] | None = None,
    query: str = "",
) -> dict[str, Any]:
    """A request as API Gateway hands it over (payload 2.0); a body of text goes as it is."""
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"content-type": "application/json", **(headers or {})},
        "requestContext": {
            "authorizer": {"jwt": {"claims": {"sub": caller, "cognito:groups": groups}}},
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
            "requestId": "request-1",
            "stage": "$default",
        },
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }
