"""The ledger of notices: nothing lost, nothing told twice, whatever fails and whoever dies."""

import itertools
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from ical.calendar_stream import IcsCalendarStream
from ical.event import Event
from moto.sns.models import sns_backends

from dispatch.calendar import service as calendar
from dispatch.calendar.model import Booking
from dispatch.core import aws, settings
from dispatch.core.errors import NotFound
from dispatch.core.ids import new_id
from dispatch.core.table import Key, Transaction, decode
from dispatch.core.time import format_time
from dispatch.customers import service as customers
from dispatch.notifications import rules
from dispatch.notifications import service as notifications
from dispatch.notifications import store as ledger
from dispatch.notifications.model import Channel, Entry, Move, NoticeStatus
from dispatch.offers import service as offers
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Session
from dispatch.shifts import service as shifts
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import Target, Wish
from tests.builders import BOOKED_FROM, CUSTOMER, a_booking_fact, a_fact
from tests.calendar_builders import a_booking, take_slot
from tests.fast.faults import Fault, Killed
from tests.fast.world import FastWorld
from tests.world import ACCOUNT, MAIL_SENDER, REGION, Fact, World, an_intake

JO = "jo@driver.example"


def _offered(world: World, *mechanics: str) -> tuple[Session, Fact]:
    """A pending session and the fact that these mechanics were asked; nobody is told yet."""
    for rating, id_ in enumerate(reversed(mechanics), 1):
        world.mechanic(id_, rating=rating)
    booked = sessions.book_session(an_intake(), "customer", world.now)
    sessions.sign_waiver(booked.id, "customer", "Jo Driver", world.now)
    offers.seek_mechanic(booked.id, world.now)
    (made,) = world.facts("OffersMade", session_id=booked.id)
    return booked, made


def _entries(user_id: str) -> list[Entry]:
    return notifications.ledger_of(user_id, 100, None)[0]


def _entry(user_id: str) -> Entry:
    (entry,) = _entries(user_id)
    return entry


def _fact(world: World, type_: str, **facts: Any) -> Fact:
    """A fact of the session ``session_id``, or of none; made of this instant."""
    fact = a_fact(type_, at=format_time(world.now), **facts)
    if "session_id" not in facts:
        del fact["session_id"]
    return fact


def _tag(push: str) -> str:
    message = json.loads(json.loads(push)["GCM"])["fcmV1Message"]["message"]
    tag: str = message["android"]["notification"]["tag"]
    return tag


def _data(push: str) -> dict[str, str]:
    data: dict[str, str] = json.loads(json.loads(push)["GCM"])["fcmV1Message"]["message"]["data"]
    return data


