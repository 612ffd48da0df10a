"""Who is told what, and how a push is written. Pure."""

import hashlib
import json
import math
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from dispatch.notifications.model import Notice, Platform
from dispatch.offers.model import SessionBrief

WORTH_TELLING_FOR = timedelta(days=1)


def notice_id(fact_id: str, user_id: str) -> str:
    """Deterministic, 40 characters: fits the collapse id of APNs (64 bytes)."""
    return hashlib.sha256(f"{fact_id}/{user_id}/push".encode()).hexdigest()[:40]


def _notice(
    fact: dict[str, Any],
    user_id: str,
    type_: str,
    title: str,
    body: str,
    expires_at: datetime | None = None,
    **data: str,
) -> Notice:
    return Notice(
        id=notice_id(fact["id"], user_id),
        user_id=user_id,
        type=type_,
        title=title,
        body=body,
        data={"session_id": fact["session_id"], **data},
        expires_at=expires_at,
    )


def offers_made(
    fact: dict[str, Any],
    brief: SessionBrief,
    expires_at: datetime,
    still_open: Collection[str],
) -> list[Notice]:
    """One for each mechanic who was asked and whose offer still stands."""
    pairs: Iterable[tuple[str, str]] = zip(
        fact["mechanic_ids"], fact["assignment_ids"], strict=True
    )
    return [
        _notice(
            fact,
            mechanic_id,
            "offer_made",
            "Urgent session for you" if brief.urgent else "New session for you",
            _what_and_where(brief),
            expires_at,
            assignment_id=assignment_id,
        )
        for mechanic_id, assignment_id in pairs
        if assignment_id in still_open
    ]


def broadcast_announced(fact: dict[str, Any], brief: SessionBrief) -> list[Notice]:
    """One for each mechanic who could take the session nobody has taken yet."""
    return [
        _notice(
            fact,
            mechanic_id,
            "broadcast_announced",
            "A driver is waiting for a mechanic",
            _what_and_where(brief),
            assignment_id=fact["assignment_id"],
        )
        for mechanic_id in fact["mechanic_ids"]
    ]


def _what_and_where(brief: SessionBrief) -> str:
    what = ", ".join(brief.keywords) or f"{brief.plan} {brief.type} session"
    return f"{what} - {brief.city}" if brief.city else what


def offer_accepted(fact: dict[str, Any]) -> list[Notice]:
    return [
        _notice(
            fact,
            fact["customer_id"],
            "offer_accepted",
            "Your mechanic is here",
            "A mechanic has taken your session. Join now.",
        )
    ]


def offer_released(fact: dict[str, Any]) -> list[Notice]:
    return [
        _notice(
            fact,
            fact["customer_id"],
            "offer_released",
            "We are finding you another mechanic",
            "Your mechanic had to give the session back.",
        )
    ]


def session_cancelled(fact: dict[str, Any]) -> list[Notice]:
    """The mechanic who had it; the customer, if it was not they who cancelled."""
    told = []
    if fact.get("mechanic_id"):
        told.append((fact["mechanic_id"], "The customer has cancelled the session."))
    if fact["cancelled_by"] != "customer":
        told.append((fact["customer_id"], "It was not signed in time. Book again any time."))
    return [
        _notice(fact, user_id, "session_cancelled", "Session cancelled", body)
        for user_id, body in told
    ]


def session_completed(fact: dict[str, Any]) -> list[Notice]:
    """Whoever has not ended it themselves."""
    sides = {"customer": fact["customer_id"], "mechanic": fact["mechanic_id"]}
    return [
        _notice(
            fact,
            user_id,
            "session_completed",
            "Session completed",
            "Thank you for using Dispatch.",
        )
        for side, user_id in sides.items()
        if side != fact["ended_by"]
    ]


def ttl_s(notice: Notice, now: datetime) -> int:
    """How long a push is worth delivering, in whole seconds; 0 if no more."""
    remaining = notice.expires_at - now if notice.expires_at else WORTH_TELLING_FOR
    return max(0, math.floor(remaining.total_seconds()))


def payload(notice: Notice, platform: Platform, ttl: int) -> str:
    """The message as SNS hands it to one platform; the collapse id shows a repeat only once."""
    data = {"type": notice.type, "notice_id": notice.id, **notice.data}
    alert = {"title": notice.title, "body": notice.body}
    if platform is Platform.FCM:
        name, message = "GCM", _fcm(notice, alert, data, ttl)
    else:
        name = "APNS" if platform is Platform.APNS else "APNS_SANDBOX"
        message = {"aps": {"alert": alert, "sound": "default"}, **data}
    return json.dumps({"default": notice.body, name: json.dumps(message)})


def _fcm(notice: Notice, alert: dict[str, str], data: dict[str, str], ttl: int) -> dict[str, Any]:
    android = {
        "priority": "high",
        "ttl": f"{ttl}s",
        "collapse_key": notice.id,
        "notification": {"tag": notice.id},
    }
    return {"fcmV1Message": {"message": {"notification": alert, "data": data, "android": android}}}


def attributes(notice: Notice, platform: Platform, ttl: int) -> dict[str, str]:
    """SNS message attributes: past its TTL a push is dropped, not delivered late."""
    if platform is Platform.FCM:
        return {"AWS.SNS.MOBILE.FCM.TTL": str(ttl)}
    name = "APNS" if platform is Platform.APNS else "APNS_SANDBOX"
    return {
        f"AWS.SNS.MOBILE.{name}.TTL": str(ttl),
        "AWS.SNS.MOBILE.APNS.COLLAPSE_ID": notice.id,
        "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "alert",
        "AWS.SNS.MOBILE.APNS.PRIORITY": "10",
    }
