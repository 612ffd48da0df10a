"""How quickly the built functions start: ``make bench-starts``.

Each function as ``make build`` left it, on the Python that Lambda runs: importing its handler and
building the DynamoDB client, beside the floor: a bare handler with one boto3 DynamoDB client, boto3
as it is installed (with bytecode, but nothing of ours left out of it). Three measures:

- instructions, counted by valgrind (``apt install valgrind``): they repeat, whatever else the
  machine is doing;
- seconds of processes started in turn with the floor's;
- the initialisation that AWS's runtime emulator reports, in turn with the floor's. It comes with
  the SAM CLI, which ``make bench-starts`` installs (Linux only).
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track

from bench import emulator, results
from local.template import read
from tests.deployed.fits import ARCHITECTURES, BUILD, why_not

ROOT = Path(__file__).parents[1]
RUNS = 7
EMULATOR_RUNS = 3
_FLAGS = ("-P", "-s", "-B")
"""Nothing of the user's, and no bytecode written: only what was shipped counts."""
LIMITS = {"event": (1.25, 1.15), "HTTP": (1.6, 1.4)}
"""By kind of function: the ratio to the floor that it may have, and that it aims at."""
REASONS = {
    "HTTP": "HTTP functions miss their aim: Pydantic's classes, FastAPI, Starlette, anyio and"
    " OpenTelemetry's API, which FastAPI imports, are some 0.6 of a floor before a line of ours;"
    " routes, request and answer models are most of the rest. What was taken:"
    " the OpenAPI models and Pydantic's version 1 stay out of the build, models are built"
    " when first used, botocore reads trimmed data, dataclasses and regular expressions are"
    " compiled by the build. Next: Pydantic's and FastAPI's own dataclasses, for which the build"
    " would have to load packages made for another machine; a FastAPI that does not import"
    " OpenTelemetry where there is none; routes made when they are first asked for.",
}
"""By kind of function: why one misses its aim, and the next step."""

_FLOOR = """
import boto3
client = boto3.client("dynamodb", region_name="ca-central-1")
def handler(event, context):
    return {"statusCode": 200}
"""
_OURS = """
import {module}
from dispatch.core import aws
aws.dynamodb()
def handler(event, context):
    return {{"statusCode": 200}}
"""
_START = """
import sys, time
sys.path[:0] = {path!r}
begun = time.perf_counter()
import {module}
print(time.perf_counter() - begun)
"""


class NotBuilt(Exception):
    """There is nothing to measure, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a fresh Python is given to import: ``module``, found on ``path``."""

    name: str
    kind: str
    module: str
    path: tuple[str, ...]

    @property
    def source(self) -> str:
        return _START.format(path=list(self.path), module=self.module)


@dataclass(frozen=True, slots=True)
class Start:
    """One function's start, as ratios to the floor's; None where it could not be measured."""

    program: Program
    instructions: float | None
    seconds: float
    emulated: float | None

    @property
    def verdict(self) -> str:
        most, aim = LIMITS[self.program.kind]
        ratio = self.instructions or self.seconds
        if ratio <= aim:
            return "as aimed"
        return "within" if ratio <= most else "too slow"


def main(names: Sequence[str]) -> int:
    """Measure, print, and write down; the exit code. ``names``: these functions only."""
    screen = Console()
    try:
        with tempfile.TemporaryDirectory(prefix="dispatch-starts-") as folder:
            starts, floor_s = measure(Path(folder), names, screen)
    except NotBuilt as problem:
        screen.print(f"[red]{problem}[/]")
        return 1
    header = ["function", "kind", "instructions", "seconds", "emulator", "verdict"]
    ordered = sorted(starts, key=lambda s: (s.program.kind, s.instructions or s.seconds))
    rows = [
        [
            start.program.name.removesuffix("Function"),
            start.program.kind,
            _ratio(start.instructions),
            _ratio(start.seconds),
            _ratio(start.emulated),
            start.verdict,
        ]
        for start in ordered
    ]
    screen.print(results.table("Start, as a ratio to the floor", header, rows))
    about = (
        f"Ratios to the floor (bare handler, one boto3 DynamoDB client: {floor_s * 1000:.0f} ms"
        f" here). Instructions by valgrind; seconds are medians of {RUNS} runs in turn with the"
        f" floor's; emulator: the initialisation that AWS's runtime emulator reports, medians of"
        f" {EMULATOR_RUNS}. Verdicts go by instructions: event functions at most 1.25, aim 1.15;"
        " HTTP at most 1.6, aim 1.4."
    )
    screen.print(about)
    if names:
        screen.print("Not written down: only some functions were measured.")
        return 0
    missed = why_missed(starts)
    told = [about, "", *results.markdown(header, rows), *([""] if missed else []), *missed]
    results.write("starts", [results.where_and_when(), "", *told])
    return 0


