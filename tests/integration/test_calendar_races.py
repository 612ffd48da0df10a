"""However many book at once, no two bookings share time: threads, on an engine that is atomic."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from dispatch.calendar import rules, service, store
from dispatch.calendar.model import Booking
from dispatch.core import aws
from dispatch.core.errors import Conflict
from dispatch.core.table import Transaction, decides_anew
from dispatch.mechanics import service as mechanics
from dispatch.policy import service as policies
from dispatch.policy.model import Policy
from tests.calendar_builders import QUARTER, TEN, an_availability
from tests.clock import NOON
from tests.instances import forget_everything
from tests.mechanic_builders import a_record
from tests.template_file import table
from tests.world import REGION

PLANS = Policy().plans
TABLE = "races"


@pytest.fixture
def ada(ministack: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A mechanic on a table of the engine's, who can be booked from 9 to 5."""
    monkeypatch.setenv("TABLE_NAME", TABLE)
    monkeypatch.setenv("ROSTER_SHARDS", "1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(aws, "dynamodb", lambda: ministack)
    forget_everything()
    ministack.create_table(TableName=TABLE, **table())
    mechanics.upsert(a_record(id="ada"), NOON)
    service.replace_availability("ada", an_availability(), 0, NOON)
    policies.current(NOON)
    yield "ada"
    ministack.delete_table(TableName=TABLE)
    forget_everything()


@decides_anew
def hold(number: int, dice: random.Random) -> Booking:
    start = TEN + dice.randrange(10) * QUARTER
    with Transaction() as tx:
        return service.hold_slot(
            tx,
            mechanic_id="ada",
            session_id=f"session-{number:03}",
            customer_id=f"customer-{number:03}",
            plan=dice.choice(PLANS),
            start=start,
            now=NOON,
        )


@decides_anew
def go_on(booking: Booking, dice: random.Random) -> str:
    """Sign, change one's mind, or call off."""
    with Transaction() as tx:
        match dice.choice(["confirm", "move", "free"]):
            case "confirm":
                service.confirm_booking(tx, booking.ref, NOON)
                return "confirmed"
            case "move":
                start = TEN + dice.randrange(10) * QUARTER
                service.move_booking(tx, booking.ref, start=start, now=NOON)
                return "moved"
            case _:
                service.free_booking(tx, booking.ref, NOON)
                return "freed"


@pytest.mark.parametrize("count", [24, pytest.param(200, marks=pytest.mark.long)])
def test_bookings_that_come_at_once_leave_no_overlap(ada: str, count: int) -> None:
    start = threading.Barrier(count)

    def act(number: int) -> str:
        dice = random.Random(number)
        start.wait()
        try:
            if number % 12 == 5:
                at = TEN + dice.randrange(10) * QUARTER
                service.take_time_off(ada, at, at + QUARTER, NOON)
                return "off"
            booking = hold(number, dice)
            return go_on(booking, dice) if number % 2 else "held"
        except Conflict as conflict:
            return conflict.reason

    with ThreadPoolExecutor(count) as pool:
        outcomes = Counter(pool.map(act, range(count)))

    assert outcomes.keys() <= {
        "held",
        "confirmed",
        "moved",
        "freed",
        "off",
        "slot_taken",
        "bookings_inside",
    }
    bookings = service.bookings_of(ada, NOON, 100, None).items
    for booking, later in pairwise(bookings):
        assert booking.buffer_end <= later.start
    for booking in bookings:
        whole = rules.buckets(booking.start, booking.buffer_end)
        assert store.own_buckets(booking) == whole
    calendar = service.calendar_of(ada)
    for off in calendar.time_off:
        assert rules.overlapping(bookings, off.start, off.end) == []
    assert len(bookings) + len(calendar.time_off) > 0, "somebody got something"
