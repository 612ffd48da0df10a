"""What waits in moto's queues and schedules, asked of ``moto_engine``."""

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from local import stripe
from local.errors import LocalStackError

_ANSWERED_IN_S = 60
_MOST_READ_AHEAD = 1 << 20
_LENGTH = re.compile(r"\r\ncontent-length: *(\d+)")


@dataclass(frozen=True, slots=True)
class QueueState:
    """Messages that can be received now, and when the next one can by itself: at the end of its
    delay or of its visibility timeout."""

    visible: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A one-time schedule made by a function."""

    name: str
    group: str
    expression: str
    at: datetime
    target_arn: str
    input: str | None
    delete_after: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """Queues by ARN; schedules, the next one first."""

    queues: dict[str, QueueState]
    schedules: list[Schedule]


class MotoEngine:
    """The questions ``moto_engine`` answers beside AWS's APIs."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._asking = asyncio.Lock()
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def waiting(self) -> Waiting:
        """What waits now."""
        answer = await self._get("pending")
        queues = {
            arn: QueueState(queue["visible"], _time(queue["next_at"]))
            for arn, queue in answer["queues"].items()
        }
        schedules = [
            Schedule(**{**schedule, "at": datetime.fromisoformat(schedule["at"])})
            for schedule in answer["schedules"]
        ]
        return Waiting(queues, schedules)

    async def pushes(self) -> list[dict[str, Any]]:
        """What left through platform endpoints, oldest first."""
        return list(await self._get("pushes"))

    async def mails(self) -> list[dict[str, Any]]:
        """What left through SES, oldest first."""
        return list(await self._get("mails"))

    async def stripe(self, hook: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and answer of a hook of the stand-in for Stripe (``local.stripe.hook``)."""
        status, body = await self._ask("POST", f"{stripe.PREFIX}/_hook/{hook}", json.dumps(asked))
        return status, json.loads(body)

    async def _get(self, what: str) -> Any:
        status, body = await self._ask("GET", f"/_engine/{what}")
        if status != 200:
            raise LocalStackError(f"moto's process answered {status} for {what}; the log says why.")
        return json.loads(body)

    async def _ask(self, method: str, path: str, text: str = "") -> tuple[int, bytes]:
        async with self._asking:
            try:
                return await self._asked(method, path, text.encode())
            except BaseException:
                self._leave()  # whatever else comes over this connection answers nobody
                raise

    async def _asked(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """The answer's status and body. Several questions in a row share a connection."""
        if self._connection is None:
            self._connection = await asyncio.open_connection(
                self._address.hostname, self._address.port, limit=_MOST_READ_AHEAD
            )
        reader, writer = self._connection
        head = f"{method} {path} HTTP/1.1\r\nhost: {self._address.netloc}\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        async with asyncio.timeout(_ANSWERED_IN_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").lower()
            length = int(_LENGTH.findall(head)[0])
            return int(head.split(" ", 2)[1]), await reader.readexactly(length)

    def _leave(self) -> None:
        if self._connection:
            with suppress(RuntimeError):  # the loop may be closed by now
                self._connection[1].close()
            self._connection = None


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