class _Failing:
    """Lets calls of one operation fail: those whose parameters ``which`` picks, ``times`` times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.calls: list[dict[str, Any]] = []

    def __call__(
        self,
        client: Any,
        operation: str,
        error: Exception | str,
        which: Callable[[dict[str, Any]], bool] = lambda _request: True,
        times: int = 10**6,
    ) -> None:
        real = getattr(client, operation)
        left = iter(range(times))

        def call(**request: Any) -> Any:
            self.calls.append(request)
            if which(request) and next(left, None) is not None:
                raise error if isinstance(error, Exception) else _client_error(error, operation)
            return real(**request)

        self._patch.setattr(client, operation, call)


def _client_error(code: str, operation: str = "Publish") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


@pytest.fixture
def failing(world: World, monkeypatch: pytest.MonkeyPatch) -> _Failing:
    return _Failing(monkeypatch)


# One entry per fact, person and channel


def test_an_entry_is_written_before_the_push_and_marked_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, made = _offered(world, "a")
    world.device("a")
    publish, seen = aws.sns().publish, []

    def looking(**request: Any) -> Any:
        seen.append(_entry("a"))
        return publish(**request)

    monkeypatch.setattr(aws.sns(), "publish", looking)
    notifications.notify(made, world.now)
    assert [entry.status for entry in seen] == [NoticeStatus.QUEUED]
    entry = _entry("a")
    assert (entry.status, entry.sent_at, entry.settled) == (NoticeStatus.SENT, world.now, True)


def test_the_offers_entry_is_known_from_its_assignment(world: World) -> None:
    _, made = _offered(world, "a")
    notifications.notify(made, world.now)
    assert _entry("a").id == f"{made['assignment_ids'][0]}-push"


def test_a_fact_told_twice_is_one_entry_and_one_push(world: World) -> None:
    _, made = _offered(world, "a")
    world.device("a")
    for _ in range(3):
        notifications.notify(made, world.now)
    assert len(_entries("a")) == len(world.pushes_to("a")) == 1


def test_the_collapse_id_is_the_hash_of_person_and_entry(world: World) -> None:
    _, made = _offered(world, "a")
    world.device("a")
    notifications.notify(made, world.now)
    (push,) = world.pushes_to("a")
    assert _tag(push) == rules.collapse_id("a", _entry("a").id)


def test_a_ledger_is_in_the_order_of_time_newest_first(world: World) -> None:
    world.mechanic("a")
    session = world.book()
    world.clock.advance(seconds=1)
    world.accept(world.offer_to("a").id, "a")
    world.clock.advance(seconds=1)
    sessions.cancel_session(session.id, "customer", None, world.now)
    world.drain()
    assert [entry.type for entry in _entries("a")] == ["session_cancelled", "offer_made"]


def test_entries_are_kept_for_ninety_days(world: World) -> None:
    _, made = _offered(world, "a")
    notifications.notify(made, world.now)
    (item,) = _items("notice")
    kept_until = world.now + timedelta(days=90)
    assert item["expires_ttl"] == int(kept_until.timestamp())


def _items(entity: str) -> list[dict[str, Any]]:
    answer = aws.dynamodb().scan(TableName=settings.table_name())
    return [item for raw in answer["Items"] if (item := decode(raw))["entity"] == entity]


# Nobody to send to: it is in the app all the same


def test_without_a_device_it_is_in_the_app_and_says_why_it_was_not_pushed(world: World) -> None:
    _, made = _offered(world, "a")
    notifications.notify(made, world.now)
    entry = _entry("a")
    assert (entry.status, entry.reason, entry.sent_at) == (NoticeStatus.FAILED, "no_device", None)


def test_with_dead_devices_alone_it_is_in_the_app_and_says_so(world: World) -> None:
    _, made = _offered(world, "a")
    _disabled(world.device("a"))
    notifications.notify(made, world.now)
    assert (_entry("a").status, _entry("a").reason) == (NoticeStatus.FAILED, "device_disabled")


def _disabled(arn: str) -> None:
    aws.sns().set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "false"})


def test_what_is_told_too_late_is_in_the_ledger_and_not_pushed(world: World) -> None:
    _, made = _offered(world, "a")
    world.device("a")
    world.clock.advance(minutes=5)
    notifications.notify(made, world.now)
    assert world.pushes_to("a") == []
    assert (_entry("a").status, _entry("a").reason) == (NoticeStatus.FAILED, "too_late")


def test_what_is_not_true_any_more_is_not_told_at_all(world: World) -> None:
    session, made = _offered(world, "a")
    sessions.cancel_session(session.id, "customer", None, world.now)
    notifications.notify(made, world.now)
    assert _entries("a") == []


# What holds only for a while

Passing = tuple[Fact, Callable[[], object]]
"""A fact that the customer is told of, and what makes it untrue."""


def _cancelled(world: World, session_id: str) -> Callable[[], object]:
    return lambda: sessions.cancel_session(session_id, "customer", None, world.now)


def _all_offline(world: World) -> tuple[Session, Fact]:
    world.mechanic("a", on_shift=False)
    booked = sessions.book_session(an_intake(), "customer", world.now)
    sessions.sign_waiver(booked.id, "customer", "Jo Driver", world.now)
    offers.seek_mechanic(booked.id, world.now)
    (fact,) = world.facts("AllOffline")
    return booked, fact


def _all_offline_until_cancelled(world: World) -> Passing:
    session, fact = _all_offline(world)
    return fact, _cancelled(world, session.id)


def _all_offline_until_its_time_is_over(world: World) -> Passing:
    _, fact = _all_offline(world)
    world.clock.advance(minutes=29, seconds=50)
    return fact, lambda: world.clock.advance(seconds=10)


def _all_offline_until_somebody_comes(world: World) -> Passing:
    _, fact = _all_offline(world)

    def somebody_comes() -> None:
        shifts.clock_in("a", world.now)
        offers.place_capacity("a", world.now)
        assert world.offer_to("a")

    return fact, somebody_comes


def _accepted(world: World) -> tuple[Session, str]:
    _offered(world, "a", "b")
    offer = world.offer_to("a").id
    return sessions.accept_offer(offer, "a", world.now), offer


def _accepted_until_it_is_given_back(world: World) -> Passing:
    _, offer = _accepted(world)
    (fact,) = world.facts("OfferAccepted")
    return fact, lambda: sessions.release_session(offer, "a", "why", world.now)


def _accepted_until_another_has_it(world: World) -> Passing:
    session, offer = _accepted(world)
    (fact,) = world.facts("OfferAccepted")

    def another_takes_it() -> None:
        sessions.release_session(offer, "a", "why", world.now)
        offers.seek_mechanic(session.id, world.now)
        sessions.accept_offer(world.broadcast(session.id).id, "b", world.now)

    return fact, another_takes_it


def _accepted_until_it_is_over(world: World) -> Passing:
    session, _ = _accepted(world)
    (fact,) = world.facts("OfferAccepted")

    def is_over() -> None:
        for by in ("a", "customer"):
            sessions.join_session(session.id, by, world.now)
        sessions.end_session(session.id, "a", world.now)

    return fact, is_over


def _released_until_another_has_it(world: World) -> Passing:
    session, offer = _accepted(world)
    sessions.release_session(offer, "a", "why", world.now)
    (fact,) = world.facts("OfferReleased")

    def another_takes_it() -> None:
        offers.seek_mechanic(session.id, world.now)
        sessions.accept_offer(world.broadcast(session.id).id, "b", world.now)

    return fact, another_takes_it


def _not_joined_until_cancelled(world: World) -> Passing:
    session, _ = _accepted(world)
    world.clock.advance(minutes=5)
    sessions.close_overdue(session.id, world.now)
    (fact,) = world.facts("MechanicNotJoined")
    return fact, _cancelled(world, session.id)


def _joined_until_the_customer_has(world: World) -> Passing:
    session, _ = _accepted(world)
    sessions.join_session(session.id, "a", world.now)
    (fact,) = world.facts("MechanicJoined")
    return fact, lambda: sessions.join_session(session.id, "customer", world.now)


def _joined_until_the_mechanic_has_gone(world: World) -> Passing:
    session, offer = _accepted(world)
    sessions.join_session(session.id, "a", world.now)
    (fact,) = world.facts("MechanicJoined")
    return fact, lambda: sessions.release_session(offer, "a", "why", world.now)


def _turn(world: World, customer_id: str = "customer") -> tuple[str, Fact]:
    world.mechanic("a")
    entry = waitlist.join(Wish(Target.ANY), customer_id, world.now).entry
    waitlist.capacity_left({"id": new_id(world.now), "mechanic_id": "a", "room": 1}, world.now)
    (fact,) = world.facts("WaitlistTold")
    return entry.id, fact


def _told_until_they_leave(world: World) -> Passing:
    entry_id, fact = _turn(world)
    return fact, lambda: waitlist.leave(entry_id, "customer", world.now)


def _told_until_it_is_claimed(world: World) -> Passing:
    _, fact = _turn(world)

    def is_claimed() -> None:
        _offered(world, "b")
        sessions.accept_offer(world.offer_to("b").id, "b", world.now)
        (accepted,) = world.facts("OfferAccepted")
        waitlist.session_accepted(accepted, world.now)

    return fact, is_claimed


PASSING: list[Callable[[World], Passing]] = [
    _all_offline_until_cancelled,
    _all_offline_until_its_time_is_over,
    _all_offline_until_somebody_comes,
    _accepted_until_it_is_given_back,
    _accepted_until_another_has_it,
    _accepted_until_it_is_over,
    _released_until_another_has_it,
    _not_joined_until_cancelled,
    _joined_until_the_customer_has,
    _joined_until_the_mechanic_has_gone,
    _told_until_they_leave,
    _told_until_it_is_claimed,
]
in_each_passing = pytest.mark.parametrize("passing", PASSING)


@in_each_passing
def test_what_holds_is_told_also_when_it_is_tried_again(
    world: World, failing: _Failing, passing: Callable[[World], Passing]
) -> None:
    world.device("customer")
    fact, _ = passing(world)
    failing(aws.sns(), "publish", "Throttled", times=1)
    notifications.notify(fact, world.now)
    assert (_entry("customer").status, _entry("customer").settled) == (NoticeStatus.QUEUED, False)
    ((message, _),) = world.retries()
    notifications.handle(message, world.now)
    assert (_entry("customer").status, _entry("customer").settled) == (NoticeStatus.SENT, True)
    assert len(world.pushes_to("customer")) == 1


@in_each_passing
def test_what_does_not_hold_any_more_is_not_told_at_all(
    world: World, passing: Callable[[World], Passing]
) -> None:
    world.device("customer")
    fact, becomes_untrue = passing(world)
    becomes_untrue()
    notifications.notify(fact, world.now)
    assert _entries("customer") == []
    assert world.pushes_to("customer") == []


@in_each_passing
def test_what_does_not_hold_any_more_is_not_tried_again(
    world: World, failing: _Failing, passing: Callable[[World], Passing]
) -> None:
    world.device("customer")
    fact, becomes_untrue = passing(world)
    failing(aws.sns(), "publish", "Throttled", times=1)
    notifications.notify(fact, world.now)
    ((message, _),) = world.retries()
    becomes_untrue()
    notifications.handle(message, world.now)
    assert world.pushes_to("customer") == []
    assert world.retries() == []
    entry = _entry("customer")
    assert (entry.status, entry.reason, entry.settled) == (NoticeStatus.FAILED, "throttled", True)


def test_who_died_before_telling_what_is_untrue_by_now_leaves_it_withdrawn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.device("customer")
    fact, becomes_untrue = _accepted_until_it_is_given_back(world)
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "_attempt", _dies)
        with pytest.raises(Killed):
            notifications.notify(fact, world.now)
    becomes_untrue()
    notifications.notify(fact, world.now)
    assert (_entry("customer").status, _entry("customer").reason) == (
        NoticeStatus.FAILED,
        "withdrawn",
    )
    assert world.pushes_to("customer") == []


def _dies(*_: object) -> None:
    raise Killed


def test_a_mail_that_all_are_offline_does_not_come_after_the_session(
    mailing: World, failing: _Failing
) -> None:
    session, fact = _all_offline(mailing)
    failing(aws.ses(), "send_email", "TooManyRequestsException", times=1)
    notifications.notify(fact, mailing.now)
    sessions.cancel_session(session.id, "customer", None, mailing.now)
    mailing.try_again()
    assert mailing.mails_to(JO) == []
    assert (_mail_entry("customer").status, _mail_entry("customer").reason) == (
        NoticeStatus.FAILED,
        "too_many_requests",
    )


def test_what_has_happened_for_good_stays_true(mailing: World, failing: _Failing) -> None:
    """A session that nobody took is told of, though the next one has been booked."""
    failing(aws.ses(), "send_email", "TooManyRequestsException", times=1)
    session = mailing.book()
    mailing.clock.advance(minutes=30)
    sessions.close_overdue(session.id, mailing.now)
    (fact,) = mailing.facts("SessionUnfilled")
    notifications.notify(fact, mailing.now)
    sessions.book_session(an_intake(), "customer", mailing.now)
    mailing.try_again()
    assert "Nobody could take your session" in [mail.subject for mail in mailing.mails_to(JO)]


def test_an_accept_of_an_earlier_release_is_told_while_somebody_has_the_session(
    world: World, failing: _Failing
) -> None:
    """Its entries do not name the mechanic."""
    world.device("customer")
    fact, _ = _accepted_until_it_is_given_back(world)
    failing(aws.sns(), "publish", "Throttled", times=1)
    notifications.notify(fact, world.now)
    entry = _entry("customer")
    with Transaction() as tx:
        of_old = {"session_id": entry.data["session_id"]}
        ledger.put(tx, replace(entry, data=of_old, version=entry.version + 1))
    world.try_again()
    assert len(world.pushes_to("customer")) == 1


# Two devices


def test_both_devices_get_it_and_one_dead_one_is_no_failure(world: World) -> None:
    _, made = _offered(world, "a")
    world.device("a", "phone")
    _disabled(world.device("a", "tablet"))
    notifications.notify(made, world.now)
    assert len(world.pushes_to("a")) == 1
    assert (_entry("a").status, _entry("a").reason) == (NoticeStatus.SENT, None)
    assert {d.target: d.reason for d in _entry("a").deliveries} == {
        "phone": None,
        "tablet": "device_disabled",
    }


def test_a_device_that_came_later_does_not_get_old_news(world: World) -> None:
    _, made = _offered(world, "a")
    world.device("a", "phone")
    notifications.notify(made, world.now)
    world.device("a", "tablet")
    notifications.notify(made, world.now)
    assert len(world.pushes_to("a")) == 1


def test_a_device_that_came_since_the_first_attempt_does_not_get_old_news(
    world: World, failing: _Failing
) -> None:
    _, made = _offered(world, "a")
    phone = world.device("a", "phone")
    failing(aws.sns(), "publish", "Throttled", times=1)
    notifications.notify(made, world.now)
    tablet = world.device("a", "tablet")
    world.try_again()
    assert [call["TargetArn"] for call in failing.calls] == [phone, phone]
    assert tablet != phone
    assert [delivery.target for delivery in _entry("a").deliveries] == ["phone"]
    assert _entry("a").settled


# What fails for a while


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("Throttled", "throttled"),
        ("InternalError", "internal_error"),
        ("AuthorizationError", "authorization_error"),
        (EndpointConnectionError(endpoint_url="sns"), "unreachable"),
    ],
)
def test_a_temporary_failure_is_tried_again(
    world: World, failing: _Failing, error: Exception | str, reason: str
) -> None:
    _, made = _offered(world, "a")
    world.device("a")
    failing(aws.sns(), "publish", error, times=1)
    notifications.notify(made, world.now)
    waiting = _entry("a")
    assert (waiting.status, waiting.reason, waiting.attempts) == (NoticeStatus.QUEUED, reason, 1)
    world.try_again()
    done = _entry("a")
    assert (done.status, done.reason, done.settled) == (NoticeStatus.SENT, None, True)
    assert len(world.pushes_to("a")) == 1
    assert world.retries() == []


def test_the_waits_grow_and_never_pass_the_expiry(world: World, failing: _Failing) -> None:
    _, made = _offered(world, "a")
    world.device("a")
    failing(aws.sns(), "publish", "Throttled")
    notifications.notify(made, world.now)
    waits = []
    while retries := world.retries():
        ((message, delay_s),) = retries
        waits.append(delay_s)
        world.clock.advance(seconds=delay_s)
        notifications.handle(message, world.now)
    assert waits == [5, 15, 45, 135]
    entry = _entry("a")
    assert (entry.status, entry.reason, entry.attempts) == (NoticeStatus.FAILED, "throttled", 5)
    assert world.pushes_to("a") == []


def test_a_retry_that_comes_too_late_gives_up(world: World, failing: _Failing) -> None:
    _, made = _offered(world, "a")
    world.device("a")
    failing(aws.sns(), "publish", "Throttled", times=1)
    notifications.notify(made, world.now)
    ((message, _),) = world.retries()
    world.clock.advance(minutes=5)
    notifications.handle(message, world.now)
    assert (_entry("a").status, _entry("a").reason) == (NoticeStatus.FAILED, "throttled")


def test_a_retry_of_an_offer_that_is_taken_by_now_is_not_pushed(
    world: World, failing: _Failing
) -> None:
    _, made = _offered(world, "a", "b")
    world.device("b")
    failing(aws.sns(), "publish", "Throttled", times=1)
    notifications.notify(made, world.now)
    sessions.accept_offer(world.offer_to("a").id, "a", world.now)
    ((message, _),) = world.retries()
    notifications.handle(message, world.now)
    assert world.pushes_to("b") == []
    assert (_entry("b").status, _entry("b").reason) == (NoticeStatus.FAILED, "throttled")
    assert _entry("b").settled


def test_a_retry_of_what_has_been_seen_meanwhile_is_not_pushed(
    world: World, failing: _Failing
) -> None:
    _, made = _offered(world, "a")
    world.device("a")
    failing(aws.sns(), "publish", "Throttled", times=1)
    notifications.notify(made, world.now)
    notifications.see(_entry("a").id, "a", world.now)
    world.try_again()
    assert world.pushes_to("a") == []
    assert (_entry("a").status, _entry("a").sent_at) == (NoticeStatus.SEEN, None)


def test_of_two_devices_only_the_one_that_failed_is_tried_again(
    world: World, failing: _Failing
) -> None:
    _, made = _offered(world, "a")
    phone = world.device("a", "phone")
    world.device("a", "tablet")
    failing(aws.sns(), "publish", "Throttled", lambda r: r["TargetArn"] == phone, times=2)
    notifications.notify(made, world.now)
    assert (_entry("a").status, _entry("a").settled) == (NoticeStatus.SENT, False)
    world.try_again()
    world.try_again()
    assert (_entry("a").status, _entry("a").settled) == (NoticeStatus.SENT, True)
    assert sorted(d.target for d in _entry("a").deliveries) == ["phone", "tablet"]
    assert len(world.pushes_to("a")) == 2


def test_messages_that_come_twice_do_not_multiply(world: World, failing: _Failing) -> None:
    """Each message twice: the attempts are those of one chain, at most one message is in vain."""
    _, made = _offered(world, "a")
    world.device("a")
    failing(aws.sns(), "publish", "Throttled")
    notifications.notify(made, world.now)
    notifications.notify(made, world.now)
    for round_ in range(2, 5):
        retries = world.retries()
        assert len(retries) <= 2
        world.clock.advance(seconds=retries[0][1])
        for message, _ in retries[:1] * 2:
            notifications.handle(message, world.now)
        assert _entry("a").attempts == round_


def test_a_stale_retry_does_nothing(world: World, failing: _Failing) -> None:
    _, made = _offered(world, "a")
    world.device("a")
    failing(aws.sns(), "publish", "Throttled")
    notifications.notify(made, world.now)
    world.try_again()
    world.try_again()
    world.retries()
    notifications.notify(made, world.now)
    assert world.retries() == [], "a later message sees to the rest"
    assert _entry("a").attempts == 3


def test_a_retry_of_nothing_is_quiet(world: World) -> None:
    message = {"retry": "01K00000000000000000000E01-push", "user_id": "a", "attempt": 1}
    notifications.handle(message, world.now)
    assert _entries("a") == []


# What fails for good


@pytest.mark.parametrize(
    ("code", "reason"),
    [("InvalidParameter", "invalid_parameter"), ("ValidationException", "validation")],
)
def test_a_permanent_failure_is_marked_at_once(
    world: World, failing: _Failing, code: str, reason: str
) -> None:
    _, made = _offered(world, "a")
    world.device("a")
    failing(aws.sns(), "publish", code)
    notifications.notify(made, world.now)
    assert (_entry("a").status, _entry("a").reason) == (NoticeStatus.FAILED, reason)
    assert world.retries() == []
    assert ledger.devices_of("a")[0].enabled


# One recipient does not wait for another


@pytest.mark.parametrize("error", ["Throttled", "InvalidParameter", "EndpointDisabled"])
def test_one_recipients_failure_does_not_keep_the_others_waiting(
    world: World, failing: _Failing, error: str
) -> None:
    _, made = _offered(world, "a", "b", "c")
    first, *_ = [world.device(id_) for id_ in made["mechanic_ids"]]
    failing(aws.sns(), "publish", error, lambda r: r["TargetArn"] == first)
    notifications.notify(made, world.now)
    assert [len(world.pushes_to(id_)) for id_ in made["mechanic_ids"]] == [0, 1, 1]


def test_a_ledger_that_cannot_be_written_does_not_keep_the_others_waiting(
    world: World, failing: _Failing
) -> None:
    _, made = _offered(world, "a", "b")
    for id_ in ("a", "b"):
        world.device(id_)

    def is_of_a(request: dict[str, Any]) -> bool:
        return "USER#a" in str(request)

    failing(aws.dynamodb(), "transact_write_items", "InternalServerError", is_of_a, times=1)
    with pytest.raises(ExceptionGroup):
        notifications.notify(made, world.now)
    assert [len(world.pushes_to(id_)) for id_ in ("a", "b")] == [0, 1]
    notifications.notify(made, world.now)
    assert [len(world.pushes_to(id_)) for id_ in ("a", "b")] == [1, 1]


# Each call to AWS fails once, before it takes effect and after


def _two_devices(world: World) -> Fact:
    """Two mechanics are asked; one has two devices, the other none."""
    _, made = _offered(world, "a", "b")
    world.device("a", "phone")
    world.device("a", "tablet")
    return made


def _dead_phone(world: World) -> Fact:
    _, made = _offered(world, "a", "b")
    _disabled(world.device("a"))
    world.device("b")
    return made


def _pushed_and_mailed(world: World) -> Fact:
    booked = sessions.book_session(an_intake(), "customer", world.now)
    world.device("customer")
    facts = {"session_id": booked.id, "customer_id": "customer", "period": 1}
    return _fact(world, "SessionUnfilled", **facts)


# What the ledger says at the end, and how many different notices left the house.
ENDS: dict[Callable[[World], Fact], tuple[list[Any], int]] = {
    _two_devices: (
        [
            ("a", "push", NoticeStatus.SENT, None, ["phone", "tablet"]),
            ("b", "push", NoticeStatus.FAILED, "no_device", []),
        ],
        2,
    ),
    _dead_phone: (
        [
            ("a", "push", NoticeStatus.FAILED, "device_disabled", []),
            ("b", "push", NoticeStatus.SENT, None, ["phone"]),
        ],
        1,
    ),
    _pushed_and_mailed: (
        [
            ("customer", "push", NoticeStatus.SENT, None, ["phone"]),
            ("customer", "mail", NoticeStatus.SENT, None, ["mail"]),
        ],
        2,
    ),
}
PEOPLE = ("a", "b", "customer")


def _end(world: World) -> list[Any]:
    """What the ledger says; of each entry, which devices took it at least once."""
    entries = [entry for user_id in PEOPLE for entry in reversed(_entries(user_id))]
    assert all(entry.settled for entry in entries)
    return [
        (
            entry.user_id,
            entry.channel,
            entry.status,
            entry.reason,
            sorted({delivery.target for delivery in entry.deliveries if delivery.went_out}),
        )
        for entry in sorted(entries, key=lambda entry: (entry.user_id, -ord(entry.channel[0])))
    ]


def _what_left(world: FastWorld) -> list[tuple[str, str]]:
    """Where to, and the collapse id: twice the same is one that is shown once."""
    pushes = [(push.endpoint, _tag(push.message)) for push in world.topic.pushes]
    return pushes + [(mail.to, mail.subject) for mail in world.mail.mails]


@pytest.mark.parametrize(
    "fault", [Fault.REFUSED, Fault.UNHEARD, Fault.KILLED_BEFORE, Fault.KILLED_AFTER]
)
@pytest.mark.parametrize("scenario", ENDS)
def test_whichever_call_fails_once_the_end_is_the_same(
    scenario: Callable[[World], Fact], fault: Fault, fast_world: FastWorld
) -> None:
    """Every call that telling a fact makes, one after the other, each in the same world."""
    world = fast_world
    world.send_mails()
    fact = scenario(world)
    back = world.save()
    for at in itertools.count():
        back()
        struck = world.faults.struck
        world.faults.arm(at, fault)
        with suppress(Killed, ExceptionGroup, ClientError, BotoCoreError):
            notifications.notify(fact, world.now)
        world.faults.disarm()
        _until_done(world, fact)
        end, notices = ENDS[scenario]
        assert _end(world) == end, at
        left = _what_left(world)
        assert len(set(left)) == notices, at
        assert len(left) <= notices + 1, at
        assert len(world.facts("DeviceDisabled")) == (scenario is _dead_phone), at
        assert len(world.facts("OffersExpired")) == (scenario is _dead_phone), at
        if world.faults.struck == struck:  # all have failed
            break
    assert at >= 5


def _until_done(world: FastWorld, fact: Fact) -> None:
    """As the queue does it: the fact again, what is to be tried again, and the facts of that."""
    notifications.notify(fact, world.now)
    while retries := world.retries():
        for message, delay_s in retries:
            world.clock.advance(seconds=delay_s)
            notifications.handle(message, world.now)
    for disabled in world.facts("DeviceDisabled"):
        notifications.notify(disabled, world.now)


# Mail


@pytest.fixture
def mailing(mail: None, world: World) -> World:
    return world


def _unfilled(world: World, **changes: Any) -> Fact:
    booked = sessions.book_session(an_intake(**changes), "customer", world.now)
    facts = {"session_id": booked.id, "customer_id": "customer", "period": 1}
    return _fact(world, "SessionUnfilled", **facts)


def _mail_entry(user_id: str) -> Entry:
    (entry,) = [entry for entry in _entries(user_id) if entry.channel is Channel.MAIL]
    return entry


def test_a_mail_goes_where_the_session_was_booked_from(mailing: World, failing: _Failing) -> None:
    fact = _unfilled(mailing)
    customers.upsert({"id": "customer", "email": "elsewhere@driver.example"})
    failing(aws.ses(), "send_email", "Never", times=0)
    notifications.notify(fact, mailing.now)
    (mail,) = mailing.mails_to(JO)
    assert mail.subject == "Nobody could take your session"
    (request,) = failing.calls
    assert request["FromEmailAddress"] == MAIL_SENDER
    assert request["ConfigurationSetName"] == "dispatch-test"
    assert set(request["Content"]["Simple"]["Body"]) == {"Text", "Html"}
    entry = _mail_entry("customer")
    assert {tag["Name"]: tag["Value"] for tag in request["EmailTags"]} == {
        "user_id": "customer",
        "notice_id": entry.id,
        "type": "session_unfilled",
    }
    assert (entry.status, entry.id) == (NoticeStatus.SENT, f"{fact['id']}-mail")
    assert "Hello Jo Driver," in request["Content"]["Simple"]["Body"]["Text"]["Data"]


def test_the_ledger_holds_neither_name_nor_address(mailing: World) -> None:
    notifications.notify(_unfilled(mailing), mailing.now)
    for item in _items("notice"):
        assert JO not in str(item)
        assert "Jo Driver" not in str(item)


def test_a_mail_speaks_the_customers_language(mailing: World) -> None:
    customers.upsert({"id": "customer", "locale": "fr-CA"})
    mailing.device("customer")
    notifications.notify(_unfilled(mailing), mailing.now)
    (mail,) = mailing.mails_to(JO)
    assert mail.subject == "Personne n'a pu prendre votre session"
    assert {entry.title for entry in _entries("customer")} == {mail.subject}
    (push,) = mailing.pushes_to("customer")
    assert (
        mail.subject
        in json.loads(json.loads(push)["GCM"])["fcmV1Message"]["message"]["notification"].values()
    )


def _waitlist_told(world: World, customer_id: str = "customer") -> Fact:
    return _turn(world, customer_id)[1]


def test_without_a_session_a_mail_goes_to_the_profiles_address(mailing: World) -> None:
    customers.upsert({"id": "customer", "name": "Jo", "email": "jo@home.example"})
    notifications.notify(_waitlist_told(mailing), mailing.now)
    assert len(mailing.mails_to("jo@home.example")) == 1


@pytest.mark.parametrize("profile", [None, {"name": "Joanna"}, {"name": "Joanna", "email": ""}])
def test_without_an_address_in_the_profile_it_goes_where_they_booked_from_last(
    mailing: World, failing: _Failing, profile: dict[str, str] | None
) -> None:
    if profile is not None:
        customers.upsert({"id": "customer", **profile})
    for address in ("first@driver.example", JO):
        booked = sessions.book_session(an_intake(email=address), "customer", mailing.now)
        sessions.cancel_session(booked.id, "customer", None, mailing.now)
        mailing.clock.advance(seconds=1)
    failing(aws.ses(), "send_email", "Never", times=0)
    notifications.notify(_waitlist_told(mailing), mailing.now)
    (request,) = failing.calls
    assert request["Destination"] == {"ToAddresses": [JO]}
    assert "Hello Jo Driver," in request["Content"]["Simple"]["Body"]["Text"]["Data"]
    assert _mail_entry("customer").status is NoticeStatus.SENT


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (None, "no_address"),
        ({}, "no_address"),
        ({"email": ""}, "no_address"),
        ({"email": "jo@home.example\nBcc: all@example.com"}, "invalid_address"),
        ({"email": "jo"}, "invalid_address"),
    ],
)
def test_without_an_address_there_is_an_entry_that_says_so(
    mailing: World, profile: dict[str, str] | None, reason: str
) -> None:
    if profile is not None:
        customers.upsert({"id": "customer", **profile})
    notifications.notify(_waitlist_told(mailing), mailing.now)
    entry = _mail_entry("customer")
    assert (entry.status, entry.reason) == (NoticeStatus.FAILED, reason)
    assert mailing.retries() == []


def test_a_mechanic_who_was_clocked_out_is_mailed_to_the_profiles_address(mailing: World) -> None:
    mailing.mechanic("a", email="a@mechanic.example")
    facts = {"mechanic_id": "a", "shift_id": "shift-1", "cause": "three_misses"}
    notifications.notify(_fact(mailing, "MechanicClockedOut", **facts), mailing.now)
    (mail,) = mailing.mails_to("a@mechanic.example")
    assert mail.subject == "You are off shift"
    assert [(entry.channel, entry.status) for entry in _entries("a")] == [
        (Channel.PUSH, NoticeStatus.FAILED),
        (Channel.MAIL, NoticeStatus.SENT),
    ]


def test_without_a_sender_there_are_neither_mails_nor_entries_of_them(world: World) -> None:
    notifications.notify(_unfilled(world), world.now)
    assert [entry.channel for entry in _entries("customer")] == [Channel.PUSH]


def test_a_sender_that_is_taken_away_ends_what_is_tried_again(
    mailing: World, failing: _Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(aws.ses(), "send_email", "TooManyRequestsException", times=1)
    notifications.notify(_unfilled(mailing), mailing.now)
    monkeypatch.setenv("MAIL_SENDER", "")
    mailing.try_again()
    assert (_mail_entry("customer").status, _mail_entry("customer").reason) == (
        NoticeStatus.FAILED,
        "no_sender",
    )


@pytest.mark.parametrize(
    "error", ["TooManyRequestsException", "SendingPausedException", "InternalFailure"]
)
def test_a_mail_that_failed_for_a_while_is_tried_again(
    mailing: World, failing: _Failing, error: str
) -> None:
    failing(aws.ses(), "send_email", error, times=2)
    notifications.notify(_unfilled(mailing), mailing.now)
    assert _mail_entry("customer").status is NoticeStatus.QUEUED
    mailing.try_again()
    mailing.try_again()
    assert _mail_entry("customer").status is NoticeStatus.SENT
    assert len(mailing.mails_to(JO)) == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [("MessageRejected", "message_rejected"), ("BadRequestException", "bad_request")],
)
def test_a_mail_that_ses_rejects_has_failed_and_the_push_has_not(
    mailing: World, failing: _Failing, code: str, reason: str
) -> None:
    mailing.device("customer")
    failing(aws.ses(), "send_email", code)
    notifications.notify(_unfilled(mailing), mailing.now)
    assert (_mail_entry("customer").status, _mail_entry("customer").reason) == (
        NoticeStatus.FAILED,
        reason,
    )
    assert len(mailing.pushes_to("customer")) == 1
    assert mailing.retries() == []


# So many mails a day


def _all_offline_again(world: World) -> Fact:
    booked = sessions.book_session(an_intake(), "customer", world.now)
    sessions.sign_waiver(booked.id, "customer", "Jo Driver", world.now)
    offers.seek_mechanic(booked.id, world.now)
    (fact,) = world.facts("AllOffline", session_id=booked.id)
    notifications.notify(fact, world.now)
    sessions.cancel_session(booked.id, "customer", None, world.now)
    return fact


def test_a_customer_is_mailed_five_times_a_day_about_the_same(mailing: World) -> None:
    """Whoever books and cancels all night does not flood the address that they typed."""
    mailing.mechanic("a", on_shift=False)
    for _ in range(7):
        _all_offline_again(mailing)
        mailing.clock.advance(seconds=2)
    assert len(mailing.mails_to(JO)) == 5
    mails = [entry for entry in _entries("customer") if entry.channel is Channel.MAIL]
    assert [(entry.status, entry.reason, entry.settled) for entry in mails] == [
        *[(NoticeStatus.FAILED, "mail_limit", True)] * 2,
        *[(NoticeStatus.SENT, None, True)] * 5,
    ]
    assert len(_entries("customer")) == 14, "each is in the app, and pushed"


def test_a_mail_that_is_one_too_many_is_so_when_it_comes_again(mailing: World) -> None:
    mailing.mechanic("a", on_shift=False)
    facts = [_all_offline_again(mailing) for _ in range(6)]
    before = _entries("customer")
    for fact in facts:
        notifications.notify(fact, mailing.now)
    assert _entries("customer") == before
    assert len(mailing.mails_to(JO)) == 5


def test_a_fact_that_comes_twice_is_counted_once(mailing: World) -> None:
    fact = _unfilled(mailing)
    for _ in range(7):
        notifications.notify(fact, mailing.now)
    (count,) = _items("mail_count")
    assert (count["pk"], count["mails"]) == ("USER#customer", 1)
    assert count["sk"] == f"MAILS#{mailing.now.date()}#session_unfilled"


def test_other_types_other_people_and_the_next_day_have_mails_of_their_own(mailing: World) -> None:
    mailing.mechanic("a", on_shift=False)
    for _ in range(6):
        _all_offline_again(mailing)
    fact = _unfilled(mailing)
    notifications.notify(fact, mailing.now)
    notifications.notify(fact | {"customer_id": "another"}, mailing.now)
    assert len(mailing.mails_to(JO)) == 5 + 2
    sessions.cancel_session(fact["session_id"], "customer", None, mailing.now)
    mailing.clock.advance(days=1)
    _all_offline_again(mailing)
    assert len(mailing.mails_to(JO)) == 5 + 2 + 1


def test_mechanics_are_mailed_at_an_address_of_their_own_as_often_as_it_takes(
    mailing: World,
) -> None:
    mailing.mechanic("a", email="a@mechanic.example")
    facts = {"mechanic_id": "a", "shift_id": "shift-1", "cause": "three_misses"}
    for _ in range(7):
        fact = _fact(mailing, "MechanicClockedOut", **facts) | {"id": new_id(mailing.now)}
        notifications.notify(fact, mailing.now)
    assert len(mailing.mails_to("a@mechanic.example")) == 7


def test_no_client_repeats_a_mail_by_itself(mailing: World) -> None:
    """Two of the same would be seen twice: nothing collapses mails."""
    assert aws.ses().meta.config.retries["total_max_attempts"] == 1  # type: ignore[attr-defined]


def test_everybody_is_pushed_to_before_anybody_is_mailed(mailing: World, failing: _Failing) -> None:
    mailing.mechanic("a")
    for user_id in ("a", "customer"):
        mailing.device(user_id)
    booked = sessions.book_session(an_intake(), "customer", mailing.now)
    facts = {"session_id": booked.id, "customer_id": "customer", "mechanic_id": "a"}
    failing(aws.sns(), "publish", "Never", times=0)
    failing(aws.ses(), "send_email", "Never", times=0)
    notifications.notify(_fact(mailing, "CustomerNotJoined", **facts), mailing.now)
    assert ["TargetArn" in call for call in failing.calls] == [True, True, False]


def test_an_outage_of_the_mail_is_outlived_for_a_day(mailing: World, failing: _Failing) -> None:
    failing(aws.ses(), "send_email", "InternalFailure")
    notifications.notify(_unfilled(mailing), mailing.now)
    started, delays = mailing.now, []
    while retries := mailing.retries():
        ((message, delay_s),) = retries
        delays.append(delay_s)
        mailing.clock.advance(seconds=delay_s)
        notifications.handle(message, mailing.now)
    assert delays[:7] == [5, 15, 45, 135, 405, 900, 900]
    assert timedelta(hours=23) < mailing.now - started < timedelta(days=1)
    assert (_mail_entry("customer").status, _mail_entry("customer").reason) == (
        NoticeStatus.FAILED,
        "internal_failure",
    )


# Bookings

ANA = "ana@mechanic.example"
START = BOOKED_FROM + timedelta(hours=2)
LATER = START + timedelta(hours=1)
TEN_IN_TORONTO = "Friday, July 3 at 10:00 (America/Toronto, UTC-04:00)"


def _booking(world: World) -> Booking:
    """Of a session with mechanic a, in two days."""
    world.mechanic("a", name="Ana", email=ANA)
    booked = sessions.book_session(an_intake(), CUSTOMER, world.now)
    return take_slot(booked.id, "a", START, world.now)


def _told_of(world: World, booking: Booking, type_: str, **facts: Any) -> Fact:
    """What a session records of its booking."""
    fact = a_booking_fact(
        type_,
        at=format_time(world.now),
        session_id=booking.session_id,
        mechanic_id="a",
        scheduled_start=format_time(booking.start),
        scheduled_end=format_time(booking.end),
        **facts,
    )
    return fact | {"id": new_id(world.now)}


def _moved(world: World, booking: Booking) -> Booking:
    with Transaction() as tx:
        return calendar.move_booking(tx, booking.ref, start=LATER, now=world.now)


def _called_off(world: World, booking: Booking, by: str = "customer") -> Fact:
    with Transaction() as tx:
        calendar.free_booking(tx, booking.ref, world.now)
    how = {"booking_version": 2, "cancelled_by": by, "refund_percent": 100}
    return _told_of(world, booking, "SessionCancelled", **how)


def _files(calls: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The one file attached to each mail, by address."""
    return {
        call["Destination"]["ToAddresses"][0]: call["Content"]["Simple"]["Attachments"][0]
        for call in calls
    }


