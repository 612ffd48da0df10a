"""Evaluates CloudFormation's intrinsic functions, as far as a template may use them here.

An unknown function is an error: what cannot be evaluated must not pass for a value.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.errors import LocalStackError
from local.template import ACCOUNT, PARTITION, REGION, STACK_NAME, URL_SUFFIX, Template

PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": PARTITION,
    "AWS::Region": REGION,
    "AWS::StackName": STACK_NAME,
    "AWS::StackId": f"arn:{PARTITION}:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK_NAME}/local",
    "AWS::URLSuffix": URL_SUFFIX,
}

_NO_VALUE = object()
_VARIABLE = re.compile(r"\$\{(!?)([^${}]*)\}")


# Those that need only their arguments, which CloudFormation always writes as a list.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Fn::Join": lambda separator, parts: separator.join(str(part) for part in parts),
    "Fn::Split": lambda separator, text: text.split(separator),
    "Fn::Select": lambda index, items: items[int(index)],
    "Fn::Equals": lambda left, right: str(left) == str(right),
    "Fn::Not": lambda condition: not condition,
    "Fn::And": lambda *conditions: all(conditions),
    "Fn::Or": lambda *conditions: any(conditions),
}


@dataclass(frozen=True, slots=True)
class Made:
    """A resource as others see it: what ``Ref`` and what ``Fn::GetAtt`` give."""

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def parameter_values(template: Template, given: Mapping[str, str]) -> dict[str, Any]:
    """Every parameter's value: the given one, else the default; lists are split.

    Raises LocalStackError for a parameter that has neither.
    """
    values: dict[str, Any] = {}
    for name, parameter in template.get("Parameters", {}).items():
        value = given.get(name, parameter.get("Default"))
        if value is None:
            raise LocalStackError(f"Parameter {name} has no default and no local value.")
        is_list = "List" in parameter["Type"]
        values[name] = [part.strip() for part in str(value).split(",")] if is_list else str(value)
    return values


class Evaluator:
    """Evaluates values of one template.

    ``resource`` answers for a logical id what was made for it (making it first, if need be).
    """

    def __init__(
        self, template: Template, parameters: Mapping[str, Any], resource: Callable[[str], Made]
    ) -> None:
        self._conditions = template.get("Conditions", {})
        self._mappings = template.get("Mappings", {})
        self._resources = template["Resources"]
        self._parameters = parameters
        self._resource = resource

    def value(self, node: Any) -> Any:
        """``node`` with every intrinsic function in it replaced by its value."""
        result = self._value(node)
        return None if result is _NO_VALUE else result

    def holds(self, condition: str) -> bool:
        """Whether the template's condition of that name is true."""
        if condition not in self._conditions:
            raise LocalStackError(f"The template has no condition {condition}.")
        return bool(self._value(self._conditions[condition]))

    def _value(self, node: Any) -> Any:
        if isinstance(node, list):
            items = [self._value(item) for item in node]
            return [item for item in items if item is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(name, argument)] = node.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(name, argument)
            if name == "Condition" and isinstance(argument, str):
                return self.holds(argument)
        values = {key: self._value(item) for key, item in node.items()}
        return {key: value for key, value in values.items() if value is not _NO_VALUE}

    def _call(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                logical_id, attribute = (
                    argument.split(".", 1) if isinstance(argument, str) else argument
                )
                return self._attribute(logical_id, attribute)
            case "Fn::Sub":
                return self._sub(argument)
            case "Fn::If":
                condition, then, otherwise = argument
                return self._value(then if self.holds(condition) else otherwise)
            case "Fn::FindInMap":
                mapping, first, second = self._value(argument)
                return self._mappings[mapping][first][second]
        if name not in _FUNCTIONS:
            raise LocalStackError(f"The local stack does not know the intrinsic function {name}.")
        return _FUNCTIONS[name](*self._value(argument))

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if name in self._parameters:
            return self._parameters[name]
        self._known(name)
        return self._resource(name).ref

    def _attribute(self, logical_id: str, attribute: str) -> str:
        self._known(logical_id)
        try:
            return self._resource(logical_id).attributes[attribute]
        except KeyError:
            text = f"{logical_id} has no attribute {attribute} locally."
            raise LocalStackError(text) from None

    def _known(self, logical_id: str) -> None:
        if logical_id not in self._resources:
            raise LocalStackError(f"The template refers to {logical_id}, which it does not have.")

    def _sub(self, argument: Any) -> str:
        text, variables = argument if isinstance(argument, list) else (argument, {})

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in variables:
                return str(self._value(variables[name]))
            if "." in name:
                return self._attribute(*name.split(".", 1))
            return str(self._ref(name))

        return _VARIABLE.sub(replace, text)
