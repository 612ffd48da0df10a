"""The roster ranks exactly as scoring everyone and sorting would, whatever changes."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from dispatch.matching.model import Among, MatchRequest, RequestType
from dispatch.matching.roster import Roster
from dispatch.matching.rules import (
    best_possible_abroad,
    in_same_area,
    in_same_city,
    order,
    score,
    supersedes,
)
from dispatch.mechanics.model import Duty, Presence, RosterEntry, RosterRow
from dispatch.mechanics.rules import is_eligible, presence
from dispatch.policy.model import Policy, Scoring
from tests.clock import NOON
from tests.mechanic_builders import BUSY, FREE, OFF, ONE_DAY, a_request, an_entry

# A small world, so that mechanics meet: in scores, in places, in everything.
COUNTRIES = st.sampled_from(["CA", "CA", "US", None])
SUBDIVISIONS = st.sampled_from(["CA-ON", "CA-BC", "US-NY", None])
CITIES = st.sampled_from(["richmond", "toronto", None])
AREAS = st.sampled_from(["M5V", "142", None])
KEYWORDS = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6).map(tuple)
BRANDS = st.lists(st.sampled_from(["bmw", "audi"]), unique=True).map(tuple)
IDS = st.sampled_from([f"m{number}" for number in range(25)])
INSTANTS = st.sampled_from([NOON, NOON + ONE_DAY, NOON + 40 * ONE_DAY])
DUTIES = st.builds(
    Duty,
    on_shift=st.booleans(),
    load=st.integers(0, 2),
    waiting_since=st.sampled_from([None, NOON, NOON + timedelta(seconds=1)]),
)
ENTRIES = st.builds(
    lambda country, area, city, brands, **fields: RosterEntry(
        country=country,
        area=area if country else None,
        city=city,
        city_key=city,
        brands=tuple(name.upper() for name in brands),
        brand_keys=brands,
        **fields,
    ),
    id=IDS,
    approved=st.sampled_from([True, True, True, False]),
    duty=DUTIES,
    country=COUNTRIES,
    subdivision=SUBDIVISIONS,
    city=CITIES,
    area=AREAS,
    years_of_experience=st.sampled_from([None, 0, 5, 10]),
    rating=st.sampled_from([None, Decimal("3.99"), Decimal("4.46"), Decimal("4.5")]),
    certified=st.booleans(),
    certified_until=st.sampled_from([None, NOON.date(), (NOON + 30 * ONE_DAY).date()]),
    completed_sessions=st.sampled_from([0, 20, 50]),
    profile_completion=st.sampled_from([79, 80, 95]),
    keyword_keys=KEYWORDS,
    brands=BRANDS,
)
REQUESTS = st.builds(
    lambda country, area, keywords, **fields: MatchRequest(
        country=country,
        area=area if country else None,
        keywords=keywords,
        keyword_keys=keywords,
        **fields,
    ),
    keywords=KEYWORDS,
    brand_key=st.sampled_from([None, None, "bmw", "lada"]),
    country=COUNTRIES,
    subdivision=SUBDIVISIONS,
    city_key=CITIES,
    area=AREAS,
    prefer_local_mechanic=st.booleans(),
)
POINTS = st.integers(-30, 60)


def steps(highest: int, lower: int) -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    return st.tuples(POINTS, POINTS).map(lambda points: ((highest, points[0]), (lower, points[1])))


POLICIES = st.builds(
    Policy,
    scoring=st.builds(
        Scoring,
        on_shift=POINTS,
        off_shift=POINTS,
        same_country=POINTS,
        same_area=POINTS,
        same_city=POINTS,
        other_country=POINTS,
        experience_years=steps(10, 5),
        rating=st.tuples(POINTS, POINTS).map(
            lambda points: ((Decimal("4.5"), points[0]), (Decimal("4.0"), points[1]))
        ),
        certified=POINTS,
        completed_sessions=steps(50, 20),
        keyword=POINTS,
        complete_profile=steps(95, 90),
        brand_specialist=POINTS,
    ),
    capacity=st.integers(1, 2),
    min_profile_completion=st.sampled_from([79, 80, 95]),
)
AMONG = {
    Among.FREE: {Presence.ONLINE},
    Among.ON_SHIFT: {Presence.ONLINE, Presence.BUSY},
    Among.ALL: set(Presence),
}


class _AgreesWithScoringEveryone(RuleBasedStateMachine):
    """The roster beside a plain list of mechanics: both must always say the same."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = Policy()
        self.roster = Roster(self.policy)
        self.everyone: dict[str, RosterEntry] = {}

    @initialize(entries=st.lists(ENTRIES, max_size=30))
    def load(self, entries: list[RosterEntry]) -> None:
        self.change(entries)

    @rule(entries=st.lists(ENTRIES, min_size=1, max_size=5))
    def change(self, entries: list[RosterEntry]) -> None:
        self.roster.apply(entries)
        self.everyone |= {entry.id: entry for entry in entries}

    @rule(mechanic_id=IDS, duty=DUTIES)
    def change_presence(self, mechanic_id: str, duty: Duty) -> None:
        if entry := self.everyone.get(mechanic_id):
            self.change([replace(entry, duty=duty)])

    @rule(mechanic_id=IDS, country=COUNTRIES)
    def move(self, mechanic_id: str, country: str | None) -> None:
        if entry := self.everyone.get(mechanic_id):
            area = entry.area if country else None
            self.change([replace(entry, country=country, area=area)])

    @rule(mechanic_ids=st.lists(IDS, max_size=4))
    def delete(self, mechanic_ids: list[str]) -> None:
        self.roster.remove(mechanic_ids)
        for mechanic_id in mechanic_ids:
            self.everyone.pop(mechanic_id, None)

    @rule(policy=POLICIES)
    def change_weights(self, policy: Policy) -> None:
        self.roster.use(policy)
        self.policy = policy

    @rule(
        request=REQUESTS,
        k=st.integers(0, 12),
        now=INSTANTS,
        among=st.sampled_from(Among),
        excluding=st.sets(IDS, max_size=3),
    )
    def rank(
        self, request: MatchRequest, k: int, now: datetime, among: Among, excluding: set[str]
    ) -> None:
        expected = self._sorted(self._among(request, now, among, excluding), request, now.date())
        found = self.roster.best(request, k, now, among, excluding)
        assert [ranked.mechanic for ranked in found] == expected[:k]
        scoring = self.policy.scoring
        assert all(r.score == score(r.mechanic, request, scoring, now.date()) for r in found)

    @rule(request=REQUESTS, limit=st.integers(0, 12), now=INSTANTS, excluding=st.sets(IDS))
    def broadcast(
        self, request: MatchRequest, limit: int, now: datetime, excluding: set[str]
    ) -> None:
        free = [
            entry
            for entry in self._among(request, now, Among.FREE, excluding)
            if request.country in (None, entry.country)
        ]
        by_score = self._sorted(free, request, now.date())
        nearest = sorted(
            by_score,
            key=lambda e: 0 if in_same_area(e, request) else 1 if in_same_city(e, request) else 2,
        )
        assert self.roster.audience(request, limit, now, excluding) == nearest[:limit]

    @rule(request=REQUESTS, now=INSTANTS)
    def look_for_anyone(self, request: MatchRequest, now: datetime) -> None:
        on_shift = self._among(request, now, Among.ON_SHIFT, ())
        assert self.roster.anyone_on_shift(request, now) == bool(on_shift)

    @rule(request=REQUESTS)
    def look_abroad(self, request: MatchRequest) -> None:
        bound = best_possible_abroad(request, self.policy.scoring)
        for entry in self.everyone.values():
            if request.country and entry.country and request.country != entry.country:
                found = score(entry, request, self.policy.scoring, date.min)
                assert found.match_score <= bound

    @rule(mechanic_id=IDS)
    def look_up(self, mechanic_id: str) -> None:
        assert self.roster.get(mechanic_id) == self.everyone.get(mechanic_id)
        assert len(self.roster) == len(self.everyone)

    def _among(
        self, request: MatchRequest, now: datetime, among: Among, excluding: Collection[str]
    ) -> list[RosterEntry]:
        return [
            entry
            for entry in self.everyone.values()
            if is_eligible(entry, self.policy, now.date(), request.brand_key)
            and presence(entry.duty, self.policy.capacity) in AMONG[among]
            and entry.id not in excluding
        ]

    def _sorted(
        self, entries: list[RosterEntry], request: MatchRequest, on: date
    ) -> list[RosterEntry]:
        def rank(entry: RosterEntry) -> tuple[object, ...]:
            points = score(entry, request, self.policy.scoring, on).match_score
            return (-points, *order(entry))

        return sorted(entries, key=rank)


