"""What the service asks of the planner; the one seam between transport and placement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from models import EvaluateRequest, Evaluation, Frontier, FrontierRequest, ModelSpec, Plan, PlanRequest, Profile
from models.workload import Inference, Training
from placement import warm_up
from placement.solver import evaluate, frontier, plan
from placement.transformers import profile


class Planner(Protocol):
    """`placement.solver.plan`, or what stands in for it."""

    def __call__(self, request: PlanRequest, *, cancelled: Callable[[], bool] | None = None) -> Plan:
        """The best plan; ends soon, with the best so far, once `cancelled` says so."""


class Tracer(Protocol):
    """`placement.solver.frontier`, or what stands in for it."""

    def __call__(self, request: FrontierRequest, *, cancelled: Callable[[], bool] | None = None) -> Frontier:
        """The frontier; ends soon, with what is known so far, once `cancelled` says so."""


@dataclass(frozen=True, slots=True)
class Facade:
    """The functions of the planner. They raise `models.InvalidInput` for faults of the input, and nothing else."""

    plan: Planner = plan
    frontier: Tracer = frontier
    evaluate: Callable[[EvaluateRequest], Evaluation] = evaluate
    profile: Callable[[ModelSpec, Inference | Training], Profile] = profile
    warm_up: Callable[[], object] = warm_up
    """Called once at start, before any request."""
