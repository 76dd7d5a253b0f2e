"""Requests with their explanation, and the truth about changed requests: every placement, scored by the referee."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

from models.constraints import Metric
from models.plan import Plan, Status
from models.request import PlanRequest
from placement.backends.base import LatencyModel
from placement.backends.brute_force import placements
from placement.constraints import limits_of
from placement.cost_model import compile_problem
from placement.feasibility import feasible_figures, replayed_figures
from placement.goals import GOAL_OF, Goal, tightened
from placement.problem import Placement, Problem
from placement.solver import plan
from tests.placement.instances import random_request

Body = dict[str, Any]
EVERYTHING: Body = {"time_share": 0.9}


def answered(body: Body, limit_s: float = 60.0, **explain: Any) -> Plan:
    """The plan of a body, explained as asked."""
    given = {**body, "solver": {"time_limit_s": limit_s}, "explain": {**EVERYTHING, **explain}}
    return plan(PlanRequest.model_validate(given), threads=1)


def random_explained(seed: int, **explain: Any) -> tuple[Body, Plan] | None:
    """A random request and its explained plan; None where there is no plan, or a replay leaves it unproven."""
    body = random_request(Random(seed), max_layers=4, max_nodes=4)
    answer = answered(body, **explain)
    return (body, answer) if answer.status is Status.OPTIMAL else None


class Truth:
    """The best objective of changed requests, by the original's yardstick, found by looking at every placement."""

    def __init__(self, answer: Plan, body: Body) -> None:
        objective = PlanRequest.model_validate(body).objective
        terms = answer.objective_terms
        self._held: list[tuple[Metric, float]] = []
        self.metric: Metric | None = None
        if objective.kind == "weighted":
            weight = 0.5 if objective.latency_weight is None else objective.latency_weight
            references = [term.reference or 1.0 for term in terms]
            self.goal = Goal(latency=weight / references[0], energy=(1 - weight) / references[1])
        elif objective.kind == "lexicographic":
            repetitions = compile_problem(PlanRequest.model_validate(body)).repetitions
            for term in terms[:-1]:
                rate = term.metric is Metric.THROUGHPUT
                best = repetitions / term.reference if rate else term.reference
                self._held.append((term.metric, best * (1 + (objective.tolerance or 0.0))))
            self.metric = terms[-1].metric
            self.goal = GOAL_OF[self.metric]
        else:
            self.metric = Metric(objective.kind.value)
            self.goal = GOAL_OF[self.metric]

    def best(self, body: Body, wanted: Callable[[Problem, Placement], bool] = lambda *_: True) -> float | None:
        """The best goal value of all placements that keep every rule; None where there are none."""
        problem = compile_problem(PlanRequest.model_validate(body))
        limits = limits_of(problem)
        for metric, value in self._held:
            limits = tightened(limits, metric, value)
        values = []
        for placement in placements(problem):
            if not wanted(problem, placement):
                continue
            if problem.replays:
                figures = replayed_figures(problem, placement, limits)
            else:
                figures = feasible_figures(problem, placement, limits, LatencyModel.FORMULA)
            if figures is not None:
                values.append(self.goal.value(figures))
        return min(values, default=None)

    def difference(self, better: float, worse: float, body: Body) -> float:
        """worse - better as the answer states it (throughput: of the rates)."""
        if self.metric is not Metric.THROUGHPUT:
            return worse - better
        repetitions = compile_problem(PlanRequest.model_validate(body)).repetitions
        return (math.inf if better == 0 else repetitions / better) - (0.0 if worse == 0 else repetitions / worse)
