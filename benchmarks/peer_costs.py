"""What a chain of nodes in a fixed order costs: the tables that the dynamic programmes of `benchmarks.peers` read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.constraints import ObjectiveKind
from placement.baselines import fastest_options
from placement.problem import Problem
from placement.routes import FloatArray, RouteTable


@dataclass(frozen=True)
class Chain:
    """Nodes in an order, P of them; cuts 0..J, J = `stop`: the layers before the tail. Costs in s (energy: J).

    stage_s: (P, J + 1, J + 1), layers i..j at a position, infinite where rules or memory forbid it.
    hand_s: (P, P, J + 1), from position q to p at a cut. input_s, end_s: (P,), before the first stage and behind the
    last one (the result, or the hand-over to the tail and the tail itself).
    """

    order: tuple[int, ...]
    stop: int
    stage_s: FloatArray
    hand_s: FloatArray
    input_s: FloatArray
    end_s: FloatArray

    def largest(self, stages: tuple[tuple[int, int, int], ...]) -> float:
        """The largest stage or transfer of a split."""
        inside = [float(self.stage_s[stage]) for stage in stages]
        between = [float(self.hand_s[a[0], b[0], b[1]]) for a, b in pairwise(stages)]
        return max([*inside, *between, float(self.end_s[stages[-1][0]])])


def chain_costs(problem: Problem, order: tuple[int, ...]) -> Chain:
    """The tables of one order. Energy objectives count busy power times seconds, and joules of transfers."""
    stop = problem.layer_count - problem.tail_layers
    energy = problem.request.objective.kind is ObjectiveKind.ENERGY
    nodes = np.array(order)
    options = np.array(fastest_options(problem))[nodes]
    seconds = problem.forward_s + problem.backward_s + problem.decode_passes * problem.decode_s
    price = np.array([problem.options[o].busy_power_w for o in options]) * problem.energy_weight[nodes]
    per_layer = seconds[options] * (price[:, None] if energy else 1.0)
    run = np.concatenate([np.zeros((len(order), 1)), np.cumsum(per_layer, axis=1)], axis=1)
    stage_s = run[:, None, : stop + 1] - run[:, : stop + 1, None]
    stage_s[~_admitted(problem, order, stop)] = np.inf

    def hand(cut: int) -> FloatArray:
        return _crossing(problem, nodes, cut, energy=energy)

    end_s = _sent(problem, problem.payloads.result, nodes, energy=energy)[:, 0] * (1 + problem.decode_passes)
    if problem.tail_layers:
        away = nodes != problem.source
        end_s = end_s[0] + (run[0, -1] - run[0, stop]) + np.where(away, hand(stop)[:, 0], 0.0)
    return Chain(
        order=order,
        stop=stop,
        stage_s=stage_s,
        hand_s=np.stack([hand(cut) for cut in range(stop + 1)], axis=2),
        input_s=_sent(problem, problem.payloads.input, nodes, energy=energy)[0],
        end_s=end_s,
    )


def _admitted(problem: Problem, order: tuple[int, ...], stop: int) -> np.ndarray:
    """(P, J + 1, J + 1): i < j, every layer allowed on the node, what it receives too, and the stage fits alone.

    1f1b keeps activations by the stages that follow, which are unknown here: as many as positions follow.
    """
    cuts = np.arange(stop + 1)
    ordered = cuts[:, None] < cuts[None, :]
    sizes = problem.bytes
    largest = np.zeros((stop + 1, stop + 1))
    for i in range(stop):
        largest[i, i + 1 :] = np.maximum.accumulate(sizes.workspace[i:stop])
    static, kept = (np.concatenate([[0.0], np.cumsum(part)]) for part in (sizes.static, sizes.activations))
    admitted = np.zeros((len(order), stop + 1, stop + 1), dtype=np.bool_)
    for p, n in enumerate(order):
        forbidden = np.concatenate([[0], np.cumsum(~problem.allowed[n])])[: stop + 1]
        in_flight = problem.in_flight(len(order) - p + bool(problem.tail_layers))
        needed = static + in_flight * kept
        own_tail = needed[-1] - needed[stop] if n == problem.source else 0.0
        needed = needed[: stop + 1]
        fits = needed[None, :] - needed[:, None] + largest + own_tail <= problem.memory_bytes[n]
        seen = problem.receives[n, : stop + 1].copy()
        seen[0] = True
        admitted[p] = ordered & (forbidden[None, :] == forbidden[:, None]) & fits & seen[:, None]
    return admitted


def _crossing(problem: Problem, nodes: np.ndarray, cut: int, *, energy: bool) -> FloatArray:
    """(P, P): all payloads of a cut, from sender to receiver and the gradient back."""
    payloads = problem.payloads
    forward = _sent(problem, payloads.forward[cut], nodes, energy=energy)
    gradient = _sent(problem, payloads.backward[cut], nodes, energy=energy).T
    decode = _sent(problem, payloads.decode[cut], nodes, energy=energy) * problem.decode_passes
    both: FloatArray = forward + gradient + (decode if problem.decode_passes else 0.0)
    return both


def _sent(problem: Problem, table: RouteTable | None, nodes: np.ndarray, *, energy: bool) -> FloatArray:
    """(P, P): seconds (or joules, ends weighted) of one payload from each node to each other."""
    count = len(nodes)
    if table is None:
        return np.zeros((count, count))
    if not energy:
        seconds: FloatArray = table.seconds[np.ix_(nodes, nodes)]
        return seconds
    joules = np.zeros((count, count))
    for a in range(count):
        for b in range(count):
            route = table.route(int(nodes[a]), int(nodes[b]))
            joules[a, b] = (
                np.inf
                if route is None
                else sum(float(problem.energy_weight[end]) * spent for end, spent in problem.joules(table, route))
            )
    return joules
