"""Ranking and browsing on the live roster, which reads what changed, not what exists.

Each instance of a function keeps one. It is loaded by country, from a snapshot where there is one,
and refreshed from the change index. Beside it: how quickly mechanics answer.
"""

import gc
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import perf_counter
from typing import Any

from dispatch.calendar import service as calendars
from dispatch.core.logging import MetricUnit, metrics
from dispatch.core.table import Transaction
from dispatch.core.time import parse_time
from dispatch.customers import service as customers
from dispatch.customers.model import Location
from dispatch.matching import paging, rules, store
from dispatch.matching.model import (
    Among,
    BrowseList,
    BrowseQuery,
    Card,
    MatchRequest,
    Ranked,
    Ranking,
)
from dispatch.matching.roster import Roster
from dispatch.matching.store import AlreadyCounted, Making, Snapshot
from dispatch.mechanics import rules as mechanic_rules
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic, RosterRow
from dispatch.policy import service as policies
from dispatch.policy.model import Policy

OVERLAP = timedelta(seconds=120)
"""Read again before the watermark: writes are stamped before they commit, and the index lags."""

CLOSE_OVERLAP = timedelta(seconds=5)
"""The same while OVERLAP was read again a moment ago. Hardly a write takes longer than this, and
where much changes the rest would be most of what a match reads."""

READ_BACK_EVERY = timedelta(seconds=5)
"""How often OVERLAP is read again. Sooner than a match and a clock-in that missed each other are
looked at again (``timers.rules.LOOK_AGAIN_AFTER``)."""

LOADED_ANEW_AFTER = timedelta(hours=24)
"""Of instances and snapshots alike, so that what they missed does not stay missed."""

SNAPSHOT_FROM = 2_000
"""Mechanics of a country. Fewer load from the index about as fast."""

BROWSED_FOR = timedelta(seconds=1)
"""How old a roster may be that is only looked at. Offers are made on a fresh one."""

RESPONSES_OF = timedelta(days=7)
"""How far back the average response looks, in whole hours."""

RESPONSES_CACHED_FOR = timedelta(seconds=60)

MANY_RESPONSES = 100
"""From so many on, the average is cached: one more hardly moves it. Few are read at once."""

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
    keeps_until: datetime | None = None,
) -> Ranking:
    """The best ``k`` eligible mechanics in the total order, without those of ``excluding``.

    Nor with those whose own next booking starts before the session would leave them free, if that
    is said. It rests on a refresh begun after ``fresh_since``, without it on one begun now.
    """
    live = _live_for(request, policy, now, fresh_since)
    top = _timed_best(live.roster, request, k, now, among, excluding, keeps_until)
    bound = rules.best_possible_abroad(request, policy.scoring)
    abroad_matters = len(top) < k or any(found.score.match_score <= bound for found in top[-1:])
    if abroad_matters and live.load_everywhere():
        top = _timed_best(live.roster, request, k, now, among, excluding, keeps_until)
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
    keeps_until: datetime | None,
) -> list[Ranked]:
    with _timed():
        return roster.best(request, k, now, among, excluding, keeps_until)


@contextmanager
def _timed() -> Iterator[None]:
    started = perf_counter()
    yield
    took_ms = (perf_counter() - started) * 1000
    metrics.add_metric("MillisecondsToRank", MetricUnit.Milliseconds, took_ms)


def audience(
    request: MatchRequest,
    policy: Policy,
    now: datetime,
    *,
    limit: int,
    keeps_until: datetime | None = None,
    excluding: Collection[str] = frozenset(),
    fresh_since: datetime | None = None,
) -> list[str]:
    """Ids of whom to tell of a broadcast: free, of the customer's country, the nearest first."""
    live = _live_for(request, policy, now, fresh_since)
    found = live.roster.audience(request, limit, now, excluding, keeps_until)
    return [entry.id for entry in found]


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
    entry = mechanic_rules.roster_entry(mechanic)
    return Ranked(entry, rules.score(entry, request, policy.scoring, now.date()))


# Browsing


def browse_mechanics(
    query: BrowseQuery, by: str, now: datetime, *, limit: int, cursor: str | None = None
) -> BrowseList:
    """A page of the eligible who pass the filters, best first, whatever their presence.

    Found on a roster up to a second old, and shown as their items are now: who has changed since so
    that they do not belong here is left out, so a page may be shorter than ``limit`` before the
    last. Raises Invalid for a cursor that this query did not hand out.
    """
    position = paging.START if cursor is None else paging.position_of(cursor, query)
    policy = policies.current(now)
    request = _request_of(query, by)
    live = _live_for(request, policy, now, fresh_since=now - BROWSED_FOR)
    if not query.filters.local_only:
        live.load_everywhere()  # whoever matches is counted, wherever they are
    with _timed():
        found = live.roster.browse(request, query.filters, limit, now, position)
    age_s = (now - live.refreshed_at).total_seconds()
    metrics.add_metric("RosterAge", MetricUnit.Seconds, age_s)
    availability = rules.availability(found.matching, found.on_shift)
    return BrowseList(
        availability=availability,
        online_count=found.on_shift,
        average_response_s=average_response_s(now),
        cards=_cards(found.page, request, query, policy, by, now),
        options=rules.ways_on(availability),
        next_cursor=_behind(found.page, position, query) if found.has_more else None,
    )


def _request_of(query: BrowseQuery, by: str) -> MatchRequest:
    location = query.location
    if location == Location():
        location = customers.location_of(by)
    return rules.match_request(
        request_type=query.request_type,
        requested_brand=query.requested_brand,
        keywords=query.keywords,
        country=location.country,
        state_province=location.state_province,
        city=location.city,
        postal_code=location.postal_code,
        prefer_local_mechanic=query.prefer_local_mechanic,
    )


