"""Ranking on the live roster, which reads what changed, not what exists.

Each instance of a function keeps one. It is loaded by country, from a snapshot where there is one,
and refreshed from the change index.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from time import perf_counter

from dispatch.core.logging import MetricUnit, metrics
from dispatch.core.time import parse_time
from dispatch.matching import rules, store
from dispatch.matching.model import Among, MatchRequest, Ranking
from dispatch.matching.roster import Roster
from dispatch.matching.store import Making, Snapshot
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import RosterRow
from dispatch.policy.model import Policy

OVERLAP = timedelta(seconds=120)
"""Read again before the watermark: writes are stamped before they commit, and the index lags."""

LOADED_ANEW_AFTER = timedelta(hours=24)
"""For instances and snapshots alike, so that nothing they missed can stay missed."""

SNAPSHOT_FROM = 2_000
"""A country with fewer mechanics loads from the index about as fast."""


def rank(
    request: MatchRequest,
    k: int,
    policy: Policy,
    now: datetime,
    *,
    among: Among = Among.FREE,
    excluding: Collection[str] = frozenset(),
    fresh_since: datetime | None = None,
) -> Ranking:
    """The best ``k`` eligible mechanics, in the total order, without those of ``excluding``.

    It rests on a refresh begun after ``fresh_since``; without it, on one begun now.
    """
    live = _live_for(request, policy, now, fresh_since)
    started = perf_counter()
    top = live.roster.best(request, k, now, among, excluding)
    bound = rules.best_possible_abroad(request, policy.scoring)
    if len(top) < k or top[-1].score.match_score <= bound:
        if live.load_everywhere(now):
            top = live.roster.best(request, k, now, among, excluding)
    took_ms = (perf_counter() - started) * 1000
    age_s = (now - live.refreshed_at).total_seconds()
    metrics.add_metric("MillisecondsToRank", MetricUnit.Milliseconds, took_ms)
    metrics.add_metric("RosterAge", MetricUnit.Seconds, age_s)
    return Ranking(tuple(top), policy.version, ranked_at=now, roster_age_s=age_s)
