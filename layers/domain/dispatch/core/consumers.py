"""The event edge: one factory for every function that reads a queue or the stream.

A record that fails is reported alone, so that the others of its batch are not repeated.
"""

import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from dispatch.core.invocations import Handler, handler_of
from dispatch.core.logging import count_failure, logger
from dispatch.core.table import Item


def sqs_handler(consume: Callable[[dict[str, Any]], None], *, of_others: bool = False) -> Handler:
    """An entry point that hands each message's JSON body to ``consume``.

    A queue ``of_others`` is written to by AWS's services, which also put in what is no JSON object
    (SES says hello in plain text): that is passed over.
    """

    def one(record: SQSRecord) -> None:
        # Those of the message before must not stand beside the failure of one that is no JSON.
        logger.append_keys(message_id=record.message_id, event_id=None, session_id=None)
        if of_others and not _is_object(record.body):
            logger.info("not an event")
            return
        message = json.loads(record.body)
        logger.append_keys(event_id=message.get("id"), session_id=message.get("session_id"))
        consume(message)

    return _handler(one, EventType.SQS)


def _is_object(body: str) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def stream_handler(consume: Callable[[Item], None]) -> Handler:
    """An entry point that hands each inserted item to ``consume``."""

    def one(record: DynamoDBRecord) -> None:
        if record.dynamodb and record.dynamodb.new_image:
            consume(record.dynamodb.new_image)

    return _handler(one, EventType.DynamoDBStreams)


def _handler(one: Callable[[Any], None], source: EventType) -> Handler:
    processor = BatchProcessor(event_type=source, raise_on_entire_batch_failure=False)

    def logged(record: Any) -> None:
        try:
            one(record)
        except Exception:
            logger.exception("record failed; it will come again")
            count_failure()
            raise

    def report(event: dict[str, Any], context: LambdaContext) -> Any:
        return process_partial_response(event, logged, processor, context)

    return handler_of(report)
