"""Snapshots of the roster, and how quickly mechanics answered.

A snapshot is one compressed object per country in S3. The first line says how it was made, every
other is one row of the change index. Response times are summed up by the hour, in the table.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import BinaryIO, cast

import msgspec
from botocore.exceptions import ClientError

from dispatch.core import aws, settings
from dispatch.core.table import IS_NEW, SCHEMA, Item, Key, Transaction, query
from dispatch.core.time import format_time
from dispatch.mechanics.model import RosterRow
from dispatch.mechanics.packing import pack_row, unpack_row

_QUICK = 1
"""Compression level: 9 takes five times as long and saves a fifth."""


@dataclass(frozen=True, slots=True)
class Making:
    """When a snapshot was last built from the whole index, when renewed by what changed, and the
    watermark of each index partition: the ``changed_at`` up to which it is known to be complete.
    """

    built_at: datetime
    renewed_at: datetime
    watermarks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``rows`` can be read once, as they come off the wire."""

    making: Making
    rows: Iterable[RosterRow]


def find_snapshot(country: str | None) -> Snapshot | None:
    """The snapshot of a country's mechanics, of those of unknown country for None."""
    try:
        answer = aws.s3().get_object(Bucket=settings.snapshot_bucket(), Key=_key(country))
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    lines = gzip.GzipFile(fileobj=cast("BinaryIO", answer["Body"]))
    making = msgspec.json.decode(lines.readline(), type=Making)
    return Snapshot(making, map(unpack_row, lines))


def put_snapshot(country: str | None, snapshot: Snapshot) -> None:
    content = BytesIO()
    with gzip.GzipFile(fileobj=content, mode="wb", compresslevel=_QUICK, mtime=0) as file:
        file.writelines(_lines(snapshot))
    aws.s3().put_object(
        Bucket=settings.snapshot_bucket(), Key=_key(country), Body=content.getvalue()
    )


def _lines(snapshot: Snapshot) -> Iterator[bytes]:
    yield msgspec.json.encode(snapshot.making) + b"\n"
    for row in snapshot.rows:
        yield pack_row(row) + b"\n"


def _key(country: str | None) -> str:
    """Of this table's: once the stack has moved to a restored one, the others would mislead."""
    return f"roster/{settings.table_name()}/{country or 'unknown'}.jsonl.gz"


# Response times

SHARDS_PER_HOUR = 4
"""Items that share an hour's sum, so that accepts at the same moment seldom meet in one."""

_RESPONSES = "RESPONSES"
_HOUR = timedelta(hours=1)


class AlreadyCounted(Exception):
    """This event's response is in the sum."""


def count_response(
    tx: Transaction, event_id: str, seconds: Decimal, at: datetime, until: datetime
) -> None:
    """Add the response to its hour's sum, provided that this event was not counted.

    ``until`` is when nobody asks for that hour any more.
    """
    expires_ttl = int(until.timestamp())
    tx.put(
        {
            "pk": f"RESPONSE#{event_id}",
            "sk": "META",
            "entity": "counted_response",
            "expires_ttl": expires_ttl,
        },
        when=IS_NEW,
        otherwise=_already_counted,
    )
    shard = zlib.crc32(event_id.encode()) % SHARDS_PER_HOUR
    tx.update(
        Key(_RESPONSES, f"{_hour(at)}#{shard}"),
        "SET #entity = :entity, #schema = :schema, #expires_ttl = :expires_ttl"
        " ADD #accepts :one, #seconds :seconds",
        {
            ":entity": "response_times",
            ":schema": SCHEMA,
            ":expires_ttl": expires_ttl,
            ":one": 1,
            ":seconds": seconds,
        },
    )


def _already_counted(_old: Item | None) -> Exception:
    return AlreadyCounted()


def responses_since(since: datetime) -> tuple[int, Decimal]:
    """How many responses were counted in the whole hours since, and their seconds in sum."""
    whole = since + _HOUR - timedelta(microseconds=1)
    items = query(_RESPONSES, between=(_hour(whole), "~")).items
    return sum(item["accepts"] for item in items), sum(
        (Decimal(item["seconds"]) for item in items), Decimal(0)
    )


def _hour(at: datetime) -> str:
    """``2026-07-01T14``: sorts as hours do."""
    return format_time(at)[:13]
