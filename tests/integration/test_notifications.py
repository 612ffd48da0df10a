"""Devices and pushes: who is told what, on which device, and not twice."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from dispatch.core import aws
from dispatch.core.errors import Invalid
from dispatch.core.table import Transaction
from dispatch.notifications import rules
from dispatch.notifications import service as notifications
from dispatch.notifications import store as devices
from dispatch.notifications.model import Device, Platform
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Status
from tests.world import World, an_intake


def _types(world: World, user_id: str) -> list[str]:
    return [_data(push)["type"] for push in world.pushes_to(user_id)]


def _data(push: str) -> dict[str, Any]:
    message = json.loads(push)
    if "GCM" in message:
        data: dict[str, Any] = json.loads(message["GCM"])["fcmV1Message"]["message"]["data"]
        return data
    (apns,) = (message[name] for name in ("APNS", "APNS_SANDBOX") if name in message)
    return dict(json.loads(apns))


# Devices


@pytest.mark.parametrize("platform", Platform)
def test_a_device_is_registered_on_its_platform(world: World, platform: Platform) -> None:
    device = notifications.register_device("a", "phone", platform, "token-1", world.now)
    assert device.enabled
    assert devices.devices_of("a") == [device]
    application = device.endpoint_arn.split("/")[1]
    assert application == {"fcm": "GCM"}.get(platform, platform.upper())


def test_registering_twice_is_registering_once(world: World) -> None:
    first = notifications.register_device("a", "phone", Platform.FCM, "token-1", world.now)
    assert notifications.register_device("a", "phone", Platform.FCM, "token-1", world.now) == first
    assert len(devices.devices_of("a")) == 1


def test_a_token_that_moves_to_another_user_is_rebound(world: World) -> None:
    world.device("a", token="shared")
    world.device("b", token="shared")
    assert devices.devices_of("a") == []
    world.mechanic("b")
    session = world.book("customer")
    assert world.asked(session.id) == ["b"]
    assert world.pushes_to("a") == []
    assert len(world.pushes_to("b")) == 1


def test_a_new_token_replaces_the_devices_old_one(world: World) -> None:
    old = world.device("a", token="old")
    new = world.device("a", token="new")
    assert old != new
    assert [device.token for device in devices.devices_of("a")] == ["new"]
    assert devices.holder_of(Platform.FCM, "old") is None
    world.device("b", token="old")
    assert [device.token for device in devices.devices_of("a")] == ["new"]


def test_forgetting_twice_is_forgetting_once(world: World) -> None:
    world.device("a")
    for _ in range(2):
        notifications.forget_device("a", "phone", world.now)
    assert devices.devices_of("a") == []
    endpoints = boto3.client("sns").list_endpoints_by_platform_application(
        PlatformApplicationArn=_fcm_application()
    )
    assert endpoints["Endpoints"] == []


def _fcm_application() -> str:
    from dispatch.core import settings

    arn = settings.push_application_arn("fcm")
    assert arn is not None
    return arn


def test_a_platform_that_is_not_set_up_is_said_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APNS_APPLICATION_ARN")
    with pytest.raises(Invalid, match="apns is not set up"):
        notifications.register_device("a", "phone", Platform.APNS, "token", world.now)


# At most twenty


def _twenty(world: World, user_id: str = "a") -> None:
    """Devices d0 to d19, registered in this order."""
    for number in range(rules.DEVICES_PER_USER):
        world.device(user_id, f"d{number}")
        world.clock.advance(seconds=1)


def _ids(user_id: str = "a") -> set[str]:
    return {device.device_id for device in devices.devices_of(user_id)}


def test_for_one_more_than_twenty_the_one_registered_longest_ago_gives_way(world: World) -> None:
    _twenty(world)
    world.device("a", "d0")  # again: it is the newest now
    world.clock.advance(seconds=1)
    assert len(_ids()) == 20
    (oldest,) = [device for device in devices.devices_of("a") if device.device_id == "d1"]
    world.device("a", "one-more")
    assert _ids() == {"d0", *(f"d{number}" for number in range(2, 20)), "one-more"}
    assert devices.holder_of(Platform.FCM, oldest.token) is None
    with pytest.raises(ClientError):
        aws.sns().get_endpoint_attributes(EndpointArn=oldest.endpoint_arn)
    assert world.facts("DeviceDisabled") == [], "the new one works"


def test_a_device_that_is_there_already_makes_nobody_give_way(world: World) -> None:
    _twenty(world)
    world.device("a", "d7", token="new")
    assert _ids() == {f"d{number}" for number in range(20)}


def test_a_token_that_moves_within_twenty_devices_makes_nobody_else_give_way(world: World) -> None:
    _twenty(world)
    world.device("a", "new-id", token="token-of-a-d7")
    assert _ids() == {"new-id", *(f"d{number}" for number in range(20))} - {"d7"}


def test_a_token_of_the_device_that_gives_way_is_bound_to_the_new_one(world: World) -> None:
    _twenty(world)
    world.device("b", "other", token="token-of-a-d0")
    world.device("a", "d20")
    world.device("a", "d21", token="token-of-a-d1")
    assert len(_ids()) == 20
    assert devices.holder_of(Platform.FCM, "token-of-a-d1") == ("a", "d21")
    assert devices.holder_of(Platform.FCM, "token-of-a-d0") == ("b", "other")


def test_an_endpoint_that_cannot_be_deleted_does_not_refuse_the_new_device(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _twenty(world)

    def throttled(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "Throttled", "Message": "x"}}, "DeleteEndpoint")

    monkeypatch.setattr(aws.sns(), "delete_endpoint", throttled)
    world.device("a", "one-more")
    assert "one-more" in _ids()
    assert "d0" not in _ids()


def test_more_devices_than_there_may_be_are_not_pushed_to_and_go_with_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of an earlier release."""
    world.mechanic("a")
    with monkeypatch.context() as patch:
        patch.setattr(rules, "DEVICES_PER_USER", 70)
        for number in range(70):
            world.device("a", f"d{number}")
            world.clock.advance(minutes=1)
    session = world.book()
    assert world.asked(session.id) == ["a"]
    assert len(world.pushes_to("a")) == 20
    (entry,) = notifications.ledger_of("a", 10, None)[0]
    targets = [delivery.target for delivery in entry.deliveries]
    assert targets == [f"d{number}" for number in reversed(range(50, 70))]
    world.device("a", "e0")
    assert len(_ids()) == 70 + 1 - 40
    world.device("a", "e1")
    assert _ids() == {*(f"d{number}" for number in range(52, 70)), "e0", "e1"}


