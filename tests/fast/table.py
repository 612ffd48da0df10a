"""The table: items, sparse indexes, transactions, and the stream of what was inserted.

``FastTable`` is the DynamoDB client of one table, with the calls that this code base makes. What
DynamoDB refuses it refuses likewise; a call or parameter it does not know is a
NotImplementedError. Unlike DynamoDB's, its indexes are up to date at once.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from operator import itemgetter
from threading import RLock
from typing import Any, NamedTuple, NoReturn

from botocore.exceptions import ClientError

from tests.fast import expressions
from tests.fast.expressions import (
    BeginsWith,
    Between,
    Both,
    Compare,
    Condition,
    Group,
    Operand,
    Parsed,
    Path,
    Scope,
    given,
)
from tests.fast.values import (
    InvalidRequest,
    InvalidUpdate,
    Item,
    Wire,
    bytes_of,
    read_item,
    write_item,
)

MAX_OPERATIONS = 100
MAX_ITEM_BYTES = 400 * 1024
MAX_TRANSACTION_BYTES = 4 * 1024 * 1024
_PAGE_BYTES = 1024 * 1024
_MAX_KEY_BYTES = (2048, 1024)

WireItem = Mapping[str, Wire]
_Reason = dict[str, Any]

_QUERY_PARAMETERS = {
    "KeyConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ScanIndexForward",
    "ConsistentRead",
    "ExclusiveStartKey",
    "IndexName",
    "Limit",
}
_CONDITION_PARAMETERS = {
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
}
_WRITE_PARAMETERS = {
    "Put": {"Item"},
    "Update": {"Key", "UpdateExpression"},
    "Delete": {"Key"},
    "ConditionCheck": {"Key"},
}


class Place(NamedTuple):
    """Partition and sort key of an item in the table."""

    pk: str
    sk: str


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """An item, and how many bytes it counts. One that has changed is another row."""

    item: Item
    size: int

    @classmethod
    def of(cls, item: Item) -> "Row":
        return cls(item, bytes_of(item))


class Entry(NamedTuple):
    """Where an item stands in a partition; those of one sort key by their place in the table."""

    sk: str
    place: Place


@dataclass(slots=True)
class Index:
    """The table itself (without a ``name``), or one of its secondary indexes."""

    name: str | None
    pk: str
    sk: str
    projected: frozenset[str] | None = None
    partitions: dict[str, list[Entry]] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, str]:
        return self.pk, self.sk

    def _entry(self, place: Place, item: Item | None) -> tuple[str, Entry] | None:
        """Partition and entry of an item; None where the index does not have it."""
        if item is None or self.pk not in item or self.sk not in item:
            return None
        return item[self.pk][1], Entry(item[self.sk][1], place)

    def move(self, place: Place, before: Item | None, after: Item | None) -> None:
        """Follow a change of an item."""
        old, new = self._entry(place, before), self._entry(place, after)
        if old == new:
            return
        if old:
            entries = self.partitions[old[0]]
            del entries[bisect_left(entries, old[1])]
        if new:
            insort(self.partitions.setdefault(new[0], []), new[1])

    def shown(self, row: Row) -> Row:
        """What the index holds of an item."""
        if self.projected is None:
            return row
        return Row.of({name: row.item[name] for name in self.projected & row.item.keys()})


_Result = Callable[[Scope], Row | None]


class _Cancelled(Exception):
    """A transaction that took no effect, with a reason for each operation."""

    def __init__(self, reasons: list[_Reason]) -> None:
        super().__init__(reasons)
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class _Write:
    """One operation of a transaction, checked as far as that goes without the item."""

    place: Place
    scope: Scope
    when: Condition | None
    shows_old: bool
    result: _Result
    """The item afterwards, None for none. Raises InvalidUpdate."""
    writes: bool = True


class FastTable:
    """``declared`` is what ``create_table`` takes. Items whose sort key begins with ``streamed``
    are remembered in the order of their insertion.
    """

    def __init__(self, name: str, declared: Mapping[str, Any], streamed: str = "EVENT#") -> None:
        if any(each["AttributeType"] != "S" for each in declared["AttributeDefinitions"]):
            raise NotImplementedError("a key that is no text")
        self.name = name
        self._lock = RLock()
        self._rows: dict[Place, Row] = {}
        self._streamed = streamed
        self._stream: list[Item] = []
        self._table = Index(None, *_keys_of(declared))
        self._indexes = {
            each["IndexName"]: _index(each, self._table)
            for each in declared["GlobalSecondaryIndexes"]
        }

    def save(self) -> Callable[[], None]:
        """Remember everything stored; the answer puts it back, as often as it is called."""
        rows, stream = dict(self._rows), list(self._stream)
        indexes = (self._table, *self._indexes.values())
        saved = [(index, _copied(index.partitions)) for index in indexes]

        def put_back() -> None:
            self._rows, self._stream = dict(rows), list(stream)
            for index, partitions in saved:
                index.partitions = _copied(partitions)

        return put_back

    def inserted(self, since: int = 0) -> list[WireItem]:
        """What was inserted after the first ``since`` items of the stream."""
        return [write_item(item) for item in self._stream[since:]]

    # Reads

    def get_item(self, **request: Any) -> dict[str, Any]:
        with self._answering("GetItem", request, {"Key", "ConsistentRead"}):
            self._check_name(request)
            row = self._rows.get(self._place(request["Key"]))
            return {"Item": write_item(row.item)} if row else {}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Those that exist, in another order than they were asked for."""
        with self._answering("BatchGetItem", request, {"RequestItems"}):
            ((name, asked),) = request["RequestItems"].items()
            _know(asked, {"Keys", "ConsistentRead"})
            self._check_name({"TableName": name})
            places = [self._place(key) for key in asked["Keys"]]
            if not 1 <= len(places) <= MAX_OPERATIONS or len(set(places)) < len(places):
                raise InvalidRequest("1 to 100 keys, and none of them twice")
            rows = [self._rows[place] for place in reversed(places) if place in self._rows]
            found = [write_item(row.item) for row in rows]
            return {"Responses": {name: found}, "UnprocessedKeys": {}}

    def query(self, **request: Any) -> dict[str, Any]:
        with self._answering("Query", request, _QUERY_PARAMETERS):
            self._check_name(request)
            index = self._index_of(request)
            parsed = expressions.condition(request["KeyConditionExpression"])
            scope = _scope(request, parsed)
            parsed.root.check(scope)
            partition, low, high = _range(parsed.root, index, scope)
            entries = index.partitions.get(partition, [])
            first, last = low(entries), high(entries)
            forward = request.get("ScanIndexForward", True)
            if "ExclusiveStartKey" in request:
                entry = self._start(request["ExclusiveStartKey"], index, parsed.root, scope)
                if forward:
                    first = max(first, bisect_right(entries, entry))
                else:
                    last = min(last, bisect_left(entries, entry))
            found = entries[first:last]
            return self._page(index, found if forward else found[::-1], request.get("Limit"))

    def rows(self) -> list[Row]:
        """Everything, in the order of its places."""
        return [self._rows[place] for place in sorted(self._rows)]

    def scan(self, **request: Any) -> dict[str, Any]:
        """Everything, on one page."""
        with self._answering("Scan", request, set()):
            self._check_name(request)
            return {"Items": [write_item(row.item) for row in self.rows()]}

    def get_paginator(self, operation: str) -> "Pages":
        if operation != "scan":
            raise NotImplementedError(operation)
        return Pages(self.scan)

    def _page(self, index: Index, entries: Sequence[Entry], limit: int | None) -> dict[str, Any]:
        if limit is not None and limit < 1:
            raise InvalidRequest("Limit must be at least 1")
        rows: list[Row] = []
        size = 0
        for entry in entries:
            row = index.shown(self._rows[entry.place])
            size += row.size
            if rows and size > _PAGE_BYTES:
                break
            rows.append(row)
            if len(rows) == limit:
                break
        answer = {
            "Items": [write_item(row.item) for row in rows],
            "Count": len(rows),
            "ScannedCount": len(rows),
        }
        if len(rows) < len(entries) or len(rows) == limit:
            last = self._rows[entries[len(rows) - 1].place].item
            names = {*self._table.keys, *index.keys}
            answer["LastEvaluatedKey"] = write_item({name: last[name] for name in names})
        return answer

    def _index_of(self, request: Mapping[str, Any]) -> Index:
        name = request.get("IndexName")
        if name is None:
            return self._table
        if name not in self._indexes:
            raise InvalidRequest(f"The table does not have the specified index: {name}")
        if request.get("ConsistentRead"):
            raise InvalidRequest("Consistent reads are not supported on secondary indexes")
        return self._indexes[name]

    def _start(self, start: WireItem, index: Index, condition: Condition, scope: Scope) -> Entry:
        position = read_item(start)
        if position.keys() != {*self._table.keys, *index.keys} or any(
            type_ != "S" or not content for type_, content in position.values()
        ):
            raise InvalidRequest("The provided starting key is invalid")
        if not condition.holds(scope.of(position)):
            raise InvalidRequest("The provided starting key is outside query boundaries")
        pk, sk = (position[name][1] for name in self._table.keys)
        return Entry(position[index.sk][1], Place(pk, sk))

    # Writes

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        with self._answering("TransactWriteItems", request, {"TransactItems"}):
            writes = self._checked(request["TransactItems"])
            after = self._tried(writes)
            for write, row in zip(writes, after, strict=True):
                if write.writes:
                    self._store(write.place, row)
            return {}

    def delete_item(self, **request: Any) -> dict[str, Any]:
        with self._answering("DeleteItem", request, {"Key"}):
            self._check_name(request)
            self._store(self._place(request["Key"]), None)
            return {}

    def _checked(self, operations: Sequence[Mapping[str, Any]]) -> list[_Write]:
        """The operations as they can be tried, refused as far as no item is needed for that."""
        if not 1 <= len(operations) <= MAX_OPERATIONS:
            raise InvalidRequest(f"a transaction has 1 to {MAX_OPERATIONS} operations")
        writes: list[_Write] = []
        reasons: dict[int, _Reason] = {}
        for number, operation in enumerate(operations):
            ((kind, request),) = operation.items()
            try:
                writes.append(self._write(kind, request))
            except InvalidUpdate as error:
                reasons[number] = _validation_error(error)
        places = [write.place for write in writes]
        if len(set(places)) < len(places):
            raise InvalidRequest(
                "Transaction request cannot include multiple operations on one item"
            )
        if reasons:
            _cancel(len(operations), reasons)
        return writes

    def _write(self, kind: str, request: Mapping[str, Any]) -> _Write:
        if kind not in _WRITE_PARAMETERS:
            raise NotImplementedError(kind)
        _know(request, _WRITE_PARAMETERS[kind] | _CONDITION_PARAMETERS)
        self._check_name(request)
        if kind == "Put":
            item = read_item(request["Item"])
            row = Row.of(item)
            if row.size > MAX_ITEM_BYTES:
                raise InvalidRequest("Item size has exceeded the maximum allowed size")
            return _guarded(request, self._place_in(item), lambda _: row)
        place = self._place(request["Key"])
        if kind == "Delete":
            return _guarded(request, place, lambda _: None)
        if kind == "ConditionCheck":
            if "ConditionExpression" not in request:
                raise InvalidRequest("a condition check has a condition")
            return replace(_guarded(request, place, lambda _: None), writes=False)
        return self._update(request, place)

    def _update(self, request: Mapping[str, Any], place: Place) -> _Write:
        parsed = expressions.update(request["UpdateExpression"])
        update = parsed.root
        key = read_item(request["Key"])

        def result(scope: Scope) -> Row:
            return Row.of(update.apply(scope.of({**key, **scope.item})))

        write = _guarded(request, place, result, parsed)
        if not update.check(write.scope).isdisjoint(self._table.keys):
            raise InvalidRequest("Cannot update attribute. This attribute is part of the key")
        return write

    def _tried(self, writes: Sequence[_Write]) -> list[Row | None]:
        """The items as they will be. All conditions are asked, all that fail are reported."""
        after: list[Row | None] = []
        unfit: dict[int, _Reason] = {}
        failed: dict[int, _Reason] = {}
        for number, write in enumerate(writes):
            row = self._rows.get(write.place)
            scope = write.scope.of(row.item if row else {})
            if write.when and not write.when.holds(scope):
                failed[number] = {
                    "Code": "ConditionalCheckFailed",
                    "Message": "The conditional request failed",
                }
                if row and write.shows_old:
                    failed[number]["Item"] = write_item(row.item)
            try:
                after.append(write.result(scope))
            except InvalidUpdate as error:
                after.append(None)
                failed.setdefault(number, _validation_error(error))
                continue
            try:
                self._check_fit(after[-1])
            except InvalidUpdate as error:
                unfit[number] = _validation_error(error)
        if sum(row.size for row in after if row) > MAX_TRANSACTION_BYTES:
            raise InvalidRequest("Transaction request exceeds the 4 MB transaction size limit")
        if reasons := unfit or failed:
            _cancel(len(writes), reasons)
        return after

    def _store(self, place: Place, after: Row | None) -> None:
        before = self._rows.pop(place, None)
        for index in (self._table, *self._indexes.values()):
            index.move(place, before.item if before else None, after.item if after else None)
        if after:
            self._rows[place] = after
        if after and not before and place.sk.startswith(self._streamed):
            self._stream.append(after.item)

    # What is asked of requests and items

    @contextmanager
    def _answering(
        self, operation: str, request: Mapping[str, Any], parameters: Set[str]
    ) -> Iterator[None]:
        """One call: alone at the table, its refusals told as the real client does."""
        _know(request, parameters)
        with self._lock:
            try:
                yield
            except (InvalidRequest, InvalidUpdate) as error:
                raise _client_error(operation, "ValidationException", str(error)) from error
            except _Cancelled as error:
                codes = ", ".join(reason["Code"] for reason in error.reasons)
                raise _client_error(
                    operation,
                    "TransactionCanceledException",
                    f"Transaction cancelled, please refer to the reasons [{codes}]",
                    CancellationReasons=error.reasons,
                ) from error

    def _check_name(self, request: Mapping[str, Any]) -> None:
        if request["TableName"] != self.name:
            raise LookupError(f"there is no table {request['TableName']!r}")

    def _place(self, key: WireItem) -> Place:
        """The place a whole key names. Raises InvalidRequest, InvalidUpdate for a wrong type."""
        if key.keys() != {*self._table.keys}:
            raise InvalidRequest("The provided key element does not match the schema")
        return self._place_in(read_item(key))

    def _place_in(self, item: Item) -> Place:
        parts = []
        for name, longest in zip(self._table.keys, _MAX_KEY_BYTES, strict=True):
            if name not in item:
                raise InvalidRequest("The provided key element does not match the schema")
            type_, content = item[name]
            if type_ != "S":
                raise InvalidUpdate(f"Type mismatch for key {name}")
            if not 1 <= len(content.encode()) <= longest:
                raise InvalidRequest(f"The key {name} is empty or too long")
            parts.append(content)
        return Place(*parts)

    def _check_fit(self, row: Row | None) -> None:
        """Whether the item may be stored. Raises InvalidUpdate, InvalidRequest for an empty key."""
        if row is None:
            return
        keys = [name for index in self._indexes.values() for name in index.keys if name in row.item]
        if any(row.item[name] == ("S", "") for name in keys):
            raise InvalidRequest("an index key cannot be an empty text")
        if any(row.item[name][0] != "S" for name in keys):
            raise InvalidUpdate("Type mismatch for an index key")
        if row.size > MAX_ITEM_BYTES:
            raise InvalidUpdate("Item size to update has exceeded the maximum allowed size")


