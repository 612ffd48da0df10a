"""What runs inside a worker: one instance of a function, as Lambda would run it.

The worker is forked by ``zygote``. It takes on the function's environment and paths, imports the
handler once (or is forked from one that has), and then answers one invocation after another over
its socket. Everything here is
gone from the handler's point of view: its own code, its layer and third-party packages are all it
can import.
"""

import importlib
import json
import os
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from local.clock import VirtualClock
from local.meter import Meter
from local.roles import Guard, Record, Watch, from_json

LENGTH = struct.Struct("!I")
"""What goes before each message on a worker's socket."""

Handler = Callable[[Any, "Context"], Any]


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything a worker needs to become an instance of a function.

    ``code`` and ``layers`` are folders, ``environment`` is the whole of it, ``clock`` is the file
    of the stack's clock, ``meter`` that of what is counted, empty where nothing is. ``role``
    is what the function may do (``roles.to_json``), None for anything; what of it was used goes to
    the file ``grants``.
    """

    name: str
    arn: str
    handler: str
    code: str
    layers: list[str]
    environment: dict[str, str]
    memory_mb: int
    clock: str
    meter: str = ""
    role: list[Any] | None = None
    grants: str = ""

    def to_json(self) -> str:
        """For the way to the zygote."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The spec again, at the zygote."""
        return cls(**json.loads(text))


class Context:
    """Lambda's context object. Time remaining is real time: it is what the timeout counts."""

    identity = None
    client_context = None
    function_version = "$LATEST"

    def __init__(self, spec: Spec, request_id: str, deadline: float) -> None:
        self.function_name = spec.name
        self.invoked_function_arn = spec.arn
        self.memory_limit_in_mb = str(spec.memory_mb)
        self.aws_request_id = request_id
        self.log_group_name = f"/aws/lambda/{spec.name}"
        self.log_stream_name = str(os.getpid())
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until this invocation is ended."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def serve(spec: Spec, connection: socket.socket, become: Callable[[Spec], Handler]) -> None:
    """Become the function and answer invocations until the connection closes."""
    connection.sendall(framed({"pid": os.getpid()}))
    try:
        handler = become(spec)
    except Exception as error:  # noqa: BLE001 - whatever the function's module raises
        connection.sendall(framed(_failure(error)))
        return
    meter = _metered(spec)
    connection.sendall(framed({"ready": True}))
    while (invocation := receive(connection)) is not None:
        started = time.monotonic()
        deadline = started + invocation["timeout_s"]
        context = Context(spec, invocation["request_id"], deadline)
        try:
            answer = framed({"result": handler(invocation["event"], context)})
        except Exception as error:  # noqa: BLE001 - an error of this invocation only
            answer = framed(_failure(error))
        if meter:
            meter.invoked(invocation["event"], time.monotonic() - started)
        sys.stdout.flush()
        connection.sendall(answer)


def become(spec: Spec) -> Handler:
    """Take on the function's environment and paths, and import its handler."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(spec.environment)
    time.tzset()
    os.chdir(spec.code)
    sys.path[:0] = [spec.code, *spec.layers]
    for name in [name for name in sys.modules if name.partition(".")[0] == "local"]:
        del sys.modules[name]
    _run_on(VirtualClock(Path(spec.clock)))
    if spec.role is not None:
        guard = Guard(spec.name, from_json(spec.role), Record(spec.grants))
        Watch(lambda: guard).begin()
    module_name, _, attribute = spec.handler.rpartition(".")
    module = importlib.import_module(module_name)
    handler: Handler = getattr(module, attribute)
    return handler


def _metered(spec: Spec) -> Meter | None:
    if not spec.meter:
        return None
    meter = Meter(Path(spec.meter), spec.name, spec.memory_mb)
    meter.watch(importlib.import_module("dispatch.core.aws").session())
    return meter


def _run_on(clock: VirtualClock) -> None:
    try:
        time_module = importlib.import_module("dispatch.core.time")
    except ModuleNotFoundError:
        return  # a function without the domain layer has no clock to set
    time_module.run_on(clock.now)


def _failure(error: Exception) -> dict[str, Any]:
    traceback.print_exception(error)
    return {"error": {"errorType": type(error).__name__, "errorMessage": str(error)}}


def framed(message: dict[str, Any]) -> bytes:
    """A message as it goes over a worker's socket: its length, then JSON."""
    data = json.dumps(message).encode()
    return LENGTH.pack(len(data)) + data


def receive(connection: socket.socket) -> dict[str, Any] | None:
    """The next message, or None when the other side is gone."""
    header = _exactly(connection, LENGTH.size)
    if header is None:
        return None
    [length] = LENGTH.unpack(header)
    data = _exactly(connection, length)
    return None if data is None else dict(json.loads(data))


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)
