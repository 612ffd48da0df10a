"""What makes a built function's start quick; elsewhere nothing of it happens.

Half of what the domain layer costs at a start is the methods of its dataclasses: Python writes
their source and compiles it anew in every process. ``make build`` compiles it once
(``tools/dataclass_code.py``) and puts the code beside this module. A class whose source is not in
there, because it or Python was changed, is compiled as always. The file is as trusted as the
modules beside it.
"""

import dataclasses
import gc
import marshal
from importlib.util import MAGIC_NUMBER
from types import CodeType
from typing import Any

CODE = __file__.removesuffix("start.py") + "dataclasses.code"
"""A build's: the bytecode's magic number, then, by module, the marshalled code by its source."""


def quicken(path: str = CODE) -> None:
    """Start without compiling dataclasses and without collecting garbage, of which there is none.

    Called before any of ours is imported. Whoever does, calls ``done`` when all is imported.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            if file.read(len(MAGIC_NUMBER)) != MAGIC_NUMBER:
                return
            modules: dict[str, bytes] = marshal.load(file)  # noqa: S302
    except FileNotFoundError:
        return
    gc.disable()
    codes: dict[str, dict[str, CodeType]] = {}

    def execute(source: str, names: dict[str, Any], local: dict[str, Any]) -> None:
        module = names.get("__name__", "")
        if module in modules:
            codes[module] = marshal.loads(modules.pop(module))  # noqa: S302
        exec(codes.get(module, {}).get(source, source), names, local)  # noqa: S102

    # Looked up there before the built-in one. Python 3.13 asks for it once per dataclass.
    dataclasses.exec = execute  # type: ignore[attr-defined]


def done() -> None:
    """Collect garbage again, but never look at what the start has left: it stays."""
    if not gc.isenabled():
        gc.enable()
        gc.freeze()
