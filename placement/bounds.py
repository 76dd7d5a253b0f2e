"""Dynamic programming on the stage graph: cheapest and dearest paths, remembering the use of some nodes.

With a cost c per column and S the tracked nodes used so far, the cheapest way to arrive and to leave is
    arrive[j, m, S] = min over hand-overs (j, n -> m) of leave[j, n, S] + c
    leave[j, n, S + n] = min over stages (i, j, n) of arrive[i, n, S] + c,      n not in S where n is tracked,
from arrive[0, n, {}] = 0. Nodes that are not tracked may be used again, which makes the result a lower bound on every
plan's cost; with all nodes tracked it is the optimum. The source is never tracked, since it may hold both ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from placement.column_costs import IntArray
from placement.routes import FloatArray
from placement.stage_graph import BoolArray, StageGraph

Group = tuple[int, int, IntArray]
"""(cut, node, columns)."""


@dataclass(frozen=True)
class Tables:
    """(L + 1, N, 2^q) each: at the start of a stage at (cut, node), and at its end."""

    arriving: FloatArray
    leaving: FloatArray


@dataclass(frozen=True)
class Sweep:
    """The columns of a graph grouped by (cut, node), so that a dynamic programme takes one step per group."""

    graph: StageGraph
    tracked: tuple[int, ...] = ()
    """Nodes whose use is remembered, one bit each."""

    @cached_property
    def _ending(self) -> list[Group]:
        return _groups(self.graph.stop, self.graph.node)

    @cached_property
    def _beginning(self) -> list[Group]:
        return _groups(self.graph.first, self.graph.node)[::-1]

    @cached_property
    def _entering(self) -> list[Group]:
        return _groups(self.graph.cut, self.graph.receiver)

    @cached_property
    def _passing(self) -> list[Group]:
        return _groups(self.graph.cut, self.graph.sender)[::-1]

    @cached_property
    def _bit(self) -> IntArray:
        """(N,): the node's bit, 0 where it is not tracked."""
        bit = np.zeros(self.graph.problem.node_count, dtype=np.int64)
        for position, node in enumerate(self.tracked):
            bit[node] = 1 << position
        return bit

    @cached_property
    def _unused(self) -> list[IntArray]:
        """Per node, the sets that do not hold it."""
        sets = np.arange(1 << len(self.tracked))
        return [sets[(sets & bit) == 0] for bit in self._bit.tolist()]

    def _empty(self) -> FloatArray:
        problem = self.graph.problem
        return np.full((problem.layer_count + 1, problem.node_count, 1 << len(self.tracked)), np.inf)

    def sets_of(self, used: BoolArray) -> IntArray:
        """The tracked set of each row of (K, N) used nodes."""
        return used.astype(np.int64) @ self._bit

    def from_start(self, cost: FloatArray) -> Tables:
        """Cheapest path from cut 0 to every state."""
        graph = self.graph
        arrive, leave = self._empty(), self._empty()
        arrive[0, :, 0] = 0.0
        entering = iter(self._entering)
        group = next(entering, None)
        cut = 0
        for j, n, stages in [*self._ending, (graph.problem.layer_count + 1, 0, np.empty(0, dtype=np.int64))]:
            while j > cut and group is not None and group[0] < j:
                at, m, hand_overs = group
                passed = leave[at, graph.sender[hand_overs]] + cost[graph.stage_count + hand_overs, None]
                arrive[at, m] = passed.min(axis=0)
                group = next(entering, None)
            cut = j
            if len(stages):
                unused = self._unused[n]
                reached = (arrive[graph.first[stages], n] + cost[stages, None])[:, unused]
                leave[j, n, unused | self._bit[n]] = reached.min(axis=0)
        return Tables(arrive, leave)

    def to_end(self, cost: FloatArray) -> Tables:
        """Cheapest completion to cut L from every state, whose set is what the path has used so far."""
        graph, layers = self.graph, self.graph.problem.layer_count
        arriving, leaving = self._empty(), self._empty()
        leaving[layers] = 0.0
        passing = iter(self._passing)
        group = next(passing, None)
        for i, n, stages in [*self._beginning, (-1, 0, np.empty(0, dtype=np.int64))]:
            while group is not None and group[0] > i:
                at, m, hand_overs = group
                passed = arriving[at, graph.receiver[hand_overs]] + cost[graph.stage_count + hand_overs, None]
                leaving[at, m] = passed.min(axis=0)
                group = next(passing, None)
            if len(stages):
                unused = self._unused[n]
                completed = (leaving[graph.stop[stages], n] + cost[stages, None])[:, unused | self._bit[n]]
                arriving[i, n, unused] = completed.min(axis=0)
        return Tables(arriving, leaving)

    def backtrack(self, cost: FloatArray, tables: Tables) -> IntArray:
        """Columns of the cheapest path, from the tables of `from_start` under the same cost, last stage first."""
        graph = self.graph
        ending = {(j, n): columns for j, n, columns in self._ending}
        entering = {(j, n): columns for j, n, columns in self._entering}
        cut = graph.problem.layer_count
        node, used = np.unravel_index(tables.leaving[cut].argmin(), tables.leaving[cut].shape)
        path = []
        while True:
            stages = ending[cut, int(node)]
            used = int(used) & ~int(self._bit[node])
            best = stages[(tables.arriving[graph.first[stages], node, used] + cost[stages]).argmin()]
            path.append(int(best))
            cut = int(graph.first[best])
            if cut == 0:
                return np.array(path)
            hand_overs = entering[cut, int(node)]
            passed = tables.leaving[cut, graph.sender[hand_overs], used] + cost[graph.stage_count + hand_overs]
            best = hand_overs[passed.argmin()]
            path.append(graph.stage_count + int(best))
            node = graph.sender[best]

    def shortest(self, cost: FloatArray) -> float:
        """Cost of the cheapest path from cut 0 to cut L; infinite where none exists."""
        return float(self.from_start(cost).leaving[-1].min(initial=np.inf))

    def longest(self, cost: FloatArray) -> float:
        """Cost of the dearest path; minus infinity where none exists."""
        return -self.shortest(-cost)

    def through(self, cost: FloatArray, start: Tables, end: Tables) -> FloatArray:
        """Per column, the cost of the cheapest path through it, (C,)."""
        graph = self.graph
        stages = np.full(graph.stage_count, np.inf)
        for n in np.unique(graph.node).tolist():
            own, unused = np.flatnonzero(graph.node == n), self._unused[n]
            before = start.arriving[graph.first[own], n][:, unused]
            after = end.leaving[graph.stop[own], n][:, unused | self._bit[n]]
            stages[own] = (before + after).min(axis=1)
        passed = start.leaving[graph.cut, graph.sender] + end.arriving[graph.cut, graph.receiver]
        return np.concatenate([stages, passed.min(axis=1, initial=np.inf)]) + cost


