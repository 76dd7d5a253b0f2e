"""The referee: what a placement costs, straight from the formulas of docs/formulation.md.

It shares only the compiled tables with the search; every claim of a backend is scored here again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum

import numpy as np

from models.workload import Schedule
from placement.network import DirectedLink
from placement.problem import PlacedStage, Placement, Problem
from placement.remembering import remembered
from placement.routes import RouteTable


@dataclass(frozen=True, slots=True)
class Sending:
    """One payload on its way over a route, `times` per request or per micro-batch."""

    activity: str
    stage: int | None
    """Index of the stage before the cut; None for input, labels and results."""
    table: RouteTable
    route: tuple[DirectedLink, ...]
    times: int = 1

    @property
    def seconds(self) -> float:
        """Unloaded time over all hops, propagation included."""
        return sum(link.latency_s + self.table.busy_s(link) for link in self.route)


@dataclass(frozen=True, slots=True)
class Traversal:
    """One micro-batch through the stages.

    forward_s, backward_s: F and B, unloaded (inference: B = 0, and F is the whole request, its decode passes included).
    forward_busy_s, backward_busy_s: f_r and b_r by resource visited (inference: f_r of the whole request).
    update_s: U. compute_s: compute seconds per stage and request or iteration.
    """

    forward_s: float
    backward_s: float
    forward_busy_s: Mapping[int, float]
    backward_busy_s: Mapping[int, float]
    update_s: float
    compute_s: tuple[float, ...]
    sendings: tuple[Sending, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a placement costs per request or iteration."""

    latency_s: float
    cycle_s: float
    """T in the energy: 1 / throughput for inference, the latency for training."""
    period_s: float
    bottleneck: int
    """Resource with the largest busy time per micro-batch (inference: per request)."""
    energy_j: float
    """Weighted by each node's energy_weight."""
    idle_j: tuple[float, ...]
    """Per node, its own joules, unweighted; likewise the next two."""
    compute_j: tuple[float, ...]
    communication_j: tuple[float, ...]

    def node_j(self, node: int) -> float:
        """The node's own joules, unweighted."""
        return self.idle_j[node] + self.compute_j[node] + self.communication_j[node]


def throughput_per_s(problem: Problem, figures: Figures) -> float | None:
    """Requests (1 / T) or micro-batches (M / T) per second; None where a plan takes no time at all."""
    return problem.repetitions / figures.cycle_s if figures.cycle_s > 0 else None


def stage_seconds(problem: Problem, stage: PlacedStage, name: str) -> float:
    """Busy time of a stage in one pass: the sum over its layers."""
    table: np.ndarray = getattr(problem, f"{name}_s")
    return fsum(table[stage.option, stage.first : stage.stop].tolist())


@remembered
def sendings_of(problem: Problem, placement: Placement) -> Sequence[Sending] | None:
    """All payloads that a micro-batch (inference: a request) sends; None where a route is missing."""
    payloads = problem.payloads
    nodes = [problem.node_of(stage) for stage in placement]
    decodes = problem.decode_passes
    wanted: list[tuple[str, int | None, RouteTable | None, int, int, int]] = [
        ("input", None, payloads.input, problem.source, nodes[0], 1)
    ]
    for s, (sender, receiver) in enumerate(pairwise(nodes)):
        cut = placement[s].stop
        wanted.append(("activation", s, payloads.forward[cut], sender, receiver, 1))
        wanted.append(("gradient", s, payloads.backward[cut], receiver, sender, 1))
        wanted.append(("decode", s, payloads.decode[cut], sender, receiver, decodes))
    wanted.append(("result", None, payloads.result, nodes[-1], problem.source, 1 + decodes))
    wanted.append(("label", None, payloads.label, problem.source, nodes[-1], 1))
    sendings = []
    for activity, stage, table, sender, receiver, times in wanted:
        if table is None or times == 0 or sender == receiver:
            continue
        route = table.route(sender, receiver)
        if route is None:
            return None
        sendings.append(Sending(activity, stage, table, route, times))
    return sendings


@remembered
def traverse(problem: Problem, placement: Placement) -> Traversal | None:
    """F, B, f_r, b_r and U of a placement; None where neighbours have no route."""
    sendings = sendings_of(problem, placement)
    if sendings is None:
        return None
    forward_busy: dict[int, float] = {}
    backward_busy: dict[int, float] = {}
    update: dict[int, float] = {}
    forward = backward = 0.0
    compute = []
    for stage in placement:
        node = problem.node_of(stage)
        f = stage_seconds(problem, stage, "forward")
        if problem.decode_passes:
            f += problem.decode_passes * stage_seconds(problem, stage, "decode")
        b = u = 0.0
        if problem.training:
            b = stage_seconds(problem, stage, "backward")
            u = stage_seconds(problem, stage, "update")
        forward += f
        backward += b
        forward_busy[node] = forward_busy.get(node, 0.0) + f
        backward_busy[node] = backward_busy.get(node, 0.0) + b
        update[node] = update.get(node, 0.0) + u
        compute.append(problem.repetitions * (f + b) + u)
    for sending in sendings:
        gradient = sending.activity == "gradient"
        if gradient:
            backward += sending.seconds
        elif sending.activity != "label":
            forward += sending.times * sending.seconds
        busy = backward_busy if gradient else forward_busy
        for resource, seconds in problem.occupancy(sending.table, sending.route):
            busy[resource] = busy.get(resource, 0.0) + sending.times * seconds
    return Traversal(
        forward, backward, forward_busy, backward_busy, max(update.values()), tuple(compute), tuple(sendings)
    )


