"""One plan in the hands of a worker: solved, its events kept, and its end written once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from api.execution.base import Ending, Event, Executor, Job, Kind, Outcome
from api.execution.known import Known
from api.scaleout.leases import Leases, Taken
from api.scaleout.meaning import Meaning
from api.store.errors import StoreUnavailable
from api.store.plans import NewEvent
from models.plan import Termination

log = logging.getLogger("placement.scaleout")

KEEPING_S = 0.25
"""How often events are written; those of one interval go together."""
RETRY_S = 0.5
"""Pause before the store is tried again."""
MOST_EVENTS = 5000
"""Events kept of one plan; further ones are left out, the end never is."""
_REPORTS = frozenset({"incumbent", "bound"})


class Hand:
    """From the lease to the end. One event loop owns it."""

    def __init__(
        self, taken: Taken, executor: Executor, leases: Leases, meaning: Meaning, traceparent: str | None
    ) -> None:
        row = taken.row
        self._taken, self._executor, self._leases, self._meaning = taken, executor, leases, meaning
        self._known = Known()
        for told in taken.told:
            if told.name in _REPORTS:
                self._known.learn(json.loads(told.data))
        self._job = Job(row.id, Kind(row.kind), row.request, row.time_limit_s, traceparent, self._known.data)
        self._seq = taken.told[-1].seq
        self._fresh: list[NewEvent] = []
        self._cancelled = row.cancel_requested
        self._broken_off = self._lost = False
        self.over = asyncio.Event()
        """Set by its owner when the plan is out of hand."""

    @property
    def plan_id(self) -> str:
        """Of the plan."""
        return self._job.id

    def cancel(self) -> None:
        """Nobody wants the plan: end it soon, with its best."""
        self._cancelled = True
        self._executor.cancel(self.plan_id)

    def break_off(self) -> None:
        """The worker stops: queue the plan again, as if it had not been begun."""
        self._broken_off = True
        self._executor.cancel(self.plan_id)

    async def see_through(self) -> None:
        """Solve the plan and keep its end, or hand it back; returns when that is durable."""
        writing = asyncio.create_task(self._keep_events())
        try:
            ending = await self._ending()
        finally:
            writing.cancel()
            await asyncio.wait([writing])
        if self._lost:
            return
        if self._goes_back(ending):
            await self._persistently(lambda: self._leases.hand_back(self._taken.lease, counted=not self._broken_off))
            return
        ending = replace(ending, queue_seconds=self._waited_s + ending.queue_seconds)
        kept = self._meaning.kept(replace(self._taken.row, cancel_requested=self._cancelled), ending)
        self._tell("done", kept.told)
        await self._persistently(lambda: self._leases.finish(self._taken.lease, kept.result, self._fresh))

    async def _ending(self) -> Ending:
        most = self._meaning.most_attempts
        attempts = self._taken.row.attempts
        if self._cancelled:
            return await self._executor.salvage(self._job, self._known.data, Termination.CANCELLED)
        if most is not None and attempts > most:
            return await self._executor.salvage(self._job, self._known.data, Termination.WORKER_LOST)
        try:
            ending = await self._executor.run(self._job, self._heard)
        except Exception as error:
            log.exception("plan %s", self.plan_id)
            return Ending(Outcome.FAILED, message=type(error).__name__)
        final = most is not None and attempts >= most and not self._broken_off
        if ending.outcome is Outcome.LOST and (final or (most is not None and self._cancelled)):
            why = Termination.CANCELLED if self._cancelled else Termination.WORKER_LOST
            return await self._executor.salvage(self._job, self._known.data, why)
        return ending

    def _goes_back(self, ending: Ending) -> bool:
        if self._cancelled:
            return False
        most = self._meaning.most_attempts
        lost = ending.outcome is Outcome.LOST and most is not None and self._taken.row.attempts < most
        return self._broken_off or lost

    @property
    def _waited_s(self) -> float:
        row = self._taken.row
        return max(0.0, (row.started_at - row.created_at).total_seconds()) if row.started_at else 0.0

    def _heard(self, event: Event) -> None:
        if event.name not in _REPORTS:
            return
        news = self._known.learn(event.data)
        if news is not None and self._seq < MOST_EVENTS:
            self._tell(news.name, news.data)

    def _tell(self, name: str, data: dict[str, Any]) -> None:
        self._seq += 1
        self._fresh.append((self._seq, name, json.dumps(data, separators=(",", ":"))))

    async def _keep_events(self) -> None:
        """Until cancelled; what is not certainly kept by then is written with the end."""
        while True:
            await asyncio.sleep(KEEPING_S)
            events = list(self._fresh)
            if not events:
                continue
            try:
                held = await self._leases.append(self._taken.lease, events)
            except StoreUnavailable as unavailable:
                log.warning("events of plan %s have to wait: %s", self.plan_id, unavailable)
                continue
            del self._fresh[: len(events)]
            if not held:
                self._lose()
                return

    async def _persistently(self, write: Callable[[], Awaitable[bool]]) -> None:
        while True:
            try:
                held = await write()
            except StoreUnavailable as unavailable:
                log.warning("the end of plan %s has to wait: %s", self.plan_id, unavailable)
                await asyncio.sleep(RETRY_S)
            else:
                if not held:
                    self._lose()
                return

    def _lose(self) -> None:
        """The worker was taken for dead. Another has the plan or ended it: what is done here is of no use."""
        log.warning("plan %s has ended, or is another worker's by now", self.plan_id)
        self._lost = True
        self._executor.cancel(self.plan_id)