def test_two_registrations_at_the_same_time_leave_twenty(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _twenty(world)
    devices_of = devices.devices_of
    rivals = iter([lambda: world.device("a", "meanwhile")])

    def while_another_registers(user_id: str) -> list[Device]:
        found = devices_of(user_id)
        next(rivals, lambda: None)()
        return found

    monkeypatch.setattr(devices, "devices_of", while_another_registers)
    world.device("a", "one-more")
    assert {"one-more", "meanwhile"} <= _ids()
    assert len(_ids()) == 20


# Given up


def _asked_on_two_devices(world: World, *, phone_works: bool) -> None:
    """Mechanic a holds an offer; b is free. The tablet works."""
    world.mechanic("a", rating=5.0)
    phone = world.device("a", "phone")
    world.device("a", "tablet")
    if not phone_works:
        boto3.client("sns").set_endpoint_attributes(
            EndpointArn=phone, Attributes={"Enabled": "false"}
        )
    world.book()
    assert world.offer_to("a")


def test_who_gives_up_the_last_device_that_works_is_not_asked_any_more(world: World) -> None:
    _asked_on_two_devices(world, phone_works=False)
    world.mechanic("b")
    notifications.forget_device("a", "tablet", world.now)
    assert world.facts("DeviceDisabled")[-1]["device_id"] == "tablet"
    world.drain()
    (expired,) = world.facts("OffersExpired")
    assert (expired["mechanic_ids"], expired["cause"]) == (["a"], "undeliverable")
    assert world.offer_to("b")


def test_who_has_another_that_works_keeps_the_offer(world: World) -> None:
    _asked_on_two_devices(world, phone_works=True)
    notifications.forget_device("a", "tablet", world.now)
    world.drain()
    assert world.offer_to("a")


def test_who_has_no_device_at_all_is_reached_by_polling(world: World) -> None:
    _asked_on_two_devices(world, phone_works=True)
    for device_id in ("tablet", "phone"):
        notifications.forget_device("a", device_id, world.now)
        world.drain()
    assert world.offer_to("a")
    assert world.facts("OffersExpired") == []
    assert len(world.facts("DeviceDisabled")) == 1, "there is nothing to look at after the last"


def test_two_devices_given_up_at_the_same_time_are_both_told_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sees the other: what is left is looked at once both are gone."""
    _asked_on_two_devices(world, phone_works=False)
    world.device("a", "watch")
    devices_of = devices.devices_of
    rivals = iter([lambda: notifications.forget_device("a", "watch", world.now)])

    def while_another_goes(user_id: str) -> list[Device]:
        found = devices_of(user_id)
        next(rivals, lambda: None)()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(devices, "devices_of", while_another_goes)
        notifications.forget_device("a", "tablet", world.now)
    world.drain()
    assert [fact["cause"] for fact in world.facts("OffersExpired")] == ["undeliverable"]


def test_whoever_loses_the_device_that_works_to_another_user_is_not_asked_any_more(
    world: World,
) -> None:
    _asked_on_two_devices(world, phone_works=False)
    world.device("b", "mine-now", token="token-of-a-tablet")
    world.drain()
    assert [fact["cause"] for fact in world.facts("OffersExpired")] == ["undeliverable"]


# Pushes


def test_an_offer_is_pushed_to_every_device_of_its_mechanic(world: World) -> None:
    world.mechanic("a")
    world.device("a", "phone")
    world.device("a", "tablet")
    world.book()
    assert _types(world, "a") == ["offer_made", "offer_made"]
    offer = world.offer_to("a")
    for push in world.pushes_to("a"):
        assert _data(push)["assignment_id"] == offer.id


def test_a_push_says_what_and_where_and_names_nobody(world: World) -> None:
    world.mechanic("a")
    world.device("a")
    world.book()
    (push,) = world.pushes_to("a")
    assert "check engine light" in push
    assert "Toronto" in push
    for private in ("Jo Driver", "jo@driver.example", "4165550100", "rough idle"):
        assert private not in push


def test_a_push_lives_as_long_as_its_offer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.mechanic("a")
    world.device("a")
    published: list[dict[str, Any]] = []
    booked = sessions.book_session(an_intake(), "customer", world.now)
    sessions.sign_waiver(booked.id, "customer", "Jo Driver", world.now)
    world.tell(world.facts("SessionPending")[0])
    publish = aws.sns().publish

    def noting(**message: Any) -> Any:
        published.append(message)
        return publish(**message)

    monkeypatch.setattr(aws.sns(), "publish", noting)
    world.clock.advance(seconds=90.5)
    notifications.notify(world.facts("OffersMade")[0], world.now)
    (message,) = published
    assert message["MessageAttributes"]["AWS.SNS.MOBILE.FCM.TTL"]["StringValue"] == "209"


def test_an_offer_that_is_over_is_not_pushed(world: World) -> None:
    world.mechanic("a")
    booked = sessions.book_session(an_intake(), "customer", world.now)
    sessions.sign_waiver(booked.id, "customer", "Jo Driver", world.now)
    world.tell(world.facts("SessionPending")[0])
    world.device("a")
    world.clock.advance(minutes=5)
    notifications.notify(world.facts("OffersMade")[0], world.now)
    assert world.pushes_to("a") == []


def test_a_broadcast_that_was_taken_meanwhile_is_not_pushed(world: World) -> None:
    world.mechanic("a")
    world.device("a")
    session = world.book()
    world.clock.advance(minutes=5)
    world.ring()
    (announced,) = world.facts("BroadcastAnnounced")
    before = len(world.pushes_to("a"))
    world.accept(world.broadcast(session.id).id, "a")
    notifications.notify(announced | {"id": "01JZ2N6A000000000000000000"}, world.now)
    assert len(world.pushes_to("a")) == before


def test_a_broadcasts_push_lives_as_long_as_the_session_is_pending(world: World) -> None:
    for id_ in "abcd":
        world.mechanic(id_)
        world.device(id_)
    session = world.book()
    world.clock.advance(minutes=5)
    world.ring()
    assert [fact["type"] for fact in world.facts("BroadcastAnnounced")] == ["BroadcastAnnounced"]
    (left_out,) = set("abcd") - set(world.asked(session.id))
    (push,) = world.pushes_to(left_out)
    assert _data(push)["type"] == "broadcast_announced"
    message = json.loads(json.loads(push)["GCM"])["fcmV1Message"]["message"]
    assert message["android"]["ttl"] == f"{25 * 60}s"


def test_both_sides_are_told_what_the_other_does(world: World) -> None:
    world.mechanic("a")
    for user in ("a", "customer"):
        world.device(user)
    session = world.book()
    world.accept(world.offer_to("a").id, "a")
    sessions.join_session(session.id, "a", world.now)
    sessions.join_session(session.id, "customer", world.now)
    sessions.end_session(session.id, "a", world.now)
    world.drain()
    assert _types(world, "a") == ["offer_made"]
    assert _types(world, "customer") == ["offer_accepted", "session_completed"]


def test_a_customer_is_called_when_the_mechanic_is_there(world: World) -> None:
    world.mechanic("a")
    world.device("customer")
    session = world.book()
    world.accept(world.offer_to("a").id, "a")
    sessions.join_session(session.id, "a", world.now)
    world.clock.advance(seconds=4)
    world.drain()
    assert _types(world, "customer") == ["offer_accepted", "mechanic_joined"]
    message = json.loads(json.loads(world.pushes_to("customer")[1])["GCM"])["fcmV1Message"]
    assert message["message"]["android"]["ttl"] == "596s"


def test_a_customer_who_was_there_first_is_not_called(world: World) -> None:
    world.mechanic("a")
    world.device("customer")
    session = world.book()
    world.accept(world.offer_to("a").id, "a")
    for by in ("customer", "a"):
        sessions.join_session(session.id, by, world.now)
        world.drain()
    assert _types(world, "customer") == ["offer_accepted"]


def test_a_cancelled_session_is_told_to_the_mechanic_who_had_it(world: World) -> None:
    world.mechanic("a")
    world.device("a")
    session = world.book()
    world.accept(world.offer_to("a").id, "a")
    sessions.cancel_session(session.id, "customer", None, world.now)
    world.drain()
    assert _types(world, "a") == ["offer_made", "session_cancelled"]


def test_a_released_session_is_told_to_the_customer(world: World) -> None:
    world.mechanic("a")
    world.device("customer")
    world.book()
    offer = world.offer_to("a")
    world.accept(offer.id, "a")
    sessions.release_session(offer.id, "a", "why", world.now)
    world.drain()
    assert _types(world, "customer") == ["offer_accepted", "offer_released"]


# Endpoints that fail


def test_a_disabled_endpoint_disables_the_device(world: World) -> None:
    world.mechanic("a")
    arn = world.device("a")
    boto3.client("sns").set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "false"})
    session = world.book()
    assert world.session(session.id).status is Status.PENDING
    (device,) = devices.devices_of("a")
    assert not device.enabled
    world.device("a")
    assert devices.devices_of("a")[0].enabled, "registering again brings it back"


def test_a_deleted_endpoint_disables_the_device(world: World) -> None:
    world.mechanic("a")
    arn = world.device("a")
    boto3.client("sns").delete_endpoint(EndpointArn=arn)
    world.book()
    assert not devices.devices_of("a")[0].enabled


# Two users, one token, at the same time


def test_a_binding_written_since_it_was_read_is_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both of two registrations of one token succeed; the later one has it alone."""
    find = devices.find
    rivals = iter([lambda: world.device("rival", token="shared")])

    def find_while_another_registers(user_id: str, device_id: str) -> Any:
        found = find(user_id, device_id)
        if user_id == "a":
            next(rivals, lambda: None)()
        return found

    monkeypatch.setattr(devices, "find", find_while_another_registers)
    world.device("a", token="shared")
    assert devices.devices_of("rival") == []
    assert [device.token for device in devices.devices_of("a")] == ["shared"]
    assert devices.holder_of(Platform.FCM, "shared") == ("a", "phone")


def test_a_stale_binding_does_not_cost_anybody_a_healthy_device(world: World) -> None:
    world.device("a", token="new")
    with Transaction() as tx:
        stale = Device(
            user_id="a", device_id="phone", platform=Platform.FCM, token="old", endpoint_arn="x"
        )
        devices.bind_token(tx, stale, holder=None)
    world.device("b", token="old")
    assert [device.token for device in devices.devices_of("a")] == ["new"]


def test_an_offer_that_was_rescinded_meanwhile_is_not_pushed(world: World) -> None:
    for id_ in ("a", "b"):
        world.mechanic(id_)
        world.device(id_)
    booked = sessions.book_session(an_intake(), "customer", world.now)
    sessions.sign_waiver(booked.id, "customer", "Jo Driver", world.now)
    world.tell(world.facts("SessionPending")[0])
    sessions.accept_offer(world.offer_to("a").id, "a", world.now)
    notifications.notify(world.facts("OffersMade")[0], world.now)
    assert world.pushes_to("b") == []