def _events(calls: list[dict[str, Any]]) -> dict[str, tuple[str | None, Event]]:
    """By address: what a calendar is told to do, and with what."""
    read = {
        address: IcsCalendarStream.calendar_from_ics(file["RawContent"].decode())
        for address, file in _files(calls).items()
    }
    return {address: (each.method, each.events[0]) for address, each in read.items()}


def _statuses(user_id: str) -> list[tuple[str, str, str]]:
    return [(entry.type, entry.channel, entry.status) for entry in reversed(_entries(user_id))]


def test_both_sides_are_mailed_an_invitation_of_their_own(
    mailing: World, failing: _Failing
) -> None:
    booking = _booking(mailing)
    failing(aws.ses(), "send_email", "Never", times=0)
    notifications.notify(_told_of(mailing, booking, "SessionScheduled"), mailing.now)
    for file in _files(failing.calls).values():
        assert file["FileName"] == "invitation.ics"
        assert file["ContentType"] == "text/calendar; method=REQUEST; charset=UTF-8"
    events = _events(failing.calls)
    assert set(events) == {JO, ANA}
    for address, (method, event) in events.items():
        assert method == "REQUEST"
        assert (event.uid, event.sequence) == (booking.session_id, 0)
        assert (event.dtstart, event.dtend) == (booking.start, booking.end)
        assert [attendee.uri for attendee in event.attendees] == [f"mailto:{address}"]
        assert event.organizer is not None
        assert event.organizer.uri == f"mailto:{MAIL_SENDER}"
    assert events[JO][1].summary == "Dispatch session with Ana"
    assert events[ANA][1].summary == "Dispatch session with a driver"


