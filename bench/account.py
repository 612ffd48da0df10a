"""An AWS account to measure in: ministack's table and moto's bucket, both on this machine.

Times include the emulators' work and HTTP, but no network. What AWS would bill is counted.
"""

import asyncio
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from dispatch.core import aws, settings
from dispatch.core.table import Transaction, encode
from dispatch.core.time import format_time
from dispatch.mechanics import service as mechanics
from dispatch.mechanics import store
from dispatch.mechanics.model import Mechanic
from dispatch.mechanics.rules import roster_entry
from dispatch.policy.model import Policy
from local import engines
from local.clock import VirtualClock
from local.engines import TableEngine
from local.meter import Meter
from local.processes import ROOT
from local.template import read
from tests.template_file import table

BUCKETS = ("SNAPSHOT_BUCKET", "UPLOADS_BUCKET")
_SHIFT = timedelta(seconds=Policy().shift_s)
_BATCH = 25
_APART = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class Calls:
    """What calls to AWS came to: how many to each operation, and read units of the table."""

    by_operation: dict[str, int]
    read_units: float

    @property
    def count(self) -> int:
        return sum(self.by_operation.values())


class _LateMeter(Meter):
    """Reckons what was called when that is asked, not in the time that is measured."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "bench", 0)
        self._waiting: list[Callable[[], None]] = []

    def called(self, model: Any, parsed: Any, **_: Any) -> None:
        as_it_is = copy(self)  # what it knows of this call, the next one changes
        self._waiting.append(partial(Meter.called, as_it_is, model, parsed))

    def reckon(self) -> None:
        for note in self._waiting:
            note()
        self._waiting.clear()


class Account:
    """The account, while its block lasts."""

    def __init__(self, path: Path, meter: _LateMeter) -> None:
        self._path = path
        self._meter = meter
        self._read = 0

    def calls(self) -> Calls:
        """Those since the last time that this was asked."""
        self._meter.reckon()
        with self._path.open("rb") as file:
            file.seek(self._read)
            lines = [json.loads(line) for line in file]
            self._read = file.tell()
        by_operation: dict[str, int] = {}
        for line in lines:
            by_operation[line["call"]] = by_operation.get(line["call"], 0) + 1
        return Calls(by_operation, sum(line.get("reads", 0) for line in lines))


@contextmanager
def an_account() -> Iterator[Account]:
    """A table and buckets of our own, and the environment that leads there.

    Raises LocalStackError if ministack is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="dispatch-bench-") as scratch:
        folder = Path(scratch)
        clock = VirtualClock.create(folder / "clock")
        with (
            (folder / "log").open("wb") as log,
            engines.starting(TableEngine.MINISTACK, clock, folder, log) as starting,
        ):
            os.environ |= asyncio.run(starting.ready()).environment | {
                "AWS_DEFAULT_REGION": "ca-central-1",
                "TABLE_NAME": "bench",
                "ROSTER_SHARDS": _roster_shards(),
                "POWERTOOLS_METRICS_DISABLED": "true",
            }
            aws.forget()
            meter = _LateMeter(folder / "meter")
            meter.watch(aws.session())
            aws.dynamodb().create_table(TableName="bench", **table())
            for variable in BUCKETS:
                os.environ[variable] = name = variable.lower().replace("_", "-")
                aws.s3().create_bucket(
                    Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ca-central-1"}
                )
            yield Account(folder / "meter", meter)
            aws.forget()


def _roster_shards() -> str:
    return str(read(ROOT / "template.yaml")["Parameters"]["RosterShards"]["Default"])


def fill(population: Iterable[Mechanic], start: datetime) -> datetime:
    """Write mechanics by the store's own statements, but many in one call.

    As if one by one from ``start`` on; answers when that is over.
    """
    population = list(population)
    table_name = settings.table_name()
    puts: list[Any] = []
    partitions = set()
    end = start + len(population) * _APART
    for number, mechanic in enumerate(population):
        item = _item(mechanic, start + number * _APART, shifts_end_at=end + _SHIFT)
        partitions.add(item["roster_pk"]["S"])
        puts.append({"PutRequest": {"Item": item}})
    for partition in partitions:
        with Transaction() as tx:
            store.list_partition(tx, partition)
    for first in range(0, len(puts), _BATCH):
        answer = aws.dynamodb().batch_write_item(
            RequestItems={table_name: puts[first : first + _BATCH]}
        )
        assert not answer.get("UnprocessedItems"), "the emulator takes everything"
    _check(population[:: max(1, len(population) // 50)])
    return end


_ASSIGNMENT = re.compile(r"#(\w+) = (?:if_not_exists\(#\w+, )?(:\w+)")


def _item(mechanic: Mechanic, at: datetime, shifts_end_at: datetime) -> dict[str, Any]:
    """What the use cases' statements leave of somebody who was not there before."""
    since = mechanic.duty.waiting_since
    tx = Transaction()
    store.put_profile(tx, mechanic.profile, None, at, with_count=True)
    if since and mechanic.duty.on_shift:
        shift_id = f"shift-of-{mechanic.id}"
        store.go_on_shift(tx, mechanic.id, shift_id, since, shifts_end_at, None)
    item: dict[str, Any] = {}
    for clause in tx._clauses:  # noqa: SLF001 - to be written otherwise than one by one
        if clause.operation == "Update":
            values = clause.request["ExpressionAttributeValues"]
            changes = _ASSIGNMENT.findall(clause.request["UpdateExpression"])
            item |= clause.request["Key"] | {name: values[value] for name, value in changes}
    later = {"changed_at": format_time(at), "load": mechanic.duty.load}
    if since:
        later["last_session_ended_at"] = format_time(since)
    return item | encode(later)


def _check(written: Iterable[Mechanic]) -> None:
    """Whoever was written is read back as they were."""
    for mechanic in written:
        found = mechanics.get(mechanic.id)
        assert found, f"{mechanic.id} was not written"
        assert roster_entry(found) == roster_entry(mechanic), f"{mechanic.id} is another"
