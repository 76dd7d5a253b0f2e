"""The plans as an API process sees them when workers solve: what it accepts it queues, and what follows is theirs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from api.execution.base import Executor, Job, Kind
from api.scaleout.meaning import Meaning
from api.scaleout.queue import PlanQueue
from api.scaleout.watch import Watch
from api.store import lives
from api.store.database import Database
from api.store.plans import NewEvent, PlanStore
from api.store.rows import Inserted, PlanRow, Result
from models.plan import Termination

POLL_S = 1.0
"""How late a change is noticed at most when its notification got lost."""


class SharedPlans(PlanStore):
    """A store whose plans are solved elsewhere.

    The beginning, the events and the end of a plan are written by the worker that has it: here they are only read, and
    whoever tells them to this store is told that they are kept.
    """

    def __init__(self, database: Database, queue: PlanQueue, meaning: Meaning, clerks: Executor) -> None:
        """`clerks` put together the answers of plans that are cancelled before a worker took them."""
        super().__init__(database, instance=None)
        self._queue, self._meaning, self._clerks = queue, meaning, clerks
        self._inserting: set[str] = set()
        self._traceparents: dict[str, str] = {}
        self.watch = Watch(self, POLL_S)

    async def open(self) -> None:
        """Open the queue, and listen for changes."""
        await self._queue.open()
        self.watch.start()

    async def close(self, leaving: bool = False) -> None:  # noqa: ARG002 - there is nothing of this instance's own
        """Let go of the queue."""
        await self.watch.stop()
        await self._queue.close()

    def trace(self, plan_id: str, traceparent: str | None) -> None:
        """The trace in which the plan is about to be inserted."""
        if traceparent is not None:
            self._traceparents[plan_id] = traceparent

    async def insert(self, row: PlanRow, events: Sequence[NewEvent] = (), *, unless_proven: bool = False) -> Inserted:
        """Keep a new plan and queue it, both or neither."""
        traceparent = self._traceparents.pop(row.id, None)

        def insert(connection: Connection) -> Inserted:
            inserted = lives.insert_plan(connection, row, None, events, unless_proven=unless_proven)
            if inserted.created and not row.ended:
                self._queue.put(connection, row.id, traceparent)
            return inserted

        self._inserting.add(row.id)
        try:
            return await self._database.write(insert)
        finally:
            self._inserting.discard(row.id)

    def is_being_inserted(self, plan_id: str) -> bool:
        """Whether the plan is on its way into the store."""
        return plan_id in self._inserting

    async def start(self, plan_id: str, events: Sequence[NewEvent] = ()) -> bool:  # noqa: ARG002 - the worker writes
        """Nothing: the worker has written it."""
        return True

    async def append_events(self, plan_id: str, events: Sequence[NewEvent]) -> None:
        """Nothing: the worker has written them."""

    async def finish(self, plan_id: str, result: Result, events: Sequence[NewEvent] = ()) -> bool:  # noqa: ARG002 - as the protocol says
        """Nothing: the worker has written it."""
        return True

    async def request_cancel(self, plan_id: str) -> bool:
        """Tell the worker that nobody wants the plan; a plan that no worker has is ended here and now."""

        def cancel(connection: Connection) -> tuple[bool, bool]:
            found = lives.request_cancel(connection, plan_id)
            return found, found and self._queue.withdraw(connection, plan_id)

        found, withdrawn = await self._database.write(cancel)
        if withdrawn:
            await self._end_unsolved(plan_id)
        return found

    async def changed(self, plan_id: str, seconds: float) -> None:
        """Return when the plan has changed, or may have; at the latest after so many seconds."""
        await self.watch.changed(plan_id, seconds)

    async def _end_unsolved(self, plan_id: str) -> None:
        row = await self.get(plan_id, owner=None, with_request=True)
        if row is None:
            return
        job = Job(row.id, Kind(row.kind), row.request, row.time_limit_s)
        ending = await self._clerks.salvage(job, None, Termination.CANCELLED)
        kept = self._meaning.kept(row, ending)
        told = await self.events(plan_id)
        done = (told[-1].seq + 1 if told else 1, "done", json.dumps(kept.told, separators=(",", ":")))
        now = datetime.now(UTC)
        await self._database.write(lambda connection: lives.finish(connection, plan_id, kept.result, now, [done]))