def test_the_start_is_told_by_the_mechanics_clock(mailing: World) -> None:
    booking = _booking(mailing)
    notifications.notify(_told_of(mailing, booking, "SessionScheduled"), mailing.now)
    for user_id in (CUSTOMER, "a"):
        for entry in _entries(user_id):
            assert TEN_IN_TORONTO in entry.body
            assert entry.data["time_zone"] == "America/Toronto"


def test_what_is_called_off_with_a_mechanic_who_is_gone_is_told_in_utc(world: World) -> None:
    gone = a_booking(START, mechanic_id="gone")
    how = {"booking_version": 2, "cancelled_by": "admin", "refund_percent": 100}
    fact = _told_of(world, gone, "SessionCancelled", **how) | {"mechanic_id": "gone"}
    notifications.notify(fact, world.now)
    assert "Friday, July 3 at 14:00 (UTC)" in _entry(CUSTOMER).body


def test_a_customer_who_speaks_french_has_a_french_invitation(
    mailing: World, failing: _Failing
) -> None:
    customers.upsert({"id": CUSTOMER, "locale": "fr-CA"})
    booking = _booking(mailing)
    failing(aws.ses(), "send_email", "Never", times=0)
    notifications.notify(_told_of(mailing, booking, "SessionScheduled"), mailing.now)
    events = _events(failing.calls)
    assert events[JO][1].summary == "Session Dispatch avec Ana"
    assert events[ANA][1].summary == "Dispatch session with a driver"


