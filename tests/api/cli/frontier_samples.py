"""Hand-made frontiers, realistic enough to look at."""

from __future__ import annotations

from typing import Any

from models import Frontier
from models.frontier import (
    Corner,
    FrontierPoint,
    FrontierStage,
    FrontierTermination,
    Knee,
    OpenInterval,
    WeightRange,
)
from models.plan import Status
from tests.api.cli.samples import REPORT


def frontier(**parts: Any) -> Frontier:
    """Three trade-offs, complete; the second is the knee, the third hangs on no weight."""
    fields: dict[str, Any] = {
        "id": "frontier-1",
        "status": Status.OPTIMAL,
        "termination": FrontierTermination.OPTIMAL,
        "complete": True,
        "epsilon": 0.0,
        "resolution": 4e-6,
        "points": (
            frontier_point(1.0, 10.0, ("phone", "server"), latency_weight=WeightRange(low=0.8, high=1.0)),
            frontier_point(2.0, 3.0, ("phone", "jetson"), latency_weight=WeightRange(low=0.0, high=0.8)),
            frontier_point(4.0, 2.5, ("phone",), supported=False),
        ),
        "knee": Knee(index=1, distance=0.4),
        "ideal": Corner(latency_s=1.0, energy_j=2.5),
        "nadir": Corner(latency_s=4.0, energy_j=10.0),
        "solver": REPORT,
        "notes": ("figures of the Jetson are peak rates times 0.5",),
    }
    return Frontier(**(fields | parts))


def frontier_point(latency_s: float, energy_j: float, nodes: tuple[str, ...], **parts: Any) -> FrontierPoint:
    """One point over the nodes, ten layers each; the second node runs at a level of its own."""
    fields: dict[str, Any] = {
        "latency_s": latency_s,
        "energy_j": energy_j,
        "throughput_per_s": 1 / latency_s,
        "proven": True,
        "gap": 0.0,
        "supported": True,
        "stages": tuple(
            FrontierStage(node=node, level="eco" if s else "default", first_layer=10 * s, stop_layer=10 * (s + 1))
            for s, node in enumerate(nodes)
        ),
    }
    return FrontierPoint(**(fields | parts))


def open_frontier() -> Frontier:
    """Two ends, neither of them proven, and what may lie between and beyond them."""
    return frontier(
        status=Status.FEASIBLE,
        termination=FrontierTermination.TIME_LIMIT,
        complete=False,
        points=(
            frontier_point(1.0, 10.0, ("phone", "server"), proven=False, gap=0.25, supported=None),
            frontier_point(4.0, 2.0, ("phone",), proven=True, supported=None),
        ),
        knee=None,
        open_intervals=(
            OpenInterval(latency_low_s=1.0, latency_high_s=4.0, energy_low_j=1.5, energy_high_j=10.0),
            OpenInterval(latency_low_s=4.0, energy_low_j=1.5, energy_high_j=2.0),
        ),
    )
