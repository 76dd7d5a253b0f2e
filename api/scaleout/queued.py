"""An executor whose jobs are solved by workers anywhere; here they are followed through the store."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from api.execution.base import SHORT_KINDS, Ending, Event, Executor, Full, Job, Kind, Load, Outcome
from api.execution.known import Known
from api.scaleout.meaning import Meaning
from api.scaleout.queue import PlanQueue
from api.scaleout.shared_plans import POLL_S, SharedPlans
from api.store.errors import StoreUnavailable
from models.plan import Termination

log = logging.getLogger("placement.scaleout")

LOOK_S = 0.5
"""How often it is asked how busy the workers are."""
NOT_THERE_YET_S = 0.05
"""Pause before a plan is cancelled that is not in the store yet."""
LONGEST_RETRY_S = 60
DRAINING_RETRY_S = 5
QUEUED_KINDS = frozenset(Kind) - SHORT_KINDS - {Kind.READINESS}
"""What the store keeps; the rest is done here, by clerks and the one slot that tries the solvers."""
_EVENTS = frozenset({"started", "incumbent", "bound"})


@dataclass(eq=False, slots=True)
class _Followed:
    """A job that is followed."""

    job: Job
    on_event: Callable[[Event], None]
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False
    after: int = 0
    """Number of the last event that was seen."""
    known: Known = field(default_factory=Known)
    task: asyncio.Task[Ending] = field(init=False)


class QueuedExecutor:
    """An `Executor` on many machines. Work of milliseconds is done by this process's own clerks.

    `run` follows a plan: it is `SharedPlans.insert` that queues it, in the transaction that accepts it, so that
    there is never one without the other. Both may be called in any order.
    """

    def __init__(
        self, plans: SharedPlans, queue: PlanQueue, clerks: Executor, meaning: Meaning, queue_length: int
    ) -> None:
        """`queue_length`: plans that may wait for a worker, those of other API processes included."""
        self._plans, self._queue, self._clerks, self._meaning = plans, queue, clerks, meaning
        self._queue_length = queue_length
        self._followed: dict[str, _Followed] = {}
        self._cancelling: set[asyncio.Task[None]] = set()
        self._load = Load(slots=0, busy=0, queued=0, recent_solve_seconds=1.0)
        self._since = 0
        """Own jobs that were accepted since the load was asked for, less those that ended."""
        self._looking: asyncio.Task[None] | None = None
        self._draining = asyncio.Event()

    async def open(self) -> None:
        """Start the clerks. The plans' store is open."""
        await self._clerks.open()
        await self.look()
        self._looking = asyncio.create_task(self._go_on_looking(), name="load-of-workers")

    async def close(self, grace_s: float) -> None:
        """Let go of all plans: they are solved all the same. Nothing here needs the grace but the clerks."""
        self._draining.set()
        if self._looking is not None:
            self._looking.cancel()
        for followed in self._followed.values():
            followed.changed.set()
        while self._followed:
            await asyncio.wait([followed.task for followed in self._followed.values()])
        if self._cancelling:
            await asyncio.wait(self._cancelling)
        await self._clerks.close(grace_s)

    def check_room(self, kind: Kind) -> None:
        """See `Executor.check_room`; of what others have queued in the last half second nothing is known."""
        if self._draining.is_set():
            raise Full(DRAINING_RETRY_S)
        if kind not in QUEUED_KINDS:
            self._clerks.check_room(kind)
            return
        load = self._load
        if load.busy + load.queued + self._since >= load.slots + self._queue_length:
            seconds = (load.queued + 1) * load.recent_solve_seconds / max(1, load.slots)
            raise Full(min(LONGEST_RETRY_S, max(1, math.ceil(seconds))))

    async def run(self, job: Job, on_event: Callable[[Event], None]) -> Ending:
        """Follow the plan of this id to its end; see `Executor.run`."""
        if job.kind not in QUEUED_KINDS:
            return await self._clerks.run(job, on_event)
        self.check_room(job.kind)
        if job.id in self._followed:
            raise ValueError(f"job {job.id} is in hand already")
        self._since += 1
        self._plans.trace(job.id, job.traceparent)
        followed = self._followed[job.id] = _Followed(job, on_event)
        followed.task = asyncio.create_task(self._follow(followed))
        try:
            return await asyncio.shield(followed.task)
        except asyncio.CancelledError:
            self.cancel(job.id)
            raise

    def cancel(self, job_id: str) -> bool:
        """See `Executor.cancel`."""
        followed = self._followed.get(job_id)
        if followed is None:
            return self._clerks.cancel(job_id)
        if not followed.cancelled:
            followed.cancelled = True
            task = asyncio.create_task(self._request_cancel(followed))
            self._cancelling.add(task)
            task.add_done_callback(self._cancelling.discard)
        return True

    async def salvage(self, job: Job, incumbent: dict[str, Any] | None, termination: Termination) -> Ending:
        """See `Executor.salvage`."""
        return await self._clerks.salvage(job, incumbent, termination)

    @property
    def in_hand(self) -> list[str]:
        """Ids of the plans that are followed here."""
        return list(self._followed)

    def load(self) -> Load:
        """Of all workers together, half a second old; see `Executor.load`."""
        return replace(self._load, respawned=self._load.respawned + self._clerks.load().respawned)

    async def look(self) -> None:
        """Ask how busy the workers are."""
        with suppress(StoreUnavailable):
            since = self._since
            self._load = await self._queue.load()
            self._since -= since

    async def _go_on_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def _follow(self, followed: _Followed) -> Ending:
        try:
            with self._plans.watch.following(followed.job.id, followed.changed):
                while not self._draining.is_set():
                    followed.changed.clear()
                    with suppress(StoreUnavailable):
                        ending = await self._seen(followed)
                        if ending is not None:
                            return ending
                    with suppress(TimeoutError):
                        await asyncio.wait_for(followed.changed.wait(), POLL_S)
            return Ending(Outcome.LOST, message="draining", incumbent=followed.known.data)
        finally:
            self._since -= 1
            del self._followed[followed.job.id]

    async def _seen(self, followed: _Followed) -> Ending | None:
        """Tell what is new; the ending, if there is one."""
        for event in await self._plans.events(followed.job.id, followed.after):
            followed.after = event.seq
            if event.name in _EVENTS:
                data = json.loads(event.data)
                if event.name != "started":
                    followed.known.learn(data)
                _tell(followed.on_event, Event(event.name, data))  # type: ignore[arg-type]  # one of _EVENTS
            elif event.name == "done":
                row = await self._plans.get(followed.job.id, owner=None)
                if row is None:
                    return Ending(
                        Outcome.FAILED, message="the plan is not kept any more", incumbent=followed.known.data
                    )
                return replace(self._meaning.ending(row), incumbent=followed.known.data)
        unborn = followed.cancelled and not self._plans.is_being_inserted(followed.job.id)
        if unborn and await self._plans.status(followed.job.id, owner=None) is None:
            return await self._clerks.salvage(followed.job, None, Termination.CANCELLED)
        return None

    async def _request_cancel(self, followed: _Followed) -> None:
        while not followed.task.done() and not self._draining.is_set():
            with suppress(StoreUnavailable):
                if await self._plans.request_cancel(followed.job.id):
                    return
            followed.changed.set()
            await asyncio.sleep(NOT_THERE_YET_S)


def _tell(on_event: Callable[[Event], None], event: Event) -> None:
    """A listener's fault is not the job's."""
    try:
        on_event(event)
    except Exception:  # whatever it is, the job goes on
        log.exception("nobody could be told of %s", event.name)