def test_another_time_and_the_end_replace_the_invitation(mailing: World, failing: _Failing) -> None:
    booking = _booking(mailing)
    failing(aws.ses(), "send_email", "Never", times=0)
    told = []

    def tell(fact: Fact) -> None:
        failing.calls.clear()
        notifications.notify(fact, mailing.now)
        told.append(_events(failing.calls))

    tell(_told_of(mailing, booking, "SessionScheduled"))
    booking = _moved(mailing, booking)
    tell(_told_of(mailing, booking, "SessionRescheduled", booking_version=2))
    tell(_called_off(mailing, booking) | {"booking_version": 3})
    for address in (JO, ANA):
        mine = [events[address] for events in told]
        assert [method for method, _ in mine] == ["REQUEST", "REQUEST", "CANCEL"]
        assert {event.uid for _, event in mine} == {booking.session_id}
        assert [event.sequence for _, event in mine] == [0, 1, 2]
        assert [event.dtstart for _, event in mine] == [START, LATER, LATER]


def test_the_same_invitation_is_sent_again(mailing: World, failing: _Failing) -> None:
    booking = _booking(mailing)
    failing(aws.ses(), "send_email", "TooManyRequestsException", times=2)
    notifications.notify(_told_of(mailing, booking, "SessionScheduled"), mailing.now)
    first = _files(failing.calls)
    failing.calls.clear()
    mailing.try_again()
    assert _files(failing.calls) == first
    assert len(mailing.mails_to(JO)) == len(mailing.mails_to(ANA)) == 1


