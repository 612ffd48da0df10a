"""What waits in moto's queues and schedules, asked of ``moto_engine``."""

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

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

    async def _get(self, what: str) -> Any:
        async with self._asking:
            try:
                return json.loads(await self._asked(what))
            except BaseException:
                self._leave()  # whatever else comes over this connection answers nobody
                raise

    async def _asked(self, what: str) -> bytes:
        """The answer's body. Several questions in a row share a connection."""
        if self._connection is None:
            self._connection = await asyncio.open_connection(
                self._address.hostname, self._address.port, limit=_MOST_READ_AHEAD
            )
        reader, writer = self._connection
        writer.write(
            f"GET /_engine/{what} HTTP/1.1\r\nhost: {self._address.netloc}\r\n\r\n".encode()
        )
        async with asyncio.timeout(_ANSWERED_IN_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").lower()
            status = head.split(" ", 2)[1]
            body = await reader.readexactly(int(_LENGTH.findall(head)[0]))
        if status != "200":
            raise LocalStackError(f"moto's process answered {status} for {what}; the log says why.")
        return body

    def _leave(self) -> None:
        if self._connection:
            with suppress(RuntimeError):  # the loop may be closed by now
                self._connection[1].close()
            self._connection = None


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
