"""How a box is confined before it is priced, trimmed after, and where it is cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from placement.backends.base import Axis, Box, Task
from placement.bound_terms import AdditiveLimit
from placement.bounds import Sweep, time_range
from placement.boxes import Shape
from placement.constraints import LIMIT_TOLERANCE
from placement.lagrangian import Relaxed
from placement.stage_graph import StageGraph


@dataclass(frozen=True, slots=True)
class Cut:
    """By how much the cheapest walk exceeds what the bound took for it; on which axis most, and where to cut it."""

    excess: float
    axis: Axis
    at_s: float


def everything(task: Task, shape: Shape) -> Box | None:
    """What any plan within the limits can be; None where the graph holds no walk."""
    times = time_range(task.graph)
    if times is None:
        return None
    limits, longest = task.limits, times.longest_s
    if limits.cycle_s is not None:
        longest = min(longest, limits.cycle_s * (1 + LIMIT_TOLERANCE))
    if limits.latency_s is not None and (task.problem.training or task.problem.concurrency == 1):
        longest = min(longest, limits.latency_s * (1 + LIMIT_TOLERANCE))
    alone = np.array_equal(shape.through_s, task.graph.forward_s + task.graph.backward_s)
    shortest = times.shortest_s if alone else Sweep.forgetful(task.graph).shortest(shape.through_s)
    if longest < shortest:
        return None
    return Box((shortest, 0.0), (longest, 2 * times.longest_s), (0, task.problem.layer_count))


def additive_limits(task: Task, graph: StageGraph, shape: Shape, box: Box) -> list[AdditiveLimit]:
    """Limits that T does not cover: on F with several streams, and on energy."""
    limits, additive = task.limits, []
    if limits.latency_s is not None and task.problem.concurrency > 1:
        additive.append(AdditiveLimit(graph.forward_s, limits.latency_s * (1 + LIMIT_TOLERANCE)))
    if limits.energy_j is not None:
        spent = graph.joules + shape.least_idle_w * shape.through_s
        spent[: graph.stage_count] += shape.awake_w * box.low_s[Axis.CYCLE]
        allowed = limits.energy_j * (1 + LIMIT_TOLERANCE)
        allowed -= shape.least_idle_w * shape.peak_count * box.low_s[Axis.PEAK]
        additive.append(AdditiveLimit(spent, allowed))
    return additive


def raised(box: Box, graph: StageGraph, shape: Shape) -> Box:
    """The box without peaks below the least that any walk reaches."""
    if shape.peak_count == 0:
        return box
    return box.above(Axis.PEAK, Sweep.forgetful(graph).least_peak(shape.peak_s[Axis.PEAK]) * (1 - 1e-12))


def trimmed(box: Box, relaxed: Relaxed, value: float) -> Box:
    """The box without cycle times and peaks that would cost more than a known plan's value."""
    terms = relaxed.pricing.terms
    room = max(0.0, value - relaxed.bound)
    for axis in Axis:
        if relaxed.spare[axis] > 0:
            box = box.below(axis, box.low_s[axis] + room / float(relaxed.spare[axis]))
    apart = relaxed.pricing.shortest(terms.base) if terms.base.any() else 0.0
    weight = terms.cycle_weight + terms.energy_weight * terms.awake_low
    if weight > 0 and np.isfinite(apart):
        box = box.below(Axis.CYCLE, (value - apart) / weight * (1 + 1e-9))
    return box


def cut_of(task: Task, box: Box, relaxed: Relaxed, gap: float) -> Cut:
    """Where the bound is most wrong about the cheapest walk, in the goal's unit.

    On the peak the cut is just below the walk's own: one part is bounded by what that walk really costs, the other no
    longer has the walk. Where the walk is far off, by half the gap or more, such cuts would shave off thin slices one
    by one: then it is in the middle below the walk's own. On T it is between the walk's own and the middle of the box.
    """
    shape, walk = relaxed.pricing.shape, relaxed.walk
    low_s, high_s = box.low_s[Axis.CYCLE], box.high_s[Axis.CYCLE]
    peak_s = max(float(shape.peak_s[Axis.PEAK, walk].max()), box.low_s[Axis.PEAK])
    pipelined = float(shape.through_s[walk].sum()) + shape.peak_count * peak_s
    cycle_s = min(max(pipelined, float(shape.peak_s[Axis.CYCLE, walk].max()), low_s), high_s)
    taken, time_price = relaxed.taken, float(relaxed.duals.quantity[0])
    in_cycle = _awake_excess(task, box, relaxed, cycle_s)
    in_cycle += (relaxed.cycle_weight - time_price) * cycle_s - taken[Axis.CYCLE]
    in_peak = time_price * shape.peak_count * peak_s - taken[Axis.PEAK]
    in_peak = min(in_peak, time_price * shape.peak_count * (peak_s - box.low_s[Axis.PEAK]))
    if in_peak >= in_cycle:
        below_s = peak_s * (1 - JUST)
        if in_peak >= gap / 2 or below_s > box.high_s[Axis.PEAK] - box.width_s(Axis.PEAK) / 10:
            below_s = (box.low_s[Axis.PEAK] + min(peak_s, box.high_s[Axis.PEAK])) / 2
        return Cut(in_peak, Axis.PEAK, below_s)
    margin_s = MARGIN * (high_s - low_s)
    at_s = (cycle_s + (low_s + high_s) / 2) / 2
    return Cut(in_cycle, Axis.CYCLE, min(max(at_s, low_s + margin_s), high_s - margin_s))


def _awake_excess(task: Task, box: Box, relaxed: Relaxed, cycle_s: float) -> float:
    """What idle power x T of the cheapest walk exceeds its estimate by."""
    terms, shape = relaxed.pricing.terms, relaxed.pricing.shape
    low_s, high_s = box.low_s[Axis.CYCLE], box.high_s[Axis.CYCLE]
    awake = float(shape.awake_w[relaxed.walk[relaxed.walk < len(shape.awake_w)]].sum())
    share = float(relaxed.duals.share[0])
    estimate = (1 - share) * (awake * low_s + terms.awake_low * (cycle_s - low_s))
    estimate += share * (awake * high_s + terms.awake_high * (cycle_s - high_s))
    excess = shape.energy_weight * (awake * cycle_s - estimate)
    return excess if task.limits.energy_j is None else max(excess, awake * (cycle_s - low_s))


JUST = 4e-9
"""Relative distance of a cut below a peak; more than the tolerance within which columns belong to a box."""
MARGIN = 0.2
"""Share of a box's width in T that both parts of a cut keep."""
