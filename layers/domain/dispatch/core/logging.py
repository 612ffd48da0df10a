"""The logger and the metrics of every function (Powertools).

Logs carry ids (event, session, request), never names, addresses or concerns.
"""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from dispatch.core import settings

__all__ = ["MetricUnit", "count_failure", "flush_metrics", "logger", "metrics"]

NAMESPACE = "Dispatch"

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)


def flush_metrics() -> None:
    """Write what was counted in this invocation, if anything was."""
    if metrics.metric_set:
        metrics.flush_metrics()


def count_failure() -> None:
    """Count a 5xx answer, or a message that could not be handled, against this version.

    Lambda counts neither as an error; the alarm that watches a version's deployment does.
    """
    with single_metric("Failures", MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
        metric.add_dimension("service", logger.service)
        metric.add_dimension("version", settings.function_version())
