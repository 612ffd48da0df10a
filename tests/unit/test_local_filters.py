"""Lambda's event filtering, as far as the local stack knows it."""

from typing import Any

import pytest

from local.errors import LocalStackError
from local.filters import Filter

INSERT = {"eventName": "INSERT", "dynamodb": {"Keys": {"sk": {"S": "EVENT#01"}}}}


@pytest.mark.parametrize(
    ("pattern", "passes"),
    [
        ('{"eventName": ["INSERT"]}', True),
        ('{"eventName": ["MODIFY", "REMOVE"]}', False),
        ('{"dynamodb": {"Keys": {"sk": {"S": [{"prefix": "EVENT#"}]}}}}', True),
        ('{"eventName": ["REMOVE"], "dynamodb": {"Keys": {"sk": {"S": ["EVENT#01"]}}}}', False),
        ('{"dynamodb": {"Keys": {"sk": {"S": [{"prefix": "META"}]}}}}', False),
        ('{"dynamodb": {"Keys": {"sk": {"S": [{"suffix": "01"}]}}}}', True),
        ('{"eventName": [{"anything-but": ["REMOVE"]}]}', True),
        ('{"eventName": [{"anything-but": "INSERT"}]}', False),
        ('{"userIdentity": [{"exists": false}]}', True),
        ('{"userIdentity": {"type": ["Service"]}}', False),
    ],
)
def test_a_record_passes_if_the_pattern_matches(pattern: str, passes: bool) -> None:
    assert Filter([pattern]).passes(INSERT) is passes


def test_without_patterns_everything_passes() -> None:
    assert Filter([]).passes(INSERT)


def test_one_of_several_patterns_is_enough() -> None:
    assert Filter(['{"eventName": ["REMOVE"]}', '{"eventName": ["INSERT"]}']).passes(INSERT)


@pytest.mark.parametrize(
    "pattern", ["not json", "[]", '{"a": "b"}', '{"a": [{"numeric": ["=", 1]}]}']
)
def test_a_pattern_that_would_be_misread_is_refused(pattern: Any) -> None:
    with pytest.raises(LocalStackError):
        Filter([pattern])