def why_missed(starts: Sequence[Start]) -> list[str]:
    """A line for each kind of which a function is slower than aimed at."""
    kinds = sorted({start.program.kind for start in starts if start.verdict != "as aimed"})
    nobody_knows = "functions miss their aim: nobody has looked why yet. Next: do."
    return [f"- {REASONS.get(kind, f'{kind} {nobody_knows}')}" for kind in kinds]


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def measure(folder: Path, names: Sequence[str], screen: Console) -> tuple[list[Start], float]:
    """Every built function, or those, and the floor's seconds. Raises NotBuilt."""
    python = _python()
    floor = _floor(folder)
    programs = [p for p in _programs(folder) if not names or p.name in names]
    if not programs:
        raise NotBuilt(f"No such function: {', '.join(names)}. Names are those of template.yaml.")
    counted = _counted(python, [floor, *programs], screen)
    starts, floor_seconds = [], []
    emulate = _emulated(python, folder)
    for program in track(programs, console=screen, description="Starting"):
        pairs = [(_seconds(python, floor), _seconds(python, program)) for _ in range(RUNS)]
        floor_seconds += [pair[0] for pair in pairs]
        starts.append(
            Start(
                program,
                counted[program.name] / counted[floor.name] if counted else None,
                median(own / bare for bare, own in pairs),
                median(emulate(program) / emulate(floor) for _ in range(EMULATOR_RUNS))
                if emulate
                else None,
            )
        )
    return starts, median(floor_seconds)


def _floor(folder: Path) -> Program:
    """With the layer's packages, but botocore's data as its makers ship it."""
    layer = BUILD / "DependenciesLayer" / "python"
    stock = next((ROOT / ".venv" / "lib").glob("python3.*/site-packages/botocore/data"))
    bare = folder / "floor"
    shutil.copytree(layer / "botocore", bare / "botocore", ignore=shutil.ignore_patterns("data"))
    (bare / "botocore" / "data").symlink_to(stock)
    (bare / "bare.py").write_text(_FLOOR)
    return Program("floor", "", "bare", (str(bare), str(layer)))


def _programs(folder: Path) -> Iterator[Program]:
    layers = [str(BUILD / name / "python") for name in ("DomainLayer", "DependenciesLayer")]
    for name, resource in read(BUILD / "template.yaml")["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        module = resource["Properties"]["Handler"].partition(".")[0]
        own = folder / name
        own.mkdir()
        (own / "started.py").write_text(_OURS.format(module=module))
        kind = "HTTP" if module == "api" else "event"
        yield Program(name, kind, "started", (str(own), str(BUILD / name), *layers))


def _python() -> str:
    """A Python 3.13 that can load what was built. Raises NotBuilt."""
    machine = platform.machine()
    if why := why_not(BUILD, ROOT, machine):
        raise NotBuilt(f"{why}. First: make build ARCHITECTURE={ARCHITECTURES[machine]}")
    tool = ROOT / "tools" / "python313.sh"
    found = subprocess.run(["sh", str(tool)], capture_output=True, text=True, check=False)
    if found.returncode:
        raise NotBuilt(found.stderr)
    return f"{found.stdout.strip()}/python3.13"


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


def _seconds(python: str, program: Program) -> float:
    ran = subprocess.run(
        [python, *_FLAGS, "-c", program.source],
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(ran.stdout)


def _counted(python: str, programs: Sequence[Program], screen: Console) -> dict[str, int]:
    """By name, the instructions beyond those of a Python that does nothing; {} without valgrind."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        screen.print("[yellow]No valgrind, so no instructions: apt install valgrind[/]")
        return {}

    def count(source: str) -> int:
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

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        nothing = pool.submit(count, "pass")
        counts = pool.map(count, [program.source for program in programs])
        told = track(counts, "Counting", total=len(programs), console=screen)
        by_name = dict(zip([program.name for program in programs], told, strict=True))
    return {name: counted - nothing.result() for name, counted in by_name.items()}


def _emulated(python: str, folder: Path) -> Callable[[Program], float] | None:
    """Starts a program under AWS's runtime emulator, tells its milliseconds; None without it."""
    found = emulator.find()
    if found is None:
        return None

    def start(program: Program) -> float:
        environment = _environment() | {"PYTHONPATH": os.pathsep.join(program.path)}
        handler = f"{program.module}.handler"
        return found.initialisation_ms([python, *_FLAGS], handler, folder, environment)

    return start


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
