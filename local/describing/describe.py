"""Runs as a worker with the code of an HTTP function: what its FastAPI application serves."""

import importlib
from typing import Any
from unittest.mock import patch

from fastapi.encoders import jsonable_encoder
from fastapi.openapi.models import OpenAPI


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The OpenAPI document of ``app`` in the module ``event["module"]``."""
    application = importlib.import_module(event["module"]).app
    with patch("fastapi.openapi.utils.jsonable_encoder", _encoded):
        document: dict[str, Any] = application.openapi()
    return document


def _encoded(part: Any, **options: Any) -> Any:
    """As FastAPI does it, but for null: it would take out what examples say is null."""
    if isinstance(part, OpenAPI):
        return part.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return jsonable_encoder(part, **options)
