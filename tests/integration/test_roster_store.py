"""The live roster: loaded by country, refreshed by what changed, quick to load from snapshots."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from dispatch.core import aws as clients
from dispatch.core import settings
from dispatch.core.table import Transaction
from dispatch.matching import service as matching
from dispatch.matching import store
from dispatch.matching.model import Among
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import RosterRow
from dispatch.policy.model import Policy, Scoring
from dispatch.timers import rules as timer_rules
from tests.clock import NOON
from tests.entry_points import load
from tests.mechanic_builders import a_record, a_request

pytestmark = pytest.mark.usefixtures("aws")

POLICY = Policy()
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def add(mechanic_id: str, at: datetime = NOON, **fields: Any) -> None:
    mechanics.upsert(a_record(id=mechanic_id, **fields), at)


def clock_in(mechanic_id: str, at: datetime) -> None:
    with Transaction() as tx:
        mechanics.go_on_shift(tx, mechanic_id, "shift-1", at, at + timedelta(hours=12))


def best(
    at: datetime = NOON,
    *,
    k: int = 10,
    fresh_since: datetime | None = None,
    policy: Policy = POLICY,
    **wanted: Any,
) -> list[str]:
    ranking = matching.rank(
        a_request(**wanted), k, policy, at, among=Among.ALL, fresh_since=fresh_since
    )
    return [found.mechanic.id for found in ranking.top]


class Reads:
    """What was read of the change index: partitions asked, rows got."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.countries: list[str | None] = []
        self.rows: list[str] = []
        read = mechanics.changes

        def changes(partition: str, since: datetime | None) -> Iterator[RosterRow]:
            self.countries.append(mechanics.country_of(partition))
            for row in read(partition, since):
                self.rows.append(row.mechanic_id)
                yield row

        monkeypatch.setattr(mechanics, "changes", changes)

    def forget(self) -> None:
        self.countries.clear()
        self.rows.clear()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


# Fresh


def test_who_clocks_in_is_ranked_at_once() -> None:
    add("a")
    assert matching.rank(a_request(), 3, POLICY, NOON).top == ()
    clock_in("a", NOON)
    (found,) = matching.rank(a_request(), 3, POLICY, NOON).top
    assert (found.mechanic.id, found.score.match_score) == ("a", 208)


def test_a_ranking_tells_what_it_rests_on() -> None:
    add("a")
    ranking = matching.rank(a_request(), 3, Policy(version=7), NOON)
    assert (ranking.policy_version, ranking.ranked_at, ranking.roster_age_s) == (7, NOON, 0)
    later = matching.rank(a_request(), 3, POLICY, NOON + SECOND, fresh_since=NOON - SECOND)
    assert later.roster_age_s == 1


def test_a_refresh_begun_since_is_not_repeated(reads: Reads) -> None:
    best(NOON)
    add("a")
    assert best(NOON + SECOND, fresh_since=NOON - SECOND) == []
    assert best(NOON + SECOND, fresh_since=NOON) == ["a"]
    reads.forget()
    assert best(NOON + SECOND, fresh_since=NOON) == ["a"]
    assert reads.rows == []


def test_a_refresh_reads_what_changed_not_what_exists(reads: Reads) -> None:
    for number in range(10):
        add(f"m{number}", at=NOON + number * timedelta(minutes=10))
    later = NOON + timedelta(hours=2)
    best(later)
    clock_in("m0", later)
    reads.forget()
    best(later)
    assert "m0" in reads.rows
    last_of_each_shard = 2
    assert len(reads.rows) <= 1 + last_of_each_shard


def test_a_write_stamped_a_little_before_the_last_one_read_is_found_at_once() -> None:
    seen = NOON + timedelta(seconds=200)
    add("a", at=seen)
    assert best(seen) == ["a"]
    add("b", at=seen - matching.CLOSE_OVERLAP)
    assert best(seen) == ["a", "b"]


def test_a_write_stamped_long_before_the_last_one_read_is_found_a_moment_later(
    reads: Reads,
) -> None:
    seen = NOON + timedelta(seconds=200)
    add("a", at=seen)
    assert best(seen) == ["a"]
    add("b", at=seen - matching.OVERLAP)
    later = seen + matching.READ_BACK_EVERY
    assert best(later - SECOND) == ["a"]
    assert best(later) == ["a", "b"]
    reads.forget()
    assert best(later + SECOND) == ["a", "b"]
    assert reads.rows == ["a"], "what was read back is not read again for a while"


