"""The API document shows every body and every answer, and what it shows is what calls take."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from dispatch.core.views import Body
from dispatch.notifications.requests import DeviceBody
from dispatch.offers.requests import DeclineBody
from dispatch.sessions.requests import CancelBody, IntakeBody, ReasonBody, WaiverBody
from dispatch.shifts.requests import ClockBody
from dispatch.waitlist.requests import JoinBody

Document = dict[str, Any]

DOCUMENT: Document = json.loads((Path(__file__).parents[2] / "docs/openapi.json").read_text())
OPEN = ("/brands", "/plans", "/service-keywords")


def operations() -> Iterator[tuple[str, Document]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


OPERATIONS = dict(operations())


def documented() -> Iterator[tuple[str, Document]]:
    """Every request body and answer that has content, by where it is."""
    for call, operation in operations():
        parts = {"body": operation.get("requestBody", {})} | operation["responses"]
        for part, held in parts.items():
            for media in held.get("content", {}).values():
                yield f"{call} {part}", media


DOCUMENTED = dict(documented())


def resolved(schema: Document) -> Document:
    """The schema itself, where ``schema`` refers to it or allows null besides."""
    if "anyOf" in schema:
        schema = next(choice for choice in schema["anyOf"] if choice.get("type") != "null")
    name = schema.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["schemas"][name] if name else schema


def examples(media: Document) -> list[Any]:
    own = [media["example"]] if "example" in media else []
    return [*own, *resolved(media["schema"]).get("examples", [])]


def as_shown(schemas: dict[str, Document]) -> dict[str, Document]:
    """The schemas, with no member missing and none too many: answers are always whole."""
    return {
        name: schema | {"required": list(schema["properties"]), "additionalProperties": False}
        if schema.get("type") == "object" and not name.endswith(("Body", "Problem"))
        else schema
        for name, schema in schemas.items()
    }


def errors(media: Document, example: Any) -> list[str]:
    schemas = as_shown(DOCUMENT["components"]["schemas"])
    schema = {**media["schema"], "components": {"schemas": schemas}}
    validator = OAS31Validator(schema, format_checker=OAS31Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(example)]


def test_the_document_is_valid() -> None:
    validate(DOCUMENT)


@pytest.mark.parametrize("place", DOCUMENTED)
def test_bodies_and_answers_are_shown_by_valid_examples(place: str) -> None:
    media = DOCUMENTED[place]
    shown = examples(media)
    assert shown
    assert [error for example in shown for error in errors(media, example)] == []


def test_a_wrong_example_would_be_noticed() -> None:
    media = DOCUMENTED["GET /mechanic/queue 200"]
    queue = examples(media)[0]
    assert errors(media, queue | {"total": "2"})
    assert errors(media, queue | {"more": 1})
    assert errors(media, {name: queue[name] for name in queue if name != "mine"})
    assert errors(media, queue | {"mine": [queue["mine"][0] | {"offered_at": "yesterday"}]})


@pytest.mark.parametrize(
    "model",
    [CancelBody, ClockBody, DeclineBody, DeviceBody, IntakeBody, JoinBody, ReasonBody, WaiverBody],
    ids=lambda model: model.__name__,
)
def test_calls_take_the_bodies_they_show(model: type[Body]) -> None:
    """Validators check more than the schema says."""
    shown = DOCUMENT["components"]["schemas"][model.__name__]["examples"]
    assert all(model.model_validate(example) for example in shown)


def test_one_row_of_the_queue_is_offered_and_one_is_anybodys() -> None:
    queue = examples(DOCUMENTED["GET /mechanic/queue 200"])[0]
    assert [row["metadata"]["match_type"] for row in queue["mine"]] == ["targeted"]
    assert [row["metadata"]["match_type"] for row in queue["unassigned"]] == ["broadcast"]


@pytest.mark.parametrize("path", OPEN)
def test_open_calls_document_only_what_can_happen(path: str) -> None:
    assert set(OPERATIONS[f"GET {path}"]["responses"]) == {"200", "429", "default"}


def test_calls_without_anything_to_check_have_no_422() -> None:
    for call, operation in OPERATIONS.items():
        takes = [p["name"] for p in operation.get("parameters", ()) if p["name"] != "If-None-Match"]
        has_input = bool(takes or "requestBody" in operation)
        assert ("422" in operation["responses"]) is has_input, call


@pytest.mark.parametrize(
    "call", ["GET /mechanic/queue", "GET /sessions/{session_id}", "GET /notifications"]
)
def test_conditional_calls_document_their_etag(call: str) -> None:
    operation = OPERATIONS[call]
    assert "If-None-Match" in [parameter["name"] for parameter in operation["parameters"]]
    assert "ETag" in operation["responses"]["200"]["headers"]
    assert "ETag" in operation["responses"]["304"]["headers"]
    assert "content" not in operation["responses"]["304"]


def test_the_members_a_conflict_brings_are_named() -> None:
    properties = DOCUMENT["components"]["schemas"]["ConflictProblem"]["properties"]
    assert {"reason", "session_id", "clocked_in_at", "current_status"} <= set(properties)
