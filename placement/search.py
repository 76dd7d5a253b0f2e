"""From a goal to a proven placement: graph, backend, referee; and for 1f1b, replay.

The referee scores what a backend claims with formulas of its own. A claim that breaks a rule, or whose value lies below
its own bound, is an InternalError and never an answer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from models.request import PlacedStage
from placement.backends.base import Claim, LatencyModel, Outcome, Solver, Task
from placement.branching import branch_and_close
from placement.constraints import Limits
from placement.evaluation import Figures
from placement.feasibility import feasible_figures
from placement.gaps import relative_gap
from placement.goals import Goal
from placement.problem import Placement, Problem
from placement.replay_search import MOST_ENDS, Replayed, ReplaySearch
from placement.reports import Reports
from placement.stage_graph import StageGraph, build_stage_graph

PROOF_TOLERANCE = 1e-6
"""A plan within this relative distance of a proven bound is called optimal."""
TELL_EVERY_S = 0.1
"""How often a bound on replays is told while ends of plans are followed."""
FIRST_ENDS = 3000
"""Ends of plans that the search for the best replay follows before other searches help it."""


class InternalError(RuntimeError):
    """A backend made a claim that the referee refutes: a fault of ours, not of the request."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known while the search runs. `objective` and `bound` are values of the goal in hand.

    Within a phase, objectives only fall and bounds only rise; each objective is what the referee finds for its plan.
    """

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
    known_bounds: dict[str, float] = field(default_factory=dict)
    """By phase, what an earlier search of the same request had proven."""

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
        reports = Reports(partial(self._tell, phase))
        known = self.known_bounds.get(phase)
        reports.proven(known)
        if self.problem.replays:
            result = self._minimise_replayed(goal, limits, reports, allowance)
        else:

            def found(placement: Placement) -> None:
                figures = feasible_figures(self.problem, placement, limits, LatencyModel.FORMULA)
                if figures is not None:
                    reports.found(placement, goal.value(figures))

            task = replace(
                self._task(goal, limits, LatencyModel.FORMULA, allowance),
                on_incumbent=found,
                on_progress=lambda _, bound: reports.proven(bound),
            )
            result = self._by_model(task)
        if known is not None and result.value is not None and (result.bound is None or result.bound < known):
            result = replace(result, bound=min(known, result.value))
        reports.end(result.placement, result.value, result.bound)
        return result

    def _tell(self, phase: str, value: float | None, bound: float | None, placement: Placement | None) -> None:
        stages = None if placement is None else stages_of(self.problem, placement)
        seconds = self.clock() - self._begin
        self.on_progress(Progress(phase, seconds, value, bound, relative_gap(value, bound), stages))

    def _task(self, goal: Goal, limits: Limits, latency_model: LatencyModel, seconds: float) -> Task:
        return Task(
            graph=self.graph,
            goal=goal,
            limits=limits,
            latency_model=latency_model,
            time_limit_s=max(seconds, 0.0),
            relative_gap=self.relative_gap,
            seed=self.seed,
            threads=self.threads,
            cancelled=self.cancelled,
        )

    def _by_model(self, task: Task) -> Result:
        """The best placement by the task's latency model; starts from the best candidate."""
        hint = self._best_candidate(task)
        if hint is not None and hint.placement is not None:
            task.on_incumbent(hint.placement)
        task = replace(task, hint=None if hint is None else hint.placement)
        claim = branch_and_close(task, self.solver, self.clock) if self.solver.uses_graph else self.solver(task)
        result = self._refereed(task, claim)
        if hint is not None and (result.value is None or (hint.value is not None and hint.value < result.value)):
            if result.outcome is Outcome.INFEASIBLE:
                raise InternalError(f"{self.solver.name} calls a goal infeasible that {hint.placement} meets")
            result = replace(hint, outcome=result.outcome, bound=result.bound, sizes=result.sizes)
        if result.placement is not None:
            self.candidates.append(result.placement)
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

    def _minimise_replayed(self, goal: Goal, limits: Limits, reports: Reports, seconds: float) -> Result:
        """1f1b: seek the best replay; where that takes long, first bound all replays and find good plans by formula."""
        until = self.clock() + seconds

        def better(found: Replayed) -> None:
            reports.found(found.placement, found.value)

        def met(placement: Placement) -> None:
            replays.offer([placement])

        replays = ReplaySearch(self._task(goal, limits, LatencyModel.REPLAY_BOUND, seconds), better)
        below = Result(Outcome.STOPPED)
        told_s = self.clock()

        def stopped() -> bool:
            nonlocal told_s
            bound = max(replays.bound, -math.inf if below.bound is None else below.bound)
            if self.clock() - told_s >= TELL_EVERY_S:
                told_s = self.clock()
                reports.proven(bound)
            gap = relative_gap(replays.value, bound)
            return self.cancelled() or self.clock() >= until or (gap is not None and gap <= self.relative_gap)

        def follow(steps: int) -> None:
            replays.offer(self.candidates)
            if self.solver.uses_graph:
                replays.run(steps, stopped)

        def by_model(latency_model: LatencyModel, share: float, proven: Callable[[float | None], None]) -> Result:
            task = self._task(goal, limits, latency_model, (until - self.clock()) * share)
            return self._by_model(replace(task, on_incumbent=met, on_progress=lambda _, bound: proven(bound)))

        follow(FIRST_ENDS)
        if not (replays.settled or stopped()):
            below = by_model(LatencyModel.REPLAY_BOUND, 1 / 3, reports.proven)
            if below.outcome is Outcome.INFEASIBLE:
                return below
            by_model(LatencyModel.FORMULA, 1 / 2, lambda _: None)  # its bounds say nothing about replays
            replays.offer(self.candidates)
            replays.climb(stopped)
            follow(MOST_ENDS)
        return self._best_replay(replays, below)

    def _best_replay(self, replays: ReplaySearch, below: Result) -> Result:
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
