"""What every node and link adds to a plan, and how much every limit leaves: straight from the plan's own figures.

The latency of a schedule is a sum over what a micro-batch passes, plus waiting for the slowest:
    inference   F
    sequential  M (F + B) + U
    gpipe       F + B + (M - 1) (max_r f_r + max_r b_r) + U
    1f1b        F + B + (M - 1) max_r (f_r + b_r) + U
F and B are sums over nodes (computing) and links (transfers, propagation included); the waiting belongs to the resource
that is the largest, U to the node whose update takes longest. So the parts add up to the latency.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from models.explanation import Explanation, LimitSlack, LinkContribution, NodeContribution
from models.workload import Schedule
from placement.constraints import LIMIT_TOLERANCE, MEMORY_TOLERANCE
from placement.evaluation import Figures, Traversal, busy_s, formula_latency_s, node_memory, stage_seconds
from placement.explanation import quantities as say
from placement.explanation.summary import summary_of
from placement.problem import Placement, Problem

Directed = tuple[int, int]
"""A directed link by its ends."""


@dataclass
class _Parts:
    """Seconds of the latency and weighted joules, by node and by directed link."""

    node_s: dict[int, float] = field(default_factory=dict)
    link_s: dict[Directed, float] = field(default_factory=dict)
    link_j: dict[Directed, float] = field(default_factory=dict)

    def node(self, node: int, seconds: float) -> None:
        self.node_s[node] = self.node_s.get(node, 0.0) + seconds

    def link(self, link: Directed, seconds: float) -> None:
        self.link_s[link] = self.link_s.get(link, 0.0) + seconds


def explain_placement(problem: Problem, placement: Placement, traversal: Traversal, figures: Figures) -> Explanation:
    """The explanation that every answer carries; some microseconds per stage."""
    parts = _parts(problem, placement, traversal)
    latency_s, energy_j = figures.latency_s or 1.0, figures.energy_j or 1.0
    weight = problem.energy_weight
    memory = node_memory(problem, placement)
    used = sorted({problem.source, *memory})
    nodes = tuple(
        NodeContribution(
            id=problem.node_ids[n],
            latency_s=parts.node_s.get(n, 0.0),
            latency_share=parts.node_s.get(n, 0.0) / latency_s,
            energy_j=float(weight[n]) * figures.node_j(n),
            energy_share=float(weight[n]) * figures.node_j(n) / energy_j,
            memory_bytes=memory.get(n, 0.0),
            memory_share=memory.get(n, 0.0) / float(problem.memory_bytes[n]) if problem.memory_bytes[n] > 0 else 0.0,
        )
        for n in used
    )
    links = tuple(
        LinkContribution(
            source=problem.node_ids[a],
            target=problem.node_ids[b],
            latency_s=seconds,
            latency_share=seconds / latency_s,
            energy_j=parts.link_j.get((a, b), 0.0),
            energy_share=parts.link_j.get((a, b), 0.0) / energy_j,
        )
        for (a, b), seconds in sorted(parts.link_s.items())
    )
    limits = tuple(limit_slacks(problem, placement, figures))
    return Explanation(
        summary=summary_of(problem, traversal, figures, (nodes, links), limits),
        limits=limits,
        nodes=nodes,
        links=links,
        other_latency_s=figures.latency_s - formula_latency_s(problem, traversal) if problem.replays else 0.0,
    )


def _parts(problem: Problem, placement: Placement, traversal: Traversal) -> _Parts:
    parts = _Parts()
    training = problem.training
    sequential = training is not None and training.schedule is Schedule.SEQUENTIAL
    through = problem.repetitions if sequential else 1
    for stage in placement:
        seconds = stage_seconds(problem, stage, "forward")
        if problem.decode_passes:
            seconds += problem.decode_passes * stage_seconds(problem, stage, "decode")
        if training:
            seconds += stage_seconds(problem, stage, "backward")
        parts.node(problem.node_of(stage), through * seconds)
    _send(problem, traversal, parts, through)
    if training is None:
        return parts
    if not sequential:
        _wait(problem, traversal, parts, training.schedule, training.micro_batches - 1)
    updates: dict[int, float] = {}
    for stage in placement:
        node = problem.node_of(stage)
        updates[node] = updates.get(node, 0.0) + stage_seconds(problem, stage, "update")
    slowest = max(updates, key=lambda n: updates[n])
    parts.node(slowest, updates[slowest])
    return parts


def _send(problem: Problem, traversal: Traversal, parts: _Parts, through: int) -> None:
    """Transfers on the way (labels travel ahead, so they take none of it), and the energy of all."""
    weight = problem.energy_weight
    for sending in traversal.sendings:
        for link in sending.route:
            ends = (link.source, link.target)
            busy = sending.table.busy_s(link)
            on_the_way = 0 if sending.activity == "label" else through * sending.times
            parts.link(ends, on_the_way * (link.latency_s + busy))
            watts = weight[link.source] * link.transmit_power_w + weight[link.target] * link.receive_power_w
            joules = problem.repetitions * sending.times * busy * float(watts)
            parts.link_j[ends] = parts.link_j.get(ends, 0.0) + joules


def _wait(problem: Problem, traversal: Traversal, parts: _Parts, schedule: Schedule, more: int) -> None:
    """(M - 1) times the largest busy times, given to the resources that have them."""
    apart = schedule is Schedule.GPIPE
    loads = [traversal.forward_busy_s, traversal.backward_busy_s] if apart else [busy_s(traversal)]
    for load in loads:
        resource = max(load, key=lambda r: load[r])
        if resource < problem.node_count:
            parts.node(resource, more * load[resource])
            continue
        for ends, share in _carried(problem, traversal, resource, load is traversal.backward_busy_s, schedule).items():
            parts.link(ends, more * load[resource] * share)


def _carried(
    problem: Problem, traversal: Traversal, resource: int, backward: bool, schedule: Schedule
) -> dict[Directed, float]:
    """Shares of a busy channel by the links that occupy it (a medium has many)."""
    carried: dict[Directed, float] = {}
    for sending in traversal.sendings:
        if schedule is Schedule.GPIPE and (sending.activity == "gradient") is not backward:
            continue
        for link in sending.route:
            if problem.node_count + link.channel == resource:
                ends = (link.source, link.target)
                carried[ends] = carried.get(ends, 0.0) + sending.times * sending.table.busy_s(link)
    total = sum(carried.values())
    return {ends: seconds / total for ends, seconds in carried.items()} if total > 0 else {}


def limit_slacks(problem: Problem, placement: Placement, figures: Figures) -> list[LimitSlack]:
    """Every limit that the plan could break, and what it leaves of it."""
    constraints = problem.request.constraints
    found = []
    if constraints.max_latency_s is not None:
        found.append(_most("max_latency_s", figures.latency_s, constraints.max_latency_s, say.seconds))
    if constraints.max_energy_j is not None:
        found.append(_most("max_energy_j", figures.energy_j, constraints.max_energy_j, say.joules))
    if constraints.min_throughput_per_s is not None and figures.cycle_s > 0:
        limit, reached = constraints.min_throughput_per_s, problem.repetitions / figures.cycle_s
        found.append(
            LimitSlack(
                constraint="min_throughput_per_s",
                used=reached,
                limit=limit,
                slack=reached - limit,
                binding=reached - limit <= LIMIT_TOLERANCE * limit,
                message=f"min_throughput_per_s: {say.rate(reached)} where {say.rate(limit)} are demanded",
            )
        )
    if constraints.max_stages is not None:
        found.append(_most("max_stages", len(placement), constraints.max_stages, lambda value: f"{value:.0f} stages"))
    for n, node in enumerate(problem.request.cluster.nodes):
        if node.energy_budget_j is not None:
            found.append(_most("energy_budget_j", figures.node_j(n), node.energy_budget_j, say.joules, node.id))
    return [*found, *_memory(problem, placement), *_kept_on_source(problem, placement)]


def _most(constraint: str, used: float, limit: float, words: object, subject: str | None = None) -> LimitSlack:
    assert callable(words)
    where = "" if subject is None else f" of {subject}"
    return LimitSlack(
        constraint=constraint,
        subject=subject,
        used=used,
        limit=limit,
        slack=limit - used,
        binding=limit - used <= LIMIT_TOLERANCE * abs(limit),
        message=f"{constraint}{where}: {words(used)} of {words(limit)} used",
    )


def _memory(problem: Problem, placement: Placement) -> list[LimitSlack]:
    """Binding: neither the layer before nor the layer behind any of the node's stages would fit as well."""
    found = []
    for n, used in sorted(node_memory(problem, placement).items()):
        limit = float(problem.memory_bytes[n])
        larger = []
        for s, stage in enumerate(placement):
            if problem.node_of(stage) == n:
                larger += [k for k in (stage.first - 1, stage.stop) if 0 <= k < problem.layer_count]
                in_flight = problem.in_flight(len(placement) - s)
        free = limit - used
        more = [float(problem.bytes.static[k] + in_flight * problem.bytes.activations[k]) for k in larger]
        binding = bool(more) and min(more) > free + MEMORY_TOLERANCE * limit
        found.append(
            LimitSlack(
                constraint="memory_bytes",
                subject=problem.node_ids[n],
                used=used,
                limit=limit,
                slack=free,
                binding=binding,
                message=f"memory of {problem.node_ids[n]}: {say.size(used)} of {say.size(limit)} used"
                + (f"; the next layer would need {say.size(min(more))}" if binding else ""),
            )
        )
    return found


def _kept_on_source(problem: Problem, placement: Placement) -> list[LimitSlack]:
    """head_layers and tail_layers: binding where not one layer more than they demand runs on the source."""
    first, last, layers = placement[0], placement[-1], problem.layer_count
    held = {
        "head_layers": (first.stop if problem.node_of(first) == problem.source else 0, problem.head_layers),
        "tail_layers": (layers - last.first if problem.node_of(last) == problem.source else 0, problem.tail_layers),
    }
    return [
        LimitSlack(
            constraint=name,
            used=kept,
            limit=demanded,
            slack=kept - demanded,
            binding=kept == demanded,
            message=f"{name}: {kept} layers run on the source, {demanded} have to",
        )
        for name, (kept, demanded) in held.items()
        if demanded > 0
    ]