class Pages:
    """A paginator of one page."""

    def __init__(self, operation: Callable[..., dict[str, Any]]) -> None:
        self._operation = operation

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        yield self._operation(**request)


# Keys


def _copied(partitions: dict[str, list[Entry]]) -> dict[str, list[Entry]]:
    return {pk: list(entries) for pk, entries in partitions.items()}


def _keys_of(declared: Mapping[str, Any]) -> tuple[str, str]:
    names = {each["KeyType"]: each["AttributeName"] for each in declared["KeySchema"]}
    return names["HASH"], names["RANGE"]


def _index(declared: Mapping[str, Any], table: Index) -> Index:
    pk, sk = _keys_of(declared)
    projection = declared["Projection"]
    if projection["ProjectionType"] == "ALL":
        return Index(declared["IndexName"], pk, sk)
    named = projection.get("NonKeyAttributes", ())
    return Index(declared["IndexName"], pk, sk, frozenset({*table.keys, pk, sk, *named}))


_Cut = Callable[[Sequence[Entry]], int]


def _range(condition: Condition, index: Index, scope: Scope) -> tuple[str, _Cut, _Cut]:
    """The partition that a key condition names, and where in it the first and last entry are."""
    partition = None
    cuts: tuple[_Cut, _Cut] = (lambda _: 0, len)
    parts = list(_parts(condition))
    if len({part[0] for part in parts}) < len(parts):
        raise InvalidRequest("KeyConditionExpressions must only contain one condition per key")
    for token, sign, operands in parts:
        name = scope.names[token]
        texts = [_key_text(operand, scope) for operand in operands]
        if name == index.pk and sign == "=":
            (partition,) = texts
        elif name == index.sk and sign in _CUTS:
            cuts = _CUTS[sign](*texts)
        else:
            raise InvalidRequest(f"Query key condition not supported: {name} {sign}")
    if partition is None:
        raise InvalidRequest(f"Query condition missed key schema element: {index.pk}")
    return partition, *cuts


