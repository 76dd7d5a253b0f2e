"""From a goal to a proven placement: graph, backend, referee; and for 1f1b, replay.

The referee scores what a backend claims with formulas of its own. A claim that breaks a rule, or whose value lies below
its own bound, is an InternalError and never an answer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from models.request import PlacedStage
from placement.backends.base import Claim, LatencyModel, Outcome, Solver, Task
from placement.branching import branch_and_close
from placement.constraints import Limits
from placement.evaluation import Figures
from placement.feasibility import feasible_figures, relative_gap
from placement.goals import Goal
from placement.problem import Placement, Problem
from placement.replay_search import MOST_ENDS, ReplaySearch
from placement.stage_graph import StageGraph, build_stage_graph

PROOF_TOLERANCE = 1e-6
"""A plan within this relative distance of a proven bound is called optimal."""
FIRST_ENDS = 3000
"""Ends of plans that the search for the best replay follows before other searches help it."""


class InternalError(RuntimeError):
    """A backend made a claim that the referee refutes: a fault of ours, not of the request."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known while the search runs. `objective` and `bound` are values of the goal in hand."""

    phase: str
    seconds: float
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    stages: tuple[PlacedStage, ...] | None = None
    """The plan behind `objective`, where the search has it at hand."""


@dataclass(frozen=True)
class Result:
    """What is known about one goal. `bound` holds for every plan; `value` is the goal at `placement`."""

    outcome: Outcome
    placement: Placement | None = None
    figures: Figures | None = None
    value: float | None = None
    bound: float | None = None
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def gap(self) -> float | None:
        """(value - bound) / |value|; None where one of them is unknown."""
        return relative_gap(self.value, self.bound)

    @property
    def proven(self) -> bool:
        """Whether the placement is optimal."""
        return self.gap is not None and self.gap <= PROOF_TOLERANCE


