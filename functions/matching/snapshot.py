"""Schedule: renews the roster's snapshots, from which instances load."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from dispatch.core import time
from dispatch.core.logging import flush_metrics, logger
from dispatch.matching.service import renew_snapshots


def handler(_event: dict[str, Any], context: LambdaContext) -> None:
    logger.append_keys(request_id=context.aws_request_id)
    try:
        renew_snapshots(time.now())
    finally:
        flush_metrics()
