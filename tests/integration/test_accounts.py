"""Who is in which group, and how a customer is forgotten."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from dispatch.accounts import service as accounts
from dispatch.core import aws as clients
from dispatch.core import settings
from dispatch.core.errors import Conflict, NotFound
from dispatch.core.events import EventType
from dispatch.customers import service as customers
from dispatch.customers.model import Customer, Vehicle
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import MechanicStatus, ProfileEdit, StandingMove
from dispatch.notifications import service as notifications
from dispatch.notifications.model import Platform
from dispatch.payments import service as payments
from dispatch.profiles import service as profiles
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Review, Status
from dispatch.uploads import service as uploads
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import Target, Wish
from tests.builders import an_http_event
from tests.entry_points import load
from tests.erasing import CUSTOMER, SECRET, a_life, check_forgotten, known
from tests.fast.world import FastWorld
from tests.stories import complete, go_live, take
from tests.template_file import resources, subscriptions
from tests.upload_builders import JPEG
from tests.world import World, an_intake

CONTEXT = SimpleNamespace(aws_request_id="request-1")


# Groups


def a_user(name: str) -> None:
    clients.cognito_idp().admin_create_user(UserPoolId=settings.user_pool_id(), Username=name)


def groups_of(name: str) -> set[str]:
    found = clients.cognito_idp().admin_list_groups_for_user(
        UserPoolId=settings.user_pool_id(), Username=name
    )
    return {group["GroupName"] for group in found["Groups"]}


def _confirmed(name: str, source: str = "PostConfirmation_ConfirmSignUp") -> dict[str, Any]:
    return {
        "userPoolId": settings.user_pool_id(),
        "userName": name,
        "triggerSource": source,
        "response": {},
    }


@pytest.mark.parametrize("times", [1, 2])
def test_who_signs_up_is_a_customer_and_cognito_gets_its_event_back(aws: None, times: int) -> None:
    a_user("jo")
    handler = load("accounts/sign_up").handler
    for _ in range(times):
        assert handler(_confirmed("jo"), CONTEXT) == _confirmed("jo")
    assert groups_of("jo") == {"customer"}


def test_cognito_hears_of_a_failure(aws: None) -> None:
    with pytest.raises(Exception, match="UserNotFound"):
        load("accounts/sign_up").handler(_confirmed("nobody"), CONTEXT)


def test_who_is_approved_is_a_mechanic(world: World) -> None:
    a_user("a")
    for _ in range(2):
        accounts.hear({"type": "MechanicApproved", "mechanic_id": "a"}, world.now)
    assert groups_of("a") == {"mechanic"}


def test_a_mechanic_whom_cognito_does_not_know_is_passed_over(world: World) -> None:
    accounts.hear({"type": "MechanicApproved", "mechanic_id": "made-up"}, world.now)
    accounts.hear({"type": "CustomerErased", "customer_id": "made-up"}, world.now)


def test_any_other_refusal_of_cognitos_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER_POOL_ID", "ca-central-1_gone")
    settings.forget()
    with pytest.raises(Exception, match="ResourceNotFound"):
        accounts.hear({"type": "MechanicApproved", "mechanic_id": "a"}, world.now)


def test_the_queue_lets_through_what_is_heard() -> None:
    heard = {EventType.MECHANIC_APPROVED, EventType.CUSTOMER_ERASED}
    assert set(subscriptions()["AccountsSubscription"]) == heard
    # What is listed by an index has to be in it by the time it is forgotten.
    assert resources()["AccountsQueue"]["Properties"]["DelaySeconds"] >= 10


# Erased


def test_nothing_is_left_of_a_customer(fast_world: FastWorld) -> None:
    a_life(fast_world)
    entities = {place.partition("#")[0] for place in known(fast_world)}
    assert {"CUSTOMER", "SESSION", "ASSIGNMENT", "USER", "arn:aws:sns:ca-central-1"} & entities
    assert len(known(fast_world)) > 10
    fast_world.pass_time(minutes=10)
    accounts.erase_customer(CUSTOMER, fast_world.now)
    assert customers.get(CUSTOMER) == Customer(id=CUSTOMER)  # at once
    fast_world.drain()
    check_forgotten(fast_world)
    assert fast_world.failures == []


def test_sessions_stay_as_they_went(fast_world: FastWorld) -> None:
    a_life(fast_world)
    before = sessions.sessions_of(CUSTOMER, True, fast_world.now, 100, None).items
    fast_world.pass_time(minutes=10)
    accounts.erase_customer(CUSTOMER, fast_world.now)
    fast_world.drain()
    after = sessions.sessions_of(CUSTOMER, True, fast_world.now, 100, None).items
    assert [each.id for each in after] == [each.id for each in before]
    assert [each.status for each in after] == [each.status for each in before]
    (done,) = [each for each in after if each.status is Status.COMPLETED]
    assert done.vehicle == Vehicle(2019, "Honda", "Civic")
    assert done.keywords
    seen = sessions.details(done, "a", fast_world.now)
    assert seen.contact
    assert (seen.contact.name, seen.contact.concern, seen.attachments) == ("", "", ())
    assert seen.contact.waiver_signed_at is not None


def test_whatever_comes_late_brings_nothing_back(fast_world: FastWorld) -> None:
    a_life(fast_world)
    fast_world.pass_time(minutes=10)
    accounts.erase_customer(CUSTOMER, fast_world.now)
    fast_world.drain()
    fast_world.tell_again()
    fast_world.pass_time(hours=1)
    assert known(fast_world) == []


def test_a_message_that_comes_twice_at_once_fails_in_neither(fast_world: FastWorld) -> None:
    world, at = fast_world, 0
    a_life(world)
    world.pass_time(minutes=10)
    accounts.erase_customer(CUSTOMER, world.now)
    told = {"type": "CustomerErased", "customer_id": CUSTOMER}
    back = world.save()
    while True:
        world.interrupt(at, lambda: accounts.hear(told, world.now))
        accounts.hear(told, world.now)
        if world.faults.armed:
            break
        assert known(world) == [], at
        back()
        at += 3
    assert at > 50


def test_who_was_erased_since_is_forgotten_in_a_restored_table_as_well(
    fast_world: FastWorld,
) -> None:
    """Which knows of nothing: neither the mark nor the emptied profile is there."""
    a_life(fast_world)
    fast_world.pass_time(minutes=10)
    accounts.hear({"type": "CustomerErased", "customer_id": CUSTOMER}, fast_world.now)
    assert customers.is_erased(CUSTOMER)
    check_forgotten(fast_world)
    fast_world.drain()
    assert fast_world.failures == []
    assert len(fast_world.facts("CustomerErased")) == 1


def test_others_are_left_alone(fast_world: FastWorld) -> None:
    a_life(fast_world)
    customers.upsert({"id": "other", "name": "Mo"})
    fast_world.device("other")
    other = take(fast_world, "a", fast_world.book("other"))
    fast_world.pass_time(minutes=10)
    accounts.erase_customer(CUSTOMER, fast_world.now)
    fast_world.drain()
    assert customers.profile_of("other").name == "Mo"
    assert sessions.contact_of(other.id).name == "Jo Driver"
    assert notifications.ledger_of("other", 10, None)[0]
    owners = {json.loads(each["CustomUserData"])["user_id"] for each in _endpoints(fast_world)}
    assert owners == {"a", "b", "other"}


def _endpoints(world: FastWorld) -> list[dict[str, str]]:
    return list(world.topic.endpoints.values())


def test_asking_twice_is_asking_once(fast_world: FastWorld) -> None:
    for _ in range(2):
        accounts.erase_customer(CUSTOMER, fast_world.now)
    assert len(fast_world.facts("CustomerErased")) == 1


def test_the_books_stay(fast_world: FastWorld) -> None:
    payments.adjust(CUSTOMER, 40, fast_world.now)
    accounts.erase_customer(CUSTOMER, fast_world.now)
    fast_world.drain()
    assert payments.ledger_of(CUSTOMER, 10, None).balance.credits == 40


# Refused


def _is_refused(world: World, reason: str) -> Any:
    with pytest.raises(Conflict) as refused:
        accounts.erase_customer(CUSTOMER, world.now)
    assert refused.value.reason == reason
    assert not customers.is_erased(CUSTOMER)
    assert world.facts("CustomerErased") == []
    return refused.value.members


@pytest.mark.parametrize("status", ["awaiting_waiver", "pending", "waiting", "live"])
def test_who_has_a_session_ends_it_first(world: World, status: str) -> None:
    world.mechanic("a")
    session = sessions.book_session(an_intake(), CUSTOMER, world.now)
    if status != "awaiting_waiver":
        sessions.sign_waiver(session.id, CUSTOMER, "Jo Driver", world.now)
        world.drain()
    if status in ("waiting", "live"):
        session = take(world, "a", session)
    if status == "live":
        go_live(world, session)
    assert world.session(session.id).status == status
    assert _is_refused(world, "active_session")["session_id"] == session.id


def test_who_has_booked_a_slot_cancels_it_first(fast_world: FastWorld) -> None:
    from dispatch.calendar import service as calendar
    from tests.calendar_builders import an_availability

    world = fast_world
    world.mechanic("b", on_shift=False)
    calendar.replace_availability(
        "b", an_availability("America/Toronto", "0:00-24:00"), 0, world.now
    )
    start = world.now.replace(hour=12, minute=0) + (world.now - world.now)
    start = start.replace(day=start.day + 2)
    intake = an_intake(preferred_mechanic_id="b", scheduled_start=start)
    booked = sessions.book_session(intake, CUSTOMER, world.now)
    sessions.sign_waiver(booked.id, CUSTOMER, "Jo Driver", world.now)
    world.drain()
    assert _is_refused(world, "active_session")["session_id"] == booked.id
    sessions.cancel_session(booked.id, CUSTOMER, None, world.now)
    accounts.erase_customer(CUSTOMER, world.now)


def test_a_booking_that_was_not_to_be_seen_yet_is_called_off(
    fast_world: FastWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dispatch.calendar import service as calendar
    from tests.calendar_builders import an_availability

    world = fast_world
    world.mechanic("b", on_shift=False)
    calendar.replace_availability(
        "b", an_availability("America/Toronto", "0:00-24:00"), 0, world.now
    )
    start = world.now.replace(day=world.now.day + 2, minute=0)
    intake = an_intake(preferred_mechanic_id="b", scheduled_start=start, name=SECRET)
    booked = sessions.book_session(intake, CUSTOMER, world.now)
    sessions.sign_waiver(booked.id, CUSTOMER, "Jo Driver", world.now)
    with monkeypatch.context() as patch:
        patch.setattr(sessions, "unfinished_of", lambda *_: None)
        accounts.erase_customer(CUSTOMER, world.now)
    world.drain()
    assert world.session(booked.id).status is Status.CANCELLED
    assert known(world) == []


def test_a_booking_at_the_same_moment_is_refused_or_refuses(fast_world: FastWorld) -> None:
    world, at = fast_world, 0
    back = world.save()
    while True:

        def book() -> None:
            world.refusals.clear()
            world.call(lambda _: sessions.book_session(an_intake(), CUSTOMER, world.now))

        world.interrupt(at, book)
        if (reason := _refusal(lambda: accounts.erase_customer(CUSTOMER, world.now))) is None:
            if world.faults.armed:
                break
            assert [str(refusal) for refusal in world.refusals] == [customers.erased().detail]
        else:
            assert reason == "active_session"
            assert not customers.is_erased(CUSTOMER)
        back()
        at += 1
    assert at > 3


def _refusal(ask: Callable[[], object]) -> str | None:
    try:
        ask()
    except Conflict as refused:
        return refused.reason
    return None


def test_mechanics_have_to_ask(world: World) -> None:
    world.mechanic(CUSTOMER, on_shift=False)
    _is_refused(world, "is_mechanic")


# Afterwards


def test_nothing_is_written_for_who_was_erased(world: World) -> None:
    world.mechanic("a", on_shift=False)
    accounts.erase_customer(CUSTOMER, world.now)
    now = world.now
    for write in (
        lambda: customers.replace_profile(Customer(id=CUSTOMER, name=SECRET), now),
        lambda: customers.add_vehicle(CUSTOMER, Vehicle(2019, "Honda", SECRET), now),
        lambda: sessions.book_session(an_intake(), CUSTOMER, now),
        lambda: uploads.request_attachment(CUSTOMER, "image/jpeg", now),
        lambda: waitlist.join(Wish(Target.MECHANIC, "a"), CUSTOMER, now),
        lambda: notifications.register_device(CUSTOMER, "phone", Platform.FCM, SECRET, now),
    ):
        with pytest.raises(Conflict) as refused:
            write()
        assert refused.value.reason == "erased"
    with pytest.raises(NotFound):
        customers.profile_of(CUSTOMER)


def test_who_was_erased_does_not_become_a_mechanic(world: World) -> None:
    accounts.erase_customer(CUSTOMER, world.now)
    with pytest.raises(Conflict) as refused:
        profiles.edit_profile(CUSTOMER, ProfileEdit(name=SECRET), 0, world.now)
    assert refused.value.reason == "erased"
    assert mechanics.get(CUSTOMER) is None


def test_who_becomes_a_mechanic_at_the_same_moment_stays_or_is_none(fast_world: FastWorld) -> None:
    world, at, edit = fast_world, 0, ProfileEdit(name=SECRET)
    back = world.save()
    while True:
        world.interrupt(at, lambda: accounts.erase_customer(CUSTOMER, world.now))
        reason = _refusal(lambda: profiles.edit_profile(CUSTOMER, edit, 0, world.now))
        if world.faults.armed:
            break
        assert reason == "erased", at
        assert mechanics.get(CUSTOMER) is None, at
        back()
        at += 1
    assert at > 2


def _apply(world: FastWorld) -> None:
    edit = ProfileEdit(name=SECRET, email=f"jo@{SECRET}.example", city=SECRET, country="CA")
    profiles.edit_profile(CUSTOMER, edit, 0, world.now)


def test_who_becomes_an_applicant_while_asking_is_forgotten_as_one(fast_world: FastWorld) -> None:
    world, at = fast_world, 0
    back = world.save()
    while True:
        world.interrupt(at, lambda: _apply(world))
        accounts.erase_customer(CUSTOMER, world.now)
        if world.faults.armed:
            break
        assert mechanics.get(CUSTOMER) is None, at
        back()
        at += 1
    assert at > 3


def test_an_applicant_is_forgotten_with_profile_hours_and_photo(fast_world: FastWorld) -> None:
    from dispatch.calendar import service as calendar
    from tests.calendar_builders import an_availability

    world = fast_world
    _apply(world)
    calendar.replace_availability(CUSTOMER, an_availability(), 0, world.now)
    post = uploads.request_photo(CUSTOMER, "image/jpeg", world.now)
    world.bucket.upload(post.fields, JPEG + SECRET.encode())
    world.drain()
    assert len(known(world)) > 1
    accounts.erase_customer(CUSTOMER, world.now)
    assert profiles.listed(MechanicStatus.PENDING, 10, None) == ([], None)
    world.drain()
    assert (known(world), world.bucket.uploads) == ([], {})
    items = world.table.scan(TableName=world.table.name)["Items"]
    left = {item["entity"]["S"] for item in items if item["pk"]["S"].endswith(f"#{CUSTOMER}")}
    assert left <= {"customer", "erased_customer", "event", "tombstone"}


def test_who_is_approved_at_the_same_moment_stays_or_is_none(fast_world: FastWorld) -> None:
    world, at = fast_world, 0
    _apply(world)
    back = world.save()
    while True:

        def approve() -> None:
            profiles.decide(CUSTOMER, StandingMove.APPROVE, "admin", world.now)

        world.interrupt(at, approve)
        reason = _refusal(lambda: accounts.erase_customer(CUSTOMER, world.now))
        if world.faults.armed:
            break
        assert reason == "is_mechanic", at
        assert not customers.is_erased(CUSTOMER), at
        back()
        at += 1
    assert at > 3


def test_who_was_erased_rates_nothing_any_more(fast_world: FastWorld) -> None:
    world = fast_world
    world.mechanic("a")
    world.drain()
    done = complete(world, take(world, "a", world.book(CUSTOMER)))
    accounts.erase_customer(CUSTOMER, world.now)
    review = Review(5, f"Like nobody else in {SECRET}ville")
    for _ in range(2):  # before it is forgotten, and after
        with pytest.raises(Conflict) as refused:
            sessions.rate_session(done.id, CUSTOMER, review, world.now)
        assert refused.value.reason == "erased"
        world.pass_time(minutes=1)
    assert known(world) == []


def test_a_device_that_is_registered_meanwhile_leaves_no_endpoint(fast_world: FastWorld) -> None:
    world, at = fast_world, 0
    back = world.save()
    while True:

        def erase() -> None:
            accounts.erase_customer(CUSTOMER, world.now)
            world.drain()

        def register() -> None:
            notifications.register_device(CUSTOMER, "phone", Platform.FCM, SECRET, world.now)

        world.interrupt(at, erase)
        assert _refusal(register) in (None, "erased")
        if world.faults.armed:
            break
        world.drain()
        assert known(world) == [], at
        back()
        at += 1
    assert at > 5


# The call


def test_the_call_answers_204_and_then_404(world: World) -> None:
    handler = load("customers/api").handler

    def call(method: str) -> int:
        event = an_http_event(method, "/customer/profile", caller=CUSTOMER)
        status: int = handler(event, CONTEXT)["statusCode"]
        return status

    assert [call("GET"), call("DELETE"), call("DELETE"), call("GET")] == [200, 204, 204, 404]
