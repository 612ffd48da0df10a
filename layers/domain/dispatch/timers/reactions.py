"""What follows from a fact where ranking may be needed: the work of the matching function.

Everything here is safe at any time and any number of times, so a message that failed halfway is
handled whole when it comes again.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from dispatch.core.events import EventType
from dispatch.matching import service as matching
from dispatch.offers import service as offers
from dispatch.offers.model import Cause
from dispatch.sessions import service as sessions
from dispatch.shifts import service as shifts
from dispatch.timers.model import Kind
from dispatch.timers.service import Due, answer_ring
from dispatch.waitlist import service as waitlist

_Fact = Mapping[str, Any]


def react(message: _Fact, now: datetime) -> None:
    """A message of the matching queue: a fact, or a ring. Types unknown here are passed over."""
    if "ring" in message:
        answer_ring(message, now, _DUE)
        return
    for follow in _WHAT_FOLLOWS.get(message["type"], ()):
        follow(message, now)


def _seek(fact: _Fact, now: datetime) -> None:
    offers.seek_mechanic(fact["session_id"], now)


def _clock_out_absent(fact: _Fact, now: datetime) -> None:
    if fact["cause"] == Cause.TIMEOUT:
        for mechanic_id in fact["mechanic_ids"]:
            shifts.clock_out_if_absent(mechanic_id, now)


def _begin_bookings(fact: _Fact, now: datetime) -> None:
    sessions.begin_bookings_of_mechanic(fact["mechanic_id"], now)


def _place_capacity(fact: _Fact, now: datetime) -> None:
    offers.place_capacity(fact["mechanic_id"], now)


def _tell_waiting(fact: _Fact, now: datetime) -> None:
    offers.tell_waiting(fact["mechanic_id"], now)


def _place_and_tell(fact: _Fact, now: datetime) -> None:
    _place_capacity(fact, now)
    _tell_waiting(fact, now)


def _review_offers(fact: _Fact, now: datetime) -> None:
    offers.review_offers(fact["mechanic_id"], now)


def _end_duties(fact: _Fact, now: datetime) -> None:
    sessions.end_duties(fact["mechanic_id"], now)


def _seek_free(fact: _Fact, now: datetime) -> None:
    waitlist.seek_free(fact["customer_id"], fact["entry_id"], now)


def _reconsider(fact: _Fact, now: datetime) -> None:
    waitlist.reconsider(fact["mechanic_id"], now)


def _reconsider_ended(fact: _Fact, now: datetime) -> None:
    """Those whose offers have ended by this may be free for others."""
    ended = fact.get("assignment_ids") or [fact["assignment_id"]]
    _reconsider_all(ended, now)


def _reconsider_lost(fact: _Fact, now: datetime) -> None:
    _reconsider_all(fact.get("lost_assignment_ids", ()), now)


def _reconsider_booked(fact: _Fact, now: datetime) -> None:
    """A booking is off that may have kept its mechanic from others."""
    if "scheduled_start" in fact or not fact.get("assignment_id", "begun"):
        _reconsider(fact, now)


def _reconsider_all(assignment_ids: Iterable[str], now: datetime) -> None:
    for mechanic_id in offers.of_no_new_capacity(assignment_ids):
        waitlist.reconsider(mechanic_id, now)


def _count_shift(fact: _Fact, _now: datetime) -> None:
    shifts.count_anew(fact["mechanic_id"], fact["shift_id"])


_DUE: Due = {
    Kind.SEEK: _seek,
    Kind.TOP_UP: lambda of, now: offers.top_up(of["session_id"], now),
    Kind.PLACE_CAPACITY: _place_and_tell,
    Kind.TELL_WAITING: _tell_waiting,
    Kind.PLACE_CAPACITY_AGAIN: lambda of, now: offers.place_capacity(
        of["mechanic_id"], now, again=True
    ),
    Kind.REVIEW_OFFERS: _review_offers,
    Kind.SEEK_FREE: _seek_free,
}

_WHAT_FOLLOWS: Mapping[str, tuple[Callable[[_Fact, datetime], None], ...]] = {
    EventType.SESSION_PENDING: (_seek,),
    EventType.SESSION_CANCELLED: (_reconsider_lost, _reconsider_booked),
    EventType.SESSION_RESCHEDULED: (_reconsider,),
    EventType.CUSTOMER_NOT_JOINED: (_reconsider_booked,),
    EventType.SESSION_UNFILLED: (_reconsider_lost,),
    EventType.OFFER_DECLINED: (_seek, _reconsider_ended),
    EventType.OFFERS_EXPIRED: (_seek, _clock_out_absent, _reconsider_ended),
    EventType.OFFER_ACCEPTED: (_review_offers, _reconsider_lost, matching.count_response),
    EventType.BOOKING_BEGAN: (_review_offers,),
    EventType.MECHANIC_CLOCKED_IN: (_begin_bookings, _place_and_tell),
    EventType.MECHANIC_FREED: (_begin_bookings, _place_and_tell),
    EventType.CAPACITY_RENEWED: (_place_and_tell,),
    EventType.MECHANIC_CLOCKED_OUT: (_review_offers, _tell_waiting, _count_shift),
    EventType.SHIFT_CLOSING: (_review_offers,),
    EventType.MECHANIC_CHANGED: (_review_offers, _reconsider, _place_and_tell),
    EventType.MECHANIC_APPROVED: (_reconsider, _place_and_tell),
    EventType.MECHANIC_REINSTATED: (_reconsider, _place_and_tell),
    EventType.MECHANIC_SUSPENDED: (_end_duties, _tell_waiting),
    EventType.WAITLIST_JOINED: (_seek_free,),
    EventType.WAITLIST_WOKEN: (_seek_free,),
}
