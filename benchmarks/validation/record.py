"""What a validation leaves behind, as JSON in build/validation.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from benchmarks.validation.candidates import Candidate, Forecast, Role
from benchmarks.validation.inputs import Measured
from benchmarks.validation.statistics import median


@dataclass(frozen=True)
class Ran:
    """What a run brought, warm-up left out; per iteration (inference: per request)."""

    seconds: tuple[float, ...]
    busy_s: dict[str, float]
    """Time that a node was at work, by node, mean over the iterations."""
    link_bytes: dict[str, float]
    """Counted on the wire by directed link, "source>target"."""


@dataclass(frozen=True)
class Round:
    """A plan in one round: what was predicted from the layer times measured last before it, and what was measured."""

    forecast: Forecast
    ran: Ran


@dataclass(frozen=True)
class PlanRun:
    """A plan with what was predicted and what was measured of it."""

    candidate: Candidate
    rounds: tuple[Round, ...]
    errors: tuple[str, ...] = ()
    """Of rounds that failed."""

    @property
    def name(self) -> str:
        """The plan's name."""
        return self.candidate.name

    @property
    def role(self) -> Role:
        """Who made the plan."""
        return self.candidate.role

    @property
    def seconds(self) -> tuple[float, ...]:
        """Every measured iteration."""
        return tuple(value for each in self.rounds for value in each.ran.seconds)

    @property
    def predicted_s(self) -> float:
        """By the cost model, before each round; mean over the iterations. Without a round: when it was chosen."""
        if not self.rounds:
            return self.candidate.forecast.latency_s
        return sum(each.forecast.latency_s * len(each.ran.seconds) for each in self.rounds) / len(self.seconds)

    @property
    def measured_s(self) -> float:
        """Median of the measured iterations."""
        return median(self.seconds)

    @property
    def error(self) -> float:
        """(predicted - measured) / measured."""
        return (self.predicted_s - self.measured_s) / self.measured_s

    def predicted_busy_s(self) -> dict[str, float]:
        """Predicted compute time by node, every node of the setting; mean over the iterations."""
        return self._mean([each.forecast.busy_s for each in self.rounds])

    def busy_s(self) -> dict[str, float]:
        """The same as measured; nodes that took no part are left out."""
        return self._mean([each.ran.busy_s for each in self.rounds])

    def link_bytes(self) -> dict[str, float]:
        """Bytes counted by directed link, mean over the iterations."""
        return self._mean([each.ran.link_bytes for each in self.rounds])

    def predicted_utilisation(self) -> float:
        """Mean over the setting's nodes of predicted busy time / predicted iteration time."""
        busy = self.predicted_busy_s()
        return sum(busy.values()) / len(busy) / self.predicted_s

    def utilisation(self) -> float:
        """Mean over the setting's nodes of busy time / iteration time, as measured."""
        nodes = self.candidate.forecast.busy_s
        mean_s = sum(self.seconds) / len(self.seconds)
        return sum(self.busy_s().get(node, 0.0) for node in nodes) / len(nodes) / mean_s

    def capacity_used(self, shares: dict[str, float]) -> float:
        """The same weighted by what the nodes can do: share of the setting's computing capacity that was at work."""
        busy = self.busy_s()
        mean_s = sum(self.seconds) / len(self.seconds)
        return sum(share * busy.get(node, 0.0) for node, share in shares.items()) / sum(shares.values()) / mean_s

    def _mean(self, by_round: list[dict[str, float]]) -> dict[str, float]:
        """Mean by name, each round weighing as much as it has iterations."""
        weights = [len(each.ran.seconds) for each in self.rounds]
        names = dict.fromkeys(name for values in by_round for name in values)
        return {
            name: sum(values.get(name, 0.0) * weight for values, weight in zip(by_round, weights, strict=True))
            / sum(weights)
            for name in names
        }


@dataclass(frozen=True)
class SettingRun:
    """One setting: what was measured of nodes and links, the plans, and how they ran."""

    name: str
    title: str
    shares: dict[str, float]
    measured: Measured | None
    """None where measuring failed."""
    plans: tuple[PlanRun, ...]
    took_s: float
    proven: bool = False
    """Whether the planner's plan is proven optimal for the measured inputs."""
    drift: float | None = None
    """Layer times measured again between the rounds / before the first, median over layers and nodes."""
    notes: tuple[str, ...] = ()
    error: str | None = None
    """Why there are no plans."""

    @property
    def ran(self) -> tuple[PlanRun, ...]:
        """The plans that were measured at least once."""
        return tuple(plan for plan in self.plans if plan.rounds)

    @property
    def optimal(self) -> PlanRun | None:
        """The planner's plan, if it ran."""
        return next((plan for plan in self.ran if plan.role is Role.OPTIMAL), None)


@dataclass(frozen=True)
class Validation:
    """Everything."""

    machine: dict[str, Any]
    took_s: float
    settings: tuple[SettingRun, ...]
    dropped: tuple[str, ...] = ()
    """Settings that there was no time for."""


_ADAPTER = TypeAdapter(Validation)


def write(validation: Validation, file: Path) -> None:
    """As JSON, for `read`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_ADAPTER.dump_json(validation, indent=1) + b"\n")


def read(file: Path) -> Validation:
    """What `write` wrote."""
    return _ADAPTER.validate_json(file.read_bytes())
