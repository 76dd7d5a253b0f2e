"""What a search minimises: one linear goal over a plan's latency, energy and cycle time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from models.constraints import Metric
from placement.constraints import Limits
from placement.evaluation import Figures


@dataclass(frozen=True, slots=True)
class Goal:
    """latency * latency_s + energy * energy_j + cycle * cycle_s, to be minimised."""

    latency: float = 0.0
    energy: float = 0.0
    cycle: float = 0.0

    def value(self, figures: Figures) -> float:
        """The goal's value for a plan."""
        return self.latency * figures.latency_s + self.energy * figures.energy_j + self.cycle * figures.cycle_s


GOAL_OF = {
    Metric.LATENCY: Goal(latency=1.0),
    Metric.ENERGY: Goal(energy=1.0),
    Metric.THROUGHPUT: Goal(cycle=1.0),
}


def tightened(limits: Limits, metric: Metric, limit: float) -> Limits:
    """The limits with one more on a metric (throughput: on the cycle time)."""
    name = {Metric.LATENCY: "latency_s", Metric.ENERGY: "energy_j", Metric.THROUGHPUT: "cycle_s"}[metric]
    current = getattr(limits, name)
    return replace(limits, **{name: limit if current is None else min(limit, current)})
