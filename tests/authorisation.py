"""Who may call what: one row a route, in the order of ``api.md``.

A row is a route, the scene it is called in, and the statuses that these callers get, in order:

    customer, other customer, mechanic, other mechanic, admin

The customer is the one whose session, entry or device it is, the mechanic the one who has it, or is
asked. Whoever comes without a token, or with one that has expired, gets 401; of an open route they
get what the others get. In a path ``{name}`` is that thing of the scene.

A new route without a row fails ``tests/integration/test_authorisation.py``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from dispatch.calendar import service as calendar
from dispatch.customers import service as customers
from dispatch.customers.model import Vehicle
from dispatch.notifications import service as notifications
from dispatch.policy.views import EXAMPLE as POLICY
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Session
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import Target, Wish
from tests.builders import an_intake_body
from tests.calendar_builders import an_availability
from tests.fast.world import FastWorld
from tests.stories import complete, go_live, take
from tests.world import an_intake

CUSTOMER, OTHER_CUSTOMER = "customer", "other-customer"
MECHANIC, OTHER_MECHANIC = "mechanic", "other-mechanic"
ADMIN = "admin"
USERS = {
    "customer": (CUSTOMER, "customer"),
    "other customer": (OTHER_CUSTOMER, "customer"),
    "mechanic": (MECHANIC, "mechanic"),
    "other mechanic": (OTHER_MECHANIC, "mechanic"),
    "admin": (ADMIN, "admin"),
}
"""Id and group of each caller, in the order of a row's statuses."""

Ids = dict[str, str]
Scene = Callable[[FastWorld], Ids]


@dataclass(frozen=True, slots=True)
class Row:
    """``statuses`` in the order above; one alone is everybody's."""

    route: str
    scene: Scene
    statuses: str
    body: Any = None
    query: str = ""
    is_open: bool = False
    headers: dict[str, str] = field(default_factory=dict)


# Scenes


def town(world: FastWorld) -> Ids:
    """Both mechanics are on shift."""
    for id_ in (MECHANIC, OTHER_MECHANIC):
        world.mechanic(id_, time_zone="America/Toronto")
        calendar.replace_availability(
            id_, an_availability("America/Toronto", "0:00-24:00"), 0, world.now
        )
    world.drain()
    return {"mechanic": MECHANIC, "customer": CUSTOMER}


def in_garage(world: FastWorld) -> Ids:
    """The customer keeps a car."""
    car = Vehicle(2019, "Honda", "Civic")
    return {"vehicle": customers.add_vehicle(CUSTOMER, car, world.now).id}


def off_shift(world: FastWorld) -> Ids:
    for id_ in (MECHANIC, OTHER_MECHANIC):
        world.mechanic(id_, on_shift=False)
    return {"mechanic": MECHANIC}


def booked(world: FastWorld) -> Ids:
    ids = town(world)
    session = sessions.book_session(an_intake(), CUSTOMER, world.now)
    return ids | {"session": session.id}


def pending(world: FastWorld) -> Ids:
    """Offered to both mechanics."""
    ids = town(world)
    session = world.book(CUSTOMER)
    return ids | {"session": session.id, "offer": world.offer_to(MECHANIC).id}


def waiting(world: FastWorld) -> Ids:
    ids = pending(world)
    take(world, MECHANIC, _session(world, ids))
    return ids


def live(world: FastWorld) -> Ids:
    ids = waiting(world)
    go_live(world, _session(world, ids))
    return ids


def completed(world: FastWorld) -> Ids:
    ids = waiting(world)
    complete(world, _session(world, ids))
    return ids


def scheduled(world: FastWorld) -> Ids:
    """With the mechanic, tomorrow; the hour after that is free, too."""
    ids = off_shift(world)
    hours = an_availability("America/Toronto", "0:00-24:00")
    calendar.replace_availability(MECHANIC, hours, 0, world.now)
    start = world.now.replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    intake = an_intake(preferred_mechanic_id=MECHANIC, scheduled_start=start)
    session = sessions.book_session(intake, CUSTOMER, world.now)
    sessions.sign_waiver(session.id, CUSTOMER, "Jo Driver", world.now)
    world.drain()
    return ids | {"session": session.id}


