"""What a node writes down of its iterations while it runs a job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from examples.split_runtime.job import NodeReport, Span
from examples.split_runtime.sending import Courier
from examples.split_runtime.throttle import Throttle


class Record:
    """Times of every iteration (or request) behind the first `warm_up` ones, and of its passes."""

    def __init__(self, courier: Courier, throttle: Throttle, warm_up: int) -> None:
        self._courier, self._throttle, self._warm_up = courier, throttle, warm_up
        self._started: list[float] = []
        self._ended: list[float] = []
        self._busy: list[float] = []
        self._cpu: list[float] = []

    @contextmanager
    def iteration(self, number: int) -> Iterator[None]:
        """Everything inside, and until what it sent has been taken, is the iteration of this number, from 0."""
        self._throttle.passes.clear()
        started_s = time.monotonic()
        yield
        self._courier.flush()
        if number >= self._warm_up:
            self._started.append(started_s)
            self._ended.append(time.monotonic())
            self._busy.append(sum(one.seconds for one in self._throttle.passes))
            self._cpu.append(sum(one.cpu_s for one in self._throttle.passes))

    def report(
        self, *, losses: tuple[float, ...] = (), tokens: tuple[tuple[tuple[int, ...], ...], ...] = ()
    ) -> NodeReport:
        """All of it, with what was learnt or said, and what crossed links since the last report."""
        return NodeReport(
            self._courier.me,
            tuple(self._started),
            tuple(self._ended),
            tuple(self._busy),
            tuple(self._cpu),
            self._courier.take_ledger(),
            losses=losses,
            tokens=tokens,
            spans=tuple(
                Span(p.activity, p.stage, p.micro_batch, p.started_s, p.ended_s) for p in self._throttle.passes
            ),
        )
