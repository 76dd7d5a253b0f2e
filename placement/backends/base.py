"""What every backend is given, and what it may claim.

A backend gets a task: a stage graph, a goal, limits, and how latency is to be understood. It returns a claim: a
placement and a bound. The referee (placement.evaluation) scores the placement again, so a wrong claim is an internal
error and never an answer. Backends know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Protocol

from placement.constraints import Limits
from placement.goals import Goal
from placement.problem import Placement, Problem
from placement.stage_graph import StageGraph


class Axis(IntEnum):
    """What a box confines: the cycle time T, and the peak: max_r f_r + max_r b_r (gpipe), max_r (f_r + b_r) (1f1b)."""

    CYCLE = 0
    PEAK = 1


@dataclass(frozen=True, slots=True)
class Box:
    """low <= (T, peak) <= high by axis, in s, and the layers of the source's head; see `placement.boxes`."""

    low_s: tuple[float, float]
    high_s: tuple[float, float]
    heads: tuple[int, int]
    """Fewest and most layers of a first stage on the source; 0 stands for a first stage elsewhere."""

    def width_s(self, axis: Axis) -> float:
        """High - low."""
        return self.high_s[axis] - self.low_s[axis]

    def below(self, axis: Axis, high_s: float) -> Box:
        """The part of the box up to `high_s` on one axis."""
        high = list(self.high_s)
        high[axis] = max(self.low_s[axis], min(high[axis], high_s))
        return replace(self, high_s=(high[0], high[1]))

    def above(self, axis: Axis, low_s: float) -> Box:
        """The part of the box from `low_s` on, on one axis."""
        low = list(self.low_s)
        low[axis] = min(self.high_s[axis], max(low[axis], low_s))
        return replace(self, low_s=(low[0], low[1]))

    def cut_at(self, axis: Axis, at_s: float) -> tuple[Box, Box]:
        """The box cut in two on one axis."""
        return self.below(axis, at_s), self.above(axis, at_s)

    def split_heads(self, head: int) -> tuple[Box, Box]:
        """The box cut in two by the head's layers, `head` on its own where it is the fewest, else as the fewest."""
        fewest, most = self.heads
        last = head if head == fewest else head - 1
        return replace(self, heads=(fewest, last)), replace(self, heads=(last + 1, most))


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
    box: Box | None = None
    """Only plans in this box are asked for; a better one outside it may be returned, a bound need only hold inside."""
    hint: Placement | None = None
    """A feasible placement to start from."""
    on_progress: Callable[[float | None, float | None], None] = field(default=lambda _value, _bound: None)
    """Called with (best goal value, bound) as they improve."""
    on_incumbent: Callable[[Placement], None] = field(default=lambda _placement: None)
    """Called with the best plan, before the `on_progress` that tells its value, where the search has it at hand."""
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
    uses_graph: bool
    """Whether it solves the task's graph, and so profits from a reduced one."""
    sets_labels: bool
    """Whether boxes are first attempted by label setting."""
    closes_columns: int
    """Stage columns up to which it closes a graph sooner than branching on would (measured; 0 without a graph)."""

    def __call__(self, task: Task) -> Claim:
        """Search until proven, stopped or cancelled."""
        ...
