"""Idempotency-Key: the first committed answer is the answer to its repeats, for 24 hours."""

import json
from datetime import datetime
from typing import Any

import pytest

from dispatch.core import aws
from dispatch.core.errors import Conflict, StaleVersion
from dispatch.core.idempotency import KEPT_FOR, AlreadyAnswered, Once
from dispatch.core.table import Key, Transaction, get
from tests.builders import CUSTOMER, ONE_SECOND, RIVAL
from tests.clock import NOON

pytestmark = pytest.mark.usefixtures("aws")

COUNTER = Key("COUNTER#1")


def once(**scope: Any) -> Once:
    return Once.of(
        **{
            "caller": CUSTOMER,
            "route": "POST /count",
            "key": "key-1",
            "body": b'{"by": 1}',
            "show": lambda count: {"status": 200, "body": {"count": count}},
            **scope,
        }
    )


def count() -> int:
    item = get(COUNTER)
    return item["count"] if item else 0


def add_one(request: Once, now: datetime = NOON, *, checked: bool = True) -> int:
    """A use case that must not be done twice; ``checked`` is what the HTTP edge does first."""
    if checked:
        request.check(now)
    result = count() + 1
    with Transaction() as tx:
        request.remember(tx, result, now)
        tx.put({**COUNTER._asdict(), "count": result})
    return result


def answer_to_repeat(request: Once, now: datetime = NOON, *, checked: bool = True) -> Any:
    with pytest.raises(AlreadyAnswered) as repeat:
        add_one(request, now, checked=checked)
    return repeat.value.answer


FIRST = {"status": 200, "body": {"count": 1}}


def test_a_repeat_gets_the_first_answer_and_changes_nothing() -> None:
    assert add_one(once()) == 1
    assert answer_to_repeat(once()) == FIRST
    assert answer_to_repeat(once()) == FIRST
    assert count() == 1


def test_the_same_key_with_another_body_is_refused() -> None:
    add_one(once())
    for body in (b'{"by": 2}', b'{"by":1}', b""):
        with pytest.raises(Conflict) as refusal:
            add_one(once(body=body))
        assert refusal.value.reason == "idempotency_mismatch"
    assert count() == 1


@pytest.mark.parametrize(
    "scope", [{"caller": RIVAL}, {"route": "POST /other"}, {"key": "key-2"}], ids=str
)
def test_a_key_stands_per_caller_and_route(scope: dict[str, str]) -> None:
    add_one(once())
    assert add_one(once(**scope)) == 2


def test_the_parts_of_a_key_cannot_run_into_each_other() -> None:
    add_one(once(caller="a", route="b c", key="d"))
    assert add_one(once(caller="a b", route="c", key="d")) == 2


@pytest.mark.parametrize("checked", [True, False])
def test_a_key_stands_for_24_hours(checked: bool) -> None:
    """Told by both places that ask: the check before and the condition of the write."""
    add_one(once())
    assert answer_to_repeat(once(), NOON + KEPT_FOR - ONE_SECOND, checked=checked) == FIRST
    assert add_one(once(), NOON + KEPT_FOR, checked=checked) == 2


def test_a_key_used_again_after_a_day_stands_anew() -> None:
    add_one(once())
    add_one(once(), NOON + KEPT_FOR)
    second = {"status": 200, "body": {"count": 2}}
    assert answer_to_repeat(once(), NOON + KEPT_FOR) == second


def test_a_spent_key_may_come_with_another_body() -> None:
    add_one(once())
    assert add_one(once(body=b"{}"), NOON + KEPT_FOR) == 2


def test_the_item_is_deleted_by_dynamodb_some_time_after() -> None:
    add_one(once())
    item = get(Key(once().pk))
    assert item
    assert item["expires_ttl"] == int((NOON + KEPT_FOR).timestamp())


# Twins: both have passed the check before either has committed


def test_the_loser_of_twins_answers_with_the_winners_answer() -> None:
    add_one(once())
    assert answer_to_repeat(once(), checked=False) == FIRST
    assert count() == 1


def test_twins_with_different_bodies_are_a_mismatch() -> None:
    add_one(once())
    with pytest.raises(Conflict) as refusal:
        add_one(once(body=b"{}"), checked=False)
    assert refusal.value.reason == "idempotency_mismatch"
    assert count() == 1


def test_the_key_speaks_before_any_other_clause() -> None:
    """The twin's own write also made the state stale: that is no news to the loser."""
    add_one(once())
    tx = Transaction()
    once().remember(tx, 2, NOON)
    tx.check(COUNTER, when="#count = :zero", values={":zero": 0})
    with pytest.raises(AlreadyAnswered):
        tx.commit()


# What fails is not kept


def test_a_refused_transaction_keeps_nothing() -> None:
    tx = Transaction()
    once().remember(tx, 1, NOON)
    tx.check(COUNTER, when="attribute_exists(#pk)", values={})
    with pytest.raises(StaleVersion):
        tx.commit()
    assert get(Key(once().pk)) is None
    assert add_one(once()) == 1


def test_a_transaction_that_never_commits_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(**_request: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(aws.dynamodb(), "transact_write_items", lost)
        with pytest.raises(ConnectionError):
            add_one(once())
    assert add_one(once()) == 1


def test_a_transaction_whose_answer_was_lost_is_answered_on_repeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = aws.dynamodb()
    real = client.transact_write_items

    def committed_unheard(**request: Any) -> None:
        real(**request)
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(client, "transact_write_items", committed_unheard)
        with pytest.raises(ConnectionError):
            add_one(once())
    assert answer_to_repeat(once()) == FIRST
    assert count() == 1


# What is kept


@pytest.mark.parametrize("text", ["Zoë 🚗", "", "\u2028", "x" * 10_000])
def test_an_answer_is_repeated_exactly(text: str) -> None:
    document = {"status": 201, "body": {"text": text, "none": None, "list": [1.5, True]}}
    add_one(once(show=lambda _count: document))
    assert answer_to_repeat(once()) == document


def test_neither_key_nor_body_nor_caller_can_be_read_from_the_item_s_key() -> None:
    request = once(key="secret-key", body=b"secret-body")
    add_one(request)
    stored = json.dumps(get(Key(request.pk)), default=str)
    for secret in ("secret-key", "secret-body", CUSTOMER):
        assert secret not in stored
