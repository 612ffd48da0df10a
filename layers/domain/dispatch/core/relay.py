"""The one door through which facts leave: from the table's stream to the topic."""

import json
from decimal import Decimal

from dispatch.core import aws, settings
from dispatch.core.events import PREFIX, message
from dispatch.core.table import Item


def publish(item: Item) -> None:
    """Publish an inserted event, ids and codes only; any other item is none of ours."""
    if not str(item.get("sk", "")).startswith(PREFIX):
        return
    fact = message(item)
    aws.sns().publish(
        TopicArn=settings.topic_arn(),
        Message=json.dumps(fact, default=_number),
        MessageAttributes={"type": {"DataType": "String", "StringValue": fact["type"]}},
    )


def _number(value: object) -> int | float:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"an event holds a {type(value).__name__}")
