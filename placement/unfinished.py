"""The answer of a search that was ended from outside: the best plan it was known to have, scored by the referee.

The search itself is gone, with everything but what it reported. What is stated follows from the request and that report
alone; where the report is silent, the simple rules' plans stand in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from models.base import InvalidInput
from models.constraints import Metric, ObjectiveKind
from models.frontier import Frontier, FrontierRequest, FrontierTermination
from models.plan import Plan, SolverReport, Status, Termination
from models.request import PlacedStage, PlanRequest
from placement.answer import notes_of
from placement.backends.base import LatencyModel
from placement.backends.registry import BACKENDS
from placement.baselines import baselines
from placement.constraints import limits_of
from placement.cost_model import compile_problem
from placement.evaluation import Figures
from placement.feasibility import feasible_figures, replayed_figures
from placement.frontier.answer import frontier_answer
from placement.frontier.method import FoundPoint, Traced, point_of
from placement.frontier.staircase import Staircase
from placement.gaps import relative_gap
from placement.goals import GOAL_OF, Goal
from placement.objectives import stated
from placement.problem import Placement, Problem
from placement.report import assess, compare_baselines
from placement.search import Progress
from placement.solver import placement_of

Scored = tuple[Placement, Figures]
MOST_REPLAYED = 50
"""Points of a 1f1b frontier that are replayed for an answer: somebody waits for it."""
ENDED_NOTE = (
    "ended from outside: the points are those that the search had reported and those of simple rules; what it had "
    "proven is lost with it"
)
_SINGLE = frozenset({ObjectiveKind.LATENCY, ObjectiveKind.ENERGY, ObjectiveKind.THROUGHPUT})


def unfinished_plan(
    request: PlanRequest, known: Progress | None, termination: Termination, *, threads: int = 2
) -> Plan:
    """The plan of a search that last reported `known`; `no_plan_found` where neither it nor a simple rule has one.

    The objective of a weighted sum, and the bound of a weighted or lexicographic search, are stated only where the
    report is of the last phase: what those search before bounds something else. Raises InvalidInput as `plan` does.
    """
    problem = compile_problem(request)
    metric, single = _metric(request), request.objective.kind in _SINGLE
    reported = _scored(problem, _placements_of(request, problem, None if known is None else known.stages))
    candidates = reported if reported and not single else [*reported, *_simple_plans(problem)]
    chosen = min(candidates, key=lambda scored: _ranking(request).value(scored[1]), default=None)
    final = known if known is not None and known.phase == _final_phase(request) else None
    if not single and (chosen is None or chosen not in reported):
        final = None  # what is known is of another plan
    value = bound = None
    if chosen is not None and metric is not None:
        value = GOAL_OF[metric].value(chosen[1])
    elif final is not None:
        value = final.objective
    if final is not None and final.bound is not None:
        bound = final.bound if value is None else min(final.bound, value)
    metrics = None if chosen is None else assess(problem, chosen[0])[2]
    body = {} if metrics is None else {name: getattr(metrics, name) for name in type(metrics).model_fields}
    told_as = metric or Metric.LATENCY
    return Plan(
        **body,
        id="unfinished",
        status=Status.NO_PLAN_FOUND if chosen is None else Status.FEASIBLE,
        termination=termination,
        objective_kind=request.objective.kind,
        objective=_stated(problem, told_as, value),
        bound=_stated(problem, told_as, bound),
        gap=_gap(problem, told_as, value, bound),
        baselines=() if metric is None else compare_baselines(problem, partial(_worth, problem, metric)),
        solver=_solver_report(request, known, threads),
        notes=notes_of(problem),
    )


def _ranking(request: PlanRequest) -> Goal:
    """What chooses among plans that the search has not ranked: the objective, or the first metric of several."""
    if request.objective.kind in _SINGLE:
        return GOAL_OF[Metric(request.objective.kind.value)]
    return GOAL_OF[request.objective.order[0] if request.objective.order else Metric.LATENCY]


def _worth(problem: Problem, metric: Metric, figures: Figures) -> float:
    return stated(problem, metric, GOAL_OF[metric].value(figures))


def unfinished_frontier(
    request: FrontierRequest,
    known: Sequence[FoundPoint],
    termination: FrontierTermination,
    *,
    threads: int = 2,
) -> Frontier:
    """The frontier of a search that had reported these points: they and the simple rules' plans, all intervals open.

    Each is scored again, and none is called proven: proofs are not reported. For 1f1b, where that takes a replay each,
    at most MOST_REPLAYED of them are answered, both ends among them. Raises InvalidInput as `frontier` does.
    """
    problem = compile_problem(request)
    best = _unbeaten(known)
    if problem.replays:
        best = _spread(best, MOST_REPLAYED)
    placements = [placement for point in best for placement in _placements_of(request, problem, point.stages)]
    found = Staircase(request.frontier.epsilon)
    for placement, figures in [*_scored(problem, placements), *_simple_plans(problem)]:
        found.add_point(point_of(placement, figures))
    found.thin(request.frontier.max_points)
    return frontier_answer(
        request,
        problem,
        Traced(found),
        termination,
        name="unfinished",
        solver=_solver_report(request, None, threads),
        infeasibility=None,
        notes=(*notes_of(problem), ENDED_NOTE),
    )


def _unbeaten(points: Sequence[FoundPoint]) -> list[FoundPoint]:
    """Those that no other beats, from fastest to thriftiest, by the figures that were reported."""
    best: list[FoundPoint] = []
    for point in sorted(points, key=lambda point: (point.latency_s, point.energy_j)):
        if not best or point.energy_j < best[-1].energy_j:
            best.append(point)
    return best


def _spread(points: list[FoundPoint], most: int) -> list[FoundPoint]:
    """At most so many of them, evenly, the first and the last among them."""
    if len(points) <= most:
        return points
    return [points[round(k * (len(points) - 1) / (most - 1))] for k in range(most)]


def _metric(request: PlanRequest) -> Metric | None:
    """What the answer's objective is stated as; None for a weighted sum."""
    objective = request.objective
    if objective.kind is ObjectiveKind.WEIGHTED:
        return None
    if objective.kind is ObjectiveKind.LEXICOGRAPHIC:
        return (objective.order or (Metric.LATENCY, Metric.ENERGY))[-1]
    return Metric(objective.kind.value)


