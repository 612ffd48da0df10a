"""Counts what AWS would bill: every invocation and every call a function makes, one JSON a line.

Workers of a stack that was started with a meter append to one file. What a write consumes DynamoDB
is asked: ministack reckons that as AWS does, by the size of items (moto does not). What a read
consumes is reckoned here, from the items that came back: no emulator looks at their size.
"""

import json
import os
from collections.abc import Iterable, Mapping
from decimal import Context
from pathlib import Path
from typing import Any

_TELLS_CAPACITY = frozenset("PutItem UpdateItem DeleteItem TransactWriteItems".split())
_READ_UNIT_BYTES = 4096
_ARITHMETIC = Context(prec=38)


class Meter:
    """Of one worker. A line is appended whole, so that workers do not disturb each other."""

    def __init__(self, path: Path, function: str, memory_mb: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._function = function
        self._memory_mb = memory_mb
        self._published = "Publish"
        self._is_consistent = False
        self._keys_asked = 0

    def watch(self, session: Any) -> None:
        """Count the calls of all clients that this boto3 session will make."""
        session.events.register("provide-client-params.dynamodb.*", self._asks_the_table)
        session.events.register("provide-client-params.sns.Publish", self._publishes)
        session.events.register("after-call.*.*", self.called)

    def invoked(self, event: Any, seconds: float) -> None:
        """Count an invocation that took so long."""
        self._note(invocation=_source(event), seconds=round(seconds, 6), memory_mb=self._memory_mb)

    def _asks_the_table(self, params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any]:
        if model.name in _TELLS_CAPACITY:
            return params | {"ReturnConsumedCapacity": "TOTAL"}
        batch = params["RequestItems"].values() if model.name == "BatchGetItem" else ()
        self._keys_asked = sum(len(each["Keys"]) for each in batch)
        self._is_consistent = any("ConsistentRead" in each for each in (params, *batch))
        return params

    def _publishes(self, params: dict[str, Any], **_: Any) -> None:
        """To a topic or to a device: AWS counts them apart."""
        self._published = "Push" if "TargetArn" in params else "Publish"

    def called(self, model: Any, parsed: Any, **_: Any) -> None:
        service = model.service_model.service_name
        self._note(
            service=service,
            call=self._published if model.name == "Publish" else model.name,
            **self._units(model.name, parsed) if service == "dynamodb" else {},
        )

    def _units(self, call: str, parsed: Mapping[str, Any]) -> dict[str, float]:
        if "ConsumedCapacity" in parsed:
            consumed = parsed["ConsumedCapacity"]
            tables = consumed if isinstance(consumed, list) else [consumed]
            return {"writes": sum(table["CapacityUnits"] for table in tables)}
        match call:
            case "Query":
                sizes = [sum(map(bytes_of, parsed.get("Items", ())))]
            case "GetItem":
                sizes = [bytes_of(parsed.get("Item", {}))]
            case "BatchGetItem":
                found = [item for items in parsed["Responses"].values() for item in items]
                sizes = [*map(bytes_of, found), *[0] * (self._keys_asked - len(found))]
            case _:
                return {}
        return {"reads": read_units(sizes, consistent=self._is_consistent)}

    def _note(self, **fields: Any) -> None:
        line = json.dumps({"function": self._function, **fields})
        os.write(self._file, line.encode() + b"\n")


def read_units(sizes: Iterable[int], *, consistent: bool) -> float:
    """What reading that many bytes each consumes. What is not there costs as much as little does.

    A page of a query is one size: its items are added up before they are rounded up.
    """
    blocks = sum(max(1, -(-size // _READ_UNIT_BYTES)) for size in sizes)
    return blocks * (1.0 if consistent else 0.5)


def bytes_of(item: Mapping[str, Any]) -> int:
    """The size of an item as DynamoDB counts it: of its attributes' names and values."""
    return sum(len(name.encode()) + _bytes_of_value(value) for name, value in item.items())


def _bytes_of_value(value: Mapping[str, Any]) -> int:
    ((type_, content),) = value.items()
    match type_:
        case "S":
            return len(content.encode())
        case "N":
            return _bytes_of_number(content)
        case "B":
            return len(content)
        case "SS":
            return sum(len(each.encode()) for each in content)
        case "NS":
            return sum(map(_bytes_of_number, content))
        case "L":
            return 3 + sum(1 + _bytes_of_value(each) for each in content)
        case "M":
            return 3 + sum(1 + bytes_of({name: each}) for name, each in content.items())
        case _:
            return 1


def _bytes_of_number(text: str) -> int:
    """Two digits to a byte, aligned on the point; one byte more, and one for the sign."""
    sign, digits, exponent = _ARITHMETIC.create_decimal(text).normalize(_ARITHMETIC).as_tuple()
    assert isinstance(exponent, int), "DynamoDB has finite numbers only"
    return 1 + (len(digits) + exponent % 2 + 1) // 2 + sign


def _source(event: Any) -> str:
    """What invoked a function: http, sqs, dynamodb or schedule."""
    if "requestContext" in event:
        return "http"
    records = event.get("Records")
    return str(records[0]["eventSource"]).removeprefix("aws:") if records else "schedule"
