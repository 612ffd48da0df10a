"""Child processes that never outlive the stack.

A child is in a session of its own, so that Ctrl-C reaches only the stack, which then ends it. If
the stack is killed instead, its end of the child's standard input closes, and the child, which
watches it (``stop_with_parent``), stops by itself.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
"""The folder of ``template.yaml``."""


def start(command: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
    """Start a child that stops when its standard input closes."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, **options)


def stop(child: "subprocess.Popen[bytes]", patience_s: float = 3.0) -> None:
    """Ask the child to stop, and end its whole process group if it does not in time."""
    if child.stdin:
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(patience_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def stop_with_parent() -> None:
    """End this process as soon as its standard input closes."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="stop with parent", daemon=True).start()