TestTheRosterAgreesWithScoringEveryone = _AgreesWithScoringEveryone.TestCase
TestTheRosterAgreesWithScoringEveryone.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None
)


def a_roster(*entries: RosterEntry, policy: Policy | None = None) -> Roster:
    roster = Roster(policy or Policy())
    roster.apply(entries)
    return roster


def ids(roster: Roster, **wanted: object) -> list[str]:
    now = wanted.pop("now", NOON)
    among = wanted.pop("among", Among.FREE)
    assert isinstance(now, datetime)
    assert isinstance(among, Among)
    return [found.mechanic.id for found in roster.best(a_request(**wanted), 10, now, among)]


def test_only_the_free_are_offered_busy_and_off_shift_are_only_browsed() -> None:
    roster = a_roster(an_entry(FREE, id="free"), an_entry(BUSY, id="busy"), an_entry(OFF, id="off"))
    assert ids(roster) == ["free"]
    assert ids(roster, among=Among.ON_SHIFT) == ["busy", "free"]
    assert ids(roster, among=Among.ALL) == ["busy", "free", "off"]


def test_a_certification_that_lapses_at_midnight_takes_the_mechanic_out_at_midnight() -> None:
    roster = a_roster(an_entry(certification_expires_on=NOON.date().isoformat()))
    midnight = datetime.combine(NOON.date() + ONE_DAY, datetime.min.time(), NOON.tzinfo)
    assert ids(roster, now=midnight - timedelta(microseconds=1)) == ["mechanic-1"]
    assert ids(roster, now=midnight) == []


