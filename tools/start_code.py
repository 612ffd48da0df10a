"""Compile once, for ``dispatch.core.start``, what Python would compile at every start.

    python3.13 -m tools.start_code DOMAIN_LAYER DEPENDENCIES_LAYER [SERVICE ...]

Loads the domain layer, what FastAPI loads, and a client of each AWS service, and writes down the
methods of dataclasses and the regular expressions that were compiled. The layers may be built for
another machine, whose compiled packages do not load here: msgspec is stood in for, and modules with
pydantic are left out (what they have is compiled at the start). So the outcome is the same wherever
it is built.
"""

import dataclasses
import importlib
import marshal
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any

FOREIGN = "pydantic_core"
"""Never loaded here, so that what is left out is the same on every machine."""
FASTAPI_LOADS = (
    "annotated_types",
    "mangum",
    "opentelemetry._logs",
    "opentelemetry.metrics",
    "opentelemetry.propagate",
    "starlette.applications",
)
"""As far as it needs no pydantic."""


class _Anything(type):
    """A class that can be called, inherited from and asked for any name: more of its kind."""

    def __getattr__(cls, name: str) -> "_Anything":
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything(name, (cls,), {})


class _StandIn(metaclass=_Anything):
    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __init_subclass__(cls, **_: Any) -> None: ...


def main(domain: Path, dependencies: Path, services: Sequence[str]) -> int:
    sys.path[:0] = [str(domain), str(dependencies)]
    sys.modules["msgspec"] = _StandIn  # type: ignore[assignment]
    sys.modules[FOREIGN] = None  # type: ignore[assignment]
    for stale in domain.rglob("*.code"):
        stale.unlink()
    with _methods() as methods, _patterns() as patterns:
        for path in sorted(domain.rglob("*.py")):
            _import(".".join(path.relative_to(domain).with_suffix("").parts))
        for name in FASTAPI_LOADS:
            _import(name)
        _make_clients(services)
    start = importlib.import_module("dispatch.core.start")
    written = Path(start.CODE)
    written.write_bytes(
        start.VALID
        + marshal.dumps(
            {
                "methods": {name: marshal.dumps(codes) for name, codes in sorted(methods.items())},
                "patterns": dict(sorted(patterns.items(), key=repr)),
            }
        )
    )
    print(
        f"{sum(map(len, methods.values()))} dataclasses and {len(patterns)} regular expressions"
        f" compiled, {written.stat().st_size:,} bytes"
    )
    return 0


@contextmanager
def _methods() -> Iterator[dict[str, dict[str, CodeType]]]:
    """By module: the code of each source that its dataclasses have compiled."""
    found: dict[str, dict[str, CodeType]] = defaultdict(dict)

    def compile_and_execute(source: str, names: dict[str, Any], local: dict[str, Any]) -> None:
        code = compile(source, "<dataclass>", "exec")
        found[names["__name__"]][source] = code
        exec(code, names, local)

    dataclasses.exec = compile_and_execute  # type: ignore[attr-defined]
    try:
        yield found
    finally:
        del dataclasses.exec  # type: ignore[attr-defined]


@contextmanager
def _patterns() -> Iterator[dict[tuple[str | bytes, int], tuple[Any, ...]]]:
    """By regular expression and flags: what ``re`` hands to its engine, in plain numbers."""
    found: dict[tuple[str | bytes, int], tuple[Any, ...]] = {}
    compiler = vars(importlib.import_module("re._compiler"))
    real = {name: compiler[name] for name in ("_sre", "compile")}

    class Engine:
        made: tuple[Any, ...]

        def __getattr__(self, name: str) -> Any:
            return getattr(real["_sre"], name)

        def compile(self, pattern: Any, flags: int, code: Sequence[int], *groups: Any) -> Any:
            self.made = (pattern, int(flags), [int(number) for number in code], *groups)
            return real["_sre"].compile(*self.made)

    engine = Engine()

    def compile_and_record(pattern: str | bytes, flags: int = 0) -> re.Pattern[Any]:
        compiled: re.Pattern[Any] = real["compile"](pattern, flags)
        if type(pattern) in (str, bytes):  # re's own scanner compiles what is parsed already
            found[pattern, int(flags)] = engine.made
        return compiled

    re.purge()
    compiler.update(_sre=engine, compile=compile_and_record)
    try:
        yield found
    finally:
        compiler.update(real)


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] != FOREIGN:
            raise


def _make_clients(services: Sequence[str]) -> None:
    session = importlib.import_module("boto3").session.Session("none", "none", region_name="none")
    for service in services:
        session.client(service)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
