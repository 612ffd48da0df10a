"""moto's table as a second engine: one request at a time, and without its detours.

Under threads it is not atomic; asked one request at a time, as ``local.moto_engine`` is, it is.
Before a transaction it copies the whole table once for each operation, one copy like the other; and
in every value that it answers it looks for each of ten types, under several names. The answers
stay as they are, in a fraction of the time.
"""

import copy
from threading import RLock
from types import SimpleNamespace
from typing import Any

from moto.core import serialize
from moto.core.botocore_stubber import BotocoreStubber
from moto.dynamodb import models
from moto.dynamodb.models.table import Table


def tune() -> None:
    """For all of this process, from now on."""
    module: Any = models
    backend: Any = models.DynamoDBBackend
    serializer: Any = serialize.ResponseSerializer
    stubber: Any = BotocoreStubber
    answer = stubber.process_request
    one_at_a_time = RLock()
    write_all = backend.transact_write_items
    write_structure = serializer._serialize_type_structure

    def process_request(self: Any, request: Any) -> Any:
        with one_at_a_time:
            return answer(self, request)

    def transact_write_items(self: Any, transact_items: list[dict[str, Any]]) -> None:
        copies: dict[int, Table] = {}

        def deepcopy(thing: Any) -> Any:
            if not isinstance(thing, Table):
                return copy.deepcopy(thing)
            # All copies are made before the first operation.
            if id(thing) not in copies:
                copies[id(thing)] = copy.deepcopy(thing)
            return copies[id(thing)]

        module.copy = SimpleNamespace(deepcopy=deepcopy)
        try:
            write_all(self, transact_items)
        finally:
            module.copy = copy

    def serialize_structure(self: Any, written: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name != "AttributeValue" or type(value) is not dict or not key:
            write_structure(self, written, value, shape, key)
            return
        wrapper = self.MAP_TYPE()
        for kind, content in value.items():
            if content is not None and kind in shape.members:
                self._serialize(wrapper, content, shape.members[kind], kind)
        self._default_serialize(written, wrapper, shape, key)

    stubber.process_request = process_request
    backend.transact_write_items = transact_write_items
    serializer._serialize_type_structure = serialize_structure
