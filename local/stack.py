"""The local stack as a child process, for tests and the demo.

>>> with running_stack() as stack:
...     stack.seed(mechanics=[...])
...     stack.advance(300)
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from local import processes
from local.engines import TableEngine
from local.errors import LocalStackError

_CALL_S = 180.0

Document = dict[str, Any]


class RunningStack:
    """A stack that runs, and its ``/_local/*`` calls.

    Calls raise LocalStackError, with what the stack said, if they are refused.
    """

    def __init__(self, url: str, pid: int, log: Path) -> None:
        self.url = url
        self.pid = pid
        self.log = log
        """The file with the output of all functions."""

    def token(self, group: str, user_id: str) -> str:
        """An access token of a user in that group."""
        return str(self._call("GET", f"/_local/token/{group}/{quote(user_id)}")["token"])

    def seed(
        self, mechanics: list[Document] | None = None, customers: list[Document] | None = None
    ) -> None:
        """Write whole records."""
        body = {"mechanics": mechanics or [], "customers": customers or []}
        self._call("POST", "/_local/seed", body)

    def now(self) -> datetime:
        """What all functions take for the present."""
        return datetime.fromisoformat(self._call("GET", "/_local/health")["now"])

    def advance(self, seconds: float) -> None:
        """Move the clock, stopping and draining at each due instant."""
        self._call("POST", "/_local/clock", {"advance_s": seconds})

    def drain(self) -> None:
        """Return when nothing is left to do at this instant."""
        self._call("POST", "/_local/drain", {})

    def pushes(self, user_id: str) -> list[Document]:
        """What was pushed to a user, oldest first."""
        return list(self._call("GET", f"/_local/pushes?user_id={quote(user_id)}"))

    def mails(self, user_id: str) -> list[Document]:
        """What was mailed to a user, oldest first."""
        return list(self._call("GET", f"/_local/mails?user_id={quote(user_id)}"))

    def stripe(self, hook: str, **asked: Any) -> Document:
        """What customers and banks do at Stripe: ``pay``, ``refund``, ``fail``, ``deliver`` ..."""
        return dict(self._call("POST", f"/_local/stripe/{hook}", asked))

    def stripe_told(self) -> Document:
        """Everything that Stripe was told."""
        return dict(self._call("GET", "/_local/stripe"))

    def schedules(self) -> list[Document]:
        """One-time schedules that have not fired."""
        return list(self._call("GET", "/_local/schedules"))

    def _call(self, method: str, path: str, body: Document | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=_CALL_S) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise LocalStackError(f"{method} {path}: {error.code} {text}") from None


@contextmanager
def running_stack(
    port: int = 0,
    template: Path | None = None,
    table_engine: TableEngine | None = None,
    log: Path | None = None,
    meter: Path | None = None,
) -> Iterator[RunningStack]:
    """Start a stack with fresh state, and stop it when the block ends; it dies with its parent.

    Port 0 takes a free one. ``meter`` is where to count what AWS would bill
    (``local.meter``). Raises LocalStackError, with what the stack said, if it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="dispatch-stack-") as folder:
        log = log or Path(folder) / "stack.log"
        command = [sys.executable, "-m", "local", "--child", f"--port={port}", f"--log={log}"]
        if template:
            command.append(f"--template={template}")
        if table_engine:
            command.append(f"--dynamodb={table_engine}")
        terminal = (Path(folder) / "terminal").open("w+")
        child = processes.start(
            command,
            cwd=processes.ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(processes.ROOT),
                "METER": str(meter) if meter else "",
            },
            stdout=subprocess.PIPE,
            stderr=terminal,
        )
        try:
            assert child.stdout
            line = child.stdout.readline()
            if not line:
                child.wait()
                terminal.seek(0)
                raise LocalStackError(terminal.read().strip())
            yield RunningStack(json.loads(line)["url"], child.pid, log)
        finally:
            processes.stop(child, patience_s=15.0)
            terminal.close()
