"""Dynamic programming on the stage graph: cheapest and dearest paths when nodes may be used again.

With a cost c per column, the cheapest way to arrive is
    arrive[j, m] = min over hand-overs (j, n -> m) of leave[j, n] + c,      leave[j, n] = min over stages (i, j, n) of
    arrive[i, n] + c,
from arrive[0, n] = 0. Dropping "each node at most once" makes the result a lower bound on every plan's cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from placement.routes import FloatArray
from placement.stage_graph import IntArray, StageGraph


@dataclass(frozen=True)
class Sweep:
    """The columns of a graph grouped by cut, so that a dynamic programme takes one step per cut."""

    graph: StageGraph

    @cached_property
    def _by_stop(self) -> list[IntArray]:
        return _groups(self.graph.stop, self.graph.problem.layer_count)

    @cached_property
    def _by_first(self) -> list[IntArray]:
        return _groups(self.graph.first, self.graph.problem.layer_count)

    @cached_property
    def _by_cut(self) -> list[IntArray]:
        return _groups(self.graph.cut, self.graph.problem.layer_count)

    def from_start(self, cost: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Arrive and leave, (L + 1, N) each: cheapest path to the start, and to the end, of a stage at (cut, node)."""
        graph, problem = self.graph, self.graph.problem
        arrive = np.full((problem.layer_count + 1, problem.node_count), np.inf)
        leave = arrive.copy()
        arrive[0] = 0.0
        for j in range(1, problem.layer_count + 1):
            stages = self._by_stop[j]
            reached = arrive[graph.first[stages], graph.node[stages]] + cost[stages]
            np.minimum.at(leave[j], graph.node[stages], reached)
            hand_overs = self._by_cut[j]
            passed = leave[j, graph.sender[hand_overs]] + cost[graph.stage_count + hand_overs]
            np.minimum.at(arrive[j], graph.receiver[hand_overs], passed)
        return arrive, leave

    def to_end(self, cost: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Cheapest completion from the start of a stage at (cut, node), and from its end, (L + 1, N) each."""
        graph, problem = self.graph, self.graph.problem
        from_arrival = np.full((problem.layer_count + 1, problem.node_count), np.inf)
        from_leaving = from_arrival.copy()
        from_leaving[problem.layer_count] = 0.0
        for j in range(problem.layer_count - 1, -1, -1):
            stages = self._by_first[j]
            completed = from_leaving[graph.stop[stages], graph.node[stages]] + cost[stages]
            np.minimum.at(from_arrival[j], graph.node[stages], completed)
            hand_overs = self._by_cut[j]
            passed = from_arrival[j, graph.receiver[hand_overs]] + cost[graph.stage_count + hand_overs]
            np.minimum.at(from_leaving[j], graph.sender[hand_overs], passed)
        return from_arrival, from_leaving

    def shortest(self, cost: FloatArray) -> float:
        """Cost of the cheapest path from cut 0 to cut L; infinite where none exists."""
        _, leave = self.from_start(cost)
        return float(leave[-1].min(initial=np.inf))

    def longest(self, cost: FloatArray) -> float:
        """Cost of the dearest path; minus infinity where none exists."""
        return -self.shortest(-cost)

    def through(self, cost: FloatArray) -> FloatArray:
        """Per column, the cost of the cheapest path through it, (C,)."""
        graph = self.graph
        arrive, leave = self.from_start(cost)
        from_arrival, from_leaving = self.to_end(cost)
        stages = arrive[graph.first, graph.node] + from_leaving[graph.stop, graph.node]
        hand_overs = leave[graph.cut, graph.sender] + from_arrival[graph.cut, graph.receiver]
        return np.concatenate([stages, hand_overs]) + cost


def _groups(key: IntArray, layers: int) -> list[IntArray]:
    order = np.argsort(key, kind="stable")
    edges = np.searchsorted(key[order], np.arange(layers + 2))
    return [order[edges[j] : edges[j + 1]] for j in range(layers + 1)]


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
