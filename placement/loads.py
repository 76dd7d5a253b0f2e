"""Loads that several columns of one plan put on one resource, sorted by how a partial plan must remember them.

Most resources are loaded by one column of any plan: a node by its stage, a link by the one hand-over across it. Others
add up:
    own     all columns that load the resource touch one node other than the source: a node that cannot overlap its
            transfers with computing, or a link to the source that carries input, labels or results too. Once the plan
            has left that node, the load is final.
    shared  the rest: media, relays, the source with its two stages. Their load is final at the end only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from models.workload import Schedule
from placement.backends.base import LatencyModel, Task
from placement.column_costs import IntArray
from placement.routes import FloatArray
from placement.stage_graph import Entries, StageGraph

NOBODY = -1


class Peak(IntEnum):
    """What a load bears on: T itself, or one of the peaks that T counts peak_count times (1f1b has the first only)."""

    CYCLE = 0
    FORWARD = 1
    BACKWARD = 2


@dataclass(frozen=True)
class PeakLoads:
    """Loads per micro-batch (inference: per request) that bear on one peak, as they count there."""

    entries: tuple[Entries, ...]
    peak: Peak
    times: float

    def joined(self) -> tuple[IntArray, IntArray, FloatArray]:
        """(column, resource, load)."""
        return (
            np.concatenate([sparse.column for sparse in self.entries]),
            np.concatenate([sparse.row for sparse in self.entries]),
            self.times * np.concatenate([sparse.value for sparse in self.entries]),
        )


def loads_by_peak(task: Task) -> list[PeakLoads]:
    """gpipe: f_r and b_r apart. 1f1b: f_r + b_r, M times on T under the replay bound. Inference: f_r on T.

    None where no peak counts: sequential training, and requests one at a time, which are latency only.
    """
    graph, training = task.graph, task.problem.training
    forward, backward = graph.busy_forward, graph.busy_backward
    if training is None:
        return [PeakLoads((forward,), Peak.CYCLE, 1.0)] if task.problem.concurrency > 1 else []
    if training.schedule is Schedule.SEQUENTIAL:
        return []
    if training.schedule is Schedule.GPIPE:
        return [PeakLoads((forward,), Peak.FORWARD, 1.0), PeakLoads((backward,), Peak.BACKWARD, 1.0)]
    if task.latency_model is LatencyModel.FORMULA:
        return [PeakLoads((forward, backward), Peak.FORWARD, 1.0)]
    return [PeakLoads((forward, backward), Peak.CYCLE, float(training.micro_batches))]


@dataclass(frozen=True)
class Adding:
    """Loads that add up, on slots: the shared ones first, then those of the node at hand.

    begin (C + 1,): entries of column c are begin[c] .. begin[c + 1]; slot, value, after (whether the load falls on the
    receiver of a hand-over) per entry. peak (slots,): what each slot bears on. shared_resource: of the shared slots.
    """

    begin: IntArray
    slot: IntArray
    value: FloatArray
    after: NDArray[np.bool_]
    peak: IntArray
    shared_resource: IntArray

    @property
    def shared_slots(self) -> int:
        """How many slots are shared."""
        return len(self.shared_resource)

    def kept(self, keep: NDArray[np.bool_]) -> Adding:
        """For a graph with only some columns."""
        length = np.diff(self.begin)
        stays = np.repeat(keep, length)
        begin = np.concatenate([[0], np.cumsum(length[keep])])
        return Adding(begin, self.slot[stays], self.value[stays], self.after[stays], self.peak, self.shared_resource)


def adding_loads(task: Task) -> Adding:
    """The loads of a task's columns that add up over a plan."""
    graph = task.graph
    found: list[tuple[IntArray, IntArray, FloatArray, NDArray[np.bool_], IntArray, Peak]] = []
    for loads in loads_by_peak(task):
        column, resource, value = loads.joined()
        # A hand-over within a class loads its receiver on the rows of the class's second member.
        within = graph.standing_rows[resource] != resource
        resource = graph.standing_rows[resource]
        owner = owners(graph, column, resource)
        counts = owner != graph.problem.source  # its owner stands for "one column per plan"
        column, resource, value, owner, within = (a[counts] for a in (column, resource, value, owner, within))
        after = _receiver(graph, column) == owner
        after &= (column >= graph.stage_count) & ((_sender(graph, column) != owner) | within)
        found.append((column, resource, value, after, owner, loads.peak))
    shared_resource: list[int] = []
    shared_peak: list[int] = []
    own_peak: list[int] = []
    parts = []
    for column, resource, value, after, owner, peak in found:
        shared = np.unique(resource[owner == NOBODY])
        slot = np.searchsorted(shared, resource) + len(shared_peak)
        shared_resource += shared.tolist()
        shared_peak += [peak] * len(shared)
        own = owner != NOBODY
        keys, rank = _rank_within(owner[own], resource[own])
        slot[own] = -1 - (rank + len(own_peak))
        own_peak += [peak] * keys
        parts.append((column, slot, value, after))
    empty = np.empty(0, dtype=np.int64)
    column, slot, value, after = (
        np.concatenate(arrays)
        for arrays in zip((empty, empty, np.empty(0), np.empty(0, dtype=np.bool_)), *parts, strict=True)
    )
    slot = np.where(slot < 0, len(shared_peak) - 1 - slot, slot)
    order = np.argsort(column, kind="stable")
    columns = graph.stage_count + graph.hand_over_count
    begin = np.searchsorted(column[order], np.arange(columns + 1))
    peaks = np.array(shared_peak + own_peak, dtype=np.int64)
    resources = np.array(shared_resource, dtype=np.int64)
    return Adding(begin, slot[order], value[order], after[order], peaks, resources)


