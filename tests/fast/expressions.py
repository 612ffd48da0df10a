"""DynamoDB's expressions: conditions, key conditions and updates.

The part of the language that this code base speaks: attributes are always ``#name``, never nested,
values always ``:name``. An expression is parsed once.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Generic, TypeVar

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, VisitError

from tests.fast.values import (
    ORDERED,
    SETS,
    InvalidRequest,
    InvalidUpdate,
    Item,
    Value,
    add,
    length,
)

_GRAMMAR = r"""
?condition: both | condition "OR"i both -> either
?both: negation | both "AND"i negation
?negation: test | "NOT"i negation -> negated
?test: operand (EQUALS | OTHER) operand -> compare
    | operand "BETWEEN"i operand "AND"i operand -> between
    | operand "IN"i "(" operand ("," operand)* ")" -> one_of
    | "attribute_exists" "(" path ")" -> exists
    | "attribute_not_exists" "(" path ")" -> not_exists
    | "contains" "(" path "," operand ")" -> contains
    | "begins_with" "(" path "," operand ")" -> begins_with
    | "(" condition ")" -> group
?operand: path | value | "size" "(" path ")" -> size

update: (set | remove | add | delete)+
set: "SET"i assignment ("," assignment)*
assignment: path "=" sum
?sum: term | term SIGN term -> plus
?term: path | value
    | "if_not_exists" "(" path "," term ")" -> if_not_exists
    | "list_append" "(" term "," term ")" -> list_append
    | "(" sum ")"
remove: "REMOVE"i path ("," path)*
add: "ADD"i change ("," change)*
delete: "DELETE"i change ("," change)*
change: path value

