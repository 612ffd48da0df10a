"""Running stacks for end-to-end tests, and callers of their API.

The state is shared: a test makes users of its own (``fresh``). Time only moves forward, for all,
and whatever tests leave unfinished goes on when it moves. A stack takes some seconds to start, and
so does each of its functions: so files share one, but for those that move time by months, or that
need a stack of their own kind.
"""

import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest

from local.stack import RunningStack, running_stack
from tests.e2e.people import Town

Caller = Callable[[str, str], httpx.Client]
Fresh = Callable[[str], str]


SHARE_A_STACK = frozenset(
    {
        "test_admin",
        "test_bad_input",
        "test_bad_minutes",
        "test_browse",
        "test_calendar",
        "test_devices",
        "test_fallback",
        "test_idempotency_keys",
        "test_main_job",
        "test_notices",
        "test_people",
        "test_profiles",
        "test_races",
        "test_waitlist",
    }
)
LONGEST_FIRST = (
    "test_local_stack",
    "test_bad_minutes",
    "test_sweeper_alone",
    "test_races",
    "test_notices",
    "test_fallback",
)
LAST = (
    "test_people",
    "test_bad_input",
    "test_devices",
    "test_calendar",
    "test_browse",
    "test_profiles",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, so that both workers are done at about the same time."""

    def place(item: pytest.Item) -> int:
        if item.path.stem in LONGEST_FIRST:
            return LONGEST_FIRST.index(item.path.stem)
        return len(LONGEST_FIRST) + (item.path.stem in LAST)

    items.sort(key=place)


@pytest.fixture(scope="session")
def shared_stack() -> Iterator[RunningStack]:
    with running_stack() as running:
        yield running


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest) -> Iterator[RunningStack]:
    """The stack of ``template.yaml`` on ministack, started when the first test asks for it."""
    if request.path.stem in SHARE_A_STACK:
        yield request.getfixturevalue("shared_stack")
        return
    with running_stack() as running:
        yield running


@pytest.fixture
def anyone(stack: RunningStack) -> Iterator[httpx.Client]:
    """A caller without a token."""
    # ``verify=False``: plain HTTP, no certificates to load, which takes longer than a test.
    with httpx.Client(base_url=stack.url, timeout=60, verify=False) as client:
        yield client


@pytest.fixture
def caller(stack: RunningStack) -> Iterator[Caller]:
    """``caller("mechanic", user_id)`` is a client with that user's token."""
    clients: list[httpx.Client] = []

    def of(group: str, user_id: str) -> httpx.Client:
        token = stack.token(group, user_id)
        headers = {"authorization": f"Bearer {token}"}
        clients.append(httpx.Client(base_url=stack.url, headers=headers, timeout=60, verify=False))
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
