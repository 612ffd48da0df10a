"""Snapshots of the roster: one compressed object per country in S3.

The first line says how the snapshot was made, every other is one row of the change index.
"""

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import BinaryIO, cast

import msgspec
from botocore.exceptions import ClientError

from dispatch.core import aws, settings
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
    return f"roster/{country or 'unknown'}.jsonl.gz"
