"""What stands beside the figures of ``make bench-starts``."""

import pytest

from bench.starts import REASONS, Program, Start, why_missed


def a_start(kind: str, ratio: float) -> Start:
    return Start(Program("AFunction", kind, "started", ()), ratio, ratio, None)


@pytest.mark.parametrize("ratio", [1.5, 1.7])
def test_a_missed_aim_has_its_reason_beside_it(ratio: float) -> None:
    assert why_missed([a_start("HTTP", ratio), a_start("event", 1.1)]) == [f"- {REASONS['HTTP']}"]


def test_the_reason_of_one_kind_is_not_told_of_another() -> None:
    (told,) = why_missed([a_start("event", 1.3), a_start("HTTP", 1.4)])
    assert told.startswith("- event functions miss their aim")


def test_what_is_as_aimed_needs_no_reason() -> None:
    assert why_missed([a_start("event", 1.15), a_start("HTTP", 1.4)]) == []
