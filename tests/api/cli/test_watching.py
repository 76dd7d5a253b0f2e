from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from api.cli.watching import describe, describe_frontier, solve, trace
from models import Frontier, FrontierRequest, Plan, PlanRequest
from models.constraints import Objective
from placement.solver import FrontierProgress, Progress
from tests.api.cli import frontier_samples, samples


def test_progress_says_phase_incumbent_bound_and_gap() -> None:
    progress = Progress(phase="latency", seconds=1.0, objective=1.234, bound=1.2, gap=0.0275)
    assert describe(progress, Objective()) == "latency: incumbent 1.23 s, bound 1.20 s, gap 2.8 %"


def test_progress_without_a_plan_yet_says_the_bound_alone() -> None:
    progress = Progress(phase="energy", seconds=0.1, objective=None, bound=3.0, gap=None)
    assert describe(progress, Objective.model_validate({"kind": "energy"})) == "energy: bound 3.00 J"


def reporting(request: PlanRequest, *, on_progress: Any, **_: Any) -> Plan:
    """A solver that reports once, where anybody listens."""
    if on_progress is not None:
        on_progress(Progress(phase="latency", seconds=0.0, objective=2.0, bound=1.0, gap=0.5))
    return samples.plan()


@pytest.mark.parametrize(
    ("terminal", "quiet", "shown"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_progress_is_shown_on_a_terminal_unless_quiet(terminal: bool, quiet: bool, shown: bool) -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100)
    assert solve(reporting, samples.request(), console, quiet=quiet) == samples.plan()
    assert ("gap 50 %" in written.getvalue()) is shown


def test_an_error_of_the_solver_reaches_the_caller() -> None:
    def broken(request: PlanRequest, **_: Any) -> Plan:
        raise RuntimeError("no licence")

    with pytest.raises(RuntimeError, match="no licence"):
        solve(broken, samples.request(), Console(file=io.StringIO()))


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (FrontierProgress(1.0, 1, 1.0, (1.2, 3.4)), "1 point, 100 % open; the latest 1.20 s, 3.40 J"),
        (FrontierProgress(2.0, 7, 0.123), "7 points, 12 % open"),
    ],
)
def test_progress_of_a_frontier_counts_points_and_says_how_much_is_open(progress: FrontierProgress, said: str) -> None:
    assert describe_frontier(progress) == said


def test_progress_of_a_frontier_is_shown_on_a_terminal() -> None:
    def tracer(request: FrontierRequest, *, on_progress: Any, **_: Any) -> Frontier:
        on_progress(FrontierProgress(1.0, 2, 0.5))
        return frontier_samples.frontier()

    written = io.StringIO()
    request = FrontierRequest.model_validate(samples.request_body())
    console = Console(file=written, force_terminal=True, width=100)
    assert trace(tracer, request, console) == frontier_samples.frontier()
    assert "2 points, 50 % open" in written.getvalue()