def formula_latency_s(problem: Problem, traversal: Traversal) -> float:
    """Latency of one request, or of one iteration by its schedule's formula.

    inference: F.   sequential: M (F + B) + U.   gpipe: F + (M-1) max f_r + B + (M-1) max b_r + U.
    1f1b: F + B + (M-1) max (f_r + b_r) + U.
    """
    training = problem.training
    if training is None:
        return traversal.forward_s
    through = traversal.forward_s + traversal.backward_s
    more = training.micro_batches - 1
    if training.schedule is Schedule.SEQUENTIAL:
        waiting = more * through
    elif training.schedule is Schedule.GPIPE:
        waiting = more * (max(traversal.forward_busy_s.values()) + max(traversal.backward_busy_s.values()))
    else:
        waiting = more * max(busy_s(traversal).values())
    return through + waiting + traversal.update_s


def busy_s(traversal: Traversal) -> dict[int, float]:
    """f_r + b_r by resource visited."""
    forward, backward = traversal.forward_busy_s, traversal.backward_busy_s
    return {r: forward.get(r, 0.0) + backward.get(r, 0.0) for r in sorted(forward.keys() | backward.keys())}


def figures_of(problem: Problem, placement: Placement, traversal: Traversal, latency_s: float | None = None) -> Figures:
    """All figures of a placement; `latency_s` replaces the formula's latency where a replay has measured it.

    T = max(period, latency / concurrency) in inference, the latency in training.
    Energy: over used nodes (those with a stage, and the source) idle_power T + (busy_power - idle_power) busy, plus
    (transmit + receive power) x busy time of every transfer, each with its node's energy_weight.
    """
    if latency_s is None:
        return _formula_figures(problem, placement, traversal)
    return _figures(problem, placement, traversal, latency_s)


@remembered
def _formula_figures(problem: Problem, placement: Placement, traversal: Traversal) -> Figures:
    return _figures(problem, placement, traversal, formula_latency_s(problem, traversal))


def _figures(problem: Problem, placement: Placement, traversal: Traversal, latency_s: float) -> Figures:
    busy = busy_s(traversal)
    bottleneck = max(busy, key=lambda r: busy[r])
    period_s = busy[bottleneck]
    cycle_s = latency_s if problem.training else max(period_s, latency_s / problem.concurrency)
    idle = [0.0] * problem.node_count
    compute = [0.0] * problem.node_count
    communication = [0.0] * problem.node_count
    idle[problem.source] = float(problem.idle_power_w[problem.source]) * cycle_s
    for stage, seconds in zip(placement, traversal.compute_s, strict=True):
        option = problem.options[stage.option]
        idle[option.node] = option.idle_power_w * cycle_s
        compute[option.node] += (option.busy_power_w - option.idle_power_w) * seconds
    for sending in traversal.sendings:
        for node, joules in problem.joules(sending.table, sending.route):
            communication[node] += problem.repetitions * sending.times * joules
    energy = sum(
        weight * (a + b + c)
        for weight, a, b, c in zip(problem.energy_weight.tolist(), idle, compute, communication, strict=True)
    )
    return Figures(
        latency_s=latency_s,
        cycle_s=cycle_s,
        period_s=period_s,
        bottleneck=bottleneck,
        energy_j=energy,
        idle_j=tuple(idle),
        compute_j=tuple(compute),
        communication_j=tuple(communication),
    )


@dataclass(frozen=True, slots=True)
class StageMemory:
    """Bytes of one stage by part; workspace is the largest of its layers."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    kv_cache: float
    workspace: float

    @property
    def without_workspace(self) -> float:
        """What adds up when a node holds two stages."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.kv_cache

    @property
    def total(self) -> float:
        """All parts."""
        return self.without_workspace + self.workspace


def stage_memory(problem: Problem, stage: PlacedStage, depth: int) -> StageMemory:
    """Bytes that a stage needs when `depth` = S - s stages, itself included, run from it to the end."""
    layers = slice(stage.first, stage.stop)
    sizes = problem.bytes
    return StageMemory(
        weights=fsum(sizes.weights[layers].tolist()),
        gradients=fsum(sizes.gradients[layers].tolist()),
        optimizer=fsum(sizes.optimizer[layers].tolist()),
        activations=fsum(sizes.activations[layers].tolist()) * problem.in_flight(depth),
        kv_cache=fsum(sizes.kv_cache[layers].tolist()),
        workspace=max(sizes.workspace[layers].tolist()),
    )


@remembered
def node_memory(problem: Problem, placement: Placement) -> Mapping[int, float]:
    """Bytes per used node: its stages' parts, plus the largest workspace once."""
    held: dict[int, list[StageMemory]] = {}
    for s, stage in enumerate(placement):
        held.setdefault(problem.node_of(stage), []).append(stage_memory(problem, stage, len(placement) - s))
    return {
        node: sum(stage.without_workspace for stage in stages) + max(stage.workspace for stage in stages)
        for node, stages in held.items()
    }
