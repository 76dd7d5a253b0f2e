"""The answer put together: verdict, figures, baselines, who solved, and what a reader should know."""

from __future__ import annotations

import hashlib

from models.constraints import Metric
from models.plan import Plan, SolverReport, Status, Termination
from models.request import PlanRequest
from placement.backends.base import Outcome
from placement.evaluation import Figures
from placement.gaps import relative_gap
from placement.objectives import Optimum, stated
from placement.problem import Problem
from placement.report import assess, compare_baselines
from placement.search import Search

PRIVACY_NOTE = (
    "A cut is not a formal privacy guarantee: attacks with learned decoders recover input even from deep layers, and "
    "gradients that cross a cut leak too."
)


class PlanAnswer:
    """Puts the plan together."""

    def __init__(self, request: PlanRequest, problem: Problem, search: Search, optimum: Optimum) -> None:
        self._request, self._problem, self._search, self._optimum = request, problem, search, optimum

    def plan(self, *, infeasibility: object, seconds: dict[str, float]) -> Plan:
        """The answer of POST /plan."""
        result = self._optimum.result
        metrics = assess(self._problem, result.placement)[2] if result.placement is not None else None
        status, termination = self._status()
        body = {} if metrics is None else {name: getattr(metrics, name) for name in type(metrics).model_fields}
        return Plan(
            **body,
            id=id_of("plan", self._request),
            status=status,
            termination=termination,
            objective_kind=self._request.objective.kind,
            objective=self._stated(result.value),
            bound=self._stated(result.bound),
            gap=self._gap(),
            objective_terms=self._optimum.terms,
            baselines=compare_baselines(self._problem, self._worth),
            infeasibility=infeasibility,
            solver=solver_report(self._search, seconds, {**self._search.sizes, **self._optimum.result.sizes}),
            notes=notes_of(self._problem),
        )

    def _worth(self, figures: Figures) -> float:
        return stated(self._problem, self._optimum.stated_as, self._optimum.goal.value(figures))

    def _stated(self, value: float | None) -> float | None:
        if value is None or (self._optimum.stated_as is Metric.THROUGHPUT and value <= 0):
            return None
        return stated(self._problem, self._optimum.stated_as, value)

    def _gap(self) -> float | None:
        """|objective - bound| / |objective|, as stated: of the rates where the cycle time was minimised."""
        result = self._optimum.result
        if self._optimum.stated_as is not Metric.THROUGHPUT:
            return result.gap
        value, bound = self._stated(result.value), self._stated(result.bound)
        return None if value is None or bound is None else relative_gap(-value, -bound)

    def _status(self) -> tuple[Status, Termination]:
        result = self._optimum.result
        if result.outcome is Outcome.INFEASIBLE:
            return Status.INFEASIBLE, Termination.INFEASIBLE
        stopped = Termination.TIME_LIMIT
        if self._search.cancelled():
            stopped = Termination.CANCELLED
        elif self._problem.replays and not self._search.out_of_time:
            stopped = Termination.REPLAY
        if result.placement is None:
            return Status.NO_PLAN_FOUND, stopped
        if result.proven and self._optimum.all_proven:
            return Status.OPTIMAL, Termination.OPTIMAL
        asked = self._request.solver.relative_gap
        if result.gap is not None and asked > 0 and result.gap <= asked:
            return Status.FEASIBLE, Termination.GAP
        return Status.FEASIBLE, stopped


def solver_report(search: Search, seconds: dict[str, float], sizes: dict[str, int]) -> SolverReport:
    """Who solved, how long each phase took, and how large the problem was."""
    return SolverReport(
        backend=search.solver.name,
        version=search.solver.version,
        seed=search.seed,
        threads=search.threads,
        seconds=seconds,
        sizes=sizes,
    )


def notes_of(problem: Problem) -> tuple[str, ...]:
    """What a reader of any answer about the problem should know."""
    notes = list(problem.profile.notes)
    if problem.node_count > 1:
        notes.append(PRIVACY_NOTE)
    if problem.training and problem.training.iterations > 1:
        notes.append(f"figures are per iteration; {problem.training.iterations} are planned")
    return tuple(notes)


def id_of(kind: str, request: PlanRequest) -> str:
    """A name for a request's answer of a kind, from what the request says."""
    return f"{kind}-" + hashlib.sha256(request.model_dump_json().encode()).hexdigest()[:16]
