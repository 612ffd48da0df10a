"""What of AWS a function's code can reach, read from the code.

From the entry point on, every function that is mentioned is followed, whether it is called there or
handed on. So the answer may hold more than ever happens, and never less, as long as the code keeps
to its two ways out: ``dispatch.core.table`` for the table, ``aws.<service>().<operation>(...)``
for everything else.
"""

import ast
import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.template.stack import ROOT

PACKAGE = ROOT / "layers/domain"
TABLE = "dispatch.core.table"
CLAUSES = {
    "put": "PutItem",
    "record": "PutItem",
    "update": "UpdateItem",
    "delete": "DeleteItem",
    "check": "ConditionCheckItem",
}
"""What a clause of a transaction, ``tx.put(...)``, needs."""


@dataclass(frozen=True)
class Module:
    """Definitions by name, and what imported names stand for: a module and a name in it."""

    body: list[ast.stmt]
    defined: dict[str, ast.stmt] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        module = cls(ast.parse(path.read_text()).body)
        for node in module.body:
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    module.defined[node.name] = node
                case (
                    ast.Assign(targets=[ast.Name(id=name)])
                    | ast.AnnAssign(target=ast.Name(id=name))
                ):
                    module.defined[name] = node
                case ast.ImportFrom(module=str(source)):
                    for alias in node.names:
                        module.imported[alias.asname or alias.name] = source, alias.name
        return module


MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): Module.read(path)
    for path in PACKAGE.rglob("*.py")
}


@functools.cache
def reached(entry_point: Path) -> frozenset[str]:
    """IAM actions, ``dynamodb:Query <index>`` for indexes, ``settings.<name>`` for settings,
    ``metric.<name>`` for metrics.
    """
    entry = Module.read(entry_point)
    todo = [(entry, node) for node in entry.body if not isinstance(node, ast.ImportFrom)]
    seen: set[ast.stmt] = set()
    found: set[str] = set()
    while todo:
        module, statement = todo.pop()
        found |= {f"metric.{name}" for name in _counted(statement)}
        for node in ast.walk(statement):
            found |= _uses(module, node)
            other, definition = _mentions(module, node)
            if definition and definition not in seen:
                seen.add(definition)
                todo.append((other, definition))
    return frozenset(found)


def _counted(statement: ast.stmt) -> Iterator[str]:
    """Names of metrics. One that is put together may be any that the function's words make up."""
    words = [
        node.value
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isalpha()
    ]
    for node in ast.walk(statement):
        match node:
            case ast.Call(func=ast.Attribute(attr="add_metric"), args=[name, *_]):
                parts = name.values if isinstance(name, ast.JoinedStr) else [name]
                choices = [
                    [str(part.value)] if isinstance(part, ast.Constant) else words for part in parts
                ]
                yield from map("".join, itertools.product(*choices))
            case ast.Call(
                func=ast.Name(id="single_metric"), args=[ast.Constant(value=str(one)), *_]
            ):
                yield one


def _mentions(module: Module, node: ast.AST) -> tuple[Module, ast.stmt | None]:
    """The definition of ours that a name or ``module.name`` stands for, and where it stands."""
    match node:
        case ast.Name(id=name) if name in module.defined:
            return module, module.defined[name]
        case ast.Name(id=name) if name in module.imported:
            source, name = module.imported[name]
        case ast.Attribute(value=ast.Name(id=alias), attr=name) if alias in module.imported:
            source = ".".join(module.imported[alias])
        case _:
            return module, None
    other = MODULES.get(source, module)
    # The table's own code is told by what is asked of it.
    return other, None if source == TABLE or other is module else other.defined.get(name)


def _uses(module: Module, node: ast.AST) -> set[str]:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="tx"), attr=verb)) if verb in CLAUSES:
            return {f"dynamodb:{CLAUSES[verb]}"}
        case ast.Call(func=ast.Name(id=name)) if module.imported.get(name) == (TABLE, "get"):
            return {"dynamodb:GetItem"}
        case ast.Call(func=ast.Name(id=name)) if module.imported.get(name) == (TABLE, "get_many"):
            return {"dynamodb:BatchGetItem"}
        case ast.Call(func=ast.Name(id=name)) if module.imported.get(name) == (TABLE, "query"):
            index = [ast.unparse(k.value).lower() for k in node.keywords if k.arg == "index"]
            return {" ".join(["dynamodb:Query", *index])}
        case ast.Call(
            func=ast.Attribute(
                value=ast.Call(func=ast.Attribute(value=ast.Name(id="aws"), attr=service)),
                attr=operation,
            )
        ):
            return {f"{service.replace('_', '-')}:{operation.title().replace('_', '')}"}
        case ast.Attribute(value=ast.Name(id="settings"), attr=name):
            return {f"settings.{name}"}
    return set()