def test_who_cancels_is_mailed_for_their_calendars_sake_and_not_pushed_to(
    mailing: World, failing: _Failing
) -> None:
    booking = _booking(mailing)
    for user_id in (CUSTOMER, "a"):
        mailing.device(user_id)
    failing(aws.ses(), "send_email", "Never", times=0)
    notifications.notify(_called_off(mailing, booking), mailing.now)
    assert {address: method for address, (method, _) in _events(failing.calls).items()} == {
        JO: "CANCEL",
        ANA: "CANCEL",
    }
    assert _statuses(CUSTOMER) == [("session_cancelled", "mail", "sent")]
    assert sorted(_statuses("a")) == [
        ("session_cancelled", "mail", "sent"),
        ("session_cancelled", "push", "sent"),
    ]


def test_a_reminder_carries_no_invitation(mailing: World, failing: _Failing) -> None:
    booking = _booking(mailing)
    failing(aws.ses(), "send_email", "Never", times=0)
    notifications.notify(_told_of(mailing, booking, "SessionReminder", ahead="24_h"), mailing.now)
    assert len(failing.calls) == 2
    for call in failing.calls:
        assert "Attachments" not in call["Content"]["Simple"]


@pytest.mark.parametrize(
    ("type_", "facts"),
    [("SessionScheduled", {}), ("SessionReminder", {"ahead": "24_h"})],
)
@pytest.mark.parametrize("change", [_moved, _called_off])
def test_nobody_is_told_of_a_booking_that_stands_there_no_more(
    mailing: World,
    type_: str,
    facts: dict[str, str],
    change: Callable[[World, Booking], object],
) -> None:
    booking = _booking(mailing)
    late = _told_of(mailing, booking, type_, **facts)
    change(mailing, booking)
    notifications.notify(late, mailing.now)
    assert _entries(CUSTOMER) == _entries("a") == []


def test_a_booking_that_moved_is_told_at_its_new_time(mailing: World) -> None:
    booking = _moved(mailing, _booking(mailing))
    fact = _told_of(mailing, booking, "SessionRescheduled", booking_version=2)
    notifications.notify(fact, mailing.now)
    assert {entry.data["booking_version"] for entry in _entries("a")} == {"2"}
    assert all("at 11:00 (America/Toronto" in entry.body for entry in _entries("a"))


def test_a_retry_of_a_reminder_is_dropped_once_the_booking_is_off(
    mailing: World, failing: _Failing
) -> None:
    booking = _booking(mailing)
    failing(aws.ses(), "send_email", "TooManyRequestsException")
    notifications.notify(_told_of(mailing, booking, "SessionReminder", ahead="24_h"), mailing.now)
    _called_off(mailing, booking)
    tried = len(failing.calls)
    mailing.try_again()
    assert len(failing.calls) == tried
    assert mailing.retries() == []
    assert _mail_entry("a").settled


def test_the_ledger_of_bookings_holds_neither_names_nor_addresses(mailing: World) -> None:
    booking = _booking(mailing)
    notifications.notify(_told_of(mailing, booking, "SessionScheduled"), mailing.now)
    notifications.notify(_called_off(mailing, booking), mailing.now)
    for item in _items("notice"):
        for private in (JO, ANA, "Jo Driver", "Ana"):
            assert private not in str(item)