def _cards(
    page: Collection[Ranked],
    request: MatchRequest,
    query: BrowseQuery,
    policy: Policy,
    by: str,
    now: datetime,
) -> tuple[Card, ...]:
    """The mechanics of a page as they are now, scored so; those who no longer belong there not."""
    found = []
    for mechanic in mechanics.get_many(ranked.mechanic.id for ranked in page):
        entry = mechanic_rules.roster_entry(mechanic)
        if mechanic_rules.is_eligible(entry, policy, now.date(), request.brand_key):
            score = rules.score(entry, request, policy.scoring, now.date())
            if rules.is_listed(entry, score, query.filters):
                duty = mechanic_rules.duty_at(mechanic, now)
                presence = mechanic_rules.presence(duty, policy.capacity)
                order = rules.standing(score.match_score, entry)
                found.append((order, Card(mechanic, presence, score)))
    cards = [card for _, card in sorted(found, key=lambda each: each[0])]
    ids = [card.mechanic.id for card in cards]
    next_slots = calendars.next_slot_of(ids, policy.shortest_plan, now, by=by)
    return tuple(replace(card, next_slot_at=next_slots.get(card.mechanic.id)) for card in cards)


def _behind(page: Collection[Ranked], position: paging.Position, query: BrowseQuery) -> str:
    *_, last = page
    moved_on = position.moved_on(
        [ranked.mechanic.id for ranked in page],
        rules.standing(last.score.match_score, last.mechanic),
    )
    return paging.cursor_of(moved_on, query)


# How quickly mechanics answer


def count_response(fact: Mapping[str, Any], now: datetime) -> None:
    """Count how long an ``OfferAccepted`` took from offer to accept, once, however often told.

    A broadcast was offered to nobody in particular: its accept has no ``response_s``.
    """
    seconds, at = fact.get("response_s"), parse_time(fact["at"])
    if seconds is None or at <= now - RESPONSES_OF:
        return
    with suppress(AlreadyCounted), Transaction() as tx:
        store.count_response(tx, fact["id"], Decimal(str(seconds)), at, at + 2 * RESPONSES_OF)


_average: tuple[datetime, float] | None = None


def average_response_s(now: datetime) -> float | None:
    """Mean seconds from offer to accept over the last 168 whole hours; None without an accept.

    Where there are many the answer may be a minute old.
    """
    global _average
    if _average and timedelta(0) <= now - _average[0] < RESPONSES_CACHED_FOR:
        return _average[1]
    count, seconds = store.responses_since(now - RESPONSES_OF)
    average = round(float(seconds / count), 1) if count else None
    _average = (now, average) if average is not None and count >= MANY_RESPONSES else None
    return average


# Snapshots


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
    _catch_up(known, watermarks, partitions, OVERLAP)
    if len(known) >= SNAPSHOT_FROM:
        making = Making(built_at=built_at, renewed_at=now, watermarks=watermarks)
        store.put_snapshot(country, Snapshot(making, known.values()))
        metrics.add_metric("SnapshotsRenewed", MetricUnit.Count, 1)


# The live roster


class _LiveRoster:
    """The mechanics of the countries that were needed so far."""

    def __init__(self, policy: Policy, now: datetime) -> None:
        self.roster = Roster(policy)
        self.loaded_at = now
        self.refreshed_at = datetime.min.replace(tzinfo=UTC)
        self._read_back_at = self.refreshed_at
        self._known: _Known = {}
        self._watermarks: _Watermarks = {}
        self._partitions: frozenset[str] = frozenset()
        self._countries: set[str | None] = set()

    def refresh(self, now: datetime) -> None:
        """Read what changed since the last time, in the countries that are loaded."""
        self._partitions = mechanics.partitions()
        is_time = now - self._read_back_at >= READ_BACK_EVERY
        changed = self._catch_up(self._countries, OVERLAP if is_time else CLOSE_OVERLAP)
        self.refreshed_at = now
        if is_time:
            self._read_back_at = now
        metrics.add_metric("RosterEntriesRefreshed", MetricUnit.Count, changed)

    def load(self, countries: Iterable[str | None]) -> bool:
        """Load those of the countries that are not here yet. Returns whether there were any."""
        missing = set(countries) - self._countries
        for country in missing:
            self._start_from_snapshot(country)
        self._catch_up(missing, OVERLAP)
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

    def _catch_up(self, countries: Collection[str | None], overlap: timedelta) -> int:
        """Each partition is indexed as soon as it is read: the next read may fail, and what is
        known but not indexed would never be ranked."""
        count = 0
        for partition in self._partitions:
            if mechanics.country_of(partition) in countries:
                changed = _catch_up(self._known, self._watermarks, [partition], overlap)
                self._index(changed)
                count += len(changed)
        return count

    def _index(self, changed: set[str]) -> None:
        # Not `changed - self._known.keys()`: that asks each of those known whether it is in there.
        rows = {mechanic_id: self._known.get(mechanic_id) for mechanic_id in changed}
        self.roster.remove({mechanic_id for mechanic_id, row in rows.items() if row is None})
        self.roster.apply(row.entry for row in rows.values() if row and row.entry)


def _catch_up(
    known: _Known, watermarks: _Watermarks, partitions: Iterable[str], overlap: timedelta
) -> set[str]:
    """Read on in these partitions from their watermarks. Returns whose row is another now."""
    changed: set[str] = set()
    for partition in partitions:
        watermark = watermarks.get(partition)
        since = parse_time(watermark) - overlap if watermark else None
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
    global _live, _average
    _live = _average = None
