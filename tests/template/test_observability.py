"""What alarms and the dashboard watch exists, and for each alarm there is a page to turn to."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from local.template import text
from tests.template.reach import reached
from tests.template.rules import needed
from tests.template.stack import ROOT, read_template

RESOURCES = read_template()["Resources"]
ALARMS = {n: r["Properties"] for n, r in RESOURCES.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
BODY = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
RUNBOOK = (ROOT / "docs/operations.md").read_text()

OURS = "${AWS::StackName}"
# What AWS has of what we watch, and the dimensions to ask for it by.
OF_AWS: Mapping[tuple[str, str], list[set[str]]] = {
    ("AWS/ApiGateway", "Count"): [{"ApiId"}],
    ("AWS/ApiGateway", "4xx"): [{"ApiId"}],
    ("AWS/ApiGateway", "5xx"): [{"ApiId"}],
    ("AWS/ApiGateway", "Latency"): [{"ApiId"}],
    ("AWS/Lambda", "Errors"): [{"FunctionName"}, {"FunctionName", "Resource", "ExecutedVersion"}],
    ("AWS/Lambda", "Throttles"): [{"FunctionName"}],
    ("AWS/Lambda", "ConcurrentExecutions"): [{"FunctionName"}],
    ("AWS/Lambda", "IteratorAge"): [{"FunctionName"}],
    ("AWS/Lambda", "DroppedEventCount"): [{"EventSourceMappingUUID"}],
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): [{"QueueName"}],
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): [{"QueueName"}],
}
# What a dimension's value must be: the function, queue or API itself.
VALUE = {
    "ApiId": r"\$\{Api\}",
    "EventSourceMappingUUID": r"\$\{\w+FunctionStream\}",
    "ExecutedVersion": r"\$\{\w+Function\.Version\.Version\}",
    "FunctionName": r"\$\{\w+Function\}",
    "QueueName": r"\$\{\w+Queue\.QueueName\}",
    "Resource": r"\$\{\w+Function\}:live",
}


class Watched(NamedTuple):
    """One metric, its dimensions as in Fn::Sub; ``service`` None: of whichever function."""

    namespace: str
    name: str
    dimensions: dict[str, str]


@functools.cache
def counted() -> dict[str, set[str]]:
    """By service: the metrics that its code counts."""
    found = {}
    for resource in RESOURCES.values():
        if resource["Type"] == "AWS::Serverless::Function":
            function = resource["Properties"]
            module = function["Handler"].partition(".")[0]
            uses = reached(ROOT.joinpath(function["CodeUri"], f"{module}.py"))
            service = function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
            found[service] = {use.removeprefix("metric.") for use in uses if "metric." in use}
    return found


def of_alarm(alarm: dict[str, Any]) -> Iterator[Watched]:
    metrics = [q["MetricStat"]["Metric"] for q in alarm.get("Metrics", []) if "MetricStat" in q]
    for metric in metrics or [alarm]:
        dimensions = {each["Name"]: text(each["Value"]) for each in metric["Dimensions"]}
        yield Watched(text(metric["Namespace"]), metric["MetricName"], dimensions)


def of_dashboard(body: str) -> Iterator[Watched]:
    for widget in json.loads(body)["widgets"]:
        before: list[str] = []
        for row in widget["properties"]["metrics"]:
            plain = [part for part in row if isinstance(part, str)]
            if plain:
                new = plain[1:]
                before = before[: len(before) - len(new)] + new if plain[0] == "..." else plain
                namespace, name, *rest = before
                yield Watched(namespace, name, dict(zip(rest[::2], rest[1::2], strict=True)))
            else:
                yield from _searched(row[0]["expression"])


def _searched(expression: str) -> Iterator[Watched]:
    found = re.search(r"SEARCH\('\{\"([^\"]+)\",([\w,]+)\} MetricName=\"(\w+)\"'", expression)
    assert found, f"this test cannot read {expression}"
    yield Watched(found[1], found[3], dict.fromkeys(found[2].split(","), "*"))


def wrong(metric: Watched) -> str | None:
    """Why there is no such metric; None if there is."""
    if metric.namespace != OURS:
        known = OF_AWS.get((metric.namespace, metric.name), [])
        if set(metric.dimensions) not in known:
            return "AWS has no such metric"
        for name, value in metric.dimensions.items():
            if not re.fullmatch(VALUE[name], value) or not set(needed({"Fn::Sub": value})) <= {
                *RESOURCES,
                "RelayFunctionStream",
            }:
                return f"{value} is no {name}"
        return None
    dimensions = {"service", "version"} if metric.name == "Failures" else {"service"}
    if set(metric.dimensions) != dimensions:
        return f"it is counted by {dimensions}"
    service = metric.dimensions["service"]
    by = counted().values() if service == "*" else [counted().get(service, set())]
    # A function without requests or messages has nothing that it could catch.
    if not any(metric.name in names for names in by) and metric.name != "Failures":
        return f"nobody counts it as {service}"
    return None


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_watches_what_exists(name: str) -> None:
    for metric in of_alarm(ALARMS[name]):
        assert wrong(metric) is None, metric


def test_the_dashboard_shows_what_exists() -> None:
    shown = list(of_dashboard(BODY))
    assert [(metric, wrong(metric)) for metric in shown if wrong(metric)] == []
    names = {metric.name for metric in shown}
    assert {"Bookings", "SecondsToAccept", "SecondsToPush", "Repairs", "IteratorAge"} <= names


def test_the_dashboard_shows_every_queue_and_function() -> None:
    shown = {value for metric in of_dashboard(BODY) for value in metric.dimensions.values()}
    for name, resource in RESOURCES.items():
        if resource["Type"] == "AWS::SQS::Queue":
            assert f"${{{name}.QueueName}}" in shown
        if resource["Type"] == "AWS::Serverless::Function":
            assert f"${{{name}}}" in shown


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        (Watched(OURS, "Bookings", {"service": "queue"}), "nobody counts it as queue"),
        (Watched(OURS, "Bookngs", {"service": "*"}), r"nobody counts it as \*"),
        (Watched(OURS, "Bookings", {}), "it is counted by"),
        (Watched("AWS/SQS", "Errors", {"QueueName": "${TurnsQueue.QueueName}"}), "AWS has no"),
        (Watched("AWS/Lambda", "Errors", {"Function": "${TurnsFunction}"}), "AWS has no"),
        (Watched("AWS/Lambda", "Errors", {"FunctionName": "${TurnFunction}"}), "is no Function"),
        (Watched("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": "T"}), "is no Queue"),
    ],
)
def test_what_does_not_exist_is_noticed(metric: Watched, why: str) -> None:
    assert re.match(why if "is no" not in why else f".*{why}", wrong(metric) or "")


# ------------------------------------------------------------------ runbook


def sections() -> dict[str, str]:
    """Text by the alarm's name. `<Function>VersionAlarm` stands for those of all functions."""
    parts = re.split(r"^### (\S+Alarm)$", RUNBOOK, flags=re.MULTILINE)
    found = {}
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        kept = re.split(r"^##? ", body, maxsplit=1, flags=re.MULTILINE)[0]
        names = [heading]
        if heading == "<Function>VersionAlarm":
            functions = [
                n for n, r in RESOURCES.items() if r["Type"] == "AWS::Serverless::Function"
            ]
            names = [f"{name.removesuffix('Function')}VersionAlarm" for name in functions]
        for name in names:
            assert name not in found
            found[name] = kept
    return found


def test_each_alarm_has_a_page_and_each_page_an_alarm() -> None:
    assert set(sections()) == set(ALARMS)


@pytest.mark.parametrize("name", ALARMS)
def test_a_page_says_what_it_means_how_to_look_what_to_do_and_when_it_is_over(name: str) -> None:
    labels = re.findall(r"^- \*(\w+)\*: \S", sections()[name], re.MULTILINE)
    assert labels == ["Means", "Look", "Do", "Over"]


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_tells_the_operators(name: str) -> None:
    assert ALARMS[name]["AlarmActions"] == [{"Ref": "AlarmTopic"}]
