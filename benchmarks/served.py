"""The service as its users have it: `placement serve` in a process of its own, to be killed and restarted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx
import psutil

START_S = 300.0
"""Longest wait for the service to be ready: it may have to compile the search first, on a busy machine."""
STOP_S = 60.0
PLAIN = False
"""No certificates are read for plain HTTP: that alone takes a client up to 65 ms of processor time."""
ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Served:
    """One API process with its workers. `folder` takes its state and its log; the port stays the same for life."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    """Environment variables, without PLACEMENT_ in front."""
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it wrote, all starts together."""
        return self.folder / "service.log"

    @property
    def alive(self) -> bool:
        """Whether the API process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def process(self) -> psutil.Process:
        """The API process."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def start(self) -> None:
        """Start, and wait until it is ready."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start, and wait for nothing."""
        given = {f"PLACEMENT_{name.upper()}": value for name, value in self.settings.items()}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PLACEMENT_")}
        environment |= {"PLACEMENT_STATE_DIR": str(self.folder), "PYTHONUNBUFFERED": "1", **given}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", "api.cli.app", "serve", "--port", str(self.port)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_until_ready(self) -> None:
        """Until /readyz says so; raises RuntimeError with the end of the log."""
        with self.client(timeout_s=5.0) as client:
            wait_until(lambda: _is_ready(client) or not self.alive, START_S, self._last_words)
        if not self.alive:
            raise RuntimeError(f"the service ended while it started: {self._last_words()}")

    def family(self) -> list[psutil.Process]:
        """Every process that the API process started, and theirs."""
        with suppress(psutil.NoSuchProcess):
            found: list[psutil.Process] = self.process.children(recursive=True)
            return found
        return []

    def workers(self) -> list[psutil.Process]:
        """Processes that work on plans, clerks included: whatever the forkserver forked and has not lost."""
        forked = (child for server in self.process.children() for child in server.children())
        return [child for child in forked if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]

    def kill(self) -> list[psutil.Process]:
        """End the API process by SIGKILL; its family at that moment."""
        family = self.family() if self.alive else []
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        return family

    def terminate(self) -> None:
        """Ask the API process to end (SIGTERM), and wait for nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """The exit status, once it has ended."""
        assert self._process is not None
        return self._process.wait(STOP_S)

    def client(self, timeout_s: float = 60.0) -> httpx.Client:
        """A client with connections of its own."""
        return httpx.Client(base_url=self.url, timeout=timeout_s, verify=PLAIN)

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


def _is_ready(client: httpx.Client) -> bool:
    with suppress(httpx.HTTPError):
        return client.get("/readyz").status_code == 200
    return False


def is_gone(process: psutil.Process) -> bool:
    """Whether a process has ended; one that only waits to be buried has."""
    with suppress(psutil.NoSuchProcess):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


def wait_until(holds: Callable[[], bool], within_s: float = 60.0, otherwise: Callable[[], str] = str) -> None:
    """Look again and again; raises RuntimeError with the words of `otherwise` when it takes too long."""
    until = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until:
            raise RuntimeError(f"not within {within_s:g} s: {otherwise()}")
        time.sleep(0.02)
