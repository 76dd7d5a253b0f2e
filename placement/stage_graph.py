"""The stage graph: one structure for every backend.

Vertices are (cut j, node n). A stage column runs layers first..stop as one stage on an option; a hand-over column
passes a micro-batch from one node to another at a cut. A plan is a path of alternating stage and hand-over columns from
cut 0 to cut L that uses each node at most once (the source may hold the first and the last stage). Memory, privacy,
pins and missing routes delete columns, so they never become rows. What is sent before the first stage (input) and after
the last (results, labels) is priced on the stage columns at the two ends.

Columns c = 0..C-1: the stages first, then the hand-overs. All costs are linear in the columns:
    forward_s, backward_s   contribution to F and B (inference: F of the whole request)
    joules                  weighted energy per request or iteration, idle power apart
    busy_forward, busy_backward, node_joules   sparse (column, resource or node, value)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from placement.column_costs import IntArray, SendingCosts, compute_costs, stage_memory_bytes
from placement.problem import PlacedStage, Placement, Problem
from placement.routes import FloatArray

BoolArray = NDArray[np.bool_]


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

    @property
    def stage_count(self) -> int:
        """A."""
        return len(self.option)

    @property
    def hand_over_count(self) -> int:
        """H."""
        return len(self.cut)

    def placement(self, stages: Iterable[int]) -> Placement:
        """The placement that chosen stage columns make."""
        chosen = sorted(stages, key=lambda a: int(self.first[a]))
        return tuple(PlacedStage(int(self.option[a]), int(self.first[a]), int(self.stop[a])) for a in chosen)

    def columns_of(self, placement: Placement) -> list[int] | None:
        """The columns that a placement uses; None where one of them is not in the graph."""
        keys = zip(self.option.tolist(), self.first.tolist(), self.stop.tolist(), strict=True)
        stages = {key: a for a, key in enumerate(keys)}
        hand_overs = {
            key: self.stage_count + h
            for h, key in enumerate(zip(self.cut.tolist(), self.sender.tolist(), self.receiver.tolist(), strict=True))
        }
        nodes = [self.problem.node_of(stage) for stage in placement]
        columns = [stages.get((stage.option, stage.first, stage.stop)) for stage in placement]
        columns += [
            hand_overs.get((stage.stop, n, m)) for stage, n, m in zip(placement, nodes, nodes[1:], strict=False)
        ]
        return None if None in columns else [c for c in columns if c is not None]

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


def build_stage_graph(problem: Problem) -> StageGraph:
    """All stages that fit some node and all hand-overs that have a route, with what they cost."""
    option, first, stop = _stage_columns(problem)
    node = np.array([problem.options[o].node for o in option], dtype=np.int64)
    forward, backward, update, compute_joules = compute_costs(problem, option, first, stop)
    memory, max_depth = stage_memory_bytes(problem, node, first, stop)
    fits = max_depth >= np.where(stop < problem.layer_count, 2, 1)
    option, node, first, stop, max_depth = (array[fits] for array in (option, node, first, stop, max_depth))
    forward, backward, update, compute_joules, memory = (
        array[fits] for array in (forward, backward, update, compute_joules, memory)
    )
    cut, sender, receiver = _hand_over_columns(problem, node, first, stop)
    size = len(option) + len(cut)
    costs = SendingCosts(problem, size)
    stages = np.arange(len(option))
    costs.forward_s[stages] = forward
    costs.backward_s[stages] = backward
    costs.busy_forward.append((stages, node, forward))
    costs.busy_backward.append((stages, node, backward))
    costs.node_joules.append((stages, node, compute_joules))
    payloads, source = problem.payloads, np.full(len(option), problem.source)
    begins, ends = stages[first == 0], stages[stop == problem.layer_count]
    costs.send(payloads.input, begins, source[begins], node[begins])
    costs.send(payloads.result, ends, node[ends], source[ends], times=1 + problem.decode_passes)
    costs.send(payloads.label, ends, source[ends], node[ends], counts_for_latency=False)
    for j in range(1, problem.layer_count):
        here = np.flatnonzero(cut == j)
        columns = len(option) + here
        costs.send(payloads.forward[j], columns, sender[here], receiver[here])
        costs.send(payloads.decode[j], columns, sender[here], receiver[here], times=problem.decode_passes)
        costs.send(payloads.backward[j], columns, receiver[here], sender[here], backward=True)
    node_joules = Entries.gather(costs.node_joules)
    joules = np.zeros(size)
    np.add.at(joules, node_joules.column, node_joules.value * problem.energy_weight[node_joules.row])
    return StageGraph(
        problem=problem, option=option, node=node, first=first, stop=stop, compute_forward_s=forward,
        compute_backward_s=backward, update_s=update, memory_bytes=memory, max_depth=max_depth, cut=cut, sender=sender,
        receiver=receiver, forward_s=costs.forward_s, backward_s=costs.backward_s, joules=joules,
        busy_forward=Entries.gather(costs.busy_forward), busy_backward=Entries.gather(costs.busy_backward),
        node_joules=node_joules,
    )  # fmt: skip


def _stage_columns(problem: Problem) -> tuple[IntArray, IntArray, IntArray]:
    """(option, first, stop) of every run of layers that a node may run, where input and results have a route."""
    layers, source = problem.layer_count, problem.source
    payloads = problem.payloads
    columns: list[tuple[int, int, int]] = []
    for o, option in enumerate(problem.options):
        n = option.node
        may_begin = payloads.input.route(source, n) is not None
        may_end = all(
            table is None or table.route(*trip) is not None
            for table, trip in ((payloads.result, (n, source)), (payloads.label, (source, n)))
        )
        allowed = problem.allowed[n]
        for first in range(layers):
            if first == 0 and not may_begin:
                continue
            for stop in range(first + 1, layers + 1):
                if not allowed[stop - 1]:
                    break
                if stop == layers and not may_end:
                    break
                between = n == source and problem.head_layers > 0 and first > 0 and stop < layers
                if not between:
                    columns.append((o, first, stop))
    option_index, first_index, stop_index = zip(*columns, strict=True) if columns else ((), (), ())
    return (
        np.array(option_index, dtype=np.int64),
        np.array(first_index, dtype=np.int64),
        np.array(stop_index, dtype=np.int64),
    )


def _hand_over_columns(
    problem: Problem, node: IntArray, first: IntArray, stop: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """(cut, sender, receiver) wherever a stage can end and another begin, with routes for what crosses."""
    payloads = problem.payloads
    parts = []
    for j in range(1, problem.layer_count):
        ends, begins = np.unique(node[stop == j]), np.unique(node[first == j])
        forward, backward = payloads.forward[j], payloads.backward[j]
        assert forward is not None
        open_pair = np.isfinite(forward.seconds)
        begins = begins[problem.receives[begins, j]]
        if backward is not None:
            open_pair &= np.isfinite(backward.seconds).T
            ends = ends[problem.receives[ends, j]]
        np.fill_diagonal(open_pair, val=False)
        sender, receiver = np.nonzero(open_pair[np.ix_(ends, begins)])
        parts.append((np.full(len(sender), j), ends[sender], begins[receiver]))
    empty = np.empty(0, dtype=np.int64)
    cut, sender, receiver = (np.concatenate(arrays) for arrays in zip((empty, empty, empty), *parts, strict=True))
    return cut, sender, receiver
