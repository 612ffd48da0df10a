"""An AWS account on this machine: ministack with all its services, bound to the loopback device."""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

from local import engines, processes
from local.errors import LocalStackError
from local.template import ACCOUNT, REGION

PYTHON = processes.ROOT / ".venv-deployed" / "bin" / "python"
_READY_S = 30.0


class Account:
    """Where the account is, and clients of its services with the rights of its root."""

    def __init__(self, url: str) -> None:
        self.url = url

    @cache  # noqa: B019 - there is one account in a process
    def client(self, service: Any) -> Any:
        """A client that tries once: what fails is to be seen."""
        from boto3.session import Session
        from botocore.config import Config

        # ministack takes an account's number for the access key of its root.
        session = Session(
            aws_access_key_id=ACCOUNT, aws_secret_access_key="local", region_name=REGION
        )
        config = Config(
            retries={"total_max_attempts": 1},
            read_timeout=120,
            account_id_endpoint_mode="disabled",
            s3={"addressing_style": "path"},
        )
        return session.client(service, endpoint_url=self.url, config=config)


@contextmanager
def running_account(functions_python: Path, folder: Path, log: IO[Any]) -> Iterator[Account]:
    """Start an empty account; gone, with everything that runs in it, when the block ends.

    ``functions_python`` is what functions run on, ``folder`` is for scratch files. Raises
    LocalStackError if it does not start.
    """
    if not PYTHON.exists():
        raise LocalStackError("ministack is not installed. `make e2e-deploy` sets it up.")
    child = processes.start(
        [str(PYTHON), "-m", "tests.deployed.ministack_server"],
        cwd=processes.ROOT,
        env={
            **engines.scratch_environment(folder),
            "AUTH": "true",  # the policies of the functions' roles decide what they may do
            "BIND_HOST": "127.0.0.1",
            "FUNCTIONS_PYTHON": str(functions_python),
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "SFTP_ENABLED": "0",
        },
        stdout=subprocess.PIPE,
        stderr=log,
    )
    try:
        account = Account(engines.announced(child))
        _wait_until_ready(account.url)
        yield account
    finally:
        processes.stop(child)


def _wait_until_ready(url: str) -> None:
    until = time.monotonic() + _READY_S
    while True:
        try:
            with urllib.request.urlopen(f"{url}/_ministack/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError) as error:
            if time.monotonic() > until:
                raise LocalStackError(f"ministack does not answer: {error}") from None
            time.sleep(0.1)
