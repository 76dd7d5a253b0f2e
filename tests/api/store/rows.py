"""Plans to keep, and a store to keep them in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from api.store import Database, Filters, PlanRow, PlanStore, Result, Retention, StoreUnavailable, new_plan_id

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


def every_call(store: PlanStore) -> dict[str, Callable[[], Awaitable[object]]]:
    """Each method by name, called with something ordinary."""
    return {
        "insert": lambda: store.insert(plan()),
        "start": lambda: store.start("plan-1"),
        "finish": lambda: store.finish("plan-1", OPTIMAL),
        "request_cancel": lambda: store.request_cancel("plan-1"),
        "append_events": lambda: store.append_events("plan-1", [(1, "bound", "{}")]),
        "unfinished": store.unfinished,
        "abandoned": store.abandoned,
        "expire": lambda: store.expire(Retention(age_s=1e9, count=10**6)),
    } | every_read(store)


def every_read(store: PlanStore) -> dict[str, Callable[[], Awaitable[object]]]:
    """Each method that only reads."""
    return {
        "events": lambda: store.events("plan-1"),
        "get": lambda: store.get("plan-1", None),
        "status": lambda: store.status("plan-1", None),
        "is_gone": lambda: store.is_gone("plan-1", None),
        "by_idempotency_key": lambda: store.by_idempotency_key("ann", "key"),
        "proven_by_content": lambda: store.proven_by_content("ann", "content"),
        "page": lambda: store.page("ann", Filters(), None, 10),
    }


async def fails(calls: dict[str, Callable[[], Awaitable[object]]]) -> dict[str, bool]:
    """Which of the calls find the store unavailable; any other exception is raised."""

    async def unavailable(call: Callable[[], Awaitable[object]]) -> bool:
        try:
            await call()
        except StoreUnavailable:
            return True
        return False

    return dict(zip(calls, await asyncio.gather(*map(unavailable, calls.values())), strict=True))
