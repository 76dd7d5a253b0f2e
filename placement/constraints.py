"""The rules that a placement must respect, one function each, by the names that docs/formulation.md uses.

Structural rules decide whether figures exist at all; placing rules say who may run and see what; limits bound the
figures. The stage graph and the formulations enforce the same rules by construction; this module says which one broke.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from models.infeasibility import Violation
from placement.evaluation import Figures, node_memory, sendings_of
from placement.problem import Placement, Problem

LIMIT_TOLERANCE = 1e-6
"""Relative slack for limits on computed figures: solvers meet limits only to their own tolerance."""
MEMORY_TOLERANCE = 1e-9
"""Relative slack for bytes, which are sums of exact integers."""


def exceeds(value: float, limit: float, tolerance: float = LIMIT_TOLERANCE) -> bool:
    """Whether a figure is over its limit by more than rounding."""
    return value > limit + tolerance * abs(limit)


def structural_violations(problem: Problem, placement: Placement) -> list[Violation]:
    """Rules without which a placement has no figures; the later ones presume the earlier."""
    violations = list(layers_in_order(problem, placement)) or list(one_stage_per_node(problem, placement))
    return violations or list(routes(problem, placement))


def layers_in_order(problem: Problem, placement: Placement) -> Iterator[Violation]:
    """The stages cover layers 0..L, each where the one before it stops."""
    expected = 0
    for s, stage in enumerate(placement):
        if stage.first != expected:
            yield Violation(
                constraint="layers_in_order",
                message=f"stage {s} starts at layer {stage.first}, but layer {expected} is next",
                required=expected,
                available=stage.first,
                stages=(s,),
            )
        expected = stage.stop
    if expected != problem.layer_count:
        yield Violation(
            constraint="layers_in_order",
            message=f"the last stage stops at layer {expected}, but the model has {problem.layer_count} layers",
            required=problem.layer_count,
            available=expected,
            stages=(len(placement) - 1,),
        )


def one_stage_per_node(problem: Problem, placement: Placement) -> Iterator[Violation]:
    """A node holds one stage; the source may hold the first and, apart from it, the last; at one level."""
    nodes = [problem.node_of(stage) for stage in placement]
    for s, node in enumerate(nodes):
        earlier = nodes.index(node)
        u_shape = node == problem.source and earlier == 0 and s == len(nodes) - 1 and s > 1
        if earlier < s and not u_shape:
            yield Violation(
                constraint="one_stage_per_node",
                message=f"node {problem.node_ids[node]} holds stages {earlier} and {s}; only the source may hold two, "
                "the first and the last, with other nodes between them",
                nodes=(problem.node_ids[node],),
                stages=(earlier, s),
            )
        elif earlier < s and placement[earlier].option != placement[s].option:
            yield Violation(
                constraint="one_level_per_node",
                message=f"node {problem.node_ids[node]} runs its two stages at different levels",
                nodes=(problem.node_ids[node],),
                stages=(earlier, s),
            )


def routes(problem: Problem, placement: Placement) -> Iterator[Violation]:
    """Whatever must be sent has a route."""
    if sendings_of(problem, placement) is not None:
        return
    ids, payloads = problem.node_ids, problem.payloads
    nodes = [problem.node_of(stage) for stage in placement]
    trips = [(problem.source, nodes[0]), *pairwise(nodes)]
    trips += [
        (m, n) for stage, (n, m) in zip(placement, pairwise(nodes), strict=False) if payloads.backward[stage.stop]
    ]
    trips += [(nodes[-1], problem.source)] if payloads.result is not None else []
    trips += [(problem.source, nodes[-1])] if payloads.label is not None else []
    for a, b in dict.fromkeys(trips):
        if payloads.input.route(a, b) is None:
            yield Violation(constraint="route", message=f"no route from {ids[a]} to {ids[b]}", nodes=(ids[a], ids[b]))


def placing_violations(problem: Problem, placement: Placement) -> list[Violation]:
    """Every layer on a node that may not run it, and every cut that shows an untrusted node too much."""
    return [*layer_rules(problem, placement), *max_leakage(problem, placement)]


def layer_rules(problem: Problem, placement: Placement) -> Iterator[Violation]:
    """head_layers, tail_layers, untrusted_forbidden_layers, allowed_nodes, forbidden_nodes, pinned."""
    for s, stage in enumerate(placement):
        node = problem.node_of(stage)
        if problem.allowed[node, stage.first : stage.stop].all():
            continue
        refused: dict[str, list[int]] = {}
        for k in range(stage.first, stage.stop):
            if not problem.allowed[node, k]:
                for rule in refusing_rules(problem, node, k):
                    refused.setdefault(rule, []).append(k)
        for rule, layers in refused.items():
            span = f"layer {layers[0]}" if len(layers) == 1 else f"layers {layers[0]}..{layers[-1] + 1}"
            yield Violation(
                constraint=rule,
                message=f"{rule} keeps {span} off node {problem.node_ids[node]}",
                nodes=(problem.node_ids[node],),
                stages=(s,),
            )


def refusing_rules(problem: Problem, node: int, layer: int) -> list[str]:
    """Names of the rules that keep a layer off a node."""
    request = problem.request
    name = problem.node_ids[node]
    constraints = request.constraints
    layers = problem.layer_count
    rules = []
    if layer < problem.head_layers and node != problem.source:
        rules.append("head_layers")
    if layer >= layers - problem.tail_layers and node != problem.source:
        rules.append("tail_layers")
    if layer in request.privacy.untrusted_forbidden_layers and not request.cluster.nodes[node].is_trusted:
        rules.append("untrusted_forbidden_layers")
    if any(layer in entry.indices(layers) and name not in entry.nodes for entry in constraints.allowed_nodes):
        rules.append("allowed_nodes")
    if any(layer in entry.indices(layers) and name in entry.nodes for entry in constraints.forbidden_nodes):
        rules.append("forbidden_nodes")
    if any(layer in pin.indices(layers) and name != pin.node for pin in constraints.pinned):
        rules.append("pinned")
    return rules


def max_leakage(problem: Problem, placement: Placement) -> Iterator[Violation]:
    """No untrusted node receives the output of a leaking layer, nor the gradient of that cut. Relays only forward."""
    for s, (stage, following) in enumerate(pairwise(placement)):
        ends = [(problem.node_of(following), s + 1, "the output")]
        if problem.payloads.backward[stage.stop] is not None:
            ends.append((problem.node_of(stage), s, "the gradient"))
        for node, receiver, what in ends:
            if not problem.receives[node, stage.stop]:
                leakage = problem.request.privacy.leakage
                assert leakage is not None  # otherwise every node receives everything
                yield Violation(
                    constraint="max_leakage",
                    message=f"untrusted node {problem.node_ids[node]} receives {what} of layer {stage.stop - 1}",
                    required=leakage[stage.stop - 1],
                    available=problem.request.privacy.max_leakage,
                    nodes=(problem.node_ids[node],),
                    stages=(receiver,),
                )


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper limits on a plan's figures; None is no limit."""

    latency_s: float | None = None
    energy_j: float | None = None
    cycle_s: float | None = None


