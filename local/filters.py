"""Lambda's event filtering: which records an event source hands to its function."""

import json
from collections.abc import Iterable
from typing import Any

from local.errors import LocalStackError

_ABSENT = object()


class Filter:
    """A record passes if any of the patterns matches it; without patterns all pass.

    Raises LocalStackError for a pattern that is no JSON object or uses an operator not known
    here.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [_parsed(pattern) for pattern in patterns]

    def passes(self, record: dict[str, Any]) -> bool:
        """Whether the record reaches the function."""
        if not self._patterns:
            return True
        return any(_matches(pattern, record) for pattern in self._patterns)


def _parsed(text: str) -> dict[str, Any]:
    try:
        pattern = json.loads(text)
    except ValueError:
        pattern = None
    if not isinstance(pattern, dict):
        raise LocalStackError(f"This filter pattern is no JSON object: {text}")
    _check(pattern)
    return pattern


def _check(pattern: dict[str, Any]) -> None:
    for key, rule in pattern.items():
        if isinstance(rule, dict):
            _check(rule)
        elif not isinstance(rule, list):
            raise LocalStackError(f"Filter pattern: {key} must be a list or an object.")
        else:
            for condition in rule:
                if isinstance(condition, dict) and set(condition) - set(_OPERATORS):
                    raise LocalStackError(f"Filter pattern: {condition} is not known locally.")


def _matches(pattern: dict[str, Any], record: Any) -> bool:
    for key, rule in pattern.items():
        value = record.get(key, _ABSENT) if isinstance(record, dict) else _ABSENT
        if isinstance(rule, dict):
            if not _matches(rule, value):
                return False
        elif not any(_holds(condition, value) for condition in rule):
            return False
    return True


def _holds(condition: Any, value: Any) -> bool:
    if isinstance(condition, dict):
        return all(_OPERATORS[name](argument, value) for name, argument in condition.items())
    return value is not _ABSENT and value == condition


def _anything_but(argument: Any, value: Any) -> bool:
    if value is _ABSENT:
        return False
    refused = argument if isinstance(argument, list) else [argument]
    return not any(_holds(condition, value) for condition in refused)


_OPERATORS = {
    "exists": lambda wanted, value: (value is not _ABSENT) is wanted,
    "prefix": lambda prefix, value: isinstance(value, str) and value.startswith(prefix),
    "suffix": lambda suffix, value: isinstance(value, str) and value.endswith(suffix),
    "anything-but": _anything_but,
}
