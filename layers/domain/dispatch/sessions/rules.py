"""The session's state machine, as ``domain.md`` has it. Pure: ``now`` and ids come in."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from dispatch.core.errors import Conflict, IllegalMove, Invalid
from dispatch.customers.model import Location
from dispatch.matching.model import MatchRequest, WayOn
from dispatch.matching.rules import match_request
from dispatch.offers.model import SessionBrief, VehicleBrief
from dispatch.payments.model import Paid, RefundReason
from dispatch.policy.model import Plan, Policy
from dispatch.sessions.model import (
    ACTIVE,
    AWAITING,
    Contact,
    Intake,
    Move,
    Party,
    PaymentMethod,
    Rating,
    Refund,
    Reminder,
    Session,
    Status,
    Vehicle,
)

PREVIEW_LENGTH = 140

WITHOUT_VEHICLE = frozenset({"free", "quick"})
"""Plans that are too short to need to know the car."""

TRANSITIONS = {
    (Status.AWAITING_WAIVER, Move.SIGN): Status.PENDING,
    (Status.AWAITING_WAIVER, Move.SCHEDULE): Status.SCHEDULED,
    (Status.AWAITING_WAIVER, Move.BILL): Status.AWAITING_PAYMENT,
    (Status.AWAITING_WAIVER, Move.ABANDON): Status.CANCELLED,
    (Status.AWAITING_WAIVER, Move.CANCEL): Status.CANCELLED,
    (Status.AWAITING_PAYMENT, Move.PAY): Status.PENDING,
    (Status.AWAITING_PAYMENT, Move.SCHEDULE): Status.SCHEDULED,
    (Status.AWAITING_PAYMENT, Move.ABANDON): Status.CANCELLED,
    (Status.AWAITING_PAYMENT, Move.CANCEL): Status.CANCELLED,
    (Status.SCHEDULED, Move.REMIND): Status.SCHEDULED,
    (Status.SCHEDULED, Move.RESCHEDULE): Status.SCHEDULED,
    (Status.SCHEDULED, Move.DELAY): Status.SCHEDULED,
    (Status.SCHEDULED, Move.BEGIN): Status.WAITING,
    (Status.SCHEDULED, Move.SEEK): Status.PENDING,
    (Status.SCHEDULED, Move.CANCEL): Status.CANCELLED,
    (Status.SCHEDULED, Move.MISS_CUSTOMER): Status.NO_SHOW,
    (Status.PENDING, Move.ACCEPT): Status.WAITING,
    (Status.PENDING, Move.CANCEL): Status.CANCELLED,
    (Status.PENDING, Move.GIVE_UP): Status.UNFILLED,
    (Status.WAITING, Move.JOIN): Status.WAITING,
    (Status.WAITING, Move.START): Status.LIVE,
    (Status.WAITING, Move.RELEASE): Status.PENDING,
    (Status.WAITING, Move.REASSIGN): Status.PENDING,
    (Status.WAITING, Move.CANCEL): Status.CANCELLED,
    (Status.WAITING, Move.MISS_MECHANIC): Status.PENDING,
    (Status.WAITING, Move.MISS_CUSTOMER): Status.NO_SHOW,
    (Status.LIVE, Move.END): Status.COMPLETED,
    (Status.COMPLETED, Move.RATE): Status.COMPLETED,
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
    """A new session, awaiting the customer's waiver; of a scheduled one the slot is held as long.

    Raises Invalid where plan and payment method do not go together: ``free`` if and only if the
    plan is free; and without a vehicle, unless there is no time to ask for it.
    """
    if intake.vehicle is None and not intake.urgent and plan.id not in WITHOUT_VEHICLE:
        raise Invalid.field("/vehicle", f"is needed for the plan {plan.id}, unless it is urgent")
    is_free = plan.price_cents == plan.credits == 0
    if is_free is not (intake.payment_method is PaymentMethod.FREE):
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
        paid_at=now if intake.payment_method is PaymentMethod.CREDITS else None,
    )


def credits_due(session: Session) -> int:
    """What booking it takes off the customer's credits."""
    return session.credits if session.payment_method is PaymentMethod.CREDITS else 0


