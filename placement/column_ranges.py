"""Which columns the stage graph has: runs of layers that fit a node, and hand-overs that have a route."""

from __future__ import annotations

import numpy as np

from placement.network import IntArray
from placement.problem import Problem
from placement.symmetry import Classes

MOST_AT_ONCE = 1 << 20
"""Pairs of nodes, over several cuts, that are looked at together: bounds the memory that this takes."""
PREFILTER_SLACK = 1e-6
"""More than the memory tolerance and what prefix sums may round: the filter itself follows."""


def stage_columns(problem: Problem, classes: Classes) -> tuple[IntArray, IntArray, IntArray]:
    """(option, first, stop) of every run of layers that a node may run, where input and results have a route.

    Runs whose weights and activations alone overfill the node are left out at once.
    """
    layers, source = problem.layer_count, problem.source
    connected = problem.network.connected
    may_begin, may_end = connected[source], np.ones(problem.node_count, dtype=np.bool_)
    if problem.payloads.result is not None:
        may_end &= connected[:, source]
    if problem.payloads.label is not None:
        may_end &= connected[source]
    node = np.array([option.node for option in problem.options], dtype=np.int64)
    furthest = np.minimum(_allowed_until(problem), _filled_until(problem))[node]
    furthest -= (furthest == layers) & ~may_end[node, None]
    furthest[~may_begin[node], 0] = 0
    furthest[classes.capacity[node] == 0] = 0
    count = np.maximum(furthest - np.arange(layers), 0).ravel()
    row = np.repeat(np.arange(len(count)), count)
    option, first = row // layers, row % layers
    stop = first + 1 + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    if problem.head_layers > 0:
        middle = (node[option] == source) & (first > 0) & (stop < layers)
        option, first, stop = option[~middle], first[~middle], stop[~middle]
    return option, first, stop


def _allowed_until(problem: Problem) -> IntArray:
    """(N, L): the furthest stop of a run from each first layer that the node may run; the layer itself if none."""
    layers = np.arange(problem.layer_count)
    refused = np.where(problem.allowed, problem.layer_count, layers)
    until: IntArray = np.minimum.accumulate(refused[:, ::-1], axis=1)[:, ::-1]
    return until


def _filled_until(problem: Problem) -> IntArray:
    """(N, L): a stop from each first layer behind which the node certainly overflows."""
    held = problem.bytes.static + problem.in_flight(1) * problem.bytes.activations
    sums = np.concatenate([[0.0], np.cumsum(held)])
    room = sums[:-1] + problem.memory_bytes[:, None] * (1 + PREFILTER_SLACK)
    until: IntArray = np.searchsorted(sums, room + PREFILTER_SLACK * sums[-1], side="right") - 1
    return until


def hand_over_columns(
    problem: Problem, classes: Classes, node: IntArray, first: IntArray, stop: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """(cut, sender, receiver) wherever a stage can end and another begin, with routes for what crosses."""
    nodes, layers = problem.node_count, problem.layer_count
    ends, begins = (np.zeros((layers + 1, nodes), dtype=np.bool_) for _ in range(2))
    ends[stop, node] = True
    begins[first, node] = True
    begins &= problem.receives.T
    forth = problem.network.connected.copy()
    np.fill_diagonal(forth, forth[np.arange(nodes), classes.second] & (classes.capacity > 1))
    gradient = np.array([table is not None for table in problem.payloads.backward])
    ends &= ~gradient[:, None] | problem.receives.T
    ends[[0, layers]] = False
    present = np.flatnonzero(ends.any(axis=0) | begins.any(axis=0))
    ends, begins = ends[:, present], begins[:, present]
    ways = np.stack([(forth & forth.T)[np.ix_(present, present)], forth[np.ix_(present, present)]])
    parts = [np.empty((3, 0), dtype=np.int64)]
    at_once = max(1, MOST_AT_ONCE // max(1, len(present)) ** 2)
    for j in range(0, layers + 1, at_once):
        some = slice(j, j + at_once)
        open_ways = ends[some, :, None] & begins[some, None, :] & ways[np.where(gradient[some], 0, 1)]
        cut, sender, receiver = np.nonzero(open_ways)
        parts.append(np.stack([cut + j, present[sender], present[receiver]]))
    cut, sender, receiver = np.concatenate(parts, axis=1)
    return cut, sender, receiver
