"""Milliseconds, measured again and again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import perf_counter, process_time


@dataclass(slots=True)
class Times:
    """Wall-clock milliseconds, and those that our own process was at work."""

    ms: list[float] = field(default_factory=list)
    processor_ms: list[float] = field(default_factory=list)

    @contextmanager
    def one(self) -> Iterator[None]:
        """What is in the block is measured once."""
        started, worked = perf_counter(), process_time()
        yield
        self.processor_ms.append((process_time() - worked) * 1000)
        self.ms.append((perf_counter() - started) * 1000)

    @property
    def p50(self) -> float:
        return median(self.ms)

    @property
    def p95(self) -> float:
        return quantiles(self.ms, n=20, method="inclusive")[-1]

    @property
    def processor(self) -> float:
        """The middle one."""
        return median(self.processor_ms)