def _parts(condition: Condition) -> Iterator[tuple[str, str, tuple[Operand, ...]]]:
    match condition:
        case Both(left, right):
            yield from _parts(left)
            yield from _parts(right)
        case Group(inner):
            yield from _parts(inner)
        case Compare(Path(token), sign, right):
            yield token, sign, (right,)
        case Between(Path(token), low, high):
            yield token, "BETWEEN", (low, high)
        case BeginsWith(Path(token), prefix):
            yield token, "begins_with", (prefix,)
        case _:
            raise InvalidRequest("Invalid operator used in KeyConditionExpression")


def _key_text(operand: Operand, scope: Scope) -> str:
    value = given(operand, scope)
    if value is None or value[0] != "S" or not value[1]:
        raise InvalidRequest("a key is compared with a text that is not empty")
    text: str = value[1]
    return text


def _before(text: str) -> _Cut:
    return lambda entries: bisect_left(entries, text, key=itemgetter(0))


def _behind(text: str) -> _Cut:
    return lambda entries: bisect_right(entries, text, key=itemgetter(0))


def _behind_prefix(prefix: str) -> _Cut:
    return lambda entries: bisect_right(entries, prefix, key=lambda entry: entry.sk[: len(prefix)])


_CUTS: dict[str, Callable[..., tuple[_Cut, _Cut]]] = {
    "=": lambda text: (_before(text), _behind(text)),
    "<": lambda text: (lambda _: 0, _before(text)),
    "<=": lambda text: (lambda _: 0, _behind(text)),
    ">": lambda text: (_behind(text), len),
    ">=": lambda text: (_before(text), len),
    "BETWEEN": lambda low, high: (_before(low), _behind(high)),
    "begins_with": lambda prefix: (_before(prefix), _behind_prefix(prefix)),
}


