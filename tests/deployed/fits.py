"""``python -m tests.deployed.fits``: whether what is built can be deployed to this machine.

If not, says why, and ends with 1.
"""

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from local import processes
from tools.finish_build import FINISHED

ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
"""Lambda's names of machines, by their own."""
BUILD = processes.ROOT / ".aws-sam" / "build"
_SOURCES = (
    "template.yaml",
    "functions",
    "layers",
    *(f"tools/{name}.py" for name in ("finish_build", "pruning", "start_code")),
)


def why_not(build: Path, root: Path, machine: str) -> str | None:
    """Why what was built of ``root`` cannot run on such a machine, or is not what it would be."""
    template = build / "template.yaml"
    if not template.exists():
        return "Nothing is built"
    if not list(build.glob(f"DependenciesLayer/python/pydantic_core/*-{machine}-*.so")):
        return f"What is built is not for {machine}"
    if not (build / FINISHED).exists():
        return "What is built was not finished, or has faults"
    built_at = template.stat().st_mtime
    for source in _sources(root):
        if source.stat().st_mtime > built_at:
            return f"{source.relative_to(root)} has changed since it was built"
    layer, source = build / "DomainLayer" / "python", root / "layers" / "domain"
    for built in sorted(_files(layer)):
        if built.suffix != ".code" and not (source / built.relative_to(layer)).exists():
            return f"{built.relative_to(layer)} has gone since it was built"
    return None


def _sources(root: Path) -> Iterator[Path]:
    for name in _SOURCES:
        if (root / name).is_dir():
            yield from _files(root / name)
        elif (root / name).exists():
            yield root / name


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


if __name__ == "__main__":
    why = why_not(BUILD, processes.ROOT, platform.machine())
    if why:
        sys.stdout.write(why)
    sys.exit(1 if why else 0)
