"""What the facade answers, on random requests over all features: every objective, by every backend, against the oracle.

The oracle enumerates every placement and applies the objective's definition to the figures; for 1f1b it replays each of
them. PROPERTY_EXAMPLES sets the number of requests; each runs through every backend.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

import pytest

from models.constraints import Backend, Metric, ObjectiveKind
from models.plan import Plan, Status, Termination
from models.request import PlanRequest
from placement.backends.base import LatencyModel
from placement.backends.brute_force import placements
from placement.backends.registry import BACKENDS
from placement.constraints import LIMIT_TOLERANCE, Limits
from placement.cost_model import compile_problem
from placement.evaluation import Figures
from placement.feasibility import feasible_figures, replayed_figures
from placement.problem import Problem
from placement.solver import plan
from tests.placement.instances import random_objective, random_request

REQUESTS = int(os.environ.get("PROPERTY_EXAMPLES", "20"))
RELATIVE = 1e-6
NOTHING = 1e-12
NEARBY = (0.8, 0.95, 1.0, 1.1, 1.3)
"""Factors on a plan's figure at which a limit is set: some of them leave no plan."""
KINDS = tuple(ObjectiveKind)
FIELD = {Metric.LATENCY: "latency_s", Metric.ENERGY: "energy_j", Metric.THROUGHPUT: "cycle_s"}


@dataclass(frozen=True)
class Case:
    """A request, and the figures of every placement that it admits (1f1b: with the replayed latency)."""

    body: dict[str, Any]
    problem: Problem
    admitted: tuple[Figures, ...]

    @property
    def objective(self) -> Any:
        return self.problem.request.objective


@lru_cache(maxsize=8)
def drawn(seed: int) -> Case:
    """The seed's request, its objective kind in turn, half of them with a limit near what some good plan needs."""
    rng = Random(seed)
    body = random_request(rng, max_layers=rng.choice((3, 4, 5)), max_nodes=rng.choice((2, 3, 4)))
    while body["objective"]["kind"] != KINDS[seed % len(KINDS)]:
        body["objective"] = random_objective(rng)
    problem = compile_problem(PlanRequest.model_validate(body))
    admitted = every_figure(problem)
    if admitted and rng.random() < 0.5:
        metric = rng.choice(tuple(Metric))
        limit = min(getattr(figures, FIELD[metric]) for figures in admitted) * rng.choice(NEARBY)
        admitted = within(admitted, metric, limit)
        if metric is Metric.THROUGHPUT:
            body["constraints"]["min_throughput_per_s"] = problem.repetitions / limit
        else:
            body["constraints"][f"max_{FIELD[metric]}"] = limit
    return Case(body, compile_problem(PlanRequest.model_validate(body)), admitted)


def every_figure(problem: Problem) -> tuple[Figures, ...]:
    """The figures of all placements that keep every rule; limits on figures are left to the caller."""
    scored = (
        replayed_figures(problem, placement, Limits())
        if problem.replays
        else feasible_figures(problem, placement, Limits(), LatencyModel.FORMULA)
        for placement in placements(problem)
    )
    return tuple(figures for figures in scored if figures is not None)


def within(figures: Iterable[Figures], metric: Metric, limit: float) -> tuple[Figures, ...]:
    return tuple(f for f in figures if getattr(f, FIELD[metric]) <= limit * (1 + LIMIT_TOLERANCE))


def least(figures: Iterable[Figures], metric: Metric) -> float:
    return min(float(getattr(f, FIELD[metric])) for f in figures)


def weighted_value(case: Case, figures: Figures, latency_s: float, energy_j: float) -> float:
    """W T / T* + (1 - w) E / E*."""
    weight = 0.5 if case.objective.latency_weight is None else case.objective.latency_weight
    return weight * figures.latency_s / latency_s + (1 - weight) * figures.energy_j / energy_j


def best_value(case: Case) -> float:
    """The objective's best value by its definition; throughput as the cycle time that it stands for."""
    kind, remaining = case.objective.kind, case.admitted
    if kind is ObjectiveKind.WEIGHTED:
        latency_s, energy_j = (least(remaining, metric) or 1.0 for metric in (Metric.LATENCY, Metric.ENERGY))
        return min(weighted_value(case, figures, latency_s, energy_j) for figures in remaining)
    if kind is ObjectiveKind.LEXICOGRAPHIC:
        for metric in case.objective.order[:-1]:
            limit = least(remaining, metric) * (1 + (case.objective.tolerance or 0.0))
            remaining = within(remaining, metric, limit)
    return least(remaining, stated_metric(case))


def stated_metric(case: Case) -> Metric:
    """The metric whose unit the objective has."""
    kind = case.objective.kind
    return case.objective.order[-1] if kind is ObjectiveKind.LEXICOGRAPHIC else Metric(kind.value)


