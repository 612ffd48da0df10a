"""Use cases of a session, from booking to its end.

Each reads, decides in ``rules``, and writes state and events in one transaction. A move that
touches assignments, a mechanic's load or both joins their clauses from ``offers`` and
``mechanics``. Repeating a move that has been made answers with the session, and changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from dispatch.calendar import service as calendar
from dispatch.core.errors import Conflict, IllegalMove, Invalid, NotFound, StaleVersion
from dispatch.core.events import EventType
from dispatch.core.idempotency import Once
from dispatch.core.ids import is_id, new_id
from dispatch.core.logging import MetricUnit, metrics
from dispatch.core.table import Item, Page, Transaction, decides_anew
from dispatch.core.time import format_time
from dispatch.customers import service as customers
from dispatch.customers.model import Location
from dispatch.matching.keywords import find_keywords
from dispatch.matching.model import WayOn
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic, MechanicStatus
from dispatch.offers import rules as offer_rules
from dispatch.offers import service as offers
from dispatch.offers.model import (
    Assignment,
    AssignmentStatus,
    Cause,
    DeclineReason,
    Dispatch,
    MatchType,
    OpenOffer,
)
from dispatch.offers.model import Move as AssignmentMove
from dispatch.payments import service as payments
from dispatch.policy import service as policies
from dispatch.policy.model import Policy
from dispatch.quotas import service as quotas
from dispatch.quotas.model import Action
from dispatch.sessions import bookings, facts, rules, store
from dispatch.sessions.model import (
    ACTIVE,
    Contact,
    Intake,
    Move,
    Party,
    Review,
    Session,
    Status,
    TakenBack,
)
from dispatch.shifts import service as shifts
from dispatch.uploads import service as uploads
from dispatch.uploads.model import Link

# Booking


@decides_anew
def book_session(
    intake: Intake, customer_id: str, now: datetime, once: Once | None = None
) -> Session:
    """A new session of this customer, awaiting the waiver; what it costs in credits is taken.

    A location without any part is taken from the profile as a whole, and a ``vehicle_id`` stands
    for one of the customer's garage, of which the session keeps a copy. With a ``scheduled_start``
    the preferred mechanic's slot is held until it is signed and paid. Raises Invalid (also for a
    preferred mechanic who is the customer, or whom nobody may see, and for a start that is no
    slot), or Conflict ``active_session`` with the ``session_id`` that is in the way, ``erased``, or
    ``slot_taken``, or TooFewCredits, or QuotaExceeded.
    """
    policy = policies.current(now)
    plan = policy.plan(intake.plan)
    if plan is None:
        known = ", ".join(plan.id for plan in policy.plans)
        raise Invalid.field("/plan", f"is not a plan; use one of {known}")
    preferred = _preferred(intake.preferred_mechanic_id, customer_id)
    intake = _completed(intake, customer_id)
    _make_room(customer_id, now)
    session = rules.book(
        intake,
        plan,
        policy,
        session_id=new_id(now),
        customer_id=customer_id,
        keywords=tuple(find_keywords(intake.concern)),
        now=now,
    )
    contact = Contact(
        name=intake.name,
        email=intake.email,
        phone=intake.phone,
        concern=intake.concern,
        attachments=uploads.attachments_of(customer_id, intake.attachments, now),
    )
    with Transaction() as tx:
        if intake.scheduled_start and preferred:
            bookings.check_mechanic(preferred, session, policy, now)
            session = bookings.hold(tx, session, plan, intake.scheduled_start, now)
        if once:
            once.remember(tx, session, now)
        customers.check_not_erased(tx, customer_id)
        quotas.count(tx, Action.BOOKING, customer_id, now)
        store.lock(tx, session, otherwise=_has_active_session)
        store.put(tx, session)
        store.put_contact(tx, session.id, contact)
        payments.debit(tx, customer_id, session.id, rules.credits_due(session), now)
        tx.record(
            facts.event(
                EventType.SESSION_BOOKED,
                session,
                now,
                plan=session.plan,
                keywords=list(session.keywords),
                awaiting_until=format_time(session.awaiting_until),
            )
        )
    metrics.add_metric("Bookings", MetricUnit.Count, 1)
    return session


def _completed(intake: Intake, customer_id: str) -> Intake:
    """With what the customer keeps with us in place of what they would have to say again."""
    if intake.location == Location():
        intake = replace(intake, location=customers.location_of(customer_id))
    if intake.vehicle_id is None:
        return intake
    vehicle = customers.vehicle_of(customer_id, intake.vehicle_id)
    if vehicle is None:
        raise Invalid.field("/vehicle_id", "is no vehicle of your garage")
    return replace(intake, vehicle=vehicle)


def _preferred(mechanic_id: str | None, customer_id: str) -> Mechanic | None:
    if mechanic_id is None:
        return None
    if mechanic_id == customer_id:
        raise Invalid.field("/preferred_mechanic_id", "is yours; nobody serves themselves")
    try:
        return mechanics.profile_for(mechanic_id, by=customer_id)
    except NotFound:
        raise Invalid.field("/preferred_mechanic_id", "is no mechanic's id") from None


def _make_room(customer_id: str, now: datetime, *, but_for: str = "") -> None:
    """A session that is over by its deadline is not in the way, though its timer is late."""
    active_id = store.active_session_id(customer_id)
    if active_id and active_id != but_for:
        close_overdue(active_id, now)


def _has_active_session(lock: Item | None) -> Conflict:
    return in_the_way(lock["session_id"] if lock else None)


def in_the_way(session_id: str | None) -> Conflict:
    return Conflict(
        "active_session",
        "You have a session already. End or cancel it first.",
        session_id=session_id,
    )


@decides_anew
def sign_waiver(
    session_id: str, by: str, full_name: str, now: datetime, once: Once | None = None
) -> Session:
    """The customer accepts the waiver; the search for a mechanic begins, or the slot is booked.

    What is to be paid by Stripe awaits that first.
    """
    session = _settled_of_customer(session_id, by, now)
    if rules.is_signed(session):
        return _as_it_is(session, now, once)
    policy = policies.current(now)
    signed = rules.sign(session, policy, now)
    contact = store.find_contact(session.id)
    with Transaction() as tx:
        if once:
            once.remember(tx, signed, now)
        store.put(tx, signed)
        store.put_contact(
            tx, session.id, replace(contact, waiver_full_name=full_name, waiver_signed_at=now)
        )
        tx.record(facts.event(EventType.WAIVER_SIGNED, signed, now))
        bookings.go_ahead(tx, signed, policy, now)
    return signed


def _pending_until(session: Session) -> datetime:
    assert session.pending_until is not None, "set when it became pending"
    return session.pending_until


def _as_it_is(session: Session, now: datetime, once: Once | None) -> Session:
    """The move was made before: nothing changes but that a key is remembered."""
    if once:
        with Transaction() as tx:
            once.remember(tx, session, now)
    return session


# Moves of the mechanic


@decides_anew
def accept_offer(assignment_id: str, by: str, now: datetime, once: Once | None = None) -> Session:
    """The mechanic takes the session of this offer or broadcast.

    Exactly one of any concurrent accepts wins, and the winner's repeat gets the same answer.
    Raises NotFound, or Conflict with the first reason of ``domain.md`` that holds.
    """
    assignment = offers.assignment_for(assignment_id, by)
    session = _settled(assignment.session_id, now)
    if rules.was_won_by(session, assignment.id, by):
        return _as_it_is(session, now, once)
    dispatch = offers.settled_dispatch_of(session.id, now)
    if dispatch.is_open is not (session.status is Status.PENDING):
        raise StaleVersion  # somebody was quicker, between the two reads
    reason = offer_rules.why_not_acceptable(
        dispatch,
        assignment,
        by,
        is_cancelled=session.status is Status.CANCELLED,
        is_unfilled=session.status is Status.UNFILLED,
        now=now,
    )
    if reason:
        raise offer_rules.refused(reason)
    policy = _policy_of(session, now)
    accepted = rules.accept(session, policy, mechanic_id=by, assignment_id=assignment.id, now=now)
    assert accepted.mechanic_due_by is not None, "set by the accept"
    with Transaction() as tx:
        if once:
            once.remember(tx, accepted, now)
        store.put(tx, accepted)
        lost = offers.win(tx, dispatch, assignment, by, now)
        mechanics.take_load(
            tx,
            by,
            brand_key=dispatch.wanted.brand_key,
            policy=policy,
            now=now,
            otherwise=offer_rules.refused,
            keeps_until=offers.keeps_until(dispatch, policy, now),
        )
        tx.record(
            facts.event(
                EventType.OFFER_ACCEPTED,
                accepted,
                now,
                mechanic_id=by,
                assignment_id=assignment.id,
                match_type=assignment.match_type,
                mechanic_due_by=format_time(accepted.mechanic_due_by),
                **_response(assignment, now),
                **facts.lost(lost),
            )
        )
    if session.pending_since:
        waited = (now - session.pending_since).total_seconds()
        metrics.add_metric("SecondsToAccept", MetricUnit.Seconds, waited)
    return accepted


def _response(assignment: Assignment, now: datetime) -> dict[str, Decimal]:
    """How long an offer waited for its answer; a broadcast asks nobody in particular."""
    if assignment.match_type is MatchType.BROADCAST:
        return {}
    return {"response_s": Decimal(str((now - assignment.offered_at).total_seconds()))}


def decline_offer(
    assignment_id: str, by: str, reason: DeclineReason, now: datetime, once: Once | None = None
) -> Session:
    """The mechanic does not want it; answers with the session as they may see it."""
    session = _settled(offers.assignment_for(assignment_id, by).session_id, now)
    offers.decline_offer(assignment_id, by, reason, now, once and once.answering(session))
    return session


@decides_anew
def release_session(
    assignment_id: str, by: str, reason: str, now: datetime, once: Once | None = None
) -> Session:
    """The mechanic gives the session back before it is live: it is pending again, without them."""
    session = _settled(offers.assignment_for(assignment_id, by).session_id, now)
    assignment = offers.assignment_for(assignment_id, by)
    if assignment.mechanic_id == by and assignment.status is AssignmentStatus.RELEASED:
        return _as_it_is(get(session.id, now), now, once)  # it may be since the session was read
    if (session.assignment_id, session.mechanic_id) != (assignment.id, by):
        if offer_rules.is_winners_repeat(assignment, by):
            raise StaleVersion  # given back between the two reads
        raise offer_rules.why_not_releasable(assignment, by, now)
    policy = _policy_of(session, now)
    released = rules.release(session, policy, now)
    dispatch = offers.dispatch_of(session.id)
    with Transaction() as tx:
        if once:
            once.remember(tx, released, now)
        store.put(tx, released)
        offers.move_on(
            tx, assignment, AssignmentMove.RELEASE, now=now, facts={"release_reason": reason}
        )
        offers.reopen_dispatch(
            tx,
            dispatch,
            period=released.period,
            excluding=by,
            policy=policy,
            now=now,
            until=_pending_until(released),
            outcome=AssignmentStatus.RELEASED,
        )
        shifts.free_load(tx, by, now, completed=False, session_ended=False)
        tx.record(
            facts.event(
                EventType.OFFER_RELEASED,
                session,
                now,
                mechanic_id=by,
                assignment_id=assignment.id,
            )
        )
        tx.record(facts.pending(released, now))
    return released


# Moves of an admin


@decides_anew
def call_off_session(
    session_id: str, by: str, reason: str, now: datetime, once: Once | None = None
) -> Session:
    """This admin cancels what is not live yet, whosever it is: all comes back.

    Raises NotFound, IllegalMove.
    """
    session = _settled(session_id, now)
    if session.status is Status.CANCELLED:
        return _as_it_is(session, now, once)
    policy = _policy_of(session, now)
    cancelled = rules.cancel(session, Party.ADMIN, reason, policy, now)
    return _cancel(session, cancelled, now, once, by_admin=by)


def reassign_session(
    session_id: str,
    by: str,
    reason: str,
    now: datetime,
    once: Once | None = None,
    *,
    mechanic_id: str | None = None,
) -> Session:
    """This admin takes an accepted session from its mechanic: another one is sought.

    Where ``mechanic_id`` says whom it is to be taken from and they have lost it by now, nothing
    changes. Raises NotFound, IllegalMove for what nobody has accepted, and once it is live, and
    Invalid for a ``mechanic_id`` who never had it.
    """
    session = _settled(session_id, now)
    if mechanic_id not in (None, session.mechanic_id):
        dispatch = offers.find_dispatch(session.id)
        if dispatch is None or mechanic_id not in dispatch.excluded:
            raise Invalid.field("/mechanic_id", "is not who has this session")
        return _as_it_is(session, now, once)
    if session.status is not Status.WAITING:
        raise IllegalMove(Move.REASSIGN, session.status)
    loser = _mechanic_of(session)
    return take_back(session.id, loser, TakenBack.REASSIGNED, now, once, reason, by=by)


@decides_anew
def take_back(
    session_id: str,
    mechanic_id: str,
    why: TakenBack,
    now: datetime,
    once: Once | None = None,
    reason: str | None = None,
    by: str | None = None,
) -> Session:
    """The session is taken from this mechanic before it is live: pending again, without them.

    The ``reason`` is kept with the mechanic's row, as that of a release is; ``by`` is the admin.
    Where they do not have it any more nothing changes. Raises NotFound, IllegalMove (also for a
    booking that has not begun, and for what is over).
    """
    session = _settled(session_id, now)
    if session.mechanic_id != mechanic_id:
        return _as_it_is(session, now, once)
    policy = _policy_of(session, now)
    again = rules.reassign(session, policy, now)
    assignment = _assignment_of(session)
    move, outcome = _TAKEN_BACK[why]
    with Transaction() as tx:
        if once:
            once.remember(tx, again, now)
        store.put(tx, again)
        told = {"cause": outcome} if move is AssignmentMove.EXPIRE else {}
        if reason:
            told["release_reason"] = reason
        offers.move_on(tx, assignment, move, now=now, facts=told)
        offers.reopen_dispatch(
            tx,
            offers.dispatch_of(session.id),
            period=again.period,
            excluding=mechanic_id,
            policy=policy,
            now=now,
            until=_pending_until(again),
            outcome=outcome,
        )
        shifts.free_load(tx, mechanic_id, now, completed=False, session_ended=False)
        tx.record(
            facts.event(
                EventType.SESSION_REASSIGNED,
                session,
                now,
                mechanic_id=mechanic_id,
                assignment_id=assignment.id,
                why=why,
                **({"by": by} if by else {}),
            )
        )
        tx.record(facts.pending(again, now))
    return again


def end_duties(mechanic_id: str, now: datetime) -> bool:
    """A suspended mechanic finishes what is live, and has nothing else in hand any more.

    Open offers pass on, what waits for them seeks another, and their shift ends, with the live
    session if there is one. What is booked with them stays: at its start others are asked. Looks at
    how things stand: safe at any time. Answers whether there was anything to do.
    """
    mechanic = mechanics.get(mechanic_id)
    if mechanic is None or mechanic.profile.status is not MechanicStatus.SUSPENDED:
        return False
    has_ended = shifts.suspend_shift(mechanic_id, now)
    in_hand = offers.in_hand(mechanic_id)
    taken = [id_ for id_ in in_hand if _take_what_waits(id_, mechanic_id, now)]
    offers.review_offers(mechanic_id, now)
    # In the end: until then the sweeper is to find them, whatever happens here.
    mechanics.forget_due(mechanic_id, kept=len(in_hand) - len(taken))
    return has_ended or bool(taken)


def _take_what_waits(session_id: str, mechanic_id: str, now: datetime) -> bool:
    if get(session_id, now).status is not Status.WAITING:
        return False
    try:
        take_back(session_id, mechanic_id, TakenBack.SUSPENDED, now)
    except IllegalMove:  # it is live since: they finish it
        return False
    return True


_TAKEN_BACK: Mapping[TakenBack, tuple[AssignmentMove, str]] = {
    TakenBack.SUSPENDED: (AssignmentMove.EXPIRE, Cause.NOT_ELIGIBLE),
    TakenBack.REASSIGNED: (AssignmentMove.RESCIND, "reassigned"),
}
"""What becomes of the mechanic's row, and of the customer's wish if it was for them."""


# Moves of either side

_ARRIVED = {
    Party.MECHANIC: EventType.MECHANIC_JOINED,
    Party.CUSTOMER: EventType.CUSTOMER_JOINED,
}


@decides_anew
def join_session(session_id: str, by: str, now: datetime, once: Once | None = None) -> Session:
    """One side comes; with the second the session is live. Raises NotFound, IllegalMove."""
    session, party = _settled_of_party(session_id, by, now)
    if session.status in (Status.WAITING, Status.LIVE) and rules.has_joined(session, party):
        return _as_it_is(session, now, once)
    joined = rules.join(session, party, _policy_of(session, now), now)
    with Transaction() as tx:
        if once:
            once.remember(tx, joined, now)
        store.put(tx, joined)
        if moves := _assignment_moves(session, joined):
            offers.move_on(tx, _assignment_of(session), *moves, now=now)
        who = {"mechanic_id": session.mechanic_id, "assignment_id": session.assignment_id}
        tx.record(facts.event(_ARRIVED[party], joined, now, **who, **_waits_for_customer(joined)))
        if joined.ends_by:
            ends_by = format_time(joined.ends_by)
            if clash := bookings.clash_of(joined, now):
                tx.record(clash)
            tx.record(facts.event(EventType.SESSION_STARTED, joined, now, **who, ends_by=ends_by))
    return joined


def _waits_for_customer(session: Session) -> dict[str, str]:
    if session.status is not Status.WAITING or session.customer_due_by is None:
        return {}
    return {"customer_due_by": format_time(session.customer_due_by)}


def _assignment_moves(before: Session, after: Session) -> list[AssignmentMove]:
    moves = []
    if after.mechanic_joined_at and not before.mechanic_joined_at:
        moves.append(AssignmentMove.JOIN)
    if after.status is Status.LIVE:
        moves.append(AssignmentMove.START)
    return moves


@decides_anew
def end_session(session_id: str, by: str, now: datetime, once: Once | None = None) -> Session:
    """Either side ends the live session. Raises NotFound, IllegalMove."""
    session, party = _settled_of_party(session_id, by, now)
    if session.status is Status.COMPLETED:
        return _as_it_is(session, now, once)
    return _complete(rules.end(session, party, now), now, once)


def _complete(ended: Session, now: datetime, once: Once | None = None) -> Session:
    with Transaction() as tx:
        if once:
            once.remember(tx, ended, now)
        store.put(tx, ended)
        store.unlock(tx, ended)
        offers.move_on(tx, _assignment_of(ended), AssignmentMove.END, now=now)
        shifts.free_load(tx, _mechanic_of(ended), now, completed=True)
        tx.record(
            facts.event(
                EventType.SESSION_COMPLETED,
                ended,
                now,
                mechanic_id=ended.mechanic_id,
                assignment_id=ended.assignment_id,
                ended_by=ended.ended_by,
            )
        )
    metrics.add_metric("SessionsCompleted", MetricUnit.Count, 1)
    return ended


@decides_anew
def rate_session(
    session_id: str, by: str, review: Review, now: datetime, once: Once | None = None
) -> Session:
    """The customer rates a completed session, once, within 14 days; the mechanic's mean follows.

    The comment stands with the contact, as what else they wrote. Raises NotFound, and Conflict
    ``illegal_move``, also for another rating than the first, or ``erased``.
    """
    session = _settled_of_customer(session_id, by, now)
    contact = store.find_contact(session.id)
    if session.rating and review == Review(session.rating.stars, contact.rating_comment):
        return _as_it_is(session, now, once)
    rated = rules.rate(session, review.stars, now)
    with Transaction() as tx:
        if once:
            once.remember(tx, rated, now)
        customers.check_not_erased(tx, rated.customer_id)
        store.put(tx, rated)
        if review.comment:
            store.put_contact(tx, session.id, replace(contact, rating_comment=review.comment))
        mechanics.add_stars(tx, _mechanic_of(rated), review.stars, now)
        whose = {"mechanic_id": rated.mechanic_id, "assignment_id": rated.assignment_id}
        tx.record(facts.event(EventType.SESSION_RATED, rated, now, **whose, stars=review.stars))
    metrics.add_metric("SessionsRated", MetricUnit.Count, 1)
    return rated


@decides_anew
def cancel_session(
    session_id: str, by: str, reason: str | None, now: datetime, once: Once | None = None
) -> Session:
    """The customer cancels before the session is live, the mechanic while it is scheduled.

    Raises NotFound, IllegalMove.
    """
    session, party = _settled_of_party(session_id, by, now)
    if session.status is Status.CANCELLED:
        return _as_it_is(session, now, once)
    policy = _policy_of(session, now)
    return _cancel(session, rules.cancel(session, party, reason, policy, now), now, once)


def _cancel(
    session: Session,
    cancelled: Session,
    now: datetime,
    once: Once | None = None,
    by_admin: str | None = None,
) -> Session:
    lost: list[OpenOffer] = []
    is_sought = session.status is Status.PENDING
    dispatch = offers.settled_dispatch_of(session.id, now) if is_sought else None
    is_delayed = (
        session.delayed_until is not None
        and store.active_session_id(session.customer_id) == session.id
    )
    with Transaction() as tx:
        if once:
            once.remember(tx, cancelled, now)
        store.put(tx, cancelled)
        if session.status in ACTIVE or is_delayed:
            store.unlock(tx, cancelled)
        if slot := bookings.ref_of(session):
            calendar.free_booking(tx, slot, now)
        if dispatch:
            lost = offers.withdraw(tx, dispatch, now)
        if session.status is Status.WAITING:
            offers.move_on(tx, _assignment_of(session), AssignmentMove.CANCEL, now=now)
            shifts.free_load(tx, _mechanic_of(session), now, completed=False)
        _give_back(tx, cancelled, now)
        tx.record(
            facts.event(
                EventType.SESSION_CANCELLED,
                cancelled,
                now,
                mechanic_id=session.mechanic_id,
                cancelled_by=cancelled.ended_by,
                **({"by": by_admin} if by_admin else {}),
                **facts.lost(lost),
                **facts.called_off(session, cancelled),
            )
        )
    return cancelled


def _give_back(tx: Transaction, ended: Session, now: datetime) -> None:
    """What is given back for a session that is off, in the means it was paid by."""
    if ended.refund:
        payments.give_back(tx, ended.customer_id, ended.id, ended.refund.credits, now)
        payments.owe(tx, ended.id, ended.payment_id, ended.refund.price_cents, now)


@decides_anew
def reschedule_session(
    session_id: str, by: str, start: datetime, now: datetime, once: Once | None = None
) -> Session:
    """The customer moves a scheduled session to another slot of its mechanic.

    Raises NotFound, IllegalMove (also within 2 hours of the start), Invalid for a start that is no
    slot, Conflict ``slot_taken``, QuotaExceeded.
    """
    session = _settled_of_customer(session_id, by, now)
    if session.status is Status.SCHEDULED and session.scheduled_start == start:
        return _as_it_is(session, now, once)
    policy = _policy_of(session, now)
    if refusal := rules.why_not_reschedule(session, policy, now):
        raise refusal
    with Transaction() as tx:
        moved = bookings.move(tx, session, start, policy, now)
        if once:
            once.remember(tx, moved, now)
        quotas.count(tx, Action.BOOKING, by, now)
        store.put(tx, moved)
    return moved


# Moves of the clock


def close_overdue(session_id: str, now: datetime) -> bool:
    """Write down what passed deadlines have made of a session; answers whether any had.

    A waiver never signed cancels it, a search without end leaves it unfilled; a mechanic who does
    not come loses it, a customer who does not come has missed it; plan minutes and overtime
    complete it.
    """
    moved = False
    while _make_clock_move(session_id, now):
        moved = True
    return moved


@decides_anew
def _make_clock_move(session_id: str, now: datetime) -> bool:
    session = _stored(session_id)
    if session.status is Status.SCHEDULED:
        _make_room(session.customer_id, now, but_for=session.id)
        return bookings.make_move(session, _policy_of(session, now), now)
    due = rules.clock_move(session, _policy_of(session, now), now)
    if due is None:
        return False
    match due.status:
        case Status.CANCELLED:
            _cancel(session, due, now)
        case Status.UNFILLED:
            _give_up(due, now)
        case Status.PENDING:
            _go_on_without_mechanic(session, due, now)
        case Status.NO_SHOW:
            _go_on_without_customer(due, now)
        case _:
            _complete(due, now)
    return True


def _give_up(unfilled: Session, now: datetime) -> None:
    dispatch = offers.settled_dispatch_of(unfilled.id, now)
    with Transaction() as tx:
        store.put(tx, unfilled)
        store.unlock(tx, unfilled)
        lost = offers.give_up(tx, dispatch, now)
        _give_back(tx, unfilled, now)
        tx.record(
            facts.event(
                EventType.SESSION_UNFILLED,
                unfilled,
                now,
                period=unfilled.period,
                **facts.lost(lost),
            )
        )
    metrics.add_metric("SessionsUnfilled", MetricUnit.Count, 1)


def _go_on_without_mechanic(session: Session, again: Session, now: datetime) -> None:
    """The search begins again at the instant at which the mechanic should have come."""
    mechanic_id, assignment = _mechanic_of(session), _assignment_of(session)
    assert again.pending_since is not None, "it is pending"
    with Transaction() as tx:
        store.put(tx, again)
        not_joined = {"cause": Cause.NOT_JOINED}
        offers.move_on(tx, assignment, AssignmentMove.EXPIRE, now=now, facts=not_joined)
        offers.reopen_dispatch(
            tx,
            offers.dispatch_of(session.id),
            period=again.period,
            excluding=mechanic_id,
            policy=_policy_of(session, now),
            now=again.pending_since,
            until=_pending_until(again),
            outcome=Cause.NOT_JOINED,
        )
        shifts.free_load(tx, mechanic_id, now, completed=False, session_ended=False)
        tx.record(
            facts.event(
                EventType.MECHANIC_NOT_JOINED,
                session,
                now,
                mechanic_id=mechanic_id,
                assignment_id=assignment.id,
            )
        )
        tx.record(facts.pending(again, now))
    metrics.add_metric("MechanicsNotJoined", MetricUnit.Count, 1)


def _go_on_without_customer(missed: Session, now: datetime) -> None:
    with Transaction() as tx:
        store.put(tx, missed)
        store.unlock(tx, missed)
        offers.move_on(
            tx, _assignment_of(missed), AssignmentMove.END, now=now, facts={"no_show": True}
        )
        shifts.free_load(tx, _mechanic_of(missed), now, completed=False)
        tx.record(
            facts.event(
                EventType.CUSTOMER_NOT_JOINED,
                missed,
                now,
                mechanic_id=missed.mechanic_id,
                assignment_id=missed.assignment_id,
            )
        )
    metrics.add_metric("CustomersNotJoined", MetricUnit.Count, 1)


# Reads


def get(session_id: str, now: datetime) -> Session:
    """The session as its deadlines make it now. Raises NotFound."""
    return _as_of(_stored(session_id), now)


def active_of(customer_id: str, now: datetime) -> Session | None:
    """The customer's active session, as its deadlines make it; None without one."""
    session_id = store.active_session_id(customer_id)
    session = get(session_id, now) if session_id else None
    return session if session and session.status in ACTIVE else None


