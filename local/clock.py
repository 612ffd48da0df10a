"""One clock for all processes of the stack: real time plus an offset that only grows.

The offset lives in a small memory-mapped file, so that a move is seen at once by the functions,
by moto and by the stack itself. Between moves the clock ticks like any other.
"""

import mmap
from datetime import UTC, datetime, timedelta
from pathlib import Path

_MICROSECOND = timedelta(microseconds=1)


class VirtualClock:
    """The clock kept in a file; every process opens the same one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("r+b") as file:
            self._offset_us = memoryview(mmap.mmap(file.fileno(), 8)).cast("q")

    @classmethod
    def create(cls, path: Path) -> "VirtualClock":
        """A new clock that shows real time."""
        path.write_bytes(bytes(8))
        return cls(path)

    def now(self) -> datetime:
        """The instant all functions see, aware, in UTC."""
        return datetime.now(UTC) + timedelta(microseconds=self._offset_us[0])

    def move_to(self, instant: datetime) -> None:
        """Move forward to ``instant``; an instant already past changes nothing."""
        ahead = instant - datetime.now(UTC)
        self._offset_us[0] = max(self._offset_us[0], ahead // _MICROSECOND)
