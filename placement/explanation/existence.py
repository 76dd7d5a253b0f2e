"""Whether a changed request has a plan, and the smallest relaxation under which it has one; found by solving."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.constraints import Metric
from models.request import PlanRequest
from placement.backends.base import LatencyModel, Outcome
from placement.baselines import baselines
from placement.constraints import limits_of
from placement.cost_model import compile_problem
from placement.evaluation import Figures
from placement.explanation.changes import Change
from placement.explanation.knobs import Knob
from placement.feasibility import feasible_figures, replayed_figures
from placement.goals import GOAL_OF
from placement.problem import Placement, Problem
from placement.search import Progress, Result, Search

FINE = 0.005
"""Share of the change to which the smallest relaxation is found; values 1 % below it are proven not to do."""
LAST_STEPS = 4
"""Attempts, after that, to show that just below a plan's need none exists."""
JUST_BELOW = 1 - 3e-6
SHARE = 0.25
"""Share of the time left that one question may take."""


class Verdict(StrEnum):
    """What is known about the plans of a request."""

    EXISTS = "exists"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Known:
    """A verdict, and where a plan exists, one."""

    verdict: Verdict
    problem: Problem
    placement: Placement | None = None
    figures: Figures | None = None
    result: Result | None = None


@dataclass(frozen=True)
class Smallest:
    """The smallest relaxation found of one knob. not_enough: proven not to do; None: nothing was."""

    value: float | None
    not_enough: float | None
    change: Change


class Existence:
    """Asks for plans of changed requests within a search's time, and remembers those that it met."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._met: list[Placement] = list(search.candidates)
        self.asked = 0

    @property
    def stopped(self) -> bool:
        """Whether there is no more time, or no more interest."""
        return self._search.out_of_time or self._search.cancelled()

    def ask(self, request: PlanRequest) -> Known:
        """Whether any plan exists."""
        problem = compile_problem(request)
        if self.stopped:
            return Known(Verdict.UNKNOWN, problem)
        for placement in self._met:
            figures = _figures(problem, placement)
            if figures is not None:
                return Known(Verdict.EXISTS, problem, placement, figures)
        return self._solved(problem, Metric.LATENCY, gap=1.0)

    def best(self, request: PlanRequest, metric: Metric) -> Known:
        """The plan that is the best in a metric."""
        problem = compile_problem(request)
        return Known(Verdict.UNKNOWN, problem) if self.stopped else self._solved(problem, metric, gap=0.0)

    def _solved(self, problem: Problem, metric: Metric, gap: float) -> Known:
        own = self._search
        self.asked += 1
        seconds = own.problem.request.solver.time_limit_s - own.seconds_left
        own.on_progress(Progress(f"reasons: question {self.asked}", max(0.0, seconds)))
        inner = Search(
            problem=problem,
            solver=own.solver,
            deadline_s=own.clock() + own.seconds_left * SHARE,
            clock=own.clock,
            seed=own.seed,
            relative_gap=gap,
            threads=own.threads,
            cancelled=own.cancelled,
            candidates=[named.placement for named in baselines(problem) if named.placement is not None] + self._met,
        )
        result = inner.minimise(GOAL_OF[metric], limits_of(problem), "relaxation")
        if result.placement is not None:
            self._met.append(result.placement)
            return Known(Verdict.EXISTS, problem, result.placement, result.figures, result)
        none = result.outcome is Outcome.INFEASIBLE
        return Known(Verdict.NONE if none else Verdict.UNKNOWN, problem, result=result)

    def smallest(self, knob: Knob, request: PlanRequest) -> Smallest | None:
        """The least change of one knob, all else kept, under which a plan exists; None where none was found."""
        if knob.metric is not None:
            return self._by_optimum(knob, request)
        if knob.steps:
            return self._by_steps(knob, request)
        if knob.used is not None:
            return self._by_bisection(knob, request)
        change = knob.drop(request)
        return Smallest(None, None, change) if self.ask(change.request).verdict is Verdict.EXISTS else None

    def _by_optimum(self, knob: Knob, request: PlanRequest) -> Smallest | None:
        """The figure's own optimum without its limit."""
        assert knob.metric is not None
        assert knob.to is not None
        found = self.best(knob.dropped(request), knob.metric)
        if found.figures is None or found.result is None:
            return None
        repetitions, bound = found.problem.repetitions, found.result.bound
        value = {
            Metric.LATENCY: found.figures.latency_s,
            Metric.ENERGY: found.figures.energy_j,
            Metric.THROUGHPUT: found.figures.cycle_s,
        }[knob.metric]
        if knob.metric is Metric.THROUGHPUT:
            value = repetitions / value if value > 0 else knob.available or 0.0
            bound = None if not bound or bound <= 0 else repetitions / bound
        return Smallest(value, bound, knob.to(request, value))

    def _by_steps(self, knob: Knob, request: PlanRequest) -> Smallest | None:
        """The first step that does; a later one restricts less, so halving finds it."""
        assert knob.to is not None
        low, high = -1, len(knob.steps) - 1
        if self.ask(knob.to(request, knob.steps[high]).request).verdict is not Verdict.EXISTS:
            return None
        proven = True
        while high - low > 1:
            middle = (low + high) // 2
            verdict = self.ask(knob.to(request, knob.steps[middle]).request).verdict
            if verdict is Verdict.EXISTS:
                high = middle
            else:
                low, proven = middle, proven and verdict is Verdict.NONE
        before = knob.available if low < 0 else knob.steps[low]
        return Smallest(knob.steps[high], before if proven else None, knob.to(request, knob.steps[high]))

    def _by_bisection(self, knob: Knob, request: PlanRequest) -> Smallest | None:
        """Between what there is (not enough) and what a plan used (enough); at last, just below what it used."""
        assert knob.used is not None
        assert knob.to is not None
        known = self.ask(knob.dropped(request))
        if known.verdict is not Verdict.EXISTS:
            return None
        available = low = knob.available or 0.0
        high = self._used(knob, known)
        last = 0
        while not self.stopped and high > low:
            near = high - low <= FINE * (high - available)
            if near and last >= LAST_STEPS:
                break
            last += near
            middle = max(low, high * JUST_BELOW) if near else (low + high) / 2
            known = self.ask(knob.to(request, middle).request)
            if known.verdict is Verdict.EXISTS:
                high = min(self._used(knob, known), middle)
            elif known.verdict is Verdict.NONE:
                low = middle
                if near:
                    break
            else:
                break
        return Smallest(high, low, knob.to(request, high))

    @staticmethod
    def _used(knob: Knob, known: Known) -> float:
        assert knob.used is not None
        assert known.placement is not None
        assert known.figures is not None
        return knob.used(known.problem, known.placement, known.figures)


def _figures(problem: Problem, placement: Placement) -> Figures | None:
    if problem.replays:
        return replayed_figures(problem, placement, limits_of(problem))
    return feasible_figures(problem, placement, limits_of(problem), LatencyModel.FORMULA)
