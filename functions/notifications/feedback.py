"""SQS: what SNS and SES tell of pushes and mails that they took before."""

from typing import Any

from dispatch.core import consumers, time
from dispatch.notifications.service import take_feedback


def consume(event: dict[str, Any]) -> None:
    take_feedback(event, time.now())


handler = consumers.sqs_handler(consume, of_others=True)
