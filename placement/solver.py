"""The facade: plan a request, evaluate a placement of the caller's own."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from models.base import Fault, refuse
from models.constraints import Backend, Metric, ObjectiveKind
from models.plan import Evaluation, Plan, SolverReport, Status, Termination
from models.request import EvaluateRequest, PlanRequest
from placement.backends.base import Outcome
from placement.backends.brute_force import LARGEST, placement_count
from placement.backends.registry import BACKENDS
from placement.baselines import baselines
from placement.constraints import limits_of
from placement.cost_model import compile_problem
from placement.evaluation import Figures
from placement.explanation.infeasibility import explain_infeasibility
from placement.feasibility import relative_gap
from placement.objectives import OBJECTIVES, Optimum, metric_value, stated
from placement.problem import PlacedStage, Placement, Problem
from placement.report import assess, compare_baselines
from placement.search import Progress, Search

__all__ = ["Progress", "evaluate", "plan"]

EXPLANATION_S = 10.0
"""Longest search for reasons and relaxations once infeasibility is proven, within the request's time limit."""
PRIVACY_NOTE = (
    "A cut is not a formal privacy guarantee: attacks with learned decoders recover input even from deep layers, and "
    "gradients that cross a cut leak too."
)


def plan(
    request: PlanRequest,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
    threads: int = 2,
) -> Plan:
    """The best placement of the request's layers, with what is proven about it.

    on_progress: called as incumbents and bounds improve. cancelled: asked from time to time; True ends the search, and
    the best plan so far is answered. clock: monotonic seconds. Raises InvalidInput for requests that no answer fits.
    """
    begin = clock()
    problem = compile_problem(request)
    _check_backend(problem)
    compiled = clock()
    settings = request.solver
    search = Search(
        problem=problem,
        solver=BACKENDS[settings.backend](),
        deadline_s=begin + settings.time_limit_s,
        clock=clock,
        seed=settings.seed,
        relative_gap=settings.relative_gap,
        threads=threads,
        on_progress=on_progress or (lambda _: None),
        cancelled=cancelled or (lambda: False),
        candidates=[named.placement for named in baselines(problem) if named.placement is not None],
    )
    prepared = clock()
    optimum = OBJECTIVES[request.objective.kind](search, request.objective, limits_of(problem))
    solved = clock()
    report = _Answer(request, problem, search, optimum)
    infeasibility = None
    if optimum.result.outcome is Outcome.INFEASIBLE:
        search.deadline_s = min(search.deadline_s, clock() + EXPLANATION_S)
        infeasibility = explain_infeasibility(search)
    return report.plan(
        infeasibility=infeasibility,
        seconds={
            "compile": compiled - begin,
            "graph": prepared - compiled,
            "solve": solved - prepared,
            "report": clock() - solved,
            "total": clock() - begin,
        },
    )


class _Answer:
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
            id=plan_id(self._request),
            status=status,
            termination=termination,
            objective_kind=self._request.objective.kind,
            objective=self._stated(result.value),
            bound=self._stated(result.bound),
            gap=relative_gap(result.value, result.bound),
            objective_terms=self._optimum.terms,
            baselines=compare_baselines(self._problem, self._worth),
            infeasibility=infeasibility,
            solver=self._report(seconds),
            notes=self._notes(),
        )

    def _worth(self, figures: Figures) -> float:
        return stated(self._problem, self._optimum.stated_as, self._optimum.goal.value(figures))

    def _stated(self, value: float | None) -> float | None:
        if value is None or (self._optimum.stated_as is Metric.THROUGHPUT and value <= 0):
            return None
        return stated(self._problem, self._optimum.stated_as, value)

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

    def _report(self, seconds: dict[str, float]) -> SolverReport:
        return SolverReport(
            backend=self._search.solver.name,
            version=self._search.solver.version,
            seed=self._search.seed,
            threads=self._search.threads,
            seconds=seconds,
            sizes={**self._search.sizes, **self._optimum.result.sizes},
        )

    def _notes(self) -> tuple[str, ...]:
        notes = list(self._problem.profile.notes)
        if self._problem.node_count > 1:
            notes.append(PRIVACY_NOTE)
        if self._problem.training and self._problem.training.iterations > 1:
            notes.append(f"figures are per iteration; {self._problem.training.iterations} are planned")
        return tuple(notes)


def plan_id(request: PlanRequest) -> str:
    """A name for the request's plan: the same request has the same one."""
    return "plan-" + hashlib.sha256(request.model_dump_json().encode()).hexdigest()[:16]


def _check_backend(problem: Problem) -> None:
    if problem.request.solver.backend is not Backend.BRUTE_FORCE:
        return
    count = placement_count(problem)
    if count > LARGEST:
        message = f"solver.backend: brute_force enumerates at most {LARGEST} placements, this request has up to {count}"
        refuse([Fault("/solver/backend", "too_large", message, count, LARGEST)])


def evaluate(request: EvaluateRequest) -> Evaluation:
    """Score the caller's own placement: metrics, and every rule that it breaks."""
    problem = compile_problem(request)
    placement = _placement_of(problem, request)
    figures, violations, metrics = assess(problem, placement)
    objective = None
    kind = request.objective.kind
    if figures is not None and kind not in {ObjectiveKind.WEIGHTED, ObjectiveKind.LEXICOGRAPHIC}:
        objective = metric_value(problem, Metric(kind.value), figures)
    return Evaluation(
        **{name: getattr(metrics, name) for name in type(metrics).model_fields},
        feasible=not violations,
        violations=tuple(violations),
        objective=objective,
        notes=problem.profile.notes,
    )


def _placement_of(problem: Problem, request: EvaluateRequest) -> Placement:
    """The caller's stages as options; without a level, the node's fastest."""
    faults = []
    stages = []
    nodes = request.cluster.nodes
    for index, stage in enumerate(request.stages):
        n = problem.node_ids.index(stage.node)
        names = [problem.options[o].level for o in problem.options_of_node[n]]
        rates = [level.compute_flops_per_s or 0.0 for level in nodes[n].levels]
        chosen = names.index(stage.level) if stage.level is not None else rates.index(max(rates))
        if stage.stop_layer > problem.layer_count:
            faults.append(
                Fault(
                    f"/stages/{index}/stop_layer",
                    "out_of_range",
                    f"stage {index}: the model has {problem.layer_count} layers",
                    stage.stop_layer,
                    problem.layer_count,
                )
            )
        stages.append(PlacedStage(problem.options_of_node[n][chosen], stage.first_layer, stage.stop_layer))
    refuse(faults)
    return tuple(stages)
