"""The functions' HTTP handlers, called in this process."""

import asyncio
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

from tests.entry_points import load

Handler = Callable[[dict[str, Any]], dict[str, Any]]

_CONTEXT = SimpleNamespace(aws_request_id="request-1", function_name="bench")


def have_event_loop() -> None:
    """The main thread has one, as on Lambda: what ran before may have left none."""
    asyncio.set_event_loop(asyncio.new_event_loop())


def handler_of(name: str) -> Handler:
    """That of the folder's API, which takes an event: without asking its role, which AWS does."""
    return partial(_called, load(f"{name}/api").handler.__wrapped__)


def _called(handler: Callable[..., dict[str, Any]], event: dict[str, Any]) -> dict[str, Any]:
    return handler(event, _CONTEXT)