# Lost offers


def _withdrawals(world: World, user_id: str) -> list[dict[str, str]]:
    data = [_data(push) for push in world.pushes_to(user_id) if "offer_withdrawn" in push]
    return [each for each in data if each["type"] == "offer_withdrawn"]


def test_a_lost_offer_is_withdrawn_by_the_tag_it_was_shown_under(world: World) -> None:
    session, made = _offered(world, "a", "b")
    world.device("a")
    world.device("b")
    notifications.notify(made, world.now)
    lost = made["assignment_ids"][1]
    accepted = _fact(
        world,
        "OfferAccepted",
        session_id=session.id,
        customer_id="customer",
        mechanic_id="a",
        lost_mechanic_ids=["b"],
        lost_assignment_ids=[lost],
    )
    notifications.notify(accepted, world.now)
    shown, _ = world.pushes_to("b")
    (withdrawn,) = _withdrawals(world, "b")
    assert withdrawn == {
        "type": "offer_withdrawn",
        "session_id": session.id,
        "assignment_id": lost,
        "notice_id": _entry("b").id,
        "collapse_id": _tag(shown),
    }
    assert _withdrawals(world, "a") == []
    assert _entry("b").status is NoticeStatus.SENT, "a withdrawal is in no ledger"


def test_an_offer_that_ended_by_time_is_not_withdrawn(world: World) -> None:
    _offered(world, "a")
    world.device("a")
    world.drain()
    world.clock.advance(minutes=5)
    world.ring()
    assert len(world.facts("OffersExpired")) == 1
    assert _withdrawals(world, "a") == []


@pytest.mark.parametrize(
    "error",
    ["Throttled", "EndpointDisabled", "InvalidParameter", EndpointConnectionError(endpoint_url="")],
)
def test_a_withdrawal_that_fails_is_let_go(
    world: World, failing: _Failing, error: Exception | str
) -> None:
    _, made = _offered(world, "a", "b")
    for user_id in ("a", "b", "customer"):
        world.device(user_id)
    failing(aws.sns(), "publish", error, lambda r: "offer_withdrawn" in r["Message"])
    sessions.accept_offer(made["assignment_ids"][0], "a", world.now)
    (accepted,) = world.facts("OfferAccepted")
    notifications.notify(accepted, world.now)
    assert world.retries() == []
    assert len(world.pushes_to("customer")) == 1


# Mechanics who cannot be reached


def _asked_but_dead(world: World) -> tuple[Session, str]:
    """Mechanic a, the best, has dead devices alone; b has none."""
    world.mechanic("a", rating=5.0)
    world.mechanic("b", rating=4.0)
    arn = world.device("a")
    _disabled(arn)
    return world.book(), arn


def test_a_mechanic_whose_devices_are_all_dead_has_no_offers(world: World) -> None:
    session, _ = _asked_but_dead(world)
    assert offers.queue_of("a", world.now).mine == []
    (expired,) = world.facts("OffersExpired", session_id=session.id)
    assert (expired["mechanic_ids"], expired["cause"]) == (["a"], "undeliverable")
    assert len(offers.queue_of("b", world.now).mine) == 1, "without devices one is asked by polling"


def test_a_device_that_works_keeps_the_offers(world: World) -> None:
    world.mechanic("a")
    _disabled(world.device("a", "phone"))
    world.device("a", "tablet")
    world.book()
    assert len(offers.queue_of("a", world.now).mine) == 1


def test_a_device_is_disabled_together_with_the_fact_of_it(world: World) -> None:
    _asked_but_dead(world)
    (disabled,) = world.facts("DeviceDisabled")
    assert (disabled["user_id"], disabled["device_id"]) == ("a", "phone")
    assert [device.enabled for device in ledger.devices_of("a")] == [False]


def test_who_was_disabled_before_is_passed_over_at_the_next_offer(world: World) -> None:
    _asked_but_dead(world)
    world.book("another-customer")
    assert offers.queue_of("a", world.now).mine == []
    assert len(world.facts("DeviceDisabled")) == 1, "a device dies once"
    assert _entries("a")[0].reason == "device_disabled"


def test_the_offers_end_when_the_last_device_dies_after_they_were_pushed(world: World) -> None:
    world.mechanic("a")
    arn = world.device("a")
    world.book()
    assert len(offers.queue_of("a", world.now).mine) == 1
    notifications.take_feedback(_not_delivered(world, arn), world.now)
    world.drain()
    assert offers.queue_of("a", world.now).mine == []


# What SNS tells afterwards


def _not_delivered(
    world: World, arn: str, failure: str = "InvalidPlatformToken", message_id: str | None = None
) -> dict[str, Any]:
    """``EventDeliveryFailure``, as SNS tells it; of the endpoint's latest push."""
    messages = sns_backends[ACCOUNT][REGION].platform_endpoints[arn].messages
    return {
        "DeliveryAttempts": 1,
        "EndpointArn": arn,
        "EventType": "DeliveryFailure",
        "FailureMessage": "Platform token associated with the endpoint is not valid",
        "FailureType": failure,
        "MessageId": message_id or list(messages)[-1],
        "Resource": "arn:aws:sns:ca-central-1:123456789012:app/GCM/GCM",
        "Service": "SNS",
        "Time": format_time(world.now),
    }


@pytest.mark.parametrize(
    ("failure", "is_dead"),
    [
        ("InvalidPlatformToken", True),
        ("EndpointDisabled", True),
        ("NotificationTTLExpired", False),
        ("DeliveryFailedPerm", False),
    ],
)
def test_a_push_that_was_not_delivered_has_failed_and_a_dead_token_disables_the_device(
    world: World, failure: str, is_dead: bool
) -> None:
    _, made = _offered(world, "a")
    arn = world.device("a")
    notifications.notify(made, world.now)
    for _ in range(2):
        notifications.take_feedback(_not_delivered(world, arn, failure), world.now)
    assert (_entry("a").status, _entry("a").reason) == (
        NoticeStatus.FAILED,
        rules.reason_of(failure),
    )
    assert [device.enabled for device in ledger.devices_of("a")] == [not is_dead]
    assert len(world.facts("DeviceDisabled")) == is_dead


def test_one_of_two_devices_that_dies_afterwards_is_no_failure(world: World) -> None:
    _, made = _offered(world, "a")
    phone = world.device("a", "phone")
    world.device("a", "tablet")
    notifications.notify(made, world.now)
    notifications.take_feedback(_not_delivered(world, phone), world.now)
    assert _entry("a").status is NoticeStatus.SENT
    enabled = {device.device_id: device.enabled for device in ledger.devices_of("a")}
    assert enabled == {"phone": False, "tablet": True}


def test_feedback_on_what_was_seen_changes_nothing_but_the_device(world: World) -> None:
    _, made = _offered(world, "a")
    arn = world.device("a")
    notifications.notify(made, world.now)
    notifications.see(_entry("a").id, "a", world.now)
    notifications.take_feedback(_not_delivered(world, arn), world.now)
    assert _entry("a").status is NoticeStatus.SEEN
    assert not ledger.devices_of("a")[0].enabled


def test_feedback_finds_the_one_notice_it_is_about(world: World) -> None:
    _, made = _offered(world, "a")
    arn = world.device("a")
    notifications.notify(made, world.now)
    first = next(iter(sns_backends[ACCOUNT][REGION].platform_endpoints[arn].messages))
    world.clock.advance(minutes=1)
    facts = {"mechanic_id": "a", "shift_id": "s", "cause": "finished"}
    later = _fact(world, "MechanicClockedOut", **facts) | {"id": new_id(world.now)}
    notifications.notify(later, world.now)
    event = _not_delivered(world, arn, "NotificationTTLExpired", first)
    notifications.take_feedback(event, world.now)
    assert [entry.status for entry in _entries("a")] == [NoticeStatus.SENT, NoticeStatus.FAILED]


def test_a_device_that_was_registered_anew_since_is_left_alone(world: World) -> None:
    _, made = _offered(world, "a")
    arn = world.device("a")
    notifications.notify(made, world.now)
    event = _not_delivered(world, arn)
    world.clock.advance(seconds=1)
    assert world.device("a") == arn
    notifications.take_feedback(event, world.now)
    assert ledger.devices_of("a")[0].enabled
    assert _entry("a").status is NoticeStatus.FAILED