def contact_of(session_id: str) -> Contact:
    """Whom to write to about a session. Raises LookupError for one that was never booked."""
    return store.find_contact(session_id)


def _stored(session_id: str) -> Session:
    session = store.find(session_id) if is_id(session_id) else None
    if session is None:
        raise NotFound("There is no such session.")
    return session


def _as_of(session: Session, now: datetime) -> Session:
    return rules.as_of(session, _policy_of(session, now), now)


def _settled(session_id: str, now: datetime) -> Session:
    """The session to decide on: what its deadlines have made of it is written down first."""
    close_overdue(session_id, now)
    return _stored(session_id)


def _settled_of_party(session_id: str, by: str, now: datetime) -> tuple[Session, Party]:
    """To a mechanic who did not come in time it is a stranger's, whether that was rung or not."""
    _party(_stored(session_id), by)  # a stranger's call settles nothing
    session = _settled(session_id, now)
    return session, _party(session, by)


def _settled_of_customer(session_id: str, by: str, now: datetime) -> Session:
    if _party(_stored(session_id), by) is not Party.CUSTOMER:
        raise NotFound("There is no such session of yours.")
    return _settled(session_id, now)


def settled(session_id: str, now: datetime) -> Session:
    """The session, once what its deadlines have made of it is written. Raises NotFound."""
    return _settled(session_id, now)


