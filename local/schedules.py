"""Schedules: one-time ones that functions made, and the template's regular ones."""

import asyncio
import json
import uuid
from datetime import datetime
from typing import Any

from local import destinations
from local.deployment import AsyncInvocations, RateSource
from local.engines import Clients
from local.log import Log
from local.template import ACCOUNT, REGION
from local.waiting import Schedule
from local.workers import Function, FunctionError


class OneTime:
    """Fires the schedules that wait in moto's EventBridge Scheduler.

    AWS may be up to a minute late; this is not.
    """

    def __init__(self, clients: Clients, log: Log) -> None:
        self._clients = clients
        self._log = log
        self._fired: set[tuple[str, str]] = set()

    def pending(self, schedules: list[Schedule]) -> list[Schedule]:
        """Those that have not fired; one that is kept after completion fires once."""
        return [each for each in schedules if (each.group, each.name) not in self._fired]

    async def fire(self, schedules: list[Schedule], now: datetime) -> bool:
        """Fire what is due; whether anything was."""
        due = [each for each in self.pending(schedules) if each.at <= now]
        for schedule in due:
            await asyncio.to_thread(self._fire, schedule)
        return bool(due)

    def _fire(self, schedule: Schedule) -> None:
        if schedule.target_arn.split(":")[2] == "sqs":
            self._clients.sqs.send_message(
                QueueUrl=destinations.queue_url(schedule.target_arn, self._clients),
                MessageBody=schedule.input or "{}",
            )
        else:
            self._log.problem(
                f"The schedule {schedule.name} did not fire: its target {schedule.target_arn} is "
                "no queue, the only target the local stack knows."
            )
        if schedule.delete_after:
            self._clients.scheduler.delete_schedule(Name=schedule.name, GroupName=schedule.group)
        else:
            self._fired.add((schedule.group, schedule.name))


class Regular:
    """Calls one function every so often, asynchronously: failures are retried, then left at the
    function's failure destination."""

    def __init__(
        self,
        source: RateSource,
        function: Function,
        on_failure: AsyncInvocations,
        clients: Clients,
        since: datetime,
    ) -> None:
        self.next_at = since + source.every
        self._source = source
        self._function = function
        self._on_failure = on_failure
        self._clients = clients

    def falls_due(self, now: datetime) -> bool:
        """Whether to call it now; however many times were missed, once."""
        if now < self.next_at:
            return False
        while self.next_at <= now:
            self.next_at += self._source.every
        return True

    async def call(self, now: datetime) -> None:
        """Invoke the function, again if it fails."""
        payload = self._source.payload
        event = json.loads(payload) if payload else scheduled_event(now)
        attempts = self._on_failure.max_retries + 1
        error = ""
        for _ in range(attempts):
            try:
                await self._function.invoke(event)
            except FunctionError as failure:
                error = str(failure)
            else:
                return
        if self._on_failure.on_failure_arn:
            document = destinations.document(
                self._source.function, "RetriesExhausted", attempts, error, now
            )
            document["requestPayload"] = event
            await asyncio.to_thread(
                destinations.leave, document, self._on_failure.on_failure_arn, now, self._clients
            )


def scheduled_event(at: datetime) -> dict[str, Any]:
    """What a rule with a rate sends."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": {},
    }