def test_feedback_on_another_endpoint_than_the_devices_present_one_disables_nothing(
    world: World,
) -> None:
    _, made = _offered(world, "a")
    old = world.device("a", token="old")
    notifications.notify(made, world.now)
    event = _not_delivered(world, old)
    world.device("a", token="new")
    notifications.take_feedback(event, world.now)
    assert ledger.devices_of("a")[0].enabled


def test_feedback_that_overtakes_the_note_of_its_push_comes_again(world: World) -> None:
    _, made = _offered(world, "a")
    arn = world.device("a")
    notifications.notify(made, world.now)
    event = _not_delivered(world, arn, "NotificationTTLExpired")
    noted = _entry("a")
    with Transaction() as tx:
        tx.delete(Key("USER#a", f"NOTICE#{noted.id}"))
    with Transaction() as tx:
        ledger.put(
            tx, replace(noted, status=NoticeStatus.QUEUED, deliveries=(), settled=False, version=1)
        )
    with pytest.raises(Exception, match=event["MessageId"]):
        notifications.take_feedback(event, world.now)
    with Transaction() as tx:
        ledger.put(tx, replace(noted, version=2))
    notifications.take_feedback(event, world.now)
    assert _entry("a").status is NoticeStatus.FAILED


def test_feedback_on_a_push_that_is_in_no_ledger_is_quiet(world: World) -> None:
    """A withdrawal, or a push whose sender died before noting its id."""
    world.mechanic("a")
    arn = world.device("a")
    event = _not_delivered(world, arn, message_id="5e1f-unknown")
    notifications.take_feedback(event, world.now)
    assert not ledger.devices_of("a")[0].enabled, "the token is dead all the same"


def test_feedback_on_a_push_never_noted_is_let_go_after_a_minute(world: World) -> None:
    _, made = _offered(world, "a")
    arn = world.device("a")
    notifications.notify(made, world.now)
    event = _not_delivered(world, arn, message_id="5e1f-unknown")
    with Transaction() as tx:
        ledger.put(tx, replace(_entry("a"), settled=False, version=3))
    world.clock.advance(minutes=1)
    notifications.take_feedback(event, world.now)


@pytest.mark.parametrize("owner", ["", "nobody", "[]", "{}", '{"user_id": "a"}'])
def test_feedback_on_an_endpoint_that_is_gone_or_not_ours_is_quiet(
    world: World, owner: str
) -> None:
    arn = world.device("a")
    event = _not_delivered(world, arn, message_id="1")
    aws.sns().set_endpoint_attributes(EndpointArn=arn, Attributes={"CustomUserData": owner})
    notifications.take_feedback(event, world.now)
    aws.sns().delete_endpoint(EndpointArn=arn)
    notifications.take_feedback(event, world.now)
    assert ledger.devices_of("a")[0].enabled


@pytest.mark.parametrize("event", [{}, {"EventType": "EndpointCreated"}, {"eventType": "Open"}])
def test_feedback_nobody_asked_for_is_quiet(world: World, event: dict[str, Any]) -> None:
    notifications.take_feedback(event, world.now)


# What SES tells afterwards

BOUNCE = {"bounceType": "Permanent", "bounceSubType": "General"}


def _mail_event(entry: Entry, kind: str, **about: Any) -> dict[str, Any]:
    tags = {"user_id": [rules.tag_of(entry.user_id)], "notice_id": [entry.id]}
    return {"eventType": kind, kind.lower(): about, "mail": {"messageId": "m", "tags": tags}}


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        (["Delivery"], NoticeStatus.DELIVERED),
        (["Bounce"], NoticeStatus.BOUNCED),
        (["Complaint"], NoticeStatus.DELIVERED),
        (["Reject"], NoticeStatus.FAILED),
        (["Delivery", "Bounce"], NoticeStatus.BOUNCED),
        (["Bounce", "Delivery"], NoticeStatus.BOUNCED),
        (["Delivery", "Complaint", "Delivery"], NoticeStatus.DELIVERED),
    ],
)
def test_events_of_ses_mark_the_mail_in_any_order_and_twice(
    mailing: World, kinds: list[str], status: NoticeStatus
) -> None:
    notifications.notify(_unfilled(mailing), mailing.now)
    for kind in [*kinds, *kinds]:
        about = BOUNCE if kind == "Bounce" else {}
        event = _mail_event(_mail_entry("customer"), kind, **about)
        notifications.take_feedback(event, mailing.now)
    assert _mail_entry("customer").status is status


def test_a_delivery_that_overtakes_the_note_of_the_mail_is_not_forgotten(
    mailing: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_email = aws.ses().send_email

    def delivered_at_once(**request: Any) -> Any:
        answer = send_email(**request)
        event = _mail_event(_mail_entry("customer"), "Delivery")
        notifications.take_feedback(event, mailing.now)
        return answer

    monkeypatch.setattr(aws.ses(), "send_email", delivered_at_once)
    notifications.notify(_unfilled(mailing), mailing.now)
    assert _mail_entry("customer").status is NoticeStatus.DELIVERED
    assert [delivery.target for delivery in _mail_entry("customer").deliveries] == ["mail"]


def test_a_mail_that_arrived_though_nobody_noted_it_is_not_sent_again(
    mailing: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fact, send_email = _unfilled(mailing), aws.ses().send_email

    def dying(**request: Any) -> Any:
        send_email(**request)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(aws.ses(), "send_email", dying)
        with pytest.raises(Killed):
            notifications.notify(fact, mailing.now)
    event = _mail_event(_mail_entry("customer"), "Delivery")
    notifications.take_feedback(event, mailing.now)
    notifications.notify(fact, mailing.now)
    assert len(mailing.mails_to(JO)) == 1


def test_what_was_seen_stays_seen_and_remembers_why_it_bounced(mailing: World) -> None:
    notifications.notify(_unfilled(mailing), mailing.now)
    event = _mail_event(_mail_entry("customer"), "Bounce", **BOUNCE)
    notifications.take_feedback(event, mailing.now)
    notifications.see(_mail_entry("customer").id, "customer", mailing.now)
    notifications.take_feedback(event, mailing.now)
    entry = _mail_entry("customer")
    assert (entry.status, entry.reason) == (NoticeStatus.SEEN, "bounce_permanent_general")


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"user_id": ["customer"]},
        {"user_id": [], "notice_id": []},
        {"user_id": ["customer"], "notice_id": ["not-an-id"]},
        {"user_id": ["nobody"], "notice_id": ["01K00000000000000000000E01-mail"]},
        {"user_id": ["customer"], "notice_id": ["01K00000000000000000000E01-push"]},
        {"user_id": ["b64_/"], "notice_id": ["01K00000000000000000000E01-mail"]},
    ],
)
def test_an_event_about_no_mail_of_ours_is_quiet(mailing: World, tags: dict[str, Any]) -> None:
    notifications.notify(_unfilled(mailing), mailing.now)
    before = _entries("customer")
    event = {"eventType": "Bounce", "bounce": BOUNCE, "mail": {"tags": tags}}
    notifications.take_feedback(event, mailing.now)
    assert _entries("customer") == before


def test_a_user_id_that_no_tag_takes_is_found_again(mailing: World) -> None:
    user_id = "auth0|Zoë"
    customers.upsert({"id": user_id, "email": JO})
    notifications.notify(_waitlist_told(mailing, user_id), mailing.now)
    notifications.take_feedback(_mail_event(_mail_entry(user_id), "Delivery"), mailing.now)
    assert _mail_entry(user_id).status is NoticeStatus.DELIVERED


# Seen


@pytest.mark.parametrize("move", [None, Move.SEND, Move.FAIL])
def test_it_can_be_seen_in_the_app_whatever_became_of_the_push(
    world: World, move: Move | None
) -> None:
    _, made = _offered(world, "a")
    notifications.notify(made, world.now)
    world.clock.advance(seconds=9)
    seen = notifications.see(_entry("a").id, "a", world.now)
    assert (seen.status, seen.seen_at) == (NoticeStatus.SEEN, world.now)
    world.clock.advance(seconds=9)
    assert notifications.see(seen.id, "a", world.now) == seen


def test_only_ones_own_notices_can_be_seen(world: World) -> None:
    _, made = _offered(world, "a", "b")
    notifications.notify(made, world.now)
    for id_ in (_entry("b").id, "01K00000000000000000000E01-push", "NOTICE#x", "", "x" * 5000):
        with pytest.raises(NotFound):
            notifications.see(id_, "a", world.now)
    assert _entry("b").status is NoticeStatus.FAILED
