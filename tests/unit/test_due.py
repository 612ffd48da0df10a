"""The index of what is due, in which the sweeper finds what a lost message left."""

from collections import Counter
from datetime import datetime

import pytest

from dispatch.core import due
from dispatch.core.due import SHARDS, Overdue, due_keys, overdue
from dispatch.core.table import DUE, Key, Transaction
from tests.builders import ONE_MINUTE, ONE_MS
from tests.clock import NOON


def put(pk: str, at: datetime | None, entity: str = "session") -> None:
    with Transaction() as tx:
        tx.put({**Key(pk)._asdict(), "entity": entity, **(due_keys(pk, at) if at else {})})


def found(by: datetime = NOON) -> list[Overdue]:
    return list(overdue(by))


def test_an_item_is_always_due_in_the_same_shard_at_an_instant_that_sorts() -> None:
    keys = due_keys("SESSION#1", NOON)
    assert set(keys) == {DUE.pk, DUE.sk}
    assert keys["due_at"] == "2026-07-01T12:00:00.000Z"
    assert keys == due_keys("SESSION#1", NOON)
    later = due_keys("SESSION#1", NOON + ONE_MS)
    assert later["due_pk"] == keys["due_pk"]
    assert later["due_at"] > keys["due_at"]


def test_items_spread_over_all_shards() -> None:
    shards = Counter(due_keys(f"SESSION#{n}", NOON)["due_pk"] for n in range(800))
    assert set(shards) == {f"DUE#{shard}" for shard in range(SHARDS)}
    assert max(shards.values()) < 2 * min(shards.values())


@pytest.mark.usefixtures("aws")
def test_what_is_due_is_found_from_its_instant_on() -> None:
    put("SESSION#1", NOON, entity="dispatch")
    assert found(by=NOON - ONE_MS) == []
    assert found(by=NOON) == [Overdue(Key("SESSION#1"), "dispatch", NOON)]


@pytest.mark.usefixtures("aws")
def test_what_was_done_in_time_is_not_found() -> None:
    put("SESSION#1", NOON)
    put("SESSION#2", NOON)
    put("SESSION#1", None)
    put("SESSION#2", NOON + ONE_MINUTE)
    assert found() == []
    assert [item.key.pk for item in found(by=NOON + ONE_MINUTE)] == ["SESSION#2"]


@pytest.mark.usefixtures("aws")
def test_all_shards_and_all_pages_are_read_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "_PAGE", 2)
    for n in range(40):
        put(f"SESSION#{n}", NOON - n * ONE_MS)
    items = found()
    assert {item.key.pk for item in items} == {f"SESSION#{n}" for n in range(40)}
    assert len(items) == 40
    for shard in range(SHARDS):
        instants = [
            item.due_at
            for item in items
            if due_keys(item.key.pk, item.due_at)["due_pk"] == f"DUE#{shard}"
        ]
        assert len(instants) > 2, "more than a page"
        assert instants == sorted(instants)