def as_cost(case: Case, stated: float) -> float:
    """A stated objective or bound, of which less is better: a throughput becomes its cycle time."""
    if case.objective.kind is ObjectiveKind.WEIGHTED or stated_metric(case) is not Metric.THROUGHPUT:
        return stated
    return case.problem.repetitions / stated


def replayed_best(case: Case, answer: Plan) -> float:
    """1f1b: the best replay of all, for the single optima and limits that the answer states it worked with."""
    remaining = case.admitted
    references = {term.metric: term.reference for term in answer.objective_terms}
    if case.objective.kind is ObjectiveKind.WEIGHTED:
        latency_s, energy_j = references[Metric.LATENCY], references[Metric.ENERGY]
        return min(weighted_value(case, figures, latency_s, energy_j) for figures in remaining)
    if case.objective.kind is ObjectiveKind.LEXICOGRAPHIC:
        for metric in case.objective.order[:-1]:
            reached = references[metric]
            reached = case.problem.repetitions / reached if metric is Metric.THROUGHPUT else reached
            assert least(remaining, metric) <= reached * (1 + RELATIVE)
            remaining = within(remaining, metric, reached * (1 + (case.objective.tolerance or 0.0)))
    return least(remaining, stated_metric(case))


@dataclass(frozen=True)
class Seen:
    """What one answer showed: relative distances, from below, of its value and of its bound to the truth."""

    status: Status
    replayed: bool
    value_excess: float = 0.0
    bound_shortfall: float = 0.0


def seen(seed: int, backend: Backend) -> Seen:
    """Ask for a plan and hold the answer against the oracle."""
    case = drawn(seed)
    solver = {"backend": backend.value, "time_limit_s": 300.0}
    answer = plan(PlanRequest.model_validate({**case.body, "solver": solver}), threads=1)
    states_what_it_knows(case, answer)
    if not case.problem.replays:
        return proven_answer(case, answer)
    return replayed_answer(case, answer)


def states_what_it_knows(case: Case, answer: Plan) -> None:
    """A plan comes with its objective, bound and gap, and no baseline beats it."""
    if answer.status in {Status.INFEASIBLE, Status.NO_PLAN_FOUND}:
        assert answer.objective is None
        assert answer.gap is None
        assert not answer.stages
        assert (answer.infeasibility is not None) is (answer.status is Status.INFEASIBLE)
        return
    assert answer.objective is not None
    assert answer.bound is not None
    assert answer.gap is not None
    value, bound = as_cost(case, answer.objective), as_cost(case, answer.bound)
    assert bound <= value * (1 + NOTHING)
    assert answer.gap == pytest.approx((value - bound) / value if value else 0.0, abs=1e-9)
    assert (answer.status is Status.OPTIMAL) is (answer.termination is Termination.OPTIMAL)
    if case.objective.kind is not ObjectiveKind.LEXICOGRAPHIC:
        for baseline in answer.baselines:
            if baseline.feasible:
                assert baseline.objective is not None
                assert value <= as_cost(case, baseline.objective) * (1 + RELATIVE) + NOTHING


def proven_answer(case: Case, answer: Plan) -> Seen:
    """Proven one way or the other, and right."""
    if not case.admitted:
        assert answer.status is Status.INFEASIBLE
        return Seen(answer.status, replayed=False)
    assert answer.status is Status.OPTIMAL
    assert answer.objective is not None
    assert answer.bound is not None
    truth = best_value(case)
    value, bound = as_cost(case, answer.objective), as_cost(case, answer.bound)
    assert value == pytest.approx(truth, rel=RELATIVE, abs=NOTHING)
    assert bound == pytest.approx(truth, rel=RELATIVE, abs=NOTHING)
    return Seen(answer.status, replayed=False, value_excess=_over(value, truth), bound_shortfall=_over(truth, bound))


def replayed_answer(case: Case, answer: Plan) -> Seen:
    """1f1b: bound <= best replay <= answer, optimal only where they meet; infeasible only where no replay is."""
    if answer.status is Status.INFEASIBLE:
        assert not case.admitted
    if answer.status in {Status.INFEASIBLE, Status.NO_PLAN_FOUND}:
        return Seen(answer.status, replayed=True)
    assert answer.objective is not None
    assert answer.bound is not None
    truth = replayed_best(case, answer)
    value, bound = as_cost(case, answer.objective), as_cost(case, answer.bound)
    assert bound <= truth * (1 + RELATIVE) + NOTHING
    assert truth <= value * (1 + RELATIVE) + NOTHING
    if answer.status is Status.OPTIMAL:
        assert value == pytest.approx(truth, rel=2 * RELATIVE, abs=NOTHING)
    return Seen(answer.status, replayed=True, value_excess=_over(value, truth), bound_shortfall=_over(truth, bound))


def _over(larger: float, smaller: float) -> float:
    return (larger - smaller) / larger if larger > NOTHING else 0.0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", range(REQUESTS))
def test_answer_is_the_oracles_and_says_what_is_proven(seed: int, backend: Backend) -> None:
    seen(seed, backend)
