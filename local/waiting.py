"""What waits in moto's queues and schedules, asked of ``moto_engine``."""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import urllib3

from local import stripe


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
        self._url = url
        self._connections = urllib3.PoolManager(retries=False)

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

        def post() -> tuple[int, dict[str, Any]]:
            url = f"{self._url}{stripe.PREFIX}/_hook/{hook}"
            answer = self._connections.request("POST", url, body=json.dumps(asked), timeout=60)
            return answer.status, json.loads(answer.data)

        return await asyncio.to_thread(post)

    async def _get(self, what: str) -> Any:
        def get() -> Any:
            url = f"{self._url}/_engine/{what}"
            return json.loads(self._connections.request("GET", url, timeout=60).data)

        return await asyncio.to_thread(get)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
