"""What a box's bound is made of (`placement.kernels.pricing.Terms`), from its columns, its ends and what is limited.

The symbols are those of `placement.lagrangian`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from placement.backends.base import Axis, Box
from placement.bounds import Sweep, capacity_of
from placement.boxes import Shape
from placement.column_costs import IntArray
from placement.kernels.pricing import Terms
from placement.routes import FloatArray
from placement.stage_graph import StageGraph


@dataclass(frozen=True)
class AdditiveLimit:
    """sum of `amount` over a plan's columns <= limit."""

    amount: FloatArray
    limit: float


def terms_of(
    graph: StageGraph,
    shape: Shape,
    box: Box,
    limits: list[AdditiveLimit],
    target: float | None,
    *,
    counts_loads: bool,
) -> Terms:
    """The terms of one box; `target` and `counts_loads` as in `placement.lagrangian.Pricing`."""
    base = shape.latency_weight * graph.forward_s + shape.energy_weight * graph.joules
    amounts = np.array([shape.through_s, *shape.shared_s, *(limit.amount for limit in limits)])
    axis = np.array([Axis.CYCLE, *shape.shared_axis], dtype=np.int64)
    limit = np.array([limit.limit for limit in limits])
    capacity = capacity_of(graph).copy()
    capacity[graph.problem.source] = 0
    awake_low, awake_high = _awake_range(graph, shape, box, base, target)
    load, load_axis, load_unit = _loads(shape, counts_loads=counts_loads)
    return Terms(
        base=base,
        amounts=amounts,
        awake=shape.awake_w,
        axis=axis,
        limit=limit,
        unit=_units(box, amounts, axis, limit),
        low=np.array(box.low_s),
        high=np.array(box.high_s),
        awake_low=awake_low,
        awake_high=awake_high,
        cycle_weight=float(shape.cycle_weight),
        energy_weight=float(shape.energy_weight),
        peak_count=float(shape.peak_count),
        capacity=capacity,
        load=load,
        load_axis=load_axis,
        members=capacity_of(graph),
        load_unit=load_unit,
        time_is_all=_time_is_all(graph, shape) and load_axis != Axis.CYCLE,
    )


def _units(box: Box, amounts: FloatArray, axis: IntArray, limit: FloatArray) -> FloatArray:
    """Typical sizes: of a time the largest column's, at most the width of its axis; of a limited amount the limit."""
    largest = amounts[: len(axis)].max(axis=1, initial=0.0)
    unit = np.concatenate([np.where(largest > 0, largest, 1.0), np.where(limit == 0, 1.0, abs(limit))])
    width = [max(box.width_s(Axis(a)), 1e-3 * box.high_s[a]) for a in axis]
    unit[: len(axis)] = [min(u, w) if w > 0 else u for u, w in zip(unit, width, strict=False)]
    return unit


def _awake_range(
    graph: StageGraph, shape: Shape, box: Box, base: FloatArray, target: float | None
) -> tuple[float, float]:
    """Least and most W of the box's plans that beat the target; least > most where there are none."""
    if shape.energy_weight == 0 or not shape.awake_w.any():
        return 0.0, 0.0
    forgetful = Sweep.forgetful(graph)
    awake = np.concatenate([shape.awake_w, np.zeros(graph.hand_over_count)])
    least = forgetful.shortest(awake)
    if not np.isfinite(least):
        return 0.0, 0.0
    dearest = np.zeros(graph.problem.node_count)
    np.maximum.at(dearest, graph.node, shape.awake_w)
    most = min(forgetful.longest(awake), float((dearest * capacity_of(graph)).sum()))
    shortest = box.low_s[Axis.CYCLE]
    if target is not None and shortest > 0:
        rest = target - forgetful.shortest(base) - shape.cycle_weight * shortest
        most = min(most, rest / (shape.energy_weight * shortest) * (1 + 1e-9))
    return least * (1 - 1e-12), most


def _loads(shape: Shape, *, counts_loads: bool) -> tuple[FloatArray, int, float]:
    """Computing per stage, the axis that it bears on (-1: none is counted), and its typical size."""
    axis = Axis.PEAK if shape.peak_count > 0 else Axis.CYCLE
    load = np.ascontiguousarray(shape.load_s[axis])
    unit = float(load.max(initial=0.0))
    counts = counts_loads and unit > 0 and (axis == Axis.PEAK or bool(shape.peak_s[Axis.CYCLE].any()))
    return load, int(axis) if counts else -1, unit or 1.0


def _time_is_all(graph: StageGraph, shape: Shape) -> bool:
    """Whether T is tau + peak_count y in every plan (no resource is busy for longer), and W T costs nothing."""
    problem = graph.problem
    return shape.energy_weight == 0 and (problem.training is not None or problem.concurrency == 1)
