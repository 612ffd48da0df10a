"""Publish facts again: those that the relay gave up on, or those of a stretch of time.

::

    python -m ops.republish --stack dispatch-prod --given-up             # what lies in the bucket
    python -m ops.republish --stack dispatch-prod --given-up --publish   # and is taken out
    python -m ops.republish --stack dispatch-prod \\
        --since 2026-11-26T08:00:00Z --until 2026-11-26T09:00:00Z [--type OfferAccepted] [--publish]
    python -m ops.republish ... --table dispatch-prod-a     # of the table before a restored one

Nothing is published without ``--publish``. Consumers take a fact twice without harm. A stretch of
time is found by going through the whole table: a read unit for 8 KB of all there is.
"""

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
from rich.console import Console
from rich.progress import track
from rich.table import Table

from dispatch.core import relay, settings
from dispatch.core.events import PREFIX
from dispatch.core.table import Item, decode
from dispatch.core.time import format_time, parse_time
from ops import stacks

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

BUCKET = "RelayFailuresBucket"


@dataclass(frozen=True, slots=True)
class Fact:
    """A recorded event, and the object of the bucket that it was found in, if any."""

    item: Item
    found_in: str | None = None


def given_up(s3: "S3Client", bucket: str) -> Iterator[Fact]:
    """The facts in the records that Lambda has left: whole batches of the stream."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            document = json.loads(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
            payload = document["payload"]
            batch = json.loads(payload) if isinstance(payload, str) else payload
            for record in batch["Records"]:
                image = record["dynamodb"].get("NewImage")
                if image and record["eventName"] == "INSERT" and _is_fact(item := decode(image)):
                    yield Fact(item, found["Key"])


def _is_fact(item: Mapping[str, Any]) -> bool:
    return str(item["sk"]).startswith(PREFIX)


def between(
    dynamodb: "DynamoDBClient", table: str, since: datetime, until: datetime
) -> Iterator[Fact]:
    """The facts of ``since`` and later, before ``until``."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="begins_with(sk, :event) AND #at >= :since AND #at < :until",
        ExpressionAttributeNames={"#at": "at"},
        ExpressionAttributeValues={
            ":event": {"S": PREFIX},
            ":since": {"S": format_time(since)},
            ":until": {"S": format_time(until)},
        },
    )
    for page in pages:
        for raw in page["Items"]:
            yield Fact(decode(raw))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; exits with a message where something is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stack", required=True)
    parser.add_argument("--region", help="default: that of the AWS profile")
    parser.add_argument("--given-up", action="store_true", help="those in the relay's bucket")
    parser.add_argument("--since", type=parse_time, help="2026-11-26T08:00:00Z")
    parser.add_argument("--until", type=parse_time)
    parser.add_argument("--table", help="of this table (default: the stack's)")
    parser.add_argument("--type", help="of this type alone")
    parser.add_argument("--rate", type=stacks.rate, default=20, help="facts a second (default: 20)")
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args(arguments)
    if options.given_up == bool(options.since and options.until):
        parser.error("give either --given-up, or --since and --until")
    return options


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> None:
    """Show what there is, oldest first; publish it, if asked to."""
    options, console = parse(arguments), console or Console()
    session = boto3.Session(region_name=options.region)
    cloudformation, s3 = session.client("cloudformation"), session.client("s3")
    outputs = stacks.outputs(cloudformation, options.stack)
    bucket = stacks.physical_ids(cloudformation, options.stack, "AWS::S3::Bucket").get(BUCKET, "")
    if options.given_up:
        found = given_up(s3, bucket)
    else:
        dynamodb = session.client("dynamodb")
        table = options.table or outputs["TableName"]
        found = between(dynamodb, table, options.since, options.until)
    facts = [fact for fact in found if options.type in (None, fact.item["type"])]
    facts.sort(key=lambda fact: str(fact.item["id"]))
    _show(console, facts)
    if not options.publish:
        console.print("Nothing was published: --publish.")
        return
    os.environ["TOPIC_ARN"] = outputs["TopicArn"]
    settings.topic_arn.cache_clear()
    stacks.be_in(options.region)
    for fact in track(facts, "Publishing", console=console):
        relay.publish(fact.item)
        time.sleep(1 / options.rate)
    # An object goes when all of it is out: with --type, some of it may not be.
    done = {fact.found_in for fact in facts if fact.found_in} if options.type is None else set()
    for key in sorted(done):
        s3.delete_object(Bucket=bucket, Key=key)
    console.print(f"[green]Published {len(facts)}[/green], took {len(done)} objects out.")


def _show(console: Console, facts: list[Fact]) -> None:
    table = Table("type", "facts", "first", "last")
    for type_, count in Counter(str(fact.item["type"]) for fact in facts).most_common():
        times = [str(fact.item["at"]) for fact in facts if fact.item["type"] == type_]
        table.add_row(type_, str(count), min(times), max(times))
    console.print(table)


if __name__ == "__main__":
    main()
