"""Repairs what a lost message or ring has left: finds it by index, never by a scan.

Nothing is found when all goes well, so every repair is counted, and alarms.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from dispatch.core.due import Overdue, overdue
from dispatch.core.errors import NotFound
from dispatch.core.logging import MetricUnit, logger, metrics
from dispatch.mechanics import service as mechanics
from dispatch.offers import service as offers
from dispatch.payments import service as payments
from dispatch.sessions import service as sessions
from dispatch.shifts import service as shifts
from dispatch.timers.model import Kind, Ring
from dispatch.timers.service import send
from dispatch.waitlist import service as waitlist

GRACE = timedelta(minutes=3)
"""Longer than any ring that is not lost may be late: a schedule is up to two minutes."""


def sweep(now: datetime) -> int:
    """Do everything that is overdue. Answers how much there was to repair.

    What cannot be repaired keeps nothing else from it: the first such error is raised in the end.
    """
    found = 0
    failed: Exception | None = None
    for item in overdue(by=now - GRACE):
        about = {"entity": item.entity, "overdue": item.key.pk}
        try:
            repaired = _repair(item, now)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others come first
            logger.exception("could not be repaired", extra=about)
            failed = failed or error
            continue
        if repaired:
            found += 1
            logger.warning("repaired", extra=about)
            metrics.add_metric(f"Repaired_{item.entity}", MetricUnit.Count, 1)
    metrics.add_metric("Repairs", MetricUnit.Count, found)
    if failed:
        raise failed
    return found


def _repair(item: Overdue, now: datetime) -> bool:
    """Whether there was anything to do for what the index, which may lag, calls overdue."""
    repair = _REPAIRS.get(item.entity)
    if repair is None:
        logger.warning("overdue, and nobody knows what to do", extra={"entity": item.entity})
        return False
    try:
        return repair(item, now)
    except NotFound:
        logger.info("gone before it was repaired", extra={"entity": item.entity})
        return False


def _session(item: Overdue, now: datetime) -> bool:
    return sessions.close_overdue(_id(item), now)


def _dispatch(item: Overdue, now: datetime) -> bool:
    """Ends what should have ended. The search itself goes on where the roster is."""
    session_id = _id(item)
    expired = offers.expire_offers(session_id, now)
    is_due = offers.is_seek_due(session_id)
    if is_due and not expired:
        _ring(Kind.SEEK, {"session_id": session_id}, now)
    return expired or is_due


def _mechanic(item: Overdue, now: datetime) -> bool:
    """New capacity goes where the roster is; who has missed too many offers is clocked out, and who
    is suspended has nothing in hand but what is live."""
    mechanic_id = _id(item)
    if sessions.end_duties(mechanic_id, now):
        return True
    if shifts.clock_out_if_absent(mechanic_id, now):
        return True
    if mechanics.has_new_capacity(mechanic_id):
        _ring(Kind.PLACE_CAPACITY, {"mechanic_id": mechanic_id}, now)
        return True
    return False


def _shift(item: Overdue, now: datetime) -> bool:
    shift_id = item.key.sk.removeprefix("SHIFT#")
    return shifts.end_overdue_shift(_id(item), shift_id, now)


def _waitlist_entry(item: Overdue, now: datetime) -> bool:
    return waitlist.settle_at(item.key, now)


def _capacity_left(item: Overdue, now: datetime) -> bool:
    return waitlist.deal_with_left(_id(item), now)


def _payment(item: Overdue, now: datetime) -> bool:
    return payments.remind_of_refund(item.key, now)


def _id(item: Overdue) -> str:
    return item.key.pk.partition("#")[2]


def _ring(kind: Kind, subject: Mapping[str, str], now: datetime) -> None:
    send(Ring(kind=kind, subject=subject, due_at=now, name=f"sweeper-{kind}"), now)


_REPAIRS: Mapping[str, Callable[[Overdue, datetime], bool]] = {
    "session": _session,
    "dispatch": _dispatch,
    "mechanic": _mechanic,
    "shift": _shift,
    "waitlist_entry": _waitlist_entry,
    "capacity_left": _capacity_left,
    "payment": _payment,
}
