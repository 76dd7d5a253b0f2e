"""What all endpoints of one application share, put together from its settings."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass, field

from pydantic import BaseModel
from starlette.responses import Response

from api.execution.base import Executor
from api.observability.instruments import Instruments
from api.plans.desk import PlanDesk
from api.plans.upkeep import Upkeep
from api.problems import Problem
from api.readiness import ReadinessCheck
from api.security.keyring import Keyring
from api.settings import ExecutorChoice, Settings
from api.solvers import local_executor, queued_executor
from api.state import database_url
from api.store.database import Database
from api.store.errors import StoreUnavailable
from api.store.keys import KeyStore
from api.store.plans import PlanStore
from api.store.rows import Retention

__all__ = ["Service", "json_response", "local_executor"]

log = logging.getLogger("placement.api")

OPENING_S = 30.0
"""Longest wait at start for a database that is not there yet: it may be started at the same time."""
OPENING_EVERY_S = 1.0
CHECK_S = 3.0
"""Longest wait for the solvers' check before the socket opens; if it takes longer, it goes on beside the requests."""


@dataclass(frozen=True, slots=True)
class Service:
    """One running service."""

    settings: Settings
    executor: Executor
    instruments: Instruments
    database: Database = field(init=False)
    store: PlanStore = field(init=False)
    keyring: Keyring = field(init=False)
    desk: PlanDesk = field(init=False)
    upkeep: Upkeep = field(init=False)
    readiness: ReadinessCheck = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        database = Database(database_url(settings), on_commit=self.instruments.committed)
        store = PlanStore(database, settings.instance or _name_of_its_own())
        if settings.executor is ExecutorChoice.QUEUE:
            executor, store = queued_executor(settings, database, clerks=self.executor)
            object.__setattr__(self, "executor", executor)
        desk = PlanDesk(self.executor, store, settings, self.instruments)
        retention = Retention(age_s=settings.retention_s, count=settings.retention_count)
        object.__setattr__(self, "database", database)
        object.__setattr__(self, "store", store)
        object.__setattr__(self, "keyring", Keyring(KeyStore(database).all))
        object.__setattr__(self, "desk", desk)
        object.__setattr__(self, "upkeep", Upkeep(desk, store, retention))
        object.__setattr__(self, "readiness", ReadinessCheck(self.executor))
        self.instruments.watch(self.executor.load)

    async def open(self) -> None:
        """Start processes and store, and go on with the plans that an earlier process left behind.

        Raises `StoreUnavailable` when the database does not come within half a minute, `SchemaTooNew` for one that a
        newer release wrote, `RuntimeError` when no process can be started.
        """
        await self._open_store()
        await self.executor.open()
        checked = asyncio.create_task(self._check())  # before any plan, or it would have to queue behind them
        await asyncio.wait({checked}, timeout=CHECK_S)
        await self.desk.resume(await self.store.unfinished())
        self.upkeep.start()

    async def close(self) -> None:
        """End what is in hand as far as the grace allows, then everything else."""
        await self.upkeep.stop()
        await self.desk.drain(self.settings.drain_grace_s)
        await self.store.close(leaving=self.settings.instance is None)  # nobody will ever have that name again
        await self.database.close()
        await asyncio.to_thread(self.instruments.tracing.close)

    async def _open_store(self) -> None:
        until = asyncio.get_running_loop().time() + OPENING_S
        while True:
            try:
                await self.database.open()
                await self.store.open()
            except StoreUnavailable as unavailable:
                if asyncio.get_running_loop().time() > until:
                    raise
                log.warning("the database cannot be used yet: %s", unavailable)
                await asyncio.sleep(OPENING_EVERY_S)
            else:
                return

    async def _check(self) -> None:
        with suppress(Problem):  # whatever is broken is in the log, and said by /readyz
            await self.readiness.result()


def _name_of_its_own() -> str:
    """Of a process that was given none: no other has it, on this host or on one of the same name; no later one, too.

    What it leaves behind when it stops is free for all at once; when it is killed, after its lease.
    """
    return f"{socket.gethostname()}:{secrets.token_hex(8)}"


def json_response(answer: BaseModel) -> Response:
    """`answer` as JSON, written once by its own type."""
    return Response(answer.model_dump_json(), media_type="application/json")
