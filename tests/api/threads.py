"""An executor whose workers are threads, and whose planner is whatever a test puts in."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from api.execution import work
from api.execution.assignment import Assignment, Order
from api.execution.base import SHORT_KINDS, Ending, Event, Full, Job, Kind, Load, Outcome
from api.requests import parse
from models import FrontierRequest, PlanRequest
from models.plan import Termination


@dataclass(eq=False)
class _Hand:
    cancelled: threading.Event = field(default_factory=threading.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)


class ThreadExecutor:
    """An `Executor` for tests of transport: nothing is ended by force.

    `plan` and `frontier` take a request and `cancelled`, and answer a domain object; InvalidInput refuses.
    """

    def __init__(
        self, plan: Callable[..., Any], frontier: Callable[..., Any], slots: int = 2, waiting: int = 16
    ) -> None:
        self._functions = {Kind.PLAN: (PlanRequest, plan), Kind.FRONTIER: (FrontierRequest, frontier)}
        self._plan = plan
        self._slots, self._waiting = slots, waiting
        self._hands: dict[str, _Hand] = {}
        self._busy = 0
        self._queue: list[asyncio.Future[bool]] = []
        self.draining = False
        self.lose = 0
        """How many of the next jobs lose their worker."""
        self.began: list[Job] = []
        """Plans and frontiers that were begun, in order."""

    async def open(self) -> None:
        pass

    async def close(self, grace_s: float) -> None:
        self.draining = True
        for place in self._queue:
            if not place.done():
                place.set_result(False)
        until = time.monotonic() + grace_s
        while self._hands and time.monotonic() < until:
            await asyncio.sleep(0.01)
        for job_id in list(self._hands):
            self.cancel(job_id)
        while self._hands:
            await asyncio.sleep(0.01)

    def check_room(self, kind: Kind) -> None:
        if self.draining or (kind not in SHORT_KINDS and self._busy + len(self._queue) >= self._slots + self._waiting):
            raise Full(7)

    async def run(self, job: Job, on_event: Callable[[Event], None]) -> Ending:
        self.check_room(job.kind)
        hand = self._hands[job.id] = _Hand()
        began = time.monotonic()
        try:
            if job.kind in SHORT_KINDS or job.kind is Kind.READINESS:
                return await asyncio.to_thread(self._outcome, job, hand)
            if not await self._place(hand):
                if hand.cancelled.is_set():
                    return await self.salvage(job, None, Termination.CANCELLED)
                return Ending(Outcome.LOST, message="draining")
            queue_seconds = time.monotonic() - began
            try:
                on_event(Event("started", {"queue_seconds": queue_seconds}))
                self.began.append(job)
                if self.lose > 0:
                    self.lose -= 1
                    return Ending(Outcome.LOST, message="the worker died")
                ending = await asyncio.to_thread(self._outcome, job, hand)
            finally:
                self._busy -= 1
                self._admit_next()
            return replace(ending, queue_seconds=queue_seconds, solve_seconds=time.monotonic() - began - queue_seconds)
        finally:
            del self._hands[job.id]

    def cancel(self, job_id: str) -> bool:
        hand = self._hands.get(job_id)
        if hand is None:
            return False
        hand.cancelled.set()
        hand.left.set()
        return True

    async def salvage(self, job: Job, incumbent: dict[str, Any] | None, termination: Termination) -> Ending:
        return Ending(Outcome.LOST, message="nothing is known")

    def load(self) -> Load:
        return Load(slots=self._slots, busy=self._busy, queued=len(self._queue), recent_solve_seconds=1.0)

    async def _place(self, hand: _Hand) -> bool:
        if self._busy < self._slots:
            self._busy += 1
            return True
        place = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        left = asyncio.create_task(hand.left.wait())
        await asyncio.wait({place, left}, return_when=asyncio.FIRST_COMPLETED)
        left.cancel()
        if place.done():
            return bool(place.result())
        self._queue.remove(place)
        return False

    def _admit_next(self) -> None:
        if self._queue and not self._queue[0].done() and not self.draining:
            self._busy += 1
            self._queue.pop(0).set_result(True)
        elif self.draining:
            self._queue.clear()

    def _outcome(self, job: Job, hand: _Hand) -> Ending:
        assignment = Assignment(Order(job.id, job.kind, job.time_limit_s, 1), hand.cancelled.is_set, lambda _: None)
        try:
            if job.kind in self._functions:
                return Ending(Outcome.ANSWERED, self._planned(job, assignment))
            if job.kind is Kind.READINESS:
                return Ending(Outcome.ANSWERED, work.to_json(work.Readiness(backends=tuple(work.try_all(self._plan)))))
            return Ending(Outcome.ANSWERED, getattr(work, job.kind)(job.body, assignment))
        except work.Refused as refused:
            return Ending(Outcome.REFUSED, refused.details)
        except Exception as error:  # noqa: BLE001 - as the worker does
            return Ending(Outcome.FAILED, message=f"{type(error).__name__}: {error}")

    def _planned(self, job: Job, assignment: Assignment) -> bytes:
        kind, function = self._functions[job.kind]
        with work.refusals(job.body):
            answer = function(parse(kind, job.body), cancelled=assignment.cancelled)
        return work.to_json(answer.model_copy(update={"id": job.id}))
