"""What goes wrong during a soak: processes that die, stop for a while, or are told to end."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random
from types import MappingProxyType

import psutil

from benchmarks.served import Served, is_gone
from benchmarks.soak.ledger import Ledger

ORPHANS_S = 2.0
"""When every process of a killed service must be gone."""
PAUSE_S = 1.0
LEAVING = 20


class Mischief:
    """Does harm to one service, and starts it again."""

    def __init__(self, served: Served, ledger: Ledger, random: Random) -> None:
        self._served, self._ledger, self._random = served, ledger, random
        self.done: Counter[str] = Counter()
        """How often each fault happened."""
        self.starts_s: list[float] = []
        """How long each restart took until the service was ready."""

    def strike(self, with_restarts: bool) -> None:
        """One fault; with or without those that need a restart of the service."""
        names = [name for name in FAULTS if with_restarts or not FAULTS[name][2]]
        [name] = self._random.choices(names, [FAULTS[one][1] for one in names])
        with suppress(psutil.NoSuchProcess):
            FAULTS[name][0](self)
        self.done[name] += 1

    def kill_worker(self) -> None:
        """SIGKILL for one that solves, or a clerk."""
        self._some_worker().kill()

    def pause_worker(self) -> None:
        """A worker that stands still for a while."""
        worker = self._some_worker()
        worker.suspend()
        time.sleep(PAUSE_S)
        worker.resume()

    def pause_service(self) -> None:
        """An API process that stands still for a while."""
        process = self._served.process
        process.suspend()
        time.sleep(PAUSE_S)
        process.resume()

    def leave(self) -> None:
        """Many callers who begin a request and go away."""
        for _ in range(LEAVING):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._served.port), timeout=5.0) as leaving:
                leaving.sendall(b"POST /plan HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")

    def kill_service(self) -> None:
        """SIGKILL for the API process: nobody of its family may outlive it for long."""
        family = self._served.kill()
        until = time.monotonic() + ORPHANS_S
        while not all(map(is_gone, family)) and time.monotonic() < until:
            time.sleep(0.02)
        left = [process for process in family if not is_gone(process)]
        if left:
            self._ledger.accuse("orphans", f"{len(left)} of {len(family)} live {ORPHANS_S:g} s after kill -9")
        self.restart()

    def stop_service(self) -> None:
        """SIGTERM: it ends by itself, with everything that it started."""
        family = self._served.family()
        self._served.terminate()
        self._served.wait()
        left = [process for process in family if not is_gone(process)]
        if left:
            self._ledger.accuse("orphans", f"{len(left)} of {len(family)} live after SIGTERM")
        self.restart()

    def restart(self) -> None:
        """Start the service again."""
        began = time.monotonic()
        self._served.start()
        self.starts_s.append(round(time.monotonic() - began, 1))

    def _some_worker(self) -> psutil.Process:
        return self._random.choice(self._served.workers())


FAULTS: Mapping[str, tuple[Callable[[Mischief], None], int, bool]] = MappingProxyType({
    "a worker killed (kill -9)": (Mischief.kill_worker, 4, False),
    "a worker paused for 1 s": (Mischief.pause_worker, 2, False),
    "the API paused for 1 s": (Mischief.pause_service, 2, False),
    "20 callers left in mid-request": (Mischief.leave, 2, False),
    "the API killed (kill -9) and restarted": (Mischief.kill_service, 3, True),
    "the API stopped (SIGTERM) and restarted": (Mischief.stop_service, 2, True),
})  # fmt: skip
"""What may happen, how often, and whether the service has to be started again."""
