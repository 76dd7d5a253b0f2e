"""The facade: plan a request, trace its frontier, evaluate a placement of the caller's own."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from models.base import Fault, refuse
from models.constraints import Backend, Metric, ObjectiveKind
from models.explanation import Explain
from models.frontier import Frontier, FrontierRequest, FrontierTermination
from models.plan import Evaluation, Plan, Status
from models.request import EvaluateRequest, PlanRequest
from models.request import PlacedStage as NamedStage
from placement.answer import PlanAnswer, id_of, notes_of, solver_report
from placement.backends.base import Outcome
from placement.backends.brute_force import LARGEST, placement_count
from placement.backends.registry import BACKENDS
from placement.baselines import baselines
from placement.constraints import limits_of
from placement.cost_model import compile_problem
from placement.explanation.answer import explained
from placement.explanation.attempt import attempt_of
from placement.explanation.infeasibility import explain_infeasibility
from placement.explanation.yardstick import Questioner, yardstick_of
from placement.frontier.answer import frontier_answer
from placement.frontier.enumeration import by_enumeration
from placement.frontier.epsilon_constraint import by_epsilon_constraint
from placement.frontier.method import FoundPoint, FrontierMethod, FrontierProgress, Wanted
from placement.objectives import OBJECTIVES, Optimum, metric_value
from placement.problem import PlacedStage, Placement, Problem
from placement.report import assess
from placement.search import Progress, Search

__all__ = ["FrontierProgress", "Progress", "evaluate", "frontier", "plan"]

EXPLANATION_S = 10.0
"""Longest search for reasons and relaxations once infeasibility is proven, within the request's time limit."""
ENUMERABLE_FRONTIER = 5_000
"""Placements up to which scoring each of them once is the quickest way to a frontier, and exact for 1f1b too."""


def plan(
    request: PlanRequest,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
    threads: int = 2,
    known: Progress | None = None,
) -> Plan:
    """The best placement of the request's layers, with what is proven about it.

    on_progress: called as incumbents and bounds improve. cancelled: asked from time to time; True ends the search, and
    the best plan so far is answered. clock: monotonic seconds. known: the last report of an earlier search of the same
    request, from which this one goes on. Raises InvalidInput for requests that no answer fits.
    """
    begin = clock()
    problem = compile_problem(request)
    _check_backend(problem)
    compiled = clock()
    search = _search(problem, begin, clock, threads, cancelled)
    search.relative_gap = request.solver.relative_gap
    search.on_progress = on_progress or search.on_progress
    if known is not None:
        _go_on(search, [known.stages or ()])
        if known.bound is not None and known.phase in {metric.value for metric in Metric}:
            search.known_bounds[known.phase] = known.bound  # of other phases the goal may be another this time
    prepared = clock()
    if request.explain is not None:
        search.deadline_s -= request.solver.time_limit_s * request.explain.time_share
    optimum = OBJECTIVES[request.objective.kind](search, request.objective, limits_of(problem))
    solved = clock()
    report = PlanAnswer(request, problem, search, optimum)
    infeasibility = None
    if optimum.result.outcome is Outcome.INFEASIBLE:
        search.deadline_s = min(begin + request.solver.time_limit_s, clock() + EXPLANATION_S)
        infeasibility = explain_infeasibility(search)
    answer = report.plan(
        infeasibility=infeasibility,
        seconds={
            "compile": compiled - begin,
            "graph": prepared - compiled,
            "solve": solved - prepared,
            "report": clock() - solved,
            "total": clock() - begin,
        },
    )
    if answer.status is Status.NO_PLAN_FOUND:
        return answer.model_copy(update={"attempt": attempt_of(search, answer.solver.seconds, answer.bound)})
    if request.explain is None or answer.explanation is None:
        return answer
    search.deadline_s = begin + request.solver.time_limit_s
    return _with_explanation(answer, request.explain, search, optimum)


def _go_on(search: Search, known: Iterable[Sequence[NamedStage]]) -> None:
    """Start from plans that an earlier search of the same request has found."""
    problem = search.problem
    for stages in known:
        if stages:
            search.candidates.append(placement_of(problem, problem.request, stages))