# Requests and refusals


def _know(request: Mapping[str, Any], parameters: Set[str]) -> None:
    if unknown := request.keys() - parameters - {"TableName"}:
        raise NotImplementedError(f"the fast table knows no {', '.join(sorted(unknown))}")


def _scope(request: Mapping[str, Any], *parsed: Parsed[Any]) -> Scope:
    """What the names and values stand for: all that are used are there, all there are used."""
    names = request.get("ExpressionAttributeNames")
    values = request.get("ExpressionAttributeValues")
    for defined, used in (
        (names, _all_of([each.names for each in parsed])),
        (values, _all_of([each.values for each in parsed])),
    ):
        if defined is not None and not defined:
            raise InvalidRequest("names and values must not be empty where they are given")
        if (defined or {}).keys() != used:
            odd = ", ".join(sorted((defined or {}).keys() ^ used))
            raise InvalidRequest(f"not defined, or not used in expressions: {odd}")
    return Scope({}, names or {}, read_item(values or {}))


def _all_of(sets: Sequence[frozenset[str]]) -> frozenset[str]:
    return sets[0] if len(sets) == 1 else frozenset[str]().union(*sets)


def _guarded(
    request: Mapping[str, Any],
    place: Place,
    result: _Result,
    *also: Parsed[Any],
) -> _Write:
    """A write under the condition of its request, if there is one."""
    condition = None
    if "ConditionExpression" in request:
        condition = expressions.condition(request["ConditionExpression"])
    scope = _scope(request, *also, *([condition] if condition else []))
    if condition:
        condition.root.check(scope)
    return _Write(
        place=place,
        scope=scope,
        when=condition.root if condition else None,
        shows_old=request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD",
        result=result,
    )


def _validation_error(error: InvalidUpdate) -> _Reason:
    return {"Code": "ValidationError", "Message": str(error)}


def _cancel(operations: int, reasons: Mapping[int, _Reason]) -> NoReturn:
    raise _Cancelled([reasons.get(number, {"Code": "None"}) for number in range(operations)])


def _client_error(operation: str, code: str, message: str, **members: Any) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "Message": message,
        "ResponseMetadata": {"HTTPStatusCode": 400},
        **members,
    }
    return ClientError(response, operation)
