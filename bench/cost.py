"""What bookings cost on AWS: ``make cost``.

Plays the demo's two bookings on the local stack, counts every request, invocation, call, message,
schedule and byte of log that AWS would bill, and multiplies with ``prices.json``.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import results
from local.demo import Story
from local.engines import TableEngine
from local.errors import LocalStackError
from local.stack import running_stack

PRICES = Path(__file__).with_name("prices.json")
TEMPLATE = Path(__file__).parents[1] / "template.yaml"
MONTHS = (1_000, 100_000, 10_000_000)
"""Bookings a month."""

REMARK = """\
The month is of the mean of the two. Seconds are those of this machine, with the emulators' share in
them. CloudWatch has the template's alarms, those of gradual deployments too, its dashboard and the
metrics that were seen; in a small month they are nearly all there is. Not counted: what is kept
(table, logs, backups), traffic, what Lambda polls in vain, how often frontends ask (the demo asks
13 times a booking)."""

_BILLED = {
    ("sns", "Push"): "mobile_push",
    ("sns", "Publish"): "sns_publish",
    ("sns", "PublishBatch"): "sns_publish",
    ("scheduler", "CreateSchedule"): "schedule",
    ("sesv2", "SendEmail"): "mail",
    ("s3", "GetObject"): "s3_get",
    ("s3", "HeadObject"): "s3_get",
    ("s3", "PutObject"): "s3_put",
}
_FREE = frozenset({("scheduler", "DeleteSchedule"), ("scheduler", "GetSchedule")})
"""AWS bills schedules that fire; here each one that is made counts, fired or not."""

PLATFORM_LOG_BYTES = 350
"""Of an invocation: the lines that Lambda itself writes (START, END, REPORT)."""

Usage = dict[str, float]
"""How much of each item of ``prices.json``."""


def usage_of(lines: list[dict[str, Any]], log_bytes: int) -> Usage:
    """What the lines of a meter come to. Raises LookupError for a call that has no price."""
    invocations = sum("invocation" in line for line in lines)
    usage: Usage = {"log_gb": (log_bytes + invocations * PLATFORM_LOG_BYTES) / 1e9}
    for line in lines:
        for name, amount in (_of_invocation if "invocation" in line else _of_call)(line):
            usage[name] = usage.get(name, 0) + amount
    return usage


def _of_invocation(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    yield "invocation", 1
    yield "gb_second", line["seconds"] * line["memory_mb"] / 1024
    match line["invocation"]:
        case "http":
            yield "http_request", 1
        case "sqs":
            yield "sqs_request", 2  # receive and delete; what Lambda polls in vain is not counted


def _of_call(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    service, call = line["service"], line["call"]
    if service == "dynamodb":
        yield "read_unit", line.get("reads", 0)
        yield "write_unit", line.get("writes", 0)
    elif service == "sqs":
        yield "sqs_request", 1
    elif (service, call) in _BILLED:
        yield _BILLED[service, call], 1
    elif (service, call) not in _FREE:
        raise LookupError(f"{service} {call} has no price in bench/cost.py")


def dollars(item: Mapping[str, Any], amount: float) -> float:
    """The price of so much of an item in a month: after what is free, tier by tier."""
    left = max(0.0, amount - item["free"])
    total = 0.0
    for size, price in item["tiers"]:
        taken = left if size is None else min(left, size)
        total += taken * price
        left -= taken
    return total


@dataclass(frozen=True, slots=True)
class Booking:
    """What one booking of the demo used."""

    name: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Measured:
    """The bookings, and how many different metrics the functions wrote: CloudWatch bills each."""

    bookings: list[Booking]
    metrics: int

    @property
    def mean(self) -> Usage:
        """A booking in the middle: as many of each kind."""
        names = {name for booking in self.bookings for name in booking.usage}
        return {
            name: sum(each.usage.get(name, 0) for each in self.bookings) / len(self.bookings)
            for name in names
        }


def measure() -> Measured:
    """Play the demo's bookings, and count. Raises LocalStackError if the stack fails."""
    with tempfile.TemporaryDirectory(prefix="dispatch-cost-") as folder:
        meter = Path(folder) / "meter"
        with running_stack(table_engine=TableEngine.MINISTACK, meter=meter) as stack:
            story = Story(stack, Console(file=StringIO()))
            story.people_arrive()
            stack.drain()
            booked = []
            for name, play in (
                ("taken at once, talked over", story.main_job),
                ("nobody answers: the broadcast", story.nobody_answers),
            ):
                read, logged = len(_lines(meter)), stack.log.stat().st_size
                play()
                stack.drain()
                new = stack.log.stat().st_size - logged
                booked.append(Booking(name, usage_of(_lines(meter)[read:], new)))
            return Measured(booked, metrics_in(stack.log.read_text()))


