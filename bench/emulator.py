"""AWS's Lambda runtime emulator, as the SAM CLI ships it: starts a function without Docker."""

import os
import platform
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.deployed.fits import ARCHITECTURES

ROOT = Path(__file__).parents[1]
RUNTIME = ROOT / ".venv-emulator"
"""Holds awslambdaric for Python 3.13, put there by the Makefile."""
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Emulator:
    binary: Path

    def initialisation_ms(
        self, python: Sequence[str], handler: str, folder: Path, environment: Mapping[str, str]
    ) -> float:
        """Milliseconds of a function's initialisation, as the emulator reports them.

        Invokes it once, for the emulator starts nothing before. Bound to loopback.
        """
        port = _free_port()
        path = os.pathsep.join([environment["PYTHONPATH"], str(RUNTIME)])
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                [
                    str(self.binary),
                    f"--runtime-interface-emulator-address=127.0.0.1:{port}",
                    f"--runtime-api-address=127.0.0.1:{_free_port()}",
                    *(*python, "-m", "awslambdaric", handler),
                ],
                cwd=folder,
                env={
                    **environment,
                    "PYTHONPATH": path,
                    "LAMBDA_TASK_ROOT": str(folder),
                    "AWS_LAMBDA_FUNCTION_TIMEOUT": str(_PATIENCE_S),
                },
                stdout=log,
                stderr=log,
            )
            try:
                _invoke(port, process)
            finally:
                process.terminate()
                process.wait()
            log.seek(0)
            said = log.read().decode()
        found = re.search(r"INIT REPORT\(durationMs: ([\d.]+)\)", said)
        if not found or "INIT RTDONE(status: success)" not in said:
            raise RuntimeError(f"{handler} did not start under the emulator:\n{said}")
        return float(found[1])


def find() -> Emulator | None:
    """The SAM CLI's, for this machine, or None where there is none."""
    name = ARCHITECTURES.get(platform.machine())
    found = next(
        (ROOT / ".venv-sam" / "lib").glob(
            f"python3.*/site-packages/samcli/local/rapid/aws-lambda-rie-{name}"
        ),
        None,
    )
    if found is None or platform.system() != "Linux" or not RUNTIME.exists():
        return None
    return Emulator(_runnable(found))


def _runnable(binary: Path) -> Path:
    """Installed without the bit that lets it run."""
    if os.access(binary, os.X_OK):
        return binary
    copy = RUNTIME / binary.name
    if not copy.exists():
        shutil.copy(binary, copy)
        copy.chmod(0o700)
    return copy


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _invoke(port: int, process: subprocess.Popen[bytes]) -> None:
    """Once, as soon as the emulator listens."""
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    patience = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(url, data=b"{}", timeout=_PATIENCE_S):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > patience:
                raise
            time.sleep(0.02)
