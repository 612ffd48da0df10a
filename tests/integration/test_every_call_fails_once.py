"""Bad luck at every step: whichever AWS call of a story fails, the story ends as it should.

Each call fails once, before it takes effect and after, with an error or with the death of the
process; every transaction meets another once. What failed is done again as it would be: users
repeat their requests, with their key or without, messages come again, the relay and the schedules
try again. In the end everything stored, sent or still to come is that of a clean run.
"""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from botocore.exceptions import ClientError

from dispatch.core.events import Event, EventType
from dispatch.core.table import Transaction
from dispatch.customers import service as customers
from tests import money_stories  # noqa: F401 - tells more of them
from tests.clock import Clock
from tests.fast.faults import Fault
from tests.fast.state import State, differences, state_of
from tests.fast.world import FastWorld, running
from tests.fault_stories import STORIES, Plot, Story

RETRIED_AFTER_S = 9
"""A notice is tried again by then; what looks again after ten seconds comes later."""


class Trial:
    """One story, told over and over from the same scene."""

    def __init__(self, world: FastWorld, story: Story) -> None:
        self.world = world
        self._plot = story(world)
        self._back = world.save()
        self.clean = self.run()
        self.calls = list(world.faults.calls)
        assert world.failures == [], "nothing fails in a clean run"

    def run(self, at: int | None = None, fault: Fault = Fault.REFUSED) -> State:
        world = self.world
        self._back()
        world.faults.arm(at, fault)
        self._plot.then()
        world.drain()
        world.faults.disarm()
        world.pass_time(seconds=RETRIED_AFTER_S)
        self._plot.end()
        plot = self._plot
        return state_of(world, without=plot.may_repeat, timeless=plot.may_be_late)

    def why_not(self, at: int, fault: Fault) -> str | None:
        """What is wrong when that call fails so; None if nothing is."""
        try:
            state = self.run(at, fault)
        except Exception as error:  # noqa: BLE001 - told beside all others
            found = [f"{type(error).__name__}: {error}"]
        else:
            found = differences(self.clean, state)
            if fault is Fault.CONFLICT and self.world.failures:
                found.append(f"it was not retried where it happened: {self.world.failures}")
            if state.repeats > self.clean.repeats + 1:
                found.append(f"{state.repeats} pushes were repeated")
        if not found:
            return None
        return "\n    ".join([f"{at}. {self.calls[at]}: {fault.value}", *found])


def _some_faults(calls: list[str]) -> Iterator[tuple[int, Fault]]:
    """Each write is refused or unheard, by turns; and after each its caller dies.

    Whoever dies before a write, or before a read, has died after the write before it. Of what
    reads, every fourth is refused.
    """
    for at, call in enumerate(calls):
        if Fault.UNHEARD.fits(call):
            yield at, (Fault.REFUSED, Fault.UNHEARD)[at % 2]
            yield at, Fault.KILLED_AFTER
        elif at % 4 == 1:
            yield at, Fault.REFUSED
        if Fault.CONFLICT.fits(call):
            yield at, Fault.CONFLICT


def _all_faults(calls: list[str]) -> Iterator[tuple[int, Fault]]:
    for at, call in enumerate(calls):
        yield from ((at, fault) for fault in Fault if fault.fits(call))


@pytest.fixture
def world() -> Iterator[FastWorld]:
    with running(Clock()) as world:
        yield world


@pytest.mark.parametrize("name", STORIES)
def test_whichever_call_fails_the_story_ends_as_it_should(world: FastWorld, name: str) -> None:
    trial = Trial(world, STORIES[name])
    wrong = [why for each in _some_faults(trial.calls) if (why := trial.why_not(*each))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.parametrize("keyed", [True, False], ids=["with key", "without key"])
@pytest.mark.parametrize("name", STORIES)
def test_however_it_fails(world: FastWorld, name: str, keyed: bool) -> None:
    world.keyed = keyed
    trial = Trial(world, STORIES[name])
    wrong = [why for each in _all_faults(trial.calls) if (why := trial.why_not(*each))]
    assert not wrong, "\n".join(wrong)


# The trial itself


def _tells_twice(world: FastWorld) -> Plot:
    """A consumer that is not safe to repeat."""

    def record() -> None:
        with Transaction() as tx:
            tx.record(Event(EventType.WAIVER_SIGNED, "SESSION#x", world.now))
        customers.location_of("customer")

    return Plot(lambda: world.scheduled(record), lambda: None)


def _gives_up(world: FastWorld) -> Plot:
    """A consumer that swallows what went wrong."""

    def then() -> None:
        with suppress(ClientError):
            customers.upsert({"id": "customer"})

    return Plot(then, lambda: None)


@pytest.mark.parametrize("story", [_tells_twice, _gives_up])
def test_a_trial_notices(world: FastWorld, story: Story) -> None:
    trial = Trial(world, story)
    assert any(trial.why_not(*each) for each in _some_faults(trial.calls))