def with_slot(session: Session, start: datetime, end: datetime, held_until: datetime) -> Session:
    """The new session with the slot that is held for it, until it has to be signed and paid."""
    return replace(session, scheduled_start=start, scheduled_end=end, awaiting_until=held_until)


def preview(concern: str) -> str:
    """The beginning of a concern, on one line, cut at a word."""
    line = " ".join(concern.split())
    if len(line) <= PREVIEW_LENGTH:
        return line
    return line[: PREVIEW_LENGTH - 1].rsplit(" ", 1)[0] + "…"


def sign(session: Session, policy: Policy, now: datetime) -> Session:
    """Signed: what is yet to be paid for awaits that, all else goes ahead."""
    if session.payment_method is PaymentMethod.STRIPE and session.paid_at is None:
        return _advance(session, Move.BILL)
    return _go_ahead(session, Move.SIGN, policy, now)


def pay(session: Session, payment_id: str, policy: Policy, now: datetime) -> Session:
    """Paid by Stripe: it goes ahead."""
    if session.status is not Status.AWAITING_PAYMENT:
        raise IllegalMove(Move.PAY, session.status)
    paid = _go_ahead(session, Move.PAY, policy, now)
    return replace(paid, paid_at=now, payment_id=payment_id)


def _go_ahead(session: Session, move: Move, policy: Policy, now: datetime) -> Session:
    """It becomes pending, under the policy of this moment; or, with a slot, scheduled."""
    if session.scheduled_start is None:
        return _become_pending(_under(policy, _advance(session, move)), policy, now)
    return replace(
        _advance(session, Move.SCHEDULE),
        mechanic_id=session.preferred_mechanic_id,
        booking_version=1,
        reminded=frozenset(_reminders_by(session.scheduled_start, now)),
    )


def why_not_counted(
    session: Session, paid: Paid, currency: str, *, returned_early: bool
) -> RefundReason | None:
    """Why a payment by Stripe is not what the session waits for; None if it is.

    ``returned_early``: it was given back before we were told that it was paid.
    """
    if session.payment_method is not PaymentMethod.STRIPE:
        return RefundReason.NOT_OWED
    if session.payment_id is not None:
        return RefundReason.SECOND
    if session.status is not Status.AWAITING_PAYMENT:
        is_over = session.ended_at is not None
        return RefundReason.LATE if is_over else RefundReason.NOT_OWED
    if returned_early:
        return RefundReason.RETURNED_EARLY
    if (paid.amount_cents, paid.currency) != (session.price_cents, currency):
        return RefundReason.WRONG_AMOUNT
    return None


def is_signed(session: Session) -> bool:
    """Whether signing it again changes nothing."""
    if session.status is Status.AWAITING_PAYMENT:
        return True
    was_signed = session.pending_since is not None or session.booking_version > 0
    return was_signed and (session.status in ACTIVE or session.status is Status.SCHEDULED)


def _under(policy: Policy, session: Session) -> Session:
    """From now on it goes by this policy, whatever becomes of it."""
    return replace(session, policy_version=policy.version, pending_left_s=policy.pending_total_s)


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


def reassign(session: Session, policy: Policy, now: datetime) -> Session:
    """Taken from its mechanic: pending again, in a new period, under the same policy."""
    return _become_pending(_advance(session, Move.REASSIGN), policy, now)


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


RATED_WITHIN = timedelta(days=14)
"""Of when it was completed."""


def rate(session: Session, stars: int, now: datetime) -> Session:
    """Rated by its customer, once and for all. Raises Conflict ``illegal_move`` with the reason."""
    rated = replace(_advance(session, Move.RATE), rating=Rating(stars, now))
    assert session.ended_at is not None, "set when it was completed"
    if session.rating:
        raise _no_rating(session, "You have rated this session already.")
    if now >= session.ended_at + RATED_WITHIN:
        days = RATED_WITHIN.days
        raise _no_rating(session, f"You can rate a session for {days} days after its end.")
    return rated


