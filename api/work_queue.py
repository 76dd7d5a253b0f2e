"""Long work in threads, beside the event loop: a few at a time, a few more waiting, the rest turned away."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from fastapi import Request

from api.problems import Problem, ProblemType

Result = TypeVar("Result")
Cancelled = Callable[[], bool]


class ClientLeft(Exception):
    """The caller closed the connection, so nobody waits for the answer."""


class WorkQueue:
    """Runs work in at most `threads` threads; `waiting` more callers wait for one of them."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._limiter = anyio.CapacityLimiter(threads)
        self._threads = threads
        self._places = threads + waiting
        self._admitted = 0
        self._recent_s = 1.0

    async def run(self, request: Request, work: Callable[[Cancelled], Result]) -> Result:
        """The result of `work`, which is told through its argument when the caller has left or the service stops.

        Raises `Problem` (busy) at once when the queue is full, and `ClientLeft` when nobody waits any more.
        """
        if self._admitted >= self._places:
            raise self._busy()
        self._admitted += 1
        try:
            return await self._run_unless_abandoned(request, work)
        finally:
            self._admitted -= 1

    async def _run_unless_abandoned(self, request: Request, work: Callable[[Cancelled], Result]) -> Result:
        abandoned = threading.Event()
        results: list[Result] = []
        failures: list[Exception] = []

        def timed() -> None:
            began = time.monotonic()
            try:
                results.append(work(abandoned.is_set))
            except Exception as error:  # noqa: BLE001 - raised again below, outside the task group's exception group
                failures.append(error)
            self._recent_s += 0.3 * (time.monotonic() - began - self._recent_s)

        async def watch(scope: anyio.CancelScope) -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            abandoned.set()
            scope.cancel()

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(watch, group.cancel_scope)
                await anyio.to_thread.run_sync(timed, limiter=self._limiter)
                group.cancel_scope.cancel()
        finally:
            abandoned.set()
        if failures:
            raise failures[0]
        if not results:
            raise ClientLeft
        return results[0]

    def _busy(self) -> Problem:
        queued = self._admitted - self._threads + 1
        seconds = min(60, max(1, math.ceil(queued * self._recent_s / self._threads)))
        return Problem(
            ProblemType.BUSY,
            f"{self._threads} plans are being solved and {self._admitted - self._threads} are waiting",
            headers={"Retry-After": str(seconds)},
        )