@dataclass
class Search:
    """One request's search: the problem, its graph, who solves, and until when."""

    problem: Problem
    solver: Solver
    deadline_s: float
    clock: Callable[[], float] = time.monotonic
    seed: int = 0
    relative_gap: float = 0.0
    threads: int = 2
    on_progress: Callable[[Progress], None] = field(default=lambda _progress: None)
    cancelled: Callable[[], bool] = field(default=lambda: False)
    candidates: list[Placement] = field(default_factory=list)
    """Placements from elsewhere (baselines, earlier goals) that may serve as a start."""

    def __post_init__(self) -> None:
        self._begin = self.clock()
        self.graph: StageGraph = build_stage_graph(self.problem, merge=True)
        self.sizes = {"stage_arcs": self.graph.stage_count, "hand_over_arcs": self.graph.hand_over_count}

    @property
    def seconds_left(self) -> float:
        """Until the deadline."""
        return self.deadline_s - self.clock()

    @property
    def out_of_time(self) -> bool:
        """Whether the deadline has passed."""
        return self.seconds_left <= 0

    def minimise(self, goal: Goal, limits: Limits, phase: str, seconds: float | None = None) -> Result:
        """The best placement for a goal under limits, by formula or, for 1f1b, by replay."""
        allowance = self.seconds_left if seconds is None else min(seconds, self.seconds_left)
        if self.problem.replays:
            return self._minimise_replayed(goal, limits, phase, allowance)
        return self._by_model(goal, limits, phase, LatencyModel.FORMULA, allowance)

    def _by_model(self, goal: Goal, limits: Limits, phase: str, latency_model: LatencyModel, seconds: float) -> Result:
        stages: tuple[PlacedStage, ...] | None = None

        def take(placement: Placement) -> None:
            nonlocal stages
            stages = stages_of(self.problem, placement)

        def progress(value: float | None, bound: float | None) -> None:
            seconds = self.clock() - self._begin
            self.on_progress(Progress(phase, seconds, value, bound, relative_gap(value, bound), stages))

        task = Task(
            graph=self.graph,
            goal=goal,
            limits=limits,
            latency_model=latency_model,
            time_limit_s=max(seconds, 0.0),
            relative_gap=self.relative_gap,
            seed=self.seed,
            threads=self.threads,
            on_progress=progress,
            on_incumbent=take,
            cancelled=self.cancelled,
        )
        hint = self._best_candidate(task)
        task = replace(task, hint=None if hint is None else hint.placement)
        claim = branch_and_close(task, self.solver, self.clock) if self.solver.uses_graph else self.solver(task)
        result = self._refereed(task, claim)
        if hint is not None and (result.value is None or (hint.value is not None and hint.value < result.value)):
            if result.outcome is Outcome.INFEASIBLE:
                raise InternalError(f"{self.solver.name} calls a goal infeasible that {hint.placement} meets")
            result = replace(hint, outcome=result.outcome, bound=result.bound, sizes=result.sizes)
        if result.placement is not None:
            self.candidates.append(result.placement)
            take(result.placement)
        progress(result.value, result.bound)
        return result

    def _best_candidate(self, task: Task) -> Result | None:
        scored = [self._score(task, placement) for placement in dict.fromkeys(self.candidates)]
        feasible = [result for result in scored if result is not None]
        return min(feasible, key=lambda result: result.value or 0.0, default=None)

    def _score(self, task: Task, placement: Placement) -> Result | None:
        figures = feasible_figures(self.problem, placement, task.limits, task.latency_model)
        if figures is None:
            return None
        return Result(Outcome.STOPPED, placement, figures, task.goal.value(figures))

    def _refereed(self, task: Task, claim: Claim) -> Result:
        """The claim with the referee's figures; raises InternalError where the two disagree."""
        if claim.placement is None:
            return Result(claim.outcome, bound=claim.bound, sizes=claim.sizes)
        scored = self._score(task, claim.placement)
        weaker = scored is None and task.latency_model is LatencyModel.REPLAY_BOUND
        if weaker and self._score(replace(task, limits=Limits()), claim.placement) is not None:
            # By a weaker bound on replays than the referee's the placement keeps the limits; what it proves holds.
            return Result(Outcome.STOPPED, bound=claim.bound, sizes=claim.sizes)
        if scored is None or scored.value is None:
            raise InternalError(f"{self.solver.name} claims a placement that breaks a rule: {claim.placement}")
        bound = claim.bound
        if bound is not None and bound > scored.value + PROOF_TOLERANCE * abs(scored.value):
            raise InternalError(f"{self.solver.name} claims the bound {bound} above its own plan's {scored.value}")
        if bound is not None:
            bound = min(bound, scored.value)
        if claim.outcome is Outcome.OPTIMAL and bound is None:
            bound = scored.value
        return replace(scored, outcome=claim.outcome, bound=bound, sizes=claim.sizes)

    def _minimise_replayed(self, goal: Goal, limits: Limits, phase: str, seconds: float) -> Result:
        """1f1b: seek the best replay; where that takes long, first bound all replays and find good plans by formula."""
        until = self.clock() + seconds
        replays = ReplaySearch(Task(self.graph, goal, limits, LatencyModel.REPLAY_BOUND))
        below = Result(Outcome.STOPPED)

        def stopped() -> bool:
            gap = relative_gap(replays.value, max(replays.bound, below.bound or -math.inf))
            return self.cancelled() or self.clock() >= until or (gap is not None and gap <= self.relative_gap)

        def follow(steps: int) -> None:
            replays.offer(self.candidates)
            if self.solver.uses_graph:
                replays.run(steps, stopped)

        follow(FIRST_ENDS)
        if not (replays.settled or stopped()):
            below = self._by_model(goal, limits, phase, LatencyModel.REPLAY_BOUND, (until - self.clock()) / 3)
            if below.outcome is Outcome.INFEASIBLE:
                return below
            self._by_model(goal, limits, phase, LatencyModel.FORMULA, (until - self.clock()) / 2)
            replays.offer(self.candidates)
            replays.climb(stopped)
            follow(MOST_ENDS)
        return self._best_replay(replays, below, phase)

    def _best_replay(self, replays: ReplaySearch, below: Result, phase: str) -> Result:
        """The best replayed plan with the higher of two bounds."""
        bound = max(replays.bound, -math.inf if below.bound is None else below.bound)
        sizes = {**below.sizes, **replays.sizes}
        if replays.best is None:
            if replays.settled:
                return Result(Outcome.INFEASIBLE, sizes=sizes)
            return Result(Outcome.STOPPED, bound=bound if math.isfinite(bound) else None, sizes=sizes)
        placement, figures, value = replays.best.placement, replays.best.figures, replays.best.value
        self.candidates.append(placement)
        best = Result(Outcome.STOPPED, placement, figures, value, min(bound, value), sizes)
        seconds = self.clock() - self._begin
        stages = stages_of(self.problem, placement)
        self.on_progress(Progress(phase, seconds, value, best.bound, best.gap, stages))
        return replace(best, outcome=Outcome.OPTIMAL) if best.proven else best


def stages_of(problem: Problem, placement: Placement) -> tuple[PlacedStage, ...]:
    """A placement by the names of its nodes and levels, as POST /plan:evaluate takes it."""
    return tuple(
        PlacedStage(
            node=problem.node_ids[problem.node_of(stage)],
            level=problem.options[stage.option].level,
            first_layer=stage.first,
            stop_layer=stage.stop,
        )
        for stage in placement
    )