def _with_explanation(answer: Plan, asked: Explain, search: Search, optimum: Optimum) -> Plan:
    """The answer with what was asked to be explained by solving again."""
    result = optimum.result
    assert answer.explanation is not None
    assert result.placement is not None
    assert result.value is not None
    bound = -math.inf if result.bound is None else result.bound
    begin = search.clock()
    questioner = Questioner(search, yardstick_of(search.problem, optimum), result.placement, result.value, bound)
    found = explained(answer.explanation, asked, questioner)
    took = search.clock() - begin
    seconds = {**answer.solver.seconds, "explain": took, "total": answer.solver.seconds["total"] + took}
    solver = answer.solver.model_copy(update={"seconds": seconds})
    return answer.model_copy(update={"explanation": found, "solver": solver})


def _search(
    problem: Problem,
    begin: float,
    clock: Callable[[], float],
    threads: int,
    cancelled: Callable[[], bool] | None,
) -> Search:
    """The search of a request, with the simple rules' plans to start from."""
    settings = problem.request.solver
    return Search(
        problem=problem,
        solver=BACKENDS[settings.backend](),
        deadline_s=begin + settings.time_limit_s,
        clock=clock,
        seed=settings.seed,
        threads=threads,
        cancelled=cancelled or (lambda: False),
        candidates=[named.placement for named in baselines(problem) if named.placement is not None],
    )


def frontier(
    request: FrontierRequest,
    *,
    on_progress: Callable[[FrontierProgress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
    threads: int = 2,
    known: Sequence[FoundPoint] = (),
) -> Frontier:
    """Every trade-off of latency and energy that is worth choosing, with what is proven about it.

    on_progress: called as points and proofs come in. known: points that an earlier search reported. The other
    arguments and the errors are those of `plan`.
    """
    begin = clock()
    problem = compile_problem(request)
    _check_backend(problem)
    search = _search(problem, begin, clock, threads, cancelled)
    _go_on(search, [point.stages for point in known])
    settings = request.frontier
    wanted = Wanted(limits_of(problem), settings.epsilon, settings.max_points, on_progress or (lambda _: None))
    prepared = clock()
    traced = _frontier_method(problem)(search, wanted)
    solved = clock()
    stopped = None
    if search.cancelled():
        stopped = FrontierTermination.CANCELLED
    elif search.out_of_time:
        stopped = FrontierTermination.TIME_LIMIT
    infeasibility = None
    if traced.infeasible:
        search.deadline_s = min(search.deadline_s, clock() + EXPLANATION_S)
        infeasibility = explain_infeasibility(search)
    seconds = {"prepare": prepared - begin, "solve": solved - prepared, "total": clock() - begin}
    return frontier_answer(
        request,
        problem,
        traced,
        stopped,
        name=id_of("frontier", request),
        solver=solver_report(search, seconds, {**search.sizes, **traced.sizes}),
        infeasibility=infeasibility,
        notes=(*notes_of(problem), *_unused(request)),
    )


def _frontier_method(problem: Problem) -> FrontierMethod:
    backend = problem.request.solver.backend
    small = backend is Backend.AUTO and placement_count(problem) <= ENUMERABLE_FRONTIER
    return by_enumeration if small or backend is Backend.BRUTE_FORCE else by_epsilon_constraint


def _unused(request: FrontierRequest) -> Iterator[str]:
    """What a request of POST /plan may say that a frontier has no use for."""
    if "objective" in request.model_fields_set:
        yield f"objective {request.objective.kind} is not used: a frontier holds all trade-offs of latency and energy"
    if request.solver.relative_gap > 0:
        yield "solver.relative_gap is not used: frontier.epsilon says how finely a frontier is wanted"
    if request.explain is not None:
        yield "explain is not used: the plans of a frontier can be explained one by one"


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
    placement = placement_of(problem, request, request.stages)
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


def placement_of(problem: Problem, request: PlanRequest, named: Sequence[NamedStage]) -> Placement:
    """Stages by name as options; without a level, the node's fastest. Raises InvalidInput for layers that are none."""
    faults = []
    stages = []
    nodes = request.cluster.nodes
    for index, stage in enumerate(named):
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
