"""The queue that API processes fill and workers empty: Procrastinate, on the database in which the plans are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, LiteralString, TypeVar

import psycopg
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from sqlalchemy import URL, Connection, bindparam, text

from api.execution.base import Load
from api.scaleout.schema import install, migrations
from api.store.engines import POSTGRESQL_CONNECT
from api.store.errors import StoreUnavailable

log = logging.getLogger("placement.scaleout")

Answer = TypeVar("Answer")

QUEUE = "plans"
TASK = "solve"
ALIVE_S = 5.0
"""A worker without a sign of life for so long is taken for dead, and its plans are queued again."""
RETRY_S = 0.5
CONNECTIONS = 4
CONNECTION_S = 5.0
"""Longest wait for a connection to the database."""

_WAITING = text(
    "SELECT id FROM procrastinate_jobs WHERE queueing_lock = :plan AND status = 'todo' FOR UPDATE SKIP LOCKED"
).bindparams(bindparam("plan"))
_LOAD = """
    SELECT
        (SELECT count(*) FROM procrastinate_jobs WHERE queue_name = %(queue)s AND status = 'todo') AS queued,
        (SELECT count(*) FROM procrastinate_jobs JOIN plans ON plans.id = queueing_lock
            WHERE queue_name = %(queue)s AND procrastinate_jobs.status = 'doing' AND ended_at IS NULL) AS busy,
        coalesce(sum(slots), 0) AS slots,
        coalesce(sum(respawned), 0) AS respawned,
        coalesce(avg(recent_solve_seconds), 1.0) AS recent_solve_seconds
    FROM placement_machines JOIN procrastinate_workers ON id = worker_id
    WHERE last_heartbeat > now() - make_interval(secs => %(alive)s)
"""
_ANNOUNCE = """
    INSERT INTO placement_machines SELECT id, %(name)s, %(slots)s, %(respawned)s, %(recent)s
    FROM procrastinate_workers WHERE id = %(worker)s
    ON CONFLICT (worker_id) DO UPDATE
    SET respawned = excluded.respawned, recent_solve_seconds = excluded.recent_solve_seconds
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A worker as the others see it."""

    worker_id: int
    name: str
    load: Load


class PlanQueue:
    """Ids of plans in the order of their acceptance. Opened by one event loop."""

    def __init__(self, url: URL, *, patient: bool = False) -> None:
        """`url` is PostgreSQL's. `patient`: statements wait for a database out of reach instead of failing."""
        conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._conninfo = conninfo
        connector = _Patient if patient else PsycopgConnector
        self.app = App(
            connector=connector(
                conninfo=conninfo,
                kwargs=POSTGRESQL_CONNECT,
                min_size=1,
                max_size=CONNECTIONS,
                timeout=CONNECTION_S,
            )
        )
        # Never opened: it writes on connections that it is given.
        self._outbox = App(connector=SyncPsycopgConnector())

    async def open(self) -> None:
        """Connect, and make or renew the tables; raises `StoreUnavailable`."""
        try:
            connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True, **POSTGRESQL_CONNECT)
            async with connection:
                await install(connection, migrations())
            await self.app.open_async()
        except (psycopg.Error, ConnectorException, OSError) as error:
            raise StoreUnavailable(f"the queue cannot be opened: {error}") from error

    def lose_patience(self) -> None:
        """From now on statements fail when the database is out of reach."""
        if isinstance(self.app.connector, _Patient):
            self.app.connector.patient = False

    async def close(self) -> None:
        """Let go of all connections."""
        await self.app.close_async()

    def put(self, connection: Connection, plan_id: str, traceparent: str | None = None) -> None:
        """Queue a plan when the transaction of `connection` is committed, and not otherwise."""
        task = self._outbox.configure_task(
            TASK, allow_unknown=True, queue=QUEUE, queueing_lock=plan_id, connection=_driver(connection)
        )
        with _Translated():
            task.defer(plan_id=plan_id, **({"traceparent": traceparent} if traceparent else {}))

    def withdraw(self, connection: Connection, plan_id: str) -> bool:
        """Take a plan off the queue in the transaction of `connection`; False: it is not there, or a worker has it."""
        waiting = connection.execute(_WAITING, {"plan": plan_id}).scalars().all()
        with _Translated():
            return any(
                self._outbox.job_manager.cancel_job_by_id(job_id, delete_job=True, connection=_driver(connection))
                for job_id in waiting
            )

    async def load(self) -> Load:
        """What all workers that are alive do, and what waits for them; raises `StoreUnavailable`."""
        with _Translated():
            row = await self.app.connector.execute_query_one_async(_LOAD, queue=QUEUE, alive=ALIVE_S)
        return Load(
            slots=int(row["slots"]),
            busy=int(row["busy"]),
            queued=int(row["queued"]),
            recent_solve_seconds=float(row["recent_solve_seconds"]),
            respawned=int(row["respawned"]),
        )

    async def beat(self, machine: Machine) -> None:
        """A worker's sign of life, and what it can do."""
        await self.app.job_manager.update_heartbeat(machine.worker_id)
        await self.app.connector.execute_query_async(
            _ANNOUNCE,
            worker=machine.worker_id,
            name=machine.name,
            slots=machine.load.slots,
            respawned=machine.load.respawned,
            recent=machine.load.recent_solve_seconds,
        )

    async def stalled(self) -> list[Job]:
        """Jobs in the hands of workers that are dead, or were for a while."""
        return list(await self.app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=ALIVE_S))

    async def in_hands_of(self, worker_id: int) -> list[Job]:
        """Jobs that a worker has taken."""
        manager = self.app.job_manager
        return list(await manager.list_jobs_async(queue=QUEUE, status=Status.DOING.value, worker_id=worker_id))

    async def drop(self, job: Job) -> None:
        """Forget a job that somebody has taken and will not end."""
        assert job.id is not None
        try:
            await self.app.job_manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
        except ConnectorException as error:
            log.info("job %d is gone already: %s", job.id, error.__cause__)


class _Patient(PsycopgConnector):
    """Where a worker's loops would end for ever with the first connection that breaks, their statements wait."""

    patient = True

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        await self._waiting(lambda: super(_Patient, self).execute_query_async(query, **arguments))

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        return await self._waiting(lambda: super(_Patient, self).execute_query_one_async(query, **arguments))

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> list[dict[str, Any]]:
        return await self._waiting(lambda: super(_Patient, self).execute_query_all_async(query, **arguments))

    async def _waiting(self, statement: Callable[[], Awaitable[Answer]]) -> Answer:
        while True:
            try:
                return await statement()
            except ConnectorException as error:
                if not self.patient or not isinstance(error.__cause__, psycopg.OperationalError):
                    raise
                log.warning("the queue is out of reach: %s", error.__cause__)
            await asyncio.sleep(RETRY_S)


class _Translated:
    """Raises `StoreUnavailable` for a database that is out of reach."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ConnectorException) and isinstance(error.__cause__, psycopg.OperationalError):
            raise StoreUnavailable(str(error.__cause__)) from error


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection
