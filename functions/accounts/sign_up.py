"""Cognito: a user was confirmed. Whoever signs up waits for this; Cognito wants the event back."""

from typing import Any

from dispatch.accounts.service import welcome
from dispatch.core.invocations import handler_of


def confirmed(event: dict[str, Any], _context: object) -> dict[str, Any]:
    welcome(event)
    return event


handler = handler_of(confirmed)
