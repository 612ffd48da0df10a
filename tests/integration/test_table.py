"""The transaction builder, reads and cursors, on a table."""

import base64
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import chain, product
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from dispatch.core import aws
from dispatch.core.errors import Busy, Conflict, Invalid, StaleVersion
from dispatch.core.events import Event, EventType
from dispatch.core.table import (
    BY_CUSTOMER,
    IS_NEW,
    SAME_VERSION,
    Item,
    Key,
    Otherwise,
    Transaction,
    back_off,
    decides_anew,
    decode,
    encode,
    get,
    get_many,
    query,
)
from tests.clock import NOON

pytestmark = pytest.mark.usefixtures("aws")

CAR = Key("CAR#1")


def put(**attributes: Any) -> None:
    with Transaction() as tx:
        tx.put({**CAR._asdict(), **attributes})


def car() -> Item:
    item = get(CAR)
    assert item
    return item


# Clauses


def test_a_put_is_read_back() -> None:
    put(wheels=4)
    assert car() == {"pk": "CAR#1", "sk": "META", "schema": 1, "wheels": 4}


def test_an_update_changes_what_it_names() -> None:
    put(wheels=4, colour="red", doors=5)
    with Transaction() as tx:
        tx.update(
            CAR,
            "SET #wheels = #wheels + :one, #size = :size REMOVE #doors",
            {":one": 1, ":size": 9},
        )
    assert car() == {
        "pk": "CAR#1",
        "sk": "META",
        "schema": 1,
        "wheels": 5,
        "colour": "red",
        "size": 9,
    }


def test_a_delete_deletes() -> None:
    put()
    with Transaction() as tx:
        tx.delete(CAR)
    assert get(CAR) is None


def test_a_check_writes_nothing() -> None:
    put(wheels=4)
    with Transaction() as tx:
        tx.check(CAR, when="#wheels = :four", values={":four": 4})
    assert car()["wheels"] == 4


def test_names_that_are_reserved_words_need_no_care() -> None:
    put(status="new", name="x", token="y")
    with Transaction() as tx:
        tx.update(
            CAR,
            "SET #status = :status",
            {":status": "old", ":name": "x"},
            when="#name = :name AND attribute_exists(#token)",
        )
    assert car()["status"] == "old"


def test_values_may_be_shared_by_clauses_that_do_not_use_them_all() -> None:
    """DynamoDB refuses a value that an expression does not mention."""
    values = {":four": 4, ":nobody": "uses this"}
    put(wheels=4)
    with Transaction() as tx:
        tx.check(CAR, when="#wheels = :four", values=values)
        request = tx._clauses[0].request
    assert set(request["ExpressionAttributeValues"]) == {":four"}


def test_clauses_take_effect_together_or_not_at_all() -> None:
    tx = Transaction()
    tx.put({"pk": "CAR#2", "sk": "META"})
    tx.check(CAR, when="attribute_exists(#pk)", values={})
    with pytest.raises(StaleVersion):
        tx.commit()
    assert get(Key("CAR#2")) is None


def test_a_block_that_raises_writes_nothing() -> None:
    def crash() -> None:
        with Transaction() as tx:
            tx.put({**CAR._asdict()})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    assert get(CAR) is None


def test_an_empty_transaction_is_none() -> None:
    with Transaction():
        pass


# Conditions and the refusals they stand for


def named(reason: str) -> Otherwise:
    return lambda _old: Conflict(reason, "No.")


def must_not_be_asked(_old: Item | None) -> Exception:
    return ZeroDivisionError("the condition of this clause holds")


Clause = Callable[[Transaction, Otherwise | None], None]

CLAUSES: dict[str, Clause] = {
    "put": lambda tx, otherwise: tx.put(
        {**CAR._asdict(), "wheels": 5}, when=IS_NEW, otherwise=otherwise
    ),
    "update": lambda tx, otherwise: tx.update(
        CAR, "SET #wheels = :five", {":five": 5}, when="#wheels = :five", otherwise=otherwise
    ),
    "delete": lambda tx, otherwise: tx.delete(
        CAR, when="#wheels = :five", values={":five": 5}, otherwise=otherwise
    ),
    "check": lambda tx, otherwise: tx.check(
        CAR, when="#wheels = :five", values={":five": 5}, otherwise=otherwise
    ),
}


