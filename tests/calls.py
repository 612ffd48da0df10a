"""Calls as API Gateway hands them to an entry point."""

import json
from types import ModuleType, SimpleNamespace
from typing import Any

from tests.builders import an_http_event

CONTEXT = SimpleNamespace(aws_request_id="request-1")


def call(
    api: ModuleType,
    method: str,
    path: str,
    *,
    user: str,
    groups: str,
    body: Any = None,
    query: str = "",
    **headers: str,
) -> tuple[int, Any]:
    """Status and document. ``groups`` are one text, as ``customer admin``; ``a_b`` is a header."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    event = an_http_event(
        method, path, body, caller=user, groups=f"[{groups}]", query=query, headers=told
    )
    answer = api.handler(event, CONTEXT)
    return answer["statusCode"], json.loads(answer["body"]) if answer.get("body") else None
