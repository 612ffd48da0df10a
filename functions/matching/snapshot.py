"""Schedule: renews the roster's snapshots, from which instances load."""

from typing import Any

from dispatch.core import time
from dispatch.core.invocations import handler_of
from dispatch.matching.service import renew_snapshots


def run(_event: dict[str, Any], _context: object) -> None:
    renew_snapshots(time.now())


handler = handler_of(run)
