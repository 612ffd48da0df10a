"""The logger and the metrics of every function (Powertools).

Logs carry ids (event, session, request), never names, addresses or concerns.
"""

import traceback
from collections.abc import Iterator
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from botocore.exceptions import ClientError

from dispatch.core import settings
from dispatch.core.errors import Refusal

__all__ = ["MetricUnit", "count_failure", "flush_metrics", "logger", "metrics"]


class _DiscreetFormatter(LambdaPowertoolsFormatter):
    """Of an exception the log has its type and its stack, not what it says.

    That may quote what people have written: ``int`` and ``strptime`` do, so does SES the address
    it does not send to. Codes stay: which call AWS has refused and why, what Stripe has answered,
    which field was wrong.
    """

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name of logging
        return "\n".join(_stacks(ei[1], set()))


_STRIPES = ("http_status", "code", "param", "request_id")
"""What Stripe's errors have besides their message, whose library is not imported for this."""


def _stacks(error: BaseException | None, seen: set[int]) -> Iterator[str]:
    """The stack of an exception, of its parts if it is a group, and of those it came of.

    Each once: an exception may be its own cause.
    """
    while error and id(error) not in seen:
        seen.add(id(error))
        yield "".join(traceback.format_tb(error.__traceback__)) + _named(error)
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                yield from _stacks(part, seen)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _named(error: BaseException) -> str:
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, ClientError):
        return f"{name}: {error.response['Error']['Code']} to {error.operation_name}"
    if isinstance(error, Refusal):
        fields = [wrong["pointer"] for wrong in error.members.get("errors", ())]
        return " ".join([f"{name}: {error.slug}", *fields])
    codes = [f"{code}={getattr(error, code)}" for code in _STRIPES if getattr(error, code, None)]
    return f"{name}: {' '.join(codes)}" if codes else name


logger = Logger(logger_formatter=_DiscreetFormatter(serialize_stacktrace=False))
metrics = Metrics(namespace=settings.metrics_namespace())


def flush_metrics() -> None:
    """Write what was counted in this invocation, if anything was."""
    if metrics.metric_set:
        metrics.flush_metrics()


def count_failure() -> None:
    """Count a 5xx answer, or a message that could not be handled, against this version.

    Lambda counts neither as an error; the alarm that watches a version's deployment does.
    """
    with single_metric("Failures", MetricUnit.Count, 1, namespace=metrics.namespace) as metric:
        metric.add_dimension("service", logger.service)
        metric.add_dimension("version", settings.function_version())
