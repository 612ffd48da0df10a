"""What functions are granted for days that are rare: each such day, by its function.

``make test`` fails where a role allows what no test uses (``local/grants.py``); most is used by
stories that are told for other reasons.
"""

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from dispatch.accounts import service as accounts
from dispatch.calendar import service as calendar
from dispatch.core import aws, settings
from dispatch.core.errors import Invalid
from dispatch.core.time import format_time
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Status
from dispatch.uploads import rules as upload_rules
from dispatch.uploads import service as uploads
from dispatch.uploads.model import Kind
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import Target, Wish
from tests.calendar_builders import an_availability
from tests.calls import call
from tests.entry_points import load
from tests.roles import acting
from tests.stories import clock_out, go_live, make_busy
from tests.upload_builders import JPEG
from tests.world import World, an_intake

CONTEXT = SimpleNamespace(aws_request_id="request-1", function_name="any")
HOURS = an_availability("America/Toronto", "0:00-24:00")


def hand(consumer: str, body: Any) -> None:
    """One message to a consumer, which takes it."""
    record = {
        "messageId": "1",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:ca-central-1:123456789012:any",
    }
    answer = load(consumer).handler({"Records": [record]}, CONTEXT)
    assert answer == {"batchItemFailures": []}


def erased(world: World, customer_id: str) -> None:
    """They ask for it, and everybody hears of it."""
    accounts.erase_customer(customer_id, world.now)
    world.drain()


@pytest.mark.parametrize("platform", ["fcm", "apns", "apns_sandbox"])
def test_devices_of_every_platform_come_are_told_of_and_go(world: World, platform: str) -> None:
    api = load("notifications/api")

    def put() -> str:
        body = {"platform": platform, "token": f"token-{platform}"}
        status, _ = call(api, "PUT", "/devices/phone", user="jo", groups="customer", body=body)
        assert status == 200
        (endpoint,) = aws.sns().list_endpoints_by_platform_application(
            PlatformApplicationArn=_application(platform)
        )["Endpoints"]
        return str(endpoint["EndpointArn"])

    failure = {
        "EndpointArn": put(),
        "EventType": "DeliveryFailure",
        "FailureType": "InvalidPlatformToken",
        "MessageId": "none of ours",
        "Time": format_time(world.now - timedelta(hours=1)),
    }
    hand("notifications/feedback", failure)
    status, _ = call(api, "DELETE", "/devices/phone", user="jo", groups="customer")
    assert status == 204
    put()
    erased(world, "jo")
    assert not aws.sns().list_endpoints_by_platform_application(
        PlatformApplicationArn=_application(platform)
    )["Endpoints"]


def _application(platform: str) -> str:
    kind = {"fcm": "GCM", "apns": "APNS", "apns_sandbox": "APNS_SANDBOX"}[platform]
    return f"arn:aws:sns:ca-central-1:123456789012:app/{kind}/dispatch-dev"


