"""When the stack is at rest: the part of draining that is easy to get wrong."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local import pumps
from local.clock import VirtualClock
from local.pumps import Bell, Pumps, StillBusy
from local.waiting import QueueState, Waiting

MINUTE = timedelta(minutes=1)


class FakeWorld:
    """A stream, a queue and moto in memory: a record becomes a message, a message ``after`` it."""

    arn = "arn:queue"
    at_once = 1

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.stream: list[str] = []
        self.queue: list[str] = []
        self.later: list[tuple[Any, str]] = []
        self.handled: list[tuple[str, Any]] = []
        self.after: dict[str, list[str]] = {}
        """What handling a message writes to the stream."""

    async def waiting(self) -> Waiting:
        now = self.clock.now()
        self.queue += [message for at, message in self.later if at <= now]
        self.later = [(at, message) for at, message in self.later if at > now]
        next_at = min((at for at, _ in self.later), default=None)
        return Waiting({self.arn: QueueState(len(self.queue), next_at)}, [])

    async def look(self) -> bool:
        found, self.stream = self.stream, []
        await asyncio.sleep(0.001)
        self.queue += found
        return bool(found)

    async def receive(self) -> list[str]:
        return [self.queue.pop(0)] if self.queue else []

    async def handle(self, messages: list[str]) -> None:
        await asyncio.sleep(0.02)
        for message in messages:
            self.handled.append((message, self.clock.now()))
            self.stream += self.after.pop(message, [])

    def pending(self, schedules: list[Any]) -> list[Any]:
        return schedules

    async def fire(self, _schedules: list[Any], _now: Any) -> bool:
        return False


@pytest.fixture
def world(tmp_path: Path) -> FakeWorld:
    return FakeWorld(VirtualClock.create(tmp_path / "clock"))


def run(world: FakeWorld, act: str, *arguments: Any) -> None:
    async def pumping() -> None:
        fake: Any = world
        running = Pumps(fake, [fake], [fake], fake, [], world.clock, Bell())
        pump = asyncio.create_task(running.run())
        await asyncio.sleep(0)
        try:
            await getattr(running, act)(*arguments)
        finally:
            pump.cancel()

    asyncio.run(pumping())


def test_drained_means_that_what_followed_from_it_is_done_too(world: FakeWorld) -> None:
    world.stream = ["a"]
    world.after = {"a": ["b"], "b": ["c", "d"]}
    run(world, "drain")
    assert [message for message, _ in world.handled] == ["a", "b", "c", "d"]


def test_what_waits_for_a_later_instant_is_not_waited_for(world: FakeWorld) -> None:
    world.later = [(world.clock.now() + MINUTE, "later")]
    run(world, "drain")
    assert world.handled == []


def test_an_advance_stops_where_something_is_due(world: FakeWorld) -> None:
    start = world.clock.now()
    world.later = [(start + 2 * MINUTE, "second"), (start + MINUTE, "first")]
    run(world, "advance", 5 * MINUTE)
    [(first, first_at), (second, second_at)] = world.handled
    assert (first, second) == ("first", "second")
    assert MINUTE <= first_at - start < 2 * MINUTE <= second_at - start < 3 * MINUTE
    assert world.clock.now() - start >= 5 * MINUTE


def test_an_advance_stops_for_what_falls_due_on_the_way(world: FakeWorld) -> None:
    start = world.clock.now()
    world.later = [(start + MINUTE, "first")]
    handle = world.handle

    async def handle_and_send(messages: list[str]) -> None:
        await handle(messages)
        if messages == ["first"]:
            world.later.append((start + 2 * MINUTE, "made on the way"))

    world.handle = handle_and_send  # type: ignore[method-assign]
    run(world, "advance", 5 * MINUTE)
    assert [message for message, _ in world.handled] == ["first", "made on the way"]


def test_a_stack_that_never_rests_is_said(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumps, "_DRAIN_S", 0.2)
    world.queue = ["again"] * 1000
    with pytest.raises(StillBusy, match="invocations under way"):
        run(world, "drain")
