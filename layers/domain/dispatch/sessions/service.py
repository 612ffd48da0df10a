"""Use cases of a session, from booking to its end.

Each reads, decides in ``rules``, and writes state and events in one transaction. A move that
touches assignments, a mechanic's load or both joins their clauses from ``offers`` and
``mechanics``. Repeating a move that has been made answers with the session, and changes nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dispatch.core.errors import Conflict, Invalid, NotFound, StaleVersion
from dispatch.core.events import Event, EventType
from dispatch.core.idempotency import Once
from dispatch.core.ids import is_id, new_id
from dispatch.core.logging import MetricUnit, metrics
from dispatch.core.table import Item, Page, Transaction, decides_anew
from dispatch.core.time import format_time
from dispatch.customers import service as customers
from dispatch.customers.model import Location
from dispatch.matching.keywords import find_keywords
from dispatch.matching.rules import match_request
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic
from dispatch.offers import rules as offer_rules
from dispatch.offers import service as offers
from dispatch.offers.model import (
    Assignment,
    AssignmentStatus,
    DeclineReason,
    SessionBrief,
    VehicleBrief,
)
from dispatch.offers.model import Move as AssignmentMove
from dispatch.policy import service as policies
from dispatch.policy.model import Policy
from dispatch.sessions import rules, store
from dispatch.sessions.model import (
    ACTIVE,
    Contact,
    Intake,
    Party,
    Session,
    Status,
)


def _event(type_: EventType, session: Session, now: datetime, **facts: Any) -> Event:
    subject = store.subject(session.id)
    ids = {"session_id": session.id, "customer_id": session.customer_id}
    return Event(type_, subject, now, ids | facts)


# Booking


@decides_anew
def book_session(
    intake: Intake, customer_id: str, now: datetime, once: Once | None = None
) -> Session:
    """A new session of this customer, awaiting the waiver.

    A location without any part is taken from the profile as a whole. Raises Invalid, or Conflict
    ``active_session`` with the ``session_id`` that is in the way.
    """
    policy = policies.current(now)
    plan = policy.plan(intake.plan)
    if plan is None:
        known = ", ".join(plan.id for plan in policy.plans)
        raise Invalid.field("/plan", f"is not a plan; use one of {known}")
    if intake.location == Location():
        intake = replace(intake, location=customers.location_of(customer_id))
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
        name=intake.name, email=intake.email, phone=intake.phone, concern=intake.concern
    )
    with Transaction() as tx:
        if once:
            once.remember(tx, session, now)
        store.lock(tx, session, otherwise=_has_active_session)
        store.put(tx, session)
        store.put_contact(tx, session.id, contact)
        tx.record(
            _event(
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


def _make_room(customer_id: str, now: datetime) -> None:
    """A session that is over by its deadline is not in the way, though its timer is late."""
    active_id = store.active_session_id(customer_id)
    if active_id:
        close_overdue(active_id, now)


def _has_active_session(lock: Item | None) -> Conflict:
    return Conflict(
        "active_session",
        "You have a session already. End or cancel it first.",
        session_id=lock["session_id"] if lock else None,
    )


@decides_anew
def sign_waiver(
    session_id: str, by: str, full_name: str, now: datetime, once: Once | None = None
) -> Session:
    """The customer accepts the waiver; the search for a mechanic begins."""
    session = _of_customer(session_id, by, now)
    if session.pending_since is not None and session.status in ACTIVE:
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
        offers.open_dispatch(
            tx,
            _brief(signed),
            match_request(
                request_type=signed.request_type,
                requested_brand=signed.requested_brand,
                keywords=signed.keywords,
                country=signed.location.country,
                state_province=signed.location.state_province,
                city=signed.location.city,
                postal_code=signed.location.postal_code,
                prefer_local_mechanic=signed.prefer_local_mechanic,
            ),
            customer_id=signed.customer_id,
            policy_version=policy.version,
            now=now,
        )
        tx.record(_event(EventType.WAIVER_SIGNED, signed, now))
        tx.record(_pending(signed, now))
    return signed


def _pending(session: Session, now: datetime) -> Event:
    return _event(EventType.SESSION_PENDING, session, now, period=session.period)


def _brief(session: Session) -> SessionBrief:
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
    )


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
    session = get(assignment.session_id, now)
    if rules.was_won_by(session, assignment.id, by):
        return _as_it_is(session, now, once)
    dispatch = offers.dispatch_of(session.id)
    if dispatch.is_open is not (session.status is Status.PENDING):
        raise StaleVersion  # somebody was quicker, between the two reads
    reason = offer_rules.why_not_acceptable(
        dispatch,
        assignment,
        by,
        is_cancelled=session.status is Status.CANCELLED,
        now=now,
    )
    if reason:
        raise offer_rules.refused(reason)
    accepted = rules.accept(session, mechanic_id=by, assignment_id=assignment.id, now=now)
    with Transaction() as tx:
        if once:
            once.remember(tx, accepted, now)
        store.put(tx, accepted)
        offers.win(tx, dispatch, assignment, by, now)
        mechanics.take_load(
            tx,
            by,
            brand_key=dispatch.wanted.brand_key,
            policy=_policy_of(session, now),
            now=now,
            otherwise=offer_rules.refused,
        )
        tx.record(
            _event(
                EventType.OFFER_ACCEPTED,
                accepted,
                now,
                mechanic_id=by,
                assignment_id=assignment.id,
                match_type=assignment.match_type,
            )
        )
    if session.pending_since:
        waited = (now - session.pending_since).total_seconds()
        metrics.add_metric("SecondsToAccept", MetricUnit.Seconds, waited)
    return accepted


def decline_offer(
    assignment_id: str, by: str, reason: DeclineReason, now: datetime, once: Once | None = None
) -> Session:
    """The mechanic does not want it; answers with the session as they may see it."""
    session = get(offers.assignment_for(assignment_id, by).session_id, now)
    offers.decline_offer(assignment_id, by, reason, now, once and once.answering(session))
    return session


@decides_anew
def release_session(
    assignment_id: str, by: str, reason: str, now: datetime, once: Once | None = None
) -> Session:
    """The mechanic gives the session back before it is live: it is pending again, without them."""
    assignment = offers.assignment_for(assignment_id, by)
    session = get(assignment.session_id, now)
    if assignment.status is AssignmentStatus.RELEASED:
        return _as_it_is(session, now, once)
    if session.assignment_id != assignment.id:
        if offer_rules.is_winners_repeat(assignment, by):
            raise StaleVersion  # given back between the two reads
        raise offer_rules.why_not_declinable(assignment, by)
    released = rules.release(session, now)
    dispatch = offers.dispatch_of(session.id)
    with Transaction() as tx:
        if once:
            once.remember(tx, released, now)
        store.put(tx, released)
        offers.move_on(
            tx, assignment, AssignmentMove.RELEASE, now=now, facts={"release_reason": reason}
        )
        offers.reopen_dispatch(tx, dispatch, period=released.period, excluding=by, now=now)
        mechanics.free_load(tx, by, now=now, completed=False, session_ended=False)
        tx.record(
            _event(
                EventType.OFFER_RELEASED,
                session,
                now,
                mechanic_id=by,
                assignment_id=assignment.id,
            )
        )
        tx.record(_pending(released, now))
    return released


# Moves of either side

_ARRIVED = {
    Party.MECHANIC: EventType.MECHANIC_JOINED,
    Party.CUSTOMER: EventType.CUSTOMER_JOINED,
}


@decides_anew
def join_session(session_id: str, by: str, now: datetime, once: Once | None = None) -> Session:
    """One side comes; with the second the session is live. Raises NotFound, IllegalMove."""
    session, party = _with_party(session_id, by, now)
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
        tx.record(_event(_ARRIVED[party], joined, now, **who))
        if joined.ends_by:
            ends_by = format_time(joined.ends_by)
            tx.record(_event(EventType.SESSION_STARTED, joined, now, **who, ends_by=ends_by))
    return joined


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
    session, party = _with_party(session_id, by, now)
    if session.status is Status.COMPLETED:
        close_overdue(session_id, now)
        return _as_it_is(session, now, once)
    return _complete(rules.end(session, party, now), now, once)


def _complete(ended: Session, now: datetime, once: Once | None = None) -> Session:
    with Transaction() as tx:
        if once:
            once.remember(tx, ended, now)
        store.put(tx, ended)
        store.unlock(tx, ended)
        offers.move_on(tx, _assignment_of(ended), AssignmentMove.END, now=now)
        mechanics.free_load(tx, _mechanic_of(ended), now=now, completed=True)
        tx.record(
            _event(
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
def cancel_session(
    session_id: str, by: str, reason: str | None, now: datetime, once: Once | None = None
) -> Session:
    """The customer cancels before the session is live. Raises NotFound, IllegalMove."""
    session = _of_customer(session_id, by, now)
    if session.status is Status.CANCELLED:
        return _as_it_is(session, now, once)
    return _cancel(session, rules.cancel(session, reason, now), now, once)


def _cancel(
    session: Session, cancelled: Session, now: datetime, once: Once | None = None
) -> Session:
    with Transaction() as tx:
        if once:
            once.remember(tx, cancelled, now)
        store.put(tx, cancelled)
        store.unlock(tx, cancelled)
        if session.status is Status.PENDING:
            offers.withdraw(tx, offers.dispatch_of(session.id), now)
        if session.status is Status.WAITING:
            offers.move_on(tx, _assignment_of(session), AssignmentMove.CANCEL, now=now)
            mechanics.free_load(tx, _mechanic_of(session), now=now, completed=False)
        tx.record(
            _event(
                EventType.SESSION_CANCELLED,
                cancelled,
                now,
                mechanic_id=session.mechanic_id,
                cancelled_by=cancelled.ended_by,
            )
        )
    return cancelled


# Moves of the clock


@decides_anew
def close_overdue(session_id: str, now: datetime) -> None:
    """Write down what a passed deadline has made of a session; none passed is no news.

    A waiver never signed cancels it, plan minutes and overtime complete it.
    """
    session = store.find(session_id)
    if session is None:
        raise NotFound("There is no such session.")
    due = rules.as_of(session, now)
    if due is session:
        return
    if due.status is Status.COMPLETED:
        _complete(due, now)
    else:
        _cancel(session, due, now)


# Reads


def get(session_id: str, now: datetime) -> Session:
    """The session as its deadlines make it now. Raises NotFound."""
    session = store.find(session_id) if is_id(session_id) else None
    if session is None:
        raise NotFound("There is no such session.")
    return rules.as_of(session, now)


def for_party(session_id: str, by: str, now: datetime) -> Session:
    """The session for its customer or its assigned mechanic; anybody else gets NotFound."""
    return _with_party(session_id, by, now)[0]


def contact_of(session_id: str) -> Contact:
    """Whom to reach about a session, for those who send mails. Raises LookupError without one."""
    return store.find_contact(session_id)


@dataclass(frozen=True, slots=True)
class Details:
    """A session with what this viewer may know besides.

    ``contact`` is for the customer and the assigned mechanic; ``mechanic`` is the assigned one.
    """

    session: Session
    viewer_id: str
    contact: Contact | None
    mechanic: Mechanic | None


def details(session: Session, viewer_id: str) -> Details:
    """What this viewer may see of a session they may see."""
    is_party = viewer_id in (session.customer_id, session.mechanic_id)
    return Details(
        session=session if is_party else rules.for_outsider(session),
        viewer_id=viewer_id,
        contact=store.find_contact(session.id) if is_party else None,
        mechanic=mechanics.get(session.mechanic_id) if session.mechanic_id and is_party else None,
    )


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
    found = [rules.as_of(session, now) for session in store.sessions_of(page)]
    return Sessions(found, page.cursor)


def timeline(
    session_id: str, by: str, now: datetime, limit: int, cursor: str | None
) -> tuple[Session, Page]:
    """What has happened to a session, oldest first, as recorded."""
    session = for_party(session_id, by, now)
    return session, store.events_of(session.id, limit, cursor)


def _with_party(session_id: str, by: str, now: datetime) -> tuple[Session, Party]:
    session = get(session_id, now)
    if by == session.customer_id:
        return session, Party.CUSTOMER
    if by == session.mechanic_id:
        return session, Party.MECHANIC
    raise NotFound("There is no such session.")


def _of_customer(session_id: str, by: str, now: datetime) -> Session:
    session, party = _with_party(session_id, by, now)
    if party is not Party.CUSTOMER:
        raise NotFound("There is no such session of yours.")
    return session


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
