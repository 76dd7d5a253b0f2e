"""What goes on beside the requests: retention, plans of dead processes, cancellations asked of other processes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from api.plans.desk import PlanDesk
from api.store.errors import StoreUnavailable
from api.store.plans import PlanStore
from api.store.rows import Retention

log = logging.getLogger("placement.api")

RETENTION_EVERY_S = 60.0
TAKE_OVER_EVERY_S = 5.0
CANCELLATIONS_EVERY_S = 1.0
"""Longest time until a cancellation that another process was asked for is obeyed, where nothing notifies."""


class Upkeep:
    """Background work of one process."""

    def __init__(self, desk: PlanDesk, store: PlanStore, retention: Retention) -> None:
        self._desk = desk
        self._store = store
        self._retention = retention
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; errors of the store are tried again."""
        self._tasks = [
            asyncio.create_task(self._every(RETENTION_EVERY_S, self._expire)),
            asyncio.create_task(self._every(TAKE_OVER_EVERY_S, self._take_over)),
            asyncio.create_task(self._obey()),
        ]

    async def stop(self) -> None:
        """End all of it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except StoreUnavailable as unavailable:
                log.warning("upkeep has to wait: %s", unavailable)
            except Exception:  # a fault of ours in one round must not end all further ones
                log.exception("a round of upkeep failed")
            await asyncio.sleep(seconds)

    async def _expire(self) -> None:
        self._desk.forget(await self._store.expire(self._retention))

    async def _take_over(self) -> None:
        if not self._desk.draining:
            await self._desk.resume(await self._store.abandoned())

    async def _obey(self) -> None:
        async with aclosing(self._store.changes(CANCELLATIONS_EVERY_S)) as changes:
            async for changed in changes:
                try:
                    await self._desk.obey_cancellations(changed)
                except StoreUnavailable:
                    continue
