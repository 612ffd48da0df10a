"""API Gateway's throttle: a token bucket for the whole API, in real time."""

from collections.abc import Callable

from local.deployment import Throttle


class Bucket:
    """Holds ``burst`` tokens, refilled at ``rate`` a second; every request takes one.

    ``seconds`` tells the time, from any origin.
    """

    def __init__(self, throttle: Throttle, seconds: Callable[[], float]) -> None:
        self._throttle = throttle
        self._seconds = seconds
        self._tokens = float(throttle.burst)
        self._filled_at = seconds()

    def admits(self) -> bool:
        """Whether one more request may pass now."""
        now = self._seconds()
        refilled = self._tokens + (now - self._filled_at) * self._throttle.rate
        self._tokens = min(float(self._throttle.burst), refilled)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
