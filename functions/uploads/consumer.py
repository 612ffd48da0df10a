"""SQS: what the bucket tells of files that were put into it."""

from typing import Any

from dispatch.core import consumers, time
from dispatch.uploads.service import handle


def consume(event: dict[str, Any]) -> None:
    handle(event, time.now())


handler = consumers.sqs_handler(consume)
