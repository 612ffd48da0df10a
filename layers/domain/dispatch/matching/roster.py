"""All mechanics in memory, ready to rank: exact, and nearly free at any size.

Every mechanic has a slot. Every dense feature (a keyword, a brand, a country, a sum of static
points, a presence ...) is a bitmap: one Python integer with one bit per slot. The sparse ones
(postal area, city) are sets of slots. A score is a sum of

    presence + place + matched keywords + static points (+ brand, equal for all who qualify)

so the best are found by walking the possible sums from the highest down and intersecting bitmaps;
only those who make it are looked at one by one. ``docs/adr/0002-roster-in-memory.md`` says why.
"""

import heapq
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

from dispatch.matching import rules
from dispatch.matching.model import Among, Filters, Glimpse, MatchRequest, Ranked, Standing
from dispatch.matching.paging import START, Position, mark
from dispatch.mechanics.model import Presence, RosterEntry
from dispatch.mechanics.rules import has_lapsed, is_clear, is_qualified, presence
from dispatch.policy.model import Policy

_Feature = tuple[str, Any]
_Toggles = dict[_Feature, list[int]]

_SPARSE = frozenset({"area", "city"})
_CROWDED = 256
_MAX_CROWDED = 256
_BY_POLICY = ("presence", "qualified", "static")


