"""The logger and the metrics of every function (Powertools).

Logs carry ids (event, session, request), never names, addresses or concerns.
"""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

__all__ = ["MetricUnit", "flush_metrics", "logger", "metrics"]

logger = Logger()
metrics = Metrics(namespace="Dispatch")


def flush_metrics() -> None:
    """Write what was counted in this invocation, if anything was."""
    if metrics.metric_set:
        metrics.flush_metrics()
