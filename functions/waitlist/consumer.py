"""SQS: facts that concern those who wait for a mechanic."""

from typing import Any

from dispatch.core import consumers, time
from dispatch.waitlist.service import hear


def consume(fact: dict[str, Any]) -> None:
    hear(fact, time.now())


handler = consumers.sqs_handler(consume)
