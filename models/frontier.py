"""The energy-latency frontier: every trade-off of the two figures that is worth choosing, and what is proven of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from models.base import DomainType
from models.infeasibility import Infeasibility
from models.plan import Envelope, SolverReport
from models.request import PlanRequest
from models.stage_span import StageSpan


class FrontierSettings(DomainType):
    """How finely the frontier is wanted."""

    epsilon: Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)] = 0.0
    """Relative: every plan is within a factor 1 + epsilon of some answered point, in latency and in energy. 0 asks for
    every non-dominated plan."""
    max_points: Annotated[int, Field(strict=True, ge=2, le=10_000)] = 1000
    """Most points answered. Where there are more, both ends and points spread evenly between them are."""


class FrontierRequest(PlanRequest):
    """A plan request whose answer is not one plan but all trade-offs of latency and energy.

    A request of POST /plan can be posted as it is; its `objective` and `solver.relative_gap` are not used.
    """

    frontier: FrontierSettings = FrontierSettings()


class FrontierTermination(StrEnum):
    """Why the search ended."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    MAX_POINTS = "max_points"
    TIME_LIMIT = "time_limit"
    CANCELLED = "cancelled"
    MEMORY_LIMIT = "memory_limit"
    WORKER_LOST = "worker_lost"
    REPLAY = "replay"
    """1f1b: replayed figures stay above the proven bounds."""
    UNPROVEN = "unproven"
    """The backend ended a search without a proof, though there was time left."""


FrontierStage = StageSpan


class WeightRange(DomainType):
    """Weights w for which the point is the best plan of objective `weighted`, w T/T* + (1 - w) E/E*."""

    low: float
    high: float


class FrontierPoint(DomainType):
    """One plan of the frontier."""

    latency_s: float
    """Seconds of one request or one iteration; 1f1b: replayed."""
    energy_j: float
    """Joules of one request or one iteration, weighted by each node's energy_weight."""
    throughput_per_s: float | None = None
    """Requests (inference) or micro-batches (training) per second."""
    proven: bool
    """No plan is better in one figure without being worse in the other (within `resolution`)."""
    gap: float
    """What is proven otherwise: neither figure can shrink by more than this share unless the other grows (0..1)."""
    supported: bool | None = None
    """Whether some weighted objective has this plan as its best; false: no weight ever finds it. Null: not known, since
    the frontier is not complete or epsilon is not 0."""
    latency_weight: WeightRange | None = None
    """The `latency_weight` of those objectives."""
    stages: tuple[FrontierStage, ...]


class Knee(DomainType):
    """The point that lies farthest from the straight line between both ends, figures scaled to 0..1 between them."""

    index: int
    """Its place in `points`."""
    distance: float
    """Distance from the line: 0 on it, 1/sqrt(2) at most."""
    rule: str = "largest_distance_to_chord"


class Corner(DomainType):
    """A latency and an energy that need not belong to one plan."""

    latency_s: float
    energy_j: float


class OpenInterval(DomainType):
    """Latencies between which further points may lie, and the energies that such a point could have."""

    latency_low_s: float
    latency_high_s: float | None = None
    """Null: no limit."""
    energy_low_j: float
    """Proven: no plan of these latencies needs less."""
    energy_high_j: float | None = None
    """A plan of these latencies that needs more is no better than an answered point. Null: no limit."""


class Frontier(Envelope):
    """The answer of POST /frontier: points from fastest to thriftiest, and what is proven.

    Status optimal: complete; feasible: points, and intervals that are left open; infeasible; no_plan_found.
    """

    termination: FrontierTermination | None = None
    """Why the search ended; null while it has not."""
    complete: bool
    """Every point is proven, and every plan is within a factor 1 + epsilon of one of them in both figures."""
    epsilon: float
    resolution: float
    """Relative: plans that differ by less than this in a figure count as equal in it."""
    points: tuple[FrontierPoint, ...] = ()
    knee: Knee | None = None
    """Null with fewer than three points, or where none lies below the line between the ends."""
    ideal: Corner | None = None
    """Least latency and least energy of any plan (lower bounds where the ends are not proven)."""
    nadir: Corner | None = None
    """The latency of the thriftiest and the energy of the fastest point."""
    open_intervals: tuple[OpenInterval, ...] = ()
    """Empty: no further point exists."""
    infeasibility: Infeasibility | None = None
    solver: SolverReport
    notes: tuple[str, ...] = ()