def _final_phase(request: PlanRequest) -> str:
    """How a search calls the phase whose goal is the request's objective."""
    metric = _metric(request)
    if metric is None:
        return "weighted"
    return f"best {metric}" if request.objective.kind is ObjectiveKind.LEXICOGRAPHIC else metric.value


def _placements_of(request: PlanRequest, problem: Problem, stages: Sequence[PlacedStage] | None) -> Iterable[Placement]:
    if not stages:
        return
    try:
        yield placement_of(problem, request, stages)
    except (InvalidInput, ValueError):
        return


def _simple_plans(problem: Problem) -> list[Scored]:
    return _scored(problem, (named.placement for named in baselines(problem) if named.placement is not None))


def _scored(problem: Problem, placements: Iterable[Placement]) -> list[Scored]:
    """Those that keep every rule and limit, with their figures (1f1b: replayed)."""
    limits = limits_of(problem)
    scored = []
    for placement in placements:
        if problem.replays:
            figures = replayed_figures(problem, placement, limits)
        else:
            figures = feasible_figures(problem, placement, limits, LatencyModel.FORMULA)
        if figures is not None:
            scored.append((placement, figures))
    return scored


def _stated(problem: Problem, metric: Metric, value: float | None) -> float | None:
    if value is None or (metric is Metric.THROUGHPUT and value <= 0):
        return None
    return stated(problem, metric, value)


def _gap(problem: Problem, metric: Metric, value: float | None, bound: float | None) -> float | None:
    """|objective - bound| / |objective|, as stated: of the rates for a throughput."""
    if metric is not Metric.THROUGHPUT:
        return relative_gap(value, bound)
    rate, most = _stated(problem, metric, value), _stated(problem, metric, bound)
    return None if rate is None or most is None else relative_gap(-rate, -most)


def _solver_report(request: PlanRequest, known: Progress | None, threads: int) -> SolverReport:
    solver = BACKENDS[request.solver.backend]()
    return SolverReport(
        backend=solver.name,
        version=solver.version,
        seed=request.solver.seed,
        threads=threads,
        seconds={} if known is None else {"total": known.seconds},
        sizes={},
    )
