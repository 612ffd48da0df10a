"""Ranking on the live roster, which reads what changed, not what exists.

Each instance of a function keeps one. It is loaded by country, from a snapshot where there is one,
and refreshed from the change index.
"""

import gc
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from time import perf_counter

from dispatch.core.logging import MetricUnit, metrics
from dispatch.core.time import parse_time
from dispatch.matching import rules, store
from dispatch.matching.model import Among, MatchRequest, Ranked, Ranking
from dispatch.matching.roster import Roster
from dispatch.matching.store import Making, Snapshot
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic, RosterRow
from dispatch.mechanics.rules import roster_entry
from dispatch.policy.model import Policy

OVERLAP = timedelta(seconds=120)
"""Read again before the watermark: writes are stamped before they commit, and the index lags."""

LOADED_ANEW_AFTER = timedelta(hours=24)
"""Of instances and snapshots alike, so that what they missed does not stay missed."""

SNAPSHOT_FROM = 2_000
"""Mechanics of a country. Fewer load from the index about as fast."""

_Known = dict[str, RosterRow]
_Watermarks = dict[str, str]


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
    """The best ``k`` eligible mechanics in the total order, without those of ``excluding``.

    It rests on a refresh begun after ``fresh_since``, without it on one begun now.
    """
    live = _live_for(request, policy, now, fresh_since)
    top = _timed_best(live.roster, request, k, now, among, excluding)
    bound = rules.best_possible_abroad(request, policy.scoring)
    abroad_matters = len(top) < k or any(found.score.match_score <= bound for found in top[-1:])
    if abroad_matters and live.load_everywhere():
        top = _timed_best(live.roster, request, k, now, among, excluding)
    age_s = (now - live.refreshed_at).total_seconds()
    metrics.add_metric("RosterAge", MetricUnit.Seconds, age_s)
    return Ranking(tuple(top), policy.version, ranked_at=now, roster_age_s=age_s)


def _timed_best(
    roster: Roster,
    request: MatchRequest,
    k: int,
    now: datetime,
    among: Among,
    excluding: Collection[str],
) -> list[Ranked]:
    started = perf_counter()
    top = roster.best(request, k, now, among, excluding)
    took_ms = (perf_counter() - started) * 1000
    metrics.add_metric("MillisecondsToRank", MetricUnit.Milliseconds, took_ms)
    return top


def audience(
    request: MatchRequest,
    policy: Policy,
    now: datetime,
    *,
    limit: int,
    excluding: Collection[str] = frozenset(),
    fresh_since: datetime | None = None,
) -> list[str]:
    """Ids of whom to tell of a broadcast: free, of the customer's country, the nearest first."""
    live = _live_for(request, policy, now, fresh_since)
    return [entry.id for entry in live.roster.audience(request, limit, now, excluding)]


def anyone_on_shift(
    request: MatchRequest,
    policy: Policy,
    now: datetime,
    *,
    excluding: Collection[str] = frozenset(),
    fresh_since: datetime | None = None,
) -> bool:
    """Whether anyone eligible is on shift, free or busy, in any country."""
    live = _live_for(request, policy, now, fresh_since)
    if not live.roster.anyone_on_shift(request, now, excluding):
        live.load_everywhere()
    return live.roster.anyone_on_shift(request, now, excluding)


def score_of(mechanic: Mechanic, request: MatchRequest, policy: Policy, now: datetime) -> Ranked:
    """What this one mechanic scores, whether or not they are free or eligible."""
    entry = roster_entry(mechanic)
    return Ranked(entry, rules.score(entry, request, policy.scoring, now.date()))


def renew_snapshots(now: datetime) -> None:
    """Bring the snapshot of every large country up to date, so that instances load quickly.

    From the previous one and what changed; once a day, or without one, from the whole index.
    """
    by_country: dict[str | None, list[str]] = defaultdict(list)
    for partition in mechanics.partitions():
        by_country[mechanics.country_of(partition)].append(partition)
    for country, partitions in by_country.items():
        _renew_snapshot(country, partitions, now)


