"""The event edge: a record that fails comes again alone."""

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from dispatch.core.consumers import sqs_handler, stream_handler
from dispatch.core.errors import NotFound
from dispatch.core.logging import logger
from dispatch.core.table import encode
from tests.builders import SESSION, a_fact

CONTEXT: Any = SimpleNamespace(aws_request_id="request-1")


def a_message(body: Any, id_: str = "message-1") -> dict[str, Any]:
    return {
        "messageId": id_,
        "body": body if isinstance(body, str) else json.dumps(body),
        "eventSource": "aws:sqs",
    }


class Consumer:
    """Takes every message, except that it fails on those with ``fail``."""

    def __init__(self, *, of_others: bool = False) -> None:
        self.seen: list[dict[str, Any]] = []
        self.handler = sqs_handler(self.consume, of_others=of_others)

    def consume(self, message: dict[str, Any]) -> None:
        self.seen.append(message)
        if message.get("fail"):
            raise NotFound("not there yet")

    def handed(self, *messages: Any) -> list[str]:
        """Hand over a batch; ids of the messages that are to come again."""
        answer = self.handler({"Records": list(messages)}, CONTEXT)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_a_message_is_its_json_body() -> None:
    consumer = Consumer()
    fact = a_fact("SessionPending", period=1)
    assert consumer.handed(a_message(fact)) == []
    assert consumer.seen == [fact]


@pytest.mark.parametrize("hello", ["Successfully validated SNS topic.", "", "null", "[1]", "7"])
def test_what_others_say_besides_events_is_passed_over(hello: str) -> None:
    consumer = Consumer(of_others=True)
    assert consumer.handed(a_message(hello), a_message({"n": 1})) == []
    assert consumer.seen == [{"n": 1}]


def test_of_a_batch_only_what_failed_comes_again() -> None:
    consumer = Consumer()
    batch = [a_message({"n": n, "fail": n in (1, 3)}, f"message-{n}") for n in range(5)]
    assert consumer.handed(*batch) == ["message-1", "message-3"]
    assert [message["n"] for message in consumer.seen] == [0, 1, 2, 3, 4]


def test_a_batch_that_fails_whole_is_reported_not_raised() -> None:
    consumer = Consumer()
    batch = [a_message({"fail": True}, f"message-{n}") for n in range(2)]
    assert consumer.handed(*batch) == ["message-0", "message-1"]


def test_failures_of_one_batch_do_not_stick_to_the_next() -> None:
    consumer = Consumer()
    assert consumer.handed(a_message({"fail": True})) == ["message-1"]
    assert consumer.handed(a_message({"fail": False}, "message-2")) == []


@pytest.mark.parametrize("body", ["", "{", "not json", "[]", '"text"', "null", "7", "\x00"])
def test_what_is_no_message_fails_alone_and_ends_in_the_dead_letter_queue(body: str) -> None:
    consumer = Consumer()
    good = a_message({"n": 1}, "good")
    assert consumer.handed(a_message(body, "bad"), good) == ["bad"]
    assert consumer.seen == [{"n": 1}]


def test_a_message_without_ids_is_taken() -> None:
    consumer = Consumer()
    assert consumer.handed(a_message({})) == []
    assert consumer.seen == [{}]


def test_a_failure_is_logged_with_its_stack(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        Consumer().handed(a_message(a_fact("SessionPending", fail=True)))
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info


def test_what_is_logged_carries_the_ids_of_its_message() -> None:
    Consumer().handed(a_message(a_fact("SessionPending", concern="my brakes squeal")))
    keys = logger.get_current_keys()
    assert (keys["message_id"], keys["session_id"]) == ("message-1", SESSION)
    assert keys["event_id"] == a_fact("SessionPending")["id"]
    assert "squeal" not in str(keys)


def test_a_message_is_not_logged_under_the_ids_of_another() -> None:
    Consumer().handed(a_message(a_fact("SessionPending"), "good"), a_message("{", "bad"))
    keys = logger.get_current_keys()
    assert keys["message_id"] == "bad"
    assert keys["event_id"] is None
    assert keys["session_id"] is None


# The stream


def a_record(number: str, item: dict[str, Any] | None) -> dict[str, Any]:
    image = {"NewImage": encode(item)} if item else {}
    return {
        "eventName": "INSERT" if item else "REMOVE",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"SequenceNumber": number, **image},
    }


def test_a_stream_hands_over_what_was_inserted() -> None:
    seen: list[dict[str, Any]] = []
    answer = stream_handler(seen.append)(
        {"Records": [a_record("1", {"pk": "A", "n": 1}), a_record("2", None)]}, CONTEXT
    )
    assert answer == {"batchItemFailures": []}
    assert seen == [{"pk": "A", "n": 1}]


def test_of_a_stream_only_what_failed_is_reported() -> None:
    def consume(item: dict[str, Any]) -> None:
        if item["n"] == 1:
            raise NotFound("not there yet")

    records = [a_record(f"number-{n}", {"pk": "A", "n": n}) for n in range(3)]
    answer = stream_handler(consume)({"Records": records}, CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "number-1"}]}
