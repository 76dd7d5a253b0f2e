"""Latency of the textbook view: every schedule's formula as the largest of a few sums over choices.

docs/reference-formulations.md is the same page in symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.workload import Schedule
from placement.backends.base import LatencyModel
from placement.reference_formulation import Choices, Linear, combined

Peak = tuple[Linear, ...]
"""The largest of several loads."""


@dataclass(frozen=True)
class LatencyRule:
    """latency >= through + the peaks + the part of `last_stage` that the layers of the last stage make, in s."""

    through: Linear
    peaks: tuple[Peak, ...] = ()
    last_stage: Linear = field(default_factory=dict)


def latency_rules(choices: Choices, latency_model: LatencyModel) -> tuple[LatencyRule, ...]:
    """The latency is the largest right side: one for each schedule's formula, three for the bound on 1f1b replays."""
    training = choices.problem.training
    if training is None:
        return (LatencyRule(choices.forward),)
    count = training.micro_batches
    update = _peak(1, choices.update)
    once = combined([(1, choices.forward), (1, choices.backward)])
    if training.schedule is Schedule.SEQUENTIAL:
        return (LatencyRule(combined([(count, once)]), update),)
    if training.schedule is Schedule.GPIPE:
        waiting = _peak(count - 1, choices.forward_busy) + _peak(count - 1, choices.backward_busy)
        return (LatencyRule(once, waiting + update),)
    both = {
        r: combined((1, busy.get(r, {})) for busy in (choices.forward_busy, choices.backward_busy))
        for r in sorted(choices.forward_busy.keys() | choices.backward_busy.keys())
    }
    if latency_model is LatencyModel.FORMULA:
        return (LatencyRule(once, _peak(count - 1, both) + update),)
    busiest = LatencyRule({}, _peak(count, both) + update)
    return (LatencyRule(once, update), busiest, LatencyRule(once, update, combined([(count - 1, choices.compute)])))


def round_rules(choices: Choices, latency_model: LatencyModel) -> tuple[LatencyRule, ...]:
    """Concurrency x cycle time: the latency, and in inference no less than concurrency x the busiest resource."""
    rules = latency_rules(choices, latency_model)
    problem = choices.problem
    if problem.training:
        return rules
    return (*rules, LatencyRule({}, _peak(problem.concurrency, choices.forward_busy)))


def _peak(weight: float, loads: dict[int, Linear]) -> tuple[Peak, ...]:
    weighted = (combined([(weight, load)]) for load in loads.values())
    loaded = tuple(load for load in weighted if load)
    return (loaded,) if loaded else ()


def shortest_s(choices: Choices, rules: Sequence[LatencyRule]) -> float:
    """What no placement goes below."""
    return max(choices.least(rule.through) for rule in rules)


def longest_s(choices: Choices, rules: Sequence[LatencyRule]) -> float:
    """What no placement exceeds."""
    return max(
        choices.most(rule.through)
        + sum(max(choices.most(load) for load in peak) for peak in rule.peaks)
        + choices.most(rule.last_stage)
        for rule in rules
    )
