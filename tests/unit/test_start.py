"""A start with the code that the build has compiled: in processes of their own."""

import gc
import shutil
import subprocess
import sys
from pathlib import Path

import boto3

from dispatch.core import start

ROOT = Path(__file__).parents[2]
SITE_PACKAGES = Path(boto3.__file__).parents[1]
STARTED = """
import builtins, gc
compiled = []
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
    start.quicken(str(tmp_path / "dataclasses.code"))
    assert gc.isenabled()
    start.done()
    assert gc.isenabled()


def test_code_of_another_python_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "dataclasses.code").write_bytes(b"other")
    start.quicken(str(tmp_path / "dataclasses.code"))
    assert gc.isenabled()


def test_what_the_build_compiled_is_what_runs(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "layers" / "domain" / "dispatch",
        tmp_path / "dispatch",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    told = run(tmp_path, "-m", "tools.dataclass_code", str(tmp_path), str(SITE_PACKAGES))
    assert int(told.split()[0]) > 90
    assert run(tmp_path, "-c", STARTED) == "0\n"
