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
    """Routes from one node to those that it has no direct link to: seconds (N,), infinite without one, and links."""

    seconds: FloatArray
    links: dict[int, tuple[int, ...]]


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
        return tuple(self.network.directed(e) for e in self._from(source).links[target])

    def _from(self, source: int) -> _Relayed:
        if source not in self._relayed:
            self._relayed[source] = self._searched(source)
        return self._relayed[source]

    def _steps(self, node: int) -> list[tuple[int, float]]:
        """Neighbours over direct links, and seconds to them."""
        wires = self.network.wires
        targets = np.flatnonzero(self.network.link_at[node] >= 0)
        own = self.network.link_at[node, targets]
        seconds = wires.latency_s[own] + 8.0 * self.payload_bytes / wires.bandwidth_bits_per_s[own]
        return list(zip(targets.tolist(), seconds.tolist(), strict=True))

    def _searched(self, source: int) -> _Relayed:
        """Dijkstra that leaves only the source and relays; ties go to fewer hops, then to earlier nodes."""
        network = self.network
        seconds = np.full(network.node_count, np.inf)
        links: dict[int, tuple[int, ...]] = {}
        missing = set(np.flatnonzero(network.connected[source] & (network.link_at[source] < 0)).tolist()) - {source}
        queue: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, (source,))]
        settled: set[int] = set()
        while queue and missing:
            elapsed, length, path = heapq.heappop(queue)
            node = path[-1]
            if node in settled:
                continue
            settled.add(node)
            if node in missing:
                missing.remove(node)
                seconds[node] = elapsed
                links[node] = tuple(int(network.link_at[edge]) for edge in pairwise(path))
            if node == source or network.relays[node]:
                for target, step in self._steps(node):
                    if target not in settled:
                        heapq.heappush(queue, (elapsed + step, length + 1, (*path, target)))
        return _Relayed(seconds, links)


def route_table(network: Network, payload_bytes: float) -> RouteTable:
    """Least-time transfers of one payload: the direct link where there is one, else the best route through relays."""
    return RouteTable(payload_bytes, network)
