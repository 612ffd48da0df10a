"""The roster ranks exactly as scoring everyone and sorting would, whatever changes."""

import json
import random
from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
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
from dispatch.mechanics.packing import pack_inputs, pack_row, unpack_entry, unpack_row
from dispatch.mechanics.rules import is_eligible, presence
from dispatch.policy.model import Policy, Scoring
from tests.clock import NOON
from tests.mechanic_builders import BUSY, CLOSING, FREE, OFF, ONE_DAY, a_request, an_entry

IDS = [f"m{number}" for number in range(60)]
AMONG = {
    Among.FREE: {Presence.ONLINE},
    Among.ON_SHIFT: {Presence.ONLINE, Presence.BUSY},
    Among.ALL: set(Presence),
}


STARTS = [NOON + timedelta(minutes=minutes) for minutes in (-300, -1, 0, 30, 60, 61, 240)]
"""When bookings start, and sessions end: on either side of an hour, and at the same instant."""


class SmallWorld(random.Random):
    """Draws from so few values that mechanics meet: in scores, in places, in everything."""

    def entry(self) -> RosterEntry:
        country, city = self.choice(["CA", "CA", "CA", "US", None]), self.city()
        brands = tuple(self.some("bmw", "audi"))
        return RosterEntry(
            id=self.choice(IDS),
            approved=self.random() < 0.9,
            duty=self.duty(),
            country=country,
            subdivision=self.choice(["CA-ON", "CA-BC", None]),
            city=city,
            city_key=city,
            area=self.choice(["M5V", "142", None]) if country else None,
            years_of_experience=self.choice([None, 0, 5, 10]),
            rating=self.choice([None, Decimal("3.99"), Decimal("4.46"), Decimal("4.5")]),
            certified=self.random() < 0.5,
            certified_until=self.choice([None, NOON.date(), (NOON + 30 * ONE_DAY).date()]),
            completed_sessions=self.choice([0, 20, 50]),
            profile_completion=self.choice([79, 80, 95]),
            keyword_keys=tuple(self.some(*"abcdef")),
            brands=tuple(name.upper() for name in brands),
            brand_keys=brands,
            name_key=self.choice(["", "ada", "ada chen", "adam", "bo", "zoë"]),
        )

    def duty(self) -> Duty:
        return Duty(
            on_shift=self.random() < 0.7,
            load=self.choice([0, 0, 1, 2]),
            waiting_since=self.choice([None, NOON, NOON + timedelta(seconds=1)]),
            closing=self.random() < 0.2,
            next_booking_at=self.choice([None, None, *STARTS]),
        )

    def request(self) -> MatchRequest:
        country, keywords = self.choice(["CA", "CA", "US", None]), tuple(self.some(*"abcdef"))
        return MatchRequest(
            keywords=keywords,
            keyword_keys=keywords,
            brand_key=self.choice([None, None, None, "bmw", "lada"]),
            country=country,
            subdivision=self.choice(["CA-ON", "CA-BC", None]),
            city_key=self.city(),
            area=self.choice(["M5V", "142", None]) if country else None,
            prefer_local_mechanic=self.random() < 0.6,
        )

    def policy(self) -> Policy:
        """With weights that may be negative, and often meet in a sum."""
        return Policy(
            scoring=Scoring(
                on_shift=self.points(),
                off_shift=self.points(),
                same_country=self.points(),
                same_area=self.points(),
                same_city=self.points(),
                other_country=self.points(),
                experience_years=((10, self.points()), (5, self.points())),
                rating=((Decimal("4.5"), self.points()), (Decimal("4.0"), self.points())),
                certified=self.points(),
                completed_sessions=((50, self.points()), (20, self.points())),
                keyword=self.points(),
                complete_profile=((95, self.points()),),
                brand_specialist=self.points(),
            ),
            capacity=self.choice([1, 2]),
            min_profile_completion=self.choice([79, 80, 95]),
        )

    def now(self) -> datetime:
        return NOON + self.choice([0, 1, 40]) * ONE_DAY

    def city(self) -> str | None:
        return self.choice(["richmond", "toronto", None])

    def points(self) -> int:
        return self.randrange(-2, 5) * 5

    def some(self, *values: str) -> list[str]:
        return self.sample(values, self.randrange(len(values) + 1))


WORLDS = st.integers(0, 2**32).map(SmallWorld)