def with_time_off(world: FastWorld) -> Ids:
    ids = town(world)
    start = world.now + timedelta(days=3)
    off = calendar.take_time_off(MECHANIC, start, start + timedelta(days=1), world.now)
    return ids | {"time_off": off.id}


def in_line(world: FastWorld) -> Ids:
    ids = off_shift(world)
    entry = waitlist.join(Wish(Target.ANY), CUSTOMER, world.now).entry
    return ids | {"entry": entry.id}


def with_devices(world: FastWorld) -> Ids:
    """Each customer and mechanic has one of that name; the mechanic was told of an offer."""
    for id_ in (CUSTOMER, OTHER_CUSTOMER, MECHANIC, OTHER_MECHANIC):
        world.device(id_)
    ids = pending(world)
    ((notice, *_), _) = notifications.ledger_of(MECHANIC, 1, None)
    return ids | {"device": "phone", "notice": notice.id}


def _session(world: FastWorld, ids: Ids) -> Session:
    return world.session(ids["session"])


# Bodies

_WAIVER = {"full_name": "Jo Driver", "accepted": True}
_REASON = {"reason": "There is a reason"}
_DECLINE = {"reason": "busy"}
_AVAILABILITY = {"version": 1, "time_zone": "America/Toronto", "weekly": [], "overrides": []}
_TIME_OFF = {"start": "2026-07-20T12:00:00Z", "end": "2026-07-21T12:00:00Z"}
_DEVICE = {"platform": "fcm", "token": "token-of-the-callers-own"}
_SLOTS = "plan=free"
_LATER = {"scheduled_start": "2026-07-02T13:00:00Z"}
_PROFILE = {"name": "Jo Driver", "email": "jo@driver.example", "phone": "+14165550100"}
_FILE = {"content_type": "image/jpeg"}
_CAR = {"year": 2019, "make": "Honda", "model": "Civic"}
_GRANT = {"amount": 5, "reason": "Welcome"}

# What follows is api.md, table by table.

OPEN = [
    Row("GET /plans", town, "200", is_open=True),
    Row("GET /service-keywords", town, "200", is_open=True),
    Row("GET /brands", town, "200", is_open=True),
]

CUSTOMERS = [
    Row("GET /customer/profile", town, "200 200 403 403 403"),
    Row("PUT /customer/profile", town, "200 200 403 403 403", _PROFILE),
    Row("DELETE /customer/profile", town, "204 204 403 403 403"),
    Row("GET /customer/vehicles", in_garage, "200 200 403 403 403"),
    Row("POST /customer/vehicles", town, "201 201 403 403 403", _CAR),
    Row("DELETE /customer/vehicles/{vehicle}", in_garage, "204 404 403 403 403"),
    Row("GET /customer/credits", town, "200 200 403 403 403"),
    Row("GET /mechanics/available", town, "200"),
    Row("GET /mechanics/{mechanic}", town, "200"),
    Row("GET /mechanics/{mechanic}/slots", town, "200", query=_SLOTS),
    Row("POST /customer/uploads", town, "201 201 403 403 403", _FILE),
    Row("POST /intake/start", town, "201 201 403 403 403", an_intake_body()),
    Row("POST /sessions/{session}/waiver", booked, "200 404 403 403 403", _WAIVER),
    Row("POST /sessions/{session}/checkout", waiting, "409 404 403 403 403", {}),
    Row("GET /sessions", waiting, "200"),
    Row("GET /sessions/{session}", waiting, "200 404 200 404 404"),
    Row("GET /sessions/{session}/events", waiting, "200 404 200 404 404"),
    Row("POST /sessions/{session}/join", waiting, "200 404 200 404 404", {}),
    Row("POST /sessions/{session}/end", live, "200 404 200 404 404", {}),
    Row("POST /sessions/{session}/cancel", scheduled, "200 404 200 404 404", _REASON),
    Row("POST /sessions/{session}/rate", completed, "200 404 403 403 403", {"stars": 5}),
    Row("POST /sessions/{session}/reschedule", scheduled, "200 404 403 403 403", _LATER),
    Row("POST /customer/waitlist/join", off_shift, "201 201 403 403 403", {"target": "any"}),
    Row("GET /customer/waitlist", in_line, "200 200 403 403 403"),
    Row("DELETE /customer/waitlist/{entry}", in_line, "204 404 403 403 403"),
    Row("POST /payments/stripe/webhook", town, "400", {}, is_open=True),
]

