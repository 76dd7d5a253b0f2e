"""Progress on its way out of a worker: the newest only, and not too often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

SPACING_S = 0.05
"""Least time between two reports of one job, and before its first: a job that ends sooner has an answer instead."""

Build = Callable[[], dict[str, Any]]


class Stream:
    """Sends the newest report at most every SPACING_S, also when the solver has nothing further to say for long."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send = send
        self._newest: Build | None = None
        self._sent_s = time.monotonic()
        self._changed = threading.Condition()
        self._idle = False
        """Whether the late thread waits for something to send; else it looks by itself, in time."""
        self._late = threading.Thread(target=self._send_late, daemon=True)
        self._late.start()

    def begin(self) -> None:
        """A job begins."""
        with self._changed:
            self._newest = None
            self._sent_s = time.monotonic()

    def end(self) -> None:
        """The job has ended: what was not sent is in its answer."""
        with self._changed:
            self._newest = None

    def tell(self, build: Build) -> None:
        """Send the report that `build` makes: now, or soon unless a newer one comes."""
        with self._changed:
            self._newest = build
            if self._wait_s() <= 0:
                self._flush()
            elif self._idle:
                self._idle = False
                self._changed.notify()

    def _wait_s(self) -> float:
        return self._sent_s + SPACING_S - time.monotonic()

    def _flush(self) -> None:
        build, self._newest = self._newest, None
        if build is not None:
            self._sent_s = time.monotonic()
            self._send(build())

    def _send_late(self) -> None:
        with self._changed:
            while True:
                wait_s = self._wait_s()
                if self._newest is None:
                    self._idle = True
                    self._changed.wait()
                elif wait_s > 0:
                    self._changed.wait(wait_s)
                else:
                    self._flush()