path: NAME
value: VALUE
EQUALS: "="
OTHER: "<>" | "<=" | ">=" | "<" | ">"
SIGN: "+" | "-"
NAME: /#[A-Za-z0-9_]+/
VALUE: /:[A-Za-z0-9_]+/
%ignore /\s+/
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression is about: an item, and what its names and values stand for."""

    item: Item
    names: Mapping[str, str]
    values: Mapping[str, Value]

    def of(self, item: Item) -> "Scope":
        """The same about another item."""
        return Scope(item, self.names, self.values)


# Operands


class Operand(ABC):
    @abstractmethod
    def value(self, scope: Scope) -> Value | None:
        """The value, None where the item has none."""


@dataclass(frozen=True, slots=True)
class Path(Operand):
    token: str

    def name(self, scope: Scope) -> str:
        return scope.names[self.token]

    def value(self, scope: Scope) -> Value | None:
        return scope.item.get(scope.names[self.token])


@dataclass(frozen=True, slots=True)
class Literal(Operand):
    token: str

    def value(self, scope: Scope) -> Value:
        return scope.values[self.token]


@dataclass(frozen=True, slots=True)
class Size(Operand):
    path: Path

    def value(self, scope: Scope) -> Value | None:
        value = self.path.value(scope)
        size = length(value) if value else None
        return None if size is None else ("N", size)


def given(operand: Operand, scope: Scope) -> Value | None:
    """The value if it stands in the request itself."""
    return operand.value(scope) if isinstance(operand, Literal) else None


# Conditions


class Condition(ABC):
    @abstractmethod
    def holds(self, scope: Scope) -> bool: ...

    @abstractmethod
    def check(self, scope: Scope) -> None:
        """Raise InvalidRequest for what is wrong whatever the item is."""


@dataclass(frozen=True, slots=True)
class Either(Condition):
    left: Condition
    right: Condition

    def holds(self, scope: Scope) -> bool:
        return self.left.holds(scope) or self.right.holds(scope)

    def check(self, scope: Scope) -> None:
        self.left.check(scope)
        self.right.check(scope)


@dataclass(frozen=True, slots=True)
class Both(Condition):
    left: Condition
    right: Condition

    def holds(self, scope: Scope) -> bool:
        return self.left.holds(scope) and self.right.holds(scope)

    def check(self, scope: Scope) -> None:
        self.left.check(scope)
        self.right.check(scope)


@dataclass(frozen=True, slots=True)
class Negated(Condition):
    inner: Condition

    def holds(self, scope: Scope) -> bool:
        return not self.inner.holds(scope)

    def check(self, scope: Scope) -> None:
        self.inner.check(scope)


@dataclass(frozen=True, slots=True)
class Group(Condition):
    inner: Condition

    def holds(self, scope: Scope) -> bool:
        return self.inner.holds(scope)

    def check(self, scope: Scope) -> None:
        if isinstance(self.inner, Group):
            raise InvalidRequest("The expression has redundant parentheses")
        self.inner.check(scope)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": eq,
    "<>": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}


def _compare(left: Value | None, sign: str, right: Value | None) -> bool:
    if sign in {"=", "<>"}:
        same = left is not None and left == right
        return same is (sign == "=")
    if left is None or right is None or left[0] != right[0] or left[0] not in ORDERED:
        return False
    return _COMPARISONS[sign](left[1], right[1])


def _check_operands(scope: Scope, first: Operand, *others: Operand, ordered: bool) -> None:
    if isinstance(first, Path) and first.name(scope) in {
        operand.name(scope) for operand in others if isinstance(operand, Path)
    }:
        raise InvalidRequest("The first operand must be distinct from the remaining ones")
    if ordered:
        for operand in (first, *others):
            literal = given(operand, scope)
            if literal and literal[0] not in ORDERED:
                raise InvalidRequest("Incorrect operand type for operator or function")


@dataclass(frozen=True, slots=True)
class Compare(Condition):
    left: Operand
    sign: str
    right: Operand

    def holds(self, scope: Scope) -> bool:
        return _compare(self.left.value(scope), self.sign, self.right.value(scope))

    def check(self, scope: Scope) -> None:
        ordered = self.sign not in {"=", "<>"}
        _check_operands(scope, self.left, self.right, ordered=ordered)


@dataclass(frozen=True, slots=True)
class Between(Condition):
    operand: Operand
    low: Operand
    high: Operand

    def holds(self, scope: Scope) -> bool:
        value = self.operand.value(scope)
        return _compare(self.low.value(scope), "<=", value) and _compare(
            value, "<=", self.high.value(scope)
        )

    def check(self, scope: Scope) -> None:
        _check_operands(scope, self.operand, self.low, self.high, ordered=True)
        low, high = given(self.low, scope), given(self.high, scope)
        if low and high:
            if low[0] != high[0]:
                raise InvalidRequest("BETWEEN requires bounds of the same type")
            if low[1] > high[1]:
                raise InvalidRequest("BETWEEN requires an upper bound not below the lower one")


@dataclass(frozen=True, slots=True)
class OneOf(Condition):
    operand: Operand
    choices: tuple[Operand, ...]

    def holds(self, scope: Scope) -> bool:
        value = self.operand.value(scope)
        return any(_compare(value, "=", choice.value(scope)) for choice in self.choices)

    def check(self, scope: Scope) -> None:
        _check_operands(scope, self.operand, *self.choices, ordered=False)


@dataclass(frozen=True, slots=True)
class Exists(Condition):
    path: Path

    def holds(self, scope: Scope) -> bool:
        return self.path.value(scope) is not None

    def check(self, scope: Scope) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Contains(Condition):
    path: Path
    part: Operand

    def holds(self, scope: Scope) -> bool:
        whole, part = self.path.value(scope), self.part.value(scope)
        if whole is None or part is None:
            return False
        type_, content = whole
        if type_ == "L":
            return part in content
        if type_ == part[0] and type_ in {"S", "B"}:
            return part[1] in content
        return SETS.get(type_) == part[0] and part[1] in content

    def check(self, scope: Scope) -> None:
        _check_operands(scope, self.path, self.part, ordered=False)


@dataclass(frozen=True, slots=True)
class BeginsWith(Condition):
    path: Path
    prefix: Operand

    def holds(self, scope: Scope) -> bool:
        whole, prefix = self.path.value(scope), self.prefix.value(scope)
        if whole is None or prefix is None or whole[0] != prefix[0]:
            return False
        return whole[0] in {"S", "B"} and bool(whole[1].startswith(prefix[1]))

    def check(self, scope: Scope) -> None:
        _check_operands(scope, self.path, self.prefix, ordered=False)
        literal = given(self.prefix, scope)
        if literal and literal[0] not in {"S", "B"}:
            raise InvalidRequest("Incorrect operand type for operator or function: begins_with")


# Updates


@dataclass(frozen=True, slots=True)
class Plus(Operand):
    left: Operand
    sign: str
    right: Operand

    def value(self, scope: Scope) -> Value | None:
        left, right = _needed(self.left, scope), _needed(self.right, scope)
        if left[0] != "N" or right[0] != "N":
            raise InvalidUpdate("An operand in the update expression has an incorrect data type")
        return "N", add(left[1], right[1] if self.sign == "+" else -right[1])

    def check(self, scope: Scope) -> None:
        for operand in (self.left, self.right):
            literal = given(operand, scope)
            if literal and literal[0] != "N":
                raise InvalidRequest("Incorrect operand type for operator or function: +")


@dataclass(frozen=True, slots=True)
class IfNotExists(Operand):
    path: Path
    otherwise: Operand

    def value(self, scope: Scope) -> Value | None:
        return self.path.value(scope) or self.otherwise.value(scope)


@dataclass(frozen=True, slots=True)
class ListAppend(Operand):
    first: Operand
    second: Operand

    def value(self, scope: Scope) -> Value | None:
        first, second = _needed(self.first, scope), _needed(self.second, scope)
        if first[0] != "L" or second[0] != "L":
            raise InvalidUpdate("An operand in the update expression has an incorrect data type")
        return "L", first[1] + second[1]


def _needed(operand: Operand, scope: Scope) -> Value:
    value = operand.value(scope)
    if value is None:
        raise InvalidUpdate("The provided expression refers to an attribute that does not exist")
    return value


@dataclass(frozen=True, slots=True)
class Update:
    """The four sections of an update. All of it looks at the item as it was before."""

    set: tuple[tuple[Path, Operand], ...] = ()
    remove: tuple[Path, ...] = ()
    add: tuple[tuple[Path, Literal], ...] = ()
    delete: tuple[tuple[Path, Literal], ...] = ()

    def check(self, scope: Scope) -> frozenset[str]:
        """The names of what is written. Raises InvalidRequest."""
        targets = [path.name(scope) for path in self._targets()]
        if len(set(targets)) < len(targets):
            raise InvalidRequest("Two document paths overlap with each other")
        for _, operand in self.set:
            if isinstance(operand, Plus):
                operand.check(scope)
        for pairs, types in ((self.add, {"N", *SETS}), (self.delete, {*SETS})):
            for _, literal in pairs:
                if literal.value(scope)[0] not in types:
                    raise InvalidRequest("Incorrect operand type for operator or function: ADD")
        return frozenset(targets)

    def _targets(self) -> Iterator[Path]:
        yield from self.remove
        for pairs in (self.set, self.add, self.delete):
            for path, _ in pairs:
                yield path

    def apply(self, scope: Scope) -> dict[str, Value]:
        """The item after the update. Raises InvalidUpdate."""
        after = dict(scope.item)
        for path, operand in self.set:
            after[path.name(scope)] = _needed(operand, scope)
        for path in self.remove:
            after.pop(path.name(scope), None)
        for path, literal in self.add:
            after[path.name(scope)] = _added(path.value(scope), literal.value(scope))
        for path, literal in self.delete:
            rest = _deleted(path.value(scope), literal.value(scope))
            if rest:
                after[path.name(scope)] = rest
            else:
                after.pop(path.name(scope), None)
        return after


def _added(old: Value | None, more: Value) -> Value:
    if old is None:
        return more
    _same_type(old, more)
    if more[0] == "N":
        return "N", add(old[1], more[1])
    return more[0], old[1] | more[1]


def _deleted(old: Value | None, less: Value) -> Value | None:
    if old is None:
        return None
    _same_type(old, less)
    rest = old[1] - less[1]
    return (old[0], rest) if rest else None


def _same_type(old: Value, operand: Value) -> None:
    if old[0] != operand[0]:
        raise InvalidUpdate("An operand in the update expression has an incorrect data type")


# Parsing

_Root = TypeVar("_Root", Condition, Update)


@dataclass(frozen=True, slots=True)
class Parsed(Generic[_Root]):
    """An expression, and the names and values it uses."""

    root: _Root
    names: frozenset[str]
    values: frozenset[str]


class _Nodes(Transformer[Token, Any]):
    """From the parser's tree to ours."""

    def path(self, tokens: list[Token]) -> Path:
        return Path(str(tokens[0]))

    def value(self, tokens: list[Token]) -> Literal:
        return Literal(str(tokens[0]))

    def size(self, parts: list[Any]) -> Size:
        return Size(*parts)

    def either(self, parts: list[Any]) -> Either:
        return Either(*parts)

    def both(self, parts: list[Any]) -> Both:
        return Both(*parts)

    def negated(self, parts: list[Any]) -> Negated:
        return Negated(*parts)

    def group(self, parts: list[Any]) -> Group:
        return Group(*parts)

    def compare(self, parts: list[Any]) -> Compare:
        left, sign, right = parts
        return Compare(left, str(sign), right)

    def between(self, parts: list[Any]) -> Between:
        return Between(*parts)

    def one_of(self, parts: list[Any]) -> OneOf:
        return OneOf(parts[0], tuple(parts[1:]))

    def exists(self, parts: list[Any]) -> Exists:
        return Exists(*parts)

    def not_exists(self, parts: list[Any]) -> Negated:
        return Negated(Exists(*parts))

    def contains(self, parts: list[Any]) -> Contains:
        return Contains(*parts)

    def begins_with(self, parts: list[Any]) -> BeginsWith:
        return BeginsWith(*parts)

    def plus(self, parts: list[Any]) -> Plus:
        left, sign, right = parts
        return Plus(left, str(sign), right)

    def if_not_exists(self, parts: list[Any]) -> IfNotExists:
        return IfNotExists(*parts)

    def list_append(self, parts: list[Any]) -> ListAppend:
        return ListAppend(*parts)

    assignment = change = tuple

    def set(self, parts: list[Any]) -> tuple[str, list[Any]]:
        return "set", parts

    def remove(self, parts: list[Any]) -> tuple[str, list[Any]]:
        return "remove", parts

    def add(self, parts: list[Any]) -> tuple[str, list[Any]]:
        return "add", parts

    def delete(self, parts: list[Any]) -> tuple[str, list[Any]]:
        return "delete", parts

    def update(self, sections: list[tuple[str, list[Any]]]) -> Update:
        found = {name: tuple(parts) for name, parts in sections}
        if len(found) < len(sections):
            raise InvalidRequest("Each section can only be used once in an update expression")
        return Update(**found)


_PARSER = Lark(_GRAMMAR, parser="lalr", start=["condition", "update"])


@lru_cache(10_000)
def condition(text: str) -> Parsed[Condition]:
    """Parse a condition or key condition. Raises InvalidRequest."""
    return _parse(text, "condition")


@lru_cache(10_000)
def update(text: str) -> Parsed[Update]:
    """Parse an update. Raises InvalidRequest."""
    return _parse(text, "update")


def _parse(text: str, start: str) -> Parsed[Any]:
    try:
        tree = _PARSER.parse(text, start=start)
        root = _Nodes().transform(tree)
    except UnexpectedInput as error:
        raise InvalidRequest(f"Syntax error in {text!r}") from error
    except VisitError as error:
        raise error.orig_exc from error
    tokens = list(tree.scan_values(lambda part: isinstance(part, Token)))
    return Parsed(
        root=root,
        names=frozenset(str(token) for token in tokens if token.type == "NAME"),
        values=frozenset(str(token) for token in tokens if token.type == "VALUE"),
    )