def test_what_is_missed_is_read_before_anybody_is_looked_at_again() -> None:
    assert matching.READ_BACK_EVERY < timer_rules.LOOK_AGAIN_AFTER


def test_a_change_by_a_clock_that_is_behind_counts_all_the_same() -> None:
    add("a", at=NOON)
    assert best(NOON) == ["a"]
    add("a", at=NOON - SECOND, status="suspended")
    assert best(NOON) == []


def test_mechanics_are_found_in_as_many_partitions_as_they_were_written_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everybody = [f"m{number}" for number in range(8)]
    for shards, written in (("4", everybody), ("1", everybody[:4])):
        monkeypatch.setenv("ROSTER_SHARDS", shards)
        settings.forget()
        for mechanic_id in written:
            add(mechanic_id, years_of_experience=int(shards))
        clock_in(everybody[-1 if shards == "4" else 0], NOON)
        assert sorted(best()) == everybody, "by the instance that runs"
        matching.forget()
        assert sorted(best()) == everybody, "by a new one"
    was = {mechanic.id: mechanic.partition for mechanic in mechanics.get_many(everybody)}
    assert {was[mechanic_id] for mechanic_id in everybody[:4]} == {"ROSTER#CA#0"}
    assert len({was[mechanic_id] for mechanic_id in everybody[4:]}) > 1


def test_rank_passes_over_whom_it_is_told_to() -> None:
    add("a")
    add("b")
    found = matching.rank(a_request(), 10, POLICY, NOON, among=Among.ALL, excluding={"a"})
    assert [ranked.mechanic.id for ranked in found.top] == ["b"]


def test_new_weights_count_at_once() -> None:
    add("a", postal_code="M6K 1B1", rating=5)
    add("b", rating=None)
    assert best() == ["b", "a"]
    assert best(policy=Policy(version=2, scoring=Scoring(same_area=0))) == ["a", "b"]


# Countries


def test_a_move_abroad_shows_in_both_countries() -> None:
    add("a")
    assert best() == ["a"]
    add("a", country="US", postal_code="14201", city="Buffalo")
    (found,) = matching.rank(a_request(), 10, POLICY, NOON, among=Among.ALL).top
    assert found.score.breakdown["country"] == POLICY.scoring.other_country
    add("a")
    (found,) = matching.rank(a_request(), 10, POLICY, NOON, among=Among.ALL).top
    assert found.score.breakdown["country"] == POLICY.scoring.same_country


def test_other_countries_are_read_only_if_their_best_could_still_matter(reads: Reads) -> None:
    add("near")
    add("far", country="US", rating=5)
    assert best(k=1) == ["near"]
    assert set(reads.countries) == {"CA"}
    assert best(k=2) == ["near", "far"]
    assert set(reads.countries) == {"CA", "US"}


def test_a_tie_with_what_is_possible_abroad_is_settled_there() -> None:
    weights = Scoring(same_country=0, same_area=0, same_city=0, other_country=0)
    perfect: dict[str, Any] = {
        "years_of_experience": 10,
        "completed_sessions": 50,
        "profile_completion": 95,
    }
    add("near", rating=4.9, **perfect)
    add("far", country="US", rating=5, **perfect)
    for mechanic_id in ("near", "far"):
        clock_in(mechanic_id, NOON)
    assert best(k=1, policy=Policy(scoring=weights)) == ["far"]


def test_who_is_of_unknown_country_is_never_left_out() -> None:
    add("nowhere", country=None, rating=5)
    add("near")
    assert best(k=1, keywords=()) == ["near"]
    assert best(k=2) == ["near", "nowhere"]


def test_a_customer_of_unknown_country_is_matched_everywhere() -> None:
    add("ca", rating=4.9)
    add("us", country="US", rating=5)
    assert best(country=None) == ["us", "ca"]


def test_the_first_mechanic_of_a_country_is_found_by_an_instance_that_runs() -> None:
    assert best() == []
    add("a")
    assert best() == ["a"]


# Broadcasts


def test_the_audience_is_who_is_free() -> None:
    for mechanic_id in ("a", "b", "off"):
        add(mechanic_id)
    clock_in("a", NOON)
    clock_in("b", NOON)
    told = matching.audience(a_request(), POLICY, NOON, limit=50, excluding={"a"})
    assert told == ["b"]


def test_somebody_on_shift_abroad_is_somebody_on_shift() -> None:
    add("near")
    add("far", country="US")
    assert not matching.anyone_on_shift(a_request(), POLICY, NOON)
    clock_in("far", NOON)
    assert matching.anyone_on_shift(a_request(), POLICY, NOON)


