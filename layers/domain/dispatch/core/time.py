"""The only place that asks what time it is.

Use cases receive ``now``; entry points get it from here. The local stack and the tests move the
clock with ``run_on``.
"""

from collections.abc import Callable
from datetime import UTC, datetime


def _system_clock() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system_clock


def now() -> datetime:
    """The present instant: aware, in UTC, cut to milliseconds, as it is stored and read back."""
    instant = _source()
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def run_on(source: Callable[[], datetime] | None) -> None:
    """Take the time from ``source`` from now on; ``None`` goes back to the system's clock."""
    global _source
    _source = source or _system_clock


def format_time(instant: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: of one length, so that texts sort as instants do."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """The instant of an RFC 3339 text. Raises ValueError without a zone or on any other text."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return instant.astimezone(UTC)
