"""The process that forks the workers.

It has imported the heavy third-party packages and nothing of ours, and it never starts a thread,
so that a fork is quick and clean. A worker is asked for by a message on the control socket: the
worker's spec as a line of JSON, with two file descriptors, the worker's own socket and where its
output goes.

The first worker of a function imports its handler, and leaves a mould behind: a fork of itself at
that moment, from which the function's other workers are forked.

When the control socket closes, the stack is gone: the zygote then ends itself and all workers,
which share its process group.
"""

import contextlib
import ctypes
import functools
import gc
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from local import runtime

# What the functions import beside their own code. Absent ones are skipped: not all need all.
_PRELOADED = (
    "aws_lambda_powertools",
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.typing",
    "boto3.dynamodb.types",
    "boto3.session",
    "botocore.client",
    "botocore.endpoint",
    "botocore.httpsession",
    "botocore.parsers",
    "botocore.regions",
    "botocore.serialize",
    "fastapi",
    "fastapi.responses",
    "mangum",
    "phonenumbers",
    "pycountry",
    "pydantic",
    "pydantic.v1",  # FastAPI looks at it
    "requests",
    "stripe",
    "stripe.checkout",
    "ulid",
    "zoneinfo",
)

_CLIENTS = ("dynamodb", "s3", "scheduler", "sesv2", "sns", "sqs", "ssm")

_PR_SET_PDEATHSIG = 1
_MAX_MESSAGE = 1 << 20


def main(control_fd: int) -> None:
    """Fork workers until the control socket closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for workers; the kernel reaps
    for name in _PRELOADED:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    with contextlib.suppress(ModuleNotFoundError):
        _remember_descriptions()
        from local import short_way

        short_way.take()
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=control_fd)
    control.sendall(b"ready\n")
    moulds: dict[bytes, socket.socket] = {}
    while True:
        message, descriptors = _next(control)
        if not message:
            os.killpg(0, signal.SIGKILL)
        if message not in moulds:
            moulds[message], theirs = socket.socketpair()
            _fork(message, descriptors, [control, *moulds.values()], theirs)
            theirs.close()
        elif not _taken_over(moulds[message], descriptors):
            _fork(message, descriptors, [control, *moulds.values()])
        for descriptor in descriptors:
            os.close(descriptor)


def _fork(
    message: bytes,
    descriptors: list[int],
    ours: list[socket.socket],
    mould: socket.socket | None = None,
) -> None:
    """A worker, which leaves its mould at that socket; it has nothing of ``ours``."""
    if os.fork() == 0:
        for each in ours:
            each.close()
        connection_fd, output_fd = descriptors
        _work(runtime.Spec.from_json(message.decode()), connection_fd, output_fd, mould)


def _taken_over(mould: socket.socket, descriptors: list[int]) -> bool:
    """Let the mould fork the worker, if it is there already, and still."""
    try:
        if not mould.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
            return False
        socket.send_fds(mould, [b"!"], descriptors)
    except OSError:  # not yet, or just now not any more
        return False
    return True


def _remember_descriptions() -> None:
    """Read what describes AWS's services here, once, instead of in every worker.

    It is most of what it takes to build a client.
    """
    from boto3.session import Session
    from botocore.loaders import JSONFileLoader

    description = functools.cache(JSONFileLoader().load_file)
    loader: Any = JSONFileLoader
    loader.load_file = lambda _, path: description(path)
    session: Any = Session(region_name="us-east-1")
    for service in _CLIENTS:
        session.client(service)


def _next(control: socket.socket) -> tuple[bytes, list[int]]:
    """The next whole line and the descriptors that came with it; nothing at the end."""
    message, descriptors, _, _ = socket.recv_fds(control, _MAX_MESSAGE, 2)
    while message and not message.endswith(b"\n"):
        part = control.recv(_MAX_MESSAGE)
        if not part:
            return b"", []
        message += part
    return message, list(descriptors)


def _work(
    spec: runtime.Spec, connection_fd: int, output_fd: int, mould: socket.socket | None
) -> None:
    """The forked worker's whole life; never returns."""
    connection = socket.socket(fileno=connection_fd)

    def become(spec: runtime.Spec) -> runtime.Handler:
        handler = runtime.become(spec)
        if mould:
            if os.fork() == 0:
                connection.close()
                _be_mould(spec, handler, mould)
            mould.close()
        return handler

    _live(spec, connection, output_fd, become)


def _be_mould(spec: runtime.Spec, handler: runtime.Handler, orders: socket.socket) -> None:
    """Fork a worker for each pair of descriptors that comes; never returns.

    It outlives the worker it is a copy of, but not the zygote, and keeps nobody's output open.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    orders.sendall(b".")
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, 1, 2)
        if not order:
            os._exit(0)
        connection_fd, output_fd = descriptors
        if os.fork() == 0:
            orders.close()
            _live(spec, socket.socket(fileno=connection_fd), output_fd, lambda _: handler)
        for descriptor in descriptors:
            os.close(descriptor)


def _live(
    spec: runtime.Spec,
    connection: socket.socket,
    output_fd: int,
    become: Callable[[runtime.Spec], runtime.Handler],
) -> None:
    """Serve as an instance of the function; never returns."""
    _die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(output_fd, 1)
    os.dup2(output_fd, 2)
    os.close(output_fd)
    try:
        runtime.serve(spec, connection, become)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _die_with_parent() -> None:
    """Where the kernel can (Linux), a worker dies with a zygote that was killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
