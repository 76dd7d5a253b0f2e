"""Boxes: intervals of a plan's cycle time and of its largest busy times, within which a plan's cost is nearly additive.

Two things keep the goal from being a sum over columns: idle power x cycle time T, and in pipelined schedules the peaks,
max_r f_r and max_r b_r (gpipe) or max_r (f_r + b_r) (1f1b). Inside a box the first is at least idle power x the lowest
T, a peak at least its lowest, and columns that alone exceed the highest cannot occur. The source may hold the first and
the last stage, which share its memory and add up their loads; with the head's layers confined, tails that do not go
with the smallest head cannot occur either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from models.workload import Schedule
from placement.backends.base import Axis, Box, LatencyModel, Task
from placement.column_costs import IntArray, deepest_pair
from placement.routes import FloatArray
from placement.stage_graph import Entries, StageGraph


@dataclass(frozen=True)
class Shape:
    """How a task's goal is made of additive parts, T and z.

        goal = latency_weight * F + energy_weight * joules + energy_weight * sum(idle power of used options) * T
               + cycle_weight * T
        T >= through (additive, per column) + peak_count * (sum of the peaks)

    latency_weight is zero where the latency is T: in training, and for a single stream. cycle_weight includes the
    source's idle power.
    """

    latency_weight: float
    energy_weight: float
    cycle_weight: float
    peak_count: float
    """M - 1 for gpipe and 1f1b, else 0."""
    through_s: FloatArray
    """(C,): a column's share of T apart from peaks."""
    awake_w: FloatArray
    """(A,): weighted idle power that a stage column adds to the source's least, in W."""
    load_s: FloatArray
    """(3, A) by axis: what a stage's computing alone makes of it; the source's head and tail add up."""
    shared_s: FloatArray
    """(R', C): load on each resource that a micro-batch visits more than once; it adds up over a plan."""
    shared_axis: tuple[Axis, ...]
    """(R',): what that load bears on."""
    peak_s: FloatArray
    """(3, C) by axis: what a column alone makes of T and of the peaks; no plan in a box uses a column above it."""


def shape_of(task: Task) -> Shape:
    """The shape of a task; see the class."""
    graph, problem = task.graph, task.problem
    training = problem.training
    source = problem.source
    idle = (
        np.array([option.idle_power_w for option in problem.options])
        * problem.energy_weight[[option.node for option in problem.options]]
    )
    least = min([float(problem.energy_weight[source] * problem.idle_power_w[source])]
                + [float(idle[o]) for o in problem.options_of_node[source]])  # fmt: skip
    awake = idle[graph.option]
    own = graph.node == source
    awake[own] = np.where(graph.first[own] == 0, awake[own] - least, 0.0)
    through = (graph.forward_s + graph.backward_s).copy()
    peak_count = 0.0
    if training is None:
        through /= problem.concurrency
    elif training.schedule is Schedule.SEQUENTIAL:
        through *= training.micro_batches
    elif task.latency_model is LatencyModel.FORMULA:
        peak_count = float(training.micro_batches - 1)
    else:
        last = np.flatnonzero(graph.stop == problem.layer_count)
        through[last] += (training.micro_batches - 1) * (graph.compute_forward_s[last] + graph.compute_backward_s[last])
    is_cycle = training is not None or problem.concurrency == 1
    shared = list(_shared_loads(task))
    return Shape(
        latency_weight=0.0 if is_cycle else task.goal.latency,
        energy_weight=task.goal.energy,
        cycle_weight=task.goal.cycle + (task.goal.latency if is_cycle else 0.0) + task.goal.energy * least,
        peak_count=peak_count,
        through_s=through,
        awake_w=awake,
        load_s=_loads(task),
        shared_s=np.array([load for load, _ in shared]).reshape(len(shared), len(graph.joules)),
        shared_axis=tuple(axis for _, axis in shared),
        peak_s=column_peaks(task),
    )


def _loads(task: Task) -> FloatArray:
    """(3, A): computing per micro-batch (inference: per request) by the axis that it bears on."""
    graph, training = task.graph, task.problem.training
    forward, backward = graph.compute_forward_s, graph.compute_backward_s
    loads = np.zeros((len(Axis), graph.stage_count))
    if training is None:
        loads[Axis.CYCLE] = forward
    elif training.schedule is Schedule.GPIPE:
        loads[Axis.FORWARD_PEAK], loads[Axis.BACKWARD_PEAK] = forward, backward
    elif training.schedule is Schedule.ONE_F_ONE_B and task.latency_model is LatencyModel.FORMULA:
        loads[Axis.FORWARD_PEAK] = forward + backward
    elif training.schedule is Schedule.ONE_F_ONE_B:
        loads[Axis.CYCLE] = training.micro_batches * (forward + backward)
    return loads


