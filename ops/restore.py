"""Bring a stack's table back to a point in time, as a table of its own, and say how to use it.

::

    python -m ops.restore --stack dispatch-prod --to 2026-11-26T08:00:00Z --as dispatch-prod-b
    python -m ops.restore ... --apply        # does it; again where it stopped, if it is run again
    python -m ops.restore --stack dispatch-prod --as dispatch-prod-b --check   # looks at one alone

DynamoDB restores items and indexes, and neither stream, TTL, point-in-time recovery, deletion
protection nor tags. They are switched on here, then all that must always hold is checked, and the
parameters are printed with which the stack moves to the restored table. The stack itself is not
touched: docs/operations.md has the order of the steps.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from rich.console import Console
from rich.table import Table

from dispatch.core.time import format_time, parse_time
from ops import invariants, stacks

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TTL = "expires_ttl"
STREAM: Any = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
SHAPE = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
POLL_S = 15.0


def window(dynamodb: "DynamoDBClient", table: str) -> tuple[datetime, datetime]:
    """The first and the last point in time that the table can be restored to.

    Exits with a message for a table without point-in-time recovery.
    """
    backups = dynamodb.describe_continuous_backups(TableName=table)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    if recovery["PointInTimeRecoveryStatus"] != "ENABLED":
        raise SystemExit(f"{table} has no point-in-time recovery.")
    return recovery["EarliestRestorableDateTime"], recovery["LatestRestorableDateTime"]


def restore(dynamodb: "DynamoDBClient", source: str, target: str, to: datetime) -> None:
    """Have ``target`` made of what ``source`` was; nothing if it is being made, or was, already.

    Exits with a message if there is a table of that name that was not made by this.
    """
    found = find(dynamodb, target)
    if found is None:
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=source, TargetTableName=target, RestoreDateTime=to
        )
    elif not _is_restored(found, source, to):
        raise SystemExit(f"There is a table {target} already, and not of this: name another.")


def _is_restored(table: Mapping[str, Any], source: str, to: datetime) -> bool:
    """Whether a table is what ``source`` was then, to the second: DynamoDB keeps no more of it."""
    made_of = table.get("RestoreSummary")
    return (
        made_of is not None
        and made_of["SourceTableArn"].endswith(f":table/{source}")
        and abs(made_of["RestoreDateTime"] - to) < timedelta(seconds=1)
    )


def find(dynamodb: "DynamoDBClient", table: str) -> Mapping[str, Any] | None:
    try:
        return dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return None


def wait(dynamodb: "DynamoDBClient", table: str, each: Callable[[str], None]) -> Mapping[str, Any]:
    """Until the table and its indexes are there. A restore takes minutes to hours."""
    while True:
        found = find(dynamodb, table) or {"TableStatus": "not there yet"}
        parts = [found, *found.get("GlobalSecondaryIndexes", [])]
        statuses = [part.get("TableStatus") or part.get("IndexStatus") for part in parts]
        if all(status in ("ACTIVE", None) for status in statuses):
            return found
        each(str(statuses[0]))
        time.sleep(POLL_S)


def complete(dynamodb: "DynamoDBClient", source: str, target: str) -> str:
    """Switch on what a restore leaves out; what is on stays. Answers the stream's ARN."""
    table: Any = find(dynamodb, target)
    if not table.get("StreamSpecification", {}).get("StreamEnabled"):
        dynamodb.update_table(TableName=target, StreamSpecification=STREAM)
        table = wait(dynamodb, target, lambda _status: None)
    if not table.get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=target, DeletionProtectionEnabled=True)
        wait(dynamodb, target, lambda _status: None)
    ttl = dynamodb.describe_time_to_live(TableName=target)["TimeToLiveDescription"]
    if ttl.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        dynamodb.update_time_to_live(
            TableName=target, TimeToLiveSpecification={"AttributeName": TTL, "Enabled": True}
        )
    dynamodb.update_continuous_backups(
        TableName=target, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    original: Any = find(dynamodb, source)
    tags = [
        tag
        for tag in dynamodb.list_tags_of_resource(ResourceArn=original["TableArn"])["Tags"]
        if not tag["Key"].startswith("aws:")
    ]
    if tags:
        dynamodb.tag_resource(ResourceArn=table["TableArn"], Tags=tags)
    return str(table["LatestStreamArn"])


def lacking(dynamodb: "DynamoDBClient", source: str, target: str) -> Iterator[str]:
    """What the restored table still lacks of what the source has."""
    old: Any = find(dynamodb, source)
    new: Any = find(dynamodb, target)
    for part in SHAPE:
        if _shape(new, part) != _shape(old, part):
            yield part
    if new.get("StreamSpecification") != STREAM:
        yield "a stream of new images"
    if not new.get("DeletionProtectionEnabled"):
        yield "deletion protection"
    ttl = dynamodb.describe_time_to_live(TableName=target)["TimeToLiveDescription"]
    if (ttl.get("AttributeName"), ttl.get("TimeToLiveStatus")) not in {
        (TTL, "ENABLED"),
        (TTL, "ENABLING"),
    }:
        yield f"time to live on {TTL}"
    backups = dynamodb.describe_continuous_backups(TableName=target)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    if recovery["PointInTimeRecoveryStatus"] != "ENABLED":
        yield "point-in-time recovery"


def _shape(table: Mapping[str, Any], part: str) -> list[Any]:
    """A part of a table's description without names of its own, sizes and states."""
    kept = ("AttributeName", "AttributeType", "KeyType", "IndexName", "KeySchema", "Projection")
    rows = [{name: row[name] for name in kept if name in row} for row in table.get(part, [])]
    for row in rows:
        if "Projection" in row:
            projection = dict(row["Projection"])
            projection["NonKeyAttributes"] = sorted(projection.get("NonKeyAttributes", []))
            row["Projection"] = projection
    return sorted(rows, key=str)


def items(dynamodb: "DynamoDBClient", table: str) -> Iterator[Mapping[str, Any]]:
    """Everything stored, as DynamoDB hands it out."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; exits with a message where something is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stack", required=True)
    parser.add_argument("--region", help="default: that of the AWS profile")
    parser.add_argument("--to", type=parse_time, help="the point in time: 2026-11-26T08:00:00Z")
    parser.add_argument("--as", dest="target", required=True, help="the restored table's name")
    parser.add_argument("--apply", action="store_true", help="do it; without, the plan is shown")
    parser.add_argument("--check", action="store_true", help="only look at the restored table")
    options = parser.parse_args(arguments)
    if not options.check and options.to is None:
        parser.error("give --to, or --check")
    return options


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> None:
    """Restore, complete, check, and print the parameters; exits with 1 where something is wrong."""
    options, console = parse(arguments), console or Console()
    session = boto3.Session(region_name=options.region)
    dynamodb: DynamoDBClient = session.client("dynamodb")
    outputs = stacks.outputs(session.client("cloudformation"), options.stack)
    source, target = outputs["TableName"], options.target
    if not options.check:
        first, last = window(dynamodb, source)
        console.print(f"{source} as of {format_time(options.to)} becomes {target}.")
        if not first <= options.to <= last:
            raise SystemExit(f"It can be restored to {format_time(first)} ... {format_time(last)}.")
        if not options.apply:
            console.print("Nothing was done: --apply.")
            return
        restore(dynamodb, source, target, options.to)
        with console.status("Restoring") as status:
            wait(dynamodb, target, lambda told: status.update(f"Restoring: {told}"))
        complete(dynamodb, source, target)
    table = find(dynamodb, target)
    if table is None:
        raise SystemExit(f"There is no table {target}.")
    if not _report(console, dynamodb, source, target, options.to or datetime.now(UTC)):
        raise SystemExit(1)
    console.print("\nTo use it (docs/operations.md), in samconfig.toml, then `make deploy`:\n")
    for name, value in (
        ("TableName", target),
        ("TableStreamArn", table["LatestStreamArn"]),
        ("DeploymentType", "AllAtOnce"),
    ):
        console.print(f'    "{name}={value}",', soft_wrap=True, markup=False, highlight=False)


def _report(
    console: Console, dynamodb: "DynamoDBClient", source: str, target: str, now: datetime
) -> bool:
    """Whether all is well with the restored table."""
    picture = invariants.picture(now, items(dynamodb, target))
    broken = invariants.broken(picture)
    lacks = list(lacking(dynamodb, source, target))
    table = Table("what", "how")
    table.add_row("settings", f"[red]lacks {', '.join(lacks)}" if lacks else "[green]as they were")
    for rule in invariants.RULES:
        said = broken.get(rule.__name__)
        ok = said is None
        table.add_row(rule.__name__.replace("_", " "), "[green]holds" if ok else f"[red]{said}")
    console.print(table)
    counts = f"{len(picture.sessions)} sessions, {len(picture.mechanics)} mechanics, "
    console.print(counts + f"{len(picture.balances)} balances, {len(picture.facts)} facts.")
    return not broken and not lacks


if __name__ == "__main__":
    main()
