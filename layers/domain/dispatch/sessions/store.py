"""Items of a session: its state, the customer's words beside it, and the active-session lock."""

import msgspec

from dispatch.core.due import due_keys
from dispatch.core.events import PREFIX as EVENT_PREFIX
from dispatch.core.events import message
from dispatch.core.table import (
    BY_CUSTOMER,
    BY_MECHANIC,
    IS_NEW,
    SAME_VERSION,
    Item,
    Key,
    Otherwise,
    Page,
    Transaction,
    get,
    query,
)
from dispatch.core.time import format_time
from dispatch.sessions import rules
from dispatch.sessions.model import Contact, Session


def subject(session_id: str) -> str:
    """The partition of a session and of its events."""
    return f"SESSION#{session_id}"


def _key(session_id: str) -> Key:
    return Key(subject(session_id))


def _contact_key(session_id: str) -> Key:
    return Key(subject(session_id), "CONCERN")


def _lock_key(customer_id: str) -> Key:
    return Key(f"CUSTOMER#{customer_id}", "ACTIVE")


def find(session_id: str) -> Session | None:
    item = get(_key(session_id))
    return _session(item) if item else None


def _session(item: Item) -> Session:
    return msgspec.json.decode(item["state"], type=Session)


def put(tx: Transaction, session: Session) -> None:
    """Write the next version, provided that nobody else has."""
    order = f"{format_time(session.created_at)}#{session.id}"
    item: Item = {
        **_key(session.id)._asdict(),
        "entity": "session",
        "status": session.status,
        "version": session.version,
        "state": msgspec.json.encode(session).decode(),
        "customer_pk": f"CUSTOMER#{session.customer_id}",
        "customer_sk": f"SESSION#{order}",
    }
    if due_at := rules.due_at(session):
        item |= due_keys(item["pk"], due_at)
    if session.mechanic_id:
        item["mechanic_pk"] = f"MECHANIC#{session.mechanic_id}"
        item["mechanic_sk"] = f"SESSION#{order}"
    tx.put(
        item,
        when=IS_NEW if session.version == 1 else SAME_VERSION,
        values={":version_read": session.version - 1},
    )


def find_contact(session_id: str) -> Contact:
    """Raises LookupError for a session without one: it was never booked."""
    item = get(_contact_key(session_id))
    if item is None:
        raise LookupError(f"session {session_id} has no contact")
    return msgspec.json.decode(item["contact"], type=Contact)


def put_contact(tx: Transaction, session_id: str, contact: Contact) -> None:
    tx.put(
        {
            **_contact_key(session_id)._asdict(),
            "entity": "contact",
            "contact": msgspec.json.encode(contact).decode(),
        }
    )


def active_session_id(customer_id: str) -> str | None:
    item = get(_lock_key(customer_id))
    return item["session_id"] if item else None


def lock(tx: Transaction, session: Session, otherwise: Otherwise) -> None:
    """The customer's one active session is this one. It may be by then."""
    tx.put(
        {
            **_lock_key(session.customer_id)._asdict(),
            "entity": "active_session",
            "session_id": session.id,
        },
        when=f"{IS_NEW} OR #session_id = :session_id",
        values={":session_id": session.id},
        otherwise=otherwise,
    )


def unlock(tx: Transaction, session: Session) -> None:
    tx.delete(
        _lock_key(session.customer_id),
        when="#session_id = :session_id",
        values={":session_id": session.id},
    )


def check_unlocked(tx: Transaction, customer_id: str, otherwise: Otherwise) -> None:
    """Provided that the customer has no active session."""
    tx.check(_lock_key(customer_id), when=IS_NEW, values={}, otherwise=otherwise)


def of_customer(customer_id: str, limit: int, cursor: str | None) -> Page:
    """Newest first; ``items`` as ``session_of`` takes them."""
    return query(
        f"CUSTOMER#{customer_id}",
        index=BY_CUSTOMER,
        prefix="SESSION#",
        ascending=False,
        limit=limit,
        cursor=cursor,
    )


def of_mechanic(mechanic_id: str, limit: int, cursor: str | None) -> Page:
    """What a mechanic has accepted, newest first."""
    return query(
        f"MECHANIC#{mechanic_id}",
        index=BY_MECHANIC,
        prefix="SESSION#",
        ascending=False,
        limit=limit,
        cursor=cursor,
    )


def sessions_of(page: Page) -> list[Session]:
    return [_session(item) for item in page.items]


def facts_of(session_id: str) -> list[Item]:
    """All of the session's facts, oldest first, as messages."""
    return [message(item) for item in query(subject(session_id), prefix=EVENT_PREFIX).items]


def events_of(session_id: str, limit: int, cursor: str | None) -> Page:
    """The session's facts, oldest first, as messages."""
    page = query(subject(session_id), prefix=EVENT_PREFIX, limit=limit, cursor=cursor)
    return Page([message(item) for item in page.items], page.cursor)
