"""Plans to keep, and a store to keep them in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from api.store import Database, PlanRow, PlanStore, Result, new_plan_id

OPTIMAL = Result("optimal", b'{"status": "optimal"}', proven=True)


def plan(**fields: Any) -> PlanRow:
    """A queued plan; what is not said is ordinary."""
    ordinary = {
        "id": new_plan_id(),
        "owner": "ann",
        "kind": "plan",
        "status": "queued",
        "created_at": datetime.now(UTC),
        "content_key": "content",
        "request_hash": "hash",
        "time_limit_s": 10.0,
        "request": b'{"cluster": {}}',
    }
    return PlanRow(**(ordinary | fields))


@asynccontextmanager
async def open_store(url: str, instance: str | None = "here") -> AsyncIterator[PlanStore]:
    """A store of its own on this database, as another process would have."""
    async with Database(url) as database, PlanStore(database, instance) as store:
        yield store