def settled_of_customer(session_id: str, by: str, now: datetime) -> Session:
    """The same for its customer alone; anybody else gets NotFound."""
    return _settled_of_customer(session_id, by, now)


def for_party(session_id: str, by: str, now: datetime) -> Session:
    """The session for its customer or its assigned mechanic; anybody else gets NotFound."""
    return _with_party(session_id, by, now)[0]


@dataclass(frozen=True, slots=True)
class Details:
    """A session with what this viewer may know besides.

    ``contact`` and ``attachments`` are for the customer and the assigned mechanic; ``mechanic`` is
    the assigned one.
    ``preferred_outcome`` and ``options`` are the customer's to know.
    """

    session: Session
    viewer_id: str
    contact: Contact | None
    mechanic: Mechanic | None
    preferred_outcome: str | None = None
    options: tuple[WayOn, ...] = ()
    attachments: tuple[Link, ...] = ()


def details(session: Session, viewer_id: str, now: datetime) -> Details:
    """What this viewer may see of a session they may see."""
    is_party = viewer_id in (session.customer_id, session.mechanic_id)
    knows_customer = rules.knows_customer(session, viewer_id)
    is_customer = viewer_id == session.customer_id
    goes_by_dispatch = session.preferred_mechanic_id or session.status is Status.PENDING
    dispatch = offers.find_dispatch(session.id) if is_customer and goes_by_dispatch else None
    contact = store.find_contact(session.id) if knows_customer else None
    return Details(
        session=rules.seen_by(session, viewer_id),
        viewer_id=viewer_id,
        contact=contact,
        mechanic=mechanics.get(session.mechanic_id) if session.mechanic_id and is_party else None,
        preferred_outcome=_preferred_outcome(session, dispatch, now) if is_customer else None,
        options=rules.ways_on(session, all_offline=dispatch is not None and dispatch.all_offline)
        if is_customer
        else (),
        attachments=tuple(uploads.link_to(each, now) for each in contact.attachments)
        if contact
        else (),
    )


