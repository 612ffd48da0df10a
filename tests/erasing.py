"""A customer about whom everything is known that can be, and whether it still is.

Everything of theirs is a word that occurs nowhere else.
"""

import json
from datetime import timedelta
from typing import Any

from dispatch.calendar import service as calendar
from dispatch.customers import service as customers
from dispatch.customers.model import Customer, Location, Vehicle
from dispatch.notifications import service as notifications
from dispatch.notifications.model import Platform
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Review
from dispatch.uploads import rules as upload_rules
from dispatch.uploads import service as uploads
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import Target, Wish
from tests.calendar_builders import an_availability
from tests.fast.world import FastWorld
from tests.stories import complete, take
from tests.upload_builders import JPEG
from tests.world import an_intake

CUSTOMER = "customer"
SECRET = "Xyzzy"
"""In every word of theirs; in capitals, too, since VINs are written so."""

_HOME = Location("CA", f"{SECRET} Province", f"{SECRET}ville", f"{SECRET} 1A1")
_CAR = Vehicle(2019, "Honda", "Civic", f"2HG{SECRET.upper()}52KH50000", f"P {SECRET}", 84200)
_INTAKE: dict[str, Any] = {
    "name": f"Jo {SECRET}",
    "email": f"jo@{SECRET}.example",
    "phone": f"+1416{SECRET}",
    "location": _HOME,
    "vehicle": _CAR,
    "concern": f"Check engine light on near {SECRET} street, rough idle",
}


def a_life(world: FastWorld) -> None:
    """Profile, garage, files, devices, notices, places in lines, and sessions of every end."""
    world.users.users[CUSTOMER] = {"customer"}
    world.send_mails()
    for mechanic_id in ("a", "b"):
        world.mechanic(mechanic_id)
        world.device(mechanic_id)
    world.drain()
    profile = Customer(
        id=CUSTOMER,
        name=_INTAKE["name"],
        email=_INTAKE["email"],
        phone=_INTAKE["phone"],
        location=_HOME,
        locale="fr-CA",
    )
    customers.replace_profile(profile, world.now)
    for device in ("phone", "tablet"):
        token = f"{SECRET}-{device}"
        notifications.register_device(CUSTOMER, device, Platform.FCM, token, world.now)
    vehicle_id = customers.add_vehicle(CUSTOMER, _CAR, world.now).id
    _complete_one(world, vehicle_id, _uploaded(world))
    _give_one_back(world)
    _call_one_off(world)
    _book_one(world)
    uploads.request_attachment(CUSTOMER, "image/jpeg", world.now)
    for wish in (Wish(Target.MECHANIC, "b"), Wish(Target.BRAND, brand="Lada")):
        waitlist.join(wish, CUSTOMER, world.now)
    world.drain()


def _uploaded(world: FastWorld) -> str:
    post = uploads.request_attachment(CUSTOMER, "image/jpeg", world.now)
    world.bucket.upload(post.fields, JPEG + SECRET.encode())
    world.drain()
    return upload_rules.key_of(post.upload.ref)


def _complete_one(world: FastWorld, vehicle_id: str, key: str) -> None:
    intake = _INTAKE | {"vehicle": None, "vehicle_id": vehicle_id, "attachments": (key,)}
    booked = sessions.book_session(an_intake(**intake), CUSTOMER, world.now)
    sessions.sign_waiver(booked.id, CUSTOMER, _INTAKE["name"], world.now)
    world.drain()
    done = complete(world, take(world, "a", booked))
    review = Review(5, f"Like nobody else in {SECRET}ville")
    sessions.rate_session(done.id, CUSTOMER, review, world.now)
    world.drain()
    world.pass_time(minutes=1)


def _give_one_back(world: FastWorld) -> None:
    """The rows of an earlier period are no more in anybody's hands."""
    session = world.book(CUSTOMER, **_INTAKE)
    taken = take(world, "b", session)
    assert taken.assignment_id
    sessions.release_session(taken.assignment_id, "b", f"Mx {SECRET} does not answer", world.now)
    world.drain()
    sessions.cancel_session(session.id, CUSTOMER, f"I went to {SECRET}", world.now)
    world.drain()
    world.pass_time(minutes=1)


def _call_one_off(world: FastWorld) -> None:
    booked = sessions.book_session(an_intake(**_INTAKE), CUSTOMER, world.now)
    sessions.cancel_session(booked.id, CUSTOMER, None, world.now)
    world.drain()


def _book_one(world: FastWorld) -> None:
    """A slot, and no more."""
    calendar.replace_availability(
        "b", an_availability("America/Toronto", "0:00-24:00"), 0, world.now
    )
    start = world.now.replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
    intake = an_intake(preferred_mechanic_id="b", scheduled_start=start, **_INTAKE)
    booked = sessions.book_session(intake, CUSTOMER, world.now)
    sessions.sign_waiver(booked.id, CUSTOMER, _INTAKE["name"], world.now)
    world.drain()
    sessions.cancel_session(booked.id, CUSTOMER, None, world.now)
    world.drain()


def known(world: FastWorld) -> list[str]:
    """Where anything of theirs still is, in the table, the bucket, SNS or Cognito."""
    items = world.table.scan(TableName=world.table.name)["Items"]
    places = {f"{item['pk']['S']} {item['sk']['S']}": json.dumps(item) for item in items}
    places |= {name: f"{name} {content!r}" for name, content in world.bucket.uploads.items()}
    places |= {arn: f"{arn} {held}" for arn, held in world.topic.endpoints.items()}
    return sorted(place for place, held in places.items() if SECRET.casefold() in held.casefold())


def check_forgotten(world: FastWorld) -> None:
    """Nothing is left of them but an id, on sessions of nobody."""
    assert known(world) == []
    assert CUSTOMER not in world.users.users
    assert world.bucket.uploads == {}
    assert all(CUSTOMER not in held["CustomUserData"] for held in world.topic.endpoints.values())
    partitions = [
        item["sk"]["S"]
        for item in world.table.scan(TableName=world.table.name)["Items"]
        if item["pk"]["S"].endswith(f"#{CUSTOMER}")
    ]
    assert {sk for sk in partitions if not sk.startswith("EVENT#")} <= {"META", "ERASED", "TURN"}
    assert world.dead_letters == []
