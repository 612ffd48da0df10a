"""Bring all items of a table into a new shape, slowly, and on from where it stopped.

::

    python -m ops.backfill schema --table dispatch-prod --cursor schema.json           # counts
    python -m ops.backfill schema --table dispatch-prod --cursor schema.json --apply
    python -m ops.backfill schema ... --apply --rate 50 --segment 0 --segments 4

The second step of three in which a shape changes (docs/operations.md): readers know both shapes
already, writers write the new one, and this brings the items along that nobody writes. Each item is
written under the condition that it is still as it was read, so it may run beside the service; what
changed meanwhile is looked at again: the service may have written a part of it only. The cursor is
kept in a file after each page, and is of one table, change and segment.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from rich.console import Console

from dispatch.core import settings
from dispatch.core.errors import StaleVersion
from dispatch.core.table import SCHEMA, Item, Key, Transaction, decode, get
from ops import stacks

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Change = Callable[[Item], Item | None]
"""The item in its new shape, keys as they were; None for one that needs no change."""


@dataclass(slots=True)
class Progress:
    """How far it is. ``cursor`` is the key to go on after; None before the first page."""

    of: str = ""
    """What goes through which part of which table."""
    cursor: dict[str, Any] | None = None
    seen: int = 0
    changed: int = 0
    overtaken: int = 0
    """Brought along or deleted by somebody else between our look and our write."""
    done: bool = False

    @classmethod
    def kept_in(cls, path: Path, of: str) -> "Progress":
        """Exits with a message if the file is of something else: its cursor means nothing here."""
        progress = cls(**json.loads(path.read_text())) if path.is_file() else cls(of)
        if progress.of != of:
            raise SystemExit(f"{path} is the cursor of {progress.of}, not of {of}: name another.")
        return progress

    def keep_in(self, path: Path) -> None:
        """Written aside and put in place whole: it may be stopped at any time."""
        told = {name: getattr(self, name) for name in self.__slots__}
        aside = path.with_suffix(".new")
        aside.write_text(json.dumps(told))
        aside.replace(path)


def with_schema(item: Item) -> Item | None:
    """Items whose writers forgot the shape's version were all of the first."""
    return None if "schema" in item else {**item, "schema": SCHEMA}


CHANGES: Mapping[str, Change] = {"schema": with_schema}
"""By name. A change stays here until no stage has items of the old shape."""


def run(
    dynamodb: "DynamoDBClient",
    table: str,
    change: Change,
    progress: Progress,
    *,
    apply: bool,
    rate: float,
    page: int = 100,
    segment: tuple[int, int] = (0, 1),
) -> Iterator[Progress]:
    """Go on from ``progress`` to the end, and yield it after each page.

    At most ``rate`` items are written a second. Without ``apply`` they are counted alone.
    """
    request: dict[str, Any] = {"TableName": table, "Limit": page, "ConsistentRead": True}
    if segment[1] > 1:
        request |= {"Segment": segment[0], "TotalSegments": segment[1]}
    while not progress.done:
        if progress.cursor:
            request["ExclusiveStartKey"] = progress.cursor
        answer = dynamodb.scan(**request)
        for raw in answer["Items"]:
            old = decode(raw)
            progress.seen += 1
            if change(old) is None:
                continue
            if not apply or bring_along(old, change):
                progress.changed += 1
            else:
                progress.overtaken += 1
            if apply:
                time.sleep(1 / rate)
        progress.cursor = answer.get("LastEvaluatedKey")
        progress.done = progress.cursor is None
        yield progress


def bring_along(read: Item, change: Change) -> bool:
    """Whether it was us who changed the item; if not, it needs no change any more, or is gone."""
    old: Item | None = read
    while old is not None and (new := change(old)) is not None:
        if write(old, new):
            return True
        old = get(Key(old["pk"], old["sk"]))
    return False


def write(old: Item, new: Item) -> bool:
    """Whether the item was still as it was read, all of it, and is now in its new shape."""
    assert (old["pk"], old["sk"]) == (new["pk"], new["sk"]), "a change keeps the keys"
    compared = {name: value for name, value in old.items() if name not in ("pk", "sk")}
    clauses = ["attribute_exists(#pk)", *(f"#{name} = :{name}" for name in compared)]
    clauses += [f"attribute_not_exists(#{name})" for name in new.keys() - old.keys()]
    values = {f":{name}": value for name, value in compared.items()}
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    gone = old.keys() - new.keys()
    update = "SET " + ", ".join(f"#{name} = :new_{name}" for name in changed) if changed else ""
    update += " REMOVE " + ", ".join(f"#{name}" for name in gone) if gone else ""
    values |= {f":new_{name}": value for name, value in changed.items()}
    try:
        with Transaction() as tx:
            tx.update(Key(old["pk"], old["sk"]), update, values, when=" AND ".join(clauses))
    except StaleVersion:
        return False
    return True


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("change", choices=sorted(CHANGES))
    parser.add_argument("--table", required=True)
    parser.add_argument("--region", help="default: that of the AWS profile")
    parser.add_argument("--cursor", type=Path, required=True, help="file that keeps how far it is")
    parser.add_argument("--rate", type=stacks.rate, default=25, help="items written a second")
    parser.add_argument("--segment", type=int, default=0, help="which part of the table, from 0")
    parser.add_argument("--segments", type=int, default=1, help="of how many: one run for each")
    parser.add_argument("--apply", action="store_true", help="write; without, it is counted")
    options = parser.parse_args(arguments)
    if not 0 <= options.segment < options.segments:
        parser.error(f"--segment is 0 to {options.segments - 1} of {options.segments} --segments")
    return options


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> None:
    """Go through the table, or on. A dry run starts anew and keeps no cursor."""
    options, console = parse(arguments), console or Console()
    os.environ["TABLE_NAME"] = options.table
    settings.table_name.cache_clear()
    stacks.be_in(options.region)
    dynamodb = boto3.Session(region_name=options.region).client("dynamodb")
    of = f"{options.change} on {options.table}, {options.segment} of {options.segments}"
    progress = Progress.kept_in(options.cursor, of) if options.apply else Progress(of)
    steps = run(
        dynamodb,
        options.table,
        CHANGES[options.change],
        progress,
        apply=options.apply,
        rate=options.rate,
        segment=(options.segment, options.segments),
    )
    with console.status("Going through the table") as status:
        for step in steps:
            if options.apply:
                step.keep_in(options.cursor)
            status.update(f"{step.seen} seen, {step.changed} changed, {step.overtaken} overtaken")
    verb = "changed" if options.apply else "to change"
    console.print(
        f"[green]{progress.seen} seen, {progress.changed} {verb}[/green], "
        f"{progress.overtaken} overtaken by the service."
    )


if __name__ == "__main__":
    main()
