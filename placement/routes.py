"""Transfers: how long a payload takes between nodes, over which links.

Transfer of x bytes over link e takes latency_s + 8 x / bandwidth_bits_per_s, of which 8 x / bandwidth_bits_per_s
occupies the channel. Nodes without a direct link use the route of least time for that payload through relays, store and
forward: every hop takes its time and occupies its channel.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from placement.network import DirectedLink, FloatArray, IntArray, Network

__all__ = ["FloatArray", "RouteTable", "route_table"]


@dataclass(frozen=True)
class _Relayed:
    """Routes from one node through relays: seconds (N,), infinite without one, and the best way to each last relay."""

    seconds: FloatArray
    ways: tuple[tuple[int, ...], ...]
    """Nodes from the source to a relay, by length, then by nodes."""
    last: IntArray
    """(N,): the way that ends before the node."""


@dataclass(frozen=True, eq=False)
class RouteTable:
    """Transfers of one payload. Nothing is computed before it is asked for; routes through relays are kept."""

    payload_bytes: float
    network: Network
    _relayed: dict[int, _Relayed] = field(default_factory=dict, repr=False)

    def busy_s(self, link: DirectedLink) -> float:
        """Seconds for which this payload occupies the link's channel: 8 x / bandwidth."""
        return 8.0 * self.payload_bytes / link.bandwidth_bits_per_s

    def seconds_between(self, source: IntArray | int, target: IntArray | int) -> FloatArray:
        """Seconds from each source to each target (broadcast); 0 to itself, infinite where no route exists."""
        source, target = np.broadcast_arrays(source, target)
        wires = self.network.wires
        link = self.network.link_at[source, target]
        direct = link >= 0
        seconds = np.where(source == target, 0.0, np.inf)
        own = link[direct]
        seconds[direct] = wires.latency_s[own] + 8.0 * self.payload_bytes / wires.bandwidth_bits_per_s[own]
        missing = np.isinf(seconds)
        if self.network.relays.any() and missing.any():
            for n in np.unique(source[missing]).tolist():
                here = missing & (source == n)
                seconds[here] = self._from(n).seconds[target[here]]
        return seconds

    def trip_s(self, source: int, target: int) -> float:
        """`seconds_between` two nodes."""
        link = self.network.link(source, target)
        if link is not None and source != target:
            return link.latency_s + self.busy_s(link)
        return float(self.seconds_between(source, target))

    @property
    def seconds(self) -> FloatArray:
        """(N, N): `seconds_between` all pairs; for small networks."""
        every = np.arange(self.network.node_count)
        return self.seconds_between(every[:, None], every)

    def route(self, source: int, target: int) -> tuple[DirectedLink, ...] | None:
        """Links from source to target in order; () when they are the same node, None when there is no route."""
        if source == target:
            return ()
        link = self.network.link(source, target)
        if link is not None:
            return (link,)
        if not self.network.connected[source, target]:
            return None
        relayed = self._from(source)
        path = (*relayed.ways[relayed.last[target]], target)
        return tuple(self.network.directed(int(self.network.link_at[edge])) for edge in pairwise(path))

    def hops_through_relays(self, source: int, targets: IntArray) -> tuple[IntArray, IntArray]:
        """(index into targets, link) of every hop to targets that can only be reached through relays."""
        relayed, link_at = self._from(source), self.network.link_at
        indices, links = [], []
        last = relayed.last[targets]
        for way in np.unique(last).tolist():
            own = np.flatnonzero(last == way)
            path = relayed.ways[way]
            for edge in pairwise(path):
                indices.append(own)
                links.append(np.full(len(own), link_at[edge]))
            indices.append(own)
            links.append(link_at[path[-1], targets[own]].astype(np.int64))
        return np.concatenate(indices), np.concatenate(links)

    def _from(self, source: int) -> _Relayed:
        if source not in self._relayed:
            self._relayed[source] = self._searched(source)
        return self._relayed[source]

    def _steps(self, node: int, targets: IntArray) -> FloatArray:
        """Seconds over direct links from a node to each target; infinite without one."""
        wires = self.network.wires
        link = self.network.link_at[node, targets]
        seconds = np.full(len(targets), np.inf)
        direct = link >= 0
        own = link[direct]
        seconds[direct] = wires.latency_s[own] + 8.0 * self.payload_bytes / wires.bandwidth_bits_per_s[own]
        return seconds

    def _searched(self, source: int) -> _Relayed:
        """Dijkstra among the relays, then one more hop; ties go to fewer hops, then to earlier nodes."""
        network = self.network
        relays = np.flatnonzero(network.relays)
        best: dict[int, tuple[float, int, tuple[int, ...]]] = {}
        queue: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, (source,))]
        while queue:
            entry = heapq.heappop(queue)
            elapsed, length, path = entry
            node = path[-1]
            if node in best:
                continue
            best[node] = entry
            for relay, step in zip(relays.tolist(), self._steps(node, relays).tolist(), strict=True):
                if step < np.inf and relay not in best:
                    heapq.heappush(queue, (elapsed + step, length + 1, (*path, relay)))
        ways = sorted(best.values(), key=lambda entry: entry[1:])
        every = np.arange(network.node_count)
        arriving = np.array([elapsed + self._steps(path[-1], every) for elapsed, _, path in ways])
        last = arriving.argmin(axis=0)
        return _Relayed(arriving[last, every], tuple(path for _, _, path in ways), last)


def route_table(network: Network, payload_bytes: float) -> RouteTable:
    """Least-time transfers of one payload: the direct link where there is one, else the best route through relays."""
    return RouteTable(payload_bytes, network)
