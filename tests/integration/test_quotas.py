"""Nobody does what is dear without end: so often in a window, to the very time, and no more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dispatch.accounts import service as accounts
from dispatch.calendar import service as calendar
from dispatch.core import aws as clients
from dispatch.core.errors import Conflict, Invalid, QuotaExceeded
from dispatch.core.idempotency import AlreadyAnswered, Once
from dispatch.core.table import Transaction, query
from dispatch.customers import service as customers
from dispatch.customers.model import Customer, Vehicle
from dispatch.notifications import service as notifications
from dispatch.notifications.model import Platform
from dispatch.policy import service as policies
from dispatch.policy.model import Policy, Quotas
from dispatch.quotas import service as quotas
from dispatch.quotas.model import Action
from dispatch.sessions import service as sessions
from dispatch.uploads import service as uploads
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import Target, Wish
from tests.builders import an_http_event
from tests.calendar_builders import an_availability
from tests.calls import CONTEXT, call
from tests.entry_points import load
from tests.world import World, an_intake

MOST = 3
USER = "user"
JPEG = "image/jpeg"
CAR = Vehicle(2019, "Honda", "Civic")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ROUND_THE_CLOCK = an_availability("America/Toronto", "0:00-24:00")
Act = Callable[[World, str], Any]


@pytest.fixture
def world(world: World) -> World:
    """Three times are enough, of everything; it is ten minutes past the hour."""
    assert policies.newest().policy.version == 1
    few = replace(Policy(), quotas=Quotas(*[MOST] * 5))
    policies.change(few, 1, "admin", world.now)
    policies.forget()
    for user in (USER, "other", "asked"):
        world.mechanic(user, on_shift=False)
    world.clock.at = world.now.replace(minute=10)
    return world


def book(world: World, user: str) -> None:
    """And call off: who has a session starts no other."""
    booked = sessions.book_session(an_intake(), user, world.now)
    sessions.cancel_session(booked.id, user, None, world.now)


def join(world: World, user: str) -> None:
    """And leave: who waits already goes on waiting."""
    listed = waitlist.join(Wish(Target.MECHANIC, "asked"), user, world.now)
    waitlist.leave(listed.entry.id, user, world.now)


def write_hours(world: World, user: str) -> None:
    version = calendar.calendar_of(user).version
    calendar.replace_availability(user, ROUND_THE_CLOCK, version, world.now)


def take_time_off(world: World, user: str) -> None:
    start = world.now + timedelta(days=3)
    calendar.take_time_off(user, start, start + HOUR, world.now)


def register(world: World, user: str) -> None:
    notifications.register_device(user, "phone", Platform.FCM, f"token-of-{user}", world.now)


ACTS: dict[str, tuple[Act, timedelta]] = {
    "book": (book, DAY),
    "upload": (lambda w, user: uploads.request_attachment(user, JPEG, w.now), HOUR),
    "photo": (lambda w, user: uploads.request_photo(user, JPEG, w.now), HOUR),
    "join": (join, HOUR),
    "register": (register, HOUR),
    "profile": (lambda w, user: customers.replace_profile(Customer(id=user), w.now), HOUR),
    "vehicle": (lambda w, user: customers.add_vehicle(user, CAR, w.now), HOUR),
    "hours": (write_hours, HOUR),
    "time off": (take_time_off, HOUR),
}


def refused(act: Act, world: World, user: str = USER) -> int:
    """In how many seconds it may be tried again."""
    with pytest.raises(QuotaExceeded) as refusal:
        act(world, user)
    return int(refusal.value.members["retry_after_s"])


@pytest.mark.parametrize("name", ACTS)
def test_so_often_and_no_more_until_the_window_is_over(world: World, name: str) -> None:
    act, lasting = ACTS[name]
    for _ in range(MOST):
        act(world, USER)
    wait_s = refused(act, world)
    act(world, "other")
    world.clock.advance(seconds=wait_s - 1)
    assert refused(act, world) == 1
    world.clock.advance(seconds=1)
    for _ in range(MOST):
        act(world, USER)
    assert refused(act, world) == lasting.total_seconds()


def test_an_editor_saves_so_often(world: World) -> None:
    api = load("profiles/api")

    def save(number: int, version: int) -> int:
        body = {"version": version, "name": f"Jo {number}"}
        return call(api, "PUT", "/mechanic/profile", user="new", groups="customer", body=body)[0]

    assert [save(number, number) for number in range(MOST)] == [200] * MOST
    assert save(MOST - 1, MOST - 1) == 200, "the last edit again, which changes nothing"
    assert save(MOST, MOST) == 429


def test_moving_a_booking_counts_as_one(world: World) -> None:
    calendar.replace_availability("asked", ROUND_THE_CLOCK, 0, world.now)
    start = world.now.replace(minute=0) + timedelta(days=2)
    intake = an_intake(preferred_mechanic_id="asked", scheduled_start=start)
    booked = sessions.book_session(intake, USER, world.now)
    sessions.sign_waiver(booked.id, USER, "Jo Driver", world.now)

    def move(hours: int) -> None:
        later = start + timedelta(hours=hours)
        sessions.reschedule_session(booked.id, USER, later, world.now)

    for hours in (1, 2):
        move(hours)
    move(2)  # where it is already
    before = sessions.get(booked.id, world.now)
    with pytest.raises(QuotaExceeded):
        move(3)
    assert sessions.get(booked.id, world.now) == before


def test_actions_count_apart_and_edits_together(world: World) -> None:
    for _ in range(MOST):
        ACTS["upload"][0](world, USER)
    assert refused(ACTS["photo"][0], world) == 50 * 60
    for name in ("book", "join", "register", "profile", "vehicle", "hours"):
        ACTS[name][0](world, USER)
    refused(ACTS["time off"][0], world)


def test_what_is_refused_does_not_count(world: World) -> None:
    for _ in range(MOST + 1):
        with pytest.raises(Invalid):
            uploads.request_attachment(USER, "text/html", world.now)
        with pytest.raises(Invalid):
            waitlist.join(Wish(Target.MECHANIC, "nobody"), USER, world.now)
        with pytest.raises(Conflict):
            calendar.replace_availability(USER, ROUND_THE_CLOCK, 7, world.now)
    booked = sessions.book_session(an_intake(), USER, world.now)
    for _ in range(MOST + 1):
        with pytest.raises(Conflict):
            sessions.book_session(an_intake(), USER, world.now)
    sessions.cancel_session(booked.id, USER, None, world.now)
    for name in ("upload", "join", "hours"):
        ACTS[name][0](world, USER)
    for _ in range(MOST - 1):
        book(world, USER)
    refused(book, world)


def test_what_repeats_a_key_does_not_count(world: World) -> None:
    def asks(key: str) -> None:
        once = Once.of(caller=USER, route="POST", key=key, body=b"", show=lambda _: {})
        uploads.request_attachment(USER, JPEG, world.now, once)

    asks("first")
    for _ in range(MOST + 1):
        with pytest.raises(AlreadyAnswered):
            asks("first")
    for key in ("second", "third"):
        asks(key)
    with pytest.raises(QuotaExceeded):
        asks("fourth")
    with pytest.raises(AlreadyAnswered):
        asks("third")


def test_a_repeat_over_http_is_answered_as_before_and_the_rest_is_told_when(world: World) -> None:
    api = load("uploads/api")

    def post(key: str) -> Any:
        event = an_http_event(
            "POST",
            "/customer/uploads",
            {"content_type": JPEG},
            caller=USER,
            headers={"idempotency-key": key},
        )
        return api.handler(event, CONTEXT)

    first = post("0")
    assert [post(str(number))["statusCode"] for number in (0, 1, 2)] == [201] * MOST
    answer = post("3")
    assert answer["statusCode"] == 429
    assert answer["headers"]["retry-after"] == "3000"
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert '"retry_after_s":3000' in answer["body"]
    assert '"type":"/problems/quota-exceeded"' in answer["body"]
    assert '"reason":"quota_exceeded"' in answer["body"]
    assert post("0")["body"] == first["body"]
    world.clock.advance(seconds=3000)
    assert post("3")["statusCode"] == 201, "a refusal is not kept"


def test_who_registers_too_often_is_refused_before_sns_hears_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(MOST):
        register(world, USER)

    def unasked(*_: Any) -> str:
        raise AssertionError("SNS was asked")

    monkeypatch.setattr("dispatch.notifications.service._endpoint", unasked)
    refused(register, world)


@pytest.mark.parametrize("why", ["one too many", "erased"])
def test_who_is_refused_for_what_came_meanwhile_leaves_no_endpoint(
    world: World, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """SNS would keep it, with whose it was, for ever."""
    for _ in range(MOST - 1):
        register(world, "leaves")
    endpoint, made = notifications._endpoint, list[str]()

    def while_others_come(user: str, device: str, platform: Platform, token: str) -> str:
        monkeypatch.setattr(notifications, "_endpoint", endpoint)
        made.append(endpoint(user, device, platform, token))
        notifications.register_device(user, "tablet", platform, "of the tablet", world.now)
        if why == "erased":
            accounts.erase_customer("leaves", world.now)
        return made[0]

    monkeypatch.setattr(notifications, "_endpoint", while_others_come)
    with pytest.raises(QuotaExceeded if why == "one too many" else Conflict):
        notifications.register_device("leaves", "new", Platform.FCM, "of the new", world.now)
    with pytest.raises(ClientError):
        clients.sns().get_endpoint_attributes(EndpointArn=made[0])


def test_operators_turn_it_by_the_policy(world: World) -> None:
    for _ in range(MOST):
        ACTS["upload"][0](world, USER)
    more = replace(Policy(), quotas=replace(Policy().quotas, uploads_an_hour=MOST + 1))
    policies.change(more, 2, "admin", world.now)
    refused(ACTS["upload"][0], world)
    world.clock.advance(seconds=policies.CACHED_FOR.total_seconds())
    ACTS["upload"][0](world, USER)
    refused(ACTS["upload"][0], world)


def test_counters_go_with_their_window_and_with_their_user(world: World) -> None:
    customers.replace_profile(Customer(id="leaves"), world.now)
    book(world, "leaves")
    kept = {item["sk"]: item for item in query("QUOTA#leaves").items}
    today = world.now.date().isoformat()
    assert set(kept) == {f"BOOKING#{today}", f"EDIT#{today}T{world.now:%H}"}
    ends = [datetime.fromtimestamp(item["expires_ttl"], world.now.tzinfo) for item in kept.values()]
    assert ends[0].time() == ends[0].time().min
    assert ends[1] == world.now.replace(minute=0) + HOUR
    accounts.erase_customer("leaves", world.now)
    for _ in range(2):
        accounts.hear({"type": "CustomerErased", "customer_id": "leaves"}, world.now)
    assert query("QUOTA#leaves").items == []


def test_so_many_counters_go_that_no_transaction_takes_them_all(world: World) -> None:
    """Who does something each hour, while the table's TTL is two days late."""
    for hour in range(101):
        with Transaction() as tx:
            quotas.count(tx, Action.EDIT, USER, world.now + hour * HOUR)
    quotas.forget(USER)
    assert query(f"QUOTA#{USER}").items == []


def test_an_honest_user_is_far_from_any_limit() -> None:
    quotas = Policy().quotas
    assert min(quotas.bookings_a_day, quotas.uploads_an_hour, quotas.waitlist_joins_an_hour) >= 20
    assert min(quotas.devices_an_hour, quotas.edits_an_hour) >= 60


def test_it_costs_one_item_more_and_no_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the policy at hand, as it is for a minute."""
    ACTS["upload"][0](world, USER)
    table = _WriteOnly(clients.dynamodb())
    monkeypatch.setattr("dispatch.core.aws.dynamodb", lambda: table)
    ACTS["upload"][0](world, USER)
    assert table.wrote == [3], "not erased, counted, kept"


class _WriteOnly:
    """A table that is not read, and how many items each write was about."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.wrote: list[int] = []

    def transact_write_items(self, **request: Any) -> Any:
        self.wrote.append(len(request["TransactItems"]))
        return self._table.transact_write_items(**request)
