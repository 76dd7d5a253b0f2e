"""Solving under the user's eyes: progress on stderr, and Ctrl-C ends with the best plan so far."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress as Display
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from api.cli import formats
from api.cli.engine import Planner
from api.cli.names import plain
from models import Plan, PlanRequest
from models.constraints import Metric, Objective

if TYPE_CHECKING:
    from placement.solver import Progress

Report = Callable[["Progress"], None]
_LOOK_UP_S = 0.1
"""How long the main thread waits at a stretch; signals are served between two stretches."""


def solve(plan: Planner, request: PlanRequest, console: Console, *, quiet: bool = False) -> Plan:
    """The plan; while it is sought the console shows phase, incumbent, bound and gap, if it is a terminal."""
    stop = threading.Event()
    with (
        _native_output_aside(),
        _interrupts(stop, console),
        _display(console, request.objective, quiet=quiet) as report,
    ):
        return _in_thread(lambda: plan(request, on_progress=report, cancelled=stop.is_set))


def _in_thread(work: Callable[[], Plan]) -> Plan:
    """Run `work` in a thread of its own: solvers do not return to Python while they compute, and signals would wait."""
    results: list[Plan] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, name="solve", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK_UP_S)
    if errors:
        raise errors[0]
    return results[0]


@contextmanager
def _native_output_aside() -> Iterator[None]:
    """HiGHS now and then prints a line from native code; it goes to stderr, so that stdout holds the answer only."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def _interrupts(stop: threading.Event, console: Console) -> Iterator[None]:
    """The first Ctrl-C asks the solver to stop, the second one ends the command."""

    def on_interrupt(number: int, frame: Any) -> None:  # noqa: ARG001
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        console.print("stopping with the best plan so far; Ctrl-C again to give up")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _display(console: Console, objective: Objective, *, quiet: bool) -> Iterator[Report | None]:
    """A line that is renewed in place; nothing where stderr is not a terminal."""
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (SpinnerColumn("line"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Display(*columns, console=console, transient=True) as display:
        task = display.add_task("solving", total=None)
        yield lambda progress: display.update(task, description=describe(progress, objective))


def describe(progress: Progress, objective: Objective) -> str:
    """milp: incumbent 1.23 s, bound 1.20 s, gap 2.4 %."""
    last = (objective.order or (Metric.LATENCY, Metric.ENERGY))[-1]
    said = [
        f"{word} {formats.objective(objective.kind, value, last)}"
        for word, value in (("incumbent", progress.objective), ("bound", progress.bound))
        if value is not None
    ]
    if progress.gap is not None:
        said.append(f"gap {formats.percent(progress.gap)}")
    return plain(progress.phase) + (": " + ", ".join(said) if said else "")