def _preferred_outcome(session: Session, dispatch: Dispatch | None, now: datetime) -> str | None:
    if session.preferred_mechanic_id is None:
        return None
    if session.status is Status.SCHEDULED:
        return "booked"
    if session.mechanic_id == session.preferred_mechanic_id:
        return "accepted"
    return offer_rules.preferred_outcome(dispatch, now) if dispatch else "undecided"


@dataclass(frozen=True, slots=True)
class Sessions:
    items: list[Session]
    cursor: str | None


def sessions_of(
    user_id: str, as_customer: bool, now: datetime, limit: int, cursor: str | None
) -> Sessions:
    """A customer's own sessions, or those a mechanic has accepted; newest first."""
    of_user = store.of_customer if as_customer else store.of_mechanic
    page = of_user(user_id, limit, cursor)
    found = [_as_of(session, now) for session in store.sessions_of(page)]
    return Sessions(found, page.cursor)


def timeline(
    session_id: str, by: str, now: datetime, limit: int, cursor: str | None
) -> tuple[Session, Page]:
    """What has happened to a session, oldest first, as recorded."""
    session = for_party(session_id, by, now)
    return session, store.events_of(session.id, limit, cursor)


def _with_party(session_id: str, by: str, now: datetime) -> tuple[Session, Party]:
    session = get(session_id, now)
    return session, _party(session, by)


