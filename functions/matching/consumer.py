"""SQS: facts and rings after which a session may need mechanics, or a mechanic sessions."""

from typing import Any

from dispatch.core import consumers, time
from dispatch.timers.reactions import react


def consume(message: dict[str, Any]) -> None:
    react(message, time.now())


handler = consumers.sqs_handler(consume)
