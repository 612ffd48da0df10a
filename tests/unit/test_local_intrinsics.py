"""The evaluator of the local stack: CloudFormation's functions, and refusing what it cannot do."""

from typing import Any

import pytest

from local.errors import LocalStackError
from local.intrinsics import Evaluator, Made, parameter_values
from local.template import ACCOUNT, REGION

TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "Stage": {"Type": "String", "Default": "dev"},
        "Shards": {"Type": "Number", "Default": 4},
        "Origins": {"Type": "CommaDelimitedList", "Default": "http://a, http://b"},
    },
    "Conditions": {
        "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
        "IsNotProd": {"Fn::Not": [{"Condition": "IsProd"}]},
    },
    "Mappings": {"Sizes": {"dev": {"memory": 128}}},
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
}


def evaluate(node: Any) -> Any:
    made = Made("https://queue", {"Arn": "arn:queue"})
    return Evaluator(TEMPLATE, parameter_values(TEMPLATE, {}), lambda _: made).value(node)


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "Shards"}, "4"),
        ({"Ref": "Origins"}, ["http://a", "http://b"]),
        ({"Ref": "Queue"}, "https://queue"),
        ({"Ref": "AWS::Region"}, REGION),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:queue"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:queue"),
        ({"Fn::Sub": "${AWS::AccountId}/${Stage}/${Queue.Arn}"}, f"{ACCOUNT}/dev/arn:queue"),
        ({"Fn::Sub": ["${x}-${Stage}", {"x": {"Ref": "Shards"}}]}, "4-dev"),
        ({"Fn::Sub": "${!Literal}"}, "${Literal}"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}]]}, "a-dev"),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]}, 128),
        ({"Fn::If": ["IsProd", 1, 2]}, 2),
        ({"Fn::If": ["IsNotProd", {"Ref": "Stage"}, 2]}, "dev"),
        ({"keep": 1, "drop": {"Ref": "AWS::NoValue"}}, {"keep": 1}),
        ([1, {"Fn::If": ["IsProd", 2, {"Ref": "AWS::NoValue"}]}], [1]),
    ],
)
def test_functions_have_their_values(node: Any, value: Any) -> None:
    assert evaluate(node) == value


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"Ref": "Nobody"}, "Nobody"),
        ({"Fn::GetAtt": ["Queue", "Colour"]}, "Queue has no attribute Colour"),
        ({"Fn::Cidr": ["10.0.0.0/16", 2]}, "Fn::Cidr"),
        ({"Fn::If": ["IsFriday", 1, 2]}, "IsFriday"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error_that_names_it(node: Any, said: str) -> None:
    with pytest.raises(LocalStackError, match=said):
        evaluate(node)


def test_a_given_value_goes_before_the_default() -> None:
    assert parameter_values(TEMPLATE, {"Stage": "prod"})["Stage"] == "prod"


def test_a_parameter_without_default_needs_a_value() -> None:
    with pytest.raises(LocalStackError, match="Secret"):
        parameter_values({"Parameters": {"Secret": {"Type": "String"}}}, {})