@pytest.fixture(params=CLAUSES)
def clause(request: pytest.FixtureRequest) -> Clause:
    """A clause of each kind, whose condition fails on a car with four wheels."""
    return CLAUSES[request.param]


def test_a_failed_condition_is_named_from_the_item_as_it_was(clause: Clause) -> None:
    put(wheels=4, price=Decimal("9.5"), tags={"a"}, owner=None)
    seen: list[Item | None] = []

    def refuse(old: Item | None) -> Exception:
        seen.append(old)
        return Conflict("taken", "Somebody has it.")

    with pytest.raises(Conflict), Transaction() as tx:
        clause(tx, refuse)
    assert seen == [
        {
            "pk": "CAR#1",
            "sk": "META",
            "schema": 1,
            "wheels": 4,
            "price": Decimal("9.5"),
            "tags": {"a"},
            "owner": None,
        }
    ]
    assert car()["wheels"] == 4


@pytest.mark.parametrize("kind", ["update", "delete", "check"])
def test_there_is_no_old_item_where_there_is_none(kind: str) -> None:
    seen: list[Item | None] = []

    def refuse(old: Item | None) -> Exception:
        seen.append(old)
        return Conflict("gone", "It is gone.")

    with pytest.raises(Conflict), Transaction() as tx:
        CLAUSES[kind](tx, refuse)
    assert seen == [None]


def test_without_a_name_the_item_was_stale(clause: Clause) -> None:
    put(wheels=4)
    with pytest.raises(StaleVersion), Transaction() as tx:
        clause(tx, None)


def test_where_several_fail_the_first_added_speaks() -> None:
    put(wheels=4)
    tx = Transaction()
    for pk in ("NOBODY", "CAR#1", "NOBODY ELSE"):
        tx.check(Key(pk), when="#wheels = :five", values={":five": 5}, otherwise=named(pk))
    with pytest.raises(Conflict) as refusal:
        tx.commit()
    assert refusal.value.reason == "NOBODY"


def test_only_failed_clauses_speak() -> None:
    put(wheels=4)
    tx = Transaction()
    tx.check(CAR, when="#wheels = :four", values={":four": 4}, otherwise=must_not_be_asked)
    tx.check(Key("NOBODY"), when="attribute_exists(#pk)", values={})
    with pytest.raises(StaleVersion):
        tx.commit()


def test_versions_lock() -> None:
    def write(version: int, colour: str) -> None:
        with Transaction() as tx:
            tx.put(
                {**CAR._asdict(), "version": version, "colour": colour},
                when=IS_NEW if version == 1 else SAME_VERSION,
                values={":version_read": version - 1},
            )

    write(1, "red")
    with pytest.raises(StaleVersion):
        write(1, "green")
    write(2, "blue")
    for late in (1, 2, 4):
        with pytest.raises(StaleVersion):
            write(late, "grey")
    assert car()["colour"] == "blue"


# Conflicts and throttling


def cancelled(*codes: str) -> ClientError:
    """As DynamoDB cancels a transaction: a reason for each clause."""
    reasons = [{"Code": code} for code in codes]
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
        "CancellationReasons": reasons,
    }
    return ClientError(response, "TransactWriteItems")


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "TransactWriteItems")


