"""Profiles, presence and load against the table: every condition, and who refuses."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from dispatch.core.errors import Invalid, NotFound, StaleVersion
from dispatch.core.table import Key, Transaction, query
from dispatch.core.table import get as get_item
from dispatch.mechanics import service, store
from dispatch.mechanics.model import Mechanic, RosterRow, Unavailable
from dispatch.mechanics.rules import roster_entry
from dispatch.policy.model import Policy
from tests.builders import an_http_event
from tests.clock import NOON
from tests.entry_points import load
from tests.mechanic_builders import a_record

pytestmark = pytest.mark.usefixtures("aws")

POLICY = Policy()
LATER = NOON + timedelta(minutes=10)


class Refused(Exception):
    def __init__(self, reason: Unavailable) -> None:
        self.reason = reason


def on_shift(**fields: Any) -> str:
    """A mechanic who has clocked in, while they were approved; returns the id."""
    mechanic = service.upsert(a_record(**fields | {"status": "approved"}), NOON)
    clock_in(mechanic.id)
    service.upsert(a_record(**fields), NOON)
    return mechanic.id


def clock_in(mechanic_id: str, shift_id: str = "shift-1") -> None:
    with Transaction() as tx:
        service.go_on_shift(tx, mechanic_id, shift_id, NOON, NOON + timedelta(hours=12))


def clock_out(mechanic_id: str, shift_id: str = "shift-1") -> None:
    with Transaction() as tx:
        service.go_off_shift(tx, mechanic_id, shift_id, LATER)


def take_load(mechanic_id: str, brand_key: str | None = None, policy: Policy = POLICY) -> None:
    with Transaction() as tx:
        service.take_load(
            tx, mechanic_id, policy=policy, brand_key=brand_key, now=NOON, otherwise=Refused
        )


def check_available(
    mechanic_id: str, brand_key: str | None = None, policy: Policy = POLICY
) -> None:
    with Transaction() as tx:
        service.check_available(
            tx, mechanic_id, policy=policy, brand_key=brand_key, now=NOON, otherwise=Refused
        )


def free_load(mechanic_id: str, **how: bool) -> None:
    with Transaction() as tx:
        service.free_load(tx, mechanic_id, now=LATER, **{"completed": False, **how})


def stored(mechanic_id: str) -> Mechanic:
    mechanic = service.get(mechanic_id)
    assert mechanic is not None
    return mechanic


def rows(country: str) -> Iterator[RosterRow]:
    """What the change index holds of a country, all shards."""
    for partition in service.partitions():
        if partition.startswith(f"ROSTER#{country}#"):
            yield from service.changes(partition, None)


# Profiles


def test_a_profile_is_read_back_as_written() -> None:
    written = service.upsert(
        a_record(rating=4.46, certification_expires_on="2027-01-31", email="ada@example.com"), NOON
    )
    assert stored("mechanic-1") == written
    assert written.profile.certification_expires_on == date(2027, 1, 31)


def test_a_wrong_record_changes_nothing() -> None:
    service.upsert(a_record(), NOON)
    with pytest.raises(Invalid):
        service.upsert(a_record(name="Someone else", rating=9), NOON)
    assert stored("mechanic-1").profile.name == "Ada Chen"


def test_presence_and_load_survive_a_change_of_the_profile() -> None:
    mechanic_id = on_shift()
    take_load(mechanic_id)
    before = stored(mechanic_id)
    assert service.upsert(a_record(name="Ada Smith"), LATER).duty == before.duty
    after = stored(mechanic_id)
    assert (after.duty, after.shift_id, after.clocked_in_at) == (
        before.duty,
        "shift-1",
        NOON,
    )
    assert after.profile.name == "Ada Smith"


def test_a_change_of_the_profile_is_a_fact() -> None:
    service.upsert(a_record(), NOON)
    (event,) = query("MECHANIC#mechanic-1", prefix="EVENT#").items
    assert (event["type"], event["mechanic_id"]) == ("MechanicChanged", "mechanic-1")


def test_the_index_tells_what_ranking_needs_and_nothing_personal() -> None:
    mechanic_id = on_shift(email="ada@example.com", phone="+14165550100")
    (row,) = rows("CA")
    assert row.entry == roster_entry(stored(mechanic_id))
    assert "example.com" not in get_item(Key(f"MECHANIC#{mechanic_id}"))["roster_blob"]  # type: ignore[index]


def test_a_move_to_another_country_leaves_a_tombstone() -> None:
    service.upsert(a_record(), NOON)
    service.upsert(a_record(country="US"), LATER)
    (left,), (arrived,) = rows("CA"), rows("US")
    assert (left.mechanic_id, left.entry) == ("mechanic-1", None)
    assert arrived.entry
    assert arrived.entry.country == "US"


def test_a_tombstone_goes_in_time() -> None:
    service.upsert(a_record(), NOON)
    service.upsert(a_record(country=None), NOON)
    (tombstone,) = query("MECHANIC#mechanic-1", prefix="GONE#").items
    assert tombstone["expires_ttl"] == int((NOON + timedelta(days=7)).timestamp())


def test_who_comes_back_has_left_no_tombstone_there() -> None:
    for country in ("CA", "US", "CA"):
        service.upsert(a_record(country=country), NOON)
    (here,), (gone,) = rows("CA"), rows("US")
    assert here.entry
    assert gone.entry is None


def test_two_moves_at_once_do_not_lose_a_tombstone(monkeypatch: pytest.MonkeyPatch) -> None:
    service.upsert(a_record(), NOON)
    read = store.find

    def move_meanwhile(mechanic_id: str) -> Any:
        found = read(mechanic_id)
        monkeypatch.setattr(store, "find", read)
        service.upsert(a_record(country="GB"), NOON)
        return found

    monkeypatch.setattr(store, "find", move_meanwhile)
    service.upsert(a_record(country="US"), NOON)
    assert [row.entry is None for country in ("CA", "GB", "US") for row in rows(country)] == [
        True,
        True,
        False,
    ]


def test_partitions_are_listed_once_they_have_a_mechanic() -> None:
    assert service.partitions() == frozenset()
    service.upsert(a_record(), NOON)
    service.upsert(a_record(id="mechanic-2", country=None), NOON)
    assert {service.country_of(partition) for partition in service.partitions()} == {"CA", None}


def test_changes_are_read_from_a_moment_on() -> None:
    service.upsert(a_record(), NOON)
    (partition,) = service.partitions()
    assert len(list(service.changes(partition, NOON))) == 1
    assert list(service.changes(partition, NOON + timedelta(milliseconds=1))) == []


# Presence


def test_clock_in_and_out() -> None:
    mechanic_id = on_shift()
    working = stored(mechanic_id)
    assert (working.duty.on_shift, working.shift_id) == (True, "shift-1")
    assert working.clocked_in_at == working.duty.waiting_since == working.last_seen_at == NOON
    clock_out(mechanic_id)
    home = stored(mechanic_id)
    assert (home.duty.on_shift, home.shift_id, home.last_seen_at) == (False, None, LATER)
    assert home.duty.waiting_since == NOON


def test_every_change_of_presence_shows_in_the_index() -> None:
    mechanic_id = on_shift()
    take_load(mechanic_id)
    (row,) = rows("CA")
    assert row.entry
    assert (row.entry.duty.on_shift, row.entry.duty.load) == (True, 1)
    free_load(mechanic_id, completed=True)
    (row,) = rows("CA")
    assert row.entry
    assert (row.entry.duty.load, row.entry.completed_sessions) == (0, 31)


def test_nobody_clocks_in_twice_or_without_a_profile() -> None:
    mechanic_id = on_shift()
    with pytest.raises(StaleVersion):
        clock_in(mechanic_id, "shift-2")
    with pytest.raises(StaleVersion):
        clock_in("nobody")
    assert service.get("nobody") is None


def test_clock_out_needs_that_very_shift_and_no_load() -> None:
    mechanic_id = on_shift()
    with pytest.raises(StaleVersion):
        clock_out(mechanic_id, "shift-0")
    take_load(mechanic_id)
    with pytest.raises(StaleVersion):
        clock_out(mechanic_id)
    free_load(mechanic_id)
    clock_out(mechanic_id)
    with pytest.raises(StaleVersion):
        clock_out(mechanic_id)


# Load


@pytest.mark.parametrize("claim", [take_load, check_available])
def test_who_is_eligible_on_shift_and_free_can_take_a_session(claim: Callable[..., None]) -> None:
    claim(on_shift(), brand_key="bmw")


def refusal(claim: Callable[..., None], mechanic_id: str, **how: Any) -> Unavailable:
    with pytest.raises(Refused) as refused:
        claim(mechanic_id, **how)
    return refused.value.reason


@pytest.mark.parametrize("claim", [take_load, check_available])
@pytest.mark.parametrize(
    ("fields", "brand_key"),
    [
        ({"status": "suspended"}, None),
        ({"profile_completion": 79}, None),
        ({"certification_expires_on": "2026-06-30"}, None),
        ({}, "audi"),
    ],
)
def test_who_is_not_eligible_is_refused(
    claim: Callable[..., None], fields: dict[str, Any], brand_key: str | None
) -> None:
    found = refusal(claim, on_shift(**fields), brand_key=brand_key)
    assert found is Unavailable.NOT_ELIGIBLE


@pytest.mark.parametrize("claim", [take_load, check_available])
def test_a_certification_holds_through_its_last_day(claim: Callable[..., None]) -> None:
    claim(on_shift(certification_expires_on="2026-07-01"))


@pytest.mark.parametrize("claim", [take_load, check_available])
def test_who_is_off_shift_or_unknown_is_refused(claim: Callable[..., None]) -> None:
    service.upsert(a_record(), NOON)
    assert refusal(claim, "mechanic-1") is Unavailable.OFF_SHIFT
    assert refusal(claim, "nobody") is Unavailable.NOT_ELIGIBLE


@pytest.mark.parametrize("claim", [take_load, check_available])
def test_who_has_no_room_is_refused(claim: Callable[..., None]) -> None:
    mechanic_id = on_shift()
    take_load(mechanic_id)
    assert refusal(claim, mechanic_id) is Unavailable.AT_CAPACITY
    claim(mechanic_id, policy=replace(POLICY, capacity=2))


def test_a_completed_session_counts_and_puts_its_mechanic_at_the_end_of_the_line() -> None:
    mechanic_id = on_shift()
    take_load(mechanic_id)
    free_load(mechanic_id, completed=True)
    after = stored(mechanic_id)
    assert (after.duty.load, after.duty.waiting_since) == (0, LATER)
    assert after.profile.completed_sessions == 31


def test_a_session_given_back_has_not_ended() -> None:
    mechanic_id = on_shift()
    take_load(mechanic_id)
    free_load(mechanic_id, session_ended=False)
    after = stored(mechanic_id)
    assert (after.duty.load, after.duty.waiting_since) == (0, NOON)
    assert after.profile.completed_sessions == 30


def test_load_never_falls_below_none() -> None:
    mechanic_id = on_shift()
    with pytest.raises(StaleVersion):
        free_load(mechanic_id)
    assert stored(mechanic_id).duty.load == 0


# Who sees whom


def test_others_see_only_the_approved() -> None:
    service.upsert(a_record(), NOON)
    assert service.profile_for("mechanic-1", by="customer-1").id == "mechanic-1"
    service.upsert(a_record(status="suspended"), NOON)
    with pytest.raises(NotFound):
        service.profile_for("mechanic-1", by="customer-1")
    assert service.profile_for("mechanic-1", by="mechanic-1").id == "mechanic-1"
    with pytest.raises(NotFound):
        service.profile_for("nobody", by="nobody")


# Over HTTP


def fetch(mechanic_id: str, caller: str = "customer-1") -> tuple[int, dict[str, Any]]:
    event = an_http_event("GET", f"/mechanics/{mechanic_id}", caller=caller)
    answer = load("mechanics/api").handler(event, None)
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.usefixtures("clock")
def test_the_public_profile() -> None:
    mechanic_id = on_shift(
        email="ada@example.com",
        photo_url="https://example.com/ada.jpg",
        time_zone="America/Toronto",
    )
    status, body = fetch(mechanic_id)
    assert status == 200
    assert body == {
        "id": "mechanic-1",
        "name": "Ada Chen",
        "photo_url": "https://example.com/ada.jpg",
        "rating": 4.8,
        "years_of_experience": 6,
        "completed_sessions": 30,
        "certified": True,
        "brand_specializations": ["BMW"],
        "service_keywords": ["engine diagnostic"],
        "city": "Toronto",
        "country": "CA",
        "presence_status": "online",
        "last_seen_at": "2026-07-01T12:00:00.000Z",
    }


@pytest.mark.usefixtures("clock")
def test_presence_is_told_as_online_busy_or_offline() -> None:
    mechanic_id = on_shift()
    take_load(mechanic_id)
    assert fetch(mechanic_id)[1]["presence_status"] == "busy"
    free_load(mechanic_id)
    clock_out(mechanic_id)
    assert fetch(mechanic_id)[1]["presence_status"] == "offline"


@pytest.mark.usefixtures("clock")
def test_a_lapsed_certification_is_not_shown() -> None:
    service.upsert(a_record(certification_expires_on="2026-06-30"), NOON)
    assert fetch("mechanic-1")[1]["certified"] is False


@pytest.mark.usefixtures("clock")
def test_an_unknown_mechanic_and_one_not_approved_are_not_found() -> None:
    service.upsert(a_record(status="pending"), NOON)
    assert fetch("nobody")[0] == fetch("mechanic-1")[0] == fetch("x" * 3000)[0] == 404
    assert fetch("mechanic-1", caller="mechanic-1")[0] == 200