MECHANICS = [
    Row("GET /mechanic/clock", town, "403 403 200 200 403"),
    Row("POST /mechanic/clock", off_shift, "403 403 200 200 403", {"action": "clock_in"}),
    Row("GET /mechanic/shifts", town, "403 403 200 200 403"),
    Row("GET /mechanic/queue", pending, "403 403 200 200 403"),
    Row("POST /mechanic/assignments/{offer}/accept", pending, "403 403 200 404 403", {}),
    Row("POST /mechanic/assignments/{offer}/decline", pending, "403 403 200 404 403", _DECLINE),
    Row("POST /mechanic/assignments/{offer}/release", waiting, "403 403 200 404 403", _REASON),
    Row("GET /mechanic/profile", town, "404 404 200 200 404"),
    Row("PUT /mechanic/profile", town, "200", {"version": 0, "name": "Jo Driver"}),
    Row("POST /mechanic/profile/photo", town, "404 404 201 201 404", _FILE),
    Row("GET /mechanics/{mechanic}/profile-completion", town, "404 404 200 404 200"),
    Row("GET /mechanic/availability", town, "404 404 200 200 404"),
    Row("PUT /mechanic/availability", town, "404 404 200 200 404", _AVAILABILITY),
    Row("POST /mechanic/time-off", town, "403 403 201 201 403", _TIME_OFF),
    Row("DELETE /mechanic/time-off/{time_off}", with_time_off, "403 403 204 404 403"),
    Row("GET /mechanic/bookings", scheduled, "403 403 200 200 403"),
]

BOTH_SIDES = [
    Row("PUT /devices/{device}", with_devices, "200", _DEVICE),
    Row("DELETE /devices/{device}", with_devices, "204"),
    Row("GET /notifications", with_devices, "200"),
    Row("POST /notifications/{notice}/seen", with_devices, "404 404 200 404 404", {}),
]

ADMINS = [
    Row("GET /admin/mechanics", town, "403 403 403 403 200"),
    Row("POST /admin/mechanics/{mechanic}/approve", town, "403 403 403 403 200", {}),
    Row("POST /admin/mechanics/{mechanic}/suspend", town, "403 403 403 403 200", _REASON),
    Row("POST /admin/mechanics/{mechanic}/reinstate", town, "403 403 403 403 409", {}),
    Row("GET /admin/policy", town, "403 403 403 403 200"),
    Row("PUT /admin/policy", town, "403 403 403 403 200", POLICY | {"version": 1}),
    Row("POST /admin/customers/{customer}/credits", town, "403 403 403 403 201", _GRANT),
    Row("POST /admin/sessions/{session}/cancel", waiting, "403 403 403 403 200", _REASON),
    Row("POST /admin/sessions/{session}/reassign", waiting, "403 403 403 403 200", _REASON),
]

ROWS = [*OPEN, *CUSTOMERS, *MECHANICS, *BOTH_SIDES, *ADMINS]


def nameless(route: str) -> str:
    """Documents, rows and the template name what is in a path as they like."""
    return re.sub(r"\{[^}]*\}", "{}", route)
