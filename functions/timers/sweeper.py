"""Schedule: repairs what lost messages and rings have left."""

from typing import Any

from dispatch.core import time
from dispatch.core.invocations import handler_of
from dispatch.timers.sweeper import sweep


def run(_event: dict[str, Any], _context: object) -> None:
    sweep(time.now())


handler = handler_of(run)
