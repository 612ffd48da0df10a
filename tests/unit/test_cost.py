"""What bookings cost: the reckoning behind ``make cost``."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import cost, results

PRICES = json.loads(cost.PRICES.read_text())


def test_what_is_free_costs_nothing_and_the_rest_goes_tier_by_tier() -> None:
    item = {"free": 10, "tiers": [[100, 2.0], [50, 1.0], [None, 0.5]]}
    assert cost.dollars(item, 10) == 0
    assert cost.dollars(item, 20) == 10 * 2.0
    assert cost.dollars(item, 10 + 100 + 50 + 4) == 100 * 2.0 + 50 * 1.0 + 4 * 0.5


def test_every_line_of_a_meter_is_billed() -> None:
    lines: list[dict[str, Any]] = [
        {"invocation": "http", "seconds": 0.5, "memory_mb": 2048},
        {"invocation": "sqs", "seconds": 1.0, "memory_mb": 1024},
        {"service": "dynamodb", "call": "Query", "reads": 1.5},
        {"service": "dynamodb", "call": "TransactWriteItems", "writes": 8},
        {"service": "sns", "call": "Push"},
        {"service": "scheduler", "call": "DeleteSchedule"},
    ]
    assert cost.usage_of(lines, log_bytes=1_000) == {
        "invocation": 2,
        "gb_second": 2.0,
        "http_request": 1,
        "sqs_request": 2,
        "read_unit": 1.5,
        "write_unit": 8,
        "mobile_push": 1,
        "log_gb": (1_000 + 2 * cost.PLATFORM_LOG_BYTES) / 1e9,
    }


def test_a_call_without_a_price_is_told() -> None:
    with pytest.raises(LookupError, match="sns CreateTopic has no price"):
        cost.usage_of([{"service": "sns", "call": "CreateTopic"}], 0)


def test_all_that_is_billed_has_a_price() -> None:
    named = {"invocation", "gb_second", "http_request", "sqs_request", "read_unit", "write_unit"}
    named |= {"log_gb", "alarm", "dashboard", "metric", *cost._BILLED.values()}
    assert named == set(PRICES["items"])


def test_metrics_are_counted_once_whatever_how_often_they_were_written() -> None:
    def line(service: str, *names: str) -> str:
        directive = {"Dimensions": [["service"]], "Metrics": [{"Name": name} for name in names]}
        document = {"service": service, "_aws": {"CloudWatchMetrics": [directive]}}
        return f"IntakeFunction {json.dumps(document)}"

    log = [line("intake", "Bookings"), line("intake", "Bookings", "Other"), "queue: no metric"]
    assert cost.metrics_in("\n".join([*log, line("queue", "Bookings")])) == 3


def test_a_thousand_bookings_cost_more_in_a_small_month() -> None:
    """Alarms and metrics are paid for by the month."""
    measured = cost.Measured([cost.Booking("one", {"write_unit": 100, "invocation": 10})], 20)
    small, large = (sum(cost.by_service(PRICES, measured, n).values()) for n in (1_000, 10**7))
    assert small > large > 0


def test_a_part_of_the_results_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"
    file.write_text("# Results\n\n<!-- a -->\nold\n<!-- end of a -->\n\n## B\n")
    results.write("a", ["new \\1"], file)
    results.write("c", ["more"], file)
    assert file.read_text() == (
        "# Results\n\n<!-- a -->\nnew \\1\n<!-- end of a -->\n\n## B\n\n"
        "<!-- c -->\nmore\n<!-- end of c -->\n"
    )
