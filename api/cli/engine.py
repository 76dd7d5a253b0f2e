"""What the command line asks of the planner. Loaded late: OR-Tools takes a second that `--help` need not pay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import typer

from models import (
    CompareRequest,
    Comparison,
    EvaluateRequest,
    Evaluation,
    Frontier,
    FrontierRequest,
    ModelSpec,
    Plan,
    PlanRequest,
    Profile,
)
from models.workload import Inference, Training

if TYPE_CHECKING:
    from placement.solver import FrontierProgress, Progress


class Planner(Protocol):
    """`placement.solver.plan`, or what stands in for it."""

    def __call__(
        self,
        request: PlanRequest,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Plan:
        """The best plan; reports on the way, and ends soon once `cancelled` says so."""


class Comparer(Protocol):
    """`placement.comparing.compare`, or what stands in for it."""

    def __call__(
        self,
        request: CompareRequest,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Comparison:
        """The comparison; reports on the way, and ends soon once `cancelled` says so."""


class Tracer(Protocol):
    """`placement.solver.frontier`, or what stands in for it."""

    def __call__(
        self,
        request: FrontierRequest,
        *,
        on_progress: Callable[[FrontierProgress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Frontier:
        """The frontier; reports on the way, and ends soon once `cancelled` says so."""


def _plan(
    request: PlanRequest,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Plan:
    from placement import solver, warm_up

    if request.explain is not None:
        warm_up()  # else the explanation's time could pass while the search is compiled
    return solver.plan(request, on_progress=on_progress, cancelled=cancelled)


def _frontier(
    request: FrontierRequest,
    *,
    on_progress: Callable[[FrontierProgress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Frontier:
    from placement import solver

    return solver.frontier(request, on_progress=on_progress, cancelled=cancelled)


def _compare(
    request: CompareRequest,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Comparison:
    from placement import comparing, warm_up

    warm_up()  # else one time limit for many plans could pass while the search is compiled
    return comparing.compare(request, on_progress=on_progress, cancelled=cancelled)


def _evaluate(request: EvaluateRequest) -> Evaluation:
    from placement import solver

    return solver.evaluate(request)


def _profile(spec: ModelSpec, workload: Inference | Training) -> Profile:
    from placement import transformers

    return transformers.profile(spec, workload)


@dataclass(frozen=True, slots=True)
class Engine:
    """The planner's functions; tests put others in by the context's `obj`."""

    plan: Planner = _plan
    frontier: Tracer = _frontier
    compare: Comparer = _compare
    evaluate: Callable[[EvaluateRequest], Evaluation] = _evaluate
    profile: Callable[[ModelSpec, Inference | Training], Profile] = _profile


def engine_of(context: typer.Context) -> Engine:
    """The engine of this run: the real one unless the caller brought another."""
    return context.obj if isinstance(context.obj, Engine) else Engine()
