"""The samples of ``events/``, handed to the real entry points, tell one whole story."""

import itertools
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dispatch.calendar import service as calendar
from dispatch.core import aws, settings
from dispatch.core.ids import new_id
from dispatch.mechanics.model import StandingMove
from dispatch.notifications import service as notifications
from dispatch.profiles import service as profiles
from dispatch.sessions import service as sessions
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import Target, Wish
from local.stripe import StandIn
from tests import entry_points
from tests.calendar_builders import an_availability
from tests.stories import clock_in, clock_out, complete, decline, make_busy, release, take
from tests.template_file import resources, subscriptions
from tests.upload_builders import JPEG
from tests.world import World, an_intake

ROOT = Path(__file__).parents[2]
SAMPLES = {path.stem: json.loads(path.read_text()) for path in (ROOT / "events").glob("*.json")}
ENTRY_POINTS = {
    "intake": "intake/api.py",
    "sessions": "sessions/api.py",
    "mechanics": "mechanics/api.py",
    "profiles": "profiles/api.py",
    "clock": "clock/api.py",
    "queue": "queue/api.py",
    "calendar": "calendar/api.py",
    "waitlist": "waitlist/api.py",
    "turns": "waitlist/consumer.py",
    "notifications": "notifications/api.py",
    "notify": "notifications/consumer.py",
    "feedback": "notifications/feedback.py",
    "matching": "matching/consumer.py",
    "snapshot": "matching/snapshot.py",
    "timers": "timers/consumer.py",
    "sweeper": "timers/sweeper.py",
    "admin": "admin/api.py",
    "approvals": "approvals/api.py",
    "customers": "customers/api.py",
    "accounts": "accounts/consumer.py",
    "signup": "accounts/sign_up.py",
    "uploads": "uploads/api.py",
    "uploaded": "uploads/consumer.py",
    "payments": "payments/api.py",
    "refunds": "payments/consumer.py",
    "relay": "relay/consumer.py",
}
CONTEXT = SimpleNamespace(aws_request_id="sample", function_name="sample")

Invoke = Callable[[str], Any]


def _handler(path: str) -> Callable[[Any, Any], Any]:
    handler: Callable[[Any, Any], Any] = entry_points.load(path.removesuffix(".py")).handler
    return handler


def _body(name: str) -> dict[str, Any]:
    """The message in a queue's sample."""
    body: dict[str, Any] = json.loads(SAMPLES[name]["Records"][0]["body"])
    return body


