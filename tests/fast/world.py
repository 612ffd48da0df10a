"""The backend in one process on the AWS of the tests' own: relay, queues and schedules for real.

What is recorded leaves by the stream, the relay and the topic, lands in the queues that subscribe
to it, and is handed to their consumers until these have taken it. Any AWS call may be made to fail.
"""

import copy
import itertools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from ulid import ULID

from dispatch.core import aws, ids, relay, time
from dispatch.core.errors import Busy, Refusal
from dispatch.core.idempotency import AlreadyAnswered, Once
from dispatch.core.logging import metrics
from dispatch.core.table import Item, decode
from dispatch.matching import service as matching
from dispatch.notifications import service as notifications
from dispatch.payments import stripe_api
from dispatch.sessions import paying
from dispatch.uploads import service as uploads
from local.stripe import StandIn, signed
from local.template import arn
from tests.clock import Clock
from tests.fast import stripe
from tests.fast.engine_table import EngineTable
from tests.fast.faults import Faults, Killed
from tests.fast.services import (
    UPLOADS,
    FastBucket,
    FastMail,
    FastParameters,
    FastQueues,
    FastScheduler,
    FastTopic,
    FastUsers,
    Message,
)
from tests.fast.table import FastTable
from tests.instances import forget_everything
from tests.roles import acting, consumer_of
from tests.template_file import subscriptions, table
from tests.world import Fact, World

TABLE = "dispatch-test"
UPLOADED = "Uploaded"
"""The queue in which the bucket tells what was uploaded."""
FEEDBACK = "Feedback"
"""The queue in which SNS and SES tell what became of pushes and mails."""
_CONSUMERS = {UPLOADED: "uploads/consumer", FEEDBACK: "notifications/feedback"}
MAX_RECEIVES = 5
"""A message that was not taken so often is a dead letter."""

ENVIRONMENT = {
    "TABLE_NAME": TABLE,
    "SNAPSHOT_BUCKET": "snapshots",
    "UPLOADS_BUCKET": UPLOADS,
    "PHOTOS_URL": "https://photos",
    "USER_POOL_ID": "pool",
    "ROSTER_SHARDS": "2",
    "SCHEDULE_GROUP": "dispatch-test",
    "SCHEDULER_ROLE_ARN": "scheduler",
    "TOPIC_ARN": "events",
    # A queue goes by the name of its subscription, in its URL and its ARN.
    "TIMERS_QUEUE_URL": "TimersSubscription",
    "TIMERS_QUEUE_ARN": "TimersSubscription",
    "TIMERS_DEAD_LETTER_QUEUE_ARN": "timers-dead",
    "MATCHING_QUEUE_URL": "MatchingSubscription",
    "NOTIFY_QUEUE_URL": "NotifySubscription",
    "REFUNDS_QUEUE_URL": "RefundsSubscription",
    "MAIL_SENDER": "",  # nobody, until a story begins to send mails
    "MAIL_CONFIGURATION_SET": "dispatch-test",
    "FCM_APPLICATION_ARN": arn("sns", "app/GCM/dispatch-dev"),
    "APNS_APPLICATION_ARN": arn("sns", "app/APNS/dispatch-dev"),
    "APNS_SANDBOX_APPLICATION_ARN": arn("sns", "app/APNS_SANDBOX/dispatch-dev"),
    **stripe.ENVIRONMENT,
}
"""What the functions are told of this AWS."""


class _Ulids:
    """ULIDs that follow each other in the order of their making, also within a millisecond."""

    from_str, from_int = ULID.from_str, ULID.from_int

    def __init__(self) -> None:
        self._made = itertools.count(1)

    def from_datetime(self, instant: datetime) -> ULID:
        milliseconds = int(instant.timestamp() * 1000)
        # Room for those that are made to sort behind one another.
        return ULID.from_int((milliseconds << 80) | (next(self._made) << 20))


