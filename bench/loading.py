"""Loading and refreshing the live roster, through the real store code.

The table is ministack's, the bucket moto's, both on this machine: the times include their work and
HTTP, but no network.
"""

import asyncio
import gc
import os
import random
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

from bench.mix import NOON, Market, record_of
from dispatch.core import aws, settings
from dispatch.core.table import Transaction, decode, encode
from dispatch.core.time import format_time
from dispatch.matching import service as matching
from dispatch.matching import store
from dispatch.matching.roster import Roster
from dispatch.matching.rules import match_request
from dispatch.matching.store import Making, Snapshot
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic, RosterEntry, RosterRow
from dispatch.mechanics.rules import roster_entry
from dispatch.policy.model import Policy
from local import engines
from local.clock import VirtualClock
from local.engines import TableEngine
from tests.template_file import table

WRITTEN = 1_000
COPIED_TO = 10_000
LARGE = 100_000
WARM_UP = 25
MATCHES = 50
BETWEEN_MATCHES = timedelta(seconds=6)
CHANGES_BETWEEN = 2

_POLICY = Policy()
_ANYWHERE = match_request()
"""A customer of unknown country: every country is loaded."""


@dataclass(frozen=True, slots=True)
class Loading:
    """To load this many mechanics and rank for the first time."""

    source: str
    mechanics: int
    seconds: float
    processor_s: float


@dataclass(frozen=True, slots=True)
class Refreshing:
    """Per match: rows read, the overlap included, and entries that were news."""

    rows_read: float
    entries_refreshed: float
    processor_ms: float


@dataclass(frozen=True, slots=True)
class Results:
    loadings: list[Loading]
    refreshing: Refreshing
    bytes_per_mechanic: int


@contextmanager
def an_account() -> Iterator[None]:
    """A table and a bucket of our own, and the environment that leads there."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        clock = VirtualClock.create(folder / "clock")
        with (
            (folder / "log").open("wb") as log,
            engines.starting(TableEngine.MINISTACK, clock, folder, log) as starting,
        ):
            os.environ |= asyncio.run(starting.ready()).environment | {
                "AWS_DEFAULT_REGION": "ca-central-1",
                "TABLE_NAME": "bench",
                "SNAPSHOT_BUCKET": "bench",
                "ROSTER_SHARDS": "4",
                "POWERTOOLS_METRICS_DISABLED": "true",
            }
            aws.dynamodb().create_table(TableName="bench", **table())
            aws.s3().create_bucket(
                Bucket="bench", CreateBucketConfiguration={"LocationConstraint": "ca-central-1"}
            )
            yield


def measure() -> Results:
    """Raises LocalStackError if ministack is not installed."""
    with an_account():
        _write_mechanics()
        loadings = [_loading("index", WRITTEN)]
        refreshing = _refreshing()
        _copy_mechanics()
        loadings.append(_loading("index", COPIED_TO))
        matching.renew_snapshots(NOON)
        loadings.append(_loading("snapshot", COPIED_TO))
        _put_large_snapshots()
        loadings.append(_loading("snapshot", LARGE))
        return Results(loadings, refreshing, _memory() // LARGE)


def _loading(source: str, count: int) -> Loading:
    matching.forget()
    started, worked = perf_counter(), process_time()
    matching.rank(_ANYWHERE, 10, _POLICY, NOON)
    return Loading(source, count, perf_counter() - started, process_time() - worked)


def _write_mechanics() -> None:
    """Through the use case, over the last days, so that the index knows many instants."""

    def write(numbered: tuple[int, Mechanic]) -> None:
        number, mechanic = numbered
        at = NOON - timedelta(days=3) + number * timedelta(minutes=1)
        mechanics.upsert(record_of(mechanic.profile), at)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, enumerate(Market().mechanics(WRITTEN))))


def _copy_mechanics() -> None:
    """The items as they are, under other ids: their number matters here, not who they are."""
    pages = aws.dynamodb().get_paginator("scan").paginate(TableName=settings.table_name())
    items = [decode(raw) for page in pages for raw in page["Items"]]
    written = [item for item in items if item["entity"] == "mechanic"]
    copies = [
        item | {"pk": f"{item['pk']}-{copy}"}
        for copy in range(1, COPIED_TO // WRITTEN)
        for item in written
    ]
    for first in range(0, len(copies), 25):
        puts: Any = [{"PutRequest": {"Item": encode(item)}} for item in copies[first : first + 25]]
        aws.dynamodb().batch_write_item(RequestItems={settings.table_name(): puts})


def _refreshing() -> Refreshing:
    """Matches a few seconds apart, with clock-ins and clock-outs in between."""
    dice = random.Random(1)
    working: set[str] = set()
    read, news = _Counter(), _Counter()
    took_ms: list[float] = []
    with _patched(mechanics, "changes", read.passing), _patched(Roster, "apply", news.taken):
        for number in range(WARM_UP + MATCHES):
            at = NOON - timedelta(hours=1) + number * BETWEEN_MATCHES
            for _ in range(CHANGES_BETWEEN):
                _change_presence(f"mechanic-{dice.randrange(WRITTEN):08d}", working, at)
            if number == WARM_UP:
                read.count = news.count = 0
                took_ms.clear()
            worked = process_time()
            matching.rank(_ANYWHERE, 10, _POLICY, at)
            took_ms.append((process_time() - worked) * 1000)
    return Refreshing(
        rows_read=read.count / MATCHES,
        entries_refreshed=news.count / MATCHES,
        processor_ms=median(took_ms),
    )


def _change_presence(mechanic_id: str, working: set[str], at: datetime) -> None:
    with Transaction() as tx:
        if mechanic_id in working:
            mechanics.go_off_shift(tx, mechanic_id, "shift", at)
        else:
            mechanics.go_on_shift(tx, mechanic_id, "shift", at, at + timedelta(hours=12))
    working ^= {mechanic_id}


class _Counter:
    """Counts what passes through a function on its way."""

    def __init__(self) -> None:
        self.count = 0

    def passing(self, read: Callable[..., Iterator[RosterRow]]) -> Callable[..., Any]:
        def counted(*args: Any) -> Iterator[RosterRow]:
            for row in read(*args):
                self.count += 1
                yield row

        return counted

    def taken(self, apply: Callable[..., None]) -> Callable[..., Any]:
        def counted(roster: Roster, entries: Iterator[RosterEntry]) -> None:
            taken = list(entries)
            self.count += len(taken)
            apply(roster, taken)

        return counted


@contextmanager
def _patched(owner: Any, name: str, wrap: Callable[..., Any]) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, wrap(original))
    try:
        yield
    finally:
        setattr(owner, name, original)


def _put_large_snapshots() -> None:
    entries = [roster_entry(mechanic) for mechanic in Market().mechanics(LARGE)]
    making = Making(NOON, NOON, dict.fromkeys(mechanics.partitions(), format_time(NOON)))
    for country in {entry.country for entry in entries}:
        (partition, *_) = (p for p in making.watermarks if mechanics.country_of(p) == country)
        rows = [
            RosterRow(entry.id, partition, format_time(NOON), entry)
            for entry in entries
            if entry.country == country
        ]
        store.put_snapshot(country, Snapshot(making, rows))


def _memory() -> int:
    """Bytes that the loaded roster of the large snapshots takes."""
    matching.forget()
    gc.collect()
    tracemalloc.start()
    matching.rank(_ANYWHERE, 10, _POLICY, NOON)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size
