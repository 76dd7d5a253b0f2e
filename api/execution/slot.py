"""One place to work: a long-lived worker process, at most one job in flight, and another process when that one ends."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from api.execution.assignment import Order
from api.execution.base import Event, Outcome
from api.execution.children import Child, Children, Exit
from api.execution.frames import Frames, Mark, header
from api.execution.known import Known
from api.execution.worker import OUT_OF_MEMORY
from models.plan import Termination

log = logging.getLogger("placement.execution")

PATIENCE_S = 0.2
"""How long a cancelled job may go on to end by itself, with its own best answer; the rest of 300 ms is a clerk's."""
LATEST_READY_S = 30.0
"""When a worker that has not said that it is ready is given up; it takes some 20 ms."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 5.0
"""Between attempts to start a worker, doubled each time."""
_NO_MEMORY = re.compile(
    "bad_alloc|out of memory|cannot allocate|MemoryError|kMemoryLimit|std::system_error.*temporarily unavailable",
    re.IGNORECASE | re.DOTALL,
)
"""What C++ libraries, the system and Python write where the memory cap is reached; the last when a thread has no room
for its stack."""

_ENDINGS = {Mark.ANSWER: Outcome.ANSWERED, Mark.REFUSAL: Outcome.REFUSED, Mark.FAILURE: Outcome.FAILED}


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a job in a slot."""

    outcome: Outcome
    body: bytes | None = None
    message: str = ""
    forced: Termination | None = None
    """Why the worker was ended by force, if it was."""
    incumbent: dict[str, Any] | None = None
    """What was streamed last."""


@dataclass(eq=False, slots=True)
class _Work:
    """The job in flight."""

    id: str
    on_event: Callable[[Event], None]
    reply: asyncio.Future[Reply]
    known: Known = field(default_factory=Known)
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    cancelled: bool = False

    def end(self, reply: Reply) -> None:
        """Answer, once."""
        for timer in self.timers:
            timer.cancel()
        if not self.reply.done():
            self.reply.set_result(reply)


class Slot:
    """Solves one job at a time in a process of its own."""

    def __init__(self, children: Children, on_free: Callable[[Slot], None], on_gone: Callable[[Slot], None]) -> None:
        """`on_free` is called whenever the slot can take a job: after its start, and after each job.

        `on_gone` is called when it no longer can, since its worker has ended.
        """
        self._children, self._on_free, self._on_gone = children, on_free, on_gone
        self._child: Child | None = None
        self._line: _Line | None = None
        self._work: _Work | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.starts = 0
        """Workers started so far."""

    @property
    def alive(self) -> bool:
        """Whether there is a worker."""
        return self._line is not None

    async def open(self) -> None:
        """Start the first worker; from then on there is always one, until `close`. Raises RuntimeError if it fails."""
        await self._start()
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """End the worker."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        self._hang_up()

    async def solve(self, order: Order, body: bytes, allowance_s: float, on_event: Callable[[Event], None]) -> Reply:
        """Have the order done; after `allowance_s` seconds it is ended by force. The slot must be free."""
        if self._line is None:
            return Reply(Outcome.LOST, message="the worker ended before it had the job")
        assert self._work is None
        loop = asyncio.get_running_loop()
        work = self._work = _Work(order.id, on_event, loop.create_future())
        work.timers.append(loop.call_later(allowance_s, self._force, work, Termination.TIME_LIMIT))
        self._line.send((Mark.ORDER, order.to_json()), (Mark.BODY, body))
        return await work.reply

    def cancel(self) -> None:
        """Ask the worker to end its job; after PATIENCE_S it is made to."""
        work = self._work
        if work is None or work.cancelled or self._line is None:
            return
        work.cancelled = True
        self._line.send((Mark.CANCEL, work.id.encode()))
        loop = asyncio.get_running_loop()
        work.timers.append(loop.call_later(PATIENCE_S, self._force, work, Termination.CANCELLED))

    def _force(self, work: _Work, why: Termination) -> None:
        """Answer at once with what is known, and end the process."""
        work.end(Reply(Outcome.LOST, message=f"ended by force: {why}", forced=why, incumbent=work.known.data))
        if self._work is work and self._child is not None:
            self._children.kill(self._child)

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        line = _Line(self._hear, self._hang_up)
        try:
            await loop.create_connection(lambda: line, sock=ours)
        except BaseException:  # cancelled: nobody has them yet
            ours.close()
            theirs.close()
            raise
        self._line = line
        try:
            self._child = await self._children.fork(theirs)
            async with asyncio.timeout(LATEST_READY_S):
                await asyncio.wait((line.ready, self._child.ended), return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            self._hang_up()
            raise
        if not line.ready.done():
            self._hang_up()
            raise RuntimeError(f"a worker ended before it was ready: {self._child.ended.result()}")
        self.starts += 1
        self._on_free(self)

    async def _keep(self) -> None:
        """Wherever a worker ends, say what became of its job and start the next."""
        while True:
            assert self._child is not None
            end = await asyncio.shield(self._child.ended)
            self._on_gone(self)
            self._hang_up()
            work, self._work = self._work, None
            if work is not None:
                work.end(_reply_after(end, work))
            log.warning("a worker ended (%s); another takes its place", end)
            pause_s = FIRST_PAUSE_S
            while self._line is None:
                try:
                    await self._start()
                except (RuntimeError, TimeoutError, OSError) as error:
                    log.error("no worker can be started: %s; next attempt in %g s", error, pause_s)
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _hang_up(self) -> None:
        """A worker whose line is closed ends itself."""
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._child is not None:
            self._children.kill(self._child)

    def _hear(self, mark: Mark, payload: bytes) -> None:
        work = self._work
        if work is None or work.reply.done():
            return  # answered by force while this was on its way; its process is about to end
        if mark is Mark.PROGRESS:
            event = work.known.learn(json.loads(payload))
            if event is not None:
                work.on_event(event)
            return
        text = payload.decode(errors="replace") if mark is Mark.FAILURE else ""
        self._work = None
        outcome = Outcome.MEMORY if _NO_MEMORY.search(text) else _ENDINGS[mark]
        work.end(Reply(outcome, None if mark is Mark.FAILURE else payload, text, incumbent=work.known.data))
        self._on_free(self)


def _reply_after(end: Exit, work: _Work) -> Reply:
    """What a worker's end means for its job."""
    out_of_memory = end.status == OUT_OF_MEMORY or (end.status < 0 and _NO_MEMORY.search(end.words) is not None)
    outcome = Outcome.MEMORY if out_of_memory else Outcome.LOST
    return Reply(outcome, message=f"the worker ended with {end}", incumbent=work.known.data)


class _Line(asyncio.Protocol):
    """The service's end of the line to a worker."""

    def __init__(self, hear: Callable[[Mark, bytes], None], lost: Callable[[], None]) -> None:
        self._hear, self._lost = hear, lost
        self._frames = Frames()
        self._closed = False
        self._transport: asyncio.Transport | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is not derived from it

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - there is nothing to tell apart
        """A worker without a line has no use."""
        if not self._closed:
            self._lost()

    def data_received(self, data: bytes) -> None:
        """Pass frames on."""
        for mark, payload in self._frames.feed(data):
            if mark is Mark.READY:
                self.ready.set_result(None)
            else:
                self._hear(mark, payload)

    def send(self, *frames: tuple[Mark, bytes]) -> None:
        """Write frames; never waits, what a worker does not read yet is kept."""
        assert self._transport is not None
        self._transport.writelines([part for mark, payload in frames for part in (header(mark, payload), payload)])

    def close(self) -> None:
        """Hang up; what was not sent yet is dropped."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()
