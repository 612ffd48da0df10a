"""Functions that are called in the tests' own process have their roles, too, and do no more.

The roles are those of ``template.yaml``, about the table, queues and buckets of the test. What is
called from elsewhere than a function, as by a test that sets a scene, is free.
"""

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from local import roles, template
from local.intrinsics import Evaluator, Made, parameter_values
from local.permissions import of_call
from local.template import PARTITION, arn
from tests.template_file import ROOT

_acting: ContextVar[roles.Guard | None] = ContextVar("acting", default=None)
roles.Watch(_acting.get).begin()


@contextmanager
def acting(entry_point: str) -> Iterator[None]:
    """Whatever is called in this block is called by the function of ``mechanics/api``."""
    before = _acting.set(_guards(*map(os.environ.get, _TELLING))[entry_point])
    try:
        yield
    finally:
        _acting.reset(before)


@contextmanager
def nobody() -> Iterator[None]:
    """Whatever is called in this block is called by somebody else, in the middle of a function."""
    before = _acting.set(None)
    try:
        yield
    finally:
        _acting.reset(before)


def guarded(entry_point: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler of a function, with its role."""

    @functools.wraps(handler)
    def called(*args: Any) -> Any:
        with acting(entry_point):
            return handler(*args)

    return called


def ask(service: str, method: str, request: Mapping[str, Any]) -> None:
    """For clients that are not botocore's: raise what AWS raises where the role does not allow it.

    ``method`` is a client's: ``get_item``.
    """
    if guard := _acting.get():
        operation = _OPERATIONS.get(method) or method.title().replace("_", "")
        guard.demand(operation, of_call(service, operation, _params(method, request)))


_OPERATIONS = {"generate_presigned_post": "PutObject", "generate_presigned_url": "GetObject"}


def _params(method: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the operation takes that is done with a signed address."""
    params: Mapping[str, Any] = request.get("Params", request)
    return params if method == "generate_presigned_url" else request


class GuardedTable:
    """A table that asks before each call."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._table, name)
        if _acting.get() is None:
            return call

        def asking(**request: Any) -> Any:
            ask("dynamodb", name, request)
            return call(**request)

        return asking


@functools.cache
def consumer_of(subscription: str) -> str:
    """The entry point that is handed what a subscription lets through: ``matching/consumer``."""
    resources = _translated()["Resources"]
    queue = resources[subscription]["Properties"]["Endpoint"]
    (function,) = (
        resource["Properties"]["FunctionName"]["Ref"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping"
        and resource["Properties"]["EventSourceArn"] == queue
    )
    if resources[function]["Type"] == "AWS::Lambda::Alias":
        function = resources[function]["Properties"]["FunctionName"]["Ref"]
    return _entry_point(resources[function]["Properties"])


@functools.cache
def _translated() -> dict[str, Any]:
    return template.translated(ROOT / "template.yaml")


def _entry_point(function: Mapping[str, Any]) -> str:
    folder = function["Code"]["S3Key"].removeprefix("functions/")
    return f"{folder}/{function['Handler'].removesuffix('.handler')}"


def _functions() -> dict[str, Any]:
    return {
        name: resource["Properties"]
        for name, resource in _translated()["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }


@functools.cache
def _told() -> dict[str, Any]:
    """What the template tells functions by their environment: references, by variable."""
    return {
        name: _behind(value)
        for function in _functions().values()
        for name, value in function["Environment"]["Variables"].items()
        if isinstance(value, dict)
    }


def _behind(value: Any) -> Any:
    """The table, where it is told by way of the parameter that says which table is in use."""
    match value:
        case {"Fn::GetAtt": [str(logical_id), "Value"]}:
            value = _translated()["Resources"][logical_id]["Properties"]["Value"]
            return value["Fn::If"][1]  # as without an existing table
    return value


_TELLING = (
    "SNAPSHOT_BUCKET",
    "USER_POOL_ID",
    "MAIL_SENDER",
    "MAIL_CONFIGURATION_SET",
    "STRIPE_WEBHOOK_SECRET_NAME",
)
"""Variables by which the environments of tests are told apart."""


@functools.cache
def _guards(*_telling: str | None) -> dict[str, roles.Guard]:
    refs: dict[str, str] = {}
    attributes: dict[str, dict[str, str]] = {}
    for name, value in _told().items():
        match value:
            case {"Ref": str(logical_id)} if name in os.environ:
                refs[logical_id] = os.environ[name]
            case {"Fn::GetAtt": [str(logical_id), str(attribute)]} if name in os.environ:
                attributes.setdefault(logical_id, {})[attribute] = os.environ[name]
    source = _translated()
    parameters = {name: refs[name] for name in source["Parameters"] if name in refs}

    def made(logical_id: str) -> Made:
        kind, ref = source["Resources"][logical_id]["Type"], refs.get(logical_id, logical_id)
        if kind == "AWS::SSM::Parameter":
            value = evaluator.value(source["Resources"][logical_id]["Properties"]["Value"])
            return Made(ref, {"Value": value})
        known = {"Arn": _arn(kind, ref), "StreamArn": f"{_arn(kind, ref)}/stream"}
        if logical_id not in refs:  # by its ARN alone
            known |= attributes.get(logical_id, {})
        return Made(ref, known)

    evaluator = Evaluator(source, parameter_values(source, parameters), made)
    record = roles.Record(os.environ.get("GRANTS", ""))
    guards = {}
    for name, role in roles.of_functions(source, evaluator).items():
        assert role is not None, name
        guards[_entry_point(_functions()[name])] = roles.Guard(name, role, record)
    return guards


def _arn(kind: str, ref: str) -> str:
    match kind:
        case "AWS::DynamoDB::Table":
            return arn("dynamodb", f"table/{ref}")
        case "AWS::S3::Bucket":
            return f"arn:{PARTITION}:s3:::{ref}"
        case "AWS::SQS::Queue":
            return arn("sqs", ref.rpartition("/")[2])
        case "AWS::Cognito::UserPool":
            return arn("cognito-idp", f"userpool/{ref}")
    return arn(kind, ref)
