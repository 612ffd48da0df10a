"""The stack's clock: real time plus an offset that all processes see and that only grows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.clock import VirtualClock

HOUR = timedelta(hours=1)
A_MOMENT = timedelta(seconds=5)


@pytest.fixture
def clock(tmp_path: Path) -> VirtualClock:
    return VirtualClock.create(tmp_path / "clock")


def test_a_new_clock_shows_real_time(clock: VirtualClock) -> None:
    assert abs(clock.now() - datetime.now(UTC)) < A_MOMENT


def test_a_move_is_seen_by_everyone_who_has_the_file(clock: VirtualClock) -> None:
    elsewhere = VirtualClock(clock.path)
    target = clock.now() + HOUR
    clock.move_to(target)
    assert timedelta(0) <= elsewhere.now() - target < A_MOMENT


def test_time_never_goes_back(clock: VirtualClock) -> None:
    clock.move_to(clock.now() + HOUR)
    clock.move_to(clock.now() - HOUR)
    assert clock.now() - datetime.now(UTC) > HOUR - A_MOMENT