class Failing:
    """The client's TransactWriteItems, failing with these before it works."""

    def __init__(self, client: Any) -> None:
        self.real = client.transact_write_items
        self.errors: Iterator[ClientError] = iter(())
        self.calls = 0

    def with_(self, *errors: ClientError) -> None:
        self.errors = iter(errors)

    def __call__(self, **request: Any) -> Any:
        self.calls += 1
        if error := next(self.errors, None):
            raise error
        return self.real(**request)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited between attempts, without waiting."""
    slept: list[float] = []
    monkeypatch.setattr("dispatch.core.table.time.sleep", slept.append)
    return slept


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> Failing:
    assert waits == []
    client = aws.dynamodb()
    failing = Failing(client)
    monkeypatch.setattr(client, "transact_write_items", failing)
    return failing


PASSING = [
    cancelled("TransactionConflict"),
    cancelled("None", "TransactionConflict"),
    cancelled("ThrottlingError"),
    cancelled("ProvisionedThroughputExceeded"),
    refused("TransactionInProgressException"),
    refused("ThrottlingException"),
    refused("ProvisionedThroughputExceededException"),
    refused("RequestLimitExceeded"),
    refused("TransactionConflictException"),
]


def test_conflicts_and_throttling_are_retried(failing: Failing, waits: list[float]) -> None:
    for n, error in enumerate(PASSING, 1):
        failing.with_(error, error, error)
        put(wheels=n)
        assert car()["wheels"] == n
        assert (failing.calls, len(waits)) == (4 * n, 3 * n)


def test_where_reasons_are_mixed_it_retries_first_and_names_the_refusal_then(
    failing: Failing,
) -> None:
    """A conflict says nothing about the condition: its clause may pass, or another one fail."""
    put(wheels=4)
    failing.with_(cancelled("ConditionalCheckFailed", "TransactionConflict"))
    with Transaction() as tx:
        tx.check(CAR, when="#wheels = :four", values={":four": 4}, otherwise=must_not_be_asked)
        tx.put({"pk": "CAR#2", "sk": "META"})
    assert get(Key("CAR#2"))


def test_a_refusal_after_a_retry_is_the_one_that_holds_then(failing: Failing) -> None:
    put(wheels=4)
    failing.with_(cancelled("TransactionConflict", "ConditionalCheckFailed"))
    tx = Transaction()
    for pk, reason in (("CAR#1", "first"), ("NOBODY", "second")):
        tx.check(Key(pk), when="#wheels = :five", values={":five": 5}, otherwise=named(reason))
    with pytest.raises(Conflict) as refusal:
        tx.commit()
    assert refusal.value.reason == "first"


def test_too_many_conflicts_are_busy_and_change_nothing(
    failing: Failing, waits: list[float]
) -> None:
    failing.with_(*[cancelled("TransactionConflict")] * 100)
    with pytest.raises(Busy):
        put(wheels=4)
    assert get(CAR) is None
    assert 3 <= failing.calls <= 20
    assert sum(waits) < 8, "the caller's patience, and the function's timeout, end"


def test_waits_are_random_and_bounded(waits: list[float]) -> None:
    for attempt in range(1, 100):
        back_off(attempt)
    assert all(0 <= wait <= 1 for wait in waits)
    assert len(set(waits)) > 50


def test_any_other_error_is_a_bug_and_raised_as_it_is(failing: Failing) -> None:
    for error in (refused("ValidationException"), cancelled("ValidationError")):
        failing.with_(error)
        with pytest.raises(ClientError) as raised:
            put(wheels=4)
        assert raised.value is error
        assert error.__cause__ is None, "who writes down where it came from comes to an end"
    assert failing.calls == 2


# Deciding anew


def test_a_use_case_is_run_again_when_an_item_changed_under_it(waits: list[float]) -> None:
    runs: list[str] = []

    @decides_anew
    def use_case(name: str, *, suffix: str) -> str:
        runs.append(name)
        if len(runs) < 3:
            raise StaleVersion
        return name + suffix

    assert use_case("a", suffix="b") == "ab"
    assert runs == ["a", "a", "a"]
    assert len(waits) == 2


def test_a_use_case_that_never_gets_through_is_busy(waits: list[float]) -> None:
    @decides_anew
    def use_case() -> None:
        raise StaleVersion

    with pytest.raises(Busy):
        use_case()
    assert waits


def test_a_refusal_is_not_decided_anew(waits: list[float]) -> None:
    @decides_anew
    def use_case() -> None:
        raise Conflict("taken", "Somebody has it.")

    with pytest.raises(Conflict):
        use_case()
    assert not waits


# Events


def test_facts_of_one_transaction_are_read_in_the_order_they_were_recorded() -> None:
    types = [EventType.WAIVER_SIGNED, EventType.SESSION_PENDING, EventType.OFFERS_MADE]
    with Transaction() as tx:
        for type_ in types:
            tx.record(Event(type_, "SESSION#1", NOON, {"session_id": "1"}))
    facts = query("SESSION#1", prefix="EVENT#").items
    assert [fact["type"] for fact in facts] == types
    assert len({fact["id"] for fact in facts}) == 3


def test_a_fact_is_written_with_its_state_or_not_at_all() -> None:
    tx = Transaction()
    tx.record(Event(EventType.SESSION_BOOKED, "SESSION#1", NOON))
    tx.check(CAR, when="attribute_exists(#pk)", values={})
    with pytest.raises(StaleVersion):
        tx.commit()
    assert query("SESSION#1").items == []


# Numbers and other values


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**37), 10**37)
        | st.decimals(-1000, 1000, places=9)
        | st.text(st.characters(codec="utf-8")),
        lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
        max_leaves=8,
    )
)
def test_values_survive_exactly(value: Any) -> None:
    assert decode(encode({"value": value})) == {"value": value}


def test_whole_numbers_come_back_as_int_others_as_decimal() -> None:
    item = decode({"whole": {"N": "1E2"}, "rest": {"N": "4.46"}, "zero": {"N": "-0"}})
    assert item == {"whole": 100, "rest": Decimal("4.46"), "zero": 0}
    assert [type(value) for value in item.values()] == [int, Decimal, int]


def test_floats_are_refused_rather_than_stored_inexactly() -> None:
    with pytest.raises(TypeError):
        encode({"rating": 4.46})


# Many at once


def test_many_are_read_at_once_and_who_is_not_there_is_not_there() -> None:
    put_rows(3)
    keys = [Key("LIST", f"ROW#{n:03d}") for n in (2, 0, 7)]
    assert sorted(item["sk"] for item in get_many(keys)) == ["ROW#000", "ROW#002"]
    assert get_many([]) == []


def test_what_is_left_out_for_load_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    put_rows(3)
    client, asked = aws.dynamodb(), list[int]()
    real = client.batch_get_item

    def only_the_first(RequestItems: Any) -> Any:  # noqa: N803
        ((table, wanted),) = RequestItems.items()
        first, *left = wanted["Keys"]
        asked.append(len(wanted["Keys"]))
        answer = real(RequestItems={table: wanted | {"Keys": [first]}})
        if left:
            answer["UnprocessedKeys"] = {table: wanted | {"Keys": left}}
        return answer

    monkeypatch.setattr(client, "batch_get_item", only_the_first)
    found = get_many([Key("LIST", f"ROW#{n:03d}") for n in range(3)])
    assert [item["sk"] for item in found] == ["ROW#000", "ROW#001", "ROW#002"]
    assert (asked, len(waits)) == ([3, 2, 1], 2)


def test_a_table_that_leaves_out_for_ever_is_busy(
    monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    def none(RequestItems: Any) -> Any:  # noqa: N803
        return {"Responses": {}, "UnprocessedKeys": RequestItems}

    monkeypatch.setattr(aws.dynamodb(), "batch_get_item", none)
    with pytest.raises(Busy):
        get_many([CAR])
    assert sum(waits) < 8


# Queries and cursors


def put_rows(count: int) -> None:
    for n in range(count):
        with Transaction() as tx:
            tx.put(
                {
                    "pk": "LIST",
                    "sk": f"ROW#{n:03d}",
                    "customer_pk": "CUSTOMER#1",
                    "customer_sk": f"AT#{n:03d}",
                }
            )
    with Transaction() as tx:
        tx.put({"pk": "LIST", "sk": "ZEBRA"})
        tx.put({"pk": "OTHER", "sk": "ROW#000", "customer_pk": "CUSTOMER#2", "customer_sk": "AT#0"})


def listed(**arguments: Any) -> list[str]:
    return [item["sk"] for item in query("LIST", **arguments).items]


def test_a_query_reads_one_partition_in_order() -> None:
    put_rows(3)
    assert listed() == ["ROW#000", "ROW#001", "ROW#002", "ZEBRA"]
    assert listed(prefix="ROW#") == ["ROW#000", "ROW#001", "ROW#002"]
    assert listed(prefix="ROW#", ascending=False) == ["ROW#002", "ROW#001", "ROW#000"]
    assert listed(between=("ROW#001", "ROW#002")) == ["ROW#001", "ROW#002"]
    assert listed(limit=2) == ["ROW#000", "ROW#001"]
    assert listed(prefix="NOTHING") == []


def test_what_dynamodb_hands_over_in_parts_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB ends an answer after 1 MB, wherever that is."""
    put_rows(5)
    client = aws.dynamodb()
    real = client.query
    monkeypatch.setattr(client, "query", lambda **request: real(**{**request, "Limit": 2}))
    assert listed(prefix="ROW#") == [f"ROW#{n:03d}" for n in range(5)]
    assert listed(prefix="ROW#", limit=3)[:3] == ["ROW#000", "ROW#001", "ROW#002"]


