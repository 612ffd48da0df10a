"""The whole of ministack, as a child process. Runs in ``.venv-deployed``; started by ``account``.

Three things are of our making. Functions run on the Python named by
``FUNCTIONS_PYTHON``, a bare one of the version that Lambda runs: ministack would take its own, of
another version and with packages of its own, which a function could then import without shipping
them. And an archive is unpacked once, not once for every instance: Lambda mounts layers, while
8,000 files unpacked are most of a cold start here. And requests, which do not leave this machine,
count as having come over TLS, which policies of the template insist on.
"""

import json
import os
import socket
import sys
import threading
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

from local import processes

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class UnpackedOnce(zipfile.ZipFile):
    """An archive that is unpacked where nobody else has unpacked the same; else linked to."""

    _copies: dict[tuple[tuple[str, int], ...], str] = {}  # noqa: RUF012 - shared on purpose
    _one_at_a_time = threading.Lock()

    def _content(self) -> tuple[tuple[str, int], ...]:
        return tuple((member.filename, member.CRC) for member in self.infolist())

    def namelist(self) -> list[str]:
        """Looked at before unpacking, member by member, for paths that lead elsewhere."""
        return [] if self._content() in self._copies else super().namelist()

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        with self._one_at_a_time:
            content = self._content()
            if content not in self._copies:
                copy = mkdtemp(prefix="unpacked-")
                super().extractall(copy, members, pwd)
                self._copies[content] = copy
        Path(path).rmdir()
        Path(path).symlink_to(self._copies[content])


def as_over_tls(serve: Application) -> Application:
    """The application, which believes that there is TLS in front of it."""

    async def over_tls(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await serve(
            {**scope, "scheme": "https"} if scope["type"] == "http" else scope, receive, send
        )

    return over_tls


def main() -> None:
    """Serve until standard input closes."""
    processes.stop_with_parent()
    # What ministack starts workers of Python functions with. Nothing else of it starts a Python.
    sys.executable = os.environ["FUNCTIONS_PYTHON"]
    with socket.socket() as free:
        free.bind((os.environ["BIND_HOST"], 0))
        port = free.getsockname()[1]
    os.environ["GATEWAY_PORT"] = str(port)  # read when its modules are imported
    sys.argv = ["ministack"]
    from ministack import app as gateway
    from ministack.core import lambda_runtime

    gateway.app = as_over_tls(gateway.app)
    lambda_runtime.zipfile = SimpleNamespace(**vars(zipfile) | {"ZipFile": UnpackedOnce})
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads on
    gateway.main()


if __name__ == "__main__":
    main()
