"""How quickly the built functions start: ``make bench-starts``.

Each function as ``make build`` left it, on the Python that Lambda runs: importing its handler and
building the DynamoDB client, beside the floor, a bare handler with one boto3 DynamoDB client from
the same layer. Instructions are counted by valgrind where it is installed (``apt install
valgrind``): they repeat, whatever else the machine is doing; seconds are of paired runs.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench import results
from local.template import read

BUILD = Path(__file__).parents[1] / ".aws-sam" / "build"
RUNS = 7
_FLAGS = ("-P", "-s", "-B")
"""Nothing of the user's, and no bytecode written: only what was shipped counts."""
LIMITS = {"event": (1.25, 1.15), "HTTP": (1.6, 1.4)}
"""By kind of function: the ratio to the floor that it may have, and that it aims at."""

_FLOOR = """
import boto3
client = boto3.client("dynamodb", region_name="ca-central-1")
def handler(event, context):
    return client.get_item(TableName="t", Key={"pk": {"S": "p"}})
"""
_START = """
import sys, time
sys.path[:0] = {path!r}
begun = time.perf_counter()
import {module}
{then}
print(time.perf_counter() - begun)
"""
_CLIENT = "from dispatch.core import aws; aws.dynamodb()"


class NotBuilt(Exception):
    """There is nothing to measure, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Start:
    """One function's start: ``seconds`` and ``instructions`` as ratios to the floor's."""

    name: str
    kind: str
    seconds: float
    instructions: float | None

    @property
    def ratio(self) -> float:
        return self.instructions or self.seconds

    @property
    def verdict(self) -> str:
        most, aim = LIMITS[self.kind]
        if self.ratio <= aim:
            return "as aimed"
        return "within" if self.ratio <= most else "too slow"


@dataclass(frozen=True, slots=True)
class _Program:
    """What a fresh Python is given to run."""

    name: str
    kind: str
    source: str


def main() -> int:
    """Measure, print, and write down; the exit code."""
    screen = Console()
    try:
        starts, floor_s = measure(screen)
    except NotBuilt as problem:
        screen.print(f"[red]{problem}[/]")
        return 1
    header = ["function", "kind", "instructions", "seconds", "verdict"]
    rows = [
        [
            start.name.removesuffix("Function"),
            start.kind,
            f"{start.instructions:.2f}" if start.instructions else "",
            f"{start.seconds:.2f}",
            start.verdict,
        ]
        for start in sorted(starts, key=lambda start: (start.kind, start.ratio))
    ]
    table = Table(*header, title="Start, as a ratio to the floor")
    for row in rows:
        table.add_row(*row)
    screen.print(table)
    about = (
        f"Ratios to the floor (bare handler, one boto3 DynamoDB client: {floor_s * 1000:.0f} ms"
        f" here), median of {RUNS} paired runs; instructions by valgrind. Verdicts go by"
        " instructions where they were counted: event functions at most 1.25, aim 1.15; HTTP at"
        " most 1.6, aim 1.4."
    )
    screen.print(about)
    results.write("starts", [results.where_and_when(), about, "", *results.markdown(header, rows)])
    return 0


def measure(screen: Console) -> tuple[list[Start], float]:
    """Every built function, and the floor's seconds. Raises NotBuilt."""
    python = _python()
    with tempfile.TemporaryDirectory(prefix="dispatch-starts-") as folder:
        (Path(folder) / "bare.py").write_text(_FLOOR)
        layer = str(BUILD / "DependenciesLayer" / "python")
        source = _START.format(path=[folder, layer], module="bare", then="")
        floor = _Program("floor", "", source)
        nothing = _instructions(python, "pass")
        floor_instructions = _instructions(python, floor.source)
        floor_seconds, starts = [], []
        for program in track(list(_programs()), console=screen, description="Starting"):
            pairs = [
                (_seconds(python, floor.source), _seconds(python, program.source))
                for _ in range(RUNS)
            ]
            floor_seconds += [pair[0] for pair in pairs]
            counted = None
            if nothing and floor_instructions:
                own = _instructions(python, program.source)
                assert own is not None, "valgrind is there"
                counted = (own - nothing) / (floor_instructions - nothing)
            ratio = median(own / floor for floor, own in pairs)
            starts.append(Start(program.name, program.kind, ratio, counted))
    return starts, median(floor_seconds)


def _programs() -> Iterator[_Program]:
    built = BUILD / "template.yaml"
    if not built.exists():
        raise NotBuilt(f"Nothing is built. First: make build ARCHITECTURE={_architecture()}")
    layers = [str(BUILD / name / "python") for name in ("DomainLayer", "DependenciesLayer")]
    for name, resource in read(built)["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = resource["Properties"]
        module = properties["Handler"].partition(".")[0]
        path = [str(BUILD / name), *layers]
        source = _START.format(path=path, module=module, then=_CLIENT)
        yield _Program(name, "HTTP" if module == "api" else "event", source)


def _architecture() -> str:
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


def _python() -> str:
    """A Python 3.13 that can load what was built. Raises NotBuilt."""
    tool = Path(__file__).parents[1] / "tools" / "python313.sh"
    found = subprocess.run(["sh", str(tool)], capture_output=True, text=True, check=False)
    if found.returncode:
        raise NotBuilt(found.stderr)
    python = f"{found.stdout.strip()}/python3.13"
    layer = BUILD / "DependenciesLayer" / "python"
    probe = f"import sys; sys.path.insert(0, {str(layer)!r}); import pydantic_core"
    if subprocess.run([python, "-I", "-c", probe], capture_output=True, check=False).returncode:
        raise NotBuilt(
            "What is built, if anything, is not for this machine."
            f" First: make build ARCHITECTURE={_architecture()}"
        )
    return python


def _environment() -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "PYTHONHASHSEED": "0",
        "AWS_REGION": "ca-central-1",
        "AWS_DEFAULT_REGION": "ca-central-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "TABLE_NAME": "t",
    }


def _seconds(python: str, source: str) -> float:
    ran = subprocess.run(
        [python, *_FLAGS, "-c", source],
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(ran.stdout)


def _instructions(python: str, source: str) -> int | None:
    """How many a fresh Python executes for this, or None without valgrind."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return None
    ran = subprocess.run(
        [
            valgrind,
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            *(python, *_FLAGS, "-c", source),
        ],
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Collected : (\d+)", ran.stderr)
    assert found, ran.stderr
    return int(found[1])


if __name__ == "__main__":
    sys.exit(main())
