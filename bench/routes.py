"""A warm request of each route, beside the bare calls to AWS that it makes.

The scenes are those of ``tests/authorisation.py``. Each route is called once on the tests' own AWS,
and what that answers is what a stub of HTTP answers from then on: under botocore, so that all of
botocore's work is done. Then come, turn by turn, the whole function, the same calls by a plain
``boto3.client`` as anybody would make it, and the same calls by a client set up as ours are.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any
from xml.sax.saxutils import escape

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session

from bench.functions import Handler, handler_of, have_event_loop
from dispatch.core import aws
from dispatch.core.logging import logger, metrics
from tests.authorisation import ROWS, USERS, Row, nameless
from tests.builders import an_http_event
from tests.clock import Clock
from tests.fast.world import FastWorld, running
from tests.template_file import resources

ROUNDS = 30
_WARM_UP = 5
_SERVICES = ("dynamodb", "sns", "s3")
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "ca-central-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call to AWS, and what came of it."""

    service: str
    operation: str
    request: dict[str, Any]
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """Milliseconds of processor time, the middle one of all rounds.

    ``bare_ms`` is that of the same calls by a plain client, ``tuned_ms`` by one set up as ours.
    """

    route: str
    status: int
    calls: dict[str, int]
    ms: float
    bare_ms: float
    tuned_ms: float


def measure() -> Iterator[Route]:
    """Every route, in the order of ``api.md``.

    Raises AssertionError where a route answers otherwise, or calls otherwise, than on a table.
    """
    have_event_loop()
    add_metric = metrics.add_metric
    with _environment():
        bare = {service: boto3.client(service) for service in _SERVICES}  # type: ignore[call-overload]
        tuned = {service: aws._client(service) for service in _SERVICES}  # noqa: SLF001
    for row in ROWS:
        with running(Clock()) as world:
            event, status = _event(row, row.scene(world))
            request = partial(_call, handler_of(_FUNCTIONS[nameless(row.route)]), event, status)
            recorded = _recorded(world, request)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(aws, "_client", lambda service, **_: tuned[service])
                patch.setattr(metrics, "add_metric", add_metric)
                ways = [request, partial(_make, recorded, bare), partial(_make, recorded, tuned)]
                ms, bare_ms, tuned_ms = _measure(ways, recorded)
            calls = dict(Counter(map(_name, recorded)))
            yield Route(row.route, status, calls, ms, bare_ms, tuned_ms)


def _recorded(world: FastWorld, request: Callable[[], None]) -> list[Call]:
    """The calls of a request that an instance serves which has served it before."""
    recorded: list[Call] = []
    put_back = world.table.save()
    request()
    put_back()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws, "_client", lambda service, **_: _Recorder(service, world, recorded))
        request()
    return recorded


class _Recorder:
    """A client of the world's, that notes what it is asked and what it answers."""

    def __init__(self, service: str, world: FastWorld, calls: list[Call]) -> None:
        self._service, self._world, self._calls = service, world, calls

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        call = getattr(self._world.clients[self._service], operation)

        def noted(**request: Any) -> Any:
            answer = call(**request)
            if not operation.startswith("generate_"):  # those are no calls
                self._calls.append(Call(self._service, operation, request, answer))
            return answer

        return noted


def _measure(ways: Sequence[Callable[[], None]], recorded: list[Call]) -> Iterator[float]:
    """Milliseconds of each way, the middle one; all make the calls that were recorded."""
    times: list[list[float]] = [[] for _ in ways]
    with _stubbed(recorded) as stub, Path(os.devnull).open("w") as nowhere:
        logger.setLevel("WARNING")  # a refusal is told on the standard output that was at import
        with redirect_stdout(nowhere):
            for _ in range(_WARM_UP + ROUNDS):
                for way, taken in zip(ways, times, strict=True):
                    stub.made = 0
                    started = process_time()
                    way()
                    taken.append((process_time() - started) * 1000)
                    assert stub.made == len(recorded), f"{stub.made} calls, not {len(recorded)}"
        logger.setLevel("INFO")
    return (median(taken[_WARM_UP:]) for taken in times)


@contextmanager
def _environment() -> Iterator[None]:
    """Clients are made in here that nobody answers but the stub."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _ENVIRONMENT.items():
            patch.setenv(name, value)
        aws.forget()
        yield
        aws.forget()


def _call(handler: Handler, event: Any, status: int) -> None:
    answer = handler(event)
    assert answer["statusCode"] == status, (event["routeKey"], answer)


def _make(calls: list[Call], clients: Mapping[str, Any]) -> None:
    for call in calls:
        getattr(clients[call.service], call.operation)(**call.request)


# The scenes


def _event(row: Row, ids: Mapping[str, str]) -> tuple[Any, int]:
    """A request that somebody succeeds with, if anybody does; and how it is answered."""
    method, template = row.route.split()
    path = re.sub(r"\{(\w+)\}", lambda name: ids[name[1]], template)
    statuses = [int(status) for status in row.statuses.split()]
    if len(statuses) == 1:
        statuses *= len(USERS)
    status, (caller, group) = min(
        zip(statuses, USERS.values(), strict=True), key=_how_far_from_success
    )
    event = an_http_event(
        method,
        path,
        row.body,
        caller=caller,
        groups=f"[{group}]",
        headers=row.headers,
        query=row.query,
    )
    return event, status


def _how_far_from_success(answer: tuple[int, object]) -> tuple[bool, bool]:
    """What is refused for the state of things is looked at further than what is not allowed."""
    return answer[0] >= 300, answer[0] == 403


def _functions() -> dict[str, str]:
    """Which folder serves a route, by the template."""
    found = {}
    for resource in resources().values():
        properties = resource.get("Properties", {})
        for event in properties.get("Events", {}).values():
            if event["Type"] == "HttpApi":
                route = f"{event['Properties']['Method'].upper()} {event['Properties']['Path']}"
                found[nameless(route)] = properties["CodeUri"].rstrip("/").rpartition("/")[2]
    return found


_FUNCTIONS = _functions()


# The stub


@dataclass(slots=True)
class _Stub:
    """Answers the calls in their order; knows which one is next."""

    answers: list[tuple[str, bytes]]
    made: int = field(default=0)

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        operation, content = self.answers[self.made]
        self.made += 1
        target: Any = request.headers.get("X-Amz-Target", operation)
        told = target.decode() if isinstance(target, bytes) else target
        assert told.endswith(operation), f"{told} is called, not {operation}"
        headers: Any = {"content-type": "application/x-amz-json-1.0"}
        response = AWSResponse(request.url, 200, headers, None)
        response._content = content  # type: ignore[attr-defined]  # noqa: SLF001 - read already
        return response


@contextmanager
def _stubbed(calls: list[Call]) -> Iterator[_Stub]:
    stub = _Stub([(_name(call), _content(call)) for call in calls])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(URLLib3Session, "send", lambda _, request: stub.send(request))
        yield stub


def _name(call: Call) -> str:
    return "".join(part.title() for part in call.operation.split("_"))


def _content(call: Call) -> bytes:
    """What AWS would send: JSON, or SNS's XML."""
    if call.service != "sns":
        return json.dumps(call.answer).encode()
    name = _name(call)
    members = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in call.answer.items())
    return (
        f"<{name}Response><{name}Result>{members}</{name}Result>"
        "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
        f"</{name}Response>"
    ).encode()
