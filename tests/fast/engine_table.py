"""A table that an engine keeps, for worlds that have to see what is in it.

Whatever is asked of it, the fast table is asked too. The engine's answer is what the caller gets;
where the fast table's is another, that is noted: one of the two is not DynamoDB.
"""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from tests.fast.table import FastTable, Pages, Row, WireItem
from tests.fast.values import read_item, write_item

Request = dict[str, Any]


class EngineTable:
    """Stands where a ``FastTable`` does. The engine has its own, of the same name, empty still.

    ``ends_openly``: behind a full page that is the last one it does not tell where to go on.
    """

    def __init__(self, fast: FastTable, engine: Any, *, ends_openly: bool = False) -> None:
        self.name = fast.name
        self._fast = fast
        self._engine = engine
        self._ends_openly = ends_openly
        self.differences: list[str] = []
        """Where the two answered differently. Not raised at once: a consumer would outlive it."""

    def __getattr__(self, call: str) -> Any:
        def ask(**request: Any) -> Any:
            ours = answer_of(getattr(self._fast, call), request)
            try:
                answer = getattr(self._engine, call)(**request)
            except ClientError as error:
                self._compare(ours, refused(error), f"{call} {request}")
                raise
            theirs = told(answer)
            if self._ends_openly and "Limit" in request and theirs["Count"] == request["Limit"]:
                theirs = {"LastEvaluatedKey": ours.get("LastEvaluatedKey")} | theirs
            self._compare(ours, theirs, f"{call} {request}")
            return answer

        return ask

    def _compare(self, ours: Any, theirs: Any, request: str) -> None:
        if ours != theirs:
            self.differences.append(f"{request}\nfast table: {ours}\nengine: {theirs}")

    def scan(self, **request: Any) -> dict[str, Any]:
        """Everything, on one page, in the order of its places."""
        pages = self._engine.get_paginator("scan").paginate(**request)
        items = sorted((item for page in pages for item in page["Items"]), key=_place)
        self._compare(told(self._fast.scan(**request)), told({"Items": items}), "scan")
        return {"Items": items}

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "scan", operation
        return Pages(self.scan)

    def rows(self) -> list[Row]:
        """Everything, as the fast table has it, which the engine has to have too."""
        self.scan(TableName=self.name)
        return self._fast.rows()

    def inserted(self, since: int = 0) -> list[WireItem]:
        return self._fast.inserted(since)

    def save(self) -> Callable[[], None]:
        """Remember everything stored; the answer puts it back, as often as it is called."""
        put_ours_back, then = self._fast.save(), _by_place(self._fast)

        def put_back() -> None:
            now = _by_place(self._fast)
            put_ours_back()
            for place in now.keys() - then.keys():
                pk, sk = place
                key = {"pk": {"S": pk}, "sk": {"S": sk}}
                self._engine.delete_item(TableName=self.name, Key=key)
            for place, row in then.items():
                if now.get(place) is not row:
                    self._engine.put_item(TableName=self.name, Item=write_item(row.item))

        return put_back


def _by_place(table: FastTable) -> dict[tuple[str, str], Row]:
    return {(row.item["pk"][1], row.item["sk"][1]): row for row in table.rows()}


def answer_of(call: Callable[..., Mapping[str, Any]], request: Request) -> dict[str, Any]:
    """The answer, or what it was refused for, so that equal ones compare equal."""
    try:
        return told(call(**request))
    except ClientError as error:
        return refused(error)


def refused(error: ClientError) -> dict[str, Any]:
    response: Any = error.response
    reasons = [
        (reason["Code"], read_item(reason.get("Item", {})))
        for reason in response.get("CancellationReasons", ())
    ]
    return {"Refused": response["Error"]["Code"], "Reasons": reasons}


def told(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _READ[name](content) for name, content in answer.items() if name not in _UNREAD}


def _place(item: WireItem) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


_READ: dict[str, Callable[[Any], Any]] = {
    "Item": read_item,
    "Items": lambda items: [read_item(item) for item in items],
    "LastEvaluatedKey": read_item,
    "Responses": lambda tables: {
        _place(item): read_item(item) for (items,) in [tables.values()] for item in items
    },
    "UnprocessedKeys": dict,
    "Count": int,
    "ScannedCount": int,
}
_UNREAD = {"ResponseMetadata", "ConsumedCapacity", "ItemCollectionMetrics"}
"""The latter two moto tells unasked."""
