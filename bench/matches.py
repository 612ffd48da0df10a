"""One match through the real store, beside what such products do, at three sizes.

Beside it a Node process that fetches the mechanics from PostgreSQL and scores them, and Python
that scores everybody it has in memory. All see the same changes and answer the same requests, turn
by turn, and must answer the same.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bench import brute
from bench.account import Account
from bench.mix import Market
from bench.node import Product
from bench.presence import Presence, between_matches
from bench.timing import Times
from dispatch.core.logging import metrics
from dispatch.matching import service as matching
from dispatch.matching.model import Among, MatchRequest, Ranked
from dispatch.matching.roster import Roster
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import RosterEntry, RosterRow
from dispatch.mechanics.rules import roster_entry
from dispatch.policy.model import Policy

TOP = 10
MATCHES = 30
COLD = 3

_POLICY = Policy()
Top = list[tuple[str, int]]


@dataclass(slots=True)
class Matched:
    """What matches among so many mechanics took. ``product`` and ``sifted`` are empty without Node
    and PostgreSQL; what is ``cold`` is the first match of an instance.

    ``rows_read`` counts the overlap too, ``entries_refreshed`` what was news.
    """

    mechanics: int
    gap: timedelta
    ours: Times = field(default_factory=Times)
    product: Times = field(default_factory=Times)
    sifted: Times = field(default_factory=Times)
    brute: Times = field(default_factory=Times)
    cold: Times = field(default_factory=Times)
    rows_read: float = 0
    entries_refreshed: float = 0
    calls: float = 0
    read_units: float = 0


class Scene:
    """The market as it is now: in the table, in PostgreSQL, and in memory for scoring everybody."""

    def __init__(self, account: Account, product: Product | None) -> None:
        self.account = account
        self.product = product
        self.presence = Presence()
        self.entries: list[RosterEntry] = []
        self._place: dict[str, int] = {}
        self._customers = Market(seed=2)

    def request(self) -> MatchRequest:
        return self._customers.request()

    def join(self, entries: Iterable[RosterEntry]) -> None:
        new = list(entries)
        for entry in new:
            self._place[entry.id] = len(self.entries)
            self.entries.append(entry)
        if self.product:
            self.product.write(new)
            self.product.settle()

    def change(self, now: datetime) -> None:
        """What happens from one match to the next."""
        changed: dict[str, RosterEntry] = {}
        for id_ in self.presence.change(now):
            mechanic = mechanics.get(id_)
            assert mechanic, f"{id_} is gone"
            changed[id_] = self.entries[self._place[id_]] = roster_entry(mechanic)
        if self.product:
            self.product.write(changed.values())


def measure(scene: Scene, start: datetime) -> tuple[Matched, datetime]:
    """Match, with changes in between, from ``start`` on; and until when that went.

    Raises AssertionError where the answers are not the same, ids, order and scores.
    """
    count = len(scene.entries)
    measured = Matched(count, between_matches(count))
    now = start
    while now < start + matching.OVERLAP:  # so that what is read again is what always is
        now += measured.gap
        scene.change(now)
    for _ in range(COLD):
        matching.forget()
        _match(scene, now, measured.cold)
    for _ in range(2):  # a country more, if need be
        _match(scene, now, Times())
    read, news = Counter(), Counter()
    scene.account.calls()
    for _ in range(MATCHES):
        now += measured.gap
        scene.change(now)
        scene.account.calls()
        with patched(mechanics, "changes", read.passing), patched(Roster, "apply", news.taken):
            request, found = _match(scene, now, measured.ours)
        calls = scene.account.calls()
        measured.calls += calls.count / MATCHES
        measured.read_units += calls.read_units / MATCHES
        _match_otherwise(scene, request, now, found, measured)
    measured.rows_read = read.count / MATCHES
    measured.entries_refreshed = news.count / MATCHES
    return measured, now


def _match(scene: Scene, now: datetime, times: Times) -> tuple[MatchRequest, Top]:
    request = scene.request()
    with times.one():
        ranking = matching.rank(request, TOP, _POLICY, now)
    metrics.clear_metrics()  # nobody writes them here
    return request, _told(ranking.top)


def _match_otherwise(
    scene: Scene, request: MatchRequest, now: datetime, found: Top, measured: Matched
) -> None:
    with measured.brute.one():
        best = brute.best(scene.entries, request, TOP, _POLICY, now, Among.FREE)
    expected = _told(best)
    assert found == expected, f"the match differs from scoring everyone: {request}"
    if scene.product is None:
        return
    for times, sifted in ((measured.product, False), (measured.sifted, True)):
        match = scene.product.match(request, TOP, _POLICY, now.date(), sifted=sifted)
        assert match.top == expected, f"Node differs from scoring everyone: {request}"
        times.ms.append(match.ms)


def _told(top: Iterable[Ranked]) -> Top:
    return [(ranked.mechanic.id, ranked.score.match_score) for ranked in top]


class Counter:
    """Counts what passes through a function on its way."""

    def __init__(self) -> None:
        self.count = 0

    def passing(self, read: Callable[..., Iterator[RosterRow]]) -> Callable[..., Any]:
        def counted(*args: Any) -> Iterator[RosterRow]:
            for row in read(*args):
                self.count += 1
                yield row

        return counted

    def taken(self, apply: Callable[..., None]) -> Callable[..., Any]:
        def counted(roster: Roster, entries: Iterator[RosterEntry]) -> None:
            taken = list(entries)
            self.count += len(taken)
            apply(roster, taken)

        return counted


@contextmanager
def patched(owner: Any, name: str, wrap: Callable[..., Any]) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, wrap(original))
    try:
        yield
    finally:
        setattr(owner, name, original)
