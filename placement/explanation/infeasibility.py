"""Why no plan exists, and the smallest change of each kind that makes one exist, found and verified by solving.

Every constraint kind in use is relaxed on its own, everything else kept:
    max_latency_s, max_energy_j, min_throughput_per_s   the limit is dropped and its figure optimised
    memory_bytes    one node at a time gets unlimited memory; the least that suffices is found by bisection
    max_stages      the least number of stages that suffices
    other rules     dropped as a whole
A kind whose relaxation alone admits a plan is a reason. Where none does, several kinds conflict at once, and the answer
says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from models.constraints import Constraints, Metric, Privacy
from models.plan import Infeasibility, Relaxation, Violation
from models.request import PlanRequest
from placement.baselines import baselines
from placement.constraints import limits_of, refusing_rules
from placement.cost_model import compile_problem
from placement.evaluation import node_memory
from placement.goals import GOAL_OF
from placement.problem import Problem
from placement.search import Result, Search

UNLIMITED_BYTES = 1e18
BISECTION_STEPS = 10
"""Halvings of the memory interval; the stated need is within 0.1 % of the shortage it started from."""


def explain_infeasibility(search: Search) -> Infeasibility:
    """Reasons and verified relaxations for a request that was proven infeasible."""
    blocked = list(_layers_without_node(search.problem))
    relaxations = [] if blocked else [found for relax in RELAXATIONS for found in relax(search)]
    reasons = blocked + [_reason(relaxation) for relaxation in relaxations]
    if not reasons:
        late = " before the time limit" if search.out_of_time else ""
        reasons = [*_too_large(search.problem), _several(search.problem, late)]
    return Infeasibility(reasons=tuple(reasons), relaxations=tuple(relaxations))


def _reason(relaxation: Relaxation) -> Violation:
    return Violation(
        constraint=relaxation.constraint,
        message=f"no plan exists under {relaxation.constraint} as it is: {relaxation.message}",
        required=relaxation.required,
        available=relaxation.available,
    )


def _layers_without_node(problem: Problem) -> Iterator[Violation]:
    """Layers that the rules keep off every node."""
    for k in range(problem.layer_count):
        if not problem.allowed[:, k].any():
            rules = sorted({rule for n in range(problem.node_count) for rule in refusing_rules(problem, n, k)})
            yield Violation(constraint=rules[0], message=f"no node may run layer {k}: {', '.join(rules)}")


def _too_large(problem: Problem) -> Iterator[Violation]:
    needed, held = float(problem.bytes.static.sum()), float(problem.memory_bytes.sum())
    if needed > held:
        yield Violation(
            constraint="memory_bytes",
            message=f"the model needs {needed / 2**30:.4g} GiB, all nodes together have {held / 2**30:.4g} GiB",
            required=needed,
            available=held,
        )


def _several(problem: Problem, late: str) -> Violation:
    used = ", ".join(sorted(_kinds_in_use(problem.request)))
    return Violation(
        constraint="several",
        message=f"no relaxation of one kind was found to make a plan exist{late}; constraints in use: {used}",
    )


def _kinds_in_use(request: PlanRequest) -> set[str]:
    constraints, privacy = request.constraints, request.privacy
    used = {name for name in Constraints.model_fields if getattr(constraints, name) not in (None, ())}
    used |= {name for name in Privacy.model_fields if getattr(privacy, name) not in (None, (), 0)} - {"leakage"}
    if any(node.energy_budget_j is not None for node in request.cluster.nodes):
        used.add("energy_budget_j")
    return used | {"memory_bytes", "routes"}


def _solve(
    search: Search, request: PlanRequest, metric: Metric = Metric.LATENCY, *, best: bool = False
) -> tuple[Problem, Result] | None:
    """Any plan (or the best one) of a changed request; None where none was found in the time left."""
    if search.out_of_time or search.cancelled():
        return None
    problem = compile_problem(request)
    inner = Search(
        problem=problem,
        solver=search.solver,
        deadline_s=search.deadline_s,
        clock=search.clock,
        seed=search.seed,
        relative_gap=0.0 if best else 1.0,
        threads=search.threads,
        cancelled=search.cancelled,
        candidates=[named.placement for named in baselines(problem) if named.placement is not None],
    )
    result = inner.minimise(GOAL_OF[metric], limits_of(problem), "relaxation")
    return None if result.placement is None else (problem, result)


def _with_constraints(request: PlanRequest, **changes: object) -> PlanRequest:
    return request.model_copy(update={"constraints": request.constraints.model_copy(update=changes)})


def _with_nodes(request: PlanRequest, change: Callable[[int], dict[str, object]]) -> PlanRequest:
    nodes = tuple(node.model_copy(update=change(n)) for n, node in enumerate(request.cluster.nodes))
    return request.model_copy(update={"cluster": request.cluster.model_copy(update={"nodes": nodes})})


@dataclass(frozen=True, slots=True)
class _FigureLimit:
    """A limit on one figure of the plan."""

    name: str
    metric: Metric
    sign: str
    unit: str

    def __call__(self, search: Search) -> Iterator[Relaxation]:
        request = search.problem.request
        limit = getattr(request.constraints, self.name)
        solved = (
            None
            if limit is None
            else _solve(search, _with_constraints(request, **{self.name: None}), self.metric, best=True)
        )
        if solved is None:
            return
        problem, result = solved
        figures = result.figures
        assert figures is not None  # a placement has figures
        required = {
            Metric.LATENCY: figures.latency_s,
            Metric.ENERGY: figures.energy_j,
            Metric.THROUGHPUT: problem.repetitions / figures.cycle_s,
        }[self.metric]
        proven = "" if result.proven else " (best known)"
        yield Relaxation(
            constraint=self.name,
            message=f"{self.name} {self.sign} {required:.6g} {self.unit}{proven} would do; it is {limit:.6g}",
            required=required,
            available=limit,
            verified=True,
        )


def _memory(search: Search) -> Iterator[Relaxation]:
    """One node at a time: how much more memory it needs for a plan to exist."""
    request = search.problem.request
    for n, node in enumerate(request.cluster.nodes):

        def with_memory(size: float, n: int = n) -> PlanRequest:
            return _with_nodes(request, lambda m: {"memory_bytes": size} if m == n else {})

        required = _least_memory(search, with_memory, n)
        if required is not None:
            more = (required - node.memory_bytes) / 2**30
            yield Relaxation(
                constraint="memory_bytes",
                message=f"{node.id} needs {more:.4g} GiB more memory",
                required=required,
                available=node.memory_bytes,
                verified=True,
            )


def _least_memory(search: Search, with_memory: Callable[[float], PlanRequest], n: int) -> float | None:
    """Bisect between what the node has (infeasible) and what a plan used (feasible)."""
    lower = float(search.problem.memory_bytes[n])
    solved = _solve(search, with_memory(UNLIMITED_BYTES))
    if solved is None:
        return None
    upper = _used(solved, n)
    for _ in range(BISECTION_STEPS):
        middle = (lower + upper) / 2
        solved = _solve(search, with_memory(middle))
        if solved is None and search.out_of_time:
            break
        lower, upper = (middle, upper) if solved is None else (lower, _used(solved, n))
    return upper


def _used(solved: tuple[Problem, Result], n: int) -> float:
    problem, result = solved
    assert result.placement is not None
    return node_memory(problem, result.placement).get(n, 0.0)


def _max_stages(search: Search) -> Iterator[Relaxation]:
    request = search.problem.request
    limit = request.constraints.max_stages
    if limit is None:
        return
    most = _unlimited_stages(search.problem)
    for count in range(limit + 1, most + 1):
        if _solve(search, _with_constraints(request, max_stages=count)) is not None:
            yield Relaxation(
                constraint="max_stages",
                message=f"max_stages >= {count} would do; it is {limit}",
                required=count,
                available=limit,
                verified=True,
            )
            return


def _unlimited_stages(problem: Problem) -> int:
    """Most stages of any plan without max_stages."""
    return min(problem.node_count + 1, problem.layer_count)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule that is dropped as a whole."""

    name: str
    message: str
    drop: Callable[[PlanRequest], PlanRequest]
    used: Callable[[PlanRequest], bool]

    def __call__(self, search: Search) -> Iterator[Relaxation]:
        request = search.problem.request
        if self.used(request) and _solve(search, self.drop(request)) is not None:
            yield Relaxation(constraint=self.name, message=self.message, verified=True)


