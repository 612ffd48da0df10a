"""``make test-engines``: the integration tests again, their table kept by moto and by ministack.

What has to fail on an engine for its own sake stands in ``tests/engine_gaps.py``, and is expected
to. Anything else that fails is ours.
"""

import argparse
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console

from bench import results
from local.processes import ROOT
from tests.engine_gaps import gaps

ENGINES = ("moto", "ministack")
REPORTS = ROOT / ".local" / "engines"
_REQUIREMENTS = {"moto": "requirements-dev.txt", "ministack": "requirements-ministack.txt"}


@dataclass(frozen=True)
class Run:
    """The tests on one engine: how many, by what became of them."""

    engine: str
    passed: int
    listed: int
    skipped: int
    failed: list[str]
    minutes: float
    processor_minutes: float

    @property
    def complaints(self) -> list[str]:
        """What has to be mended, in tests, product or list."""
        told = [f"{self.engine}: {name} failed and is not listed" for name in self.failed]
        if self.skipped:
            told.append(f"{self.engine}: {self.skipped} were skipped")
        if self.listed != len(gaps(self.engine)):
            told.append(
                f"{self.engine}: {len(gaps(self.engine))} are listed in tests/engine_gaps.py,"
                f" of which {self.listed} failed"
            )
        return told


def main() -> int:
    """Run both, print, and write down; 1 if something failed that is not listed."""
    options, screen = _options(), Console()
    written = results.where_and_when()
    runs = []
    for engine in ENGINES:
        screen.print(f"[bold]{engine} keeps the table[/] ({options.workers} at a time)")
        runs.append(_run(engine, options.workers))
    screen.print(results.table("Integration tests by engine", _HEADER, _rows(runs)))
    results.write("engines", report(written, runs, options.workers))
    complaints = [each for run in runs for each in run.complaints]
    for each in complaints:
        screen.print(f"[red]{each}[/]")
    return 1 if complaints else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make test-engines", description=__doc__)
    parser.add_argument("--workers", type=int, default=2, help="at a time (default 2)")
    return parser.parse_args()


def _run(engine: str, workers: int) -> Run:
    REPORTS.mkdir(parents=True, exist_ok=True)
    report = REPORTS / f"{engine}.xml"
    report.unlink(missing_ok=True)
    began, processor_began = time.monotonic(), _processor_seconds()
    command = [sys.executable, "-m", "pytest", f"--table={engine}", "-n", str(workers)]
    command += ["--dist", "worksteal", "-q", "-r", "fEX", "--durations=10", f"--junit-xml={report}"]
    code = subprocess.run([*command, "tests/integration"], cwd=ROOT, check=False).returncode
    if code not in (0, 1):
        raise SystemExit(f"pytest on {engine} ended with {code}: nothing was written down")
    minutes = (time.monotonic() - began) / 60
    processor_minutes = (_processor_seconds() - processor_began) / 60
    return read(engine, report, minutes, processor_minutes)


def _processor_seconds() -> float:
    """Of all children that have ended, and of theirs: the engine's own process is one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read(engine: str, report: Path, minutes: float, processor_minutes: float) -> Run:
    """What pytest reports."""
    # Written by our own pytest a moment ago.
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed, listed, skipped = set[str](), 0, 0
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            failed.add(_name(case))
        elif (left_out := case.find("skipped")) is not None:
            is_listed = left_out.get("type") == "pytest.xfail"
            listed, skipped = listed + is_listed, skipped + (not is_listed)
    # One that fails, and whose teardown fails too, is in there twice.
    names = {_name(case) for case in cases}
    return Run(
        engine,
        len(names) - len(failed) - listed - skipped,
        listed,
        skipped,
        sorted(failed),
        minutes,
        processor_minutes,
    )


def _name(case: ElementTree.Element) -> str:
    return f"{case.get('classname')}::{case.get('name')}"


_HEADER = ["engine", "passed", "listed", "failed", "minutes", "processor minutes"]


def _rows(runs: list[Run]) -> list[list[str]]:
    return [
        [
            f"{run.engine} {_version(run.engine)}",
            f"{run.passed:,}",
            f"{run.listed:,}",
            f"{len(run.failed):,}",
            f"{run.minutes:.1f}",
            f"{run.processor_minutes:.1f}",
        ]
        for run in runs
    ]


def report(written: str, runs: list[Run], workers: int) -> Iterator[str]:
    """The part of ``RESULTS.md``."""
    yield written
    yield (
        f"The integration tests that ask the table, {workers} at a time. Listed: fails because the"
        " engine is not\nDynamoDB there, expected by `tests/engine_gaps.py`"
        " ([where the engines differ](../docs/local.md)).\n"
    )
    yield from results.markdown(_HEADER, _rows(runs))
    if complaints := [each for run in runs for each in run.complaints]:
        yield ""
        yield from (f"- {each}" for each in complaints)


def _version(engine: str) -> str:
    """The one that is pinned."""
    text = (ROOT / _REQUIREMENTS[engine]).read_text(encoding="utf-8")
    pin = re.search(rf"^{engine}(?:\[[^]]*\])?==(\S+)", text, re.MULTILINE)
    assert pin, engine
    return pin[1]


if __name__ == "__main__":
    sys.exit(main())
