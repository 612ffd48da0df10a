"""Setting timers, and doing what is due when they ring."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from dispatch.core import aws, settings
from dispatch.core.errors import NotFound
from dispatch.core.logging import logger
from dispatch.offers import service as offers
from dispatch.sessions import service as sessions
from dispatch.timers import rules
from dispatch.timers.model import Ring

_DUE = {
    "close_overdue": sessions.close_overdue,
    "expire_offers": offers.expire_offers,
}


def handle(message: Mapping[str, Any], now: datetime) -> None:
    """A message of the timers queue: a ring, or a fact that may need one."""
    if "ring" in message:
        answer_ring(message, now)
    else:
        set_timer(message, now)


def set_timer(fact: Mapping[str, Any], now: datetime) -> None:
    """Set the timer that a fact needs. Setting it again changes nothing.

    A schedule carries it however far off it is, to the minute; within the queue's longest delay a
    delayed message rings to the second.
    """
    ring = rules.ring_for(fact)
    if ring is None:
        return
    if ring.due_at > now:
        _schedule(ring)
    if ring.due_at - now <= rules.MAX_DELAY:
        _send(ring, now)


def answer_ring(message: Mapping[str, Any], now: datetime) -> None:
    """Do what is due. An early ring is sent again with what remains of its time."""
    ring = rules.ring_of(message)
    if now < ring.due_at:
        _send(ring, now)
        return
    look_at = _DUE.get(ring.kind)
    if look_at is None:
        logger.warning("a ring of a kind unknown here", extra={"ring": ring.kind})
        return
    try:
        look_at(ring.session_id, now)
    except NotFound:
        logger.info("nothing left to ring for", extra={"session_id": ring.session_id})


def _send(ring: Ring, now: datetime) -> None:
    aws.sqs().send_message(
        QueueUrl=settings.timers_queue_url(),
        MessageBody=json.dumps(rules.message(ring)),
        DelaySeconds=rules.delay_s(ring, now),
    )


def _schedule(ring: Ring) -> None:
    at = rules.schedule_at(ring)
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
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConflictException":  # set before: as it should be
            raise