class _AgreesWithScoringEveryone(RuleBasedStateMachine):
    """The roster beside a plain list of mechanics: after any change both say the same."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = Policy()
        self.roster = Roster(self.policy)
        self.everyone: dict[str, RosterEntry] = {}

    @initialize(world=WORLDS)
    def load(self, world: SmallWorld) -> None:
        self.apply(world.entry() for _ in range(80))
        self.agree(world)

    @rule(world=WORLDS)
    def change_profiles(self, world: SmallWorld) -> None:
        """Of whoever is drawn, so that some are new and some move to another country."""
        self.apply(world.entry() for _ in range(world.randrange(1, 6)))
        self.agree(world)

    @rule(world=WORLDS)
    def change_presence(self, world: SmallWorld) -> None:
        drawn = [self.everyone.get(world.choice(IDS)) for _ in range(3)]
        self.apply(replace(entry, duty=world.duty()) for entry in drawn if entry)
        self.agree(world)

    @rule(world=WORLDS)
    def delete(self, world: SmallWorld) -> None:
        gone = [world.choice(IDS) for _ in range(world.randrange(1, 20))]
        self.roster.remove(gone)
        self.everyone = {id_: e for id_, e in self.everyone.items() if id_ not in gone}
        self.agree(world)

    @rule(world=WORLDS)
    def change_weights(self, world: SmallWorld) -> None:
        self.policy = world.policy()
        self.roster.use(self.policy)
        self.agree(world)

    def apply(self, drawn: Any) -> None:
        entries: list[RosterEntry] = list(drawn)
        self.roster.apply(entries)
        self.everyone |= {entry.id: entry for entry in entries}

    def agree(self, world: SmallWorld) -> None:
        assert len(self.roster) == len(self.everyone)
        assert all(self.roster.get(id_) == self.everyone.get(id_) for id_ in IDS)
        for _ in range(4):
            request, now, excluding = world.request(), world.now(), set(world.some(*IDS[:5]))
            keeps_until = world.choice([None, *STARTS])
            for among in Among:
                k = world.randrange(15)
                self.agree_on_the_best(request, now, k, among, excluding, keeps_until)
            limit = world.randrange(15)
            self.agree_on_the_audience(request, now, limit, excluding, keeps_until)
            self.agree_on_anyone_being_there(request, now, excluding)
            self.nobody_abroad_exceeds_the_bound(request, now)

    def agree_on_the_best(
        self,
        request: MatchRequest,
        now: datetime,
        k: int,
        among: Among,
        excluding: set[str],
        keeps_until: datetime | None,
    ) -> None:
        candidates = self.among(request, now, among, excluding, keeps_until)
        expected = self.sorted(candidates, request, now.date())[:k]
        found = self.roster.best(request, k, now, among, excluding, keeps_until)
        assert [ranked.mechanic for ranked in found] == expected
        scoring = self.policy.scoring
        assert all(r.score == score(r.mechanic, request, scoring, now.date()) for r in found)

    def agree_on_the_audience(
        self,
        request: MatchRequest,
        now: datetime,
        limit: int,
        excluding: set[str],
        keeps_until: datetime | None,
    ) -> None:
        free = [
            entry
            for entry in self.among(request, now, Among.FREE, excluding, keeps_until)
            if request.country in (None, entry.country)
        ]
        nearest = sorted(
            self.sorted(free, request, now.date()),
            key=lambda e: 0 if in_same_area(e, request) else 1 if in_same_city(e, request) else 2,
        )
        told = self.roster.audience(request, limit, now, excluding, keeps_until)
        assert told == nearest[:limit]

    def agree_on_anyone_being_there(
        self, request: MatchRequest, now: datetime, excluding: set[str]
    ) -> None:
        for out in ((), excluding):
            on_shift = self.among(request, now, Among.ON_SHIFT, out)
            assert self.roster.anyone_on_shift(request, now, out) == bool(on_shift)

    def nobody_abroad_exceeds_the_bound(self, request: MatchRequest, now: datetime) -> None:
        bound = best_possible_abroad(request, self.policy.scoring)
        for entry in self.among(request, now, Among.ALL, ()):
            if request.country and entry.country and request.country != entry.country:
                found = score(entry, request, self.policy.scoring, now.date())
                assert found.match_score <= bound

    def among(
        self,
        request: MatchRequest,
        now: datetime,
        among: Among,
        excluding: Collection[str],
        keeps_until: datetime | None = None,
    ) -> list[RosterEntry]:
        return [
            entry
            for entry in self.everyone.values()
            if is_eligible(entry, self.policy, now.date(), request.brand_key)
            and presence(entry.duty, self.policy.capacity) in AMONG[among]
            and entry.id not in excluding
            and not (keeps_until and (entry.duty.next_booking_at or keeps_until) < keeps_until)
        ]

    def sorted(
        self, entries: list[RosterEntry], request: MatchRequest, on: date
    ) -> list[RosterEntry]:
        def rank(entry: RosterEntry) -> tuple[object, ...]:
            points = score(entry, request, self.policy.scoring, on).match_score
            return (-points, *order(entry))

        return sorted(entries, key=rank)


TestTheRosterAgreesWithScoringEveryone = _AgreesWithScoringEveryone.TestCase
TestTheRosterAgreesWithScoringEveryone.settings = settings(
    max_examples=40, stateful_step_count=8, deadline=None
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


def test_slots_of_who_left_are_used_again() -> None:
    roster = a_roster(an_entry(id="m0"))
    for number in range(10):
        roster.remove([f"m{number}"])
        roster.apply([an_entry(id=f"m{number + 1}")])
    assert len(roster._entries) == 1


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


def test_a_customer_who_is_a_mechanic_on_shift_is_alone_all_the_same() -> None:
    roster = a_roster(an_entry(FREE, id="customer"))
    assert roster.anyone_on_shift(a_request(), NOON, {"somebody else"})
    assert not roster.anyone_on_shift(a_request(), NOON, {"customer"})


def test_who_closes_the_shift_is_there_and_not_free() -> None:
    roster = a_roster(an_entry(CLOSING), policy=Policy(capacity=2))
    assert ids(roster) == []
    assert ids(roster, among=Among.ON_SHIFT) == ["mechanic-1"]
    assert roster.audience(a_request(), 50, NOON) == []
    assert roster.anyone_on_shift(a_request(), NOON)


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


def test_a_row_is_unpacked_as_it_was_packed() -> None:
    world = SmallWorld(1)
    for _ in range(100):
        row = a_row(CANADA, NOON, world.entry())
        unpacked = unpack_row(pack_row(row)).entry
        assert row.entry
        assert unpacked
        assert unpacked == replace(row.entry, id="mechanic-1")


@pytest.mark.parametrize(
    "duty", [FREE, CLOSING, Duty(True, 2, NOON, closing=True), replace(FREE, next_booking_at=NOON)]
)
def test_a_snapshot_knows_whose_shift_is_closing_and_what_is_booked(duty: Duty) -> None:
    unpacked = unpack_row(pack_row(a_row(CANADA, NOON, an_entry(duty)))).entry
    assert unpacked
    assert unpacked.duty == duty


def test_in_a_snapshot_of_an_earlier_release_no_shift_is_closing_and_nothing_booked() -> None:
    booked = replace(CLOSING, next_booking_at=NOON)
    row = json.loads(pack_row(a_row(CANADA, NOON, an_entry(booked))))
    assert row[-2:] == [True, "2026-07-01T12:00:00Z"], "what is new stands at the end"
    for left_out, duty in ((1, CLOSING), (2, replace(CLOSING, closing=False))):
        older = unpack_row(json.dumps(row[:-left_out]).encode()).entry
        assert older
        assert older == an_entry(duty)


def test_older_code_reads_a_snapshot_of_a_later_release() -> None:
    packed = pack_row(HERE)
    newer = json.dumps([*json.loads(packed), "something new"]).encode()
    assert unpack_row(newer).entry == HERE.entry


def test_what_was_packed_before_names_were_is_read_without() -> None:
    *older, name = json.loads(pack_inputs(an_entry(name="Zoé Ångström")))
    assert name == "zoe angstrom"
    unpacked = unpack_entry("mechanic-1", json.dumps(older), FREE, 30)
    assert unpacked == replace(an_entry(FREE, name="Zoé Ångström"), name_key="")


def test_older_code_reads_what_newer_code_has_added_at_the_end() -> None:
    packed = pack_inputs(HERE.entry or an_entry())
    newer = json.dumps([*json.loads(packed), "something new"])
    assert unpack_entry("mechanic-1", newer, FREE, 30) == HERE.entry
