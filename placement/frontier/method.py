"""The seam between a frontier and whoever finds it: what a method is given, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from models.request import PlacedStage
from placement.backends.base import LatencyModel
from placement.constraints import Limits
from placement.evaluation import Figures
from placement.feasibility import feasible_figures, replayed_figures
from placement.frontier.staircase import Point, Staircase
from placement.problem import Placement
from placement.search import Search, stages_of


@dataclass(frozen=True, slots=True)
class FoundPoint:
    """A plan met on the way, by its figures in s and J; a later one may beat it."""

    latency_s: float
    energy_j: float
    stages: tuple[PlacedStage, ...]


@dataclass(frozen=True, slots=True)
class FrontierProgress:
    """What is known while the search runs."""

    seconds: float
    points: int
    open_share: float
    """Share of the rectangle between both ends in which further points may lie; 1 before the ends are known."""
    latest: tuple[float, float] | None = None
    """Latency in s and energy in J of the point found last."""
    found: tuple[FoundPoint, ...] = ()
    """Points found since the report before; all that were ever told hold every point of the frontier so far."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of a method. limits: the caller's own. on_progress: called as points and proofs come in."""

    limits: Limits
    epsilon: float = 0.0
    max_points: int = 1000
    on_progress: Callable[[FrontierProgress], None] = field(default=lambda _progress: None)


@dataclass(frozen=True)
class Traced:
    """What a method found. infeasible: proven that no plan exists."""

    staircase: Staircase
    infeasible: bool = False
    sizes: dict[str, int] = field(default_factory=dict)
    gave_up: bool = False
    """Whether it stopped with intervals open although there was time left."""


FrontierMethod = Callable[[Search, Wanted], Traced]
"""Traces the frontier until it is complete, `max_points` are found, time is up or the search is cancelled. Every point
is scored by the referee; every empty corner is proven."""


def figures_of_candidate(search: Search, placement: Placement, limits: Limits) -> Figures | None:
    """What a placement is worth on the frontier (1f1b: replayed); None where it breaks a rule or a limit."""
    if search.problem.replays:
        return replayed_figures(search.problem, placement, limits)
    return feasible_figures(search.problem, placement, limits, LatencyModel.FORMULA)


def found_point(search: Search, point: Point) -> FoundPoint:
    """The point as it is reported."""
    return FoundPoint(point.latency_s, point.energy_j, stages_of(search.problem, point.placement))


def point_of(placement: Placement, figures: Figures) -> Point:
    """The placement as a point."""
    return Point(figures.latency_s, figures.energy_j, placement, figures)
