"""One OpenAPI document for all functions, checked against the template's routes.

``python -m local.openapi`` writes it to ``docs/openapi.json``; with ``--check`` it only says
whether that file is what it would write.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from local import deployment, processes, template
from local.deployment import Api, Deployment, Route
from local.errors import LocalStackError
from local.intrinsics import Made
from local.log import Log
from local.resources import Properties, Resources
from local.workers import Zygote, zygote

Document = dict[str, Any]

FILE = processes.ROOT / "docs" / "openapi.json"
_DESCRIBING = processes.ROOT / "local" / "describing"

_TITLE = "Dispatch"
_VERSION = "1"
_DESCRIPTION = (
    "Drivers book remote sessions with mechanics. Times are RFC 3339 in UTC, money is in cents, "
    "ids are ULIDs. Errors are problem documents (RFC 9457), except what the gateway itself "
    "answers: 401, 404 for an unknown route, 413 and 429 are `{\"message\": \"...\"}`."
)
_JWT = "CognitoAccessToken"
_GATEWAY_ANSWER = {
    "type": "object",
    "title": "GatewayAnswer",
    "required": ["message"],
    "properties": {"message": {"type": "string"}},
}


async def describe(plan: Deployment, zygote: Zygote, worker: Callable[..., Any]) -> Document:
    raise NotImplementedError
