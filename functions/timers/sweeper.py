"""Schedule: repairs what lost messages and rings have left."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from dispatch.core import time
from dispatch.core.logging import flush_metrics, logger
from dispatch.timers.sweeper import sweep


def handler(_event: dict[str, Any], context: LambdaContext) -> None:
    logger.append_keys(request_id=context.aws_request_id)
    try:
        sweep(time.now())
    finally:
        flush_metrics()
