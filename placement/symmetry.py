"""Interchangeable nodes, and how many of them a plan can ever need.

Two nodes are interchangeable when swapping them maps the problem onto itself: equal figures on their own (times of all
passes at all levels, powers, memory, weight, overlap, what they may run and receive), and for every third node equal
links both ways; the links between the two are equal too. The swap then maps every plan onto one of the same figures.
"May be swapped" is transitive, since (n k) = (n m) (m k) (n m), so nodes fall into classes, any permutation of a class
maps the problem onto itself, and which members a plan uses does not matter, only how many.

The source, nodes with an energy budget, and relays (where some pair has no direct link) are on their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from placement.dominance import dominators, most_elsewhere
from placement.network import BoolArray, IntArray, Network

if TYPE_CHECKING:
    from placement.problem import Problem

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Classes:
    """Nodes of a network by what they stand for.

    capacity: (N,), how many members of its class a plan can need, at a representative; 0 at all other nodes.
    members: per node, the class in the order of the request, at a representative, its first; () at all other nodes.
    """

    network: Network
    capacity: IntArray
    members: tuple[tuple[int, ...], ...]

    @cached_property
    def second(self) -> IntArray:
        """(N,): another member of the class; the node itself where there is none."""
        return np.array([own[1] if len(own) > 1 else n for n, own in enumerate(self.members)], dtype=np.int64)

    @cached_property
    def representative(self) -> IntArray:
        """(N,): the node that stands for each node."""
        standing = np.arange(len(self.members))
        for own in self.members:
            for member in own:
                standing[member] = own[0]
        return standing

    @cached_property
    def several(self) -> BoolArray:
        """(N,): whether a plan may use more than one member of the node's class."""
        several: BoolArray = (self.capacity > 1)[self.representative]
        return several

    @cached_property
    def private_rows(self) -> BoolArray:
        """(R,): nodes of which a plan may use several members, and the channels of their links, except media."""
        network, several = self.network, self.several
        wires = network.wires
        own = (several[wires.source] | several[wires.target]) & (wires.medium < 0)
        private = np.zeros(network.node_count + network.channel_count, dtype=np.bool_)
        private[: network.node_count] = several
        private[network.node_count + network.channel[own]] = True
        return private

    @cached_property
    def standing_rows(self) -> IntArray:
        """(R,): for what belongs to a class's second member (node, channels), the same of its first; else the row.

        Hand-overs within a class go from the first member to the second, so this is what falls on their receiver.
        """
        network = self.network
        rows = np.arange(network.node_count + network.channel_count)
        for n in np.flatnonzero(self.capacity > 1).tolist():
            second = int(self.second[n])
            rows[second] = n
            first_links, second_links = network.paired_links(n, second)
            own = (second_links >= 0) & (network.wires.medium[second_links] < 0)
            channels = network.channel[second_links[own]], network.channel[first_links[own]]
            rows[network.node_count + channels[0]] = network.node_count + channels[1]
        return rows

    @cached_property
    def owner(self) -> IntArray:
        """(R,): the one representative of several that a private row belongs to; -1 for none or two."""
        network, several = self.network, self.several
        wires = network.wires
        owner = np.full(network.node_count + network.channel_count, -1)
        owner[: network.node_count] = np.where(several, self.representative, -1)
        private = (several[wires.source] ^ several[wires.target]) & (wires.medium < 0)
        ends = np.where(several[wires.source], wires.source, wires.target)
        owner[network.node_count + network.channel[private]] = self.representative[ends[private]]
        return owner


def each_alone(network: Network) -> Classes:
    """Every node stands for itself."""
    count = network.node_count
    return Classes(network, np.ones(count, dtype=np.int64), tuple((n,) for n in range(count)))


def classes_of(problem: Problem) -> Classes:
    """Classes of interchangeable nodes, each with the most members that a plan needs.

    Let K be the most stages of a plan that do not run on the source. d dominates n if putting d in the place of n makes
    no figure of any plan without d worse (placement.dominance); members of a class dominate each other. A node that K
    others dominate is not needed: a plan that uses it uses at most K - 1 other nodes beyond the source, so one of the K
    is free to take its place. Nodes go one after another, each while K dominators of it are still there, so every step
    leaves the optimum as it was. A class of size s is thus needed min(s, K - k) times or never, where k counts the
    dominators outside that are left; the most dominated classes go first.
    """
    groups = list(_groups(problem))
    better = dominators(problem, [own[0] for own in groups])
    left = [len(own) for own in groups]
    most = most_elsewhere(problem)
    for c in sorted(range(len(groups)), key=lambda c: -sum(left[d] for d in better[c])):
        if groups[c][0] != problem.source:
            left[c] = max(0, min(left[c], most - sum(left[d] for d in better[c])))
    capacity = np.zeros(problem.node_count, dtype=np.int64)
    members: list[tuple[int, ...]] = [()] * problem.node_count
    for own, count in zip(groups, left, strict=True):
        members[own[0]] = own
        capacity[own[0]] = count
    return Classes(problem.network, capacity, tuple(members))


