"""What every backend is given, and what it may claim.

A backend gets a task: a stage graph, a goal, limits, and how latency is to be understood. It returns a claim: a placement
and a bound. The referee (placement.evaluation) scores the placement again, so a wrong claim is an internal error and
never an answer. Backends know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from placement.constraints import Limits
from placement.objectives import Goal
from placement.problem import Placement, Problem
from placement.stage_graph import StageGraph


class LatencyModel(StrEnum):
    """How a plan's latency is computed while searching."""

    FORMULA = "formula"
    """The schedule's formula: exact for all but 1f1b, where it ranks."""
    REPLAY_BOUND = "replay_bound"
    """1f1b: a lower bound on the replayed time of every plan."""


class Outcome(StrEnum):
    """How a search ended."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    STOPPED = "stopped"
    """By the time limit, the asked gap or a cancellation; the claim holds what was found."""


@dataclass(frozen=True)
class Task:
    """One search. `goal` is minimised under `limits`; times in s."""

    graph: StageGraph
    goal: Goal
    limits: Limits
    latency_model: LatencyModel = LatencyModel.FORMULA
    time_limit_s: float = 3600.0
    relative_gap: float = 0.0
    seed: int = 0
    threads: int = 2
    hint: Placement | None = None
    """A feasible placement to start from."""
    on_progress: Callable[[float | None, float | None], None] = field(default=lambda objective, bound: None)
    """Called with (best goal value, bound) as they improve."""
    cancelled: Callable[[], bool] = field(default=lambda: False)

    @property
    def problem(self) -> Problem:
        """The compiled problem behind the graph."""
        return self.graph.problem


@dataclass(frozen=True)
class Claim:
    """What a backend says it found. `bound` holds for every placement that the task admits; None says nothing."""

    outcome: Outcome
    placement: Placement | None = None
    bound: float | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    others: tuple[Placement, ...] = ()
    """Further placements met on the way (1f1b replays them)."""


class Solver(Protocol):
    """A backend: one callable, its name and version."""

    name: str
    version: str

    def __call__(self, task: Task) -> Claim:
        """Search until proven, stopped or cancelled."""
        ...