def test_a_renewed_certification_counts_at_once() -> None:
    roster = a_roster(an_entry(certification_expires_on="2020-01-01"))
    assert ids(roster) == []
    roster.apply([an_entry(certification_expires_on="2030-01-01")])
    assert ids(roster) == ["mechanic-1"]


def test_a_brand_specialist_request_finds_only_specialists() -> None:
    roster = a_roster(
        an_entry(id="bmw"), an_entry(id="audi", brand_specializations=["Audi"], rating=5)
    )
    wanted = {"request_type": RequestType.BRAND_SPECIALIST, "requested_brand": "BMW"}
    assert ids(roster, **wanted) == ["bmw"]


def test_a_slot_left_by_one_mechanic_tells_nothing_about_the_next() -> None:
    roster = a_roster(an_entry(id="gone", city="Toronto", service_keywords=["oil change"]))
    roster.remove(["gone"])
    roster.apply([an_entry(id="new", city="Ottawa", postal_code="K1A 0A1", service_keywords=[])])
    (found,) = roster.best(a_request(keywords=("oil change",)), 10, NOON)
    assert (found.mechanic.id, found.score.is_local_match) == ("new", False)
    assert "keywords" not in found.score.breakdown


def test_crowded_places_follow_changes_too() -> None:
    crowd = [an_entry(id=f"m{n:03d}") for n in range(300)]
    roster = a_roster(*crowd)
    assert ids(roster)[0] == "m000"
    roster.apply([an_entry(id="m000", city="Ottawa", postal_code="K1A 0A1")])
    assert ids(roster)[0] == "m001"


def test_the_nearest_hear_of_a_broadcast_first() -> None:
    roster = a_roster(
        an_entry(id="far", city="Ottawa", postal_code="K1A 0A1", rating=5),
        an_entry(id="city", city="Toronto", postal_code="M6K 1B1", rating=4),
        an_entry(id="area", city="York", postal_code="M5V 3C6", rating=3),
        an_entry(id="abroad", country="US", rating=5),
        an_entry(BUSY, id="busy"),
    )
    told = roster.audience(a_request(prefer_local_mechanic=False), 50, NOON)
    assert [entry.id for entry in told] == ["area", "city", "far"]


def test_a_broadcast_from_nowhere_is_heard_everywhere() -> None:
    roster = a_roster(an_entry(id="ca"), an_entry(id="us", country="US"))
    assert len(roster.audience(a_request(country=None), 50, NOON)) == 2
    assert len(roster.audience(a_request(country=None), 1, NOON)) == 1


def test_all_busy_is_not_all_offline() -> None:
    assert a_roster(an_entry(BUSY)).anyone_on_shift(a_request(), NOON)
    assert not a_roster(an_entry(OFF)).anyone_on_shift(a_request(), NOON)


def test_capacity_is_the_policys() -> None:
    roster = a_roster(an_entry(BUSY))
    assert ids(roster) == []
    roster.use(Policy(capacity=2))
    assert ids(roster) == ["mechanic-1"]


# Rows of the change index

CANADA, STATES = "ROSTER#CA#0", "ROSTER#US#0"
SOON = NOON + timedelta(seconds=1)


def a_row(partition: str, at: datetime, entry: RosterEntry | None) -> RosterRow:
    return RosterRow("mechanic-1", partition, at.isoformat(), entry)


HERE = a_row(CANADA, NOON, an_entry())


def test_whoever_appears_counts() -> None:
    assert supersedes(HERE, None)
    assert not supersedes(a_row(CANADA, NOON, None), None)


def test_what_is_read_again_changes_nothing() -> None:
    assert not supersedes(replace(HERE), HERE)


def test_of_one_partition_the_row_read_last_counts_whatever_its_stamp() -> None:
    assert supersedes(a_row(CANADA, NOON - ONE_DAY, an_entry(BUSY)), HERE)
    assert supersedes(a_row(CANADA, NOON - ONE_DAY, None), HERE)


def test_who_has_moved_here_is_not_taken_away_by_the_tombstone_left_there() -> None:
    assert not supersedes(a_row(STATES, SOON, None), HERE)


def test_who_has_moved_on_is_there_and_an_old_row_that_comes_late_does_not_count() -> None:
    assert supersedes(a_row(STATES, SOON, an_entry(country="US")), HERE)
    assert supersedes(a_row(STATES, NOON, an_entry(country="US")), HERE)
    assert not supersedes(a_row(STATES, NOON - ONE_DAY, an_entry(country="US")), HERE)
