"""Plans that were promised: accepted once, answered once, found again after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from api.store import events as event_log
from api.store import lives, queries
from api.store import retention as expiry
from api.store.changes import changes
from api.store.database import Database
from api.store.errors import StoreUnavailable
from api.store.rows import Filters, Inserted, Page, PlanRow, Result, Retention, StoredEvent

HEARTBEAT_S = 5.0
LEASE_S = 20.0
"""An API process without a heartbeat for so long is taken for dead, and others take over its plans."""

POLL_S = 5.0
"""How late a change is noticed at most, in seconds, when its notification got lost."""

NewEvent = tuple[int, str, str]
"""Sequence number (rising from 1), name, data as JSON."""


class PlanStore:
    """The plans in a database. Methods that write return when what they wrote is durable.

    Any method may raise `StoreUnavailable`; then nothing was promised, and the call may be made again.
    """

    def __init__(self, database: Database, instance: str | None = None) -> None:
        """`database` is open. `instance` names this API process among those that share the database.

        The name should outlive a restart (host and port, a StatefulSet's pod): then the restarted process takes up its
        plans at once, while those of an unknown name wait until the lease of the dead one has run out. Two processes
        must never share a name. None: plans are looked after by a queue of their own; nothing is claimed.
        """
        self._database = database
        self.instance = instance
        self._heart: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Announce this instance, and go on doing so until closed."""
        if self.instance is not None:
            await self._beat()
            self._heart = asyncio.create_task(self._go_on_beating(), name="store-heartbeat")

    async def close(self, leaving: bool = False) -> None:
        """Stop announcing this instance; `leaving`: it will not return, so others need not wait out its lease."""
        if self._heart is not None:
            self._heart.cancel()
            with suppress(asyncio.CancelledError):
                await self._heart
            self._heart = None
        if leaving and self.instance is not None:
            instance = self.instance
            with suppress(StoreUnavailable):  # then the lease runs out instead
                await self._database.write(lambda connection: lives.leave(connection, instance))

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def insert(self, row: PlanRow, events: Sequence[NewEvent] = (), *, unless_proven: bool = False) -> Inserted:
        """Keep a new plan, unless its owner used its Idempotency-Key before: then the plan kept under it.

        The row may be of any status: one with an answer (from the cache) is kept as ended, in one write.
        `unless_proven`: nothing is kept either where the owner's plans answer the question already.
        """
        instance = self.instance
        return await self._database.write(
            lambda connection: lives.insert_plan(connection, row, instance, events, unless_proven=unless_proven)
        )

    async def start(self, plan_id: str, events: Sequence[NewEvent] = ()) -> bool:
        """Solving begins (again): status running, one more attempt. False: it has ended, or is not here."""
        now = datetime.now(UTC)
        return await self._database.write(lambda connection: lives.start(connection, plan_id, now, events))

    async def finish(self, plan_id: str, result: Result, events: Sequence[NewEvent] = ()) -> bool:
        """The plan ended thus, and these were its last events. False: it had ended before; the first end stands."""
        now = datetime.now(UTC)
        return await self._database.write(lambda connection: lives.finish(connection, plan_id, result, now, events))

    async def request_cancel(self, plan_id: str) -> bool:
        """Note, for whoever solves it, that nobody wants the plan. False: it has ended, or is not here."""
        return await self._database.write(lambda connection: lives.request_cancel(connection, plan_id))

    async def append_events(self, plan_id: str, events: Sequence[NewEvent]) -> None:
        """Keep events of an existing plan; a sequence number that is taken is left as it is."""
        now = datetime.now(UTC)
        await self._database.write(lambda connection: event_log.append(connection, plan_id, events, now))

    async def events(self, plan_id: str, after_seq: int = 0, limit: int = 1000) -> list[StoredEvent]:
        """The plan's next events behind a sequence number, in order."""
        return await self._database.read(lambda connection: event_log.after(connection, plan_id, after_seq, limit))

    def changes(self, poll_s: float = POLL_S) -> AsyncGenerator[str | None, None]:
        """Ids of plans that any process changed, as it happens; None: look at all you wait for.

        None comes at least every `poll_s` seconds. Ends never and raises nothing while the database is away; close it
        (`contextlib.aclosing`) when done. On PostgreSQL it keeps a connection of its own.
        """
        return changes(self._database.url, poll_s)

    async def get(self, plan_id: str, owner: str | None, with_request: bool = False) -> PlanRow | None:
        """The plan with its answer; None: there is none, or it is another's. `owner` None sees all."""
        return await self._database.read(lambda connection: queries.get(connection, plan_id, owner, with_request))

    async def status(self, plan_id: str, owner: str | None) -> PlanRow | None:
        """The plan without bodies: what a poll needs."""
        return await self._database.read(lambda connection: queries.status(connection, plan_id, owner))

    async def is_gone(self, plan_id: str, owner: str | None) -> bool:
        """Whether the owner had a plan of this id that has expired."""
        return await self._database.read(lambda connection: expiry.is_gone(connection, plan_id, owner))

    async def by_idempotency_key(self, owner: str, key: str) -> PlanRow | None:
        """The owner's plan under this key, with its answer."""
        return await self._database.read(lambda connection: queries.by_idempotency_key(connection, owner, key))

    async def proven_by_content(self, owner: str, content_key: str) -> PlanRow | None:
        """The owner's newest plan with a proven answer to this very question, with the answer."""
        return await self._database.read(lambda connection: queries.proven_by_content(connection, owner, content_key))

    async def page(self, owner: str | None, filters: Filters, cursor: str | None, limit: int) -> Page:
        """Up to `limit` plans, newest first, from behind the cursor on; raises `BadCursor`."""
        return await self._database.read(lambda connection: queries.page(connection, owner, filters, cursor, limit))

    async def changed(self, plan_id: str, seconds: float) -> None:  # noqa: ARG002 - for stores that hear of changes
        """Return when the plan may have changed, at the latest after so many seconds."""
        await asyncio.sleep(seconds)

    async def unfinished(self) -> list[PlanRow]:
        """At boot: plans that this instance left behind when it died, and those of `abandoned`, with their requests.

        They belong to this instance from now on. `attempts` says how often solving had begun.
        """
        return await self._claim(own=True)

    async def abandoned(self) -> list[PlanRow]:
        """Now and then: unfinished plans of instances that gave no sign of life for `LEASE_S`, claimed by this one.

        Of several instances that ask at once, each plan goes to one.
        """
        return await self._claim(own=False)

    async def expire(self, retention: Retention) -> list[str]:
        """Delete plans that ended too long ago or are too many; their ids, which are gone from now on.

        Deletes some at a time, so that nobody's write waits long. Unfinished plans never expire.
        """
        cutoff = datetime.now(UTC) - timedelta(seconds=retention.age_s)
        expired: list[str] = []
        while batch := await self._database.write(lambda connection: expiry.expire(connection, cutoff, retention)):
            expired += batch
        if expired:
            await self._database.write(lambda connection: expiry.forget(connection, retention.tombstones))
        return expired

    async def _claim(self, own: bool) -> list[PlanRow]:
        instance = self.instance
        if instance is None:
            return []
        return await self._database.write(lambda connection: lives.claim(connection, instance, LEASE_S, own))

    async def _beat(self) -> None:
        instance = self.instance
        assert instance is not None
        await self._database.write(lambda connection: lives.beat(connection, instance))

    async def _go_on_beating(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            with suppress(StoreUnavailable):  # nobody can take our plans either
                await self._beat()


def numbered(first: int, events: Iterable[tuple[str, str]]) -> list[NewEvent]:
    """Events with sequence numbers from `first` on."""
    return [(first + place, name, data) for place, (name, data) in enumerate(events)]
