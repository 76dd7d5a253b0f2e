"""The right to write about a plan: given with each attempt, taken away by the next, so that nobody late overwrites."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, func, select, update

from api.scaleout.queue import PlanQueue
from api.store import events as event_log
from api.store import lives, queries
from api.store.changes import notify
from api.store.database import Database
from api.store.plans import NewEvent
from api.store.rows import QUEUED, PlanRow, Result, StoredEvent
from api.store.tables import plan_events, plans

_HELD = select(plans.c.attempts).where(plans.c.id == bindparam("plan"), plans.c.ended_at.is_(None)).with_for_update()
_LAST = select(func.coalesce(func.max(plan_events.c.seq), 0)).where(plan_events.c.plan_id == bindparam("plan"))
_BACK = update(plans).where(plans.c.id == bindparam("plan")).values(status=QUEUED, attempts=bindparam("left"))
_MANY = 10**6


@dataclass(frozen=True, slots=True)
class Lease:
    """One attempt at one plan. Its number is the fencing token: whoever comes later has a higher one."""

    plan_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A plan with the right to solve it."""

    lease: Lease
    row: PlanRow
    """With the request; `attempts` counts this one."""
    told: Sequence[StoredEvent]
    """Its events so far, `started` included."""


class Leases:
    """Plans in the hands of workers. Methods return when what they wrote is durable, or raise `StoreUnavailable`."""

    def __init__(self, database: Database, queue: PlanQueue) -> None:
        self._database, self._queue = database, queue

    async def take(self, plan_id: str) -> Taken | None:
        """Begin an attempt; from now on no earlier one can write. None: the plan has ended, or is gone."""

        def take(connection: Connection) -> Taken | None:
            if connection.execute(_HELD, {"plan": plan_id}).first() is None:
                return None
            seq = connection.execute(_LAST, {"plan": plan_id}).scalar_one() + 1
            waiting = queries.status(connection, plan_id, owner=None)
            assert waiting is not None
            now = datetime.now(UTC)
            waited_s = max(0.0, (now - waiting.created_at).total_seconds())
            started = (seq, "started", json.dumps({"queue_seconds": waited_s}))
            lives.start(connection, plan_id, now, [started])
            row = queries.get(connection, plan_id, owner=None, with_request=True)
            assert row is not None
            return Taken(Lease(plan_id, row.attempts), row, event_log.after(connection, plan_id, 0, _MANY))

        return await self._database.write(take)

    async def append(self, lease: Lease, events: Sequence[NewEvent]) -> bool:
        """Keep events; False: the lease is over."""

        def append(connection: Connection) -> bool:
            held = _is_held(connection, lease)
            if held:
                event_log.append(connection, lease.plan_id, events, datetime.now(UTC))
            return held

        return await self._database.write(append)

    async def finish(self, lease: Lease, result: Result, events: Sequence[NewEvent]) -> bool:
        """End the plan; False: it was not this attempt's to end."""
        now = datetime.now(UTC)

        def finish(connection: Connection) -> bool:
            held = _is_held(connection, lease)
            return held and lives.finish(connection, lease.plan_id, result, now, events)

        return await self._database.write(finish)

    async def hand_back(self, lease: Lease, *, counted: bool) -> bool:
        """Queue the plan again; `counted`: the attempt failed, it was not merely broken off. False: the lease is over.

        An attempt that is not counted gives its number back too: nobody holds it any more.
        """

        def hand_back(connection: Connection) -> bool:
            held = _is_held(connection, lease)
            if held:
                left = lease.attempt if counted else lease.attempt - 1
                connection.execute(_BACK, {"plan": lease.plan_id, "left": left})
                self._queue.put(connection, lease.plan_id)
                notify(connection, lease.plan_id)
            return held

        return await self._database.write(hand_back)


def _is_held(connection: Connection, lease: Lease) -> bool:
    return connection.execute(_HELD, {"plan": lease.plan_id}).scalar() == lease.attempt