class FastWorld(World):
    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._consumers["NotifySubscription"] = notifications.handle
        self._consumers[FEEDBACK] = notifications.take_feedback
        self._consumers[UPLOADED] = uploads.handle
        self.faults = Faults()
        self._fast_table = FastTable(TABLE, table())
        self.table: FastTable | EngineTable = self._fast_table
        self.queues = FastQueues(clock)
        self.scheduler = FastScheduler(clock)
        self.topic = FastTopic(self._fan_out)
        self.mail = FastMail()
        self.bucket = FastBucket(lambda event: self.queues.put(UPLOADED, event))
        self.users = FastUsers()
        self.stripe = StandIn(clock)
        self.parameters = FastParameters(dict(stripe.SECRETS))
        self.dead_letters: list[Message] = []
        self.keyed = True
        """Whether HTTP callers send an Idempotency-Key."""
        self.refusals: list[Refusal] = []
        self.failures: list[Exception] = []
        self._read: list[Item] = []
        self._relayed = 0
        self._keys = 0
        self._subscriptions = subscriptions()
        services = {
            "dynamodb": self.table,
            "sqs": self.queues,
            "scheduler": self.scheduler,
            "sns": self.topic,
            "sesv2": self.mail,
            "s3": self.bucket,
            "cognito-idp": self.users,
            "ssm": self.parameters,
        }
        self.clients = {name: self.faults.around(name, each) for name, each in services.items()}

    def keep_the_table_in(self, engine: Any, *, ends_openly: bool = False) -> EngineTable:
        """From now on, with nothing in it yet, the table is an engine's."""
        self.table = kept = EngineTable(self._fast_table, engine, ends_openly=ends_openly)
        self.clients["dynamodb"] = self.faults.around("dynamodb", kept)
        return kept

    def send_mails(self) -> None:
        """From now on there is a sender."""
        os.environ["MAIL_SENDER"] = "notices@dispatch.example"

    def _fan_out(self, type_: str, text: str) -> None:
        for subscription, types in self._subscriptions.items():
            if type_ in types:
                self.queues.put(subscription, text)

    def save(self) -> Callable[[], None]:
        """Remember how everything stands; the answer puts it back, as often as it is called.

        Whoever goes on from there is a new instance.
        """
        table_back, now, keys = self.table.save(), self.now, self._keys
        relayed, read = self._relayed, len(self._read)
        held = (self.queues.messages, self.scheduler.schedules, self.topic.endpoints)
        messages, schedules, endpoints = copy.deepcopy(held)
        pushes, mails = list(self.topic.pushes), list(self.mail.mails)
        objects, files = dict(self.bucket.objects), dict(self.bucket.uploads)
        users = copy.deepcopy(self.users.users)
        stripe_now = _state_of(self.stripe)

        def put_back() -> None:
            table_back()
            self.clock.at, self._keys, self._relayed = now, keys, relayed
            del self._read[read:]
            self.queues.messages = copy.deepcopy(messages)
            self.scheduler.schedules = dict(schedules)
            self.topic.endpoints = copy.deepcopy(endpoints)
            self.topic.pushes, self.mail.mails = list(pushes), list(mails)
            self.bucket.objects, self.bucket.uploads = dict(objects), dict(files)
            self.users.users = copy.deepcopy(users)
            for name, value in copy.deepcopy(stripe_now).items():
                setattr(self.stripe, name, value)
            for forgotten in (self.dead_letters, self.refusals, self.failures):
                forgotten.clear()
            forget_everything()

        return put_back

    # What has happened

    def _recorded(self) -> list[Item]:
        self._read += [decode(item) for item in self.table.inserted(len(self._read))]
        return self._read

    def pushes_to(self, user_id: str) -> list[str]:
        return [push.message for push in self.topic.pushes if push.owner == user_id]

    def retries(self) -> list[tuple[Fact, int]]:
        """What waits in the notify queue, and for how many seconds; taken out."""
        waiting = [each for each in self.queues.messages if each.queue == "NotifySubscription"]
        for message in waiting:
            self.queues.messages.remove(message)
        return [
            (json.loads(each.body), round((each.visible_at - self.now).total_seconds()))
            for each in waiting
        ]

    # What happens by itself

    def drain(self) -> None:
        """Let everything happen that is due, until nothing is."""
        while self.relay() or self.ring_schedules() or self.deliver_next():
            pass

    def ring(self) -> None:
        self.drain()

    def pass_time(self, **by: float) -> None:
        """Move the clock on, and let everything happen on the way, each at its own instant."""
        until = self.now + timedelta(**by)
        self.drain()
        while (instant := self._next_instant()) and instant <= until:
            self.clock.at = instant
            self.drain()
        self.clock.at = until

    def _next_instant(self) -> datetime | None:
        """When something is due that is not due yet."""
        instants = [message.visible_at for message in self.queues.messages]
        instants += [schedule.at for schedule in self.scheduler.schedules.values()]
        return min((instant for instant in instants if instant > self.now), default=None)

    def relay(self) -> bool:
        """Publish the oldest record of the stream; if that fails it stays the oldest."""
        recorded = self._recorded()
        if self._relayed == len(recorded):
            return False
        with self._outlived(), acting("relay/consumer"):
            relay.publish(recorded[self._relayed])
            self._relayed += 1
        return True

    def ring_schedules(self) -> bool:
        due = self.scheduler.due()
        for schedule in due:
            self.queues.put(schedule.target, schedule.body)
        return bool(due)

    def deliverable(self) -> list[Message]:
        """The messages that somebody could be handed now, in the order of their coming due."""
        due = [each for each in self.queues.messages if each.visible_at <= self.now]
        return sorted(due, key=lambda each: each.visible_at)

    def deliver_next(self) -> bool:
        due = self.deliverable()
        if due:
            self.deliver(due[0])
        return bool(due)

    def deliver(self, message: Message) -> None:
        """Hand a message to its consumer. If that fails it comes again, after the others."""
        self.queues.messages.remove(message)
        message.receives += 1
        function = _CONSUMERS.get(message.queue) or consumer_of(message.queue)
        with self._outlived(), acting(function):
            self._consumers[message.queue](json.loads(message.body), self.now)
            return
        message.visible_at = self.now
        again = self.dead_letters if message.receives == MAX_RECEIVES else self.queues.messages
        again.append(message)

    @contextmanager
    def _outlived(self) -> Iterator[None]:
        """What fails in here fails alone, as in a function of its own."""
        try:
            yield
        except Killed:
            forget_everything()
        except Exception as error:  # noqa: BLE001 - whatever it is, the message comes again
            self.failures.append(error)

    def scheduled(self, work: Callable[[], object]) -> None:
        """The work of a function that is called without a message; again, if it fails."""
        for _ in range(MAX_RECEIVES):
            with self._outlived():
                work()
                return
        raise AssertionError("it never came to an end") from self.failures[-1]

    def interrupt(self, at: int, meanwhile: Callable[[], None]) -> None:
        """Just before the ``at``-th call from now, something else happens, in another instance."""

        def aside() -> None:
            roster, matching._live = matching._live, None
            try:
                meanwhile()
            finally:
                matching._live = roster

        self.faults.arm(at, meanwhile=aside)

    def lose_everything(self) -> None:
        """What is under way, facts and timers, is lost."""
        while self.relay():
            pass
        self.queues.messages.clear()
        self.scheduler.schedules.clear()

    # What Stripe does

    def stripe_tells(self, event: dict[str, Any]) -> None:
        """The webhook hears of an event; again, if it does not say that it has."""
        for _ in range(MAX_RECEIVES):
            body, signature = signed(event, stripe.WEBHOOK_SECRET, self.now)
            with self._outlived(), acting("payments/api"):
                paying.hear_stripe(body, signature, self.now)
                self.stripe.note_delivery(event["id"])
                return
        raise AssertionError("Stripe was never heard") from self.failures[-1]

    # What users do

    def call(self, request: Callable[[Once | None], object]) -> None:
        """A user's request, repeated if the answer does not come, until one comes.

        ``request`` gets the Idempotency-Key, None for a caller who sends none. Without a key the
        repeat of what has been done may be refused.
        """
        self._keys += 1
        key = f"key-{self._keys}" if self.keyed else None
        for attempt in range(MAX_RECEIVES):
            try:
                once = _once(key) if key else None
                if once:
                    once.check(self.now)
                request(once)
            except AlreadyAnswered:
                return
            except Killed:
                forget_everything()
            except (BotoCoreError, ClientError, Busy) as error:
                self.failures.append(error)
            except Refusal as refusal:
                if self.keyed or not attempt:
                    self.refusals.append(refusal)
                return
            else:
                return
        raise AssertionError("the user never got an answer") from self.failures[-1]


def _state_of(stand_in: StandIn) -> dict[str, Any]:
    """All that a stand-in remembers."""
    names = (each.name for each in fields(stand_in) if each.name != "now")
    return {name: copy.deepcopy(getattr(stand_in, name)) for name in names}


def _once(key: str) -> Once:
    return Once.of(caller="anybody", route="any", key=key, body=b"{}", show=lambda _: "done")


@contextmanager
def running(clock: Clock) -> Iterator[FastWorld]:
    """A world with nobody in it; the use cases live in it meanwhile."""
    world = FastWorld(clock)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr(aws, "_client", lambda service, **_: world.clients[service])
        patch.setattr(ids, "ULID", _Ulids())
        patch.setattr(stripe_api, "_http", lambda: stripe.FastStripe(world.stripe, world.faults))
        patch.setattr(metrics, "add_metric", lambda *_, **__: None)
        patch.setattr("dispatch.core.table.time.sleep", lambda _: None)
        patch.setattr("dispatch.matching.service.gc.freeze", lambda: None)
        forget_everything()
        time.run_on(clock)
        try:
            yield world
        finally:
            time.run_on(None)
            forget_everything()
