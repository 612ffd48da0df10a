"""The backend in one process, for tests of use cases: real table, real rules, no waiting.

``World`` plays the relay and the queues. It hands every recorded fact to those who subscribe to it
in ``template.yaml``, and can hand any of them over again. Timers ring when a test says so.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from moto.ses.models import Message, ses_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from dispatch.accounts import service as accounts
from dispatch.core import aws, settings
from dispatch.core.events import PREFIX, message
from dispatch.core.table import Item, Key, decode, get
from dispatch.customers.model import Location
from dispatch.matching.model import RequestType
from dispatch.mechanics import service as mechanics
from dispatch.notifications import service as notifications
from dispatch.notifications.model import Platform
from dispatch.offers import service as offers
from dispatch.offers import store as offer_rows
from dispatch.offers.model import Assignment, AssignmentStatus, MatchType
from dispatch.payments import refunds
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Intake, PaymentMethod, Session, Vehicle
from dispatch.shifts import service as shifts
from dispatch.timers import rules as timer_rules
from dispatch.timers import service as timers
from dispatch.timers.model import FOR_MATCHING, Ring
from dispatch.timers.reactions import react
from dispatch.waitlist import service as waitlist
from tests.clock import Clock
from tests.roles import acting, consumer_of
from tests.template_file import subscriptions

ACCOUNT = "123456789012"
REGION: Final = "ca-central-1"
MAIL_SENDER: Final = "notices@dispatch.example"

Fact = dict[str, Any]

CONCERN = "Check engine light on, rough idle, need diagnostics"
DOWNTOWN = Location("CA", "Ontario", "Toronto", "M5V 1A1")


def an_intake(**changes: Any) -> Intake:
    fields: dict[str, Any] = {
        "plan": "free",
        "payment_method": PaymentMethod.FREE,
        "name": "Jo Driver",
        "email": "jo@driver.example",
        "phone": "+14165550100",
        "location": DOWNTOWN,
        "vehicle": Vehicle(2019, "Honda", "Civic", "2HGFC2F59KH000001"),
        "concern": CONCERN,
        "urgent": False,
        "request_type": RequestType.GENERAL,
        "requested_brand": None,
        "prefer_local_mechanic": True,
    }
    return Intake(**fields | changes)


class World:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._told: set[str] = set()
        self._rung: set[str] = set()
        self._heard_until = clock()
        self._consumers: dict[str, Callable[[Fact, datetime], None]] = {
            "MatchingSubscription": react,
            "TimersSubscription": timers.handle,
            "NotifySubscription": notifications.notify,
            "TurnsSubscription": waitlist.hear,
            "AccountsSubscription": accounts.hear,
            "RefundsSubscription": refunds.hear,
        }

    @property
    def now(self) -> datetime:
        return self.clock()

    # What has happened

    def facts(self, *types: str, session_id: str | None = None) -> list[Fact]:
        """Every recorded fact, oldest first."""
        found = [message(item) for item in self._recorded()]
        return sorted(
            (
                fact
                for fact in found
                if (not types or fact["type"] in types)
                and (session_id is None or fact.get("session_id") == session_id)
            ),
            key=lambda fact: str(fact["id"]),
        )

    def _recorded(self) -> list[Item]:
        """The items of the facts, in any order."""
        pages = aws.dynamodb().get_paginator("scan").paginate(TableName=settings.table_name())
        items = (decode(raw) for page in pages for raw in page["Items"])
        return [item for item in items if item["sk"].startswith(PREFIX)]

    def tell(self, fact: Fact) -> None:
        """Hand one fact to everyone who listens to it. No timer rings before this any more."""
        self._heard_until = max(self._heard_until, self.now)
        for subscription, types in subscriptions().items():
            if fact["type"] in types:
                with acting(consumer_of(subscription)):
                    self._consumers[subscription](fact, self.now)

    def drain(self) -> None:
        """Hand over all that is new, until nothing new comes of it."""
        while new := [fact for fact in self.facts() if fact["id"] not in self._told]:
            for fact in new:
                self._told.add(fact["id"])
                self.tell(fact)

    def tell_again(self, facts: Iterable[Fact] | None = None) -> None:
        """Hand facts over once more, latest first."""
        for fact in reversed(list(facts if facts is not None else self.facts())):
            self.tell(fact)
        self.drain()

    def ring(self) -> None:
        """Let every timer ring that has come due, each at its own instant, and twice."""
        now = self.now
        while due := sorted(
            (ring for ring in self.rings() if ring.due_at <= now and ring.name not in self._rung),
            key=lambda ring: ring.due_at,
        ):
            ring = due[0]
            self._rung.add(ring.name)
            self.clock.at = max(ring.due_at, self._heard_until)
            self._heard_until = self.clock.at
            for _ in range(2):
                self.hear(ring)
            self.drain()
        self.clock.at = self._heard_until = now

    def rings(self) -> list[Ring]:
        """Every ring that the facts so far have asked for."""
        return [ring for fact in self.facts() for ring in timer_rules.rings_for(fact)]

    def hear(self, ring: Ring) -> None:
        matching = ring.kind in FOR_MATCHING
        hear, function = (react, "matching") if matching else (timers.handle, "timers")
        with acting(f"{function}/consumer"):
            hear(timer_rules.message(ring), self.now)

    def pass_time(self, **by: float) -> None:
        """Move the clock on; timers ring on the way."""
        self.clock.advance(**by)
        self.ring()

    # Who is there

    def mechanic(self, id_: str, *, on_shift: bool = True, **fields: Any) -> str:
        record: dict[str, Any] = {
            "id": id_,
            "name": id_.title(),
            "country": "Canada",
            "state_province": "Ontario",
            "city": "Toronto",
            "postal_code": "M5V 2B2",
            "years_of_experience": 5,
            "rating": 4.5,
            "service_keywords": ["engine diagnostic"],
            "profile_completion": 90,
        }
        if on_shift and "status" in fields:  # only who is approved clocks in
            mechanics.upsert(record | fields | {"status": "approved"}, self.now)
            shifts.clock_in(id_, self.now)
        mechanics.upsert(record | fields, self.now)
        if on_shift and "status" not in fields:
            shifts.clock_in(id_, self.now)
        return id_

    def device(self, user_id: str, device_id: str = "phone", token: str | None = None) -> str:
        """Register a device; answers its endpoint."""
        device = notifications.register_device(
            user_id, device_id, Platform.FCM, token or f"token-of-{user_id}-{device_id}", self.now
        )
        return device.endpoint_arn

    def pushes_to(self, user_id: str) -> list[str]:
        """The messages that SNS took for a user's devices, oldest first."""
        endpoints = sns_backends[ACCOUNT][REGION].platform_endpoints.values()
        return [
            message
            for endpoint in endpoints
            if json.loads(endpoint.attributes["CustomUserData"])["user_id"] == user_id
            for message in endpoint.messages.values()
        ]

    def mails_to(self, address: str) -> list[Message]:
        """The mails that SES took for an address, oldest first."""
        sent: list[Message] = ses_backends[ACCOUNT][REGION].sent_messages
        return [mail for mail in sent if address in mail.destinations["ToAddresses"]]

    def retries(self) -> list[tuple[Fact, int]]:
        """What waits in the notify queue to be tried again, and for how many seconds; taken out."""
        queue = sqs_backends[ACCOUNT][REGION].queues["notify"]
        waiting = [
            (
                json.loads(held.body),
                round(max(0, held.delayed_until - (held.sent_timestamp or 0)) / 1000),
            )
            for held in queue._messages
        ]
        queue._messages.clear()
        return waiting

    def try_again(self) -> None:
        """Let time pass for each notice that is to be tried again, and try it."""
        for retry, delay_s in self.retries():
            self.clock.advance(seconds=delay_s)
            with acting("notifications/consumer"):
                notifications.handle(retry, self.now)
        self.drain()

    def schedules(self) -> list[str]:
        """Names of the schedules that are set."""
        page = aws.scheduler().list_schedules(GroupName=settings.schedule_group())
        return [schedule["Name"] for schedule in page["Schedules"]]

    def load(self, mechanic_id: str) -> int:
        mechanic = mechanics.get(mechanic_id)
        assert mechanic is not None
        return mechanic.duty.load

    # What they do

    def book(self, customer_id: str = "customer", **changes: Any) -> Session:
        """A signed booking, with the offers that come of it."""
        booked = sessions.book_session(an_intake(**changes), customer_id, self.now)
        sessions.sign_waiver(booked.id, customer_id, "Jo Driver", self.now)
        self.drain()
        return sessions.get(booked.id, self.now)

    def session(self, session_id: str) -> Session:
        return sessions.get(session_id, self.now)

    def accept(self, assignment_id: str, by: str) -> Session:
        session = sessions.accept_offer(assignment_id, by, self.now)
        self.drain()
        return session

    # The rows

    def row(self, assignment_id: str) -> Assignment:
        row = offer_rows.find(assignment_id)
        assert row is not None
        return row

    def offer_to(self, mechanic_id: str) -> Assignment:
        """The one open offer of a mechanic."""
        (row,) = [
            row
            for row in offers.queue_of(mechanic_id, self.now).mine
            if row.status is AssignmentStatus.OFFERED
        ]
        return row

    def asked(self, session_id: str) -> list[str]:
        """Who was offered the session, wave by wave, best first."""
        made = self.facts("OffersMade", session_id=session_id)
        return [mechanic_id for fact in made for mechanic_id in fact["mechanic_ids"]]

    def matches(self, session_id: str, period: int = 1) -> Any:
        """The ranking that was kept beside the session."""
        item = get(Key(f"SESSION#{session_id}", f"MATCHES#{period:04d}"))
        assert item is not None
        return json.loads(item["record"])

    def broadcast(self, session_id: str) -> Assignment:
        """The broadcast row of the present period."""
        row = self.row(offers.dispatch_of(session_id).broadcast_id)
        assert row.match_type is MatchType.BROADCAST
        return row
