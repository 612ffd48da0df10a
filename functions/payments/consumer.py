"""SQS: refunds by Stripe that are due."""

from typing import Any

from dispatch.core import consumers, time
from dispatch.payments.refunds import hear


def consume(fact: dict[str, Any]) -> None:
    hear(fact, time.now())


handler = consumers.sqs_handler(consume)
