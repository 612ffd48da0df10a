"""SQS: facts that change what a user may, or end an account."""

from typing import Any

from dispatch.accounts.service import hear
from dispatch.core import consumers, time


def consume(message: dict[str, Any]) -> None:
    hear(message, time.now())


handler = consumers.sqs_handler(consume)
