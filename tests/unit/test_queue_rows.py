"""A row of the queue as it is shown."""

from dataclasses import replace
from datetime import timedelta

from dispatch.offers.views import QueueRow
from tests.builders import HALF_AN_HOUR, an_offer
from tests.clock import NOON

START = NOON + timedelta(days=1)


def test_of_a_booked_session_it_tells_from_when_to_when() -> None:
    row = an_offer()
    end = START + HALF_AN_HOUR
    brief = replace(row.brief, scheduled_start=START, scheduled_end=end)
    shown = QueueRow.of(replace(row, brief=brief), NOON).session
    assert (shown.scheduled_start, shown.scheduled_end) == (START, end)


def test_of_any_other_it_does_not() -> None:
    shown = QueueRow.of(an_offer(), NOON).session
    assert (shown.scheduled_start, shown.scheduled_end) == (None, None)
