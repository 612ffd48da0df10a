"""The stream of the table, handed to its function as Lambda does: in order, retried, bisected."""

import asyncio
import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local import destinations
from local.deployment import StreamSource
from local.engines import Clients
from local.log import Log
from local.workers import Function, FunctionError

Record = dict[str, Any]

# Lambda backs off for hours; here a person waits for the end.
MAX_RETRIES = 8
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


class Stream:
    """One event source mapping on a stream."""

    def __init__(
        self,
        source: StreamSource,
        function: Function,
        clients: Clients,
        now: Callable[[], datetime],
        log: Log,
    ) -> None:
        self._source = source
        self._function = function
        self._clients = clients
        self._now = now
        self._log = log
        self._iterators: dict[str, str] | None = None
        self._last_read: dict[str, str] = {}
        unlimited = source.max_retries < 0
        self._max_retries = MAX_RETRIES if unlimited else min(source.max_retries, MAX_RETRIES)

    async def look(self) -> bool:
        """Hand on what came since the last look; whether there was anything."""
        if self._iterators is None:
            self._iterators = await asyncio.to_thread(self._first_iterators)
        found = False
        for shard in list(self._iterators):
            records = await asyncio.to_thread(self._read, shard)
            if records:
                found = True
                self._last_read[shard] = records[-1]["dynamodb"]["SequenceNumber"]
                passing = [record for record in records if self._source.filter.passes(record)]
                await self._hand_on(shard, passing, retries=0)
        return found

    def _first_iterators(self) -> dict[str, str]:
        stream = self._clients.streams.describe_stream(StreamArn=self._source.stream_arn)
        shards = [shard["ShardId"] for shard in stream["StreamDescription"]["Shards"]]
        return {shard: self._iterator(shard) for shard in shards}

    def _iterator(self, shard: str) -> str:
        if shard in self._last_read:
            position = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "SequenceNumber": self._last_read[shard],
            }
        else:
            position = {
                "ShardIteratorType": "TRIM_HORIZON" if self._source.from_start else "LATEST"
            }
        iterator: str = self._clients.streams.get_shard_iterator(
            StreamArn=self._source.stream_arn, ShardId=shard, **position
        )["ShardIterator"]
        return iterator

    def _read(self, shard: str) -> list[Record]:
        assert self._iterators is not None
        streams = self._clients.streams
        try:
            page = streams.get_records(
                ShardIterator=self._iterators[shard], Limit=self._source.batch_size
            )
        except streams.exceptions.ExpiredIteratorException:  # the machine slept
            self._iterators[shard] = self._iterator(shard)
            return []
        following = page.get("NextShardIterator")
        if following is None:
            del self._iterators[shard]
        else:
            self._iterators[shard] = following
        return [self._as_event(record) for record in page["Records"]]

    def _as_event(self, record: Record) -> Record:
        return {**_plain(record), "eventSourceARN": self._source.stream_arn}

    async def _hand_on(self, shard: str, records: list[Record], retries: int) -> None:
        """Have all records handled or given up, in order.

        As on Lambda, splitting a batch that failed as a whole is not counted as a retry.
        """
        while records:
            handled, error = await self._attempt(records)
            records = records[handled:]
            if not records:
                return
            if error and self._source.bisects and len(records) > 1:
                half = len(records) // 2
                await self._hand_on(shard, records[:half], retries)
                await self._hand_on(shard, records[half:], retries)
                return
            if retries >= self._max_retries:
                await self._give_up(shard, records, retries + 1, error)
                return
            await asyncio.sleep(min(_FIRST_PAUSE_S * 2**retries, _LONGEST_PAUSE_S))
            retries += 1

    async def _attempt(self, records: list[Record]) -> tuple[int, str | None]:
        """How many records, from the first, were handled; and the error if all failed at once."""
        try:
            answer = await self._function.invoke({"Records": records})
        except FunctionError as error:
            return 0, str(error)
        if not self._source.reports_item_failures:
            return len(records), None
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        try:
            failures = (answer or {}).get("batchItemFailures") or []
            positions = [numbers.index(failure["itemIdentifier"]) for failure in failures]
        except (AttributeError, KeyError, TypeError, ValueError):
            return 0, f"answered {answer!r}, which names no records of the batch"
        return min(positions, default=len(records)), None

    async def _give_up(
        self, shard: str, records: list[Record], attempts: int, error: str | None
    ) -> None:
        name = self._source.function
        self._log.problem(f"{name} gave up on {len(records)} stream records after {attempts} tries")
        if self._source.on_failure_arn is None:
            return
        at = self._now()
        document = destinations.document(name, "RetryAttemptsExhausted", attempts, error, at)
        document["DDBStreamBatchInfo"] = {
            "shardId": shard,
            "startSequenceNumber": records[0]["dynamodb"]["SequenceNumber"],
            "endSequenceNumber": records[-1]["dynamodb"]["SequenceNumber"],
            "batchSize": len(records),
            "streamArn": self._source.stream_arn,
        }
        document["payload"] = {"Records": records}
        await asyncio.to_thread(
            destinations.leave, document, self._source.on_failure_arn, at, self._clients
        )


def _plain(value: Any) -> Any:
    """A record in JSON, as Lambda writes it: bytes in base64, times in seconds."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.timestamp()
    return value
