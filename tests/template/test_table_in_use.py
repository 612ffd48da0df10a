"""Another table takes the place of the stack's own by two parameters, after a restore."""

from typing import Any

import pytest

from local.intrinsics import Evaluator, Made, parameter_values
from tests.template.rules import needed
from tests.template.stack import read_template

TEMPLATE = read_template()
OWN = Made(
    "own-table", {"Arn": "arn:own-table", "StreamArn": "arn:own-table/stream/2026-11-01T00:00"}
)
STREAM = "arn:aws:dynamodb:ca-central-1:123456789012:table/restored/stream/2026-11-26T00:00"
IN_USE = ("TableInUse", "TableArnInUse", "TableStreamInUse")


def in_use(**given: str) -> list[Any]:
    """Name, ARN and stream of the table that everything works on."""
    values = parameter_values(TEMPLATE, given)
    evaluator = Evaluator(TEMPLATE, values, {"DispatchTable": OWN}.__getitem__)
    return [evaluator.value(TEMPLATE["Resources"][name]["Properties"]["Value"]) for name in IN_USE]


def test_without_a_name_it_is_the_stacks_own() -> None:
    assert in_use() == ["own-table", OWN.attributes["Arn"], OWN.attributes["StreamArn"]]


def test_a_named_table_is_used_and_none_is_made() -> None:
    assert in_use(TableName="restored", TableStreamArn=STREAM) == [
        "restored",
        STREAM.partition("/stream/")[0],
        STREAM,
    ]
    values = parameter_values(TEMPLATE, {"TableName": "restored", "TableStreamArn": STREAM})
    condition = TEMPLATE["Resources"]["DispatchTable"]["Condition"]
    assert not Evaluator(TEMPLATE, values, {"DispatchTable": OWN}.__getitem__).holds(condition)


def test_nothing_else_knows_the_stacks_own_table() -> None:
    everything = {**TEMPLATE["Resources"], "Outputs": TEMPLATE["Outputs"]}
    who = {name for name, part in everything.items() if "DispatchTable" in set(needed(part))}
    assert who == set(IN_USE)


@pytest.mark.parametrize("name", IN_USE)
def test_everything_else_asks_here(name: str) -> None:
    others = {key: part for key, part in TEMPLATE["Resources"].items() if key not in IN_USE}
    assert name in set(needed(others))
