"""What ``make attack`` adds to schemathesis: two checks in the place of its own, and who may go.

Loaded by schemathesis in its own virtualenv, not by the backend's Python.
"""

import json
import os
import re
import urllib.request
from typing import Any
from uuid import uuid4

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.generation.meta import CoveragePhaseData, CoverageScenario

OF_A_RULE = re.compile(
    r"(is|are|was|has|must|needs|takes|does|cannot|comes|goes|overlaps|push by)\b.*"
    r"|should have (a letter to search for|at least \d+ characters)"
)
"""What our rules say of a field: how it goes with others, with the state, with the world. What the
schema tells is checked by pydantic, whose words are others: "input should be", "extra inputs"."""


def _is_whole_with_a_point(body: Any, pointer: str) -> bool:
    """4.0 is an integer to JSON Schema; the document says in words that we want it written as 4."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        try:
            body = body[int(name)] if isinstance(body, list) else body[name]
        except (KeyError, IndexError, TypeError, ValueError):
            return False
    return isinstance(body, float) and body.is_integer()


@schemathesis.check
def other_methods_are_unknown(_ctx: CheckContext, response: Response, case: Case) -> None:
    """A method that a route does not have gets the gateway's own 404."""
    data = case.meta.phase.data if case.meta else None
    if not isinstance(data, CoveragePhaseData) or response.request.method == "OPTIONS":
        return
    if data.scenario == CoverageScenario.UNSPECIFIED_HTTP_METHOD and (
        response.status_code != 404 or response.json() != {"message": "Not Found"}
    ):
        raise Failure(
            operation=case.operation.label,
            title="Another method is answered",
            message=f"{response.request.method}: {response.status_code}",
        )


@schemathesis.check
def valid_data_is_refused_with_reason(_ctx: CheckContext, response: Response, case: Case) -> None:
    """What fits the schema is refused by a rule of ours, never for its type or shape."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code == 400:
        told = [str(response.json().get("type"))]
        without_reason = [text for text in told if text != "/problems/bad-signature"]
    elif response.status_code == 422:
        without_reason = [
            error["detail"]
            for error in response.json()["errors"]
            if not OF_A_RULE.fullmatch(error["detail"])
            and not _is_whole_with_a_point(case.body, error["pointer"])
        ]
    else:
        return
    if without_reason:
        raise Failure(
            operation=case.operation.label,
            title="What fits the schema is refused",
            message=f"{response.status_code}: {sorted(set(without_reason))}",
        )


@schemathesis.hook
def before_call(_context: HookContext, case: Case, _kwargs: dict[str, Any]) -> None:
    """Who deletes their account is somebody else each time: the others have more to try."""
    headers = case.headers or {}
    own = f"Bearer {os.environ['ATTACK_TOKEN']}"  # and not one that has to be refused
    if case.operation.label == "DELETE /customer/profile" and headers.get("Authorization") == own:
        url = f"{os.environ['ATTACK_URL']}/_local/token/customer/leaver-{uuid4().hex}"
        with urllib.request.urlopen(url) as answer:
            headers["Authorization"] = f"Bearer {json.load(answer)['token']}"
