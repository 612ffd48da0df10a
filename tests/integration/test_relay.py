"""The relay: recorded facts leave through one door, ids and codes only (docs/events.md)."""

import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from dispatch.core import aws, relay, settings
from dispatch.core.consumers import stream_handler
from dispatch.core.events import Event, EventType, event_item
from dispatch.core.table import encode
from tests.clock import NOON

SUBJECT = "SESSION#01K00000000000000000000S01"


class Topic:
    """Records what would be published."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []
        self.fail_on: str | None = None

    def publish(self, **request: Any) -> None:
        fact = json.loads(request["Message"])
        if fact["id"] == self.fail_on:
            raise ClientError({"Error": {"Code": "Throttled", "Message": "Slow down"}}, "Publish")
        self.published.append(request)

    @property
    def facts(self) -> list[dict[str, Any]]:
        return [json.loads(request["Message"]) for request in self.published]


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    topic = Topic()
    monkeypatch.setattr(aws, "sns", lambda: topic)
    monkeypatch.setattr(settings, "topic_arn", lambda: "arn:aws:sns:ca-central-1:1:events")
    return topic


def an_item(type_: EventType = EventType.OFFERS_MADE, **facts: Any) -> dict[str, Any]:
    return {"schema": 1} | event_item(Event(type_, SUBJECT, NOON, facts))


def a_record(item: dict[str, Any] | None, number: str = "111", name: str = "INSERT") -> Any:
    dynamodb: dict[str, Any] = {"SequenceNumber": number, "StreamViewType": "NEW_IMAGE"}
    if item is not None:
        dynamodb["NewImage"] = encode(item)
    return {"eventID": number, "eventName": name, "eventSource": "aws:dynamodb"} | {
        "dynamodb": dynamodb
    }


def relayed(*records: Any) -> list[str]:
    """Hand records over; the sequence numbers of those that failed."""
    context: Any = SimpleNamespace(aws_request_id="request-1")
    answer = stream_handler(relay.publish)({"Records": list(records)}, context)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_a_fact_is_published_with_its_type_as_attribute(topic: Topic) -> None:
    item = an_item(session_id="s-1", mechanic_ids=["m-1", "m-2"], period=1)
    assert relayed(a_record(item)) == []
    (request,) = topic.published
    assert request["TopicArn"] == "arn:aws:sns:ca-central-1:1:events"
    assert request["MessageAttributes"] == {
        "type": {"DataType": "String", "StringValue": "OffersMade"}
    }
    assert topic.facts == [
        {
            "id": item["id"],
            "type": "OffersMade",
            "at": "2026-07-01T12:00:00.000Z",
            "session_id": "s-1",
            "mechanic_ids": ["m-1", "m-2"],
            "period": 1,
        }
    ]


def test_keys_and_marks_of_the_item_do_not_leave(topic: Topic) -> None:
    relayed(a_record(an_item()))
    assert not {"pk", "sk", "entity", "schema"} & topic.facts[0].keys()


def test_numbers_leave_as_numbers(topic: Topic) -> None:
    relayed(a_record(an_item(whole=3, half=Decimal("0.5"))))
    assert (topic.facts[0]["whole"], topic.facts[0]["half"]) == (3, 0.5)
    assert '"whole": 3,' in topic.published[0]["Message"]


@pytest.mark.parametrize("type_", EventType)
def test_every_type_leaves_under_its_name(topic: Topic, type_: EventType) -> None:
    relayed(a_record(an_item(type_)))
    assert topic.published[0]["MessageAttributes"]["type"]["StringValue"] == type_.value
    assert topic.facts[0]["type"] == type_.value


def test_facts_leave_in_the_order_of_the_stream(topic: Topic) -> None:
    relayed(*(a_record(an_item(n=n), str(n)) for n in range(5)))
    assert [fact["n"] for fact in topic.facts] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "record",
    [
        a_record({"pk": SUBJECT, "sk": "META", "type": "OffersMade"}),
        a_record({"pk": SUBJECT, "sk": "EVENTFUL", "type": "OffersMade"}),
        a_record({"pk": "EVENT#1", "sk": "META"}),
        a_record(None, name="REMOVE"),
        {"eventID": "1", "eventName": "INSERT", "dynamodb": {"SequenceNumber": "1"}},
    ],
)
def test_what_is_no_fact_stays_inside(topic: Topic, record: Any) -> None:
    assert relayed(record) == []
    assert topic.published == []


def test_a_fact_that_cannot_be_published_comes_again_alone(topic: Topic) -> None:
    good, bad, last = (an_item(n=n) for n in range(3))
    topic.fail_on = bad["id"]
    assert relayed(a_record(good, "1"), a_record(bad, "2"), a_record(last, "3")) == ["2"]
    assert [fact["n"] for fact in topic.facts] == [0, 2]


def test_a_record_that_comes_twice_is_published_twice_alike(topic: Topic) -> None:
    """At least once: consumers tell a repeat by the fact's id."""
    record = a_record(an_item())
    relayed(record)
    relayed(record)
    assert topic.facts[0] == topic.facts[1]


@pytest.mark.usefixtures("aws")
def test_a_fact_reaches_a_queue_that_subscribes_to_its_type_and_no_other() -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")

    def queue_for(*types: str) -> str:
        url = sqs.create_queue(QueueName=types[0])["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        sns.subscribe(
            TopicArn=settings.topic_arn(),
            Protocol="sqs",
            Endpoint=arn["QueueArn"],
            Attributes={
                "RawMessageDelivery": "true",
                "FilterPolicy": json.dumps({"type": list(types)}),
            },
        )
        return url

    offers, others = queue_for("OffersMade"), queue_for("SessionBooked", "SessionCompleted")
    item = an_item(session_id="s-1")
    assert relayed(a_record(item)) == []
    (message,) = sqs.receive_message(QueueUrl=offers)["Messages"]
    assert json.loads(message["Body"])["id"] == item["id"]
    assert "Messages" not in sqs.receive_message(QueueUrl=others)