def _shared_loads(task: Task) -> Iterator[tuple[FloatArray, Axis]]:
    """Load per column, and axis, of nodes that also transfer, and of channels that several pairs of nodes use.

    What is left out (a link that also carries labels, say) is only bounded less tightly.
    """
    graph, training = task.graph, task.problem.training
    if training is not None and training.schedule is Schedule.SEQUENTIAL:
        return
    forward, backward = graph.busy_forward, graph.busy_backward
    if training is None:
        kinds = [([forward], Axis.CYCLE, 1.0)] if task.problem.concurrency > 1 else []
    elif training.schedule is Schedule.GPIPE:
        kinds = [([forward], Axis.FORWARD_PEAK, 1.0), ([backward], Axis.BACKWARD_PEAK, 1.0)]
    elif task.latency_model is LatencyModel.FORMULA:
        kinds = [([forward, backward], Axis.FORWARD_PEAK, 1.0)]
    else:
        kinds = [([forward, backward], Axis.CYCLE, float(training.micro_batches))]
    nodes = task.problem.node_count
    pair = np.minimum(graph.sender, graph.receiver) * nodes + np.maximum(graph.sender, graph.receiver)
    for entries, axis, times in kinds:
        for resource in np.unique(np.concatenate([sparse.row for sparse in entries])).tolist():
            load = np.zeros(len(graph.joules))
            for sparse in entries:
                own = sparse.row == resource
                np.add.at(load, sparse.column[own], sparse.value[own])
            pairs = np.unique(pair[load[graph.stage_count :] > 0])
            if len(pairs) > 1 or (resource < nodes and len(pairs)):
                yield times * load, axis


def column_peaks(task: Task) -> FloatArray:
    """(3, C): what a column alone makes of T and of the peaks.

    gpipe: max_r f_r and max_r b_r. 1f1b: max_r (f_r + b_r); under the replay bound T >= M max_r (f_r + b_r) instead.
    Inference: T >= max_r f_r. Sequential: its T is additive.
    """
    graph, problem = task.graph, task.problem
    training = problem.training
    peaks = np.zeros((len(Axis), len(graph.joules)))
    if training is None:
        peaks[Axis.CYCLE] = _largest([graph.busy_forward], peaks.shape[1])
    elif training.schedule is Schedule.GPIPE:
        peaks[Axis.FORWARD_PEAK] = _largest([graph.busy_forward], peaks.shape[1])
        peaks[Axis.BACKWARD_PEAK] = _largest([graph.busy_backward], peaks.shape[1])
    elif training.schedule is Schedule.ONE_F_ONE_B:
        both = _largest([graph.busy_forward, graph.busy_backward], peaks.shape[1])
        if task.latency_model is LatencyModel.FORMULA:
            peaks[Axis.FORWARD_PEAK] = both
        else:
            peaks[Axis.CYCLE] = both * training.micro_batches
    return peaks


def _largest(entries: list[Entries], size: int) -> FloatArray:
    """Per column, the largest load on one resource."""
    column = np.concatenate([sparse.column for sparse in entries])
    row = np.concatenate([sparse.row for sparse in entries])
    value = np.concatenate([sparse.value for sparse in entries])
    rows = int(row.max(initial=0)) + 1
    keys, inverse = np.unique(column * rows + row, return_inverse=True)
    load = np.bincount(inverse, weights=value, minlength=len(keys))
    largest = np.zeros(size)
    np.maximum.at(largest, keys // rows, load)
    return largest


def within(graph: StageGraph, shape: Shape, box: Box) -> tuple[StageGraph, Shape]:
    """The graph without columns that cannot occur in the box."""
    most = np.array(box.high_s)[:, None] * (1 + 1e-9)
    fits = np.all(shape.peak_s <= most, axis=0)
    own = graph.node == graph.problem.source
    begins, ends = graph.first == 0, own & (graph.first > 0) & (graph.stop == graph.problem.layer_count)
    head = np.where(own, graph.stop, 0)
    stages = fits[: graph.stage_count]
    stages &= ~begins | ((head >= box.heads[0]) & (head <= box.heads[1]))
    smallest = stages & begins & (head == box.heads[0])
    if box.heads[0] > 0 and smallest.any():
        least = shape.load_s[:, smallest].min(axis=1, keepdims=True)
        stages &= ~ends | (shape.load_s + least <= most).all(axis=0)
        for first in np.unique(graph.first[stages & ends]).tolist():
            if deepest_pair(graph.problem, box.heads[0], first) < FEWEST_WITH_TAIL:
                stages &= ~ends | (graph.first != first)
    return restricted(graph, shape, fits)


def ends_clash(graph: StageGraph, shape: Shape, box: Box, path: IntArray) -> int | None:
    """Layers of the source's head on a path whose head and tail do not go together in the box; None if they do."""
    own = [int(a) for a in path if a < graph.stage_count and graph.node[a] == graph.problem.source]
    head = next((a for a in own if graph.first[a] == 0), None)
    tail = next((a for a in own if graph.first[a] > 0), None)
    if head is None or tail is None:
        return None
    fits = deepest_pair(graph.problem, int(graph.stop[head]), int(graph.first[tail])) >= FEWEST_WITH_TAIL
    light = (shape.load_s[:, head] + shape.load_s[:, tail] <= np.array(box.high_s) * (1 + 1e-9)).all()
    same_level = graph.option[head] == graph.option[tail]
    return None if fits and light and same_level else int(graph.stop[head])


FEWEST_WITH_TAIL = 3
"""Stages of a plan whose source holds a head and a tail: something stands between them."""


def restricted(graph: StageGraph, shape: Shape, keep: np.ndarray) -> tuple[StageGraph, Shape]:
    """Graph and shape with only some columns."""
    if keep.all():
        return graph, shape
    stages, hand_overs = keep[: graph.stage_count], keep[graph.stage_count :]
    return graph.keeping(stages, hand_overs), replace(
        shape,
        through_s=shape.through_s[keep],
        awake_w=shape.awake_w[stages],
        peak_s=shape.peak_s[:, keep],
        shared_s=shape.shared_s[:, keep],
        load_s=shape.load_s[:, stages],
    )
