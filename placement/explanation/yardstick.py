"""Solving a changed request again, and what the change is worth by the objective of the original.

A changed request must be measured as the original was, or its figures could not be compared:
    single metric   the metric
    weighted        w latency / T* + (1 - w) energy / E* with the original's T* and E*
    lexicographic   the last metric, the earlier ones held to (1 + tolerance) times the original's best
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from models.constraints import Metric, ObjectiveKind
from models.request import PlanRequest
from models.stage_span import StageSpan
from placement.backends.auto import Auto
from placement.backends.base import Outcome, Solver
from placement.constraints import Limits, limits_of
from placement.cost_model import compile_problem
from placement.explanation import quantities as say
from placement.goals import Goal, tightened
from placement.objectives import Optimum
from placement.problem import Placement, Problem
from placement.search import PROOF_TOLERANCE, Progress, Result, Search

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Yardstick:
    """How plans of changed requests are measured: what is minimised, in whose unit, under which limits besides."""

    goal: Goal
    metric: Metric | None
    """None: a weighted sum."""
    repetitions: int
    held: tuple[tuple[Metric, float], ...] = ()
    """Metrics held to a value (throughput: of the cycle time)."""

    def limits(self, problem: Problem) -> Limits:
        """The request's own limits, and what is held."""
        limits = limits_of(problem)
        for metric, value in self.held:
            limits = tightened(limits, metric, value)
        return limits

    def stated(self, goal_value: float) -> float:
        """A goal value as the answer states its objective."""
        if self.metric is not Metric.THROUGHPUT:
            return goal_value
        return self.repetitions / goal_value if goal_value > 0 else 0.0

    def words(self, goal_value: float) -> str:
        """A goal value in a sentence."""
        return say.of_metric(self.metric, self.stated(goal_value))

    def worse_by(self, value: float, than: float) -> float:
        """By how much an objective of `value` is worse than one of `than`, in the unit of the answer; at least 0."""
        sign = -1.0 if self.metric is Metric.THROUGHPUT else 1.0
        return max(0.0, sign * (self.stated(value) - self.stated(than)))

    def amount(self, difference: float) -> str:
        """A difference of objectives in a sentence."""
        return say.of_metric(self.metric, difference)


def yardstick_of(problem: Problem, optimum: Optimum) -> Yardstick:
    """What the plan was measured by, made ready for changed requests."""
    objective = problem.request.objective
    metric = None if objective.kind is ObjectiveKind.WEIGHTED else optimum.stated_as
    held = []
    if objective.kind is ObjectiveKind.LEXICOGRAPHIC:
        for term in optimum.terms[:-1]:
            best = problem.repetitions / term.reference if term.metric is Metric.THROUGHPUT else term.reference
            held.append((term.metric, best * (1 + (objective.tolerance or 0.0))))
    return Yardstick(optimum.goal, metric, problem.repetitions, tuple(held))


@dataclass
class Questioner:
    """Asks about a solved request by solving changed ones, each with the plans met before as a start."""

    search: Search
    """Of the request itself: whose clock, deadline, threads, seed and cancellation hold here too."""
    yardstick: Yardstick
    placement: Placement
    value: float
    """Of the plan, by the yardstick's goal."""
    bound: float
    """Proven: no plan of the request is better."""
    known: list[Placement] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known = list(dict.fromkeys([self.placement, *self.search.candidates]))
        self.solver: Solver = self.search.solver if self.search.solver.uses_graph else Auto()

    @property
    def problem(self) -> Problem:
        """The request's."""
        return self.search.problem

    @property
    def proven(self) -> bool:
        """Whether the plan is the best."""
        return within_tolerance(self.value, self.bound)

    @property
    def stopped(self) -> bool:
        """Whether there is no more time, or no more interest."""
        return self.search.out_of_time or self.search.cancelled()

    def tell(self, phase: str) -> None:
        """Report what is being asked."""
        search = self.search
        seconds = search.clock() - (search.deadline_s - search.problem.request.solver.time_limit_s)
        search.on_progress(Progress(f"explain: {phase}", max(0.0, seconds)))

    def best_of(self, request: PlanRequest, seconds: float) -> Answer:
        """The best plan of a changed request, by the yardstick, within so many seconds."""
        problem = compile_problem(request)
        if self.stopped or seconds <= 0:
            return Answer(problem, Result(Outcome.STOPPED))
        own = self.search
        inner = Search(
            problem=problem,
            solver=self.solver,
            deadline_s=min(own.deadline_s, own.clock() + seconds),
            clock=own.clock,
            seed=own.seed,
            threads=own.threads,
            cancelled=own.cancelled,
            candidates=list(self.known),
        )
        result = inner.minimise(self.yardstick.goal, self.yardstick.limits(problem), "explain")
        if result.placement is not None and result.placement not in self.known:
            self.known.append(result.placement)
        return Answer(problem, result)


@dataclass(frozen=True)
class Answer:
    """A changed request's problem and what is known about its best plan."""

    problem: Problem
    result: Result


def within_tolerance(value: float, bound: float) -> bool:
    """Whether a value meets its bound as a proof does."""
    return value - bound <= PROOF_TOLERANCE * abs(value)


def spans(problem: Problem, placement: Placement) -> tuple[StageSpan, ...]:
    """A placement by names."""
    return tuple(
        StageSpan(
            node=problem.node_ids[problem.node_of(stage)],
            level=problem.options[stage.option].level,
            first_layer=stage.first,
            stop_layer=stage.stop,
        )
        for stage in placement
    )
