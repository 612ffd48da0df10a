"""What makes a built function's start quick; elsewhere nothing of it happens.

At every start Python writes the source of each dataclass' methods and compiles it, half of what the
domain layer costs, and compiles some 170 regular expressions, a sixth of what boto3 and a client
cost. ``make build`` does both once (``tools/start_code.py``) and puts the outcome beside this
module. A class or a pattern that is not in there, because it or Python was changed, is compiled as
always. The file is as trusted as the modules beside it.
"""

import dataclasses
import gc
import marshal
import re
from importlib import import_module
from importlib.util import MAGIC_NUMBER
from types import CodeType
from typing import Any

_sre: Any = import_module("_sre")
CODE = __file__.removesuffix("start.py") + "start.code"
"""A build's: ``VALID``, then, marshalled, ``methods`` (by module, marshalled again, the code of
each source) and ``patterns`` (by pattern and flags, what ``re`` hands to its engine)."""
VALID = MAGIC_NUMBER + _sre.MAGIC.to_bytes(4, "little")
"""Of what this Python understands: its bytecode, and that of its regular expressions."""


def quicken(path: str = CODE) -> None:
    """Start without compiling what the build has, and without collecting garbage: there is none.

    Called before anything else is imported. Whoever does, calls ``done`` when all is imported.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            content = file.read()
    except FileNotFoundError:
        return
    if not content.startswith(VALID):
        return
    gc.disable()
    made = marshal.loads(content[len(VALID) :])  # noqa: S302
    _take_methods(made["methods"])
    _take_patterns(made["patterns"])


def _take_methods(modules: dict[str, bytes]) -> None:
    codes: dict[str, dict[str, CodeType]] = {}

    def execute(source: str, names: dict[str, Any], local: dict[str, Any]) -> None:
        module = names.get("__name__", "")
        if module in modules:
            codes[module] = marshal.loads(modules.pop(module))  # noqa: S302
        exec(codes.get(module, {}).get(source, source), names, local)  # noqa: S102

    # Looked up there before the built-in one. Python 3.13 asks for it once per dataclass.
    dataclasses.exec = execute  # type: ignore[attr-defined]


def _take_patterns(patterns: dict[tuple[str | bytes, int], tuple[Any, ...]]) -> None:
    compiler: Any = import_module("re._compiler")
    compile_anew = compiler.compile

    def compile_(pattern: str | bytes, flags: int = 0) -> re.Pattern[Any]:
        made = patterns.pop((pattern, int(flags)), None)  # `re` and whoever asks keep what is made
        compiled: re.Pattern[Any] = _sre.compile(*made) if made else compile_anew(pattern, flags)
        return compiled

    compiler.compile = compile_


def done() -> None:
    """Collect garbage again, but never look at what the start has left: it stays."""
    if not gc.isenabled():
        gc.enable()
        gc.freeze()
