"""Counts what AWS would bill: every invocation and every call a function makes, one JSON a line.

Workers of a stack that was started with a meter append to one file. DynamoDB is asked what each
call consumed; ministack reckons that as AWS does, by the size of items (moto does not).
"""

import json
import os
from pathlib import Path
from typing import Any

_TELLS_CAPACITY = frozenset(
    "GetItem Query BatchGetItem PutItem UpdateItem DeleteItem TransactWriteItems".split()
)
_READS = frozenset({"GetItem", "Query", "BatchGetItem"})


class Meter:
    """Of one worker. A line is appended whole, so that workers do not disturb each other."""

    def __init__(self, path: Path, function: str, memory_mb: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._function = function
        self._memory_mb = memory_mb
        self._published = "Publish"

    def watch(self, session: Any) -> None:
        """Count the calls of all clients that this boto3 session will make."""
        session.events.register("provide-client-params.dynamodb.*", _ask_for_capacity)
        session.events.register("provide-client-params.sns.Publish", self._publishes)
        session.events.register("after-call.*.*", self._called)

    def invoked(self, event: Any, seconds: float) -> None:
        """Count an invocation that took so long."""
        self._note(invocation=_source(event), seconds=round(seconds, 6), memory_mb=self._memory_mb)

    def _publishes(self, params: dict[str, Any], **_: Any) -> None:
        """To a topic or to a device: AWS counts them apart."""
        self._published = "Push" if "TargetArn" in params else "Publish"

    def _called(self, model: Any, parsed: Any, **_: Any) -> None:
        self._note(
            service=model.service_model.service_name,
            call=self._published if model.name == "Publish" else model.name,
            **_units(model.name, parsed.get("ConsumedCapacity")),
        )

    def _note(self, **fields: Any) -> None:
        line = json.dumps({"function": self._function, **fields})
        os.write(self._file, line.encode() + b"\n")


def _ask_for_capacity(params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any]:
    if model.name not in _TELLS_CAPACITY:
        return params
    return params | {"ReturnConsumedCapacity": "TOTAL"}


def _units(call: str, consumed: Any) -> dict[str, float]:
    if not consumed:
        return {}
    tables = consumed if isinstance(consumed, list) else [consumed]
    units = sum(table["CapacityUnits"] for table in tables)
    return {"reads" if call in _READS else "writes": units}


def _source(event: Any) -> str:
    """What invoked a function: http, sqs, dynamodb or schedule."""
    if "requestContext" in event:
        return "http"
    records = event.get("Records")
    return str(records[0]["eventSource"]).removeprefix("aws:") if records else "schedule"
