"""What runs inside a worker process: orders in, answers out, one at a time, until the line is closed.

The main thread works. A second thread reads the line, so that a cancellation reaches a solver at work, and the end of
the service ends the worker: by force, with everything that it started.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NoReturn

from api.execution.assignment import Assignment, Order, Refused, Work
from api.execution.frames import Frames, Mark, header
from api.execution.stream import Stream

CHUNK_BYTES = 2**18
OUT_OF_MEMORY = 86
"""Exit status of a worker that ran into its memory cap: a fresh one is cheaper than a heap in pieces."""


def serve(line: socket.socket, folder: Path) -> NoReturn:
    """Work until the line is closed, then leave nothing behind. `folder`: the worker's own, for temporary files."""
    worker = _Worker(line, folder)
    threading.Thread(target=_or_give_up(worker.listen), daemon=True).start()
    _or_give_up(worker.work)()
    raise AssertionError("the line decides when a worker ends")


def _or_give_up(task: Callable[[], None]) -> Callable[[], None]:
    """A worker without memory, or half of it, is of no use: the supervisor starts another."""

    def guarded() -> None:
        try:
            task()
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    return guarded


class _Worker:
    def __init__(self, line: socket.socket, folder: Path) -> None:
        self._line, self._folder = line, folder
        self._sending = threading.Lock()
        self._orders: SimpleQueue[tuple[Order, bytes, threading.Event]] = SimpleQueue()
        self._known: dict[str, Work] = {}
        self._stream = Stream(lambda data: self._send(Mark.PROGRESS, json.dumps(data).encode()))

    def listen(self) -> None:
        """Pass orders on; keep in mind what was cancelled, whether or not its solver has begun."""
        frames = Frames()
        order: Order | None = None
        cancelled = threading.Event()
        while arrived := self._received():
            for mark, payload in frames.feed(arrived):
                if mark is Mark.ORDER:
                    order, cancelled = Order.of_json(payload), threading.Event()
                elif mark is Mark.BODY and order is not None:
                    self._orders.put((order, payload, cancelled))
                elif mark is Mark.CANCEL and order is not None and payload.decode() == order.id:
                    cancelled.set()
        # The service is gone, or has no more use for this worker. The forkserver does the same; it may be gone too.
        shutil.rmtree(self._folder, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)

    def work(self) -> None:
        """Do one order after the other."""
        self._send(Mark.READY, b"")
        while True:
            order, body, cancelled = self._orders.get()
            os.truncate(sys.stderr.fileno(), 0)
            self._stream.begin()
            mark, answer = self._done(order, body, cancelled)
            self._stream.end()
            self._send(mark, answer)
            del order, body, answer

    def _done(self, order: Order, body: bytes, cancelled: threading.Event) -> tuple[Mark, bytes]:
        try:
            return Mark.ANSWER, self._work_named(order.work)(
                body, Assignment(order, cancelled.is_set, self._stream.tell)
            )
        except Refused as refused:
            return Mark.REFUSAL, refused.details
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - a fault of ours must not cost the slot
            return Mark.FAILURE, traceback.format_exc().encode()

    def _work_named(self, name: str) -> Work:
        if name not in self._known:
            module, _, function = name.partition(":")
            self._known[name] = getattr(import_module(module), function)
        return self._known[name]

    def _received(self) -> bytes:
        try:
            return self._line.recv(CHUNK_BYTES)
        except ConnectionError:
            return b""

    def _send(self, mark: Mark, payload: Any) -> None:
        with self._sending:
            self._line.sendall(header(mark, payload) + payload)
