"""A slower processor, by duty cycle: after c CPU-seconds of work the thread sleeps until c / share has passed.

The sleep is taken at every layer boundary, forward and backward, so that a pass proceeds like on a slower node and
other nodes on the same cores are disturbed for no longer than a layer. Only the thread that computes is counted and
slowed: autograd on CPU runs backward passes in the calling thread, torch computes with one thread here, and gloo's own
threads go on sending and receiving, as a network card does.

Time owed is kept over a whole pass: being preempted, or a late wake-up, shortens the next sleep of the same pass.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Throttle:
    """The processor of one node. share: of one core, 0 < share <= 1; 1 does not slow anything."""

    share: float = 1.0
    passes: list[PassTime] = field(default_factory=list)
    """Every pass since the list was last cleared."""
    _running: bool = False
    _started_s: float = 0.0
    _cpu_started_s: float = 0.0
    _marks: list[float] = field(default_factory=list)

    @contextmanager
    def run_pass(self, activity: str, stage: int, micro_batch: int) -> Iterator[None]:
        """Everything inside is one pass; at its end all its CPU time is paid for."""
        self._started_s, self._cpu_started_s = time.monotonic(), time.thread_time()
        self._marks, self._running = [], True
        try:
            yield
        finally:
            self._running = False
        cpu_s = time.thread_time() - self._cpu_started_s
        self._sleep_until(self._started_s + cpu_s / self.share)
        self.passes.append(
            PassTime(activity, stage, micro_batch, self._started_s, time.monotonic(), cpu_s, tuple(self._marks))
        )

    def pay(self) -> None:
        """A layer boundary inside a pass: sleep for the CPU time used so far."""
        if self._running:
            self._sleep_until(self._started_s + (time.thread_time() - self._cpu_started_s) / self.share)
            self._marks.append(time.monotonic() - self._started_s)

    def _sleep_until(self, moment_s: float) -> None:
        if self.share < 1 and (left := moment_s - time.monotonic()) > 0:
            time.sleep(left)


@dataclass(frozen=True, slots=True)
class PassTime:
    """One pass: start and end on the monotonic clock, CPU time, and layer boundaries in s since its start."""

    activity: str
    stage: int
    micro_batch: int
    started_s: float
    ended_s: float
    cpu_s: float
    marks_s: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """How long the slowed node was busy with it."""
        return self.ended_s - self.started_s