class Roster:
    """The mechanics of some or all countries, indexed for ranking under one policy.

    Only the eligible are ranked. Not safe for concurrent use: an instance serves one request.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._slots: dict[str, int] = {}
        self._entries: list[RosterEntry | None] = []
        self._vacant: list[int] = []
        self._bitmaps: dict[str, dict[Any, int]] = defaultdict(dict)
        self._sets: dict[_Feature, set[int]] = {}
        self._crowded: dict[_Feature, int] = {}
        self._by_name: list[int] | None = None
        self._day = date.min

    def __len__(self) -> int:
        return len(self._slots)

    def get(self, mechanic_id: str) -> RosterEntry | None:
        slot = self._slots.get(mechanic_id)
        return None if slot is None else self._entries[slot]

    def use(self, policy: Policy) -> None:
        """Rank under ``policy`` from now on. Changed weights are recomputed, here, in memory."""
        before, self._policy = self._policy, policy
        if (before.scoring, before.capacity, before.min_profile_completion) == (
            policy.scoring,
            policy.capacity,
            policy.min_profile_completion,
        ):
            return
        for kind in _BY_POLICY:
            self._bitmaps[kind].clear()
        toggles: _Toggles = defaultdict(list)
        for slot in self._slots.values():
            for feature in self._features_by_policy(self._occupant(slot)):
                toggles[feature].append(slot)
        self._toggle(toggles)

    def apply(self, entries: Iterable[RosterEntry]) -> None:
        """Add mechanics, or replace what was known of them. Many at once are far cheaper."""
        latest = {entry.id: entry for entry in entries}
        toggles: _Toggles = defaultdict(list)
        for entry in latest.values():
            slot = self._slots.get(entry.id)
            if slot is None:
                slot = self._seat(entry)
                changed = self._features(entry)
            else:
                before = self._occupant(slot)
                changed = self._features(before) ^ self._features(entry)
                self._entries[slot] = entry
                if before.name_key != entry.name_key:
                    self._by_name = None
            for feature in changed:
                toggles[feature].append(slot)
        self._toggle(toggles)

    def remove(self, mechanic_ids: Iterable[str]) -> None:
        """Forget mechanics. Ids that are not here are ignored."""
        toggles: _Toggles = defaultdict(list)
        for mechanic_id in mechanic_ids:
            slot = self._slots.pop(mechanic_id, None)
            if slot is None:
                continue
            for feature in self._features(self._occupant(slot)):
                toggles[feature].append(slot)
            self._entries[slot] = None
            self._vacant.append(slot)
            self._by_name = None
        self._toggle(toggles)

    def best(
        self,
        request: MatchRequest,
        k: int,
        now: datetime,
        among: Among = Among.FREE,
        excluding: Collection[str] = (),
        keeps_until: datetime | None = None,
    ) -> list[Ranked]:
        """The best ``k`` of the eligible, in the total order, without those of ``excluding``.

        Nor with those of whom something is booked that starts before ``keeps_until``, if that is
        when they would be done with the session.
        """
        candidates = self._candidates(request, now, among, excluding)
        if keeps_until:
            candidates &= ~self._booked_before(keeps_until)
        return list(self._ranked(self._best_of(candidates, request, k), request, now))

    def audience(
        self,
        request: MatchRequest,
        limit: int,
        now: datetime,
        excluding: Collection[str] = (),
        keeps_until: datetime | None = None,
    ) -> list[RosterEntry]:
        """Whom to tell of a broadcast: who is free in the customer's country, the nearest first.

        Same postal area, then same city, then the rest; within each the total order. Where the
        customer's country is unknown, everybody who is free. ``keeps_until`` as for the best.
        """
        candidates = self._candidates(request, now, Among.FREE, excluding)
        if keeps_until:
            candidates &= ~self._booked_before(keeps_until)
        if request.country is not None:
            candidates &= self._bitmap("country", request.country)
        found: list[RosterEntry] = []
        for ring in (self._in_area(request), self._in_city(request), candidates):
            near = candidates & ring
            candidates ^= near
            found += self._best_of(near, request, limit - len(found))
        return found

    def browse(
        self,
        request: MatchRequest,
        filters: Filters,
        limit: int,
        now: datetime,
        position: Position = START,
    ) -> Glimpse:
        """The next ``limit`` of the eligible who pass the filters, in the total order.

        Who counts as matching does not depend on ``online_only``, nor on the position.
        """
        matching = self._passing(self._candidates(request, now, Among.ALL, ()), request, filters)
        on_shift = matching & ~self._bitmap("presence", Presence.OFFLINE)
        listed = on_shift if filters.online_only else matching
        shown = frozenset(position.shown)
        best = self._best_of(listed, request, limit + 1 + len(shown), position.after)
        left = [entry for entry in best if mark(entry.id) not in shown]
        return Glimpse(
            page=self._ranked(left[:limit], request, now),
            has_more=len(left) > limit,
            matching=matching.bit_count(),
            on_shift=on_shift.bit_count(),
        )

    def anyone_on_shift(
        self, request: MatchRequest, now: datetime, excluding: Collection[str] = ()
    ) -> bool:
        """Whether anyone eligible is on shift, free or busy, wherever they are."""
        return self._candidates(request, now, Among.ON_SHIFT, excluding) != 0

    # Ranking

    def _candidates(
        self, request: MatchRequest, now: datetime, among: Among, excluding: Collection[str]
    ) -> int:
        candidates = self._bitmap("qualified", True)
        if among is Among.FREE:
            candidates &= self._bitmap("presence", Presence.ONLINE)
        elif among is Among.ON_SHIFT:
            candidates &= ~self._bitmap("presence", Presence.OFFLINE)
        if request.brand_key is not None:
            candidates &= self._bitmap("brand", request.brand_key)
        out = [self._slots[id_] for id_ in excluding if id_ in self._slots]
        return candidates & ~(self._lapsed_by(now.date()) | _bitmap_of(out))

    def _passing(self, candidates: int, request: MatchRequest, filters: Filters) -> int:
        """Those who pass all filters but ``online_only``."""
        if filters.local_only:
            city = self._in_city(request) if request.prefer_local_mechanic else 0
            candidates &= self._in_area(request) | city
        if filters.brand_specialists_only:
            key = filters.brand_key
            candidates &= self._bitmap("brand", key) if key else self._bitmap("specialist", True)
        if filters.min_rating:
            candidates &= self._rated(filters.min_rating)
        if filters.name_prefix:
            candidates &= self._named(filters.name_prefix)
        return candidates

    def _rated(self, at_least: Decimal) -> int:
        """Whose rating reaches that: by tenths of a star, in the lowest of them one by one."""
        lowest = _tenths(at_least)
        higher = (bits for tenths, bits in self._bitmaps["rating"].items() if tenths > lowest)
        here = self._bitmap("rating", lowest)
        if at_least != lowest * _TENTH:
            slots = (s for s in _slots_of(here) if rules.is_rated(self._occupant(s), at_least))
            here = _bitmap_of(slots)
        return reduce(or_, higher, here)

    def _named(self, prefix: str) -> int:
        """Whose name begins so. Slots are sorted by name anew when a name has changed."""

        def beginning(slot: int) -> str:
            return self._occupant(slot).name_key[: len(prefix)]

        if self._by_name is None:
            self._by_name = sorted(self._slots.values(), key=lambda s: self._occupant(s).name_key)
        first = bisect_left(self._by_name, prefix, key=beginning)
        last = bisect_right(self._by_name, prefix, lo=first, key=beginning)
        return _bitmap_of(self._by_name[first:last])

    def _ranked(
        self, entries: Iterable[RosterEntry], request: MatchRequest, now: datetime
    ) -> tuple[Ranked, ...]:
        scoring, on = self._policy.scoring, now.date()
        return tuple(Ranked(e, rules.score(e, request, scoring, on)) for e in entries)

    def _best_of(
        self, candidates: int, request: MatchRequest, k: int, after: Standing | None = None
    ) -> list[RosterEntry]:
        """The first ``k`` of the candidates in the total order, of those behind ``after``."""
        found: list[RosterEntry] = []
        if k <= 0:
            return found
        for points, equals in self._by_score(candidates, request):
            if after is not None and points > -after[0]:
                continue
            members = [self._occupant(slot) for slot in _slots_of(equals)]
            if after is not None and points == -after[0]:
                members = [m for m in members if rules.standing(points, m) > after]
            found += heapq.nsmallest(k - len(found), members, key=rules.order)
            if len(found) == k:
                break
        return found

    def _by_score(self, candidates: int, request: MatchRequest) -> Iterator[tuple[int, int]]:
        """The candidates in groups of equal score, with that score, the highest first.

        The heap holds, for each combination of place, presence and keyword count, the highest sum
        its members can still have: combinations that do not matter yet are not even intersected.
        """
        statics = sorted(self._bitmaps["static"].items(), reverse=True)
        extra = self._policy.scoring.brand_specialist if request.brand_key is not None else 0
        counts = self._by_keyword_count(candidates, request)
        parts = [
            (place + being + many + extra, here, matching)
            for place, at in self._by_place(candidates, request)
            for being, here in self._by_presence(at)
            for many, matching in counts
        ]
        heap = [(-points - statics[0][0], part, 0) for part, (points, _, _) in enumerate(parts)]
        heapq.heapify(heap)
        left: dict[int, int] = {}
        due, equals = 0, 0
        while heap:
            negative, part, step = heap[0]
            if equals and negative > due:
                yield -due, equals
                equals = 0
            points, here, matching = parts[part]
            members = left[part] if step else here & matching
            hit = members & statics[step][1]
            equals, due = equals | hit, negative
            left[part] = members = members ^ hit
            if members and step + 1 < len(statics):
                heapq.heapreplace(heap, (-points - statics[step + 1][0], part, step + 1))
            else:
                heapq.heappop(heap)
        if equals:
            yield -due, equals

    def _by_presence(self, candidates: int) -> Iterator[tuple[int, int]]:
        scoring = self._policy.scoring
        off = candidates & self._bitmap("presence", Presence.OFFLINE)
        return _inhabited((scoring.on_shift, candidates ^ off), (scoring.off_shift, off))

    def _by_place(self, candidates: int, request: MatchRequest) -> Iterator[tuple[int, int]]:
        scoring = self._policy.scoring
        if request.country is None:
            return _inhabited((0, candidates))
        home = candidates & self._bitmap("country", request.country)
        unknown = candidates & self._bitmap("country", None)
        area = home & self._in_area(request)
        city = home & self._in_city(request) if request.prefer_local_mechanic else 0
        both = area & city
        same = scoring.same_country
        return _inhabited(
            (same + scoring.same_area + scoring.same_city, both),
            (same + scoring.same_area, area ^ both),
            (same + scoring.same_city, city ^ both),
            (same, home & ~(area | city)),
            (0, unknown),
            (
                scoring.other_country if request.prefer_local_mechanic else 0,
                candidates ^ (home | unknown),
            ),
        )

    def _by_keyword_count(self, candidates: int, request: MatchRequest) -> list[tuple[int, int]]:
        """The candidates by the points of their matched keywords.

        A bit-sliced adder: the n-th slice holds the n-th binary digit of everybody's count.
        """
        slices: list[int] = []
        for key in request.keyword_keys:
            carry = candidates & self._bitmap("keyword", key)
            for digit, bits in enumerate(slices):
                slices[digit], carry = bits ^ carry, bits & carry
            if carry:
                slices.append(carry)
        groups = {0: candidates}
        for digit, bits in enumerate(slices):
            split: dict[int, int] = {}
            for count, members in groups.items():
                more = members & bits
                split[count] = members ^ more
                split[count + (1 << digit)] = more
            groups = split
        points = self._policy.scoring.keyword
        return list(_inhabited(*((points * count, group) for count, group in groups.items())))

    def _in_area(self, request: MatchRequest) -> int:
        return self._members(("area", (request.country, request.area)))

    def _in_city(self, request: MatchRequest) -> int:
        city = self._members(("city", (request.country, request.city_key)))
        if request.subdivision is not None:
            same, unknown = request.subdivision, None
            city &= self._bitmap("subdivision", same) | self._bitmap("subdivision", unknown)
        return city

    def _booked_before(self, keeps_until: datetime) -> int:
        """Whose next booking starts too early: by hours, in the last of them one by one."""
        last = _hour(keeps_until)
        earlier = (bits for hour, bits in self._bitmaps["booked"].items() if hour < last)
        slots = (
            slot
            for slot in _slots_of(self._bitmap("booked", last))
            if not is_clear(self._occupant(slot).duty, keeps_until)
        )
        return reduce(or_, earlier, _bitmap_of(slots))

    def _lapsed_by(self, day: date) -> int:
        """Who is past the last day of a certification. Counted anew when the day changes."""
        if day != self._day:
            self._day = day
            slots = self._slots.values()
            lapsed = [slot for slot in slots if has_lapsed(self._occupant(slot), day)]
            self._bitmaps["lapsed"][True] = _bitmap_of(lapsed)
        return self._bitmap("lapsed", True)

    # Features

    def _features(self, entry: RosterEntry) -> set[_Feature]:
        features = self._features_by_policy(entry)
        features.add(("country", entry.country))
        features.add(("subdivision", entry.subdivision))
        features.update(("keyword", key) for key in entry.keyword_keys)
        features.update(("brand", key) for key in entry.brand_keys)
        if entry.brand_keys:
            features.add(("specialist", True))
        if entry.rating is not None:
            features.add(("rating", _tenths(entry.rating)))
        if entry.duty.next_booking_at is not None:
            features.add(("booked", _hour(entry.duty.next_booking_at)))
        if has_lapsed(entry, self._day):
            features.add(("lapsed", True))
        if entry.country is not None:
            if entry.area is not None:
                features.add(("area", (entry.country, entry.area)))
            if entry.city_key is not None:
                features.add(("city", (entry.country, entry.city_key)))
        return features

    def _features_by_policy(self, entry: RosterEntry) -> set[_Feature]:
        features: set[_Feature] = {
            ("presence", presence(entry.duty, self._policy.capacity)),
            ("static", rules.static_points(entry, self._policy.scoring)),
        }
        if is_qualified(entry, self._policy):
            features.add(("qualified", True))
        return features

    def _toggle(self, toggles: _Toggles) -> None:
        for feature, slots in toggles.items():
            kind, key = feature
            if kind in _SPARSE:
                self._crowded.pop(feature, None)
                having = self._sets.setdefault(feature, set())
                having.symmetric_difference_update(slots)
                if not having:
                    del self._sets[feature]
            else:
                bitmaps = self._bitmaps[kind]
                bitmaps[key] = bitmaps.get(key, 0) ^ _bitmap_of(slots)
                if not bitmaps[key]:
                    del bitmaps[key]

    def _bitmap(self, kind: str, key: Any) -> int:
        return self._bitmaps[kind].get(key, 0)

    def _members(self, feature: _Feature) -> int:
        """The bitmap of a sparse feature. Those of the most crowded places are kept."""
        if feature in self._crowded:
            return self._crowded[feature]
        slots = self._sets.get(feature, ())
        bitmap = _bitmap_of(slots)
        if len(slots) >= _CROWDED and len(self._crowded) < _MAX_CROWDED:
            self._crowded[feature] = bitmap
        return bitmap

    def _seat(self, entry: RosterEntry) -> int:
        if self._vacant:
            slot = self._vacant.pop()
            self._entries[slot] = entry
        else:
            slot = len(self._entries)
            self._entries.append(entry)
        self._slots[entry.id] = slot
        self._by_name = None
        return slot

    def _occupant(self, slot: int) -> RosterEntry:
        entry = self._entries[slot]
        assert entry is not None, "a bit is set for a vacant slot"
        return entry


_TENTH = Decimal("0.1")


def _tenths(rating: Decimal) -> int:
    return int(rating // _TENTH)  # exact, whatever the digits; a product would be rounded


def _hour(instant: datetime) -> int:
    return int(instant.timestamp() // 3600)


def _inhabited(*groups: tuple[int, int]) -> Iterator[tuple[int, int]]:
    return (group for group in groups if group[1])


def _bitmap_of(slots: Iterable[int]) -> int:
    slots = list(slots)
    if not slots:
        return 0
    content = bytearray(max(slots) // 8 + 1)
    for slot in slots:
        content[slot >> 3] |= 1 << (slot & 7)
    return int.from_bytes(content, "little")


_FEW = 8
_OCCUPIED = re.compile(rb"[^\0]")
_BITS = [[bit for bit in range(8) if byte >> bit & 1] for byte in range(256)]


def _slots_of(bitmap: int) -> Iterator[int]:
    if bitmap.bit_count() <= _FEW:
        while bitmap:
            yield (slot := bitmap.bit_length() - 1)
            bitmap ^= 1 << slot
        return
    content = bitmap.to_bytes((bitmap.bit_length() + 7) // 8, "little")
    for found in _OCCUPIED.finditer(content):
        first = found.start()
        for bit in _BITS[content[first]]:
            yield first * 8 + bit
