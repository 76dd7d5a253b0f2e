"""The paces of the stage graph's columns, by which no replay of a 1f1b plan that uses them can be faster."""

from __future__ import annotations

import numpy as np

from placement.replay_bound import deepest_place, hidden_shares
from placement.routes import FloatArray
from placement.stage_graph import Entries, StageGraph


def paces_s(graph: StageGraph) -> FloatArray:
    """(C,): what a column makes of the pace of `placement.replay_bound`: every further micro-batch takes as long."""
    problem = graph.problem
    hidden = hidden_shares(problem)
    forward, backward = graph.compute_forward_s, graph.compute_backward_s
    share = hidden[deepest_place(problem, graph.first, graph.stop)]
    stages = forward + backward - share * np.minimum(forward, backward)
    share = hidden[deepest_place(problem, np.zeros_like(graph.cut), graph.cut)]
    return np.concatenate([stages, _hops(graph, share)])


def _hops(graph: StageGraph, share: FloatArray) -> FloatArray:
    """(H,): over resources, the longest hop forwards and the longest backwards, less what is hidden."""
    rows = graph.problem.resource_count
    parts = [_of_hand_overs(graph, entries) for entries in (graph.busy_forward, graph.busy_backward)]
    keys = np.unique(np.concatenate([h * rows + row for h, row, _ in parts]))
    longest = np.zeros((2, len(keys)))
    for side, (hand_over, row, value) in zip(longest, parts, strict=True):
        np.maximum.at(side, np.searchsorted(keys, hand_over * rows + row), value)
    hand_over = keys // rows
    pace = np.zeros(graph.hand_over_count)
    np.maximum.at(pace, hand_over, longest.sum(axis=0) - share[hand_over] * longest.min(axis=0))
    return pace


def _of_hand_overs(graph: StageGraph, entries: Entries) -> tuple[np.ndarray, np.ndarray, FloatArray]:
    """(hand-over, resource, seconds) of the hops."""
    own = entries.column >= graph.stage_count
    return entries.column[own] - graph.stage_count, entries.row[own], entries.value[own]
