"""An API process's executor and a worker, in one process: asked as the desk asks, by running and inserting at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from anyio.from_thread import start_blocking_portal

from api.execution.base import Ending, Event, Job, Kind, Load
from api.execution.supervisor import LocalExecutor
from api.scaleout.meaning import Meaning
from api.scaleout.queue import PlanQueue
from api.scaleout.queued import QUEUED_KINDS, QueuedExecutor
from api.scaleout.shared_plans import SharedPlans
from api.scaleout.worker import PlanWorker
from api.store.database import Database
from api.store.rows import PlanRow
from models.plan import Termination
from tests.api.execution.local import doubled
from tests.api.execution.rig import PATIENCE_S, Rig, wait_until
from tests.api.scaleout.raw import RawMeaning


def row_of(job: Job) -> PlanRow:
    return PlanRow(
        id=job.id,
        owner="",
        kind=job.kind,
        status="queued",
        created_at=datetime.now(UTC),
        content_key=job.id,
        request_hash=job.id,
        time_limit_s=job.time_limit_s,
        request=job.body,
    )


@dataclass
class ApiSide:
    """What one API process has of scale-out."""

    database: Database
    plans: SharedPlans
    executor: QueuedExecutor

    @classmethod
    def of(cls, url: str, queue_length: int, meaning: Meaning) -> ApiSide:
        database = Database(url)
        queue = PlanQueue(database.url)
        clerks = LocalExecutor(doubled(slots=1))
        plans = SharedPlans(database, queue, meaning, clerks)
        return cls(database, plans, QueuedExecutor(plans, queue, clerks, meaning, queue_length))

    async def open(self) -> None:
        await self.database.open()
        await self.plans.open()
        await self.executor.open()

    async def close(self, grace_s: float = 0.0) -> None:
        await self.executor.close(grace_s)
        await self.plans.close()
        await self.database.close()

    async def run(self, job: Job, on_event: Callable[[Event], None] = lambda _: None) -> Ending:
        """As the desk does it."""
        running = asyncio.create_task(self.executor.run(job, on_event))
        await asyncio.sleep(0)
        try:
            if job.kind in QUEUED_KINDS and not running.done():
                await self.plans.insert(row_of(job), [(1, "queued", "{}")])
            return await running
        except asyncio.CancelledError:
            running.cancel()
            raise


@dataclass
class WorkerSide:
    """What one worker process is made of."""

    database: Database
    worker: PlanWorker

    @classmethod
    def of(cls, url: str, slots: int, meaning: Meaning, name: str = "worker") -> WorkerSide:
        database = Database(url)
        queue = PlanQueue(database.url, patient=True)
        return cls(database, PlanWorker(name, database, queue, LocalExecutor(doubled(slots=slots)), meaning))

    async def open(self) -> None:
        await self.database.open()
        await self.worker.open()

    async def close(self, grace_s: float = 0.0) -> None:
        await self.worker.close(grace_s)
        await self.database.close()


class Together:
    """An `Executor` made of both sides."""

    def __init__(self, api: ApiSide, worker: WorkerSide) -> None:
        self._api, self._worker = api, worker
        self.run = api.run
        self.check_room = api.executor.check_room
        self.cancel = api.executor.cancel

    @property
    def in_hand(self) -> list[str]:
        return self._api.executor.in_hand + self._worker.worker.in_hand

    async def open(self) -> None:
        await self._api.open()
        await self._worker.open()

    async def close(self, grace_s: float) -> None:
        await self._api.close(grace_s)
        await self._worker.close(grace_s)

    async def salvage(self, job: Job, incumbent: dict[str, Any] | None, termination: Termination) -> Ending:
        return await self._api.executor.salvage(job, incumbent, termination)

    def load(self) -> Load:
        return self._api.executor.load()

    async def current_load(self) -> Load:
        """Not half a second old."""
        await self._worker.worker.beat()
        await self._api.executor.look()
        return self.load()


class TogetherRig(Rig):
    def load(self) -> Load:
        return self.portal.call(self.executor.current_load)

    def wait_until_idle(self) -> None:
        wait_until(lambda: self.load().busy == 0 and not self.executor.in_hand)


@contextmanager
def rig_on(url: str, slots: int, queue_length: int) -> Iterator[Rig]:
    meaning = RawMeaning()
    together = Together(ApiSide.of(url, queue_length, meaning), WorkerSide.of(url, slots, meaning))
    with start_blocking_portal() as portal:
        portal.call(together.open)
        try:
            yield TogetherRig(together, portal)
        finally:
            portal.call(together.close, 0.0)


def job(job_id: str, do: str, *, time_limit_s: float = 60.0, **rest: Any) -> Job:
    """A plan that a double makes."""
    return Job(job_id, Kind.PLAN, json.dumps({"do": do, **rest}).encode(), time_limit_s)


@asynccontextmanager
async def api_side(url: str, queue_length: int = 100) -> AsyncIterator[ApiSide]:
    side = ApiSide.of(url, queue_length, RawMeaning())
    await side.open()
    try:
        yield side
    finally:
        await side.close()


@asynccontextmanager
async def worker_side(url: str, slots: int = 1, most_attempts: int | None = None) -> AsyncIterator[PlanWorker]:
    side = WorkerSide.of(url, slots, RawMeaning(most_attempts))
    await side.open()
    try:
        yield side.worker
    finally:
        await side.close()


async def until(holds: Callable[[], Any]) -> None:
    """Wait until it holds; `holds` may answer with something to await."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = holds()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)
