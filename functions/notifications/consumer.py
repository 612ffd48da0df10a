"""SQS: facts that somebody is to be told of, and notices that are to be tried again."""

from typing import Any

from dispatch.core import consumers, time
from dispatch.notifications.service import handle


def consume(message: dict[str, Any]) -> None:
    handle(message, time.now())


handler = consumers.sqs_handler(consume)
