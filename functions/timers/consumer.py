"""SQS: facts that need a timer, and the rings of timers set before."""

from typing import Any

from dispatch.core import consumers, time
from dispatch.timers.service import handle


def consume(message: dict[str, Any]) -> None:
    handle(message, time.now())


handler = consumers.sqs_handler(consume)
