"""A beam over the stage graph: good plans soon, guided by the priced cost to complete.

States stand behind a stage that ends at (cut, node), with the nodes they have used. Cut by cut, the best `width` states
by priced cost so far + priced completion are kept and extended by every hand-over to an unused node and every stage
there.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from placement.column_costs import IntArray
from placement.lagrangian import Relaxed
from placement.problem import Placement
from placement.routes import FloatArray
from placement.stage_graph import BoolArray, StageGraph


@dataclass(frozen=True)
class _States:
    """Partial plans that end at one cut."""

    node: IntArray
    used: BoolArray
    """(K, N)."""
    from_source: BoolArray
    """Whether the first stage is on the source: only then may the source hold the last one too."""
    cost: FloatArray
    stage: IntArray
    """The stage column behind which the state stands."""
    parent: IntArray
    """Index into all states kept so far; -1 for first stages."""

    def chosen(self, index: IntArray) -> _States:
        return _States(*(getattr(self, part.name)[index] for part in fields(self)))


def beam(graph: StageGraph, relaxed: Relaxed, width: int) -> list[Placement]:
    """Complete plans, most promising first; they keep the path rules, but not yet the limits on figures."""
    problem = graph.problem
    layers, count = problem.layer_count, problem.node_count
    begins, hand_overs = _Rows.of(graph.first * count + graph.node), _Rows.of(graph.cut * count + graph.sender)
    waiting: list[list[_States]] = [[] for _ in range(layers + 1)]
    first = np.flatnonzero(graph.first == 0)
    used = np.zeros((len(first), count), dtype=np.bool_)
    used[np.arange(len(first)), graph.node[first]] = True
    node = graph.node[first]
    start = _States(node, used, node == problem.source, relaxed.cost[first], first, np.full(len(first), -1))
    _file(graph, start, waiting)
    kept_stage: list[IntArray] = []
    kept_parent: list[IntArray] = []
    kept = 0
    for cut in range(1, layers + 1):
        if not waiting[cut]:
            continue
        states = _best(_joined(waiting[cut]), relaxed, cut, width)
        kept_stage.append(states.stage)
        kept_parent.append(states.parent)
        numbers = kept + np.arange(len(states.stage))
        kept += len(states.stage)
        if cut < layers:
            _file(graph, _extended(graph, relaxed, states, numbers, cut, begins, hand_overs), waiting)
        else:
            return _plans(graph, np.concatenate(kept_stage), np.concatenate(kept_parent), numbers)
    return []


@dataclass(frozen=True)
class _Rows:
    """Column indices sorted by a key, to look up all columns of a key at once."""

    order: IntArray
    keys: IntArray

    @staticmethod
    def of(key: IntArray) -> _Rows:
        order = np.argsort(key, kind="stable")
        return _Rows(order, key[order])

    def expand(self, wanted: IntArray) -> tuple[IntArray, IntArray]:
        """(position in `wanted`, column) for every column of every wanted key."""
        begin, end = np.searchsorted(self.keys, wanted, "left"), np.searchsorted(self.keys, wanted, "right")
        length = end - begin
        offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        return np.repeat(np.arange(len(wanted)), length), self.order[np.repeat(begin, length) + offset]


def _extended(
    graph: StageGraph, relaxed: Relaxed, states: _States, numbers: IntArray, cut: int, begins: _Rows, passes: _Rows
) -> _States:
    problem = graph.problem
    count, source = problem.node_count, problem.source
    state, hand_over = passes.expand(cut * count + states.node)
    receiver = graph.receiver[hand_over]
    back_home = (receiver == source) & states.from_source[state]
    fresh = ~states.used[state, receiver] | back_home
    state, hand_over, receiver = state[fresh], hand_over[fresh], receiver[fresh]
    passed = states.cost[state] + relaxed.cost[graph.stage_count + hand_over]
    which, stage = begins.expand(cut * count + receiver)
    state, passed, receiver = state[which], passed[which], receiver[which]
    home = (receiver == source) & states.used[state, source]
    legal = ~home | (graph.stop[stage] == problem.layer_count)
    state, passed, receiver, stage = state[legal], passed[legal], receiver[legal], stage[legal]
    used = states.used[state].copy()
    used[np.arange(len(state)), receiver] = True
    return _States(receiver, used, states.from_source[state], passed + relaxed.cost[stage], stage, numbers[state])


def _file(graph: StageGraph, states: _States, waiting: list[list[_States]]) -> None:
    """Put states into the queue of the cut at which they end."""
    stop = graph.stop[states.stage]
    for cut in np.unique(stop):
        waiting[int(cut)].append(states.chosen(np.flatnonzero(stop == cut)))


def _joined(parts: list[_States]) -> _States:
    return _States(*(np.concatenate([getattr(part, name.name) for part in parts]) for name in fields(_States)))


def _best(states: _States, relaxed: Relaxed, cut: int, width: int) -> _States:
    """The `width` most promising states, one per node, set of used nodes, and beginning on the source or not."""
    promise = states.cost + relaxed.completion[cut, states.node, relaxed.sweep.sets_of(states.used)]
    order = np.argsort(promise, kind="stable")
    order = order[np.isfinite(promise[order])][: 4 * width]
    seen: set[tuple[int, bytes, bool]] = set()
    chosen = []
    for index in order.tolist():
        key = (int(states.node[index]), states.used[index].tobytes(), bool(states.from_source[index]))
        if key not in seen:
            seen.add(key)
            chosen.append(index)
            if len(chosen) == width:
                break
    return states.chosen(np.array(chosen, dtype=np.int64))


def _plans(graph: StageGraph, stage: IntArray, parent: IntArray, ends: IntArray) -> list[Placement]:
    plans = []
    for end in ends.tolist():
        columns = []
        state = end
        while state >= 0:
            columns.append(int(stage[state]))
            state = int(parent[state])
        plans.append(graph.placement(columns))
    return plans
