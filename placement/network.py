"""The network: directed links and the channels that they occupy, as arrays with views on demand.

A channel is what transfers queue for: a medium, a half-duplex link (both directions), or one direction of a full-duplex
link. A fleet of a thousand nodes has a million directed links, so nothing here is an object per link.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.cluster import Cluster, Duplex, LinkMatrix

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


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
    """One direction of a link; `channel` indexes the channels of its network."""

    source: int
    target: int
    bandwidth_bits_per_s: float
    latency_s: float
    transmit_power_w: float
    receive_power_w: float
    channel: int


@dataclass(frozen=True)
class Wires:
    """What a cluster says of its E directed links, each (E,); medium indexes `media`, -1 without one."""

    source: IntArray
    target: IntArray
    bandwidth_bits_per_s: FloatArray
    latency_s: FloatArray
    transmit_power_w: FloatArray
    receive_power_w: FloatArray
    half_duplex: BoolArray
    medium: IntArray
    media: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Network:
    """All E directed links of a cluster in the order given, and which nodes forward traffic."""

    node_ids: tuple[str, ...]
    relays: BoolArray
    """(N,)."""
    wires: Wires
    channel: IntArray
    """(E,): the channel that a link occupies; channels are numbered by their first link."""

    @property
    def node_count(self) -> int:
        """N."""
        return len(self.node_ids)

    @property
    def link_count(self) -> int:
        """E."""
        return len(self.channel)

    @cached_property
    def channel_count(self) -> int:
        """Number of channels."""
        return int(self.channel.max(initial=-1)) + 1

    @cached_property
    def link_at(self) -> NDArray[np.int32]:
        """(N, N): the direct link from row to column, -1 where there is none."""
        table = np.full((self.node_count, self.node_count), -1, dtype=np.int32)
        table[self.wires.source, self.wires.target] = np.arange(self.link_count)
        return table

    @cached_property
    def connected(self) -> BoolArray:
        """(N, N): whether a payload gets from row to column: nowhere to go, a direct link, or a way through relays."""
        direct = self.link_at >= 0
        reached = direct.copy()
        np.fill_diagonal(reached, val=True)
        relays = np.flatnonzero(self.relays)
        if len(relays):
            between = direct[np.ix_(relays, relays)] | np.eye(len(relays), dtype=np.bool_)
            for _ in range(len(relays).bit_length()):
                between = between.astype(np.float32) @ between.astype(np.float32) > 0
            beyond = between.astype(np.float32) @ direct[relays].astype(np.float32)
            reached |= direct[:, relays].astype(np.float32) @ (beyond > 0).astype(np.float32) > 0
        return reached

    @cached_property
    def relays_matter(self) -> bool:
        """Whether some pair of nodes is connected, but not directly."""
        if not self.relays.any():
            return False
        return bool((self.connected & (self.link_at < 0) & ~np.eye(self.node_count, dtype=np.bool_)).any())

    def paired_links(self, n: int, m: int) -> tuple[IntArray, IntArray]:
        """Links of n and of m to and from every third node, in the same order; -1 for none."""
        third = np.ones(self.node_count, dtype=np.bool_)
        third[[n, m]] = False
        first, second = (np.concatenate([self.link_at[a, third], self.link_at[third, a]]) for a in (n, m))
        return first.astype(np.int64), second.astype(np.int64)

    def link(self, source: int, target: int) -> DirectedLink | None:
        """The direct link from one node to another."""
        index = int(self.link_at[source, target])
        return None if index < 0 else self.directed(index)

    def directed(self, index: int) -> DirectedLink:
        """A link by its number."""
        if index not in self._views:
            self._views[index] = self._view(index)
        return self._views[index]

    @cached_property
    def _views(self) -> dict[int, DirectedLink]:
        """Links that have been asked for."""
        return {}

    def _view(self, index: int) -> DirectedLink:
        wires = self.wires
        return DirectedLink(
            source=int(wires.source[index]),
            target=int(wires.target[index]),
            bandwidth_bits_per_s=float(wires.bandwidth_bits_per_s[index]),
            latency_s=float(wires.latency_s[index]),
            transmit_power_w=float(wires.transmit_power_w[index]),
            receive_power_w=float(wires.receive_power_w[index]),
            channel=int(self.channel[index]),
        )

    @cached_property
    def _first_link(self) -> IntArray:
        """Per channel, the first link that occupies it."""
        return np.unique(self.channel, return_index=True)[1]

    def channel_named(self, channel: int) -> Channel:
        """Kind and id of a channel by its number."""
        wires = self.wires
        link = int(self._first_link[channel])
        medium = int(wires.medium[link])
        if medium >= 0:
            return Channel(ChannelKind.MEDIUM, wires.media[medium])
        ends = [self.node_ids[wires.source[link]], self.node_ids[wires.target[link]]]
        return Channel(ChannelKind.LINK, " <-> ".join(sorted(ends)) if wires.half_duplex[link] else " -> ".join(ends))

    @property
    def links(self) -> tuple[DirectedLink, ...]:
        """All links, spelled out; for small networks."""
        return tuple(self.directed(index) for index in range(self.link_count))

    @property
    def channels(self) -> tuple[Channel, ...]:
        """All channels, spelled out; for small networks."""
        return tuple(self.channel_named(channel) for channel in range(self.channel_count))


def build_network(cluster: Cluster) -> Network:
    """Directed links and channels of a cluster, from its link list or its matrices."""
    wires = _listed(cluster) if cluster.link_matrix is None else _from_matrix(cluster.link_matrix)
    return Network(
        node_ids=tuple(node.id for node in cluster.nodes),
        relays=np.array([node.relay for node in cluster.nodes], dtype=np.bool_),
        wires=wires,
        channel=_channels(wires, len(cluster.nodes)),
    )


def _channels(wires: Wires, nodes: int) -> IntArray:
    """Links of one medium share a channel, and so do the directions of a half-duplex pair; others have their own."""
    if not wires.half_duplex.any() and not wires.media:
        return np.arange(len(wires.source))
    a, b = np.minimum(wires.source, wires.target), np.maximum(wires.source, wires.target)
    pairs = nodes * nodes
    key = np.where(wires.half_duplex, pairs + a * nodes + b, wires.source * nodes + wires.target)
    key = np.where(wires.medium >= 0, 2 * pairs + wires.medium, key)
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    number = np.empty(len(first), dtype=np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    return number[which]


def _listed(cluster: Cluster) -> Wires:
    """The links of the list, each direction on its own."""
    index = {node.id: n for n, node in enumerate(cluster.nodes)}
    media: dict[str, int] = {}
    rows = []
    for link in cluster.links:
        medium = -1 if link.medium is None else media.setdefault(link.medium, len(media))
        shared = (link.latency_s, link.transmit_power_w, link.receive_power_w, link.duplex is Duplex.HALF, medium)
        rows.append((index[link.source], index[link.target], link.bandwidth_bits_per_s, *shared))
        if link.bidirectional:
            reverse = link.reverse_bandwidth_bits_per_s or link.bandwidth_bits_per_s
            rows.append((index[link.target], index[link.source], reverse, *shared))
    source, target, bandwidth, latency, transmit, receive, half, medium_of = (
        zip(*rows, strict=True) if rows else [()] * 8
    )
    return Wires(
        source=np.array(source, dtype=np.int64),
        target=np.array(target, dtype=np.int64),
        bandwidth_bits_per_s=np.array(bandwidth, dtype=np.float64),
        latency_s=np.array(latency, dtype=np.float64),
        transmit_power_w=np.array(transmit, dtype=np.float64),
        receive_power_w=np.array(receive, dtype=np.float64),
        half_duplex=np.array(half, dtype=np.bool_),
        medium=np.array(medium_of, dtype=np.int64),
        media=tuple(media),
    )


def _from_matrix(matrix: LinkMatrix) -> Wires:
    """The links of the matrices, row by row; null is no link, and the diagonal neither."""
    rate = np.array(matrix.bandwidth_bits_per_s, dtype=np.float64)
    given = ~np.isnan(rate)
    np.fill_diagonal(given, val=False)
    source, target = np.nonzero(given)

    def taken(values: tuple[tuple[float | None, ...], ...] | None) -> FloatArray:
        if values is None:
            return np.zeros(len(source))
        return np.nan_to_num(np.array(values, dtype=np.float64)[source, target], nan=0.0)

    return Wires(
        source=source,
        target=target,
        bandwidth_bits_per_s=rate[source, target],
        latency_s=taken(matrix.latency_s),
        transmit_power_w=taken(matrix.transmit_power_w),
        receive_power_w=taken(matrix.receive_power_w),
        half_duplex=np.full(len(source), matrix.duplex is Duplex.HALF),
        medium=np.full(len(source), -1 if matrix.medium is None else 0),
        media=() if matrix.medium is None else (matrix.medium,),
    )
