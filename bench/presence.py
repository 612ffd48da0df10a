"""Mechanics who come, take sessions, finish them and go, as often as they really do.

Who is on shift stays for six hours, and a session with what is around it takes 35 minutes. With
15 % on shift and 30 % of them busy, that makes one session an hour for every 13 mechanics, and 2.6
changes of presence for every session.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dispatch.core.table import Transaction
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic, MechanicStatus
from dispatch.mechanics.rules import is_eligible, roster_entry
from dispatch.policy.model import Policy

ON_SHIFT, BUSY = 0.15, 0.30
SHIFT = timedelta(hours=6)
SESSION = timedelta(minutes=35)
MATCHES_PER_HOUR = ON_SHIFT * BUSY * (timedelta(hours=1) / SESSION)
"""For each mechanic there is."""
SHIFTS_PER_MATCH = ON_SHIFT * (timedelta(hours=1) / SHIFT) / MATCHES_PER_HOUR
CHANGES_PER_MATCH = 2 + 2 * SHIFTS_PER_MATCH

_POLICY = Policy()


def between_matches(mechanic_count: int) -> timedelta:
    """How long it takes until somebody needs a mechanic again."""
    return timedelta(hours=1) / (MATCHES_PER_HOUR * mechanic_count)


@dataclass(slots=True)
class Presence:
    """Who does what. A change goes through the use cases' own writes."""

    dice: random.Random = field(default_factory=lambda: random.Random(1))
    _off: list[str] = field(default_factory=list)
    _free: list[str] = field(default_factory=list)
    _busy: list[str] = field(default_factory=list)

    def join(self, population: Iterable[Mechanic], now: datetime) -> None:
        """They are there, too. Who may not clock in or take a session stays as they are."""
        for mechanic in population:
            entry = roster_entry(mechanic)
            if mechanic.profile.status is not MechanicStatus.APPROVED:
                continue
            if not is_eligible(entry, _POLICY, now.date(), None):
                continue
            duty = mechanic.duty
            doing = (self._busy if duty.load else self._free) if duty.on_shift else self._off
            doing.append(mechanic.id)

    def change(self, now: datetime) -> Iterator[str]:
        """What happens from one match to the next. Yields whom it happens to, one by one."""
        yield self._take_session(now)
        yield self._finish_session(now)
        if self.dice.random() < SHIFTS_PER_MATCH:
            yield self._come(now)
        if self.dice.random() < SHIFTS_PER_MATCH:
            yield self._go(now)

    def _take_session(self, now: datetime) -> str:
        id_ = self._anybody(self._free)
        with Transaction() as tx:
            mechanics.take_load(
                tx, id_, policy=_POLICY, brand_key=None, now=now, otherwise=RuntimeError
            )
        self._busy.append(id_)
        return id_

    def _finish_session(self, now: datetime) -> str:
        id_ = self._anybody(self._busy)
        with Transaction() as tx:
            mechanics.free_load(tx, id_, now=now, completed=True)
        self._free.append(id_)
        return id_

    def _come(self, now: datetime) -> str:
        id_ = self._anybody(self._off)
        with Transaction() as tx:
            mechanics.go_on_shift(tx, id_, _shift_of(id_), now, now + 2 * SHIFT)
        self._free.append(id_)
        return id_

    def _go(self, now: datetime) -> str:
        id_ = self._anybody(self._free)
        with Transaction() as tx:
            mechanics.go_off_shift(tx, id_, _shift_of(id_), now)
        self._off.append(id_)
        return id_

    def _anybody(self, among: list[str]) -> str:
        chosen = self.dice.randrange(len(among))
        among[chosen], among[-1] = among[-1], among[chosen]
        return among.pop()


def _shift_of(mechanic_id: str) -> str:
    return f"shift-of-{mechanic_id}"