def _dropped_constraint(name: str) -> _Rule:
    return _Rule(
        name,
        f"without {name} a plan exists",
        lambda request: _with_constraints(request, **{name: ()}),
        lambda request: bool(getattr(request.constraints, name)),
    )


def _dropped_privacy(name: str, empty: object, **also: object) -> _Rule:
    def drop(request: PlanRequest) -> PlanRequest:
        return request.model_copy(update={"privacy": request.privacy.model_copy(update={name: empty, **also})})

    return _Rule(
        name,
        f"without {name} a plan exists",
        drop,
        lambda request: bool(getattr(request.privacy, name)) or (name == "head_layers"),
    )


RELAXATIONS: tuple[Callable[[Search], Iterator[Relaxation]], ...] = (
    _FigureLimit("max_latency_s", Metric.LATENCY, ">=", "s"),
    _FigureLimit("max_energy_j", Metric.ENERGY, ">=", "J"),
    _FigureLimit("min_throughput_per_s", Metric.THROUGHPUT, "<=", "per s"),
    _max_stages,
    _Rule(
        "energy_budget_j",
        "without the nodes' energy_budget_j a plan exists",
        lambda request: _with_nodes(request, lambda _: {"energy_budget_j": None}),
        lambda request: any(node.energy_budget_j is not None for node in request.cluster.nodes),
    ),
    _dropped_constraint("pinned"),
    _dropped_constraint("allowed_nodes"),
    _dropped_constraint("forbidden_nodes"),
    _dropped_privacy("untrusted_forbidden_layers", ()),
    _dropped_privacy("max_leakage", None, leakage=None),
    _dropped_privacy("head_layers", 0),
    _dropped_privacy("tail_layers", 0),
    _memory,
)
