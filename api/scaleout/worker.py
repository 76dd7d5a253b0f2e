"""A worker: takes plans off the queue when a slot is free, and has this machine's supervisor solve them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any

from procrastinate.worker import Worker

from api.execution.base import Executor, Load
from api.scaleout.hand import Hand
from api.scaleout.leases import Leases, Taken
from api.scaleout.meaning import Meaning
from api.scaleout.queue import QUEUE, TASK, Machine, PlanQueue
from api.scaleout.sweeper import Sweeper
from api.store.database import Database
from api.store.errors import StoreUnavailable
from api.store.plans import PlanStore

log = logging.getLogger("placement.scaleout")

HEARTBEAT_S = 1.0
POLL_S = 1.0
"""How late new plans and cancellations are noticed at most when their notification got lost."""
PRUNE_S = 3600.0
"""When the last trace of a dead worker goes."""
RETRY_S = 1.0
GOING_S = 5.0
"""Longest wait for what was cancelled to end."""
LAST_WORDS_S = 10.0
"""Longest wait, after the grace, for the database to take back the plans that are still in hand."""


class PlanWorker:
    """Solves plans of the queue. One event loop owns it."""

    def __init__(self, name: str, database: Database, queue: PlanQueue, executor: Executor, meaning: Meaning) -> None:
        """`database` is open; `queue` and `executor` are opened and closed here; the queue is a patient one."""
        self._name, self._queue, self._executor, self._meaning = name, queue, executor, meaning
        self._store = PlanStore(database)
        self._leases = Leases(database, queue)
        self._sweeper = Sweeper(database, queue)
        self._hands: dict[str, Hand] = {}
        self._jobs: set[int] = set()
        """Numbers of the jobs in hand."""
        self._suspects: set[int] = set()
        """Jobs that were this worker's at the last look, but not in hand."""
        self._stopping = asyncio.Event()
        self._worker: Worker | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._taking: asyncio.Task[None] | None = None
        queue.app.task(name=TASK, queue=QUEUE, pass_context=True)(self._solve)

    async def open(self) -> None:
        """Start the supervisor, then take plans; raises `StoreUnavailable`, or RuntimeError without processes."""
        await self._queue.open()
        await self._executor.open()
        self._taking = asyncio.create_task(self._take_jobs(), name="worker")
        self._tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("heartbeat", self._go_on_beating()),
                ("cancellations", self._obey()),
                ("sweeper", self._sweeper.go_on()),
            )
        ]

    async def close(self, grace_s: float) -> None:
        """Take no more; what is not solved within the grace is queued again for the others."""
        self._stopping.set()
        if self._worker is not None:
            self._worker.stop()  # type: ignore[no-untyped-call]  # Procrastinate has no types here
        assert self._taking is not None
        await asyncio.wait([self._taking], timeout=grace_s)
        for hand in list(self._hands.values()):
            log.info("plan %s is handed back", hand.plan_id)
            hand.break_off()
        await asyncio.wait([self._taking], timeout=LAST_WORDS_S)
        self._queue.lose_patience()
        for task in (*self._tasks, self._taking):
            task.cancel()
        await asyncio.wait([*self._tasks, self._taking], timeout=GOING_S)
        await self._executor.close(0.0)
        await self._queue.close()

    @property
    def in_hand(self) -> list[str]:
        """Ids of the plans that are being solved here."""
        return list(self._hands)

    def load(self) -> Load:
        """How busy this worker is."""
        return self._executor.load()

    async def beat(self) -> None:
        """Tell the others that this worker is alive, and how it does."""
        if self._worker is not None and self._worker.worker_id is not None:
            await self._queue.beat(Machine(self._worker.worker_id, self._name, self._executor.load()))

    async def _take_jobs(self) -> None:
        """Procrastinate's worker, started again when it ends by an error of the database."""
        while not self._stopping.is_set():
            self._worker = Worker(
                self._queue.app,
                queues=[QUEUE],
                name=self._name,
                concurrency=self._executor.load().slots,
                fetch_job_polling_interval=POLL_S,
                delete_jobs="always",
                install_signal_handlers=False,
                # Its own heartbeat ends when it is told to stop, while plans are still in hand: ours goes on.
                update_heartbeat_interval=PRUNE_S,
                stalled_worker_timeout=PRUNE_S,
            )
            try:
                await self._worker.run()  # type: ignore[no-untyped-call]  # Procrastinate has no types here
            except Exception:
                log.exception("the worker is started again")
                await asyncio.sleep(RETRY_S)

    async def _solve(self, context: Any, plan_id: str, traceparent: str | None = None) -> None:
        """The task: see one plan through."""
        number: int = context.job.id
        self._jobs.add(number)
        try:
            while (hand := self._hands.get(plan_id)) is not None:
                # This worker was taken for dead, and its plan queued again: but it is alive, and goes on with it.
                await hand.over.wait()
            taken = await self._taken(plan_id)
            if taken is None:
                return
            hand = self._hands[plan_id] = Hand(taken, self._executor, self._leases, self._meaning, traceparent)
            try:
                await hand.see_through()
            finally:
                del self._hands[plan_id]
                hand.over.set()
        finally:
            self._jobs.discard(number)

    async def _taken(self, plan_id: str) -> Taken | None:
        while True:
            with suppress(StoreUnavailable):
                return await self._leases.take(plan_id)
            await asyncio.sleep(RETRY_S)

    async def _go_on_beating(self) -> None:
        while True:
            await self._round(self.beat)
            await self._round(self._drop_forgotten)
            await asyncio.sleep(HEARTBEAT_S)

    async def _drop_forgotten(self) -> None:
        """A job that was fetched while the connection broke is this worker's, and nobody has it in hand."""
        if self._worker is None or self._worker.worker_id is None:
            return
        theirs = {job.id: job for job in await self._queue.in_hands_of(self._worker.worker_id)}
        unheld = {number for number in theirs if number is not None} - self._jobs
        for number in unheld & self._suspects:
            await self._queue.drop(theirs[number])
        self._suspects = unheld

    async def _obey(self) -> None:
        """Cancel plans in hand that nobody wants any more."""
        async with aclosing(self._store.changes(POLL_S)) as changes:
            async for changed in changes:
                for hand in [hand for hand in self._hands.values() if changed in {None, hand.plan_id}]:
                    with suppress(StoreUnavailable):
                        row = await self._store.status(hand.plan_id, owner=None)
                        if row is not None and row.cancel_requested:
                            hand.cancel()

    async def _round(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except Exception:  # a fault in one round must not end all further ones
            log.exception("a round failed")
