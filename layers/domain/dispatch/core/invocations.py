"""What every entry point but HTTP's does around its use case."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from dispatch.core import start
from dispatch.core.logging import flush_metrics, logger

Handler = Callable[[dict[str, Any], LambdaContext], Any]


def handler_of(use_case: Handler) -> Handler:
    """An entry point that hands the event on as it is. The last thing its module makes."""

    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        logger.append_keys(request_id=context.aws_request_id)
        try:
            return use_case(event, context)
        finally:
            flush_metrics()

    start.done()
    return handler
