"""What the columns of the stage graph cost: computing, memory by depth, and whatever is sent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from placement.constraints import MEMORY_TOLERANCE
from placement.network import FloatArray, IntArray
from placement.problem import Problem
from placement.routes import RouteTable

__all__ = ["IntArray", "SendingCosts", "compute_costs", "deepest_pairs", "stage_memory_bytes"]

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
        network = self._problem.network
        payload = np.array([0.0 if table is None else table.payload_bytes for table in tables])[which]
        link = network.link_at[sender, receiver]
        direct = link >= 0
        seconds = np.empty(len(columns))
        seconds[direct] = network.wires.latency_s[link[direct]] + self._busy_s(payload[direct], link[direct])
        trip, link = np.flatnonzero(direct), link[direct]
        if not direct.all():
            far = np.flatnonzero(~direct)
            seconds[far], far_trip, far_link = _through_relays(tables, which[far], sender[far], receiver[far])
            trip, link = np.concatenate([trip, far[far_trip]]), np.concatenate([link, far_link])
        if counts_for_latency:
            (self.backward_s if backward else self.forward_s)[columns] += times * seconds
        self._occupy(payload[trip], columns[trip], link, times, self.busy_backward if backward else self.busy_forward)

    def _busy_s(self, payload: FloatArray, link: IntArray) -> FloatArray:
        busy_s: FloatArray = 8.0 * payload / self._problem.network.wires.bandwidth_bits_per_s[link]
        return busy_s

    def _occupy(self, payload: FloatArray, columns: IntArray, link: IntArray, times: int, busy: list[Triples]) -> None:
        """Hops over one link each: busy for its channel and those ends that do not overlap, joules at both ends."""
        problem, network = self._problem, self._problem.network
        wires = network.wires
        busy_s = self._busy_s(payload, link)
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
    tables: Sequence[RouteTable | None], which: IntArray, sender: IntArray, receiver: IntArray
) -> tuple[FloatArray, IntArray, IntArray]:
    """Seconds per trip, and its hops as (trip, link): trips from one sender with one payload are looked up at once."""
    seconds = np.empty(len(which))
    order = np.lexsort((sender, which))
    edges = np.flatnonzero(np.diff(which[order]) | np.diff(sender[order])) + 1
    trips, links = [], []
    for own in np.split(order, edges):
        table = tables[which[own[0]]]
        assert table is not None  # the caller has left those out
        source, targets = int(sender[own[0]]), receiver[own]
        seconds[own] = table.seconds_between(source, targets)
        trip, link = table.hops_through_relays(source, targets)
        trips.append(own[trip])
        links.append(link)
    return seconds, np.concatenate(trips), np.concatenate(links)


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


def deepest_pairs(problem: Problem) -> IntArray:
    """(L + 1, L + 1): most stages of a plan whose source runs layers 0..stop and first..L; 0 where both never fit."""
    layers, sizes = problem.layer_count, problem.bytes
    static, kept = _prefix(sizes.static), _prefix(sizes.activations)
    head_space = np.concatenate([[0.0], np.maximum.accumulate(sizes.workspace)])
    tail_space = np.concatenate([np.maximum.accumulate(sizes.workspace[::-1])[::-1], [0.0]])
    fixed = static[:, None] + (static[-1] - static) + np.maximum(head_space[:, None], tail_space)
    fixed += (kept[-1] - kept) * problem.in_flight(1)
    capacity = float(problem.memory_bytes[problem.source]) * (1 + MEMORY_TOLERANCE)
    in_flight = np.array([problem.in_flight(depth) for depth in range(1, problem.max_stages + 1)])
    deepest = np.zeros((layers + 1, layers + 1), dtype=np.int64)
    for depth in np.flatnonzero(np.diff(in_flight, append=-1)) + 1:
        deepest[fixed + kept[:, None] * in_flight[depth - 1] <= capacity] = depth
    places = np.arange(layers + 1)
    deepest[places[:, None] >= places] = 0
    return deepest
