"""What is asked for most, and what it costs: calls and read units of each request, milliseconds.

Requests go through the functions' own handlers, on ministack. Between two of them five seconds
pass and presence changes, so what an instance may keep for a moment is read anew.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from bench.functions import handler_of, have_event_loop
from bench.matches import Scene
from bench.timing import Times
from dispatch.calendar import service as calendar
from dispatch.core import time
from dispatch.core.events import PREFIX, message
from dispatch.core.logging import metrics
from dispatch.core.table import query
from dispatch.offers import service as offers
from dispatch.policy.model import Policy
from dispatch.sessions import service as sessions
from tests.builders import an_http_event
from tests.calendar_builders import an_availability
from tests.world import an_intake

REQUESTS = 20
OFFERED, BROADCAST, BOOKED = 3, 10, 8
_PAUSE = timedelta(seconds=5)
_OFFER = timedelta(seconds=Policy().offer_s)
_ALL_DAY = an_availability("America/Toronto", "0:00-24:00")
_customers, _hours = count(), count()
_with_hours: set[str] = set()


@dataclass(slots=True)
class Listed:
    """One kind of request among so many mechanics; ``calls`` are those of all, by operation."""

    name: str
    target_ms: int
    mechanics: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    read_units: float = 0
    times: Times = field(default_factory=Times)

    @property
    def meets_target(self) -> bool:
        return self.times.p50 < self.target_ms

    @contextmanager
    def one(self, scene: Scene) -> Iterator[None]:
        """What is in the block is measured as one request."""
        scene.account.calls()
        with self.times.one():
            yield
        metrics.clear_metrics()  # nobody writes them here
        called = scene.account.calls()
        self.mechanics = len(scene.entries)
        self.calls.update(called.by_operation)
        self.read_units += called.read_units


def measure(scene: Scene, start: datetime) -> Iterator[Listed]:
    """Targets are the products': 500 ms for a match, 50 for a query, 200 for a call."""
    have_event_loop()
    clock = _Clock(start)
    time.run_on(lambda: clock.now)
    try:
        yield _seek(scene, clock)
        mechanic_id = _with_full_queue(clock)
        ask = [
            Listed("`GET /mechanic/queue`", 50),
            Listed("`GET /mechanics/available`", 200),
            Listed("`GET /mechanics/{id}/slots`", 50),
        ]
        requests: list[Callable[[], Any]] = [
            lambda: _get("queue", "/mechanic/queue", mechanic_id, "mechanic"),
            lambda: _get("mechanics", "/mechanics/available", "customer", "customer"),
            lambda: _get("calendar", f"/mechanics/{booked}/slots", "customer", "customer"),
        ]
        shown = [each["id"] for each in requests[1]()["mechanics"]]
        booked = shown[0]
        for id_ in set(shown) - _with_hours:
            calendar.replace_availability(id_, _ALL_DAY, 0, clock.now)
        _with_hours.update(shown)
        for _ in range(BOOKED):
            start = _next_hour(clock.now)
            _book(clock, preferred_mechanic_id=booked, scheduled_start=start)
        for _ in range(REQUESTS):
            clock.now += _PAUSE
            scene.change(clock.now)
            for listed, request, shows in zip(
                ask, requests, ("mine", "mechanics", "items"), strict=True
            ):
                with listed.one(scene):
                    answer = request()
                assert answer[shows], f"{listed.name} is empty"
        yield from ask
    finally:
        time.run_on(None)


@dataclass(slots=True)
class _Clock:
    now: datetime


def _seek(scene: Scene, clock: _Clock) -> Listed:
    """All that the matching function does for a signed booking."""
    listed = Listed("a signed booking is matched, three mechanics are offered it", 500)
    for _ in range(REQUESTS):
        clock.now += _PAUSE
        scene.change(clock.now)
        customer_id, session_id = _book(clock)
        with listed.one(scene):
            offers.seek_mechanic(session_id, clock.now)
        assert len(_asked(session_id)) == Policy().offers_per_wave
        sessions.cancel_session(session_id, customer_id, "No need", clock.now)
    return listed


def _with_full_queue(clock: _Clock) -> str:
    """A mechanic who is offered some sessions, while others are open to anybody."""
    open_to_all = [_book(clock)[1] for _ in range(BROADCAST)]
    for session_id in open_to_all:
        offers.seek_mechanic(session_id, clock.now)
    clock.now += _OFFER
    for session_id in open_to_all:
        offers.expire_offers(session_id, clock.now)
        offers.seek_mechanic(session_id, clock.now)
    for _ in range(OFFERED):
        _, offered = _book(clock)
        offers.seek_mechanic(offered, clock.now)
    return _asked(offered)[0]


def _book(clock: _Clock, **changes: Any) -> tuple[str, str]:
    """Customer and session; the waiver is signed."""
    customer_id = f"customer-{next(_customers)}"
    session = sessions.book_session(an_intake(**changes), customer_id, clock.now)
    sessions.sign_waiver(session.id, customer_id, "Jo Driver", clock.now)
    return customer_id, session.id


def _asked(session_id: str) -> list[str]:
    """Who was offered the session, best first."""
    facts = [message(item) for item in query(f"SESSION#{session_id}", prefix=PREFIX).items]
    (made,) = [fact for fact in facts if fact["type"] == "OffersMade"]
    asked: list[str] = made["mechanic_ids"]
    return asked


def _next_hour(now: datetime) -> datetime:
    """Some hour of the days after tomorrow that was not handed out before."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=2, hours=2 * next(_hours))


def _get(function: str, path: str, user: str, group: str) -> Any:
    plan = "plan=free" if path.endswith("/slots") else ""
    event = an_http_event("GET", path, caller=user, groups=f"[{group}]", query=plan)
    answer = handler_of(function)(event)
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"])
