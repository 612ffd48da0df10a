"""``python -m tests.deployed.fits``: whether what is built can be deployed to this machine.

If not, says why, and ends with 1.
"""

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from local import processes

BUILD = processes.ROOT / ".aws-sam" / "build"
_SOURCES = ("template.yaml", "functions", "layers", "tools")


def why_not(build: Path, root: Path, machine: str) -> str | None:
    """Why what was built of ``root`` cannot run on such a machine, or is not what it would be."""
    finished = build / "template.yaml"
    if not finished.exists():
        return "Nothing is built"
    if not list(build.glob(f"DependenciesLayer/python/pydantic_core/*-{machine}-*.so")):
        return f"What is built is not for {machine}"
    if not list(build.glob("DomainLayer/python/dispatch/__pycache__/*.pyc")):
        return "What is built was not finished"
    built_at = finished.stat().st_mtime
    for source in _sources(root):
        if source.stat().st_mtime > built_at:
            return f"{source.relative_to(root)} has changed since it was built"
    layer = build / "DomainLayer" / "python"
    for built in layer.rglob("*.py"):
        if not (root / "layers" / "domain" / built.relative_to(layer)).exists():
            return f"{built.relative_to(layer)} has gone since it was built"
    return None


def _sources(root: Path) -> Iterator[Path]:
    yield root / _SOURCES[0]
    for name in _SOURCES[1:]:
        for path in (root / name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


if __name__ == "__main__":
    why = why_not(BUILD, processes.ROOT, platform.machine())
    if why:
        sys.stdout.write(why)
    sys.exit(1 if why else 0)
