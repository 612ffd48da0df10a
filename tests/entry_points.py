"""Loads functions as Lambda does: by file, since ``functions/`` is on nobody's path."""

import functools
import importlib.util
from pathlib import Path
from types import ModuleType

from tests.roles import guarded

FUNCTIONS = Path(__file__).parents[1] / "functions"


@functools.cache
def load(name: str) -> ModuleType:
    """The module of an entry point: ``mechanics/api``. Once, for it takes a tenth of a second.

    Its handler does what the function's role allows.
    """
    spec = importlib.util.spec_from_file_location(name.replace("/", "_"), FUNCTIONS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    setattr(module, "handler", guarded(name, module.handler))  # noqa: B010 - a module's type has none
    return module
