"""Boxes: intervals of a plan's cycle time and of its largest busy times, within which a plan's cost is nearly additive.

Two things keep the goal from being a sum over columns: idle power x cycle time T, and in pipelined schedules the peaks,
max_r f_r and max_r b_r (gpipe), max_r (f_r + b_r) (1f1b) or the pace (bound of its replays). Inside a box the first is
at least idle power x the lowest T, a peak at least its lowest, and columns that alone exceed the highest cannot occur.
The source may hold the first and the last stage, which share its memory and add up their loads; with the head's layers
confined, tails that do not go with the smallest head cannot occur either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.workload import Schedule
from placement.backends.base import Axis, Box, LatencyModel, Task
from placement.column_costs import IntArray
from placement.loads import Adding, Peak, adding_loads
from placement.paces import paces_s
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
    """(2, A) by axis: what a stage's computing alone makes of it; the source's head and tail add up."""
    least_idle_w: float
    """Weighted idle power that the source draws in any plan, in W."""
    adding: Adding
    """Loads that several columns of a plan put on one resource."""
    shared_s: FloatArray
    """(R', C): those of them that any node may add to (placement.loads), by resource."""
    shared_axis: tuple[Axis, ...]
    """(R',): what that load bears on."""
    peaks_s: FloatArray
    """(3, C) by peak: what a column alone makes of each, at least."""
    peak_s: FloatArray
    """(2, C) by axis, likewise; no plan in a box uses a column above it."""


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
    else:
        peak_count = float(training.micro_batches - 1)
    is_cycle = training is not None or problem.concurrency == 1
    adding = adding_loads(task)
    shared, shared_axis = _shared(adding, len(graph.joules))
    peaks = _with_transfers(graph, adding, column_peaks(task))
    return Shape(
        latency_weight=0.0 if is_cycle else task.goal.latency,
        energy_weight=task.goal.energy,
        cycle_weight=task.goal.cycle + (task.goal.latency if is_cycle else 0.0) + task.goal.energy * least,
        peak_count=peak_count,
        through_s=through,
        awake_w=awake,
        load_s=_loads(task),
        least_idle_w=least,
        adding=adding,
        shared_s=shared,
        shared_axis=shared_axis,
        peaks_s=peaks,
        peak_s=np.array([peaks[Peak.CYCLE], peaks[Peak.FORWARD] + peaks[Peak.BACKWARD]]),
    )


def _shared(adding: Adding, columns: int) -> tuple[FloatArray, tuple[Axis, ...]]:
    """(R', C) loads of shared resources, and their axes; gpipe's f_r and b_r bear on one peak together."""
    column = np.repeat(np.arange(columns), np.diff(adding.begin))
    resources, row = np.unique(adding.shared_resource, return_inverse=True)
    shared = adding.slot < adding.shared_slots
    dense = np.zeros((len(resources), columns))
    np.add.at(dense, (row[adding.slot[shared]], column[shared]), adding.value[shared])
    axes = np.full(len(resources), Axis.PEAK)
    axes[row[adding.peak[: adding.shared_slots] == Peak.CYCLE]] = Axis.CYCLE
    return dense, tuple(Axis(axis) for axis in axes.tolist())


def _with_transfers(graph: StageGraph, adding: Adding, peak_s: FloatArray) -> FloatArray:
    """Peaks of stage columns raised by the least that hand-overs before and behind add to their node's own loads."""
    own = adding.slot >= adding.shared_slots
    if not own.any():
        return peak_s
    layers, nodes, stages = graph.problem.layer_count, graph.problem.node_count, graph.stage_count
    column = np.repeat(np.arange(len(graph.joules)), np.diff(adding.begin))
    peak_s = peak_s.copy()
    for slot in range(adding.shared_slots, len(adding.peak)):
        here = adding.slot == slot
        before, behind = np.zeros(graph.hand_over_count), np.zeros(graph.hand_over_count)
        for side, mine in ((behind, here & ~adding.after), (before, here & adding.after)):
            passes = mine & (column >= stages)
            np.add.at(side, column[passes] - stages, adding.value[passes])
        least_before, least_behind = np.full((layers + 1, nodes), np.inf), np.full((layers + 1, nodes), np.inf)
        np.minimum.at(least_before, (graph.cut, graph.receiver), before)
        np.minimum.at(least_behind, (graph.cut, graph.sender), behind)
        least_before[0] = least_behind[layers] = 0.0
        load = np.zeros(stages)
        runs = here & (column < stages)
        np.add.at(load, column[runs], adding.value[runs])
        load += least_before[graph.first, graph.node] + least_behind[graph.stop, graph.node]
        peak = adding.peak[slot]
        peak_s[peak, :stages] = np.maximum(peak_s[peak, :stages], load)
    return peak_s


def _loads(task: Task) -> FloatArray:
    """(2, A): computing per micro-batch (inference: per request) by the axis that it bears on."""
    graph, training = task.graph, task.problem.training
    forward, backward = graph.compute_forward_s, graph.compute_backward_s
    loads = np.zeros((len(Axis), graph.stage_count))
    if training is None:
        loads[Axis.CYCLE] = forward
    elif training.schedule is Schedule.ONE_F_ONE_B and task.latency_model is LatencyModel.REPLAY_BOUND:
        loads[Axis.CYCLE] = training.micro_batches * (forward + backward)
    elif training.schedule is not Schedule.SEQUENTIAL:
        loads[Axis.PEAK] = forward + backward
    return loads


def column_peaks(task: Task) -> FloatArray:
    """(3, C) by peak: what a column alone makes of it.

    gpipe: max_r f_r and max_r b_r. 1f1b: max_r (f_r + b_r); under the replay bound the pace (placement.replay_bound),
    and T >= M max_r (f_r + b_r). Inference: T >= max_r f_r. Sequential: its T is additive.
    """
    graph, problem = task.graph, task.problem
    training = problem.training
    peaks = np.zeros((len(Peak), len(graph.joules)))
    if training is None:
        peaks[Peak.CYCLE] = _largest([graph.busy_forward], peaks.shape[1])
    elif training.schedule is Schedule.GPIPE:
        peaks[Peak.FORWARD] = _largest([graph.busy_forward], peaks.shape[1])
        peaks[Peak.BACKWARD] = _largest([graph.busy_backward], peaks.shape[1])
    elif training.schedule is Schedule.ONE_F_ONE_B:
        both = _largest([graph.busy_forward, graph.busy_backward], peaks.shape[1])
        if task.latency_model is LatencyModel.FORMULA:
            peaks[Peak.FORWARD] = both
        else:
            peaks[Peak.FORWARD] = paces_s(graph)
            peaks[Peak.CYCLE] = both * training.micro_batches
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
            if graph.deepest_pairs[box.heads[0], first] < FEWEST_WITH_TAIL:
                stages &= ~ends | (graph.first != first)
    return restricted(graph, shape, fits)


def ends_clash(graph: StageGraph, shape: Shape, box: Box, path: IntArray) -> int | None:
    """Layers of the source's head on a path whose head and tail do not go together in the box; None if they do."""
    own = [int(a) for a in path if a < graph.stage_count and graph.node[a] == graph.problem.source]
    head = next((a for a in own if graph.first[a] == 0), None)
    tail = next((a for a in own if graph.first[a] > 0), None)
    if head is None or tail is None:
        return None
    fits = graph.deepest_pairs[graph.stop[head], graph.first[tail]] >= FEWEST_WITH_TAIL
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
        peaks_s=shape.peaks_s[:, keep],
        peak_s=shape.peak_s[:, keep],
        adding=shape.adding.kept(keep),
        shared_s=shape.shared_s[:, keep],
        load_s=shape.load_s[:, stages],
    )