@pytest.fixture
def invoke(world: World, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Hand a sample to its entry point. New things get the ids that the samples speak of."""
    session_id = SAMPLES["sessions.get"]["pathParameters"]["session_id"]
    assignment_id = SAMPLES["queue.accept"]["pathParameters"]["assignment_id"]
    entry_id = SAMPLES["waitlist.leave"]["pathParameters"]["entry_id"]
    shift_id = _body("timers.MechanicClockedIn")["shift_id"]
    time_off_id = SAMPLES["calendar.end-time-off"]["pathParameters"]["time_off_id"]
    ids = itertools.chain(["01JZ2N6A000000000000000000", assignment_id])
    vehicle_id = SAMPLES["customers.remove-vehicle"]["pathParameters"]["vehicle_id"]
    upload_id = "01JZ2N6W000000000000000001"
    monkeypatch.setattr("dispatch.uploads.service.new_id", lambda _now: upload_id)
    monkeypatch.setattr("dispatch.customers.service.new_id", lambda _now: vehicle_id)
    monkeypatch.setattr("dispatch.sessions.service.new_id", lambda _now: session_id)
    monkeypatch.setattr("dispatch.waitlist.service.new_id", lambda _now: entry_id)
    monkeypatch.setattr("dispatch.shifts.service.new_id", lambda _now: shift_id)
    monkeypatch.setattr("dispatch.calendar.service.new_id", lambda _now: time_off_id)
    for module in ("search", "service"):
        monkeypatch.setattr(
            f"dispatch.offers.{module}.new_id", lambda now: next(ids, None) or new_id(now)
        )
    world.mechanic("mechanic-a", on_shift=False)

    def run(name: str) -> Any:
        return _handler(ENTRY_POINTS[name.partition(".")[0]])(SAMPLES[name], CONTEXT)

    return run


def _status(answer: Any) -> tuple[int, Any]:
    return answer["statusCode"], answer.get("body")


def test_every_sample_belongs_to_an_entry_point_and_every_entry_point_has_one() -> None:
    assert {name.partition(".")[0] for name in SAMPLES} == set(ENTRY_POINTS)
    shipped = {
        str(path.relative_to(ROOT / "functions")) for path in (ROOT / "functions").glob("*/*.py")
    }
    assert shipped == set(ENTRY_POINTS.values())


def test_there_is_a_sample_of_every_fact_that_a_function_listens_to() -> None:
    for subscription, types in subscriptions().items():
        function = subscription.removesuffix("Subscription").lower()
        for type_ in types:
            assert f"{function}.{type_}" in SAMPLES


def test_there_is_a_sample_of_every_route() -> None:
    routes = {
        f"{event['Properties']['Method'].upper()} {event['Properties']['Path']}"
        for resource in resources().values()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "HttpApi"
    }
    assert {s["routeKey"] for s in SAMPLES.values() if "routeKey" in s} == routes


def test_the_samples_tell_a_session_from_booking_to_its_end(invoke: Invoke, world: World) -> None:
    for name in ("intake.plans", "intake.service-keywords", "intake.brands"):
        assert _status(invoke(name))[0] == 200
    story = [
        ("notifications.register", 200),
        ("matching.MechanicChanged", None),
        ("clock.in", 200),
        ("clock.get", 200),
        ("matching.MechanicClockedIn", None),
        ("timers.MechanicClockedIn", None),
        ("timers.CapacityLeft", None),
        ("intake.start", 201),
        ("timers.SessionBooked", None),
        ("sessions.waiver", 200),
        ("relay.insert", None),
        ("timers.SessionPending", None),
        ("matching.SessionPending", None),
        ("timers.OffersMade", None),
        ("notify.OffersMade", None),
        ("notifications.list", 200),
        ("notifications.seen", 200),
        ("matching.ring", None),
        ("queue.get", 200),
        ("queue.accept", 200),
        ("matching.OfferAccepted", None),
        ("timers.OfferAccepted", None),
        ("notify.OfferAccepted", None),
        ("sessions.join", 200),
        ("sessions.get", 200),
        ("sessions.list", 200),
        ("sessions.events", 200),
        ("mechanics.available", 200),
        ("mechanics.get", 200),
        ("sessions.cancel", 200),
        ("notify.SessionCancelled", None),
        ("timers.MechanicFreed", None),
        ("matching.MechanicFreed", None),
        ("clock.out", 200),
        ("matching.MechanicClockedOut", None),
        ("timers.MechanicClockedOut", None),
        ("clock.shifts", 200),
        ("notifications.forget", 204),
    ]
    for name, status in story:
        answer = invoke(name)
        if status is None:
            assert answer == {"batchItemFailures": []}, name
        else:
            assert _status(answer)[0] == status, (name, answer)
        world.clock.advance(seconds=1)


def test_an_offer_is_released_and_declined_by_the_samples(invoke: Invoke) -> None:
    for name in ("clock.in", "intake.start", "sessions.waiver", "matching.SessionPending"):
        invoke(name)
    assert _status(invoke("queue.decline"))[0] == 200
    assert _status(invoke("queue.release"))[0] == 409
    assert invoke("matching.OfferDeclined") == {"batchItemFailures": []}
    assert _status(invoke("sessions.end"))[0] == 404


def test_admins_move_a_session_by_the_samples(invoke: Invoke) -> None:
    for name in ("clock.in", "intake.start", "sessions.waiver", "matching.SessionPending"):
        invoke(name)
    assert _status(invoke("admin.reassign-session"))[0] == 409
    invoke("queue.accept")
    assert json.loads(invoke("admin.reassign-session")["body"])["status"] == "pending"
    assert json.loads(invoke("admin.cancel-session")["body"])["ended_by"] == "admin"


def test_a_completed_session_is_rated_by_the_sample(invoke: Invoke, world: World) -> None:
    for name in ("clock.in", "intake.start", "sessions.waiver", "matching.SessionPending"):
        invoke(name)
    invoke("queue.accept")
    session_id = SAMPLES["sessions.get"]["pathParameters"]["session_id"]
    for party in ("customer-1", "mechanic-a"):
        sessions.join_session(session_id, party, world.now)
    assert _status(invoke("sessions.rate"))[0] == 409
    sessions.end_session(session_id, "customer-1", world.now)
    assert _status(invoke("sessions.rate"))[0] == 200
    assert world.session(session_id).rating


def test_the_samples_tell_of_waiting_and_of_the_turn(invoke: Invoke) -> None:
    def statuses() -> list[str]:
        return [entry["status"] for entry in json.loads(invoke("waitlist.list")["body"])["items"]]

    assert _status(invoke("waitlist.join"))[0] == 201
    assert invoke("timers.WaitlistJoined") == {"batchItemFailures": []}
    assert _status(invoke("clock.in"))[0] == 200
    assert statuses() == ["waiting"]
    assert invoke("turns.CapacityLeft") == {"batchItemFailures": []}
    assert statuses() == ["told"]
    assert invoke("timers.WaitlistTold") == {"batchItemFailures": []}
    assert invoke("turns.OfferAccepted") == {"batchItemFailures": []}
    assert statuses() == ["claimed"]
    assert _status(invoke("waitlist.leave"))[0] == 204
    assert statuses() == ["claimed"]


def test_the_samples_tell_of_a_calendar(invoke: Invoke) -> None:
    def slots() -> int:
        return len(json.loads(invoke("calendar.slots")["body"])["items"])

    assert _status(invoke("calendar.replace"))[0] == 200
    assert _status(invoke("calendar.availability"))[0] == 200
    assert slots() == 29
    assert _status(invoke("calendar.time-off"))[0] == 201
    assert slots() == 25
    assert _status(invoke("calendar.bookings"))[0] == 200
    assert _status(invoke("calendar.end-time-off"))[0] == 204
    assert slots() == 29


def test_the_samples_tell_of_a_customer_and_their_car(invoke: Invoke) -> None:
    assert _status(invoke("customers.replace"))[0] == 200
    assert json.loads(invoke("customers.profile")["body"])["locale"] == "fr-CA"
    assert _status(invoke("customers.add-vehicle"))[0] == 201
    assert len(json.loads(invoke("customers.vehicles")["body"])["items"]) == 1
    assert _status(invoke("customers.remove-vehicle"))[0] == 204
    assert json.loads(invoke("customers.vehicles")["body"])["items"] == []
    assert _status(invoke("customers.erase"))[0] == 204
    assert invoke("accounts.CustomerErased") == {"batchItemFailures": []}
    assert _status(invoke("customers.profile"))[0] == 404


def test_the_sample_of_a_new_user_is_handed_back(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = SAMPLES["signup.confirmed"]
    monkeypatch.setitem(sample, "userPoolId", settings.user_pool_id())
    aws.cognito_idp().admin_create_user(
        UserPoolId=sample["userPoolId"], Username=sample["userName"]
    )
    assert invoke("signup.confirmed") == sample


def test_the_samples_tell_of_a_file(invoke: Invoke) -> None:
    assert _status(invoke("uploads.photo"))[0] == 201
    post = json.loads(invoke("uploads.attachment")["body"])
    bucket = settings.uploads_bucket()
    aws.s3().put_object(Bucket=bucket, Key=post["fields"]["key"], Body=JPEG)
    assert invoke("uploaded.hello") == {"batchItemFailures": []}
    assert invoke("uploaded.Post") == {"batchItemFailures": []}
    kept = aws.s3().list_objects_v2(Bucket=bucket)["Contents"]
    assert [each["Key"] for each in kept] == [post["key"]]


def test_the_samples_tell_of_the_policy(invoke: Invoke) -> None:
    assert json.loads(invoke("admin.policy")["body"])["version"] == 1
    assert _status(invoke("admin.change-policy"))[0] == 200
    assert json.loads(invoke("admin.policy")["body"])["scoring"]["keyword"] == 20
    assert _status(invoke("admin.change-policy"))[0] == 409


def test_the_samples_tell_of_a_profile(invoke: Invoke) -> None:
    assert _status(invoke("profiles.edit"))[0] == 200
    assert json.loads(invoke("profiles.get")["body"])["phone"] == "+14165550142"
    assert json.loads(invoke("profiles.completion")["body"])["percentage"] == 75


def test_the_samples_tell_of_an_approval(invoke: Invoke, world: World) -> None:
    world.mechanic("mechanic-b", on_shift=False, status="pending")
    (listed,) = json.loads(invoke("approvals.mechanics")["body"])["items"]
    assert (listed["id"], listed["status"]) == ("mechanic-b", "pending")
    for name, status in (
        ("approve", "approved"),
        ("suspend", "suspended"),
        ("reinstate", "approved"),
    ):
        answer = invoke(f"approvals.{name}")
        assert _status(answer)[0] == 200
        assert json.loads(answer["body"])["status"] == status


def test_the_samples_tell_of_paying_and_of_the_money_back(
    invoke: Invoke, world: World, stripe_account: StandIn
) -> None:
    assert _status(invoke("payments.grant"))[0] == 201
    assert json.loads(invoke("payments.credits")["body"])["balance"] == 25
    assert _status(invoke("intake.start-stripe"))[0] == 201
    assert _status(invoke("payments.checkout"))[0] == 409
    assert json.loads(invoke("sessions.waiver")["body"])["next"] == "pay"
    assert _status(invoke("payments.checkout"))[0] == 200
    stripe_account.pay(next(iter(stripe_account.checkouts)))
    (payment,) = stripe_account.payments.values()
    stripe_account.payments["pi_sample"] = payment | {"id": "pi_sample"}
    for _ in range(2):
        assert _status(invoke("payments.webhook"))[0] == 200
    session = json.loads(invoke("sessions.get")["body"])
    assert session["status"] == "pending"
    cancelled = json.loads(invoke("sessions.cancel")["body"])
    assert cancelled["refund"] == {"percent": 100, "price_cents": 999, "credits": 0}
    for _ in range(2):
        assert invoke("refunds.RefundDue") == {"batchItemFailures": []}
    assert [refund["amount"] for refund in stripe_account.refunds.values()] == [999]
    assert [fact["returned_cents"] for fact in world.facts("RefundMade")] == [999]
    assert invoke("refunds.SessionCancelled") == {"batchItemFailures": []}
    (due,) = world.facts("RefundDue")
    assert set(due) == set(_body("refunds.RefundDue"))


QUEUES = ("matching", "timers", "notify", "turns", "accounts")
CONSUMERS = (*QUEUES, "feedback", "relay", "uploaded")


# Nobody is erased while they have a session; its sample is told of above, with the customer's.
TAKEN = {n for n in SAMPLES if n.partition(".")[0] in CONSUMERS} - {"accounts.CustomerErased"}


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_a_consumer_takes_its_sample_once_the_session_is_there(invoke: Invoke, name: str) -> None:
    for first in ("clock.in", "intake.start", "sessions.waiver", "matching.SessionPending"):
        invoke(first)
    assert invoke(name) == {"batchItemFailures": []}


@pytest.mark.usefixtures("mail")
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("Delivery", "delivered"),
        ("Bounce", "bounced"),
        ("Complaint", "delivered"),
        ("Reject", "failed"),
    ],
)
def test_a_mail_finds_its_entry_by_the_samples(invoke: Invoke, kind: str, status: str) -> None:
    for name in ("intake.start", "notify.SessionUnfilled", f"feedback.{kind}"):
        invoke(name)
    statuses = {
        entry.channel: entry.status for entry in notifications.ledger_of("customer-1", 10, None)[0]
    }
    assert statuses == {"push": "failed", "mail": status}


def test_the_snapshot_function_takes_its_schedule(invoke: Invoke) -> None:
    invoke("snapshot.schedule")
    assert aws.s3().list_objects_v2(Bucket=settings.snapshot_bucket())["KeyCount"] == 0


def test_the_sweeper_takes_its_schedule(invoke: Invoke, world: World) -> None:
    for first in ("clock.in", "intake.start"):
        invoke(first)
    world.clock.advance(minutes=33)
    invoke("sweeper.schedule")
    assert [fact["cancelled_by"] for fact in world.facts("SessionCancelled")] == ["timer"]


def test_samples_speak_of_the_same_things() -> None:
    """One session, one offer, one shift, one entry of the waitlist; each fact has its own id."""
    bodies = [_body(name) for name in SAMPLES if name.partition(".")[0] in QUEUES]
    facts = [body for body in bodies if "type" in body]
    for member in ("session_id", "assignment_id", "shift_id", "entry_id"):
        assert len({fact[member] for fact in facts if member in fact}) == 1, member
    assert len({fact["id"] for fact in facts}) == len({fact["type"] for fact in facts})


def test_samples_have_the_members_that_facts_have(world: World) -> None:
    """Of every type that is recorded in a story of a bit of everything."""
    world.mechanic("a")
    world.drain()
    complete(world, take(world, "a", world.book("first")))
    world.book("second")
    decline(world, "a")
    world.mechanic("b")
    world.pass_time(minutes=5)
    third = world.book("third")
    release(world, take(world, "a", third))
    sessions.cancel_session(third.id, "third", None, world.now)
    last = make_busy(world, "b")
    clock_out(world, "b", finish=True)
    complete(world, last)
    waitlist.join(Wish(Target.ANY), "waits", world.now)
    world.drain()
    missed = world.book("waits")
    sessions.join_session(take(world, "a", missed).id, "a", world.now)
    waitlist.join(Wish(Target.MECHANIC, "b"), "waits", world.now)
    world.drain()
    world.pass_time(minutes=10)
    clock_out(world, "a")
    world.book("nobody is there for")
    world.pass_time(minutes=30)
    clock_in(world, "a")
    _keep_a_booking(world)
    world.mechanic("new", on_shift=False, status="pending")
    for move in StandingMove:
        profiles.decide("new", move, "admin", world.now)
    shapes: dict[str, list[set[str]]] = defaultdict(list)
    for fact in world.facts():
        shapes[fact["type"]].append(set(fact))
    for name in SAMPLES:
        if name.partition(".")[0] in QUEUES and (type_ := _body(name).get("type")) in shapes:
            assert set(_body(name)) in shapes[type_], name
    assert set(shapes) >= {type_ for name in _OURS for type_ in subscriptions()[name]}


def _keep_a_booking(world: World) -> None:
    """Moved, reminded of, called to, begun; but its customer does not come."""
    world.mechanic("own", on_shift=False)
    calendar.replace_availability(
        "own", an_availability("America/Toronto", "0:00-24:00"), 0, world.now
    )
    start = world.now.replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
    intake = an_intake(preferred_mechanic_id="own", scheduled_start=start)
    booked = sessions.book_session(intake, "books", world.now)
    sessions.sign_waiver(booked.id, "books", "Jo Driver", world.now)
    later = start + timedelta(hours=1)
    sessions.reschedule_session(booked.id, "books", later, world.now)
    world.drain()
    world.pass_time(seconds=(later - world.now).total_seconds() + 1)
    clock_in(world, "own")
    sessions.join_session(booked.id, "own", world.now)
    world.drain()
    world.pass_time(minutes=10)


_OURS = ("MatchingSubscription", "TimersSubscription", "TurnsSubscription")


def test_matching_wants_a_fact_again_whose_session_it_cannot_find(invoke: Invoke) -> None:
    failed = invoke("matching.SessionPending")
    assert [failure["itemIdentifier"] for failure in failed["batchItemFailures"]] == [
        SAMPLES["matching.SessionPending"]["Records"][0]["messageId"]
    ]
