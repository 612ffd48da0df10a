"""The session's state machine, as ``domain.md`` has it. Pure: ``now`` and ids come in."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from dispatch.core.errors import IllegalMove, Invalid
from dispatch.matching.model import WayOn
from dispatch.policy.model import Plan, Policy
from dispatch.sessions.model import Intake, Move, Party, PaymentMethod, Refund, Session, Status

PREVIEW_LENGTH = 140

TRANSITIONS = {
    (Status.AWAITING_WAIVER, Move.SIGN): Status.PENDING,
    (Status.AWAITING_WAIVER, Move.ABANDON): Status.CANCELLED,
    (Status.AWAITING_WAIVER, Move.CANCEL): Status.CANCELLED,
    (Status.PENDING, Move.ACCEPT): Status.WAITING,
    (Status.PENDING, Move.CANCEL): Status.CANCELLED,
    (Status.PENDING, Move.GIVE_UP): Status.UNFILLED,
    (Status.WAITING, Move.JOIN): Status.WAITING,
    (Status.WAITING, Move.START): Status.LIVE,
    (Status.WAITING, Move.RELEASE): Status.PENDING,
    (Status.WAITING, Move.CANCEL): Status.CANCELLED,
    (Status.WAITING, Move.MISS_MECHANIC): Status.PENDING,
    (Status.WAITING, Move.MISS_CUSTOMER): Status.NO_SHOW,
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
        preferred_mechanic_id=intake.preferred_mechanic_id,
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
    signed = replace(
        _advance(session, Move.SIGN),
        policy_version=policy.version,
        pending_left_s=policy.pending_total_s,
    )
    return _become_pending(signed, policy, now)


def _become_pending(session: Session, policy: Policy, now: datetime) -> Session:
    """A new period, for as long as one may be and as earlier ones have left."""
    lasting_s = min(policy.pending_s, session.pending_left_s)
    return replace(
        session,
        period=session.period + 1,
        pending_since=now,
        pending_until=now + timedelta(seconds=lasting_s),
        mechanic_id=None,
        assignment_id=None,
        accepted_at=None,
        mechanic_due_by=None,
        mechanic_joined_at=None,
        customer_joined_at=None,
        customer_due_by=None,
    )


def accept(
    session: Session, policy: Policy, *, mechanic_id: str, assignment_id: str, now: datetime
) -> Session:
    """A mechanic has it; they are to join in time."""
    return replace(
        _advance(session, Move.ACCEPT),
        mechanic_id=mechanic_id,
        assignment_id=assignment_id,
        accepted_at=now,
        mechanic_due_by=now + timedelta(seconds=policy.join_s),
        pending_until=None,
        pending_left_s=session.pending_left_s - _waited_s(session, now),
    )


def _waited_s(session: Session, now: datetime) -> float:
    since = session.pending_since
    return (now - since).total_seconds() if since else 0


def was_won_by(session: Session, assignment_id: str, mechanic_id: str) -> bool:
    """Whether this mechanic has accepted it by this row, and it was not cancelled since."""
    return (session.assignment_id, session.mechanic_id) == (
        assignment_id,
        mechanic_id,
    ) and session.status is not Status.CANCELLED


def release(session: Session, policy: Policy, now: datetime) -> Session:
    """Given back by its mechanic: pending again, in a new period, under the same policy."""
    return _become_pending(_advance(session, Move.RELEASE), policy, now)


def join(session: Session, party: Party, policy: Policy, now: datetime) -> Session:
    """One side has come; with the second one the session is live."""
    joined = _advance(session, Move.JOIN)
    if party is Party.MECHANIC:
        came_at = session.mechanic_joined_at or now
        joined = replace(
            joined,
            mechanic_joined_at=came_at,
            customer_due_by=came_at + timedelta(seconds=policy.no_show_s),
        )
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
    return _end_by_timer(session, Move.ABANDON, "not_signed_in_time", 100, now)


def _end_by_timer(
    session: Session, move: Move, reason: str, refund_percent: int, now: datetime
) -> Session:
    return replace(
        _advance(session, move),
        ended_at=now,
        ended_by=Party.TIMER,
        end_reason=reason,
        refund=_refund(session, refund_percent),
    )


def refund_on_cancel(session: Session) -> Refund:
    """100 % before the mechanic has joined, then nothing (domain.md, Session)."""
    return _refund(session, 0 if session.mechanic_joined_at else 100)


def _refund(session: Session, percent: int) -> Refund:
    def share(amount: int) -> int:
        return (amount * percent + 50) // 100  # halves round up

    return Refund(percent, share(session.price_cents), share(session.credits))


# Deadlines


def due_at(session: Session) -> datetime | None:
    """When the clock makes the next move, unless somebody else does before."""
    match session.status:
        case Status.AWAITING_WAIVER:
            return session.awaiting_until
        case Status.PENDING:
            return session.pending_until
        case Status.WAITING:
            return session.customer_due_by or session.mechanic_due_by
        case Status.LIVE:
            return session.ends_by
        case _:
            return None


def clock_move(session: Session, policy: Policy, now: datetime) -> Session | None:
    """What a passed deadline makes of the session, at that instant; None if none has passed.

    The next deadline may have passed, too: ask again. ``policy`` is the session's.
    """
    at = due_at(session)
    if at is None or now < at:
        return None
    match session.status:
        case Status.AWAITING_WAIVER:
            return abandon(session, at)
        case Status.PENDING:
            return give_up(session, at)
        case Status.WAITING if session.mechanic_joined_at:
            return miss_customer(session, at)
        case Status.WAITING:
            return miss_mechanic(session, policy, at)
        case _:
            return end(session, Party.TIMER, at)


def give_up(session: Session, now: datetime) -> Session:
    """Nobody took it in time: everything back."""
    return _end_by_timer(session, Move.GIVE_UP, "nobody_took_it_in_time", 100, now)


def miss_mechanic(session: Session, policy: Policy, now: datetime) -> Session:
    """The mechanic did not come: pending again, without them."""
    return _become_pending(_advance(session, Move.MISS_MECHANIC), policy, now)


def miss_customer(session: Session, now: datetime) -> Session:
    """The customer did not come: over, and nothing back."""
    return _end_by_timer(session, Move.MISS_CUSTOMER, "customer_not_joined", 0, now)


def as_of(session: Session, policy: Policy, now: datetime) -> Session:
    """The session as its deadlines make it at ``now``, whether or not a timer has come round."""
    while moved := clock_move(session, policy, now):
        session = moved
    return session


# What callers are told


def next_step(session: Session, party: Party) -> str | None:
    """What this side has to do for the session to go on, if anything."""
    if session.status is Status.AWAITING_WAIVER and party is Party.CUSTOMER:
        return "sign_waiver"
    if session.status is Status.WAITING and not has_joined(session, party):
        return "join"
    return None


def ways_on(session: Session, *, all_offline: bool) -> tuple[WayOn, ...]:
    """What a customer can do whom nobody serves now."""
    is_stuck = session.status is Status.PENDING and all_offline
    return tuple(WayOn) if is_stuck or session.status is Status.UNFILLED else ()


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
        mechanic_due_by=None,
        customer_due_by=None,
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
    "kind",
    "cause",
    "outcome",
    "pending_until",
    "mechanic_due_by",
    "customer_due_by",
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
