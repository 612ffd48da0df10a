"""DynamoDB's attribute values: read from a request, held so that nobody can change them, written.

A value is held as ``(type, content)``: text, Decimal, bytes, bool, None, a frozenset, a tuple of
values or a dictionary of them, which is never changed once it is held. Two values are equal in
DynamoDB if and only if they are equal here.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import (
    Context,
    Decimal,
    DecimalException,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
)
from typing import Any

Value = tuple[str, Any]
Item = Mapping[str, Value]
Wire = Mapping[str, Any]

SETS = {"SS": "S", "NS": "N", "BS": "B"}
"""The types of sets, and that of their members."""
ORDERED = frozenset({"S", "N", "B"})

_TRAPS = [Inexact, InvalidOperation, Overflow, Rounded]
_ARITHMETIC = Context(prec=38, Emax=125, Emin=-130, traps=_TRAPS)
_DEEPEST = 32


class InvalidRequest(Exception):
    """What DynamoDB refuses whatever is stored: a ValidationException."""


class InvalidUpdate(Exception):
    """What does not go with the item as it is stored: in a transaction, a reason to cancel it."""


# Numbers


def number(text: object) -> Decimal:
    """The number as DynamoDB keeps it: 38 digits. Raises InvalidRequest for what is none."""
    try:
        value = _ARITHMETIC.create_decimal(str(text))
    except DecimalException as error:
        raise InvalidRequest(f"not a number DynamoDB can keep: {text!r}") from error
    if not value.is_finite():
        raise InvalidRequest(f"not a number: {text!r}")
    return value


def add(left: Decimal, right: Decimal) -> Decimal:
    """The sum. Raises InvalidUpdate where DynamoDB could not keep it."""
    try:
        return _ARITHMETIC.add(left, right)
    except DecimalException as error:
        raise InvalidUpdate("Number overflow") from error


def _written(value: Decimal) -> str:
    if not value:
        return "0"
    return format(value.normalize(_ARITHMETIC), "f")


# In


def read(wire: Wire, depth: int = 1) -> Value:
    """The value of a request. Raises InvalidRequest."""
    if len(wire) != 1:
        raise InvalidRequest("a value has exactly one type")
    ((type_, content),) = wire.items()
    reader = _READERS.get(type_)
    if reader:
        return type_, reader(content)
    if depth >= _DEEPEST:
        raise InvalidRequest("Nesting Levels have exceeded supported limits")
    if type_ == "L":
        return type_, tuple(read(each, depth + 1) for each in content)
    if type_ == "M":
        return type_, {str(name): read(each, depth + 1) for name, each in content.items()}
    raise InvalidRequest(f"there is no type {type_!r}")


def read_item(wire: Mapping[str, Wire]) -> dict[str, Value]:
    """The attributes of a request by name. Raises InvalidRequest."""
    return {
        str(name): ("S", value["S"]) if _is_plain_text(value) else read(value)
        for name, value in wire.items()
    }


def _is_plain_text(wire: Wire) -> bool:
    """Most values are."""
    return len(wire) == 1 and type(wire.get("S")) is str


def _text(content: str) -> str:
    if not isinstance(content, str):
        raise InvalidRequest(f"not a text: {content!r}")
    return content if type(content) is str else str(content)


def _null(content: object) -> None:
    if content is not True:
        raise InvalidRequest("NULL can only be true")


def _set_of(read_member: Callable[[Any], Any]) -> Callable[[Iterable[Any]], frozenset[Any]]:
    def read_set(content: Iterable[Any]) -> frozenset[Any]:
        members = [read_member(member) for member in content]
        found = frozenset(members)
        if not members or len(found) < len(members):
            raise InvalidRequest("a set is not empty and has each member once")
        return found

    return read_set


_READERS: dict[str, Callable[[Any], Any]] = {
    "S": _text,
    "N": number,
    "B": bytes,
    "BOOL": bool,
    "NULL": _null,
    "SS": _set_of(_text),
    "NS": _set_of(number),
    "BS": _set_of(bytes),
}


# Out


def write(value: Value) -> dict[str, Any]:
    """The value as an answer carries it; the caller may do with it what they like."""
    type_, content = value
    writer = _WRITERS.get(type_)
    return {type_: writer(content) if writer else content}


def write_item(item: Item) -> dict[str, Any]:
    return {
        name: {"S": value[1]} if value[0] == "S" else write(value) for name, value in item.items()
    }


_WRITERS: dict[str, Callable[[Any], Any]] = {
    "N": _written,
    "NULL": lambda _: True,
    "SS": sorted,
    "NS": lambda content: [_written(member) for member in sorted(content)],
    "BS": sorted,
    "L": lambda content: [write(each) for each in content],
    "M": lambda content: {name: write(each) for name, each in content.items()},
}


# Sizes


def length(value: Value) -> int | None:
    """What ``size()`` tells of a value; None where it tells nothing."""
    type_, content = value
    if type_ == "S":
        return len(content.encode("utf-16-le", "surrogatepass")) // 2
    return None if type_ in {"N", "BOOL", "NULL"} else len(content)


def bytes_of(item: Item) -> int:
    """How many bytes an item counts: its names and its values."""
    size = 0
    for name, (type_, content) in item.items():
        is_plain = type_ == "S" and content.isascii()  # most are
        size += len(name.encode()) + (len(content) if is_plain else _bytes_of(type_, content))
    return size


def _bytes_of(type_: str, content: Any) -> int:
    match type_:
        case "S":
            return len(content) if content.isascii() else len(content.encode())
        case "N":
            return _bytes_of_number(content)
        case "B":
            return len(content)
        case "SS" | "NS" | "BS":
            return sum(_bytes_of(SETS[type_], member) for member in content)
        case "L":
            return 3 + sum(1 + _bytes_of(*each) for each in content)
        case "M":
            return 3 + len(content) + bytes_of(content)
    return 1


def _bytes_of_number(value: Decimal) -> int:
    """Two digits to a byte, aligned on the point; one byte more, and one for the sign."""
    sign, digits, exponent = value.normalize(_ARITHMETIC).as_tuple()
    assert isinstance(exponent, int)
    places = len(digits) + exponent % 2
    return 1 + (places + 1) // 2 + sign
