"""The process that forks the workers.

It has imported the heavy third-party packages and nothing of ours, and it never starts a thread,
so that a fork is quick and clean. A worker is asked for by a message on the control socket: the
worker's spec as a line of JSON, with two file descriptors, the worker's own socket and where its
output goes.

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
    while True:
        message, descriptors = _next(control)
        if not message:
            os.killpg(0, signal.SIGKILL)
        if os.fork() == 0:
            control.close()
            _work(runtime.Spec.from_json(message.decode()), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


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


def _work(spec: runtime.Spec, connection_fd: int, output_fd: int) -> None:
    """The forked worker's whole life; never returns."""
    _die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(output_fd, 1)
    os.dup2(output_fd, 2)
    os.close(output_fd)
    try:
        runtime.serve(spec, socket.socket(fileno=connection_fd))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _die_with_parent() -> None:
    """Where the kernel can (Linux), a worker dies with a zygote that was killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