# Snapshots


@pytest.fixture
def small_countries_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "SNAPSHOT_FROM", 2)


def snapshots() -> dict[str, dict[str, RosterRow]]:
    """What is in the bucket, by country."""
    found = {}
    for country in ("CA", "US", None):
        if snapshot := store.find_snapshot(country):
            found[country or "unknown"] = {row.mechanic_id: row for row in snapshot.rows}
    return found


@pytest.mark.usefixtures("small_countries_too")
def test_only_a_country_with_many_mechanics_has_a_snapshot() -> None:
    add("a")
    add("b")
    add("c", country="US")
    matching.renew_snapshots(NOON)
    assert {country: set(rows) for country, rows in snapshots().items()} == {"CA": {"a", "b"}}


@pytest.mark.usefixtures("small_countries_too")
def test_a_snapshot_of_another_table_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a restore: it is of what the restored table has yet to see."""
    add("a")
    add("b")
    matching.renew_snapshots(NOON)
    monkeypatch.setenv("TABLE_NAME", "restored")
    settings.forget()
    assert snapshots() == {}


@pytest.mark.usefixtures("small_countries_too", "clock")
def test_the_scheduled_function_renews_them() -> None:
    add("a")
    add("b")
    load("matching/snapshot").handler({}, SimpleNamespace(aws_request_id="request-1"))
    assert set(snapshots()) == {"CA"}


@pytest.mark.usefixtures("small_countries_too")
def test_an_instance_loads_from_the_snapshot_and_what_changed_since(reads: Reads) -> None:
    for number in range(4):
        add(f"m{number}", certification_expires_on="2027-01-01", rating=4.46 + number / 100)
    add("new", at=NOON - DAY)
    from_index = best()
    matching.renew_snapshots(NOON)
    later = NOON + timedelta(hours=1)
    add("new", at=later, rating=5)
    matching.forget()
    reads.forget()
    assert best(later) == ["new", *(id_ for id_ in from_index if id_ != "new")]
    assert "new" in reads.rows


@pytest.mark.usefixtures("small_countries_too")
def test_a_snapshot_is_renewed_by_what_changed(reads: Reads) -> None:
    for mechanic_id in ("a", "b", "leaves"):
        add(mechanic_id)
    matching.renew_snapshots(NOON)
    later = NOON + timedelta(hours=1)
    add("c", at=later)
    add("leaves", at=later, country="US")
    add("b", at=later, name="B", rating=3)
    matching.renew_snapshots(later)
    assert set(snapshots()["CA"]) == {"a", "b", "c"}
    entry = snapshots()["CA"]["b"].entry
    assert entry
    assert entry.rating == 3
    made = store.find_snapshot("CA")
    assert made
    assert (made.making.built_at, made.making.renewed_at) == (NOON, later)
    reads.forget()
    matching.renew_snapshots(later + timedelta(hours=1))
    assert "a" not in reads.rows


@pytest.mark.usefixtures("small_countries_too")
def test_a_snapshot_is_built_anew_every_day(reads: Reads) -> None:
    add("a")
    add("b")
    matching.renew_snapshots(NOON)
    add("c", at=NOON + timedelta(hours=20))
    matching.renew_snapshots(NOON + timedelta(hours=20))
    reads.forget()
    matching.renew_snapshots(NOON + DAY)
    assert set(reads.rows) == {"a", "b", "c"}
    made = store.find_snapshot("CA")
    assert made
    assert made.making.built_at == NOON + DAY


@pytest.mark.usefixtures("small_countries_too")
def test_a_snapshot_that_is_no_longer_renewed_is_not_used(reads: Reads) -> None:
    add("a")
    add("b")
    matching.renew_snapshots(NOON)
    reads.forget()
    best(NOON + DAY)
    assert sorted(reads.rows) == ["a", "b"]


def test_an_instance_loads_anew_every_day(reads: Reads) -> None:
    add("a")
    best(NOON)
    add("b", at=NOON + timedelta(hours=1))
    best(NOON + timedelta(hours=23))
    reads.forget()
    assert best(NOON + DAY) == ["a", "b"]
    assert sorted(reads.rows) == ["a", "b"]


def test_a_bucket_that_is_missing_is_not_taken_for_an_empty_one() -> None:
    add("a")
    client = clients.s3()
    client.delete_bucket(Bucket="dispatch-test-snapshots")
    with pytest.raises(client.exceptions.NoSuchBucket):
        best()