@pytest.mark.parametrize("function", ["approvals", "calendar"])
def test_a_mechanic_comes_back_to_a_partition_of_the_roster(
    world: World, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    """The number of partitions was changed, and changed back."""
    world.mechanic("a", on_shift=False)
    world.mechanic("b", on_shift=False)
    for version, shards in enumerate(("7", "2")):
        monkeypatch.setenv("ROSTER_SHARDS", shards)
        settings.forget()
        for mechanic_id in ("a", "b"):
            if function == "approvals":
                move = ("suspend", "reinstate")[version]
                path, who = f"/admin/mechanics/{mechanic_id}/{move}", ("admin", "admin")
                body: Any = {"reason": "of a complaint"} if move == "suspend" else {}
                method = "POST"
            else:
                path, who, method = "/mechanic/availability", (mechanic_id, "mechanic"), "PUT"
                monday = {"weekday": "monday", "start": "09:00", "end": "17:00"}
                weekly = [] if version else [monday]
                body = {"version": version, "time_zone": "America/Toronto", "weekly": weekly}
                body["overrides"] = []
            api = load(f"{function}/api")
            status, answer = call(api, method, path, user=who[0], groups=who[1], body=body)
            assert status == 200, answer


def test_who_clocks_out_while_their_shift_ends(world: World) -> None:
    world.mechanic("a")
    make_busy(world, "a")
    api = load("clock/api")
    body = {"action": "clock_out", "finish_then_clock_out": True}
    for _ in range(2):
        status, answer = call(
            api, "POST", "/mechanic/clock", user="a", groups="mechanic", body=body
        )
        assert status == 200, answer


@pytest.mark.parametrize("by", ["admin", "customer"])
def test_a_shift_ends_with_what_an_admin_or_a_new_booking_ends(world: World, by: str) -> None:
    """The shift's statistics are made of the mechanic's rows."""
    world.mechanic("a")
    session = make_busy(world, "a", "jo")
    clock_out(world, "a", finish=True)
    if by == "admin":
        path = f"/admin/sessions/{session.id}/cancel"
        status, answer = call(
            load("admin/api"),
            "POST",
            path,
            user="admin",
            groups="admin",
            body={"reason": "by mistake"},
        )
        assert status == 200, answer
    else:  # the mechanic never came
        world.clock.advance(minutes=5)
        world.mechanic("b")
        body = {
            "plan": "free",
            "payment_method": "free",
            "name": "Jo",
            "email": "jo@driver.example",
        }
        body |= {"phone": "+14165550100", "concern": "rough idle, need diagnostics"}
        body |= {"customer_country": "CA"}
        status, answer = call(
            load("intake/api"), "POST", "/intake/start", user="jo", groups="customer", body=body
        )
        assert status == 409, answer
    assert world.load("a") == 0


def test_a_booking_with_a_file_that_the_bucket_has_not_told_of_is_moved(world: World) -> None:
    world.mechanic("a", on_shift=False)
    calendar.replace_availability("a", HOURS, 0, world.now)
    post = uploads.request_attachment("jo", "image/jpeg", world.now)
    aws.s3().put_object(Bucket=settings.uploads_bucket(), Key=post.fields["key"], Body=JPEG)
    start = world.now.replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
    intake = an_intake(
        preferred_mechanic_id="a",
        scheduled_start=start,
        attachments=(upload_rules.key_of(post.upload.ref),),
    )
    late = uploads.request_attachment("jo", "image/jpeg", world.now)
    with acting("intake/api"):
        without = replace(intake, attachments=(upload_rules.key_of(late.upload.ref),))
        with pytest.raises(Invalid):  # it has not come
            sessions.book_session(without, "jo", world.now)
        booked = sessions.book_session(intake, "jo", world.now)
    sessions.sign_waiver(booked.id, "jo", "Jo Driver", world.now)
    later = {"scheduled_start": format_time(start + timedelta(hours=1))}
    path = f"/sessions/{booked.id}/reschedule"
    status, answer = call(
        load("intake/api"), "POST", path, user="jo", groups="customer", body=later
    )
    assert status == 200, answer
    assert answer["attachments"][0]["url"]


def test_a_mechanic_comes_to_a_booking_whose_customer_was_elsewhere_for_too_long(
    world: World,
) -> None:
    """And no timer rang: matching hears of the clock-in first."""
    world.mechanic("a", on_shift=False)
    calendar.replace_availability("a", HOURS, 0, world.now)
    start = world.now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=4)
    intake = an_intake(preferred_mechanic_id="a", scheduled_start=start)
    booked = sessions.book_session(intake, "jo", world.now)
    sessions.sign_waiver(booked.id, "jo", "Jo Driver", world.now)
    world.clock.at = start - timedelta(minutes=1)
    world.mechanic("b")
    go_live(world, make_busy(world, "b", "jo"))
    world.clock.at = start + timedelta(minutes=11)
    world.mechanic("a")
    world.drain()
    assert sessions.get(booked.id, world.now).status is Status.NO_SHOW


def test_the_bucket_tells_of_a_file_that_is_gone(world: World) -> None:
    post = uploads.request_attachment("jo", "image/jpeg", world.now)
    told = {"eventName": "ObjectCreated:Post", "s3": {"object": {"key": post.fields["key"]}}}
    hand("uploads/consumer", {"Records": [told]})


def test_who_is_erased_gives_up_their_turn_and_all_their_files(world: World) -> None:
    world.mechanic("a")
    for customer_id in ("first", "second"):
        waitlist.join(Wish(Target.MECHANIC, "a"), customer_id, world.now)
        world.drain()
    bucket = settings.uploads_bucket()
    for kind in Kind:
        for prefix in (upload_rules.prefix_of, upload_rules.incoming_prefix_of):
            key = f"{prefix(kind, 'first')}file"
            aws.s3().put_object(Bucket=bucket, Key=key, Body=JPEG)
    assert told(world) == ["first"]
    erased(world, "first")
    assert told(world) == ["first", "second"]
    assert "Contents" not in aws.s3().list_objects_v2(Bucket=bucket)


def told(world: World) -> list[str]:
    """Whose turn it was to book."""
    return [fact["customer_id"] for fact in world.facts("WaitlistTold")]
