"""Event sources as Lambda drives them: batches, retries, bisection, partial failures, schedules."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from unittest.mock import MagicMock

import pytest
from rich.console import Console

from local import streams
from local.deployment import AsyncInvocations, QueueSource, RateSource, StreamSource
from local.filters import Filter
from local.log import Log
from local.moto_engine import due_at
from local.queues import Queue
from local.schedules import OneTime, Regular
from local.streams import Stream
from local.waiting import Schedule
from local.workers import FunctionError

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
QUEUE_ARN = "arn:aws:sqs:ca-central-1:123456789012:dispatch-Queue"

Answer = Callable[[list[Any]], Any]


class FakeFunction:
    """Answers what it is told to; remembers the ids of each batch."""

    def __init__(self, answer: Answer = lambda _ids: None) -> None:
        self.batches: list[list[Any]] = []
        self._answer = answer

    async def invoke(self, event: Any) -> Any:
        ids = [_id(record) for record in event.get("Records", [event])]
        self.batches.append(ids)
        return self._answer(ids)


def _id(record: Any) -> Any:
    if "dynamodb" in record:
        return int(record["dynamodb"]["SequenceNumber"])
    return record.get("messageId", "scheduled")


def fails_on(poison: Any) -> Answer:
    def answer(ids: list[Any]) -> None:
        if poison in ids:
            raise FunctionError("RuntimeError", f"{poison} is poison")

    return answer


def reports(failing: Any) -> Answer:
    def answer(ids: list[Any]) -> Any:
        failed = [{"itemIdentifier": str(id_)} for id_ in ids if id_ == failing]
        return {"batchItemFailures": failed}

    return answer


def a_log() -> Log:
    return Log(StringIO(), Console(file=StringIO()))


# The stream


def records(*numbers: int) -> list[Any]:
    return [
        {"eventName": "INSERT", "dynamodb": {"SequenceNumber": str(number)}} for number in numbers
    ]


def run_stream(function: FakeFunction, page: list[Any], **changes: Any) -> MagicMock:
    source = StreamSource(
        function="Relay", stream_arn="arn:stream", from_start=True, batch_size=100,
        filter=Filter([]), reports_item_failures=True, bisects=False, max_retries=2,
        on_failure_arn=QUEUE_ARN,
    )  # fmt: skip
    source = StreamSource(**{name: getattr(source, name) for name in source.__slots__} | changes)
    clients = MagicMock()
    shards = {"StreamDescription": {"Shards": [{"ShardId": "s"}]}}
    clients.streams.describe_stream.return_value = shards
    clients.streams.get_records.return_value = {"Records": page, "NextShardIterator": "next"}
    clients.streams.exceptions.ExpiredIteratorException = KeyError
    stream = Stream(source, function, clients, lambda: NOON, a_log())  # type: ignore[arg-type]
    assert asyncio.run(stream.look()) is bool(page)
    return clients


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_FIRST_PAUSE_S", 0.0)


def given_up(clients: MagicMock) -> list[int]:
    numbers = []
    for call in clients.sqs.send_message.call_args_list:
        document = json.loads(call.kwargs["MessageBody"])
        numbers += [int(r["dynamodb"]["SequenceNumber"]) for r in document["payload"]["Records"]]
    return numbers


def test_a_batch_is_handed_over_once() -> None:
    function = FakeFunction()
    run_stream(function, records(1, 2, 3))
    assert function.batches == [[1, 2, 3]]


def test_nothing_new_calls_nobody() -> None:
    function = FakeFunction()
    run_stream(function, [])
    assert function.batches == []


def test_filtered_records_are_passed_over() -> None:
    function = FakeFunction()
    run_stream(function, records(1), filter=Filter(['{"eventName": ["REMOVE"]}']))
    assert function.batches == []


def test_after_a_reported_failure_it_goes_on_from_there_in_order() -> None:
    function = FakeFunction(reports(2))
    clients = run_stream(function, records(1, 2, 3))
    assert function.batches == [[1, 2, 3], [2, 3], [2, 3]]
    assert given_up(clients) == [2, 3]


def test_a_failing_batch_is_retried_then_set_aside() -> None:
    function = FakeFunction(fails_on(2))
    clients = run_stream(function, records(1, 2, 3))
    assert function.batches == [[1, 2, 3]] * 3
    assert given_up(clients) == [1, 2, 3]


def test_bisecting_sets_aside_only_the_poison() -> None:
    function = FakeFunction(fails_on(3))
    clients = run_stream(function, records(1, 2, 3, 4), bisects=True)
    assert function.batches == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [3], [3], [4]]
    assert given_up(clients) == [3]


def test_an_answer_that_names_unknown_records_fails_the_batch() -> None:
    answer = {"batchItemFailures": [{"itemIdentifier": "99"}]}
    function = FakeFunction(lambda _ids: answer)
    clients = run_stream(function, records(1))
    assert given_up(clients) == [1]


def test_retries_end_even_where_the_template_sets_no_limit() -> None:
    function = FakeFunction(fails_on(1))
    run_stream(function, records(1), max_retries=-1)
    assert len(function.batches) == streams.MAX_RETRIES + 1


# Queues


def messages(*ids: str) -> list[Any]:
    return [
        {
            "MessageId": id_,
            "ReceiptHandle": f"handle-{id_}",
            "Body": "{}",
            "MD5OfBody": "md5",
            "MessageAttributes": {"type": {"DataType": "String", "StringValue": "OffersMade"}},
        }
        for id_ in ids
    ]


def deleted_after(
    function: FakeFunction, batch: list[Any], *, reports_failures: bool = True
) -> Any:
    source = QueueSource(
        function="F", queue_arn=QUEUE_ARN, batch_size=10, filter=Filter([]),
        reports_item_failures=reports_failures, max_concurrency=2,
    )  # fmt: skip
    clients = MagicMock()
    asyncio.run(Queue(source, function, clients).handle(batch))  # type: ignore[arg-type]
    calls = clients.sqs.delete_message_batch.call_args_list
    return [entry["Id"] for call in calls for entry in call.kwargs["Entries"]]


def test_handled_messages_are_deleted() -> None:
    assert deleted_after(FakeFunction(), messages("a", "b")) == ["a", "b"]


def test_reported_messages_stay() -> None:
    assert deleted_after(FakeFunction(reports("b")), messages("a", "b")) == ["a"]


def test_a_failing_batch_stays() -> None:
    assert deleted_after(FakeFunction(fails_on("b")), messages("a", "b")) == []


@pytest.mark.parametrize("failures", [[{"itemIdentifier": "zzz"}], [{}], "no list", [None]])
def test_a_report_that_cannot_be_read_keeps_the_batch(failures: Any) -> None:
    function = FakeFunction(lambda _ids: {"batchItemFailures": failures})
    assert deleted_after(function, messages("a", "b")) == []


def test_without_the_response_type_reports_are_not_read() -> None:
    function = FakeFunction(reports("b"))
    assert deleted_after(function, messages("a", "b"), reports_failures=False) == ["a", "b"]


# Schedules


def a_schedule(at: datetime = NOON, **changes: Any) -> Schedule:
    schedule: dict[str, Any] = {
        "name": "ring", "group": "g", "expression": "at(...)", "at": at,
        "target_arn": QUEUE_ARN, "input": '{"ring": 1}', "delete_after": True,
    }  # fmt: skip
    return Schedule(**schedule | changes)


@pytest.mark.parametrize(
    ("expression", "time_zone", "utc"),
    [
        ("at(2026-07-01T12:00:00)", None, NOON),
        ("at(2026-07-01T08:00:00)", "America/Toronto", NOON),
    ],
)
def test_a_one_time_expression_has_its_instant(
    expression: str, time_zone: str | None, utc: datetime
) -> None:
    assert due_at(expression, time_zone) == utc


@pytest.mark.parametrize(
    "expression",
    ["at(soon)", "at(2026-07-01T12:00)", "at(2026-13-01T12:00:00)", "rate(1 minute)", "cron(* *)"],
)
def test_a_malformed_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        due_at(expression, None)


def test_a_schedule_fires_at_its_instant_not_before() -> None:
    clients = MagicMock()
    one_time = OneTime(clients, a_log())
    assert not asyncio.run(one_time.fire([a_schedule()], NOON - timedelta(seconds=1)))
    assert asyncio.run(one_time.fire([a_schedule()], NOON))
    [call] = clients.sqs.send_message.call_args_list
    assert call.kwargs["MessageBody"] == '{"ring": 1}'
    clients.scheduler.delete_schedule.assert_called_once_with(Name="ring", GroupName="g")


def test_a_schedule_that_is_kept_fires_once_all_the_same() -> None:
    clients = MagicMock()
    one_time = OneTime(clients, a_log())
    kept = a_schedule(delete_after=False)
    assert asyncio.run(one_time.fire([kept], NOON))
    assert not asyncio.run(one_time.fire([kept], NOON))
    assert one_time.pending([kept]) == []
    clients.scheduler.delete_schedule.assert_not_called()


def a_regular(function: FakeFunction, clients: Any) -> Regular:
    source = RateSource(function="Snapshot", every=timedelta(minutes=15), payload=None)
    on_failure = AsyncInvocations(max_retries=1, on_failure_arn=QUEUE_ARN)
    return Regular(source, function, on_failure, clients, NOON)  # type: ignore[arg-type]


def test_a_regular_call_falls_due_once_per_period_and_is_not_made_up_for() -> None:
    regular = a_regular(FakeFunction(), MagicMock())
    assert not regular.falls_due(NOON + timedelta(minutes=14))
    assert regular.falls_due(NOON + timedelta(minutes=15))
    assert not regular.falls_due(NOON + timedelta(minutes=16))
    assert regular.falls_due(NOON + timedelta(minutes=95))
    assert regular.next_at == NOON + timedelta(minutes=105)


def test_a_regular_call_that_keeps_failing_is_set_aside() -> None:
    clients = MagicMock()
    function = FakeFunction(fails_on("scheduled"))
    asyncio.run(a_regular(function, clients).call(NOON))
    assert len(function.batches) == 2
    [call] = clients.sqs.send_message.call_args_list
    assert "poison" in call.kwargs["MessageBody"]
