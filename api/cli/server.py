"""uvicorn, told about the end early: a service must know that it is being stopped while it still has connections."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from types import FrameType

import uvicorn

from api.service import Service

COLLECT_AFTER = 50_000
"""New objects after which garbage is looked for: with Python's 2,000 every large request would be interrupted often."""
CLOSING_S = 5
"""Time for answers to be sent once everything has ended."""


class DrainingServer(uvicorn.Server):
    """On SIGTERM: not ready at once, deaf after the notice; streams end, plans may end within the grace.

    uvicorn alone would close the socket first and tell the application last, when all connections are gone: streams
    would keep them open for ever. A second signal ends the process at once.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the application, then the socket; what was made until now stays, and is no garbage."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER, 20, 20)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; Ctrl+C without the notice, as nobody balances load by hand."""
        if self._ending is not None or self._loop is None or not self.started:
            super().handle_exit(sig, frame)
            return
        notice_s = self._service.settings.drain_notice_s if sig == signal.SIGTERM else 0.0
        self._captured_signals.append(sig)
        self._loop.call_soon_threadsafe(self._begin_to_end, notice_s)

    def _begin_to_end(self, notice_s: float) -> None:
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(notice_s))

    async def _end(self, notice_s: float) -> None:
        draining = asyncio.create_task(self._service.desk.drain(self._service.settings.drain_grace_s))
        await asyncio.sleep(notice_s)
        self.should_exit = True
        await draining
