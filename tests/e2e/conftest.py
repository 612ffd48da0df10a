"""One running stack for all end-to-end tests of a file, and callers of its API.

The state is shared: a test makes users of its own (``fresh``). Time only moves forward, for all.
A stack of its own for each file costs less than it saves: whatever tests leave unfinished goes on
when time moves.
"""

import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest

from local.stack import RunningStack, running_stack
from tests.e2e.people import Town

Caller = Callable[[str, str], httpx.Client]
Fresh = Callable[[str], str]


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    """The stack of ``template.yaml`` on ministack, started when the first test asks for it."""
    with running_stack() as running:
        yield running


@pytest.fixture
def anyone(stack: RunningStack) -> Iterator[httpx.Client]:
    """A caller without a token."""
    with httpx.Client(base_url=stack.url, timeout=60) as client:
        yield client


@pytest.fixture
def caller(stack: RunningStack) -> Iterator[Caller]:
    """``caller("mechanic", user_id)`` is a client with that user's token."""
    clients: list[httpx.Client] = []

    def of(group: str, user_id: str) -> httpx.Client:
        token = stack.token(group, user_id)
        headers = {"authorization": f"Bearer {token}"}
        clients.append(httpx.Client(base_url=stack.url, headers=headers, timeout=60))
        return clients[-1]

    yield of
    for client in clients:
        client.close()


@pytest.fixture
def fresh() -> Fresh:
    """``fresh("mechanic")`` is an id nobody had before."""
    return lambda name: f"{name}-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def town(stack: RunningStack) -> Iterator[Town]:
    """Customers and mechanics apart from every other test's."""
    with Town(stack) as apart:
        yield apart
