"""Changes of plans, heard once for all who wait."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress

from api.store.plans import PlanStore


class Watch:
    """Wakes whoever waits for a plan when it has changed, or may have. One event loop owns it."""

    def __init__(self, store: PlanStore, poll_s: float) -> None:
        """`poll_s`: how late a change is noticed at most when its notification got lost."""
        self._store, self._poll_s = store, poll_s
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._hearing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._hearing = asyncio.create_task(self._hear(), name="changes-of-plans")

    async def stop(self) -> None:
        """Listen no more."""
        if self._hearing is not None:
            self._hearing.cancel()
            with suppress(asyncio.CancelledError):
                await self._hearing

    @contextmanager
    def following(self, plan_id: str, changed: asyncio.Event) -> Iterator[None]:
        """Meanwhile `changed` is set with each change; whoever looks at the plan clears it first."""
        self._waiting[plan_id].add(changed)
        try:
            yield
        finally:
            self._waiting[plan_id].discard(changed)
            if not self._waiting[plan_id]:
                del self._waiting[plan_id]

    async def changed(self, plan_id: str, seconds: float) -> None:
        """Wait for the next change, at most so long."""
        changed = asyncio.Event()
        with self.following(plan_id, changed), suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), seconds)

    async def _hear(self) -> None:
        async with aclosing(self._store.changes(self._poll_s)) as changes:
            async for plan_id in changes:
                waiting = (
                    self._waiting.get(plan_id, set()) if plan_id is not None else set().union(*self._waiting.values())
                )
                for changed in waiting:
                    changed.set()