def _groups(cut: IntArray, node: IntArray) -> list[Group]:
    """Columns by (cut, node), in ascending order."""
    order = np.lexsort((node, cut))
    edges = np.flatnonzero(np.diff(cut[order], prepend=-1) | np.diff(node[order], prepend=-1))
    return [
        (int(cut[part[0]]), int(node[part[0]]), part)
        for part in np.split(order, edges[1:])
        if len(part)
    ]  # fmt: skip


def most_reused(paths: Sequence[IntArray], graph: StageGraph, count: int) -> tuple[int, ...]:
    """Nodes that cheapest paths use more than once, most often first; at most `count`, never the source."""
    nodes = graph.problem.node_count
    extra = np.zeros(nodes)
    for path in paths:
        visits = np.bincount(graph.node[path[path < graph.stage_count]], minlength=nodes)
        extra += np.maximum(visits - 1, 0)
    extra[graph.problem.source] = 0
    order = np.argsort(-extra, kind="stable")
    return tuple(int(n) for n in order[:count] if extra[n] > 0)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Proven bounds on the latency of every plan in the graph, in s; None where the graph holds no path at all."""

    shortest_s: float
    longest_s: float


def time_range(graph: StageGraph) -> TimeRange | None:
    """Bounds by paths that may reuse nodes.

    Lower: F + B of the cheapest path. Upper: M times (F + B of the dearest path, and the busy time of labels, which F
    leaves out) plus its updates, since no resource is busy for longer than one traversal and its labels.
    """
    sweep = Sweep(graph)
    problem = graph.problem
    through = graph.forward_s + graph.backward_s
    shortest = sweep.shortest(through)
    if not np.isfinite(shortest):
        return None
    update = np.concatenate([graph.update_s, np.zeros(graph.hand_over_count)])
    dearest = sweep.longest(problem.repetitions * through + update)
    label = problem.payloads.label
    routes = [] if label is None else [label.route(problem.source, n) or () for n in range(problem.node_count)]
    labels = max((sum(label.busy_s(link) for link in route) for route in routes if label is not None), default=0.0)
    return TimeRange(shortest, dearest + problem.repetitions * labels)
