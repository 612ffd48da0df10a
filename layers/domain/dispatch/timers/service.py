"""Setting timers, and doing what is due when they ring."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from dispatch.core import aws, settings
from dispatch.core.errors import NotFound
from dispatch.core.events import EventType
from dispatch.core.logging import logger
from dispatch.offers import service as offers
from dispatch.sessions import service as sessions
from dispatch.shifts import service as shifts
from dispatch.timers import rules
from dispatch.timers.model import FOR_MATCHING, Kind, Ring
from dispatch.waitlist import service as waitlist

Due = Mapping[Kind, Callable[[Mapping[str, str], datetime], object]]
"""What a ring of each kind asks to look at."""

_DUE: Due = {
    Kind.CLOSE_OVERDUE: lambda of, now: sessions.close_overdue(of["session_id"], now),
    Kind.EXPIRE_OFFERS: lambda of, now: offers.expire_offers(of["session_id"], now),
    Kind.END_SHIFT: lambda of, now: shifts.end_overdue_shift(
        of["mechanic_id"], of["shift_id"], now
    ),
    Kind.COUNT_SHIFT: lambda of, _now: shifts.count_anew(of["mechanic_id"], of["shift_id"]),
    Kind.REMIND: lambda of, now: sessions.remind(of["session_id"], int(of["booking_version"]), now),
    Kind.END_DUTIES: lambda of, now: sessions.end_duties(of["mechanic_id"], now),
    Kind.SETTLE_WAITLIST: lambda of, now: waitlist.settle(of["customer_id"], of["entry_id"], now),
}


FREES_THE_CUSTOMER = frozenset(
    {
        EventType.SESSION_SCHEDULED,
        EventType.SESSION_COMPLETED,
        EventType.SESSION_CANCELLED,
        EventType.SESSION_UNFILLED,
        EventType.CUSTOMER_NOT_JOINED,
    }
)
"""Facts after which the customer is free for a booking that waits for them."""


def handle(message: Mapping[str, Any], now: datetime) -> None:
    """A message of the timers queue: a ring, or a fact that may need one."""
    if "ring" in message:
        answer_ring(message, now, _DUE)
        return
    set_timers(message, now)
    if message["type"] in FREES_THE_CUSTOMER:
        sessions.begin_bookings_of_customer(message["customer_id"], now)


def set_timers(fact: Mapping[str, Any], now: datetime) -> None:
    """Set the timers that a fact needs. Setting them again changes nothing.

    A schedule carries a ring however far off it is, to the minute; the last minutes are a delayed
    message's, to the second.
    """
    for ring in rules.rings_for(fact):
        if ring.scheduled and ring.due_at > now:
            _schedule(ring, now)
        if ring.due_at - now <= rules.MAX_DELAY:
            send(ring, now)


def answer_ring(message: Mapping[str, Any], now: datetime, due: Due) -> None:
    """Do what is due. An early ring is sent again with what remains of its time."""
    ring = rules.ring_of(message)
    if ring is None or ring.kind not in due:
        logger.warning("a ring of a kind unknown here", extra={"ring": message["ring"]})
        return
    if now < ring.due_at:
        send(ring, now)
        return
    try:
        due[ring.kind](ring.subject, now)
    except NotFound:
        logger.info("nothing left to ring for", extra={"subject": dict(ring.subject)})


def send(ring: Ring, now: datetime) -> None:
    """Put a ring on its queue, to be heard when it is due."""
    for_matching = ring.kind in FOR_MATCHING
    aws.sqs().send_message(
        QueueUrl=settings.matching_queue_url() if for_matching else settings.timers_queue_url(),
        MessageBody=json.dumps(rules.message(ring)),
        DelaySeconds=rules.delay_s(ring, now),
    )


def _schedule(ring: Ring, now: datetime) -> None:
    at = rules.schedule_at(ring, now)
    try:
        aws.scheduler().create_schedule(
            Name=ring.name,
            GroupName=settings.schedule_group(),
            ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={
                "Arn": settings.timers_queue_arn(),
                "RoleArn": settings.scheduler_role_arn(),
                "Input": json.dumps(rules.message(ring)),
                "RetryPolicy": {"MaximumRetryAttempts": 20, "MaximumEventAgeInSeconds": 3600},
                "DeadLetterConfig": {"Arn": settings.timers_dead_letter_queue_arn()},
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConflictException":  # set before: as it should be
            raise
