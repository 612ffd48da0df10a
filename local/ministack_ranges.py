"""Queries of ministack's indexes that look only at what they ask for.

ministack sorts the whole index partition at every query and reads the key condition anew for every
item of it: with 10,000 mechanics the question who has changed takes it a third of a second. Here
the items of a partition that is asked for are kept in order, and ministack is shown those of the
range and the page alone. It still checks, picks, sorts and counts them itself.
"""

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from operator import itemgetter
from types import ModuleType
from typing import Any

_Table = dict[str, Any]
_Order = list[tuple[str, str, str]]
"""Sort key in the index, and the place in the table, of each item."""

_CONDITION = re.compile(r"#(\w+) = (:\w+)(?: AND #(\w+) BETWEEN (:\w+) AND (:\w+))?")
_MEMBERS = "_index_members"
_ORDERS = ("orders",)
"""Kept among ministack's members of its indexes, to be dropped when these are. No index's name."""


def take(dynamodb: ModuleType) -> None:
    """From now on ministack's ``dynamodb`` module does so."""
    query: Callable[[Any], Any] = dynamodb._query  # noqa: SLF001
    index_item: Callable[..., None] = dynamodb._index_item  # noqa: SLF001

    def narrow_query(data: Any) -> Any:
        table = dynamodb._tables.get(data.get("TableName"))  # noqa: SLF001
        shown = _shown(dynamodb, table, data) if table else None
        if shown is None:
            return query(data)
        members = table[_MEMBERS]
        table[_MEMBERS] = shown
        try:
            return query(data)
        finally:
            table[_MEMBERS] = members

    def index_in_order(
        table: _Table,
        base_pk: str,
        base_sk: str,
        item: Any,
        add: bool,
    ) -> None:
        index_item(table, base_pk, base_sk, item, add)
        orders = (table.get(_MEMBERS) or {}).get(_ORDERS, {})
        for name, hashes, ranges in dynamodb._index_key_schemas(table) if orders else ():  # noqa: SLF001
            key = (name, dynamodb._index_partition(item, hashes, ranges))  # noqa: SLF001
            if key not in orders:
                continue
            entry = (item[ranges[0]]["S"], base_pk, base_sk)
            at = bisect_left(orders[key], entry)
            if add:
                orders[key].insert(at, entry)
            elif orders[key][at : at + 1] == [entry]:
                del orders[key][at]
            else:
                del orders[key]

    dynamodb._query = narrow_query  # type: ignore[attr-defined]  # noqa: SLF001
    dynamodb._index_item = index_in_order  # type: ignore[attr-defined]  # noqa: SLF001


def _shown(dynamodb: ModuleType, table: _Table, data: Any) -> dict[str, Any] | None:
    """The members of the index that a query needs to see; None for a query of another kind."""
    index = data.get("IndexName")
    condition = _CONDITION.fullmatch(data.get("KeyConditionExpression") or "")
    if not index or not condition or not data.get("ScanIndexForward", True):
        return None
    schemas = {n: (h, r) for n, h, r in dynamodb._index_key_schemas(table)}  # noqa: SLF001
    hashes, ranges = schemas.get(index, ([], []))
    if len(hashes) != 1 or len(ranges) != 1:
        return None
    names, values = data["ExpressionAttributeNames"], data["ExpressionAttributeValues"]
    hash_name, partition, range_name, low, high = condition.groups()
    if names.get(f"#{hash_name}") != hashes[0] or "S" not in values.get(partition, ()):
        return None
    if range_name and (
        names.get(f"#{range_name}") != ranges[0]
        or any("S" not in values.get(bound, ()) for bound in (low, high))
    ):
        return None
    order = _order(dynamodb, table, index, values[partition]["S"], ranges[0])
    start, end = 0, len(order)
    if range_name:
        start = bisect_left(order, values[low]["S"], key=itemgetter(0))
        end = bisect_right(order, values[high]["S"], key=itemgetter(0))
    if cursor := data.get("ExclusiveStartKey"):
        keys = (ranges[0], table["pk_name"], table["sk_name"])
        if any("S" not in cursor.get(key, ()) for key in keys):
            return None
        start = max(start, bisect_right(order, tuple(cursor[key]["S"] for key in keys)))
    if limit := data.get("Limit"):
        end = min(end, start + limit + 1)  # one more, so that it sees whether there is more
    return {index: {values[partition]["S"]: [(pk, sk) for _, pk, sk in order[start:end]]}}


def _order(
    dynamodb: ModuleType, table: _Table, index: str, partition: str, range_name: str
) -> _Order:
    members = dynamodb._index_members(table)  # noqa: SLF001
    orders: dict[tuple[str, str], _Order] = members.setdefault(_ORDERS, {})
    key = (index, partition)
    if key not in orders:
        order: _Order = []
        for pk, sk in members.get(index, {}).get(partition, ()):
            insort(order, (table["items"][pk][sk][range_name]["S"], pk, sk))
        orders[key] = order
    return orders[key]
