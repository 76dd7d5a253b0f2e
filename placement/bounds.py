"""Dynamic programming on the stage graph: cheapest walks, and what a walk may forget.

A walk is a path that may use a node again once it has forgotten it: after handing over to m it remembers, of the nodes
that it remembered and of the one that it leaves, those in the neighbourhood of m (ng-routes). Every plan is a walk, so
the cheapest walk is a lower bound on every plan's cost; with all nodes in all neighbourhoods walks are plans. The
source is never remembered, since it may hold both ends, nor are nodes that stand for several interchangeable ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from placement.column_costs import IntArray
from placement.grouping import cells_of
from placement.kernels.sweeps import (
    Alive,
    BoolArray,
    Columns,
    Walks,
    alive_states,
    cheapest_through,
    cheapest_walk,
    follow_table,
    least_peak,
    sweep_backward,
    sweep_forward,
)
from placement.routes import FloatArray
from placement.stage_graph import StageGraph

Neighbourhoods = tuple[tuple[int, ...], ...]
"""Per node, the nodes that a walk standing there can remember."""


@dataclass(frozen=True)
class Tables:
    """(L + 1, S) each: before a stage that begins at the cut, and behind a stage that ends there, by state."""

    arriving: FloatArray
    leaving: FloatArray


@dataclass(frozen=True)
class Marks:
    """(L + 1, S) each: states that a walk worth following may pass, before a stage and behind one."""

    arriving: BoolArray
    leaving: BoolArray


@dataclass(frozen=True)
class Memory:
    """What walks remember, as arrays by cell."""

    near: Neighbourhoods
    cell_node: IntArray
    near_begin: IntArray
    near_nodes: IntArray
    walks: Walks

    @staticmethod
    def of(near: Neighbourhoods, graph: StageGraph) -> Memory:
        """States for given neighbourhoods of the nodes."""
        cell_node = cells_of(graph)
        by_cell = [near[n] for n in cell_node.tolist()]
        sizes = np.array([len(own) for own in by_cell], dtype=np.int64)
        begin = np.concatenate([[0], np.cumsum(sizes)])
        nodes = np.array([node for own in by_cell for node in own], dtype=np.int64)
        offset = np.concatenate([[0], np.cumsum(1 << sizes)])
        follow = follow_table(begin, nodes, offset, cell_node, capacity_of(graph))
        return Memory(near, cell_node, begin, nodes, Walks(offset, follow))

    @staticmethod
    def none(graph: StageGraph) -> Memory:
        """Walks that forget everything."""
        return Sweep.forgetful(graph).memory

    @staticmethod
    def all(graph: StageGraph) -> Memory:
        """Walks that forget nothing."""
        capacity, source = capacity_of(graph), graph.problem.source
        single = [n for n in np.unique(graph.node).tolist() if n != source and capacity[n] == 1]
        present = set(single)
        near = tuple(
            tuple(m for m in single if m != n) if n in present or n == source else ()
            for n in range(graph.problem.node_count)
        )
        return Memory.of(near, graph)


def capacity_of(graph: StageGraph) -> IntArray:
    """(N,): stages that a node may hold: one, or one for each of the interchangeable nodes that it stands for."""
    return graph.capacity


@dataclass(frozen=True)
class Sweep:
    """Cheapest walks of a graph under any costs per column."""

    graph: StageGraph
    memory: Memory
    marks: Marks | None = None
    """States to sweep; None: all."""

    @staticmethod
    def forgetful(graph: StageGraph) -> Sweep:
        """With walks that forget everything; looked for once, as every box begins with them."""
        known = graph.remembered
        if Sweep not in known:
            known[Sweep] = Sweep(graph, Memory.of(((),) * graph.problem.node_count, graph))
        sweep: Sweep = known[Sweep]
        return sweep

    @property
    def columns(self) -> Columns:
        """The graph's columns by cut and cell."""
        return self.graph.grouped

    @cached_property
    def alive(self) -> Alive:
        """The states to sweep."""
        marks = self.marks
        if marks is None:
            every = np.ones(self._shape, dtype=np.bool_)
            marks = Marks(every, every)
        return alive_states(self.columns, self.memory.walks, marks.arriving, marks.leaving)

    @property
    def work(self) -> float:
        """Columns times states that each leads through, on average."""
        return len(self.graph.joules) * len(self.memory.walks.follow) / len(self.memory.cell_node)

    @property
    def _shape(self) -> tuple[int, int]:
        return self.graph.problem.layer_count + 1, len(self.memory.walks.follow)

    def _empty(self) -> Tables:
        return Tables(np.empty(self._shape), np.empty(self._shape))

    def from_start(self, cost: FloatArray) -> Tables:
        """Cheapest walk from cut 0 to every state."""
        tables = self._empty()
        sweep_forward(self.columns, self.memory.walks, self.alive, cost, tables.arriving, tables.leaving)
        return tables

    def to_end(self, cost: FloatArray) -> Tables:
        """Cheapest completion to cut L from every state."""
        tables = self._empty()
        sweep_backward(self.columns, self.memory.walks, self.alive, cost, tables.arriving, tables.leaving)
        return tables

    def cheapest(self, cost: FloatArray, tables: Tables) -> IntArray | None:
        """Columns of the cheapest walk in order, from the tables of `to_end`; None where there is none."""
        into = np.empty(2 * self.graph.problem.layer_count + 1, dtype=np.int64)
        count = cheapest_walk(self.columns, self.memory.walks, cost, tables.arriving, tables.leaving, into)
        return None if count < 0 else into[:count]

    def shortest(self, cost: FloatArray) -> float:
        """Cost of the cheapest walk from cut 0 to cut L; infinite where none exists."""
        tables = self._empty()
        return sweep_backward(self.columns, self.memory.walks, self.alive, cost, tables.arriving, tables.leaving)

    def least_peak(self, peak: FloatArray) -> float:
        """Least value of the largest `peak` on any walk that forgets everything; infinite where none exists."""
        return least_peak(self.columns, Memory.none(self.graph).walks.follow, np.ascontiguousarray(peak))

    def longest(self, cost: FloatArray) -> float:
        """Cost of the dearest walk; minus infinity where none exists."""
        return -self.shortest(-cost)

    def through(self, cost: FloatArray, start: Tables, end: Tables) -> FloatArray:
        """Per column, the cost of the cheapest walk through it, (C,)."""
        return cheapest_through(
            self.columns, self.memory.walks, cost, start.arriving, start.leaving, end.arriving, end.leaving
        )


