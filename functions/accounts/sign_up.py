"""Cognito: a user was confirmed. Whoever signs up waits for this; Cognito wants the event back."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from dispatch.accounts.service import welcome
from dispatch.core.logging import logger


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    logger.append_keys(request_id=context.aws_request_id)
    welcome(event)
    return event
