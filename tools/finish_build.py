"""The last step of `make build`: make what was built small and quick to start, and check it.

    python3.13 -m tools.finish_build .aws-sam/build [--record]

1. Leaves out what no function uses (``tools/pruning.py``).
2. Compiles the methods of dataclasses and regular expressions (``tools/start_code.py``).
3. Compiles every module. Lambda's file system is read-only: without valid bytecode every cold
   start compiles everything again. Valid whatever happens to timestamps (`unchecked-hash`), the
   same bytes wherever it was built (no paths in it, and the Makefile fixes the hash seed).
4. Fails, saying what to do, where a module has no valid bytecode, an event function would import
   the web framework, a function with its layers is larger than Lambda unpacks, or an artifact has
   grown by more than 10 % (and 4 KB) over `tools/artifact_sizes.json`, which `--record` writes.

Runs on the Python that Lambda runs, for its bytecode, and needs nothing installed.
"""

import ast
import compileall
import importlib.util
import json
import marshal
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode
from types import CodeType

from tools import pruning

ROOT = Path(__file__).parents[1]
SIZES = Path(__file__).with_name("artifact_sizes.json")
GROWTH = 1.10
SLACK = 4_096
"""Bytes that are no growth worth a word: an entry point has a few thousand in all."""
LIMIT = 250 * 1024 * 1024
"""Bytes that a function and its layers may have, unpacked: Lambda's quota."""

WEB = {"fastapi", "mangum", "starlette", "pydantic"}
FINISHED = "finished"
"""A file in the folder of a build that has no faults."""
UNCHECKED_HASH = 0b01
"""The flags of bytecode that is taken without a look at its source (PEP 552)."""


def main(build: Path, record: bool) -> int:
    (build / FINISHED).unlink(missing_ok=True)
    dependencies = build / "DependenciesLayer" / "python"
    domain = build / "DomainLayer" / "python"
    used = services(domain / "dispatch" / "core" / "aws.py")
    pruning.prune(dependencies, used)
    for cache in list(build.rglob("__pycache__")):
        shutil.rmtree(cache)
    compile_start(domain, dependencies, used)
    # -s: no build path in tracebacks, and none in the bytes.
    compileall.compile_dir(
        build,
        quiet=1,
        stripdir=str(build),
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        workers=0,
    )
    sizes = {folder.name: size(folder) for folder in sorted(build.iterdir()) if folder.is_dir()}
    if record:
        SIZES.write_text(json.dumps(sizes, indent=2) + "\n")
    faults = [
        *(fault for path in sorted(build.rglob("*.py")) for fault in bytecode_faults(path, build)),
        *import_faults(dependencies),
        *web_faults(build),
        *size_faults(sizes, json.loads(SIZES.read_text())),
    ]
    for fault in faults:
        print(f"build: {fault}", file=sys.stderr)
    layers = sizes["DomainLayer"] + sizes["DependenciesLayer"]
    print(
        f"{len(sizes)} artifacts, the layers {layers / 1e6:.0f} MB unpacked; {len(faults)} faults"
    )
    if faults:
        return 1
    (build / FINISHED).touch()
    return 0


def services(module: Path) -> set[str]:
    """The AWS services that the domain layer has clients of: what their one maker is asked for."""
    return {
        str(node.args[0].value)
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "_client"
        and isinstance(node.args[0], ast.Constant)
    }


def compile_start(domain: Path, dependencies: Path, used: set[str]) -> None:
    """In a process of its own: modules are loaded that must not stay."""
    program = [sys.executable, "-s", "-B", "-m", "tools.start_code"]
    folders = [str(domain), str(dependencies)]
    subprocess.run([*program, *folders, *sorted(used)], cwd=ROOT, env=nobodys(), check=True)


def nobodys() -> dict[str, str]:
    """This environment without what whoever builds has told AWS's clients: it must not matter."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def bytecode_faults(source: Path, build: Path) -> Iterator[str]:
    """What is wrong with the bytecode that Lambda would load for a module."""
    name = source.relative_to(build)
    compiled = Path(importlib.util.cache_from_source(str(source)))
    if not compiled.exists():
        yield f"{name} has no bytecode; does it compile on Python 3.13?"
        return
    content = compiled.read_bytes()
    if content[:4] != importlib.util.MAGIC_NUMBER:
        yield f"{name} was compiled by another Python; build with the one that Lambda runs"
    elif int.from_bytes(content[4:8], "little") != UNCHECKED_HASH:
        yield f"{name} has bytecode that depends on timestamps; compile it as unchecked-hash"
    elif content[8:16] != importlib.util.source_hash(source.read_bytes()):
        yield f"{name} has the bytecode of another source; build anew"
    elif str(build) in path_in(content):
        yield f"{name} has the path of the build in its bytecode; strip it (compileall -s)"


def path_in(compiled: bytes) -> str:
    code = marshal.loads(compiled[16:])
    assert isinstance(code, CodeType)
    return code.co_filename


def import_faults(packages: Path) -> Iterator[str]:
    """Whether too much was left out."""
    program = f"import sys; sys.path.insert(0, {str(packages)!r})\n{pruning.STILL_WORKS}"
    ran = subprocess.run(
        [sys.executable, "-I", "-B", "-c", program],
        env=nobodys(),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        told = ran.stderr.strip().splitlines()[-1]
        yield f"packages no longer load: {told}; see tools/pruning.py"


def web_faults(build: Path) -> Iterator[str]:
    """Event functions that would load the web framework at their start: nearly twice as slow."""
    for entry in sorted(build.glob("*Function/*.py")):
        if entry.stem == "api":
            continue
        for chain in chains_to_web(entry, build):
            yield f"{entry.parent.name} starts no HTTP but imports {' -> '.join(chain)}"


def chains_to_web(entry: Path, build: Path) -> Iterator[list[str]]:
    roots = (entry.parent, build / "DomainLayer" / "python")
    seen: set[str] = set()
    todo = [[entry.stem]]
    while todo:
        chain = todo.pop()
        if chain[-1].split(".")[0] in WEB:
            yield chain
            continue
        path = next(filter(None, (file_of(chain[-1], root) for root in roots)), None)
        if path is None or chain[-1] in seen:
            continue
        seen.add(chain[-1])
        names = {part for name in imports_at_start(path) for part in with_parents(name)}
        todo += [[*chain, name] for name in sorted(names)]


def with_parents(module: str) -> Iterator[str]:
    """A module is loaded after the packages that it is in."""
    parts = module.split(".")
    yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def file_of(module: str, root: Path) -> Path | None:
    path = root.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((found for found in candidates if found.exists()), None)


def imports_at_start(path: Path) -> Iterator[str]:
    """Modules that are loaded with this one; not what a function imports when it is called."""
    todo: list[ast.AST] = [ast.parse(path.read_text())]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not only_types(node):
            todo += ast.iter_child_nodes(node)


def only_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def size_faults(sizes: dict[str, int], recorded: dict[str, int]) -> Iterator[str]:
    again = "if that is meant, record it: make build-sizes"
    for name, now in sizes.items():
        before = recorded.get(name)
        if before is None:
            yield f"{name} has no recorded size; {again}"
        elif now > before * GROWTH + SLACK:
            yield f"{name} has grown from {before:,} to {now:,} bytes; {again}"
    layers = sizes["DomainLayer"] + sizes["DependenciesLayer"]
    largest = max((now for name, now in sizes.items() if name.endswith("Function")), default=0)
    if layers + largest > LIMIT:
        yield f"layers and the largest function have {layers + largest:,} bytes; Lambda: {LIMIT:,}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), record="--record" in sys.argv[2:]))
