"""What the columns of the stage graph cost: computing, memory by depth, and whatever is sent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placement.constraints import MEMORY_TOLERANCE
from placement.problem import Problem
from placement.routes import FloatArray, RouteTable

IntArray = NDArray[np.int64]
Triples = tuple[IntArray, IntArray, FloatArray]
"""(pair, resource or node, value), sorted by pair."""
_EMPTY: Triples = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))


class SendingCosts:
    """Collects what the columns cost while the graph is built."""

    def __init__(self, problem: Problem, size: int) -> None:
        self._problem = problem
        self._pairs: dict[int, _PairCosts] = {}
        self._per_byte = _PairCosts.per_byte(problem)
        self.forward_s = np.zeros(size)
        self.backward_s = np.zeros(size)
        self.busy_forward: list[tuple[IntArray, IntArray, FloatArray]] = []
        self.busy_backward: list[tuple[IntArray, IntArray, FloatArray]] = []
        self.node_joules: list[tuple[IntArray, IntArray, FloatArray]] = []

    def send(
        self,
        table: RouteTable | None,
        columns: IntArray,
        sender: IntArray,
        receiver: IntArray,
        *,
        times: int = 1,
        backward: bool = False,
        counts_for_latency: bool = True,
    ) -> None:
        """Price one payload on the given columns, from `sender` to `receiver` each."""
        if table is None or times == 0 or not len(columns):
            return
        if counts_for_latency:
            (self.backward_s if backward else self.forward_s)[columns] += times * table.seconds[sender, receiver]
        if id(table) not in self._pairs:
            self._pairs[id(table)] = _PairCosts.of(self._problem, table, self._per_byte)
        pairs = self._pairs[id(table)]
        pair = sender * self._problem.node_count + receiver
        busy = self.busy_backward if backward else self.busy_forward
        busy.append(_spread(columns, pair, pairs.occupied, times))
        self.node_joules.append(_spread(columns, pair, pairs.joules, times * self._problem.repetitions))


@dataclass(frozen=True)
class _PairCosts:
    """Per ordered pair (sender * N + receiver), sorted: what a payload occupies and how many joules it costs."""

    occupied: Triples
    joules: Triples

    @staticmethod
    def of(problem: Problem, table: RouteTable, per_byte: _PairCosts) -> _PairCosts:
        """Direct links cost in proportion to the payload; routes through relays are priced hop by hop."""
        occupied: list[tuple[int, int, float]] = []
        joules: list[tuple[int, int, float]] = []
        for (n, m), route in table.hops.items():
            pair = n * problem.node_count + m
            occupied += [(pair, r, s) for r, s in problem.occupancy(table, route)]
            joules += [(pair, node, j) for node, j in problem.joules(table, route)]
        return _PairCosts(
            _merged(per_byte.occupied, table.payload_bytes, occupied),
            _merged(per_byte.joules, table.payload_bytes, joules),
        )

    @staticmethod
    def per_byte(problem: Problem) -> _PairCosts:
        """Of one byte over every direct link."""
        count = problem.node_count
        occupied: list[tuple[int, int, float]] = []
        joules: list[tuple[int, int, float]] = []
        byte = RouteTable(1.0, problem.network, np.empty((0, 0)), {})
        for link in problem.network.links:
            pair = link.source * count + link.target
            occupied += [(pair, r, s) for r, s in problem.occupancy(byte, (link,))]
            joules += [(pair, node, j) for node, j in problem.joules(byte, (link,))]
        return _PairCosts(_merged(_EMPTY, 0.0, occupied), _merged(_EMPTY, 0.0, joules))


def _merged(per_byte: Triples, payload_bytes: float, more: list[tuple[int, int, float]]) -> Triples:
    """Per-byte entries times the payload, with more entries, sorted by pair."""
    pair, row, value = per_byte
    if not more:
        return pair, row, value * payload_bytes
    extra = list(zip(*more, strict=True))
    pair = np.concatenate([pair, np.array(extra[0], dtype=np.int64)])
    order = np.argsort(pair, kind="stable")
    rows = np.concatenate([row, np.array(extra[1], dtype=np.int64)])
    values = np.concatenate([value * payload_bytes, np.array(extra[2])])
    return pair[order], rows[order], values[order]


def _spread(
    columns: IntArray, pair: IntArray, costs: tuple[IntArray, IntArray, FloatArray], times: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """The entries of each column's pair: (column, row, times x value)."""
    pairs, rows, values = costs
    begin, end = np.searchsorted(pairs, pair, side="left"), np.searchsorted(pairs, pair, side="right")
    length = end - begin
    offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    index = np.repeat(begin, length) + offset
    return np.repeat(columns, length), rows[index], times * values[index]


def _prefix(values: FloatArray) -> FloatArray:
    """Prefix sums along the last axis, with a leading 0."""
    return np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1)


def compute_costs(
    problem: Problem, option: IntArray, first: IntArray, stop: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Forward (inference: whole request), backward and update seconds, and joules above idle, per stage column."""

    def run(table: FloatArray) -> FloatArray:
        sums = _prefix(table)
        return sums[option, stop] - sums[option, first]

    forward = run(problem.forward_s)
    backward = update = np.zeros(len(option))
    if problem.training:
        backward, update = run(problem.backward_s), run(problem.update_s)
    elif problem.decode_passes:
        forward = forward + problem.decode_passes * run(problem.decode_s)
    above_idle = np.array([o.busy_power_w - o.idle_power_w for o in problem.options])
    return forward, backward, update, above_idle[option] * (problem.repetitions * (forward + backward) + update)


def stage_memory_bytes(
    problem: Problem, node: IntArray, first: IntArray, stop: IntArray
) -> tuple[FloatArray, IntArray]:
    """Bytes at the shallowest place (1 where the stage ends the model, else 2), and the deepest place that fits."""
    sizes = problem.bytes
    static, activations = _prefix(sizes.static), _prefix(sizes.activations)
    largest = np.zeros((problem.layer_count, problem.layer_count + 1))
    for i in range(problem.layer_count):
        largest[i, i + 1 :] = np.maximum.accumulate(sizes.workspace[i:])
    fixed = static[stop] - static[first] + largest[first, stop]
    kept = activations[stop] - activations[first]
    shallowest = np.where(stop < problem.layer_count, 2, 1)
    in_flight = np.array([problem.in_flight(depth) for depth in range(problem.max_stages + 2)])
    capacity = problem.memory_bytes[node] * (1 + MEMORY_TOLERANCE)
    deepest = np.zeros(len(node), dtype=np.int64)
    for depth in range(1, problem.max_stages + 2):
        deepest[fixed + kept * in_flight[depth] <= capacity] = depth
    return fixed + kept * in_flight[np.minimum(shallowest, len(in_flight) - 1)], deepest


def deepest_pair(problem: Problem, stop: int, first: int) -> int:
    """Most stages of a plan whose source runs layers 0..stop and first..L; 0 where the two never fit together."""
    sizes = problem.bytes
    layers = np.r_[0:stop, first : problem.layer_count]
    if stop >= first:
        return 0
    fixed = float(sizes.static[layers].sum()) + float(sizes.workspace[layers].max())
    head = float(sizes.activations[:stop].sum())
    tail = float(sizes.activations[first:].sum()) * problem.in_flight(1)
    capacity = float(problem.memory_bytes[problem.source]) * (1 + MEMORY_TOLERANCE)
    fitting = [d for d in range(1, problem.max_stages + 1) if fixed + tail + head * problem.in_flight(d) <= capacity]
    return max(fitting, default=0)
