"""Loading the live roster from nothing, through the real store code."""

import gc
import tracemalloc
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter, process_time

from dispatch.matching import service as matching
from dispatch.matching.rules import match_request
from dispatch.policy.model import Policy

_POLICY = Policy()
_ANYWHERE = match_request()
"""A customer of unknown country: every country is loaded."""


@dataclass(frozen=True, slots=True)
class Loading:
    """To load this many mechanics and rank for the first time."""

    source: str
    mechanics: int
    seconds: float
    processor_s: float


def load(source: str, count: int, now: datetime) -> Loading:
    """From wherever the roster is loaded from now; ``source`` is what that is called."""
    matching.forget()
    started, worked = perf_counter(), process_time()
    matching.rank(_ANYWHERE, 10, _POLICY, now)
    return Loading(source, count, perf_counter() - started, process_time() - worked)


def memory(now: datetime) -> int:
    """Bytes that the loaded roster takes."""
    matching.forget()
    gc.collect()
    tracemalloc.start()
    matching.rank(_ANYWHERE, 10, _POLICY, now)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size
