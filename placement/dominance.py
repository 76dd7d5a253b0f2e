"""Nodes that are never needed, because enough others are at least as good in everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from placement.network import Network

if TYPE_CHECKING:
    from placement.problem import Problem

MOST_COMPARED = 64
"""Nodes that are compared, pair by pair; more would cost more than it saves."""


def most_elsewhere(problem: Problem) -> int:
    """K: most stages of a plan on nodes other than the source, at least 1; head and tail need stages of their own."""
    head, tail = problem.head_layers, problem.tail_layers
    stages = problem.max_stages - (head > 0) - (tail > 0)
    return max(1, min(stages, problem.layer_count - head - tail))


def dominators(problem: Problem, nodes: list[int]) -> list[list[int]]:
    """Per node, the positions of those other nodes that dominate it; the nodes stand for classes.

    Left out where it cannot help or does not hold: no more nodes than stages; many nodes; relays (a faster link may
    change a route); and 1f1b, whose replayed time may grow when something gets faster.
    """
    few = problem.node_count - 1 <= most_elsewhere(problem)
    if few or problem.replays or len(nodes) > MOST_COMPARED or problem.network.relays_matter:
        return [[] for _ in nodes]
    return [[c for c, d in enumerate(nodes) if d != n and dominates(problem, d, n)] for n in nodes]


def dominates(problem: Problem, d: int, n: int) -> bool:
    """Whether d in the place of n makes nothing worse.

    At every level no more time in any pass, no more idle power, and no more power above idle; no less memory; no more
    weight on its joules; it overlaps, runs and receives whatever n does; it has no energy budget; and its links to and
    from every third node exist where those of n do, on the same medium or likewise private, with no less bandwidth and
    no more latency or power. F, B, U and every busy time are then no larger, so neither are latency, cycle time and
    energy, which grow with them.
    """
    if problem.source in (d, n) or problem.request.cluster.nodes[d].energy_budget_j is not None:
        return False
    return _computes_as_well(problem, d, n) and _communicates_as_well(problem.network, d, n)


def _computes_as_well(problem: Problem, d: int, n: int) -> bool:
    better, worse = (list(problem.options_of_node[node]) for node in (d, n))
    if len(better) != len(worse) or problem.memory_bytes[d] < problem.memory_bytes[n]:
        return False
    if problem.energy_weight[d] > problem.energy_weight[n] or problem.overlaps[d] < problem.overlaps[n]:
        return False
    if (problem.allowed[d] < problem.allowed[n]).any() or (problem.receives[d] < problem.receives[n]).any():
        return False
    for p, q in zip(better, worse, strict=True):
        first, second = problem.options[p], problem.options[q]
        if first.idle_power_w > second.idle_power_w:
            return False
        if first.busy_power_w - first.idle_power_w > second.busy_power_w - second.idle_power_w:
            return False
    tables = (problem.forward_s, problem.backward_s, problem.decode_s, problem.update_s)
    return all((table[better] <= table[worse]).all() for table in tables)


def _communicates_as_well(network: Network, d: int, n: int) -> bool:
    own, other = network.paired_links(d, n)
    needed = other >= 0
    own, other = own[needed], other[needed]
    if (own < 0).any():
        return False
    wires = network.wires
    return all(
        bool(holds.all())
        for holds in (
            wires.bandwidth_bits_per_s[own] >= wires.bandwidth_bits_per_s[other],
            wires.latency_s[own] <= wires.latency_s[other],
            wires.transmit_power_w[own] <= wires.transmit_power_w[other],
            wires.receive_power_w[own] <= wires.receive_power_w[other],
            wires.half_duplex[own] == wires.half_duplex[other],
            wires.medium[own] == wires.medium[other],
        )
    )
