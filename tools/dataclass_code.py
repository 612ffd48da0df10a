"""Compile the methods of the domain layer's dataclasses, once, for ``dispatch.core.start``.

    python3.13 -m tools.dataclass_code DOMAIN_LAYER DEPENDENCIES_LAYER

Imports every module that has dataclasses and writes down what Python compiles for them. The layers
may be built for another machine, whose compiled packages do not load here: msgspec is stood in for,
and modules with pydantic are left out (their few dataclasses are compiled at the start). So the
outcome is the same wherever it is built.
"""

import ast
import dataclasses
import importlib
import marshal
import sys
from collections import defaultdict
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType
from typing import Any

FOREIGN = "pydantic_core"
"""Never loaded here, so that what is left out is the same on every machine."""


class _Anything(type):
    """A class that can be called, inherited from and asked for any name: more of its kind."""

    def __getattr__(cls, name: str) -> "_Anything":
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything(name, (cls,), {})


class _StandIn(metaclass=_Anything):
    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __init_subclass__(cls, **_: Any) -> None: ...


def main(domain: Path, dependencies: Path) -> int:
    sys.path[:0] = [str(domain), str(dependencies)]
    sys.modules["msgspec"] = _StandIn  # type: ignore[assignment]
    sys.modules[FOREIGN] = None  # type: ignore[assignment]
    path = domain / "dispatch" / "core" / "dataclasses.code"
    path.unlink(missing_ok=True)
    found = record(domain)
    modules = {name: marshal.dumps(codes) for name, codes in sorted(found.items())}
    path.write_bytes(MAGIC_NUMBER + marshal.dumps(modules))
    print(f"{sum(map(len, found.values()))} dataclasses compiled, {path.stat().st_size:,} bytes")
    return 0


def record(domain: Path) -> dict[str, dict[str, CodeType]]:
    """By module: the code of each source that its dataclasses have compiled."""
    found: dict[str, dict[str, CodeType]] = defaultdict(dict)

    def compile_and_execute(source: str, names: dict[str, Any], local: dict[str, Any]) -> None:
        code = compile(source, "<dataclass>", "exec")
        found[names["__name__"]][source] = code
        exec(code, names, local)

    dataclasses.exec = compile_and_execute  # type: ignore[attr-defined]
    try:
        for path in sorted(domain.rglob("*.py")):
            if _has_dataclasses(path):
                _import(".".join(path.relative_to(domain).with_suffix("").parts))
    finally:
        del dataclasses.exec  # type: ignore[attr-defined]
    return {name: codes for name, codes in found.items() if name.split(".")[0] == "dispatch"}


def _has_dataclasses(path: Path) -> bool:
    return any(
        "dataclass" in ast.unparse(decorator)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
    )


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] != FOREIGN:
            raise


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))
