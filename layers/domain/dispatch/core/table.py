"""The one table: keys, reads, and the transaction every state change goes through.

Items are plain Python: text, int, Decimal, bool, None, lists, dicts and sets of texts. In
expressions every attribute is written ``#name`` and every value ``:name``; the names need no
further declaration.
"""

import base64
import binascii
import json
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import wraps
from types import TracebackType
from typing import Any, NamedTuple, ParamSpec, Self, TypeVar

from boto3.dynamodb.types import DYNAMODB_CONTEXT, TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from dispatch.core import aws, settings
from dispatch.core.errors import Busy, Invalid, StaleVersion
from dispatch.core.events import Event, event_item
from dispatch.core.logging import logger

Item = dict[str, Any]
Values = Mapping[str, Any]
Otherwise = Callable[[Item | None], Exception]

SCHEMA = 1
"""Shape version written on every item."""

IS_NEW = "attribute_not_exists(#pk)"
SAME_VERSION = "#version = :version_read"

_MAX_ATTEMPTS = 8
_FIRST_DELAY_S = 0.02
_MAX_DELAY_S = 1.0
_RETRYABLE = frozenset(
    {
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
        "ThrottlingError",
        "ThrottlingException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
    }
)
_NAME = re.compile(r"#([A-Za-z_][A-Za-z0-9_]*)")
_VALUE = re.compile(r":[A-Za-z_][A-Za-z0-9_]*")
_dice = random.SystemRandom()


class Key(NamedTuple):
    pk: str
    sk: str = "META"


class Index(NamedTuple):
    """A global secondary index and the names of its two keys."""

    name: str
    pk: str
    sk: str


BY_CUSTOMER = Index("by_customer", "customer_pk", "customer_sk")
BY_MECHANIC = Index("by_mechanic", "mechanic_pk", "mechanic_sk")
OPEN_BROADCASTS = Index("open_broadcasts", "open_pk", "open_sk")
ROSTER = Index("roster", "roster_pk", "changed_at")
DUE = Index("due", "due_pk", "due_at")


@dataclass(frozen=True, slots=True)
class Page:
    """Some items of a query; ``cursor`` is opaque and None on the last page."""

    items: list[Item]
    cursor: str | None


class _Deserializer(TypeDeserializer):
    def _deserialize_n(self, value: str) -> int | Decimal:
        number = DYNAMODB_CONTEXT.create_decimal(value)
        return int(number) if number == number.to_integral_value() else number


_serialize = TypeSerializer().serialize
_deserialize = _Deserializer().deserialize


# Most attributes are texts. boto3 asks of each whether it is one of five other things first.


def encode(item: Mapping[str, Any]) -> dict[str, Any]:
    """As DynamoDB wants it."""
    return {
        name: {"S": value} if type(value) is str else _serialize(value)
        for name, value in item.items()
    }


def decode(raw: Mapping[str, Any]) -> Item:
    """As Python wants it: whole numbers are int, others Decimal."""
    return {
        name: value["S"] if "S" in value else _deserialize(value) for name, value in raw.items()
    }


def get(key: Key) -> Item | None:
    """The item as it is now (strongly consistent), or None."""
    answer = aws.dynamodb().get_item(
        TableName=settings.table_name(), Key=encode(key._asdict()), ConsistentRead=True
    )
    raw = answer.get("Item")
    return decode(raw) if raw else None


def get_many(keys: Sequence[Key]) -> list[Item]:
    """Those of up to a hundred items that exist, as they are now, in any order.

    Raises Busy where the table goes on leaving some out for load.
    """
    if not keys:
        return []
    table, found = settings.table_name(), list[Item]()
    asked = [encode(key._asdict()) for key in keys]
    left: Any = {table: {"Keys": asked, "ConsistentRead": True}}
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        answer = aws.dynamodb().batch_get_item(RequestItems=left)
        found += [decode(raw) for raw in answer["Responses"].get(table, [])]
        left = answer.get("UnprocessedKeys")
        if not left:
            return found
        back_off(attempt)
    raise Busy("The table has too much to do. Try again in a second.")