def projected(marks: Marks, memory: Memory, wider: Memory) -> Marks:
    """Marks for walks that remember more: a state is marked where any subset of what the narrower memory may keep is.

    Not just the largest subset: the narrower memory may have forgotten a node on the way that the wider one still has.
    """
    marks = Marks(_with_supersets(marks.arriving, memory), _with_supersets(marks.leaving, memory))
    index = np.empty(len(wider.walks.follow), dtype=np.int64)
    for c, node in enumerate(memory.cell_node.tolist()):
        own, more = memory.near[node], wider.near[node]
        sets = np.arange(1 << len(more))
        state = np.zeros_like(sets)
        for bit, other in enumerate(own):
            state |= (sets >> more.index(other) & 1) << bit
        index[wider.walks.offset[c] : wider.walks.offset[c + 1]] = memory.walks.offset[c] + state
    arriving, leaving = (np.ascontiguousarray(side[:, index]) for side in (marks.arriving, marks.leaving))
    return Marks(arriving, leaving)


def _with_supersets(marked: BoolArray, memory: Memory) -> BoolArray:
    """Mark every state of which a subset is marked."""
    marked = marked.copy()
    sizes = np.diff(memory.near_begin).tolist()
    for c, size in enumerate(sizes):
        states = np.arange(1 << size) + memory.walks.offset[c]
        for bit in range(size):
            holds = states[(np.arange(len(states)) >> bit & 1) == 1]
            marked[:, holds] |= marked[:, holds - (1 << bit)]
    return marked


def widened(memory: Memory, walks: Sequence[IntArray], graph: StageGraph, most: int) -> Memory:
    """Neighbourhoods that forbid the cycles met: a node used again is remembered by all nodes in between.

    most: largest neighbourhood; each member doubles the states of its node. Roberti & Mingozzi (2014) grow them so.
    """
    capacity, source = capacity_of(graph), graph.problem.source
    near = [list(own) for own in memory.near]
    for walk in walks:
        visited = graph.node[walk[walk < graph.stage_count]].tolist()
        last: dict[int, int] = {}
        for position, node in enumerate(visited):
            if node in last and node != source and capacity[node] == 1:
                between = visited[last[node] + 1 : position]
                if all(node in near[m] or len(near[m]) < most for m in between):
                    for m in between:
                        if node not in near[m]:
                            near[m].append(node)
            last[node] = position
    return Memory.of(tuple(tuple(own) for own in near), graph)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Proven bounds on the latency of every plan in the graph, in s; None where the graph holds no path at all."""

    shortest_s: float
    longest_s: float


def time_range(graph: StageGraph) -> TimeRange | None:
    """Bounds by walks that may reuse nodes.

    Lower: F + B of the cheapest walk. Upper: M times (F + B of the dearest walk, and the busy time of labels, which F
    leaves out) plus its updates, since no resource is busy for longer than one traversal and its labels.
    """
    sweep = Sweep.forgetful(graph)
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
