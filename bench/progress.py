"""What ``make bench`` is doing, on standard error: the results go to standard output."""

import sys
import time

_started = time.monotonic()


def say(what: str) -> None:
    """One line, with the seconds since the start."""
    print(f"  [{time.monotonic() - _started:4.0f} s] {what}", file=sys.stderr, flush=True)
