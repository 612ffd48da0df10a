"""What the roles of functions allow, decided as IAM decides it, and the calls that they refuse.

A call needs permissions (``local.permissions``); each has to be allowed by a statement of the role
of the function that makes it. What is not is refused as AWS refuses it: by the error of a client,
before anything was done. What of its role a function used is written down, for ``local.grants``.
"""

import functools
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass, field
from http import HTTPStatus
from typing import Any

from local.deployment import AsyncInvocations, Deployment, StreamSource
from local.errors import LocalStackError
from local.intrinsics import Evaluator
from local.permissions import (
    Permission,
    of_call,
    of_destination,
    of_logging,
    of_missing_object,
    of_queue_source,
    of_stream_source,
)
from local.template import ACCOUNT, PARTITION, Template, listed, target, text


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource, or all that are written like it, under conditions.

    Each condition names a key of the request and the texts that it may be. ``written`` is the
    resource as the template has it, whatever it is called where it was made.
    """

    action: str
    resource: str
    conditions: Mapping[str, list[str]] = field(default_factory=dict)
    written: str = ""

    def covers(self, permission: Permission) -> bool:
        """Whether it allows this."""
        return (
            self.action == permission.action
            and _like(self.resource).fullmatch(permission.resource) is not None
            and all(
                permission.context.get(key) in values for key, values in self.conditions.items()
            )
        )


@functools.cache
def _like(pattern: str) -> re.Pattern[str]:
    """A star is anything, a question mark one character."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


Role = tuple[Grant, ...]


