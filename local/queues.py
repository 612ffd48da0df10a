"""Queues handed to their functions as Lambda does: in batches, with partial failures.

What failed stays in the queue until its visibility timeout ends, and moto moves it to the
dead-letter queue when it was received too often.
"""

import asyncio
import base64
import json
from typing import Any

from local import destinations
from local.deployment import QueueSource
from local.engines import Clients
from local.template import REGION
from local.workers import Function, FunctionError

Message = dict[str, Any]

BATCHES_AT_ONCE = 4
_MOST_PER_RECEIVE = 10


class Queue:
    """One event source mapping on a queue."""

    def __init__(self, source: QueueSource, function: Function, clients: Clients) -> None:
        self.arn = source.queue_arn
        self.at_once = min(source.max_concurrency, BATCHES_AT_ONCE)
        self._source = source
        self._function = function
        self._sqs = clients.sqs
        self._url = destinations.queue_url(source.queue_arn, clients)

    async def receive(self) -> list[Message]:
        """The next batch; empty if nothing is visible."""
        response = await asyncio.to_thread(
            self._sqs.receive_message,
            QueueUrl=self._url,
            MaxNumberOfMessages=min(self._source.batch_size, _MOST_PER_RECEIVE),
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return list(response.get("Messages", []))

    async def handle(self, messages: list[Message]) -> None:
        """Have a batch handled, then delete what succeeded or was filtered out."""
        records = [sqs_record(message, self.arn) for message in messages]
        passing = [record for record in records if self._passes(record)]
        failed = await self._failed(passing) if passing else set()
        done = [message for message in messages if message["MessageId"] not in failed]
        if done:
            await asyncio.to_thread(
                self._sqs.delete_message_batch,
                QueueUrl=self._url,
                Entries=[
                    {"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]}
                    for message in done
                ],
            )

    def _passes(self, record: Message) -> bool:
        try:
            body = json.loads(record["body"])
        except ValueError:
            body = record["body"]
        return self._source.filter.passes({**record, "body": body})

    async def _failed(self, records: list[Message]) -> set[str]:
        everything = {record["messageId"] for record in records}
        try:
            answer = await self._function.invoke({"Records": records})
        except FunctionError:
            return everything
        if not self._source.reports_item_failures:
            return set()
        try:
            failures = (answer or {}).get("batchItemFailures") or []
            failed = {failure["itemIdentifier"] for failure in failures}
        except (AttributeError, KeyError, TypeError):
            return everything
        names_others = not failed <= everything
        return everything if names_others else failed


def sqs_record(message: Message, queue_arn: str) -> Message:
    """A received message as it stands in a function's event."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _message_attribute(attribute)
            for name, attribute in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def _message_attribute(attribute: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": attribute["DataType"],
    }
    if "StringValue" in attribute:
        record["stringValue"] = attribute["StringValue"]
    if "BinaryValue" in attribute:
        record["binaryValue"] = base64.b64encode(attribute["BinaryValue"]).decode()
    return record
