"""Instances of functions: forked when needed, reused when idle, each serving one event at a time.

As on Lambda a function has as many instances as it has concurrent invocations (up to a limit;
beyond it they wait), a timeout ends the instance, and so does a crash.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from local import deployment, processes
from local.clock import VirtualClock
from local.errors import LocalStackError
from local.log import Log
from local.roles import Role, to_json
from local.runtime import LENGTH, Spec, framed
from local.template import REGION

MAX_INSTANCES = min(8, max(4, 2 * (os.cpu_count() or 1)))
"""Of one function. Enough for races; more than the machine can run would only be slower."""

_INIT_S = 60.0  # Lambda allows 10 s, on a machine of its own
_LINE_LIMIT = 1 << 24


class FunctionError(Exception):
    """An invocation that ended without an answer, as Lambda reports it."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(f"{error_type}: {message}")
        self.error_type = error_type
        self.message = message


class Zygote:
    """The stack's side of the process that forks workers."""

    def __init__(self, control: socket.socket, log: Log) -> None:
        self._control = control
        self._log = log
        self._forking = asyncio.Lock()
        self._readers: set[asyncio.Task[None]] = set()

    async def ready(self) -> None:
        """Wait until everything is imported."""
        if not await asyncio.get_running_loop().sock_recv(self._control, 16):
            raise LocalStackError("The process that forks functions did not start.")

    async def fork(self, spec: Spec) -> "Worker":
        """A new worker, ready for its first event.

        Raises FunctionError if the function's module cannot be imported.
        """
        # One at a time, so that no two messages run together: a pid means that ours was read.
        async with self._forking:
            worker = await self._ask_for(spec)
        try:
            async with asyncio.timeout(_INIT_S):
                started = await worker.receive()
        except BaseException as error:
            worker.kill()
            if isinstance(error, TimeoutError | ConnectionError):
                raise FunctionError("Runtime.InitError", "init hung or died") from None
            raise
        if "error" in started:
            worker.kill()
            raise FunctionError(**_named(started["error"]))
        return worker

    async def _ask_for(self, spec: Spec) -> "Worker":
        ours, theirs = socket.socketpair()
        read_fd, write_fd = os.pipe()
        try:
            message = spec.to_json().encode() + b"\n"
            socket.send_fds(self._control, [message], [theirs.fileno(), write_fd])
        finally:
            theirs.close()
            os.close(write_fd)
        reading = asyncio.create_task(self._pass_on_output(spec.name, read_fd))
        self._readers.add(reading)
        reading.add_done_callback(self._readers.discard)
        worker = Worker(*await asyncio.open_connection(sock=ours))
        worker.pid = (await worker.receive())["pid"]
        return worker

    async def _pass_on_output(self, name: str, read_fd: int) -> None:
        reader = asyncio.StreamReader(limit=_LINE_LIMIT)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_fd, "rb")
        )
        try:
            while line := await reader.readline():
                self._log.write(name, line.decode(errors="replace").rstrip("\n"))
        finally:
            transport.close()


@contextmanager
def zygote(log: Log) -> Iterator[Zygote]:
    """Start the zygote; it and all its workers are ended when the block ends."""
    ours, theirs = socket.socketpair()
    code = (
        f"import sys; sys.path.insert(0, {str(processes.ROOT)!r}); "
        f"from local import zygote; del sys.path[0]; zygote.main({theirs.fileno()})"
    )
    # -I and an almost empty environment: nothing of the user's reaches a function.
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", code],
        env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=log.file,
        stderr=log.file,
        pass_fds=[theirs.fileno()],
        start_new_session=True,
    )
    theirs.close()
    ours.setblocking(False)
    try:
        yield Zygote(ours, log)
    finally:
        ours.close()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Worker:
    """One forked process that is an instance of a function."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid: int | None = None
        self._reader = reader
        self._writer = writer

    async def call(self, event: Any, request_id: str, timeout_s: float) -> Any:
        """What the handler returned.

        Raises FunctionError if it raised. Raises TimeoutError or ConnectionError if this worker
        is of no more use.
        """
        invocation = {"event": event, "request_id": request_id, "timeout_s": timeout_s}
        self._writer.write(framed(invocation))
        async with asyncio.timeout(timeout_s):
            await self._writer.drain()
            answer = await self.receive()
        if "error" in answer:
            raise FunctionError(**_named(answer["error"]))
        return answer["result"]

    async def receive(self) -> dict[str, Any]:
        """The next message of the worker. Raises ConnectionError if it died instead."""
        try:
            [length] = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            return dict(json.loads(await self._reader.readexactly(length)))
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("the worker died") from None

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self._writer.close()
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def _named(error: dict[str, str]) -> dict[str, str]:
    return {"error_type": error["errorType"], "message": error["errorMessage"]}


class Function:
    """All instances of one function."""

    def __init__(
        self,
        spec: Spec,
        timeout_s: float,
        max_instances: int,
        zygote: Zygote,
        log: Log,
    ) -> None:
        self.spec = spec
        self._timeout_s = timeout_s
        self._zygote = zygote
        self._log = log
        self._free = asyncio.Semaphore(max_instances)
        self._idle: list[Worker] = []

    async def invoke(self, event: Any) -> Any:
        """What the function answers to ``event``, from an idle instance or a new one.

        Raises FunctionError if it raises, crashes, cannot be imported or exceeds its timeout.
        """
        request_id = str(uuid.uuid4())
        try:
            return await self._invoke(event, request_id)
        except FunctionError as error:
            self._log.problem(f"{self.spec.name} failed: {error}")
            raise

    async def _invoke(self, event: Any, request_id: str) -> Any:
        async with self._free:
            worker = self._idle.pop() if self._idle else await self._zygote.fork(self.spec)
            try:
                result = await worker.call(event, request_id, self._timeout_s)
            except FunctionError:
                self._idle.append(worker)
                raise
            except TimeoutError:
                worker.kill()
                text = f"RequestId: {request_id} Task timed out after {self._timeout_s:.2f} seconds"
                raise FunctionError("Sandbox.Timedout", text) from None
            except ConnectionError:
                worker.kill()
                text = f"RequestId: {request_id} Error: Runtime exited without an answer"
                raise FunctionError("Runtime.ExitError", text) from None
            except BaseException:
                worker.kill()
                raise
            self._idle.append(worker)
            return result


def function(
    plan: deployment.Function,
    engine_environment: dict[str, str],
    clock: VirtualClock,
    zygote: Zygote,
    log: Log,
    role: Role | None = None,
) -> Function:
    """The function as the template describes it, its AWS clients pointed at the engines.

    It does what its role allows; without one, anything.
    """
    spec = Spec(
        name=plan.name,
        arn=plan.arn,
        handler=plan.handler,
        code=str(plan.code),
        layers=[str(layer) for layer in plan.layers],
        environment=lambda_environment(plan) | engine_environment | plan.environment,
        memory_mb=plan.memory_mb,
        clock=str(clock.path),
        meter=os.environ.get("METER", ""),
        role=None if role is None else to_json(role),
        grants=os.environ.get("GRANTS", ""),
    )
    limit = min(plan.max_instances or MAX_INSTANCES, MAX_INSTANCES)
    return Function(spec, plan.timeout_s, limit, zygote, log)


def lambda_environment(plan: deployment.Function) -> dict[str, str]:
    """What Lambda itself sets."""
    return {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(plan.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": plan.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{plan.name}",
        "AWS_REGION": REGION,
        "LAMBDA_TASK_ROOT": str(plan.code),
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
        "TZ": ":UTC",
        "_HANDLER": plan.handler,
    }
