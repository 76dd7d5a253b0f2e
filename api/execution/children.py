"""The service's side of the forkserver: start it, have workers forked, learn how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import count

log = logging.getLogger("placement.execution")

ONE_THREAD_EACH = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""A process with threads cannot be forked, and numpy would start some; solvers are told their number of threads."""
GOING_S = 5.0
"""How long a forkserver may take to end itself before it is killed."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a worker ended. `status`: its exit status, or minus the signal that ended it."""

    status: int
    words: str = ""
    """The last it wrote to its standard error."""

    def __str__(self) -> str:
        how = f"signal {signal.Signals(-self.status).name}" if self.status < 0 else f"status {self.status}"
        return f"{how}: {self.words}" if self.words else how


@dataclass(eq=False, slots=True)
class Child:
    """One worker process."""

    key: int
    forked: asyncio.Future[int]
    """Its number."""
    ended: asyncio.Future[Exit] = field(init=False)

    def __post_init__(self) -> None:
        self.ended = self.forked.get_loop().create_future()


class Children:
    """Worker processes, forked from one prepared process."""

    def __init__(self, preparation: str, memory_bytes: int) -> None:
        """`preparation`: "module:function", called once in the forkserver. `memory_bytes`: address space per worker."""
        self._preparation, self._memory_bytes = preparation, memory_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lifeline: int | None = None
        """Held open, never written to: workers are killed by the kernel when it closes."""
        self._ready: asyncio.Future[None] | None = None
        self._starting = asyncio.Lock()
        self._keys = count(1)
        self._children: dict[int, Child] = {}
        self._unread = b""

    async def start(self) -> None:
        """Start the forkserver unless it runs, and wait until it can fork; raises RuntimeError when it cannot start."""
        async with self._starting:
            if self._control is None:
                if self._process is not None:
                    await asyncio.to_thread(_wait, self._process)
                self._launch()
            assert self._ready is not None
            await self._ready

    async def fork(self, line: socket.socket) -> Child:
        """A new worker at the other end of `line`, which is closed here."""
        with line:
            await self.start()
            loop = asyncio.get_running_loop()
            child = Child(next(self._keys), loop.create_future())
            self._children[child.key] = child
            assert self._control is not None
            try:
                socket.send_fds(self._control, [_line({"fork": child.key})], [line.fileno()])
            except OSError as error:
                self._lose_all()
                raise RuntimeError("the forkserver is gone") from error
        await asyncio.wait((child.forked, child.ended), return_when=asyncio.FIRST_COMPLETED)
        if not child.forked.done():
            raise RuntimeError(f"no worker: {child.ended.result()}")
        return child

    def kill(self, child: Child) -> None:
        """End a worker by force, with everything that it started."""
        if child.ended.done() or self._control is None:
            return
        with contextlib.suppress(OSError):
            self._control.send(_line({"kill": child.key}))

    async def stop(self) -> None:
        """End all workers and the forkserver; returns when they are gone."""
        process = self._process
        self._lose_all()
        self._process = None
        if process is not None:
            await asyncio.to_thread(_wait, process)

    def _launch(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        lifeline, self._lifeline = os.pipe()
        paths = os.pathsep.join(path for path in sys.path if path)
        environment = {**os.environ, **dict.fromkeys(ONE_THREAD_EACH, "1"), "PYTHONPATH": paths}
        arguments = [str(theirs.fileno()), str(lifeline), str(self._memory_bytes), self._preparation]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", "api.execution.forkserver", *arguments],
                env=environment,
                pass_fds=[theirs.fileno(), lifeline],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is the service's to handle
            )
        finally:
            theirs.close()
            os.close(lifeline)
        self._control, self._unread = ours, b""
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        loop.add_reader(ours, self._hear)

    def _hear(self) -> None:
        assert self._control is not None
        try:
            arrived = self._control.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            arrived = b""
        *lines, self._unread = (self._unread + arrived).split(b"\n")
        for line in lines:
            self._understand(json.loads(line))
        if not arrived:
            log.error("the forkserver ended; another is started")
            self._lose_all()

    def _understand(self, message: dict[str, object]) -> None:
        if "ready" in message:
            assert self._ready is not None
            self._ready.set_result(None)
        elif "forked" in message:
            self._children[_int(message["forked"])].forked.set_result(_int(message["pid"]))
        else:
            child = self._children.pop(_int(message["ended"]))
            child.ended.set_result(Exit(_int(message["status"]), str(message["words"])))

    def _lose_all(self) -> None:
        """Hang up; without a forkserver no worker is of use, for nobody would notice its end."""
        if self._control is None:
            return
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        self._control = None
        assert self._lifeline is not None
        os.close(self._lifeline)
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(RuntimeError("the forkserver ended before it was ready; its output says why"))
        for child in self._children.values():
            child.ended.set_result(Exit(-signal.SIGKILL, "its forkserver ended"))
        self._children.clear()


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(GOING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _line(message: dict[str, int]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