def _groups(problem: Problem) -> Iterator[tuple[int, ...]]:
    """Classes by their first members; candidates are found by hashes and confirmed figure by figure."""
    kind = _kinds(problem)
    count = problem.node_count
    if len(set(kind.tolist())) == count:
        yield from ((n,) for n in range(count))
        return
    links = link_kinds(problem.network)
    alike = _alike(links, kind)
    taken = np.zeros(count, dtype=np.bool_)
    for n in range(count):
        if not taken[n]:
            found = np.flatnonzero(alike[n] & ~taken).tolist()
            own = [m for m in found if m == n or _same_links(links, n, m)]
            taken[own] = True
            yield tuple(own)


def _kinds(problem: Problem) -> IntArray:
    """(N,): equal numbers for nodes of equal figures; nodes that stay on their own have a number each."""
    relaying = problem.network.relays & problem.network.relays_matter
    tables = (problem.forward_s, problem.backward_s, problem.decode_s, problem.update_s)
    powers = np.array([(option.idle_power_w, option.busy_power_w) for option in problem.options])
    per_option = np.concatenate([*tables, powers], axis=1) + 0.0  # -0.0 becomes 0.0
    per_node = np.stack([problem.memory_bytes, problem.energy_weight], axis=1) + 0.0
    rules = np.concatenate([problem.overlaps[:, None], problem.allowed, problem.receives], axis=1)
    numbers: dict[object, int] = {}
    kind = []
    for n, node in enumerate(problem.request.cluster.nodes):
        alone = n == problem.source or node.energy_budget_j is not None or relaying[n]
        figures = (per_option[list(problem.options_of_node[n])].tobytes(), per_node[n].tobytes(), rules[n].tobytes())
        kind.append(numbers.setdefault(n if alone else figures, len(numbers)))
    return np.array(kind, dtype=np.int64)


def _alike(links: IntArray, kind: IntArray) -> BoolArray:
    """(N, N): equal kinds, and equal hashes of the links to and from all third nodes, and between the two."""
    place = _scrambled(np.arange(len(kind), dtype=np.uint64))
    alike: BoolArray = (kind[:, None] == kind) & (links == links.T)
    for kinds in (links, links.T):
        parts = _scrambled(kinds.astype(np.uint64) + place)
        np.fill_diagonal(parts, 0)
        without = parts.sum(axis=1, dtype=np.uint64)[:, None] - parts
        alike &= without == without.T
    np.fill_diagonal(alike, val=True)
    return alike


def _same_links(links: IntArray, n: int, m: int) -> bool:
    """Whether both nodes have equal links to and from every third node, and to each other."""
    equal = (links[n] == links[m]) & (links[:, n] == links[:, m])
    equal[[n, m]] = links[n, m] == links[m, n]
    return bool(equal.all())


def link_kinds(network: Network) -> IntArray:
    """(N, N): equal numbers for links of equal figures, -1 for no link.

    A channel that is no medium is private to its pair of nodes. Links whose hashes collide get numbers of their own.
    """
    wires = network.wires
    figures = (
        wires.bandwidth_bits_per_s,
        wires.latency_s,
        wires.transmit_power_w,
        wires.receive_power_w,
        wires.half_duplex,
        wires.medium,
    )
    hashed = np.zeros(network.link_count, dtype=np.uint64)
    for figure in figures:
        hashed = _scrambled(hashed + (figure.astype(np.float64) + 0.0).view(np.uint64))
    _, first, number = np.unique(hashed, return_index=True, return_inverse=True)
    model = first[number]
    collided = np.any([figure != figure[model] for figure in figures], axis=0)
    number = np.where(collided, len(first) + np.arange(len(number)), number)
    table = np.full((network.node_count, network.node_count), -1, dtype=np.int64)
    table[wires.source, wires.target] = number
    return table


def _scrambled(values: Hashes) -> Hashes:
    """Every bit of the result depends on every bit of the value (the finaliser of splitmix64)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
