"""What AWS does between the functions, and when there is nothing left of it to do.

The stream, the queues and the schedules are looked at as soon as something was probably left there,
and otherwise a few times a second.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from local.clock import VirtualClock
from local.queues import Queue
from local.schedules import OneTime, Regular
from local.streams import Stream
from local.waiting import MotoEngine, Schedule

_IDLE_S = 0.25
_DRAIN_S = 120.0
_LONG = timedelta(hours=3)
_ONE_SECOND = timedelta(seconds=1)
# moto counts in milliseconds, and a message is visible only after its instant.
_JUST_AFTER = timedelta(milliseconds=1)


class StillBusy(Exception):
    """The stack did not come to rest; the text says what is left."""


class Bell:
    """Rung when something was probably left for the pumps."""

    def __init__(self) -> None:
        self._listeners: list[asyncio.Event] = []

    def listener(self) -> asyncio.Event:
        """An event set by every ring."""
        event = asyncio.Event()
        self._listeners.append(event)
        return event

    def ring(self) -> None:
        """Wake everyone who listens."""
        for listener in self._listeners:
            listener.set()


class _Watch:
    """Looks at one place again and again: when rung, and at once if ``look`` says so."""

    def __init__(self, look: Callable[[], Awaitable[bool]], pumps: "Pumps", bell: Bell) -> None:
        self.left_nothing_at: int | None = None
        """What was counted as steps when the last look began, if it left nothing to look for."""
        self._look = look
        self._pumps = pumps
        self._rung = bell.listener()

    async def forever(self) -> None:
        while True:
            self._rung.clear()
            began_at = self._pumps.steps
            if await self._look():
                self.left_nothing_at = None
                continue
            self.left_nothing_at = began_at
            await self._pumps.maybe_quiet()
            with suppress(TimeoutError):
                async with asyncio.timeout(_IDLE_S):
                    await self._rung.wait()


class Pumps:
    """All event sources of the stack."""

    def __init__(
        self,
        engine: MotoEngine,
        streams: list[Stream],
        queues: list[Queue],
        one_time: OneTime,
        regular: list[Regular],
        clock: VirtualClock,
        bell: Bell,
    ) -> None:
        self._engine = engine
        self._queues = queues
        self._one_time = one_time
        self._regular = regular
        self._clock = clock
        self._bell = bell
        self.steps = 0
        """Counts what may have left work where was looked before."""
        self._watches = [
            *(_Watch(self._relaying(stream.look), self, bell) for stream in streams),
            _Watch(self._look_at_moto, self, bell),
        ]
        self._group = asyncio.TaskGroup()
        self._under_way: dict[asyncio.Task[None], Queue | None] = {}
        self._looked = asyncio.Condition()
        self._advancing = asyncio.Lock()

    async def run(self) -> None:
        """Pump until cancelled."""
        async with self._group as group:
            for watch in self._watches:
                group.create_task(watch.forever())

    async def drain(self) -> None:
        """Return when no stream record, queue message or due schedule is left.

        A message that waits for its delay or its visibility timeout is not left: it will be, at a
        later instant. Raises StillBusy if that takes too long.
        """
        try:
            async with asyncio.timeout(_DRAIN_S), self._looked:
                self._step()
                await self._looked.wait_for(self._is_quiet)
        except TimeoutError:
            raise StillBusy(await self._whats_left()) from None

    async def maybe_quiet(self) -> None:
        """A look has left nothing: whoever drains may be interested."""
        async with self._looked:
            self._looked.notify_all()

    async def advance(self, by: timedelta) -> None:
        """Move the clock, stopping and draining at each instant at which something is due.

        On a long way regular schedules are no reason to stop: they are called at the other stops
        and at the end.
        """
        async with self._advancing:
            stop_for_regular = by <= _LONG
            await self.drain()  # what is done by then has its deadlines within the time asked for
            target = self._clock.now() + by
            while due := await self._next_due(target, stop_for_regular):
                self._clock.move_to(due + _JUST_AFTER)
                await self.drain()
            self._clock.move_to(target)
            await self.drain()

    async def pending_schedules(self) -> list[Schedule]:
        """The one-time schedules that have not fired, the next one first."""
        return self._one_time.pending((await self._engine.waiting()).schedules)

    def _is_quiet(self) -> bool:
        """Everything was looked at since the last step, and nothing is left or under way.

        What ended between two looks was a step: it may have left work where was looked before.
        """
        looked = all(watch.left_nothing_at == self.steps for watch in self._watches)
        return looked and not self._under_way

    def _step(self) -> None:
        self.steps += 1
        self._bell.ring()

    def _relaying(self, look: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
        """What is found in a stream is in the queues when the look has ended."""

        async def relaying() -> bool:
            found = await look()
            if found:
                self._step()
            return found

        return relaying

    async def _look_at_moto(self) -> bool:
        waiting = await self._engine.waiting()
        now = self._clock.now()
        for regular in self._regular:
            if regular.falls_due(now):
                self._start(regular.call(now), None)
        for queue in self._queues:
            await self._start_batches(queue, waiting.queues[queue.arn].visible)
        # What was found by now is under way; what a schedule sends is yet to be found.
        return await self._one_time.fire(waiting.schedules, now)

    async def _start_batches(self, queue: Queue, visible: int) -> None:
        while visible > 0 and list(self._under_way.values()).count(queue) < queue.at_once:
            messages = await queue.receive()
            if not messages:
                break
            self._start(queue.handle(messages), queue)
            visible -= len(messages)

    def _start(self, work: Coroutine[Any, Any, None], queue: Queue | None) -> None:
        task = self._group.create_task(work)
        self._under_way[task] = queue
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self._under_way[task]
        self._step()

    async def _next_due(self, target: datetime, stop_for_regular: bool) -> datetime | None:
        """The first instant, up to ``target``, at which something falls due.

        A queue counts its delays in whole seconds: a message is due a part of a second before it
        is visible.
        """
        waiting = await self._engine.waiting()
        instants = [schedule.at for schedule in self._one_time.pending(waiting.schedules)]
        if stop_for_regular:
            instants += [regular.next_at for regular in self._regular]
        due = [instant for instant in instants if instant <= target]
        visible = [waiting.queues[queue.arn].next_at for queue in self._queues]
        due += [instant for instant in visible if instant and instant < target + _ONE_SECOND]
        return min(due, default=None)

    async def _whats_left(self) -> str:
        waiting = await self._engine.waiting()
        visible = {
            queue.arn.rpartition(":")[2]: waiting.queues[queue.arn].visible
            for queue in self._queues
        }
        return (
            f"Not drained after {_DRAIN_S:.0f} s: visible messages {visible}, "
            f"invocations under way {len(self._under_way)}."
        )
