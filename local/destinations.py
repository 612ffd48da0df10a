"""Where Lambda leaves a record of what it gave up on."""

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from local.engines import Clients
from local.errors import LocalStackError
from local.template import arn


def leave(document: dict[str, Any], destination_arn: str, at: datetime, clients: Clients) -> None:
    """Put the record into the bucket or queue.

    Raises LocalStackError for a destination of another kind.
    """
    body = json.dumps(document)
    kind, name = destination_arn.split(":")[2], destination_arn.rpartition(":")[2]
    if kind == "s3":
        clients.s3.put_object(Bucket=name, Key=f"aws/lambda/{at:%Y/%m/%d/%H%M%S%f}.json", Body=body)
    elif kind == "sqs":
        clients.sqs.send_message(QueueUrl=queue_url(destination_arn, clients), MessageBody=body)
    else:
        raise LocalStackError(f"No local failure destination is like {destination_arn}.")


@lru_cache(1000)
def queue_url(queue_arn: str, clients: Clients) -> str:
    """The URL of a queue of the stack."""
    url: str = clients.sqs.get_queue_url(QueueName=queue_arn.rpartition(":")[2])["QueueUrl"]
    return url


def document(
    function: str, condition: str, attempts: int, error: str | None, at: datetime
) -> dict[str, Any]:
    """The part of the record that all kinds of sources have."""
    return {
        "version": "1.0",
        "timestamp": at.isoformat(),
        "requestContext": {
            "functionArn": arn("lambda", f"function:{function}"),
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "responseContext": {"functionError": error},
    }