def _party(session: Session, by: str) -> Party:
    if by == session.customer_id:
        return Party.CUSTOMER
    if by == session.mechanic_id:
        return Party.MECHANIC
    raise NotFound("There is no such session.")


def _policy_of(session: Session, now: datetime) -> Policy:
    """A session goes by the policy under which it became pending; before, by that in force."""
    if session.policy_version is None:
        return policies.current(now)
    return policies.of_version(session.policy_version)


def _assignment_of(session: Session) -> Assignment:
    return offers.assignment_for(session.assignment_id or "", _mechanic_of(session))


def _mechanic_of(session: Session) -> str:
    assert session.mechanic_id is not None, "set by the accept"
    return session.mechanic_id


# For other capabilities


def remind(session_id: str, booking_version: int, now: datetime) -> bool:
    """Remind both sides of a booking, if it still is as it was when the reminder was set."""
    if _stored(session_id).booking_version != booking_version:
        return False
    return close_overdue(session_id, now)


def begin_bookings_of_mechanic(mechanic_id: str, now: datetime) -> None:
    """Whoever was called has come: what waits for them begins."""
    for session_id in calendar.sessions_to_begin(mechanic_id, now):
        close_overdue(session_id, now)


def begin_bookings_of_customer(customer_id: str, now: datetime) -> None:
    """The customer's other session is over: what waits for them begins."""
    cursor = None
    while True:
        page = store.of_customer(customer_id, 100, cursor)
        for session in store.sessions_of(page):
            start = session.scheduled_start
            if session.status is Status.SCHEDULED and start and start <= now:
                close_overdue(session.id, now)
        cursor = page.cursor
        if cursor is None:
            return


