"""Links become transfer tables: how long a payload takes between every ordered pair of nodes, and what it occupies.

Transfer of x bytes over link e takes latency_s + 8 x / bandwidth_bits_per_s, of which 8 x / bandwidth_bits_per_s
occupies the channel. A channel is what transfers queue for: a medium, a half-duplex link (both directions), or one
direction of a full-duplex link. Nodes without a direct link use the route of least time for that payload through
relays, store and forward: every hop takes its time and occupies its channel.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.cluster import Cluster, Duplex, Link

FloatArray = NDArray[np.float64]


class ChannelKind(StrEnum):
    """What a channel is on the wire."""

    LINK = "link"
    MEDIUM = "medium"


@dataclass(frozen=True, slots=True)
class Channel:
    """A resource that carries one transfer at a time."""

    kind: ChannelKind
    id: str


@dataclass(frozen=True, slots=True)
class DirectedLink:
    """One direction of a link; `channel` indexes `Network.channels`."""

    source: int
    target: int
    bandwidth_bits_per_s: float
    latency_s: float
    transmit_power_w: float
    receive_power_w: float
    channel: int


@dataclass(frozen=True)
class Network:
    """All directed links of a cluster, the channels they occupy, and which nodes forward traffic."""

    node_count: int
    links: tuple[DirectedLink, ...]
    channels: tuple[Channel, ...]
    relays: tuple[bool, ...]
    direct: dict[tuple[int, int], DirectedLink]


@dataclass(frozen=True)
class RouteTable:
    """Transfers of one payload between every ordered pair of nodes.

    seconds: (N, N), infinite where no route exists, 0 on the diagonal (nothing is sent).
    hops: the links of each route, for pairs that are not direct neighbours.
    """

    payload_bytes: float
    network: Network
    seconds: FloatArray
    hops: dict[tuple[int, int], tuple[DirectedLink, ...]]

    def route(self, source: int, target: int) -> tuple[DirectedLink, ...] | None:
        """Links from source to target in order; () when they are the same node, None when there is no route."""
        if source == target:
            return ()
        link = self.network.direct.get((source, target))
        return (link,) if link is not None else self.hops.get((source, target))

    def busy_s(self, link: DirectedLink) -> float:
        """Seconds for which this payload occupies the link's channel: 8 x / bandwidth."""
        return 8.0 * self.payload_bytes / link.bandwidth_bits_per_s


def build_network(cluster: Cluster) -> Network:
    """Directed links and channels of a cluster, from its link list or its matrices."""
    index = {node.id: n for n, node in enumerate(cluster.nodes)}
    channels: dict[Channel, int] = {}
    links: list[DirectedLink] = []
    for link in _links(cluster):
        directions = [(link.source, link.target, link.bandwidth_bits_per_s)]
        if link.bidirectional:
            reverse = link.reverse_bandwidth_bits_per_s or link.bandwidth_bits_per_s
            directions.append((link.target, link.source, reverse))
        for source, target, bandwidth in directions:
            channel = _channel(link, source, target)
            links.append(
                DirectedLink(
                    source=index[source],
                    target=index[target],
                    bandwidth_bits_per_s=bandwidth,
                    latency_s=link.latency_s,
                    transmit_power_w=link.transmit_power_w,
                    receive_power_w=link.receive_power_w,
                    channel=channels.setdefault(channel, len(channels)),
                )
            )
    return Network(
        node_count=len(index),
        links=tuple(links),
        channels=tuple(channels),
        relays=tuple(node.relay for node in cluster.nodes),
        direct={(link.source, link.target): link for link in links},
    )


def _channel(link: Link, source: str, target: str) -> Channel:
    if link.medium is not None:
        return Channel(ChannelKind.MEDIUM, link.medium)
    if link.duplex is Duplex.HALF:
        return Channel(ChannelKind.LINK, " <-> ".join(sorted((source, target))))
    return Channel(ChannelKind.LINK, f"{source} -> {target}")


def _links(cluster: Cluster) -> list[Link]:
    """The link list, or the matrices spelled out as one-way links."""
    matrix = cluster.link_matrix
    if matrix is None:
        return list(cluster.links)
    ids = [node.id for node in cluster.nodes]
    rate = matrix.bandwidth_bits_per_s

    def at(values: tuple[tuple[float | None, ...], ...] | None, a: int, b: int) -> float:
        return (values[a][b] or 0.0) if values is not None else 0.0

    links = []
    for a, row in enumerate(rate):
        for b, forward in enumerate(row):
            if a == b or forward is None:
                continue
            links.append(
                Link.model_construct(
                    source=ids[a],
                    target=ids[b],
                    bandwidth_bits_per_s=forward,
                    latency_s=at(matrix.latency_s, a, b),
                    transmit_power_w=at(matrix.transmit_power_w, a, b),
                    receive_power_w=at(matrix.receive_power_w, a, b),
                    bidirectional=False,
                    duplex=matrix.duplex,
                    medium=matrix.medium,
                )
            )
    return links


def route_table(network: Network, payload_bytes: float) -> RouteTable:
    """Least-time transfers of one payload: the direct link where there is one, else the best route through relays."""
    count = network.node_count
    seconds = np.full((count, count), np.inf)
    np.fill_diagonal(seconds, 0.0)
    for link in network.links:
        seconds[link.source, link.target] = link.latency_s + 8.0 * payload_bytes / link.bandwidth_bits_per_s
    hops: dict[tuple[int, int], tuple[DirectedLink, ...]] = {}
    if any(network.relays):
        outgoing: list[list[DirectedLink]] = [[] for _ in range(count)]
        for link in network.links:
            outgoing[link.source].append(link)
        for source in range(count):
            missing = np.flatnonzero(np.isinf(seconds[source]))
            if missing.size:
                _routes_from(source, set(missing.tolist()), network, outgoing, seconds, hops)
    return RouteTable(payload_bytes, network, seconds, hops)


def _routes_from(
    source: int,
    missing: set[int],
    network: Network,
    outgoing: list[list[DirectedLink]],
    seconds: FloatArray,
    hops: dict[tuple[int, int], tuple[DirectedLink, ...]],
) -> None:
    """Dijkstra that leaves only the source and relays; ties go to fewer hops, then to earlier nodes."""
    hop_seconds = {(link.source, link.target): seconds[link.source, link.target] for link in network.links}
    queue: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, (source,))]
    settled: set[int] = set()
    while queue:
        elapsed, length, path = heapq.heappop(queue)
        node = path[-1]
        if node in settled:
            continue
        settled.add(node)
        if node in missing:
            seconds[source, node] = elapsed
            hops[source, node] = tuple(network.direct[edge] for edge in pairwise(path))
        if node != source and not network.relays[node]:
            continue
        for link in outgoing[node]:
            if link.target not in settled:
                step = hop_seconds[node, link.target]
                heapq.heappush(queue, (elapsed + step, length + 1, (*path, link.target)))
