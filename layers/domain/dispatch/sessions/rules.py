"""The session's state machine, as ``domain.md`` has it. Pure: ``now`` and ids come in."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from dispatch.core.errors import IllegalMove, Invalid
from dispatch.policy.model import Plan, Policy
from dispatch.sessions.model import Intake, Move, Party, PaymentMethod, Refund, Session, Status

PREVIEW_LENGTH = 140

TRANSITIONS = {
    (Status.AWAITING_WAIVER, Move.SIGN): Status.PENDING,
    (Status.AWAITING_WAIVER, Move.ABANDON): Status.CANCELLED,
    (Status.AWAITING_WAIVER, Move.CANCEL): Status.CANCELLED,
    (Status.PENDING, Move.ACCEPT): Status.WAITING,
    (Status.PENDING, Move.CANCEL): Status.CANCELLED,
    (Status.WAITING, Move.JOIN): Status.WAITING,
    (Status.WAITING, Move.START): Status.LIVE,
    (Status.WAITING, Move.RELEASE): Status.PENDING,
    (Status.WAITING, Move.CANCEL): Status.CANCELLED,
    (Status.LIVE, Move.END): Status.COMPLETED,
}


def _advance(session: Session, move: Move) -> Session:
    target = TRANSITIONS.get((session.status, move))
    if target is None:
        raise IllegalMove(move, session.status)
    return replace(session, status=target, version=session.version + 1)


def book(
    intake: Intake,
    plan: Plan,
    policy: Policy,
    *,
    session_id: str,
    customer_id: str,
    keywords: tuple[str, ...],
    now: datetime,
) -> Session:
    """A new session, awaiting the customer's waiver.

    Raises Invalid where plan and payment method do not go together: ``free`` if and only if the
    plan is free.
    """
    if (plan.price_cents == 0) is not (intake.payment_method is PaymentMethod.FREE):
        raise Invalid.field("/payment_method", f"does not pay for the plan {plan.id}")
    return Session(
        id=session_id,
        customer_id=customer_id,
        status=Status.AWAITING_WAIVER,
        plan=plan.id,
        type=plan.type,
        minutes=plan.minutes,
        payment_method=intake.payment_method,
        price_cents=plan.price_cents,
        credits=plan.credits,
        urgent=intake.urgent,
        request_type=intake.request_type,
        requested_brand=intake.requested_brand,
        prefer_local_mechanic=intake.prefer_local_mechanic,
        location=intake.location,
        vehicle=intake.vehicle,
        keywords=keywords,
        concern_preview=preview(intake.concern),
        created_at=now,
        awaiting_until=now + timedelta(seconds=policy.awaiting_s),
    )


def preview(concern: str) -> str:
    """The beginning of a concern, on one line, cut at a word."""
    line = " ".join(concern.split())
    if len(line) <= PREVIEW_LENGTH:
        return line
    return line[: PREVIEW_LENGTH - 1].rsplit(" ", 1)[0] + "…"


def sign(session: Session, policy: Policy, now: datetime) -> Session:
    """Signed: it becomes pending, under the policy of this moment."""
    return _become_pending(_advance(session, Move.SIGN), now, policy.version)


def _become_pending(session: Session, now: datetime, policy_version: int | None) -> Session:
    return replace(
        session,
        period=session.period + 1,
        pending_since=now,
        policy_version=policy_version,
    )


def accept(session: Session, *, mechanic_id: str, assignment_id: str, now: datetime) -> Session:
    return replace(
        _advance(session, Move.ACCEPT),
        mechanic_id=mechanic_id,
        assignment_id=assignment_id,
        accepted_at=now,
    )


def was_won_by(session: Session, assignment_id: str, mechanic_id: str) -> bool:
    """Whether this mechanic has accepted it by this row, and it was not cancelled since."""
    return (session.assignment_id, session.mechanic_id) == (
        assignment_id,
        mechanic_id,
    ) and session.status is not Status.CANCELLED


def release(session: Session, now: datetime) -> Session:
    """Given back by its mechanic: pending again, in a new period, under the same policy."""
    return _become_pending(
        replace(
            _advance(session, Move.RELEASE),
            mechanic_id=None,
            assignment_id=None,
            accepted_at=None,
            mechanic_joined_at=None,
            customer_joined_at=None,
        ),
        now,
        session.policy_version,
    )


def join(session: Session, party: Party, policy: Policy, now: datetime) -> Session:
    """One side has come; with the second one the session is live."""
    joined = _advance(session, Move.JOIN)
    if party is Party.MECHANIC:
        joined = replace(joined, mechanic_joined_at=session.mechanic_joined_at or now)
    else:
        joined = replace(joined, customer_joined_at=session.customer_joined_at or now)
    if joined.mechanic_joined_at is None or joined.customer_joined_at is None:
        return joined
    length = timedelta(minutes=session.minutes, seconds=policy.overtime_s)
    return replace(
        joined,
        status=TRANSITIONS[joined.status, Move.START],
        live_at=now,
        ends_by=now + length,
    )


def has_joined(session: Session, party: Party) -> bool:
    at = session.mechanic_joined_at if party is Party.MECHANIC else session.customer_joined_at
    return at is not None


def end(session: Session, by: Party, now: datetime) -> Session:
    return replace(_advance(session, Move.END), ended_at=now, ended_by=by)


def cancel(session: Session, reason: str | None, now: datetime) -> Session:
    """Cancelled by the customer, with the refund that is due."""
    return replace(
        _advance(session, Move.CANCEL),
        ended_at=now,
        ended_by=Party.CUSTOMER,
        end_reason=reason,
        refund=refund_on_cancel(session),
    )


def abandon(session: Session, now: datetime) -> Session:
    """Never signed: cancelled by the timer, everything back."""
    return replace(
        _advance(session, Move.ABANDON),
        ended_at=now,
        ended_by=Party.TIMER,
        end_reason="not_signed_in_time",
        refund=_refund(session, 100),
    )


def refund_on_cancel(session: Session) -> Refund:
    """100 % before the mechanic has joined, then nothing (domain.md, Session)."""
    return _refund(session, 0 if session.mechanic_joined_at else 100)


def _refund(session: Session, percent: int) -> Refund:
    def share(amount: int) -> int:
        return (amount * percent + 50) // 100  # halves round up

    return Refund(percent, share(session.price_cents), share(session.credits))


def as_of(session: Session, now: datetime) -> Session:
    """The session as its deadlines make it at ``now``, whether or not a timer has come round."""
    if session.status is Status.AWAITING_WAIVER and now >= session.awaiting_until:
        return abandon(session, session.awaiting_until)
    if session.status is Status.LIVE and session.ends_by and now >= session.ends_by:
        return end(session, Party.TIMER, session.ends_by)
    return session


# What callers are told


def next_step(session: Session, party: Party) -> str | None:
    """What this side has to do for the session to go on, if anything."""
    if session.status is Status.AWAITING_WAIVER and party is Party.CUSTOMER:
        return "sign_waiver"
    if session.status is Status.WAITING and not has_joined(session, party):
        return "join"
    return None


def for_outsider(session: Session) -> Session:
    """What a mechanic who has not accepted may know: that it is there, or is no more."""
    return replace(
        session,
        vehicle=replace(session.vehicle, vin=None) if session.vehicle else None,
        mechanic_id=None,
        assignment_id=None,
        accepted_at=None,
        mechanic_joined_at=None,
        customer_joined_at=None,
        live_at=None,
        ends_by=None,
        ended_at=None,
        ended_by=None,
        end_reason=None,
        refund=None,
    )


_POLL_AFTER_S = {Status.PENDING: 2, Status.WAITING: 2, Status.LIVE: 5}


def poll_after_s(session: Session) -> int:
    """When it is worth asking again: soon while somebody is expected, seldom once it is over."""
    return _POLL_AFTER_S.get(session.status, 30)


_OPEN_FACTS = (
    "plan",
    "keywords",
    "awaiting_until",
    "period",
    "expires_at",
    "ends_by",
    "match_type",
    "ended_by",
    "cancelled_by",
)
_ASSIGNED_FACTS = ("mechanic_id", "assignment_id")


def timeline_detail(fact: Mapping[str, Any], session: Session, viewer_id: str) -> dict[str, Any]:
    """Of an event what this caller may see: of mechanics only the assigned one and themselves."""
    detail = {name: fact[name] for name in _OPEN_FACTS if name in fact}
    if isinstance(fact.get("mechanic_ids"), list):
        detail["mechanics_asked"] = len(fact["mechanic_ids"])
    if fact.get("mechanic_id") and fact["mechanic_id"] in (session.mechanic_id, viewer_id):
        detail |= {name: fact[name] for name in _ASSIGNED_FACTS if name in fact}
    return detail