def _no_rating(session: Session, detail: str) -> Conflict:
    return Conflict("illegal_move", detail, current_status=session.status)


def cancel(
    session: Session, by: Party, reason: str | None, policy: Policy, now: datetime
) -> Session:
    """Cancelled, with the refund that is due. By the mechanic only while it is scheduled."""
    if by is Party.MECHANIC and session.status is not Status.SCHEDULED:
        raise IllegalMove(Move.CANCEL, session.status)
    return replace(
        _advance(session, Move.CANCEL),
        ended_at=now,
        ended_by=by,
        end_reason=reason,
        refund=refund_on_cancel(session, by, policy, now),
    )


def abandon(session: Session, now: datetime) -> Session:
    """Never signed, or never paid: cancelled by the timer, everything back."""
    is_signed = session.status is Status.AWAITING_PAYMENT
    reason = "not_paid_in_time" if is_signed else "not_signed_in_time"
    return _end_by_timer(session, Move.ABANDON, reason, 100, now)


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


def refund_on_cancel(session: Session, by: Party, policy: Policy, now: datetime) -> Refund:
    """What cancelling gives back (domain.md, Session).

    All by the mechanic or an admin. By the customer all before the mechanic has joined, then
    nothing; of a scheduled session the less the nearer its start is.
    """
    if by is not Party.CUSTOMER:
        return _refund(session, 100)
    if session.status is Status.SCHEDULED and session.scheduled_start:
        ahead_s = (session.scheduled_start - now).total_seconds()
        steps = (percent for more_than_s, percent in policy.refund_percent if ahead_s > more_than_s)
        return _refund(session, next(steps, 0))
    return _refund(session, 0 if session.mechanic_joined_at else 100)


def _refund(session: Session, percent: int) -> Refund:
    def share(amount: int) -> int:
        return (amount * percent + 50) // 100  # halves round up

    return Refund(percent, share(_paid_cents(session)), share(credits_due(session)))


def _paid_cents(session: Session) -> int:
    return session.price_cents if session.payment_id else 0


# Booked sessions

_AHEAD = {
    Reminder.DAY: timedelta(hours=24),
    Reminder.HOUR: timedelta(hours=1),
    Reminder.QUARTER: timedelta(minutes=15),
}
"""Furthest ahead first."""


def remind_at(start: datetime) -> dict[Reminder, datetime]:
    """When both sides are reminded of a start, in order."""
    return {reminder: start - ahead for reminder, ahead in _AHEAD.items()}


def _reminders_by(start: datetime, now: datetime) -> list[Reminder]:
    return [reminder for reminder, at in remind_at(start).items() if at <= now]


def reminder_due(session: Session, now: datetime) -> Reminder | None:
    """What both sides are to be reminded of now; of several that are due the last alone."""
    start = session.scheduled_start
    if session.status is not Status.SCHEDULED or start is None or now >= start:
        return None
    due = [each for each in _reminders_by(start, now) if each not in session.reminded]
    return due[-1] if due else None


def remind(session: Session, now: datetime) -> Session:
    """Reminded of all that is due: none is sent twice, or late behind another."""
    reminded = _reminders_by(start_of(session), now)
    return replace(_advance(session, Move.REMIND), reminded=frozenset(reminded))


def why_not_reschedule(session: Session, policy: Policy, now: datetime) -> Conflict | None:
    """Only what is scheduled has a start to move, and only so long before it."""
    if session.status is not Status.SCHEDULED:
        return IllegalMove(Move.RESCHEDULE, session.status)
    if now > start_of(session) - timedelta(seconds=policy.reschedule_s):
        hours = policy.reschedule_s / 3600
        return Conflict(
            "illegal_move",
            f"You can reschedule until {hours:g} h before the start. Cancel it, or come in time.",
            current_status=session.status,
        )
    return None


