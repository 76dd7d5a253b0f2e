"""Solving under the user's eyes: progress on stderr, and Ctrl-C ends with the best that is known so far."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import Progress as Display
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from api.cli import formats
from api.cli.engine import Comparer, Planner, Tracer
from api.cli.names import plain
from models import CompareRequest, Comparison, Frontier, FrontierRequest, Plan, PlanRequest
from models.constraints import Metric, Objective

if TYPE_CHECKING:
    from placement.solver import FrontierProgress, Progress

Answer = TypeVar("Answer")
Seen = TypeVar("Seen")
Cancelled = Callable[[], bool]
_LOOK_UP_S = 0.1
"""How long the main thread waits at a stretch; signals are served between two stretches."""


def solve(plan: Planner, request: PlanRequest, console: Console, *, quiet: bool = False) -> Plan:
    """The plan; while it is sought the console shows phase, incumbent, bound and gap, if it is a terminal."""

    def said(progress: Progress) -> str:
        return describe(progress, request.objective)

    def work(report: Callable[[Progress], None] | None, cancelled: Cancelled) -> Plan:
        return plan(request, on_progress=report, cancelled=cancelled)

    return watched(work, said, console, quiet=quiet)


def trace(tracer: Tracer, request: FrontierRequest, console: Console, *, quiet: bool = False) -> Frontier:
    """The frontier; while it is sought the console shows how many points there are and how much is open."""

    def work(report: Callable[[FrontierProgress], None] | None, cancelled: Cancelled) -> Frontier:
        return tracer(request, on_progress=report, cancelled=cancelled)

    return watched(work, describe_frontier, console, quiet=quiet)


def compared(comparer: Comparer, request: CompareRequest, console: Console, *, quiet: bool = False) -> Comparison:
    """The comparison; while it is made the console shows which plan is sought, and what is known of it."""

    def said(progress: Progress) -> str:
        return describe(progress, request.request.objective)

    def work(report: Callable[[Progress], None] | None, cancelled: Cancelled) -> Comparison:
        return comparer(request, on_progress=report, cancelled=cancelled)

    return watched(work, said, console, quiet=quiet)


def watched(
    work: Callable[[Callable[[Seen], None] | None, Cancelled], Answer],
    said: Callable[[Seen], str],
    console: Console,
    *,
    quiet: bool = False,
) -> Answer:
    """The result of `work`, which is given where to report, if anybody looks, and how it learns that it should stop."""
    stop = threading.Event()
    with _native_output_aside(), _interrupts(stop, console), _display(console, said, quiet=quiet) as report:
        return _in_thread(lambda: work(report, stop.is_set))


def _in_thread(work: Callable[[], Answer]) -> Answer:
    """Run `work` in a thread of its own: solvers do not return to Python while they compute, and signals would wait."""
    results: list[Answer] = []
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

    def on_interrupt(number: int, frame: Any) -> None:  # noqa: ARG001 - as signal calls it
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
def _display(console: Console, said: Callable[[Seen], str], *, quiet: bool) -> Iterator[Callable[[Seen], None] | None]:
    """A line that is renewed in place; nothing where stderr is not a terminal."""
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (SpinnerColumn("line"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Display(*columns, console=console, transient=True) as display:
        task = display.add_task("solving", total=None)
        yield lambda progress: display.update(task, description=said(progress))


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


def describe_frontier(progress: FrontierProgress) -> str:
    """7 points, 12 % open; the latest 1.20 s, 3.40 J."""
    said = f"{progress.points} point{'' if progress.points == 1 else 's'}, {formats.percent(progress.open_share)} open"
    if progress.latest is None:
        return said
    latency_s, energy_j = progress.latest
    return f"{said}; the latest {formats.seconds(latency_s)}, {formats.joules(energy_j)}"
