"""An executor on an event loop of its own, asked from plain tests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal

from api.execution.base import Ending, Event, Executor, Job, Kind, Load
from models.plan import Termination

PATIENCE_S = 30.0
"""A test that waits longer hangs."""


@dataclass
class Running:
    """A job that was started."""

    id: str
    ending: Future[Ending]
    events: list[Event] = field(default_factory=list)

    def result(self) -> Ending:
        return self.ending.result(PATIENCE_S)

    def answer(self) -> Any:
        ending = self.result()
        assert ending.body is not None, ending
        return json.loads(ending.body)

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]


class Rig:
    """Starts jobs that a double does; `do` names its habit."""

    def __init__(self, executor: Executor, portal: BlockingPortal) -> None:
        self.executor, self.portal = executor, portal
        self._numbers = count()

    def start(
        self, do: str = "echo", *, kind: Kind = Kind.PLAN, time_limit_s: float = PATIENCE_S, **rest: Any
    ) -> Running:
        return self.start_body(json.dumps({"do": do, **rest}).encode(), kind=kind, time_limit_s=time_limit_s)

    def start_body(self, body: bytes, *, kind: Kind = Kind.PLAN, time_limit_s: float = PATIENCE_S) -> Running:
        job = Job(f"job-{next(self._numbers)}", kind, body, time_limit_s, traceparent="00-1-2-03")
        events: list[Event] = []
        return Running(job.id, self.portal.start_task_soon(self.executor.run, job, events.append), events)

    def run_again(self, running: Running) -> Ending:
        return self.portal.call(self.executor.run, Job(running.id, Kind.PLAN, b"{}", 1.0), lambda _: None)

    def run_heard_by(self, listen: Callable[[Event], None]) -> Ending:
        return self.portal.call(self.executor.run, Job("heard", Kind.PLAN, b'{"do": "echo"}', 1.0), listen)

    def salvage(self, job_id: str, asked: Any, incumbent: dict[str, Any] | None, termination: Termination) -> Ending:
        job = Job(job_id, Kind.PLAN, json.dumps(asked).encode(), 1.0)
        return self.portal.call(self.executor.salvage, job, incumbent, termination)

    def begun(self, do: str, **options: Any) -> Running:
        """A job that a worker has."""
        running = self.start(do, **options)
        wait_until(lambda: bool(running.events) or running.ending.done())
        return running

    def run(self, do: str = "echo", **options: Any) -> Ending:
        return self.start(do, **options).result()

    def cancel(self, job_id: str) -> bool:
        return self.portal.call(self.executor.cancel, job_id)

    def cancel_once_improved(self, running: Running) -> None:
        wait_until(lambda: bool(running.named("incumbent")))
        assert self.cancel(running.id)

    def load(self) -> Load:
        return self.portal.call(self.executor.load)

    def wait_until_idle(self) -> None:
        wait_until(lambda: self.load().busy == 0)


@contextmanager
def rig_of(executor: Executor) -> Iterator[Rig]:
    """The executor, open; closed afterwards without grace."""
    with start_blocking_portal() as portal:
        portal.call(executor.open)
        try:
            yield Rig(executor, portal)
        finally:
            portal.call(executor.close, 0.0)


def wait_until(holds: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, "this takes too long"
        time.sleep(0.005)
