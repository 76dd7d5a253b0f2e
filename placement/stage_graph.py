"""The stage graph: one structure for every backend.

Vertices are (cut j, node n). A stage column runs layers first..stop as one stage on an option; a hand-over column
passes a micro-batch from one node to another at a cut. A plan is a path of alternating stage and hand-over columns from
cut 0 to cut L that uses each node at most once (the source may hold the first and the last stage). Interchangeable
nodes are one node here that may be used as often as it has members. Memory, privacy, pins and missing routes delete
columns, so they never become rows. What is sent before the first stage (input) and after
the last (results, labels) is priced on the stage columns at the two ends.

Columns c = 0..C-1: the stages first, then the hand-overs. All costs are linear in the columns:
    forward_s, backward_s   contribution to F and B (inference: F of the whole request)
    joules                  weighted energy per request or iteration, idle power apart
    busy_forward, busy_backward, node_joules   sparse (column, resource or node, value)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from placement.column_costs import IntArray, SendingCosts, compute_costs, deepest_pairs, stage_memory_bytes
from placement.column_ranges import hand_over_columns, stage_columns
from placement.grouping import group_columns
from placement.kernels.sweeps import Columns
from placement.network import BoolArray, FloatArray
from placement.order import middle_order
from placement.problem import PlacedStage, Placement, Problem
from placement.symmetry import Classes, each_alone

__all__ = ["BoolArray", "Entries", "StageGraph", "build_stage_graph"]


@dataclass(frozen=True)
class Entries:
    """A sparse matrix: value[i] stands at (column[i], row[i])."""

    column: IntArray
    row: IntArray
    value: FloatArray

    @staticmethod
    def gather(parts: Iterable[tuple[IntArray, IntArray, FloatArray]]) -> Entries:
        """Join pieces; entries of zero value are dropped."""
        nothing = np.empty(0, dtype=np.int64)
        pieces: list[tuple[IntArray, IntArray, FloatArray]] = [*parts, (nothing, nothing, np.empty(0))]
        column = np.concatenate([piece[0] for piece in pieces])
        row = np.concatenate([piece[1] for piece in pieces])
        value = np.concatenate([piece[2] for piece in pieces])
        some = value != 0
        return Entries(column[some], row[some], value[some])

    def kept(self, new_index: IntArray) -> Entries:
        """The entries of columns that stay (new_index >= 0), renumbered."""
        stays = new_index[self.column] >= 0
        return Entries(new_index[self.column[stays]], self.row[stays], self.value[stays])


@dataclass(frozen=True)
class StageGraph:
    """Stage columns (option .. max_depth, each (A,)), hand-over columns (cut, sender, receiver, each (H,)), costs."""

    problem: Problem
    option: IntArray
    node: IntArray
    first: IntArray
    stop: IntArray
    compute_forward_s: FloatArray
    """Busy time of the stage's node by computing, forward (inference: the whole request)."""
    compute_backward_s: FloatArray
    update_s: FloatArray
    memory_bytes: FloatArray
    """With the fewest micro-batches in flight that the stage's place allows."""
    max_depth: IntArray
    """1f1b: deepest place counted from the end (1 = last) at which the stage fits its node; else N + 1."""
    cut: IntArray
    sender: IntArray
    receiver: IntArray
    forward_s: FloatArray
    backward_s: FloatArray
    joules: FloatArray
    busy_forward: Entries
    busy_backward: Entries
    node_joules: Entries
    classes: Classes
    order: IntArray | None
    """(N,): ranks in which middle stages ascend; None: their order matters (placement.order)."""
    deepest_pairs: IntArray
    """(L + 1, L + 1): most stages of a plan whose source runs layers 0..stop and first..L; 0: the two never fit."""

    @property
    def capacity(self) -> IntArray:
        """(N,): how often a plan may use a node: 1, or the members that it stands for; 0 where another stands for it.

        The source has capacity 1; it may hold the first and the last stage.
        """
        return self.classes.capacity

    @property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """Per node, the nodes that it stands for, itself the first; () where another stands for it."""
        return self.classes.members

    @property
    def private_rows(self) -> BoolArray:
        """(R,): resources that belong to one member of a class of which a plan may use several.

        Their rows stand for every member's own, so loads of different columns there do not add up over a plan; the load
        of one column is one on some real resource. See `placement.private_loads` for what does add up.
        """
        return self.classes.private_rows

    @property
    def standing_rows(self) -> IntArray:
        """(R,): the row of a class's first member for a row of its second; else the row itself.

        Loads of a hand-over within a class (sender == receiver) on a row that differs here fall on its receiver.
        """
        return self.classes.standing_rows

    @property
    def several(self) -> BoolArray:
        """(N,): whether a plan may use the node, or members of its class, more than once."""
        return self.classes.several

    @property
    def stage_count(self) -> int:
        """A."""
        return len(self.option)

    @property
    def hand_over_count(self) -> int:
        """H."""
        return len(self.cut)

    def placement(self, stages: Iterable[int]) -> Placement:
        """The placement that chosen stage columns make; stages on one representative go to successive members."""
        chosen = sorted(stages, key=lambda a: int(self.first[a]))
        problem = self.problem
        used: dict[int, int] = {}
        placement = []
        for a in chosen:
            option, node = int(self.option[a]), int(self.node[a])
            member = self.members[node][min(used.get(node, 0), len(self.members[node]) - 1)]
            used[node] = used.get(node, 0) + 1
            level = problem.options_of_node[node].index(option)
            own = problem.options_of_node[member][level]
            placement.append(PlacedStage(own, int(self.first[a]), int(self.stop[a])))
        return tuple(placement)

    def columns_of(self, placement: Placement) -> list[int] | None:
        """The columns that a placement uses; None where one of them is not in the graph."""
        size, nodes = self.problem.layer_count + 1, self.problem.node_count
        own = [self.problem.node_of(stage) for stage in placement]
        if any(n == m for n, m in pairwise(own)):
            return None
        used = self.classes.representative[own]
        levels = [self.problem.options_of_node[n].index(s.option) for n, s in zip(own, placement, strict=True)]
        options = np.array([self.problem.options_of_node[n][v] for n, v in zip(used, levels, strict=True)])
        firsts, stops = np.array([(stage.first, stage.stop) for stage in placement], dtype=np.int64).T
        stages = _found(*self._stage_order, (options * size + firsts) * size + stops)
        hand_overs = _found(*self._hand_over_order, (stops[:-1] * nodes + used[:-1]) * nodes + used[1:])
        if stages is None or hand_overs is None:
            return None
        return [*stages.tolist(), *(self.stage_count + hand_overs).tolist()]

    @cached_property
    def grouped(self) -> Columns:
        """The columns by cut and cell, for sweeps."""
        return group_columns(self)

    @cached_property
    def remembered(self) -> dict[object, Any]:
        """What was found out about the graph and will be asked for again (`placement.bounds.Sweep.forgetful`)."""
        return {}

    @cached_property
    def _stage_order(self) -> tuple[IntArray, IntArray]:
        size = self.problem.layer_count + 1
        return _sorted((self.option * size + self.first) * size + self.stop)

    @cached_property
    def _hand_over_order(self) -> tuple[IntArray, IntArray]:
        nodes = self.problem.node_count
        return _sorted((self.cut * nodes + self.sender) * nodes + self.receiver)

    def keeping(self, stages: BoolArray, hand_overs: BoolArray) -> StageGraph:
        """The graph with only the given columns."""
        keep = np.concatenate([stages, hand_overs])
        new_index = np.where(keep, np.cumsum(keep) - 1, -1)
        per_stage = ("option", "node", "first", "stop", "compute_forward_s", "compute_backward_s", "update_s",
                     "memory_bytes", "max_depth")  # fmt: skip
        return replace(
            self,
            **{name: getattr(self, name)[stages] for name in per_stage},
            **{name: getattr(self, name)[hand_overs] for name in ("cut", "sender", "receiver")},
            **{name: getattr(self, name)[keep] for name in ("forward_s", "backward_s", "joules")},
            **{name: getattr(self, name).kept(new_index) for name in ("busy_forward", "busy_backward", "node_joules")},
        )