def latest_of(customer_id: str) -> Session | None:
    """The session that a customer booked last, as stored; listed, so it may lag a moment behind."""
    page = store.of_customer(customer_id, 1, None)
    return next(iter(store.sessions_of(page)), None)


# Forgetting a customer


def unfinished_of(customer_id: str, now: datetime) -> Session | None:
    """A session of the customer that is to come or under way; listed, so it may lag behind."""
    for session in _all_of(customer_id):
        session = _as_of(session, now)
        if session.status in ACTIVE or session.status is Status.SCHEDULED:
            return session
    return None


def _all_of(customer_id: str) -> Iterator[Session]:
    cursor = None
    while True:
        page = store.of_customer(customer_id, 100, cursor)
        yield from store.sessions_of(page)
        cursor = page.cursor
        if cursor is None:
            return


def check_no_active(tx: Transaction, customer_id: str) -> None:
    """Provided that the customer has no active session. Raises Conflict ``active_session``."""
    store.check_unlocked(tx, customer_id, _has_active_session)


def to_forget(customer_id: str, now: datetime) -> Iterator[str]:
    """The sessions of a customer that tell whose they are still; all of them are over.

    A booking that was too new to be seen when the customer asked for it is called off.
    """
    for session in _all_of(customer_id):
        if rules.without_customer(session) is session:
            continue
        settled = _settled(session.id, now)
        if settled.status in ACTIVE or settled.status is Status.SCHEDULED:
            cancel_session(settled.id, customer_id, None, now)
        yield settled.id


def facts_of(session_id: str) -> list[Item]:
    """All that has happened to a session, oldest first."""
    return store.facts_of(session_id)


def forget(session_id: str) -> None:
    """Take out of a session that is over what tells whose it was. Twice is once.

    The session itself comes last: once it tells nothing any more, nothing else does.
    """
    rows = {id_ for fact in facts_of(session_id) for id_ in rules.assignments_in(fact)}
    offers.forget_customer(session_id, rows)
    _anonymise(session_id)


@decides_anew
def _anonymise(session_id: str) -> None:
    session = _stored(session_id)
    anonymous = rules.without_customer(session)
    if anonymous is session:
        return
    with Transaction() as tx:
        store.put(tx, anonymous)
        store.put_contact(tx, session_id, rules.nobodys(store.find_contact(session_id)))