def of_functions(template: Template, evaluator: Evaluator) -> dict[str, Role | None]:
    """The role of each function; None if AWS keeps policies of it, as of those that SAM makes.

    Raises LocalStackError for what is not understood here: it must not pass for allowed.
    """
    resources = template["Resources"]
    of = {
        name: _named(resource["Properties"]["Role"])
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    return {name: _role(role, resources, evaluator) for name, role in of.items()}


def _role(name: str, resources: Template, evaluator: Evaluator) -> Role | None:
    own = resources[name]["Properties"]
    if own.get("ManagedPolicyArns"):
        return None
    policies = [each["PolicyDocument"] for each in own.get("Policies", [])]
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::Policy":
            apart = resource["Properties"]
            if name in [_named(role) for role in apart["Roles"]]:
                policies.append(apart["PolicyDocument"])
    return tuple(
        grant
        for document in policies
        for statement in listed(document["Statement"])
        for grant in _grants(statement, evaluator)
    )


def _grants(statement: Mapping[str, Any], evaluator: Evaluator) -> Iterable[Grant]:
    actions, conditions = listed(statement.get("Action")), statement.get("Condition", {})
    if (
        statement["Effect"] != "Allow"
        or statement.keys() - {"Effect", "Action", "Resource", "Condition"}
        or conditions.keys() - {"StringEquals"}
        or any(not isinstance(action, str) or "*" in action for action in actions)
    ):
        raise LocalStackError(
            f"The local stack does not understand this statement of a role: {statement}"
        )
    equal = {
        key: listed(evaluator.value(each))
        for key, each in conditions.get("StringEquals", {}).items()
    }
    for resource in listed(statement["Resource"]):
        for action in actions:
            yield Grant(action, str(evaluator.value(resource)), equal, text(resource))


def _named(reference: Any) -> str:
    """The logical id that a Ref or GetAtt points at."""
    name = target(reference)
    if name is None:
        raise LocalStackError(f"A role is named by its logical id, not by {reference}.")
    return name


class Record:
    """A file of what was granted, used and refused, one JSON a line, of any number of processes."""

    def __init__(self, path: str) -> None:
        """An empty path: nothing is written."""
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if path else None

    def note(self, function: str, what: str, action: str, resource: str) -> None:
        """``what`` is granted, used or refused."""
        if self._file is not None:
            line = {"function": function, "what": what, "action": action, "resource": resource}
            os.write(self._file, json.dumps(line).encode() + b"\n")


def check_what_lambda_does(
    plan: Deployment, roles: Mapping[str, Role | None], record: Record
) -> None:
    """Ask for what Lambda does in each function's name: it logs, polls, keeps what failed.

    Raises LocalStackError if a role does not allow it; AWS does not deploy such a function.
    """
    for name, permissions in _done_by_lambda(plan).items():
        role = roles[name]
        if role is None:
            continue
        for grant in role:
            record.note(name, "granted", grant.action, grant.written)
        guard = Guard(name, role, record)
        for permission in permissions:
            if not guard.allows(permission):
                raise LocalStackError(
                    f"The role of {name} does not allow {permission.action} on "
                    f"{permission.resource}, which Lambda does in its name."
                )


def _done_by_lambda(plan: Deployment) -> dict[str, list[Permission]]:
    """By function."""
    done: dict[str, list[Permission]] = {
        name: list(of_logging(function.log_group) if function.log_group else [])
        for name, function in plan.functions.items()
    }
    for queue in plan.queues:
        done[queue.function] += of_queue_source(queue.queue_arn)
    for stream in plan.streams:
        done[stream.function] += of_stream_source(stream.stream_arn)
        done[stream.function] += _of_destination(stream)
    for name, invocations in plan.async_invocations.items():
        done[name] += _of_destination(invocations)
    return done


def _of_destination(source: StreamSource | AsyncInvocations) -> Iterable[Permission]:
    return of_destination(source.on_failure_arn) if source.on_failure_arn else []


class Guard:
    """Lets a function do what its role allows, and nothing else."""

    def __init__(self, function: str, role: Role, record: Record) -> None:
        self._function = function
        self._grants: dict[str, list[Grant]] = {}
        for grant in role:
            self._grants.setdefault(grant.action, []).append(grant)
        self._allowed: set[tuple[str, str]] = set()
        self._used: set[int] = set()
        self._record = record

    def allows(self, permission: Permission) -> bool:
        """Whether the role allows it; what of the role allows it counts as used."""
        known = permission.action, permission.resource
        if known in self._allowed and not permission.context:
            return True
        covering = [
            grant for grant in self._grants.get(permission.action, ()) if grant.covers(permission)
        ]
        for grant in covering:
            if id(grant) not in self._used:
                self._used.add(id(grant))
                self._record.note(self._function, "used", grant.action, grant.written)
        if covering:
            self._allowed.add(known)
        else:
            self._record.note(self._function, "refused", *known)
        return bool(covering)

    def demand(self, operation: str, permissions: Iterable[Permission]) -> None:
        """Raise what AWS raises unless the role allows all of it."""
        for permission in permissions:
            if not self.allows(permission):
                raise self._refusal(operation, permission)

    def _refusal(self, operation: str, permission: Permission) -> Exception:
        from botocore.exceptions import ClientError

        who = f"arn:{PARTITION}:sts::{ACCOUNT}:assumed-role/{self._function}"
        text = (
            f"User: {who} is not authorized to perform: {permission.action} on resource: "
            f"{permission.resource} because no identity-based policy allows the "
            f"{permission.action} action"
        )
        print(text, file=sys.stderr)
        service = permission.action.partition(":")[0]
        response: Any = {
            "Error": {"Code": _CODES.get(service, "AccessDeniedException"), "Message": text},
            "ResponseMetadata": {"HTTPStatusCode": 400 if service == "dynamodb" else 403},
        }
        return ClientError(response, operation)


_CODES = {"s3": "AccessDenied", "sns": "AuthorizationError", "sqs": "AccessDenied"}
"""How services that are older than the others call a refusal."""


class Watch:
    """Has every client of every session that this process makes ask before it calls.

    ``guard`` answers who guards the call that is about to be made; None lets it pass.
    """

    def __init__(self, guard: Callable[[], Guard | None]) -> None:
        self._guard = guard

    def begin(self) -> None:
        """From now on. Sessions that are there already stay unwatched."""
        from botocore import handlers

        builtin: list[Any] = handlers.BUILTIN_HANDLERS
        builtin += [
            ("provide-client-params.*.*", self._ask),
            ("after-call.s3.*", self._ask_about_missing),
            ("creating-client-class.s3", self._ask_before_forms),
        ]

    def _ask(self, params: Mapping[str, Any], model: Any, context: Any, **_: Any) -> None:
        if model.name == "CreateBucket" and context.get("is_presign_request"):
            return  # how botocore finds the address of a form
        if guard := self._guard():
            service = model.service_model.service_name
            guard.demand(model.name, of_call(service, model.name, params))
            context["asked_for"] = params

    def _ask_about_missing(self, http_response: Any, model: Any, context: Any, **_: Any) -> None:
        """To whom may not list a bucket, an object that is not there is a forbidden one."""
        guard = self._guard()
        if guard and http_response.status_code == HTTPStatus.NOT_FOUND:
            guard.demand(model.name, of_missing_object(context["asked_for"]))

    def _ask_before_forms(self, class_attributes: dict[str, Any], **_: Any) -> None:
        """Forms are signed without an operation: whoever has one puts an object in our name."""
        sign: Callable[..., Any] = class_attributes["generate_presigned_post"]

        def signed(client: Any, Bucket: str, Key: str, *others: Any, **named: Any) -> Any:  # noqa: N803
            if guard := self._guard():
                asked = of_call("s3", "PutObject", {"Bucket": Bucket, "Key": Key})
                guard.demand("GeneratePresignedPost", asked)
            return sign(client, Bucket, Key, *others, **named)

        class_attributes["generate_presigned_post"] = signed


def to_json(role: Role) -> list[Any]:
    """For the way to a worker."""
    return [list(astuple(grant)) for grant in role]


def from_json(grants: Iterable[Any]) -> Role:
    """The role again, in the worker."""
    return tuple(Grant(*each) for each in grants)
