"""What ``make test-engines`` makes of pytest's reports."""

from pathlib import Path

import pytest

from bench import engines
from tests.engine_gaps import GAPS, gaps

CASES = {
    "passes": "",
    "fails": '<failure message="no">no</failure>',
    "breaks down": '<error message="no">no</error>',
    "is listed": '<skipped type="pytest.xfail" message="takes what DynamoDB refuses"/>',
    "is skipped": '<skipped type="pytest.skip" message="not today"/>',
}


def a_run(folder: Path, *cases: str) -> engines.Run:
    told = "".join(
        f'<testcase classname="tests.x" name="{case}">{CASES[case]}</testcase>' for case in cases
    )
    report = folder / "report.xml"
    report.write_text(f"<testsuites><testsuite>{told}</testsuite></testsuites>")
    return engines.read("moto", report, 1.5, 2.5)


@pytest.fixture(autouse=True)
def _nothing_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "gaps", lambda _engine: {})


def test_each_test_counts_once_by_what_became_of_it(tmp_path: Path) -> None:
    run = a_run(tmp_path, *CASES, "fails")
    assert (run.passed, run.listed, run.skipped) == (1, 1, 1)
    assert run.failed == ["tests.x::breaks down", "tests.x::fails"]


def test_nothing_is_to_be_complained_of_where_all_pass(tmp_path: Path) -> None:
    assert a_run(tmp_path, "passes").complaints == []


@pytest.mark.parametrize("case", [case for case in CASES if case != "passes"])
def test_whatever_else_happens_is_complained_of(tmp_path: Path, case: str) -> None:
    """Also one that is expected to fail and stands in no list."""
    (complaint,) = a_run(tmp_path, "passes", case).complaints
    assert complaint.startswith("moto: ")
    lines = "\n".join(engines.report("now\n", [a_run(tmp_path, "passes", case)], 2))
    assert complaint in lines


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_every_gap_is_told_with_what_the_engine_does(engine: str) -> None:
    listed = [
        case or 1
        for tests in GAPS[engine].values()
        for each in tests.values()
        for case in each or [""]
    ]
    assert len(gaps(engine)) == len(listed) > 10
    assert all(reason.startswith(f"{engine} ") for reason in gaps(engine).values())