def query(
    pk: str,
    *,
    index: Index | None = None,
    prefix: str = "",
    between: tuple[str, str] | None = None,
    ascending: bool = True,
    limit: int | None = None,
    cursor: str | None = None,
) -> Page:
    """Up to ``limit`` items of one partition in the order of its sort key; all without a limit.

    The table itself is read strongly consistent, an index can lag. Raises Invalid for a cursor
    that this query did not hand out.
    """
    pk_name, sk_name = (index.pk, index.sk) if index else ("pk", "sk")
    condition, values = "#pk = :pk", {":pk": pk}
    if between:
        condition += " AND #sk BETWEEN :low AND :high"
        values |= {":low": between[0], ":high": between[1]}
    elif prefix:
        condition += " AND begins_with(#sk, :prefix)"
        values[":prefix"] = prefix
    names = {"#pk": pk_name}
    if "#sk" in condition:
        names["#sk"] = sk_name
    request: dict[str, Any] = {
        "TableName": settings.table_name(),
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": encode(values),
        "ScanIndexForward": ascending,
    }
    if index:
        request["IndexName"] = index.name
    else:
        request["ConsistentRead"] = True
    if cursor is not None:
        request["ExclusiveStartKey"] = encode(_position(cursor, index, pk, between or prefix))
    items: list[Item] = []
    while True:
        if limit is not None:
            request["Limit"] = limit - len(items)
        answer = aws.dynamodb().query(**request)
        items += [decode(raw) for raw in answer["Items"]]
        last = answer.get("LastEvaluatedKey")
        if last is None:
            return Page(items, None)
        if limit is not None and len(items) >= limit:
            return Page(items, _cursor(decode(last), index))
        request["ExclusiveStartKey"] = last


def _cursor(last: Item, index: Index | None) -> str:
    position = {"sk": last["sk"]}
    if index:
        position |= {"pk": last["pk"], "at": last[index.sk]}
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def _position(cursor: str, index: Index | None, pk: str, within: tuple[str, str] | str) -> Item:
    """Where a cursor points to; whatever DynamoDB would not take as a start is refused here."""
    expected = {"sk", "pk", "at"} if index else {"sk"}
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        json.dumps(position, ensure_ascii=False).encode()  # no lone surrogates
    except (binascii.Error, ValueError, RecursionError):
        position = None
    if (
        not isinstance(position, dict)
        or set(position) != expected
        or not all(isinstance(part, str) and 0 < len(part) <= 256 for part in position.values())
        or not _is_within(position["at" if index else "sk"], within)
    ):
        raise Invalid.field("/cursor", "is not a cursor of this list; start without one")
    if index:
        return {
            "pk": position["pk"],
            "sk": position["sk"],
            index.pk: pk,
            index.sk: position["at"],
        }
    return {"pk": pk, "sk": position["sk"]}


def _is_within(sk: str, within: tuple[str, str] | str) -> bool:
    if isinstance(within, str):
        return sk.startswith(within)
    low, high = within
    return low <= sk <= high


@dataclass(frozen=True, slots=True)
class _Clause:
    operation: str
    request: dict[str, Any]
    otherwise: Otherwise | None


def _stale(_old: Item | None) -> Exception:
    return StaleVersion()