def owners(graph: StageGraph, column: IntArray, resource: IntArray) -> IntArray:
    """Per entry: the node that owns the resource's load, NOBODY where it is shared, the source where it never adds up.

    Ownership is as in the module's docstring; which columns touch a node: its stages and the hand-overs to or from it.
    """
    source = graph.problem.source
    sender, receiver = _sender(graph, column), _receiver(graph, column)
    size = int(resource.max(initial=-1)) + 1
    total = np.bincount(resource, minlength=size)
    one, other = np.full(size, NOBODY), np.full(size, NOBODY)
    one[resource[::-1]], other[resource[::-1]] = sender[::-1], receiver[::-1]

    def everywhere(true: NDArray[np.bool_]) -> NDArray[np.bool_]:
        everything: NDArray[np.bool_] = np.bincount(resource[true], minlength=size) == total
        return everything

    # What is not private adds up over the members of a class, of which a plan may use several.
    several_one, several_other = (graph.several[node] & ~graph.private_rows[:size] for node in (one, other))
    touches_one = everywhere((sender == one[resource]) | (receiver == one[resource]))
    touches_other = everywhere((sender == other[resource]) | (receiver == other[resource]))
    is_stage = column < graph.stage_count
    all_stages, all_hand_overs = everywhere(is_stage), everywhere(~is_stage)
    first = np.zeros(len(column), dtype=np.int64)
    first[is_stage] = graph.first[column[is_stage]]
    one_way = everywhere(sender == one[resource])
    once = all_stages & touches_one & ~several_one & ((one != source) | everywhere(first == 0) | everywhere(first > 0))
    once |= all_hand_overs & touches_one & touches_other & (one_way | ((one != source) & (other != source)))
    once &= ~(several_one & several_other)
    owner = np.where(touches_other & (other != source) & ~several_other, other, NOBODY)
    owner = np.where(touches_one & (one != source) & ~several_one, one, owner)
    return np.asarray(np.where(once, source, owner)[resource])


def _sender(graph: StageGraph, column: IntArray) -> IntArray:
    return np.concatenate([graph.node, graph.sender])[column]


def _receiver(graph: StageGraph, column: IntArray) -> IntArray:
    return np.concatenate([graph.node, graph.receiver])[column]


def _rank_within(owner: IntArray, resource: IntArray) -> tuple[int, IntArray]:
    """(most resources of one owner, per entry the number of its resource among its owner's)."""
    if not len(owner):
        return 0, owner
    pairs, inverse = np.unique(np.stack([owner, resource]), axis=1, return_inverse=True)
    starts = np.searchsorted(pairs[0], pairs[0])
    rank = (np.arange(pairs.shape[1]) - starts)[inverse.reshape(-1)]
    return int(rank.max()) + 1, rank
