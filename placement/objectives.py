"""Objectives: each is one formula, a function from a search to the optimum it finds.

docs/formulation.md has the same headings.

    latency        min latency_s
    energy         min energy_j
    throughput     min T (the cycle time; throughput = 1 / T for requests, M / T for micro-batches)
    weighted       min w latency / T* + (1 - w) energy / E*      (T*, E*: the single optima under the same constraints)
    lexicographic  min the first metric; then the second, the first being limited to (1 + tolerance) its best; and so on
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from models.constraints import Metric, Objective, ObjectiveKind
from models.plan import ObjectiveTerm
from placement.constraints import Limits
from placement.evaluation import Figures
from placement.goals import GOAL_OF, Goal, tightened
from placement.problem import Problem
from placement.search import Result, Search


@dataclass(frozen=True)
class Optimum:
    """What a formula found."""

    result: Result
    """Of its last goal."""
    goal: Goal
    """That goal: what scores other plans in the same terms."""
    terms: tuple[ObjectiveTerm, ...] = ()
    all_proven: bool = True
    """Whether everything that the goal builds on was proven too."""
    stated_as: Metric = Metric.LATENCY
    """How the answer states goal values: throughput per second, the others as they are."""


Formula = Callable[[Search, Objective, Limits], Optimum]


def single(metric: Metric, search: Search, _objective: Objective, limits: Limits) -> Optimum:
    """One metric on its own."""
    goal = GOAL_OF[metric]
    return Optimum(search.minimise(goal, limits, metric.value), goal, stated_as=metric)


def weighted(search: Search, objective: Objective, limits: Limits) -> Optimum:
    """W latency / T* + (1 - w) energy / E*; an optimum of zero normalises by one."""
    weight = 0.5 if objective.latency_weight is None else objective.latency_weight
    best: list[tuple[Metric, float, bool]] = []
    for metric in (Metric.LATENCY, Metric.ENERGY):
        alone = search.minimise(GOAL_OF[metric], limits, f"best {metric}", search.seconds_left / (3 - len(best)))
        if alone.value is None:
            return Optimum(alone, GOAL_OF[metric], all_proven=False)
        best.append((metric, alone.value or 1.0, alone.proven))
    goal = Goal(latency=weight / best[0][1], energy=(1 - weight) / best[1][1])
    result = search.minimise(goal, limits, "weighted")
    return Optimum(result, goal, _terms(search.problem, best, result.figures), all(proven for *_, proven in best))


def lexicographic(search: Search, objective: Objective, limits: Limits) -> Optimum:
    """The first metric; then each next, the earlier ones limited to (1 + tolerance) times their best."""
    order = objective.order or (Metric.LATENCY, Metric.ENERGY)
    tolerance = objective.tolerance or 0.0
    best: list[tuple[Metric, float, bool]] = []
    for metric in order:
        share = search.seconds_left / (len(order) - len(best))
        step = search.minimise(GOAL_OF[metric], limits, f"best {metric}", share)
        if step.value is None or step.figures is None:
            break
        result = step
        best.append((metric, metric_value(search.problem, metric, step.figures), step.proven))
        limits = tightened(limits, metric, step.value * (1 + tolerance))
    if not best:
        return Optimum(step, GOAL_OF[order[0]], all_proven=False, stated_as=order[0])
    last = best[-1][0]
    proven = len(best) == len(order) and all(proven for *_, proven in best)
    return Optimum(result, GOAL_OF[last], _terms(search.problem, best, result.figures), proven, last)


def _terms(
    problem: Problem, best: list[tuple[Metric, float, bool]], figures: Figures | None
) -> tuple[ObjectiveTerm, ...]:
    if figures is None:
        return ()
    return tuple(
        ObjectiveTerm(metric=metric, value=metric_value(problem, metric, figures), reference=reference, proven=proven)
        for metric, reference, proven in best
    )


def metric_value(problem: Problem, metric: Metric, figures: Figures) -> float:
    """A metric as the answer states it: s, J, or per s."""
    value = {Metric.LATENCY: figures.latency_s, Metric.ENERGY: figures.energy_j, Metric.THROUGHPUT: figures.cycle_s}
    return stated(problem, metric, value[metric])


def stated(problem: Problem, metric: Metric, goal_value: float) -> float:
    """A goal value as the answer states it: throughput is micro-batches (or requests) over the cycle time."""
    if metric is not Metric.THROUGHPUT:
        return goal_value
    return problem.repetitions / goal_value if goal_value > 0 else 0.0


OBJECTIVES: dict[ObjectiveKind, Formula] = {
    ObjectiveKind.LATENCY: partial(single, Metric.LATENCY),
    ObjectiveKind.ENERGY: partial(single, Metric.ENERGY),
    ObjectiveKind.THROUGHPUT: partial(single, Metric.THROUGHPUT),
    ObjectiveKind.WEIGHTED: weighted,
    ObjectiveKind.LEXICOGRAPHIC: lexicographic,
}
"""A new objective is one function and one line here."""