def _lines(meter: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in meter.read_text().splitlines()]


def metrics_in(log: str) -> int:
    """How many metrics, by name and dimensions, a log has in CloudWatch's embedded format."""
    found = set()
    for line in log.splitlines():
        start = line.find("{")
        if start < 0 or '"_aws"' not in line:
            continue
        document = json.loads(line[start:])
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for dimensions in directive["Dimensions"]:
                values = tuple(str(document[name]) for name in dimensions)
                found |= {(values, metric["Name"]) for metric in directive["Metrics"]}
    return len(found)


def by_service(prices: Mapping[str, Any], measured: Measured, bookings: int) -> dict[str, float]:
    """Dollars per 1,000 bookings by service, in a month of so many."""
    # An alarm on several metrics is billed for each of them.
    alarms = TEMPLATE.read_text().count("MetricName: ")
    month = {name: amount * bookings for name, amount in measured.mean.items()}
    month |= {"alarm": alarms, "dashboard": 1, "metric": measured.metrics}
    cost: dict[str, float] = {}
    for name, amount in month.items():
        item = prices["items"][name]
        share = dollars(item, amount) * 1_000 / bookings
        cost[item["service"]] = cost.get(item["service"], 0) + share
    return cost


Rows = list[list[str]]


def used_rows(prices: Mapping[str, Any], measured: Measured) -> Rows:
    """A row per item that is billed: its name, and how much of it each booking used."""
    usages = [booking.usage for booking in measured.bookings]
    return [
        [f"{item['service']}: {item['unit']}", *(f"{usage.get(name, 0):,.6g}" for usage in usages)]
        for name, item in prices["items"].items()
        if any(usage.get(name) for usage in usages)
    ]


def cost_rows(prices: Mapping[str, Any], measured: Measured) -> Rows:
    """A row per service, the dearest in the largest month first, and one for all together."""
    columns = [by_service(prices, measured, bookings) for bookings in MONTHS]
    services = sorted(columns[-1], key=columns[-1].__getitem__, reverse=True)
    rows = [[name, *(f"{column[name]:.4f}" for column in columns)] for name in services]
    return [*rows, ["in all", *(f"{sum(column.values()):.4f}" for column in columns)]]


def main() -> int:
    """Measure, print, and write down; the exit code."""
    screen = Console()
    try:
        measured = measure()
    except LocalStackError as error:
        screen.print(f"[bold red]The stack failed:[/] {error}")
        return 1
    prices = json.loads(PRICES.read_text())
    written = [results.where_and_when()]
    for title, header, rows in (
        (
            "What one booking uses",
            ["per booking", *(booking.name for booking in measured.bookings)],
            used_rows(prices, measured),
        ),
        (
            f"What it costs: {prices['region']}, list prices of {prices['as_of']}",
            ["dollars per 1,000 bookings", *(f"{bookings:,} a month" for bookings in MONTHS)],
            cost_rows(prices, measured),
        ),
    ):
        screen.print(results.table(title, header, rows))
        written += [f"{title}:", "", *results.markdown(header, rows), ""]
    screen.print(REMARK)
    results.write("cost", [*written, REMARK])
    return 0


if __name__ == "__main__":
    sys.exit(main())
