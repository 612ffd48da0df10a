"""A start with the code that the build has compiled: in processes of their own."""

import gc
import marshal
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import boto3
import pytest

from dispatch.core import start

ROOT = Path(__file__).parents[2]
SITE_PACKAGES = Path(boto3.__file__).parents[1]
STARTED = """
import builtins, gc, re
compiled = []
patterns = []
parse = re._compiler._parser.parse
def count_patterns(pattern, *flags):
    patterns.append(pattern)
    return parse(pattern, *flags)
re._compiler._parser.parse = count_patterns
built_in = builtins.exec
def count(source, *names):
    if isinstance(source, str):
        compiled.append(source)
    built_in(source, *names)
builtins.exec = count
from dispatch.sessions.model import Intake
assert not gc.isenabled()
from dispatch.core import start
start.done()
assert gc.isenabled() and gc.get_freeze_count()
assert Intake.__init__.__code__.co_filename == "<dataclass>"
print(len([source for source in compiled if "__create_fn__" in source and "dispatch" in source]))
import boto3
boto3.client("dynamodb", region_name="ca-central-1")
print(*map(repr, patterns), sep="\\n")
"""


def run(layer: Path, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-B", *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": str(layer), "POWERTOOLS_SERVICE_NAME": "test"},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


def test_nothing_happens_where_nothing_is_built(tmp_path: Path) -> None:
    start.quicken(str(tmp_path / "start.code"))
    assert gc.isenabled()
    start.done()
    assert gc.isenabled()


def test_code_of_another_python_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "start.code").write_bytes(b"other")
    start.quicken(str(tmp_path / "start.code"))
    assert gc.isenabled()


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layer")
    shutil.copytree(
        ROOT / "layers" / "domain" / "dispatch",
        folder / "dispatch",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    told = run(folder, "-m", "tools.start_code", str(folder), str(SITE_PACKAGES), "dynamodb")
    assert int(told.split()[0]) > 90
    return folder


def test_what_the_build_compiled_is_what_runs(layer: Path) -> None:
    classes, *patterns = run(layer, "-c", STARTED).splitlines()
    assert classes == "0"
    # Modules that the tool itself is made with are loaded before it looks.
    assert len(patterns) < 10, patterns


def test_regular_expressions_are_those_that_python_compiles(layer: Path) -> None:
    content = (layer / "dispatch" / "core" / "start.code").read_bytes()
    patterns = marshal.loads(content[len(start.VALID) :])["patterns"]
    assert len(patterns) > 100
    for (pattern, flags), made in patterns.items():
        ours, theirs = import_module("_sre").compile(*made), re.compile(pattern, flags)
        assert ours == theirs, pattern
        assert ours.groupindex == theirs.groupindex, pattern
