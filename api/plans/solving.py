"""A plan on its way: run, run again when its worker was lost, and kept, whatever the database does meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from api.execution.base import Ending, Event, Executor, Full, Job, Outcome
from api.observability.instruments import Instruments
from api.plans import endings
from api.plans.answers import head_of, status_of
from api.plans.known import KnownAnswers
from api.plans.live import End, Live, View
from api.plans.refusals import busy, store_unavailable
from api.problems import Problem
from api.store.errors import StoreUnavailable
from api.store.plans import PlanStore
from models.plan import Termination

log = logging.getLogger("placement.api")

MOST_ATTEMPTS = 2
"""How often a plan is begun before it is given up: one that kills its worker shall not do so for ever."""
KEEPING_S = 0.25
"""How often events are written while a plan is solved; the end is written at once."""
RETRY_S = 0.5
"""Pause before the store is tried again, and before a plan that was promised asks for room again."""
READING_S = 2.0
"""How long a known answer is sought where a plan cannot be kept."""


class Solving:
    """Takes plans from their acceptance to their end. One event loop owns it."""

    def __init__(self, executor: Executor, store: PlanStore, known: KnownAnswers, instruments: Instruments) -> None:
        self._executor = executor
        self._store = store
        self._known = known
        self._instruments = instruments
        self._tasks: set[asyncio.Task[None]] = set()
        self.draining = asyncio.Event()
        """Set when the service is being stopped: what is queued stays so in the store."""
        self.closed = False
        """Nothing is tried again."""

    async def admit(self, live: Live, released: Callable[[Live], None]) -> None:
        """Take a new plan in hand; raises `Problem` (busy). `released` is called when its end is kept."""
        live.tell("queued", {"id": live.plan_id})
        first = asyncio.create_task(self._run(live))
        await asyncio.sleep(0)  # the executor decides about room in its first step
        if first.done() and isinstance(refusal := first.exception(), Full):
            raise busy(refusal) from None
        self._spawn(self._live_through(live, first, released))

    def resume(self, live: Live, released: Callable[[Live], None]) -> None:
        """Take a plan in hand that is in the store already."""
        live.promised = True
        live.accepted.set()
        live.tell("queued", {"id": live.plan_id})
        self._spawn(self._live_through(live, asyncio.create_task(self._run(live)), released))

    def finish(self, live: Live, end: End, released: Callable[[Live], None]) -> None:
        """End a plan that is in the store already, without solving."""
        live.accepted.set()
        self._spawn(self._finish(live, end, released))

    def give_up(self, live: Live, termination: Termination, released: Callable[[Live], None]) -> None:
        """End a plan that is in the store already with the best that was told of it."""
        live.accepted.set()
        self._spawn(self._give_up(live, termination, released))

    def cancel(self, live: Live) -> None:
        """End the plan soon, with the best that is known."""
        live.cancelled.set()
        self._executor.cancel(live.plan_id)

    async def settled(self) -> None:
        """Wait until nothing is in hand."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a plan's life ended in an exception", exc_info=error)

    async def _run(self, live: Live) -> Ending:
        job, before = self._job(live), live.attempts

        def heard(event: Event) -> None:
            live.heard(event)
            if event.name == "started":
                live.attempts += 1
                live.began_at = datetime.now(UTC)
            elif event.name == "incumbent":
                self._instruments.incumbent()

        ending = await self._executor.run(job, heard)
        live.attempts = max(live.attempts, before + 1)  # one that was lost before it was begun counts, too
        status = ending.outcome.value
        if ending.outcome is Outcome.ANSWERED and ending.body is not None:
            status = status_of(ending.body)
        self._instruments.job_ended(job, ending, status, live.asked.backend)
        return ending

    def _job(self, live: Live) -> Job:
        return Job(live.plan_id, live.asked.kind, live.raw, live.asked.time_limit_s, live.traceparent, live.known)

    async def _accept(self, live: Live) -> None:
        """Keep the plan, or find its answer, while it is being solved: most plans are new."""
        try:
            kept = await self._known.kept(live)
            if isinstance(kept, View):
                live.found = kept
            elif not kept.created:
                live.instead = kept.row
            if not live.fresh:
                self._instruments.looked_up(hit=live.found is not None)
        except StoreUnavailable:
            await self._find_all_the_same(live)
        except Problem as problem:
            live.problem = problem
        live.accepted.set()
        if live.settled_otherwise:
            live.ended.set()
            self._executor.cancel(live.plan_id)

    async def _find_all_the_same(self, live: Live) -> None:
        """Nothing can be written; what is known can be read where the disk is full or the database locked."""
        live.problem = store_unavailable()
        if not live.fresh:
            with suppress(StoreUnavailable, TimeoutError):
                async with asyncio.timeout(READING_S):
                    live.found = await self._known.found(live)
                    live.problem = live.problem if live.found is None else None

    async def _live_through(self, live: Live, first: asyncio.Task[Ending], released: Callable[[Live], None]) -> None:
        if not live.accepted.is_set():
            await self._accept(live)
            await asyncio.sleep(0)  # who waits for the acceptance alone is told of that, though the plan may have ended
        writing: list[asyncio.Task[None]] = []
        later = asyncio.get_running_loop().call_later(
            KEEPING_S, lambda: writing.append(asyncio.create_task(self._keep_events(live)))
        )
        try:
            end = await self._end(live, first)
        finally:
            later.cancel()
            for task in writing:
                task.cancel()
        if end is None or live.settled_otherwise:
            live.ended.set()
            released(live)
        else:
            await self._finish(live, end, released)

    async def _finish(self, live: Live, end: End, released: Callable[[Live], None]) -> None:
        live.tell("done", endings.told(end))
        live.status, live.end = end.status, end
        self._known.learn(live, end)
        live.ended.set()
        await self._keep_end(live, end)
        live.kept_end.set()
        released(live)

    async def _give_up(self, live: Live, termination: Termination, released: Callable[[Live], None]) -> None:
        await self._finish(live, await self._salvaged(live, termination), released)

    async def _salvaged(self, live: Live, termination: Termination) -> End:
        """The end of a plan that is not run (again): with the best plan that was told of, if any was."""
        ending = await self._executor.salvage(self._job(live), live.known, termination)
        if ending.outcome is Outcome.ANSWERED and ending.body is not None:
            return endings.end_of(live, ending)
        return endings.lost(live, termination)

    async def _end(self, live: Live, run: asyncio.Task[Ending]) -> End | None:
        """How the plan ends; None: not here and now, it stays in the store for the next start."""
        while True:
            try:
                ending = await run
            except Full:
                await self._pause(live)
                if live.cancelled.is_set():
                    return await self._salvaged(live, Termination.CANCELLED)
            except Exception as error:
                log.exception("plan %s", live.plan_id)
                return endings.failed(live, type(error).__name__)
            else:
                if live.cancelled.is_set() or not self._is_to_be_repeated(live, ending):
                    return endings.end_of(live, ending)
            if self.draining.is_set():
                return None
            if live.attempts >= MOST_ATTEMPTS:
                return await self._salvaged(live, Termination.WORKER_LOST)
            live.status = "queued"
            run = asyncio.create_task(self._run(live))

    def _is_to_be_repeated(self, live: Live, ending: Ending) -> bool:
        """Whether what the executor says is no end: its worker was lost, or the service stops before the solve did."""
        if ending.outcome is Outcome.LOST:
            return True
        if not self.draining.is_set() or ending.outcome is not Outcome.ANSWERED or ending.body is None:
            return False
        cut_short = head_of(live.asked.kind, ending.body)["termination"] == Termination.CANCELLED
        return cut_short and live.attempts < MOST_ATTEMPTS

    async def _pause(self, live: Live) -> None:
        waiting = {asyncio.create_task(event.wait()) for event in (live.cancelled, self.draining)}
        await asyncio.wait(waiting, timeout=RETRY_S, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    async def _keep_events(self, live: Live) -> None:
        """Write events while the plan is solved: so its streams can be resumed, and lists say that it runs."""
        while True:
            fresh = live.unkept()
            try:
                if live.attempts > live.noted_attempts:
                    await self._store.start(live.plan_id, fresh)
                    live.noted_attempts = live.attempts
                elif fresh:
                    await self._store.append_events(live.plan_id, fresh)
            except (StoreUnavailable, asyncio.CancelledError) as stopped:
                live.kept -= len(fresh)  # written again with the next ones; what was kept after all stays as it is
                if isinstance(stopped, asyncio.CancelledError):
                    raise
            await asyncio.sleep(KEEPING_S)

    async def _keep_end(self, live: Live, end: End) -> None:
        """Write the end, again and again until it is durable or the service ends (then it is solved anew)."""
        result, events = endings.result_of(live, end), live.unkept()
        while not self.closed:
            try:
                await self._store.finish(live.plan_id, result, events)
            except StoreUnavailable:
                await asyncio.sleep(RETRY_S)
            else:
                return