def _renew_snapshot(country: str | None, partitions: Iterable[str], now: datetime) -> None:
    known: _Known = {}
    watermarks: _Watermarks = {}
    built_at = now
    previous = store.find_snapshot(country)
    if previous and now - previous.making.built_at < LOADED_ANEW_AFTER:
        built_at = previous.making.built_at
        watermarks |= previous.making.watermarks
        _merge(known, previous.rows)
    _catch_up(known, watermarks, partitions)
    if len(known) >= SNAPSHOT_FROM:
        making = Making(built_at=built_at, renewed_at=now, watermarks=watermarks)
        store.put_snapshot(country, Snapshot(making, known.values()))
        metrics.add_metric("SnapshotsRenewed", MetricUnit.Count, 1)


class _LiveRoster:
    """The mechanics of the countries that were needed so far."""

    def __init__(self, policy: Policy, now: datetime) -> None:
        self.roster = Roster(policy)
        self.loaded_at = now
        self.refreshed_at = datetime.min.replace(tzinfo=UTC)
        self._known: _Known = {}
        self._watermarks: _Watermarks = {}
        self._partitions: frozenset[str] = frozenset()
        self._countries: set[str | None] = set()

    def refresh(self, now: datetime) -> None:
        """Read what changed since the last time, in the countries that are loaded."""
        self._partitions = mechanics.partitions()
        changed = self._catch_up(self._countries)
        self.refreshed_at = now
        metrics.add_metric("RosterEntriesRefreshed", MetricUnit.Count, changed)

    def load(self, countries: Iterable[str | None]) -> bool:
        """Load those of the countries that are not here yet. Returns whether there were any."""
        missing = set(countries) - self._countries
        for country in missing:
            self._start_from_snapshot(country)
        self._catch_up(missing)
        self._countries |= missing
        if missing:
            gc.freeze()  # or each full collection would walk all mechanics, now and then
        return bool(missing)

    def load_everywhere(self) -> bool:
        return self.load(mechanics.country_of(partition) for partition in self._partitions)

    def _start_from_snapshot(self, country: str | None) -> None:
        snapshot = store.find_snapshot(country)
        if snapshot and self.loaded_at - snapshot.making.renewed_at < LOADED_ANEW_AFTER:
            self._index(_merge(self._known, list(snapshot.rows)))
            self._watermarks |= snapshot.making.watermarks

    def _catch_up(self, countries: Collection[str | None]) -> int:
        """Each partition is indexed as soon as it is read: the next read may fail, and what is
        known but not indexed would never be ranked."""
        count = 0
        for partition in self._partitions:
            if mechanics.country_of(partition) in countries:
                changed = _catch_up(self._known, self._watermarks, [partition])
                self._index(changed)
                count += len(changed)
        return count

    def _index(self, changed: set[str]) -> None:
        rows = [self._known.get(mechanic_id) for mechanic_id in changed]
        self.roster.remove(changed - self._known.keys())
        self.roster.apply(row.entry for row in rows if row and row.entry)


def _catch_up(known: _Known, watermarks: _Watermarks, partitions: Iterable[str]) -> set[str]:
    """Read on in these partitions from their watermarks. Returns whose row is another now."""
    changed: set[str] = set()
    for partition in partitions:
        watermark = watermarks.get(partition)
        since = parse_time(watermark) - OVERLAP if watermark else None
        rows = list(mechanics.changes(partition, since))
        if rows:
            watermarks[partition] = max(rows[-1].changed_at, watermark or "")
        changed |= _merge(known, rows)
    return changed


def _merge(known: _Known, rows: Iterable[RosterRow]) -> set[str]:
    """Take over the rows that count. Returns whose row is another now."""
    changed = set()
    for row in rows:
        if rules.supersedes(row, known.get(row.mechanic_id)):
            changed.add(row.mechanic_id)
            if row.entry:
                known[row.mechanic_id] = row
            else:
                known.pop(row.mechanic_id, None)
    return changed


_live: _LiveRoster | None = None


def _live_for(
    request: MatchRequest, policy: Policy, now: datetime, fresh_since: datetime | None
) -> _LiveRoster:
    """This instance's roster, fresh enough, with all countries loaded that surely matter."""
    global _live
    if _live is None or now - _live.loaded_at >= LOADED_ANEW_AFTER:
        _live = _LiveRoster(policy, now)
    _live.roster.use(policy)
    if fresh_since is None or _live.refreshed_at <= fresh_since:
        _live.refresh(now)
    if request.country is None:
        _live.load_everywhere()
    else:
        _live.load((request.country, None))
    return _live


def forget() -> None:
    """Load anew at the next ranking. For tests, which change tables."""
    global _live
    _live = None
