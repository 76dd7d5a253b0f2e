"""What the columns of the stage graph cost: computing, memory by depth, and whatever is sent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from placement.constraints import MEMORY_TOLERANCE
from placement.network import FloatArray, IntArray
from placement.problem import Problem
from placement.routes import RouteTable

__all__ = ["IntArray", "SendingCosts", "compute_costs", "deepest_pair", "stage_memory_bytes"]

Triples = tuple[IntArray, IntArray, FloatArray]
"""(column, resource or node, value)."""


class SendingCosts:
    """Collects what the columns cost while the graph is built."""

    def __init__(self, problem: Problem, size: int) -> None:
        self._problem = problem
        self._mute = not problem.network.wires.transmit_power_w.any(), not problem.network.wires.receive_power_w.any()
        self.forward_s = np.zeros(size)
        self.backward_s = np.zeros(size)
        self.busy_forward: list[Triples] = []
        self.busy_backward: list[Triples] = []
        self.node_joules: list[Triples] = []

    def send(
        self,
        tables: Sequence[RouteTable | None],
        which: IntArray,
        columns: IntArray,
        ends: tuple[IntArray, IntArray],
        *,
        times: int = 1,
        backward: bool = False,
        counts_for_latency: bool = True,
    ) -> None:
        """Price the payload `tables[which]` on each column, from sender to receiver; None costs nothing."""
        sends = np.array([table is not None for table in tables], dtype=np.bool_)[which] & (ends[0] != ends[1])
        if times == 0 or not sends.any():
            return
        which, columns, sender, receiver = which[sends], columns[sends], ends[0][sends], ends[1][sends]
        link = self._problem.network.link_at[sender, receiver]
        direct = link >= 0
        total = (self.backward_s if backward else self.forward_s) if counts_for_latency else None
        payload = np.array([0.0 if table is None else table.payload_bytes for table in tables])[which]
        self._directly(payload[direct], columns[direct], link[direct], times, total, backward=backward)
        if not direct.all():
            far = ~direct
            trips = which[far], sender[far], receiver[far]
            self._through_relays(tables, columns[far], trips, times, total, backward=backward)

    def _directly(
        self, payload: FloatArray, columns: IntArray, link: IntArray, times: int, total: FloatArray | None, *,
        backward: bool,
    ) -> None:  # fmt: skip
        """Over one link each: busy 8 x / bandwidth, for its channel and those ends that do not overlap."""
        problem, network = self._problem, self._problem.network
        wires = network.wires
        busy_s = 8.0 * payload / wires.bandwidth_bits_per_s[link]
        if total is not None:
            total[columns] += times * (wires.latency_s[link] + busy_s)
        busy = self.busy_backward if backward else self.busy_forward
        busy.append((columns, problem.node_count + network.channel[link], times * busy_s))
        ends = wires.source[link], wires.target[link]
        powers = wires.transmit_power_w, wires.receive_power_w
        for end, power, mute in zip(ends, powers, self._mute, strict=True):
            blocked = ~problem.overlaps[end]
            if blocked.any():
                busy.append((columns[blocked], end[blocked], times * busy_s[blocked]))
            if not mute:
                self.node_joules.append((columns, end, times * problem.repetitions * (power[link] * busy_s)))

    def _through_relays(
        self,
        tables: Sequence[RouteTable | None],
        columns: IntArray,
        trips: tuple[IntArray, IntArray, IntArray],
        times: int,
        total: FloatArray | None,
        *,
        backward: bool,
    ) -> None:
        """Hop by hop, each trip (table, sender, receiver) once for all its columns."""
        problem, count = self._problem, self._problem.node_count
        key = (trips[0] * count + trips[1]) * count + trips[2]
        distinct, trip = np.unique(key, return_inverse=True)
        occupied: list[tuple[int, int, float]] = []
        joules: list[tuple[int, int, float]] = []
        parts = (distinct // count**2, distinct // count % count, distinct % count)
        for t, (which, n, m) in enumerate(zip(*(part.tolist() for part in parts), strict=True)):
            table = tables[which]
            assert table is not None  # the caller has left those out
            route = table.route(n, m)
            assert route is not None  # columns without a route do not exist
            occupied += [(t, r, times * s) for r, s in problem.occupancy(table, route)]
            joules += [(t, node, times * problem.repetitions * j) for node, j in problem.joules(table, route)]
        (self.busy_backward if backward else self.busy_forward).append(_spread(columns, trip, occupied))
        self.node_joules.append(_spread(columns, trip, joules))
        if total is not None:
            for which in np.unique(trips[0]).tolist():
                own, table = trips[0] == which, tables[which]
                assert table is not None
                total[columns[own]] += times * table.seconds_between(trips[1][own], trips[2][own])


def _spread(columns: IntArray, trip: IntArray, entries: list[tuple[int, int, float]]) -> Triples:
    """The entries of each column's trip; `entries` are sorted by trip."""
    trips, rows, values = (np.array(part) for part in zip(*entries, strict=True))
    begin, end = np.searchsorted(trips, trip, side="left"), np.searchsorted(trips, trip, side="right")
    length = end - begin
    offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    index = np.repeat(begin, length) + offset
    return np.repeat(columns, length), rows[index], values[index]


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
    layers = np.arange(problem.layer_count)
    largest = np.maximum.accumulate(np.where(layers >= layers[:, None], sizes.workspace, 0.0), axis=1)
    fixed = static[stop] - static[first] + largest[first, stop - 1]
    kept = activations[stop] - activations[first]
    shallowest = np.where(stop < problem.layer_count, 2, 1)
    in_flight = np.array([problem.in_flight(depth) for depth in range(problem.max_stages + 2)])
    capacity = problem.memory_bytes[node] * (1 + MEMORY_TOLERANCE)
    deepest = np.zeros(len(node), dtype=np.int64)
    for depth in np.flatnonzero(np.diff(in_flight[1:], append=-1)) + 1:
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
