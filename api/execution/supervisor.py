"""Everything solved on this machine: slots for plans, clerks for milliseconds, and a queue before each."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from api.execution.assignment import Order
from api.execution.base import SHORT_KINDS, Ending, Event, Full, Job, Kind, Load, Outcome
from api.execution.children import Children
from api.execution.pool import Pool
from api.execution.slot import Reply, Slot
from models.plan import Termination

log = logging.getLogger("placement.execution")

MARGIN_S, MARGIN_SHARE = 1.0, 0.1
"""What a job may overrun its time limit by before it is ended by force. HiGHS looks at its clock about once a second,
and what precedes and follows the search (reading the request, the referee, the replay) grows with the request."""
SALVAGE_S = 20.0
"""Longest time in which a clerk puts together the answer of a job that was ended by force."""
LONG_S = 5.0
"""From when on a start deserves a word: where compiled code is kept it takes half of that."""
DRAINING_RETRY_S = 5
"""Retry-After while draining: another process is about to take over."""

_WHY_SO_LONG = "compiling the search for this machine, about a minute; later starts load what is kept"

WORK: Mapping[Kind, str] = MappingProxyType({kind: f"api.execution.work:{kind}" for kind in Kind})
"""The function behind each kind of job."""
UNFINISHED: Mapping[Kind, str] = MappingProxyType(
    {kind: f"api.execution.unfinished:{kind}" for kind in (Kind.PLAN, Kind.FRONTIER, Kind.COMPARE)}
)
"""The function that answers for a job of this kind that was ended by force."""


@dataclass(frozen=True, slots=True)
class Provision:
    """What one machine gives to solving."""

    slots: int = 2
    """Plans and frontiers that are solved at once, each in a process of its own."""
    threads: int = 1
    """Threads of one solve; slots times threads should not exceed the cores."""
    clerks: int = 1
    """Processes for work of milliseconds."""
    queue_length: int = 16
    """Plans and frontiers that may wait for a slot."""
    clerk_queue_length: int = 64
    """Jobs of milliseconds that may wait for a clerk."""
    memory_bytes: int = 4 * 2**30
    """Address space of one process. At rest it maps about half a GiB."""
    preparation: str = "api.execution.work:prepare"
    """Called once before the first process: loads what work needs."""
    work: Mapping[Kind, str] = field(default_factory=lambda: WORK)
    unfinished: Mapping[Kind, str] = field(default_factory=lambda: UNFINISHED)


@dataclass(eq=False, slots=True)
class _Hand:
    """A job in hand."""

    job: Job
    on_event: Callable[[Event], None]
    place: asyncio.Future[Slot | None] | None = None
    slot: Slot | None = None
    cancelled: bool = False
    queue_seconds: float = 0.0
    task: asyncio.Task[Ending] = field(init=False)


class LocalExecutor:
    """An `Executor` on this machine."""

    def __init__(self, provision: Provision | None = None) -> None:
        self._provision = provision or Provision()
        self._children = Children(self._provision.preparation, self._provision.memory_bytes)
        self._plans = Pool(self._children, self._provision.slots, self._provision.queue_length)
        self._clerks = Pool(self._children, self._provision.clerks, self._provision.clerk_queue_length)
        self._hands: dict[str, _Hand] = {}
        self._draining = False

    async def open(self) -> None:
        """Start all processes; raises RuntimeError when one cannot be started."""
        loop = asyncio.get_running_loop()
        patience = loop.call_later(LONG_S, log.warning, _WHY_SO_LONG)
        outcomes = await asyncio.gather(*(slot.open() for slot in self._slots), return_exceptions=True)
        patience.cancel()
        for failure in filter(None, outcomes):
            await self._end_processes()
            raise failure

    async def close(self, grace_s: float) -> None:
        """See `Executor.close`."""
        self._draining = True
        for hand in list(self._hands.values()):
            self._leave_queue(hand)
        await self._wait_for_all(grace_s)
        for job_id in list(self._hands):
            self.cancel(job_id)
        await self._wait_for_all(None)
        await self._end_processes()

    def check_room(self, kind: Kind) -> None:
        """See `Executor.check_room`."""
        if self._draining:
            raise Full(DRAINING_RETRY_S)
        self._pool(kind).check_room()

    async def run(self, job: Job, on_event: Callable[[Event], None]) -> Ending:
        """See `Executor.run`."""
        self.check_room(job.kind)
        if job.id in self._hands:
            raise ValueError(f"job {job.id} is in hand already")
        hand = self._hands[job.id] = _Hand(job, on_event)
        hand.task = asyncio.create_task(self._see_through(hand))
        try:
            return await asyncio.shield(hand.task)
        except asyncio.CancelledError:
            self.cancel(job.id)
            raise

    def cancel(self, job_id: str) -> bool:
        """See `Executor.cancel`."""
        hand = self._hands.get(job_id)
        if hand is None:
            return False
        hand.cancelled = True
        if hand.slot is not None:
            hand.slot.cancel()
        else:
            self._leave_queue(hand)
        return True

    async def salvage(self, job: Job, incumbent: dict[str, Any] | None, termination: Termination) -> Ending:
        """See `Executor.salvage`."""
        if job.kind not in self._provision.unfinished:
            return Ending(Outcome.LOST, message=f"ended by force: {termination}", incumbent=incumbent)
        details = {"termination": termination, "known": incumbent}
        order = Order(
            job.id, self._provision.unfinished[job.kind], SALVAGE_S, self._provision.threads, job.traceparent, details
        )
        clerk = await self._clerks.take(first=True)
        assert clerk is not None
        reply = await clerk.solve(order, job.body, SALVAGE_S, lambda _: None)
        return Ending(reply.outcome, reply.body, reply.message, incumbent=incumbent)

    def load(self) -> Load:
        """See `Executor.load`."""
        return replace(self._plans.load(), respawned=sum(max(0, slot.starts - 1) for slot in self._slots))

    async def _see_through(self, hand: _Hand) -> Ending:
        """From the queue to the ending."""
        try:
            began = time.monotonic()
            slot = await self._slot_for(hand)
            hand.queue_seconds = time.monotonic() - began
            ending = await (self._unserved(hand) if slot is None else self._served(hand, slot))
            return replace(
                ending,
                queue_seconds=hand.queue_seconds,
                solve_seconds=time.monotonic() - began - hand.queue_seconds,
            )
        finally:
            del self._hands[hand.job.id]

    async def _slot_for(self, hand: _Hand) -> Slot | None:
        pool = self._pool(hand.job.kind)
        hand.place = pool.take()
        if self._given_up(hand):
            pool.leave(hand.place)
        slot = await hand.place
        if slot is not None and self._given_up(hand):
            pool.give_back(slot)
            return None
        return slot

    def _given_up(self, hand: _Hand) -> bool:
        return hand.cancelled or self._draining

    async def _unserved(self, hand: _Hand) -> Ending:
        """A job that left the queue."""
        if hand.cancelled:
            return await self.salvage(hand.job, None, Termination.CANCELLED)
        return Ending(Outcome.LOST, message="draining")

    async def _served(self, hand: _Hand, slot: Slot) -> Ending:
        job, pool = hand.job, self._pool(hand.job.kind)
        hand.slot = slot
        _tell(hand.on_event, Event("started", {"queue_seconds": hand.queue_seconds}))
        details = {} if job.known is None else {"known": job.known}
        order = Order(
            job.id, self._provision.work[job.kind], job.time_limit_s, self._provision.threads, job.traceparent, details
        )
        allowance_s = job.time_limit_s * (1 + MARGIN_SHARE) + MARGIN_S
        began = time.monotonic()
        reply = await slot.solve(order, job.body, allowance_s, lambda event: _tell(hand.on_event, event))
        pool.note(time.monotonic() - began)
        hand.slot = None
        return await self._ending(job, reply)

    async def _ending(self, job: Job, reply: Reply) -> Ending:
        """What a reply comes to; jobs that were ended by force, or by their memory cap, are answered by a clerk."""
        why = Termination.MEMORY_LIMIT if reply.outcome is Outcome.MEMORY else reply.forced
        if why is None or job.kind not in self._provision.unfinished:
            outcome = Outcome.FAILED if reply.forced is Termination.TIME_LIMIT else reply.outcome
            return Ending(outcome, reply.body, reply.message, incumbent=reply.incumbent)
        log.warning("job %s: %s; answered with what was known", job.id, reply.message)
        return await self.salvage(job, reply.incumbent, why)

    def _leave_queue(self, hand: _Hand) -> None:
        if hand.place is not None:
            self._pool(hand.job.kind).leave(hand.place)

    async def _wait_for_all(self, at_most_s: float | None) -> None:
        tasks = [hand.task for hand in self._hands.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=at_most_s)

    async def _end_processes(self) -> None:
        await asyncio.gather(*(slot.close() for slot in self._slots))
        await self._children.stop()

    @property
    def _slots(self) -> list[Slot]:
        return [*self._plans.slots, *self._clerks.slots]

    def _pool(self, kind: Kind) -> Pool:
        return self._clerks if kind in SHORT_KINDS else self._plans


def _tell(on_event: Callable[[Event], None], event: Event) -> None:
    """A listener's fault is not the job's."""
    try:
        on_event(event)
    except Exception:  # whatever it is, the job goes on
        log.exception("nobody could be told of %s", event.name)