@dataclass
class Transaction:
    """Clauses that take effect together or not at all.

    Each clause may carry a condition (``when``) and the function that names the refusal
    (``otherwise``): it is given the item as it was when the condition failed, and returns the
    exception to raise. Without ``otherwise`` a failed condition raises StaleVersion. Where several
    fail, the first added speaks. Conflicts with other transactions and throttling are retried.

    Used as a context manager it commits at the end of the block, unless the block raises. An
    empty transaction does nothing.
    """

    _clauses: list[_Clause] = field(default_factory=list)
    _last_event_id: str | None = None

    def put(
        self,
        item: Item,
        *,
        when: str | None = None,
        values: Values | None = None,
        otherwise: Otherwise | None = None,
    ) -> None:
        request = {"Item": encode({"schema": SCHEMA} | item)}
        self._add("Put", request, "", when, values, otherwise)

    def update(
        self,
        key: Key,
        change: str,
        values: Values,
        *,
        when: str | None = None,
        otherwise: Otherwise | None = None,
    ) -> None:
        request = {"Key": encode(key._asdict()), "UpdateExpression": change}
        self._add("Update", request, change, when, values, otherwise)

    def delete(
        self,
        key: Key,
        *,
        when: str | None = None,
        values: Values | None = None,
        otherwise: Otherwise | None = None,
    ) -> None:
        self._add("Delete", {"Key": encode(key._asdict())}, "", when, values, otherwise)

    def check(
        self, key: Key, *, when: str, values: Values, otherwise: Otherwise | None = None
    ) -> None:
        request = {"Key": encode(key._asdict())}
        self._add("ConditionCheck", request, "", when, values, otherwise)

    def record(self, event: Event) -> str:
        """Write the fact beside the state it is about; the relay publishes it. Answers its id."""
        item = event_item(event, after=self._last_event_id)
        self._last_event_id = item["id"]
        self.put(item)
        return str(item["id"])

    def _add(
        self,
        operation: str,
        request: dict[str, Any],
        change: str,
        when: str | None,
        values: Values | None,
        otherwise: Otherwise | None,
    ) -> None:
        text = f"{change} {when or ''}"
        request["TableName"] = settings.table_name()
        if when:
            request["ConditionExpression"] = when
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if names := {f"#{name}": name for name in _NAME.findall(text)}:
            request["ExpressionAttributeNames"] = names
        if used := set(_VALUE.findall(text)):
            known = values or {}
            request["ExpressionAttributeValues"] = encode({name: known[name] for name in used})
        self._clauses.append(_Clause(operation, request, otherwise))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.commit()

    def commit(self) -> None:
        """Write all clauses. Raises what the first failed clause says, or Busy."""
        if not self._clauses:
            return
        items: Any = [{clause.operation: clause.request} for clause in self._clauses]
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            try:
                aws.dynamodb().transact_write_items(TransactItems=items)
                return
            except ClientError as error:
                # The shape of a cancellation is botocore's, its typing knows no reasons.
                response: Any = error.response
                reasons: Sequence[Mapping[str, Any]] = response.get("CancellationReasons", [])
                codes = {reason.get("Code") for reason in reasons} | {response["Error"]["Code"]}
                if not codes & _RETRYABLE:
                    if refusal := self._refusal(reasons):
                        raise refusal from error
                    raise
                logger.info("transaction retried", extra={"attempt": attempt})
            back_off(attempt)
        raise Busy("The request met others at the same items. Try again in a second.")

    def _refusal(self, reasons: Sequence[Mapping[str, Any]]) -> Exception | None:
        for clause, reason in zip(self._clauses, reasons, strict=False):
            if reason.get("Code") == "ConditionalCheckFailed":
                old = reason.get("Item")
                return (clause.otherwise or _stale)(decode(old) if old else None)
        return None


def back_off(attempt: int) -> None:
    """Wait before the next attempt: full jitter, from the system's randomness."""
    time.sleep(_dice.uniform(0, min(_MAX_DELAY_S, _FIRST_DELAY_S * 2**attempt)))


_P = ParamSpec("_P")
_R = TypeVar("_R")


def decides_anew(use_case: Callable[_P, _R]) -> Callable[_P, _R]:
    """Run the use case again, from its reads on, when an item changed under it (StaleVersion).

    Raises Busy when that goes on.
    """

    @wraps(use_case)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            try:
                return use_case(*args, **kwargs)
            except StaleVersion:
                logger.info("decided anew", extra={"attempt": attempt})
                back_off(attempt)
        raise Busy("Too many changes at once. Try again in a second.")

    return run