def reschedule(session: Session, start: datetime, end: datetime, now: datetime) -> Session:
    """It is to start at another time: who was told of the old one is out of date."""
    return replace(
        _advance(session, Move.RESCHEDULE),
        scheduled_start=start,
        scheduled_end=end,
        booking_version=session.booking_version + 1,
        reminded=frozenset(_reminders_by(start, now)),
    )


def start_grace_ends(session: Session, policy: Policy) -> datetime:
    """Until when the mechanic is called, before others are asked."""
    return start_of(session) + timedelta(seconds=policy.start_grace_s)


def elsewhere_grace_ends(session: Session, policy: Policy) -> datetime:
    """Until when a customer who is busy with another session is waited for."""
    return start_of(session) + timedelta(seconds=policy.elsewhere_grace_s)


def delay(session: Session, until: datetime) -> Session:
    """Its start has come, and one side is not to be had yet."""
    return replace(_advance(session, Move.DELAY), delayed_until=until)


def begin(session: Session, policy: Policy, *, assignment_id: str, now: datetime) -> Session:
    """Its start has come: the mechanic has it as if just accepted."""
    begun = replace(
        _under(policy, _advance(session, Move.BEGIN)),
        assignment_id=assignment_id,
        accepted_at=now,
        mechanic_due_by=now + timedelta(seconds=policy.join_s),
    )
    return replace(begun, delayed_until=None)


def seek(session: Session, policy: Policy, now: datetime) -> Session:
    """Its start has come, and the mechanic has not: somebody else is sought."""
    sought = _become_pending(_under(policy, _advance(session, Move.SEEK)), policy, now)
    return replace(sought, delayed_until=None)


def start_of(session: Session) -> datetime:
    """When a session with a slot starts."""
    assert session.scheduled_start is not None, "what is scheduled has a start"
    return session.scheduled_start


# Deadlines


def due_at(session: Session) -> datetime | None:
    """When the clock makes the next move, unless somebody else does before."""
    match session.status:
        case Status.AWAITING_WAIVER | Status.AWAITING_PAYMENT:
            return session.awaiting_until
        case Status.SCHEDULED:
            return session.delayed_until or _next_of_booking(session)
        case Status.PENDING:
            return session.pending_until
        case Status.WAITING:
            return session.customer_due_by or session.mechanic_due_by
        case Status.LIVE:
            return session.ends_by
        case _:
            return None


def _next_of_booking(session: Session) -> datetime:
    """The next reminder; behind the last one the start."""
    start = start_of(session)
    ahead = (at for each, at in remind_at(start).items() if each not in session.reminded)
    return next(ahead, start)


def clock_move(session: Session, policy: Policy, now: datetime) -> Session | None:
    """What a passed deadline makes of the session, at that instant; None if none has passed.

    The next deadline may have passed, too: ask again. ``policy`` is the session's. What becomes of
    a booking depends on who is there (``sessions.bookings``), not on the clock alone.
    """
    at = due_at(session)
    if at is None or now < at or session.status is Status.SCHEDULED:
        return None
    match session.status:
        case Status.AWAITING_WAIVER | Status.AWAITING_PAYMENT:
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


# A session of nobody


def without_customer(session: Session) -> Session:
    """The session without what tells whose it was; itself, if nothing does.

    What stays is what it was about: country, make and model, keywords, times and money.
    """
    vehicle = session.vehicle
    anonymous = replace(
        session,
        location=Location(country=session.location.country),
        vehicle=Vehicle(vehicle.year, vehicle.make, vehicle.model) if vehicle else None,
        concern_preview="",
        end_reason=session.end_reason if session.ended_by is Party.TIMER else None,
    )
    if anonymous == session:
        return session
    return replace(anonymous, version=session.version + 1)


def assignments_in(fact: Mapping[str, Any]) -> set[str]:
    """The rows of the session's dispatch that a fact tells of."""
    single = fact.get("assignment_id")
    return {*fact.get("assignment_ids", ()), *([single] if single else [])}


