"""How much memory the service takes, looked at every second."""

from __future__ import annotations

import statistics
import threading
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from benchmarks.served import Served

EVERY_S = 1.0
SHARE = 0.15
"""Of the samples of a life, so many are its beginning (after the warm-up) and its end."""
WARM_UP_SHARE = 0.2
MIB = 2**20


@dataclass
class Life:
    """Samples of one API process, in MiB."""

    pid: int
    service: list[float] = field(default_factory=list)
    """Resident set of the API process."""
    workers: list[float] = field(default_factory=list)
    """Resident sets of forkserver and workers together; shared pages are counted in each."""


class Memory:
    """Watches a service over its restarts."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self.lives: list[Life] = []

    def watch_until(self, over: threading.Event) -> None:
        """Look at it every second."""
        while not over.wait(EVERY_S):
            with suppress(psutil.Error, AssertionError):
                process = self._served.process
                service = process.memory_info().rss / MIB
                workers = sum(each.memory_info().rss for each in self._served.family()) / MIB
                if not self.lives or self.lives[-1].pid != process.pid:
                    self.lives.append(Life(process.pid))
                self.lives[-1].service.append(service)
                self.lives[-1].workers.append(workers)


def growth(samples: list[float]) -> tuple[float, float]:
    """Medians of the beginning, after a warm-up, and of the end."""
    warm = samples[int(len(samples) * WARM_UP_SHARE) :]
    count = max(1, int(len(samples) * SHARE))
    return statistics.median(warm[:count]), statistics.median(warm[-count:])
