"""Whether a move pays: what it costs in bytes, seconds and joules, and what it gains until the next change.

Both placements, p that runs and q that is better, are scored by the service under the rates of now. With

    T_p, T_q    seconds per request or iteration          E_p, E_q    joules of the same
    H           expected seconds until the next change    n           what q does in the time that is left
    M, J        seconds and joules of the move            u           share of p's work that is done while q is set up
    w_s, w_j    what a second and a joule are worth       m           margin for what the model does not know

    M    = restart_s + max over channels c of (sum of 8 bytes / rate of what crosses c)
    J    = sum over links of (transmit_power_w + receive_power_w) x time that the move occupies them
    n    = max(0, H - M) / T_q
    gain = w_s n (T_p - T_q) + w_j n (E_p - E_q)
    cost = w_s M (1 - u)     + w_j J

a move is made when gain > (1 + m) cost. The placement is taken to be always busy, one request or iteration behind the
other; then n (T_p - T_q) is the time that p would take longer for the same work. Objective `throughput` has the time
between two results, 1 / throughput_per_s, for T.

What moves: the layers whose node changes, weight_bytes + optimizer_bytes of each, from the node that has them over the
fastest route. Nodes that are `stocked` hold a copy of all weights and need none. Requests under way are let end first,
so that no KV cache moves. Channels are directed links; both directions of a half-duplex one, and all links of a medium,
are one channel. Transfers run at once and in parts, so that hops overlap.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from examples.orchestrator.readings import Ends, rates_of
from models import Layer, Link, PlanRequest, Training
from models.cluster import Duplex
from models.constraints import ObjectiveKind
from models.plan import Metrics, Stage


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator wants of moves."""

    restart_s: float = 2.0
    """Time to load weights and warm up, once they are there."""
    served_while_moving: float = 0.0
    """u: 0 if the placement stops for the move, 1 if copying in the background slows nothing."""
    second_worth: float = 1.0
    joule_worth: float = 0.0
    margin: float = 0.1
    stocked: frozenset[str] = frozenset()
    """Nodes with a copy of all weights on their disk."""


@dataclass(frozen=True, slots=True)
class Move:
    """What a change of placement takes."""

    bytes: float
    seconds: float
    joules: float


@dataclass(frozen=True, slots=True)
class Balance:
    """Gain and cost of a move, in the worth of the policy (seconds, unless joules count)."""

    move: Move
    gain: float
    cost: float
    pays: bool


def move_between(
    request: PlanRequest, layers: Sequence[Layer], before: Sequence[Stage], after: Sequence[Stage], policy: Policy
) -> Move:
    """What it takes to get from one placement to the other over the request's links; see above."""
    was, will = _places(before), _places(after)
    state = isinstance(request.workload, Training)
    amounts: defaultdict[Ends, float] = defaultdict(float)
    for index, layer in enumerate(layers):
        weights = 0.0 if will[index] in policy.stocked else layer.weight_bytes
        needed = weights + (layer.optimizer_bytes if state else 0.0)
        if was[index] != will[index] and needed > 0:
            amounts[was[index], will[index]] += needed
    if was == will:
        return Move(0.0, 0.0, 0.0)
    links = _links(request)
    busy_s: defaultdict[str, float] = defaultdict(float)
    joules = 0.0
    for ends, amount in amounts.items():
        for hop in _route(links, ends, amount):
            link, rate = links[hop]
            seconds = 8 * amount / rate
            busy_s[_channel(link, hop)] += seconds
            joules += (link.transmit_power_w + link.receive_power_w) * seconds
    return Move(sum(amounts.values()), policy.restart_s + max(busy_s.values(), default=0.0), joules)


def balance(
    request: PlanRequest, running: Metrics, better: Metrics, move: Move, horizon_s: float, policy: Policy
) -> Balance:
    """Whether the better placement earns its move within the horizon; see above."""
    t_running, t_better = _period_s(request, running), _period_s(request, better)
    units = max(0.0, horizon_s - move.seconds) / t_better
    saved_j = (running.energy_j or 0.0) - (better.energy_j or 0.0)
    gain = units * (policy.second_worth * (t_running - t_better) + policy.joule_worth * saved_j)
    lost_s = move.seconds * (1 - policy.served_while_moving)
    cost = policy.second_worth * lost_s + policy.joule_worth * move.joules
    return Balance(move, gain, cost, pays=gain > (1 + policy.margin) * cost)


def _period_s(request: PlanRequest, figures: Metrics) -> float:
    """T: seconds per unit of work."""
    if request.objective.kind is ObjectiveKind.THROUGHPUT:
        assert figures.throughput_per_s, "a placement that runs has a throughput"
        return 1 / figures.throughput_per_s
    assert figures.latency_s, "a placement that runs has a latency"
    return figures.latency_s


def _places(stages: Sequence[Stage]) -> list[str]:
    """The node of each layer."""
    return [stage.node for stage in stages for _ in range(stage.first_layer, stage.stop_layer)]


def _links(request: PlanRequest) -> dict[Ends, tuple[Link, float]]:
    return {ends: (link, rate) for link in request.cluster.links for ends, rate in rates_of(link).items()}


def _channel(link: Link, hop: Ends) -> str:
    ends = sorted(hop) if link.duplex is Duplex.HALF else hop
    return link.medium or " -> ".join(ends)


def _route(links: Mapping[Ends, tuple[Link, float]], ends: Ends, amount: float) -> Collection[Ends]:
    """Hops of the route of least time (Dijkstra); a cluster that a plan was found for connects the two."""
    start, target = ends
    queue: list[tuple[float, str, tuple[Ends, ...]]] = [(0.0, start, ())]
    seen: set[str] = set()
    while queue:
        so_far_s, node, hops = heapq.heappop(queue)
        if node == target:
            return hops
        if node in seen:
            continue
        seen.add(node)
        for hop, (link, rate) in links.items():
            if hop[0] == node and hop[1] not in seen:
                heapq.heappush(queue, (so_far_s + link.latency_s + 8 * amount / rate, hop[1], (*hops, hop)))
    raise ValueError(f"no route from {start} to {target}: weights cannot be moved")