def pages(limit: int, **where: Any) -> Iterator[list[str]]:
    page = query(**where, limit=limit)
    yield [item["sk"] for item in page.items]
    while page.cursor:
        page = query(**where, limit=limit, cursor=page.cursor)
        yield [item["sk"] for item in page.items]


@pytest.mark.parametrize(
    "where",
    [
        {"pk": "LIST", "prefix": "ROW#"},
        {"pk": "CUSTOMER#1", "index": BY_CUSTOMER, "prefix": "AT#"},
    ],
)
def test_pages_hold_everything_once_and_end(where: dict[str, Any]) -> None:
    put_rows(6)
    rows = [f"ROW#{n:03d}" for n in range(6)]
    for limit, ascending in product((1, 2, 3, 5, 6, 7, 100), (True, False)):
        got = list(pages(limit, ascending=ascending, **where))
        assert list(chain.from_iterable(got)) == (rows if ascending else rows[::-1])
        assert max(len(page) for page in got) <= limit


def test_a_cursor_is_safe_in_a_url() -> None:
    put_rows(2)
    cursor = query("LIST", limit=1).cursor
    assert cursor
    assert cursor.replace("-", "").replace("_", "").isalnum()


def forged(position: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


NOT_A_CURSOR = [
    "",
    "=",
    "x",
    "!!!",
    "é",
    "\ud800",
    "a" * 1000,
    base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    base64.urlsafe_b64encode(b"[" * 700).decode(),
    forged(None),
    forged([]),
    forged("ROW#000"),
    forged({}),
    forged({"sk": None}),
    forged({"sk": 7}),
    forged({"sk": ""}),
    forged({"sk": {"S": "ROW#000"}}),
    forged({"sk": "ROW#" + "0" * 300}),
    forged({"sk": "ROW#\ud800"}),
    forged({"sk": "ROW#000", "pk": "OTHER"}),
    forged({"pk": "LIST", "sk": "ROW#000", "at": "AT#000"}),
    forged({"sk": "ZEBRA"}),
    forged({"sk": "ROW"}),
]


def test_a_forged_cursor_is_refused() -> None:
    """DynamoDB itself refuses a start outside of what is asked for, with an error of its own."""
    for cursor in NOT_A_CURSOR:
        with pytest.raises(Invalid) as refusal:
            query("LIST", prefix="ROW#", limit=1, cursor=cursor)
        assert refusal.value.members["errors"][0]["pointer"] == "/cursor"


NOT_A_CURSOR_OF_THE_INDEX = [
    forged({"sk": "ROW#000"}),
    forged({"sk": "ROW#000", "pk": "LIST"}),
    forged({"sk": "ROW#000", "pk": "LIST", "at": "ELSEWHERE#000"}),
    forged({"sk": "ROW#000", "pk": "LIST", "at": ""}),
    forged({"sk": "ROW#000", "pk": "LIST", "customer_sk": "AT#000"}),
]


def test_a_forged_cursor_of_an_index_is_refused() -> None:
    for cursor in NOT_A_CURSOR_OF_THE_INDEX:
        with pytest.raises(Invalid):
            query("CUSTOMER#1", index=BY_CUSTOMER, prefix="AT#", limit=1, cursor=cursor)


def test_a_cursor_cannot_lead_into_another_partition() -> None:
    """The partition is the caller's own whatever the cursor says."""
    put_rows(3)
    elsewhere = forged({"sk": "ROW#000", "pk": "OTHER", "at": "AT#0"})
    page = query("CUSTOMER#1", index=BY_CUSTOMER, prefix="AT#", cursor=elsewhere)
    assert {item["customer_pk"] for item in page.items} <= {"CUSTOMER#1"}