def nobodys(contact: Contact) -> Contact:
    """That the waiver was signed, and when, is all that is kept."""
    signed_at = contact.waiver_signed_at
    return Contact(name="", email="", phone="", concern="", waiver_signed_at=signed_at)


# What others are told of it


def brief(session: Session) -> SessionBrief:
    """What mechanics may know before they accept."""
    vehicle = session.vehicle
    return SessionBrief(
        id=session.id,
        type=session.type,
        plan=session.plan,
        urgent=session.urgent,
        created_at=session.created_at,
        vehicle=VehicleBrief(vehicle.year, vehicle.make, vehicle.model) if vehicle else None,
        keywords=session.keywords,
        concern_preview=session.concern_preview,
        city=session.location.city,
        minutes=session.minutes,
        scheduled_start=session.scheduled_start,
        scheduled_end=session.scheduled_end,
    )


def wanted(session: Session) -> MatchRequest:
    """What mechanics are ranked by."""
    return match_request(
        request_type=session.request_type,
        requested_brand=session.requested_brand,
        keywords=session.keywords,
        country=session.location.country,
        state_province=session.location.state_province,
        city=session.location.city,
        postal_code=session.location.postal_code,
        prefer_local_mechanic=session.prefer_local_mechanic,
    )


def knows_customer(session: Session, user_id: str) -> bool:
    """Whether they may see who the customer is: nobody else before having accepted."""
    if user_id == session.customer_id:
        return True
    return user_id == session.mechanic_id and session.accepted_at is not None


# What callers are told


def next_step(session: Session, party: Party) -> str | None:
    """What this side has to do for the session to go on, if anything."""
    if session.status in AWAITING and party is Party.CUSTOMER:
        return "sign_waiver" if session.status is Status.AWAITING_WAIVER else "pay"
    if session.status is Status.WAITING and not has_joined(session, party):
        return "join"
    return None


def ways_on(session: Session, *, all_offline: bool) -> tuple[WayOn, ...]:
    """What a customer can do whom nobody serves now."""
    is_stuck = session.status is Status.PENDING and all_offline
    return tuple(WayOn) if is_stuck or session.status is Status.UNFILLED else ()


def seen_by(session: Session, viewer_id: str) -> Session:
    """The session without what this viewer may not know of its customer and its mechanic."""
    if knows_customer(session, viewer_id):
        return session
    vehicle = replace(session.vehicle, vin=None, plate=None) if session.vehicle else None
    seen = replace(session, vehicle=vehicle)
    return seen if viewer_id == session.mechanic_id else _for_outsider(seen)


def _for_outsider(session: Session) -> Session:
    """What a mechanic who has not accepted may know: that it is there, or is no more."""
    return replace(
        session,
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
        rating=None,
    )


_POLL_AFTER_S = {Status.AWAITING_PAYMENT: 2, Status.PENDING: 2, Status.WAITING: 2, Status.LIVE: 5}


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
    "scheduled_start",
    "previous_start",
    "delayed_until",
    "ahead",
)
_ASSIGNED_FACTS = ("mechanic_id", "assignment_id")
_CUSTOMERS_FACTS = ("amount_cents", "due_cents", "returned_cents")
"""What was paid and given back is between the customer and us."""


def timeline_detail(fact: Mapping[str, Any], session: Session, viewer_id: str) -> dict[str, Any]:
    """Of an event what this caller may see: of mechanics only the assigned one and themselves."""
    detail = {name: fact[name] for name in _OPEN_FACTS if name in fact}
    if viewer_id == session.customer_id:
        detail |= {name: fact[name] for name in _CUSTOMERS_FACTS if name in fact}
    if isinstance(fact.get("mechanic_ids"), list):
        detail["mechanics_asked"] = len(fact["mechanic_ids"])
    if fact.get("mechanic_id") and fact["mechanic_id"] in (session.mechanic_id, viewer_id):
        detail |= {name: fact[name] for name in _ASSIGNED_FACTS if name in fact}
    return detail
