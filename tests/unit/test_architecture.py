"""Rules about the code's shape that neither ruff nor import-linter can state.

`make lint` checks the others: who may import whom is in pyproject.toml.
"""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/domain"
ENTRY_POINTS = sorted((ROOT / "functions").glob("*/*.py"))
DEPLOYED = sorted(PACKAGE.rglob("*.py")) + ENTRY_POINTS


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def dotted(node: ast.AST) -> str:
    """``a.b.c`` for the expression that spells it; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and dotted(node.value):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def mentions(source: str) -> set[str]:
    """Every dotted name of a module, what it imports included."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        names.add(dotted(node))
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


# ------------------------------------------------------------------ rules, each told by its name


def reads_the_environment(source: str) -> bool:
    return not mentions(source).isdisjoint({"os.environ", "os.getenv"})


def asks_what_time_it_is(source: str) -> bool:
    clocks = ("datetime.now", "datetime.utcnow", "date.today", "time.time", "datetime.today")
    return any(
        mention == clock or mention.endswith(f".{clock}")
        for mention in mentions(source)
        for clock in clocks
    )


def scans_the_table(source: str) -> bool:
    nodes = ast.walk(ast.parse(source))
    return any(isinstance(node, ast.Attribute) and node.attr == "scan" for node in nodes)


def foreign_stores(source: str, capability: str) -> Iterator[str]:
    """Stores of other capabilities that a module of ``capability`` imports."""
    for mention in mentions(source):
        match mention.split("."):
            case ["dispatch", owner, "store", *_] if owner != capability:
                yield mention


@pytest.mark.parametrize(
    ("breaks", "source"),
    [
        (reads_the_environment, "import os\ntable = os.environ['TABLE_NAME']"),
        (reads_the_environment, "from os import getenv"),
        (asks_what_time_it_is, "from datetime import datetime\nnow = datetime.now(UTC)"),
        (asks_what_time_it_is, "import datetime\nnow = datetime.datetime.utcnow()"),
        (asks_what_time_it_is, "import time\nstarted = time.time()"),
        (scans_the_table, "aws.dynamodb().scan(TableName=table)"),
    ],
)
def test_the_rules_notice(breaks: Callable[[str], bool], source: str) -> None:
    assert breaks(source)


@pytest.mark.parametrize(
    "source", ["from dispatch.offers import store", "import dispatch.offers.store as store"]
)
def test_the_rule_on_stores_notices(source: str) -> None:
    assert list(foreign_stores(source, "sessions"))
    assert not list(foreign_stores(source, "offers"))


# ------------------------------------------------------------------ what they hold for


def breaking(rule: Callable[[str], bool], but: str = "") -> list[str]:
    """The deployed modules that break a rule, except for the one whose job it is."""
    return [name(path) for path in DEPLOYED if rule(path.read_text()) and name(path) != but]


def test_only_settings_reads_the_environment() -> None:
    assert breaking(reads_the_environment, but="layers/domain/dispatch/core/settings.py") == []


def test_only_core_time_asks_what_time_it_is() -> None:
    assert breaking(asks_what_time_it_is, but="layers/domain/dispatch/core/time.py") == []


def test_nothing_deployed_scans_the_table() -> None:
    assert breaking(scans_the_table) == []


def test_a_store_belongs_to_its_capability() -> None:
    assert [
        (name(path), store)
        for path in DEPLOYED
        for store in foreign_stores(path.read_text(), path.parent.name)
    ] == []


@pytest.mark.parametrize("path", ENTRY_POINTS, ids=name)
def test_entry_points_are_thin(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    assert len(lines) <= 60


@pytest.mark.parametrize("path", [p for p in ENTRY_POINTS if p.name != "api.py"], ids=name)
def test_event_functions_start_without_the_web_framework(path: Path) -> None:
    """Importing FastAPI would nearly double their cold start."""
    program = (
        f"import sys; sys.path.insert(0, {str(path.parent)!r}); import {path.stem};"
        "print({'fastapi', 'mangum', 'pydantic', 'starlette'} & set(sys.modules))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(PACKAGE), "POWERTOOLS_SERVICE_NAME": "test"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "set()"
