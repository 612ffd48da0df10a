"""The two emulators behind the stack, each a child process on a free port of 127.0.0.1.

ministack keeps the table and its stream, served by ``ministack_engine``: it is atomic and its cost
does not grow with the table. moto does everything else, served one request at a time by
``moto_engine``, on the stack's clock.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from local import processes
from local.clock import VirtualClock
from local.errors import LocalStackError
from local.template import ACCOUNT, REGION

MINISTACK = processes.ROOT / ".venv-ministack" / "bin" / "python"

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
# So that nothing of the user's own AWS settings reaches a client of the engines.
NO_USER_SETTINGS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class TableEngine(StrEnum):
    """Which emulator keeps the table; the value of the variable DYNAMODB."""

    MINISTACK = "ministack"
    MOTO = "moto"


@dataclass(frozen=True, slots=True)
class Engines:
    """Where the engines listen."""

    moto_url: str
    dynamodb_url: str

    @property
    def environment(self) -> dict[str, str]:
        """What points a function's AWS clients at the engines."""
        return {
            **CREDENTIALS,
            **NO_USER_SETTINGS,
            "AWS_ENDPOINT_URL": self.moto_url,
            "AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb_url,
            "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": self.dynamodb_url,
        }


class StartingEngines:
    """Engine processes on their way up; both start at once, since each takes a while."""

    def __init__(
        self, moto: "subprocess.Popen[bytes]", ministack: "subprocess.Popen[bytes] | None"
    ) -> None:
        self._moto = moto
        self._ministack = ministack

    async def ready(self) -> Engines:
        """Wait until both answer. Raises LocalStackError if one does not come up."""
        moto_url = await asyncio.to_thread(announced, self._moto)
        if self._ministack is None:
            return Engines(moto_url=moto_url, dynamodb_url=moto_url)
        ministack_url = await asyncio.to_thread(announced, self._ministack)
        return Engines(moto_url=moto_url, dynamodb_url=ministack_url)


def announced(engine: "subprocess.Popen[bytes]") -> str:
    """Where an engine listens, once it does. Raises LocalStackError if it ended instead."""
    assert engine.stdout
    line = engine.stdout.readline()
    if not line:
        raise LocalStackError(f"{engine.args!r} did not start; the log says why.")
    return f"http://127.0.0.1:{json.loads(line)['port']}"


@contextmanager
def starting(
    table_engine: TableEngine, clock: VirtualClock, folder: Path, log: IO[Any]
) -> Iterator[StartingEngines]:
    """Start the engines with fresh state; stopped when the block ends.

    ``folder`` is theirs for scratch files. Raises LocalStackError if ministack is not installed.
    """
    if table_engine is TableEngine.MINISTACK and not MINISTACK.exists():
        raise LocalStackError(
            f"ministack, which keeps the table, is not installed in {MINISTACK.parent.parent}.\n"
            "Run `make setup`, or do without it: DYNAMODB=moto make run"
        )
    with ExitStack() as children:
        moto = processes.start(
            [sys.executable, "-m", "local.moto_engine", str(clock.path)],
            cwd=processes.ROOT,
            env=scratch_environment(folder),
            stdout=subprocess.PIPE,
            stderr=log,
        )
        children.callback(processes.stop, moto)
        ministack = None
        if table_engine is TableEngine.MINISTACK:
            ministack = start_ministack(folder, log)
            children.callback(processes.stop, ministack)
        yield StartingEngines(moto, ministack)


def start_ministack(folder: Path, log: IO[Any]) -> "subprocess.Popen[bytes]":
    """ministack's process, on its way up; ``folder`` is its for scratch files."""
    account = {"MINISTACK_ACCOUNT_ID": ACCOUNT, "MINISTACK_REGION": REGION}
    return processes.start(
        [str(MINISTACK), "-m", "local.ministack_engine"],
        cwd=processes.ROOT,
        env=scratch_environment(folder) | account,
        stdout=subprocess.PIPE,
        stderr=log,
    )


def scratch_environment(folder: Path) -> dict[str, str]:
    """What a child needs to run, with nothing of the user's: its home and scratch are there."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "AWS_DEFAULT_REGION": REGION,
        "LANG": "C.UTF-8",
    }


class Clients:
    """The stack's own AWS clients."""

    def __init__(self, engines: Engines) -> None:
        from boto3.session import Session
        from botocore.config import Config

        from local import short_way

        short_way.take()
        session = Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        config = Config(max_pool_connections=50, account_id_endpoint_mode="disabled")

        def client(service: Any, url: str) -> Any:
            return session.client(service, endpoint_url=url, config=config)

        self.dynamodb = client("dynamodb", engines.dynamodb_url)
        self.streams = client("dynamodbstreams", engines.dynamodb_url)
        self.sns = client("sns", engines.moto_url)
        self.sqs = client("sqs", engines.moto_url)
        self.s3 = client("s3", engines.moto_url)
        self.scheduler = client("scheduler", engines.moto_url)
        self.ses = client("sesv2", engines.moto_url)
        self.cognito = client("cognito-idp", engines.moto_url)
        self.ssm = client("ssm", engines.moto_url)
        self.moto_url = engines.moto_url
