"""SQS: facts after which a pending session may need mechanics."""

from typing import Any

from dispatch.core import consumers, time
from dispatch.offers.service import seek_mechanic


def consume(fact: dict[str, Any]) -> None:
    seek_mechanic(fact["session_id"], time.now())


handler = consumers.sqs_handler(consume)
