"""Windows, limits and refusals. Pure.

Windows are the days and hours of UTC, so that one item counts all of one.
"""

from datetime import datetime, timedelta

from dispatch.core.errors import QuotaExceeded
from dispatch.policy.model import Policy
from dispatch.quotas.model import Action, Times

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_WORDS = {
    Action.BOOKING: "started or moved sessions",
    Action.UPLOAD: "asked to upload files",
    Action.WAITLIST_JOIN: "joined the waitlist",
    Action.DEVICE: "registered devices",
    Action.EDIT: "written to your profile",
}


def _lasting(action: Action) -> timedelta:
    return _DAY if action is Action.BOOKING else _HOUR


def window_of(action: Action, now: datetime) -> str:
    """The window that ``now`` is in, by its beginning: ``2026-07-01T14``, or the day alone."""
    return f"{now:%Y-%m-%d}" if _lasting(action) is _DAY else f"{now:%Y-%m-%dT%H}"


def window_ends(action: Action, now: datetime) -> datetime:
    """When counting begins anew."""
    hour = 0 if _lasting(action) is _DAY else now.hour
    begins = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return begins + _lasting(action)


def limit_of(action: Action, policy: Policy) -> int:
    """How often it may be done in one window."""
    quotas = policy.quotas
    return {
        Action.BOOKING: quotas.bookings_a_day,
        Action.UPLOAD: quotas.uploads_an_hour,
        Action.WAITLIST_JOIN: quotas.waitlist_joins_an_hour,
        Action.DEVICE: quotas.devices_an_hour,
        Action.EDIT: quotas.edits_an_hour,
    }[action]


def once_more(action: Action, times: Times, limit: int, now: datetime) -> Times:
    """Done once more than so often. Raises QuotaExceeded where that is too often."""
    window = window_of(action, now)
    count = times.count if times.window == window else 0
    if count >= limit:
        raise exceeded(action, limit, now)
    return Times(window, count + 1)


def exceeded(action: Action, limit: int, now: datetime) -> QuotaExceeded:
    """Says what was too much, and when it may be done again: in whole seconds, rounded up."""
    left = window_ends(action, now) - now
    retry_after_s = -(-left // timedelta(seconds=1))
    per = "a day" if _lasting(action) is _DAY else "an hour"
    return QuotaExceeded(
        f"You have {_WORDS[action]} {limit} times, which is all that {per} takes. "
        f"Try again in {_words(left)}.",
        retry_after_s=retry_after_s,
    )


def _words(left: timedelta) -> str:
    minutes = -(-left // timedelta(minutes=1))
    if minutes <= 60:
        return "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"{-(-minutes // 60)} hours"