def _sorted(keys: IntArray) -> tuple[IntArray, IntArray]:
    order = np.argsort(keys, kind="stable")
    return keys[order], order


def _found(keys: IntArray, order: IntArray, wanted: IntArray) -> IntArray | None:
    """Where the wanted keys stand; None where one is missing."""
    place = np.searchsorted(keys, wanted)
    if len(wanted) and (place.max() >= len(keys) or (keys[place] != wanted).any()):
        return None
    return order[place]


def build_stage_graph(problem: Problem, *, merge: bool = True, classes: Classes | None = None) -> StageGraph:
    """All stages that fit some node and all hand-overs that have a route, with what they cost.

    merge: one node stands for all that are interchangeable with it; otherwise every node stands for itself. classes:
    instead of the problem's own (a plan may use more members of a class than the optimum needs).
    """
    if classes is None:
        classes = problem.classes if merge else each_alone(problem.network)
    option, first, stop = stage_columns(problem, classes)
    node = np.array([own.node for own in problem.options], dtype=np.int64)[option]
    forward, backward, update, compute_joules = compute_costs(problem, option, first, stop)
    memory, max_depth = stage_memory_bytes(problem, node, first, stop)
    fits = max_depth >= np.where(stop < problem.layer_count, 2, 1)
    option, node, first, stop, max_depth = (array[fits] for array in (option, node, first, stop, max_depth))
    forward, backward, update, compute_joules, memory = (
        array[fits] for array in (forward, backward, update, compute_joules, memory)
    )
    cut, sender, receiver = hand_over_columns(problem, classes, node, first, stop)
    size = len(option) + len(cut)
    costs = SendingCosts(problem, size)
    stages = np.arange(len(option))
    costs.forward_s[stages] = forward
    costs.backward_s[stages] = backward
    costs.busy_forward.append((stages, node, forward))
    costs.busy_backward.append((stages, node, backward))
    costs.node_joules.append((stages, node, compute_joules))
    _price_ends(costs, problem, node, first, stop)
    payloads, decodes = problem.payloads, problem.decode_passes
    columns = np.arange(len(option), size)
    other = np.where(sender == receiver, classes.second[receiver], receiver)
    costs.send(payloads.forward, cut, columns, (sender, other))
    costs.send(payloads.decode, cut, columns, (sender, other), times=decodes)
    costs.send(payloads.backward, cut, columns, (other, sender), backward=True)
    node_joules = Entries.gather(costs.node_joules)
    weighted = node_joules.value * problem.energy_weight[node_joules.row]
    joules = np.zeros(size) + np.bincount(node_joules.column, weights=weighted, minlength=size)
    return StageGraph(
        problem=problem, option=option, node=node, first=first, stop=stop, compute_forward_s=forward,
        compute_backward_s=backward, update_s=update, memory_bytes=memory, max_depth=max_depth, cut=cut, sender=sender,
        receiver=receiver, forward_s=costs.forward_s, backward_s=costs.backward_s, joules=joules,
        busy_forward=Entries.gather(costs.busy_forward), busy_backward=Entries.gather(costs.busy_backward),
        node_joules=node_joules,
        classes=classes, order=middle_order(problem),
        deepest_pairs=deepest_pairs(problem),
    )  # fmt: skip


def _price_ends(costs: SendingCosts, problem: Problem, node: IntArray, first: IntArray, stop: IntArray) -> None:
    """Input to the stages that begin the model; results from, and labels to, those that end it."""
    payloads = problem.payloads
    begins, ends = np.flatnonzero(first == 0), np.flatnonzero(stop == problem.layer_count)
    there, back = (np.full(len(columns), problem.source) for columns in (begins, ends))
    only = np.zeros(len(node), dtype=np.int64)
    costs.send([payloads.input], only[begins], begins, (there, node[begins]))
    costs.send([payloads.result], only[ends], ends, (node[ends], back), times=1 + problem.decode_passes)
    costs.send([payloads.label], only[ends], ends, (back, node[ends]), counts_for_latency=False)
