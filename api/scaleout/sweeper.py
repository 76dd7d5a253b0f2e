"""No plan is forgotten: what dead workers had in hand, and what fell out of the queue, is queued again."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from procrastinate.exceptions import ConnectorException
from sqlalchemy import Connection, bindparam, func, or_, select, text, update

from api.scaleout.queue import ALIVE_S, PlanQueue
from api.store.changes import notify
from api.store.database import Database
from api.store.errors import StoreUnavailable
from api.store.plans import LEASE_S
from api.store.rows import QUEUED
from api.store.tables import instances, plans

log = logging.getLogger("placement.scaleout")

SWEEP_S = 1.0
_LOCK = select(func.pg_try_advisory_xact_lock(0x706C616373776570))
"""One sweeper at a time: "placswep" in ASCII, as any number would do."""
_ALIVE = select(instances.c.name).where(instances.c.seen_at > bindparam("alive_since"))
_FORGOTTEN = (
    select(plans.c.id)
    .where(
        plans.c.ended_at.is_(None),
        or_(plans.c.instance.is_(None), plans.c.instance.not_in(_ALIVE)),
        text(
            "NOT EXISTS (SELECT FROM procrastinate_jobs WHERE queueing_lock = plans.id AND status IN ('todo', 'doing'))"
        ),
    )
    .order_by(plans.c.id)
    .with_for_update(skip_locked=True)
)
_QUEUED_AGAIN = update(plans).where(plans.c.id == bindparam("plan")).values(status=QUEUED, instance=None)


class Sweeper:
    """Runs in every worker; several do no harm."""

    def __init__(self, database: Database, queue: PlanQueue) -> None:
        self._database, self._queue = database, queue
        self._quiet_until = 0.0

    async def go_on(self) -> None:
        """Sweep now and then, until cancelled."""
        swept = asyncio.get_running_loop().time()
        while True:
            now = asyncio.get_running_loop().time()
            if now - swept > 2 * SWEEP_S:
                # The database was away, or this process: others may not have been able to say that they are alive.
                self._quiet_until = now + ALIVE_S
            if now >= self._quiet_until:
                try:
                    await self.sweep()
                except (StoreUnavailable, ConnectorException) as error:
                    log.warning("sweeping has to wait: %s", error)
            swept = asyncio.get_running_loop().time()
            await asyncio.sleep(SWEEP_S)

    async def sweep(self) -> None:
        """Take from the dead, then queue what is in no queue and in nobody's hands."""
        for job in await self._queue.stalled():
            log.warning(
                "plan %s was in the hands of a worker that gives no sign of life", job.task_kwargs.get("plan_id")
            )
            await self._queue.drop(job)
        for plan_id in await self._database.write(self._queue_forgotten):
            log.warning("plan %s is queued again", plan_id)

    def _queue_forgotten(self, connection: Connection) -> list[str]:
        if not connection.execute(_LOCK).scalar_one():
            return []
        alive_since = datetime.now(UTC) - timedelta(seconds=LEASE_S)
        forgotten = list(connection.execute(_FORGOTTEN, {"alive_since": alive_since}).scalars())
        for plan_id in forgotten:
            connection.execute(_QUEUED_AGAIN, {"plan": plan_id})
            self._queue.put(connection, plan_id)
            notify(connection, plan_id)
        return forgotten
