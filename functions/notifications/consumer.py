"""SQS: facts that somebody is to be told of."""

from typing import Any

from dispatch.core import consumers, time
from dispatch.notifications.service import notify


def consume(fact: dict[str, Any]) -> None:
    notify(fact, time.now())


handler = consumers.sqs_handler(consume)
