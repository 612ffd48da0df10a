"""Runs as a worker with the code of an HTTP function: what its FastAPI application serves."""

import importlib
from typing import Any


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The OpenAPI document of ``app`` in the module ``event["module"]``."""
    application = importlib.import_module(event["module"]).app
    document: dict[str, Any] = application.openapi()
    return document
