"""Ranking: the roster beside brute force, request by request, in one run."""

import gc
from dataclasses import dataclass
from statistics import median, quantiles
from time import process_time

from bench import brute
from bench.mix import NOON, Market
from dispatch.matching.model import Among
from dispatch.matching.roster import Roster
from dispatch.mechanics.model import Mechanic, RosterEntry
from dispatch.mechanics.rules import roster_entry
from dispatch.policy.model import Policy

TOP = 10
REQUESTS = 100


@dataclass(frozen=True, slots=True)
class Ranking:
    """Milliseconds of processor time per ranking: the middle one and the 95th of 100."""

    mechanics: int
    among: Among
    roster_p50: float
    roster_p95: float
    brute_p50: float
    brute_p95: float

    @property
    def times_faster(self) -> float:
        return self.brute_p50 / self.roster_p50


@dataclass(frozen=True, slots=True)
class Measurements:
    """Of one size. ``change_us`` is what one clock-in or clock-out costs, in microseconds."""

    rankings: list[Ranking]
    change_us: float


def measure(count: int) -> Measurements:
    """Raises AssertionError where the two do not agree on ids and order."""
    market, policy = Market(), Policy()
    mechanics = list(market.mechanics(count))
    entries = [roster_entry(mechanic) for mechanic in mechanics]
    roster = Roster(policy)
    roster.apply(entries)
    gc.freeze()  # as the live roster does; brute force profits likewise
    rankings = [
        _measure_ranking(market, roster, entries, policy, among)
        for among in (Among.FREE, Among.ALL)
    ]
    return Measurements(rankings, _measure_change(market, roster, mechanics))


def _measure_ranking(
    market: Market, roster: Roster, entries: list[RosterEntry], policy: Policy, among: Among
) -> Ranking:
    roster_ms, brute_ms = [], []
    for _ in range(REQUESTS):
        request = market.request()
        started = process_time()
        found = roster.best(request, TOP, NOON, among)
        between = process_time()
        expected = brute.best(entries, request, TOP, policy, NOON, among)
        ended = process_time()
        assert found == expected, f"the roster differs from scoring everyone: {request}"
        roster_ms.append((between - started) * 1000)
        brute_ms.append((ended - between) * 1000)
    return Ranking(
        mechanics=len(entries),
        among=among,
        roster_p50=median(roster_ms),
        roster_p95=_p95(roster_ms),
        brute_p50=median(brute_ms),
        brute_p95=_p95(brute_ms),
    )


def _measure_change(market: Market, roster: Roster, mechanics: list[Mechanic]) -> float:
    took_us = []
    for mechanic in mechanics[:REQUESTS]:
        changed = roster_entry(market.changed(mechanic))
        started = process_time()
        roster.apply([changed])
        took_us.append((process_time() - started) * 1_000_000)
    return median(took_us)


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]