def limits_of(problem: Problem) -> Limits:
    """The caller's limits: max_latency_s, max_energy_j, and min_throughput_per_s as a longest cycle."""
    constraints = problem.request.constraints
    rate = constraints.min_throughput_per_s
    return Limits(
        latency_s=constraints.max_latency_s,
        energy_j=constraints.max_energy_j,
        cycle_s=None if rate is None else problem.repetitions / rate,
    )


def limit_violations(
    problem: Problem, placement: Placement, figures: Figures, limits: Limits | None = None
) -> list[Violation]:
    """Every limit on memory, energy, time and stages that a placement breaks; `limits` default to the caller's."""
    bounds = limits or limits_of(problem)
    return [
        *memory_bytes(problem, placement),
        *energy_budget_j(problem, figures),
        *max_latency_s(bounds, figures),
        *max_energy_j(bounds, figures),
        *min_throughput_per_s(bounds, problem, figures),
        *max_stages(problem, placement),
    ]


def memory_bytes(problem: Problem, placement: Placement) -> Iterator[Violation]:
    """What a node holds fits its memory_bytes."""
    for node, required in node_memory(problem, placement).items():
        available = float(problem.memory_bytes[node])
        if exceeds(required, available, MEMORY_TOLERANCE):
            name = problem.node_ids[node]
            yield Violation(
                constraint="memory_bytes",
                message=f"{name} needs {(required - available) / 2**30:.3g} GiB more memory",
                required=required,
                available=available,
                nodes=(name,),
            )


def energy_budget_j(problem: Problem, figures: Figures) -> Iterator[Violation]:
    """A node's own joules stay within its budget."""
    for n, node in enumerate(problem.request.cluster.nodes):
        if node.energy_budget_j is not None and exceeds(figures.node_j(n), node.energy_budget_j):
            over = _over("energy_budget_j", f"{node.id} spends", figures.node_j(n), node.energy_budget_j, "J")
            yield over.model_copy(update={"nodes": (node.id,)})


def max_latency_s(limits: Limits, figures: Figures) -> Iterator[Violation]:
    """The latency is within the deadline."""
    if limits.latency_s is not None and exceeds(figures.latency_s, limits.latency_s):
        yield _over("max_latency_s", "the latency is", figures.latency_s, limits.latency_s, "s")


def max_energy_j(limits: Limits, figures: Figures) -> Iterator[Violation]:
    """The plan's weighted energy is within the cap."""
    if limits.energy_j is not None and exceeds(figures.energy_j, limits.energy_j):
        yield _over("max_energy_j", "the energy is", figures.energy_j, limits.energy_j, "J")


def min_throughput_per_s(limits: Limits, problem: Problem, figures: Figures) -> Iterator[Violation]:
    """The plan keeps up with the demanded rate."""
    if limits.cycle_s is not None and exceeds(figures.cycle_s, limits.cycle_s):
        reached, demanded = (problem.repetitions / cycle for cycle in (figures.cycle_s, limits.cycle_s))
        yield Violation(
            constraint="min_throughput_per_s",
            message=f"the throughput is {reached:.6g} per s, min_throughput_per_s asks for {demanded:.6g}",
            required=demanded,
            available=reached,
        )


def max_stages(problem: Problem, placement: Placement) -> Iterator[Violation]:
    """No more stages than allowed."""
    limit = problem.request.constraints.max_stages
    if limit is not None and len(placement) > limit:
        yield _over("max_stages", "the plan has", len(placement), limit, "stages")


def _over(constraint: str, what: str, required: float, available: float, unit: str) -> Violation:
    return Violation(
        constraint=constraint,
        message=f"{what} {required:.6g} {unit}, {constraint} allows {available:.6g} {unit}",
        required=required,
        available=available,
    )
