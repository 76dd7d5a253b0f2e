"""From a placement and its figures to the answer's tables."""

from __future__ import annotations

from collections.abc import Callable

from models.infeasibility import Violation
from models.plan import (
    Baseline,
    Bottleneck,
    Event,
    LinkUse,
    Memory,
    Metrics,
    NodeUse,
    PassSeconds,
    Simulated,
    Stage,
    Transfer,
)
from placement.backends.base import LatencyModel
from placement.baselines import NamedPlacement, baselines
from placement.constraints import limit_violations, limits_of, placing_violations, structural_violations
from placement.evaluation import (
    Figures,
    Sending,
    Traversal,
    figures_of,
    node_memory,
    stage_memory,
    stage_seconds,
    throughput_per_s,
    traverse,
)
from placement.events import Operation
from placement.explanation.contributions import explain_placement
from placement.feasibility import feasible_figures
from placement.network import ChannelKind
from placement.problem import Placement, Problem
from placement.routes import RouteTable
from placement.simulation import Replay, replay

LONGEST_TIMELINE = 2000
"""Events of the timeline that an answer carries at most."""


def assess(problem: Problem, placement: Placement) -> tuple[Figures | None, list[Violation], Metrics]:
    """Figures (1f1b: with the replayed latency), every violation, and the answer's tables of one placement."""
    feasible = _feasible(problem, placement) is not None
    violations = [] if feasible else structural_violations(problem, placement)
    if violations:
        return None, violations, Metrics()
    traversal, seen = traverse(problem, placement), replay(problem, placement)
    assert traversal is not None  # routes are structural
    assert seen is not None
    by_formula = figures_of(problem, placement, traversal)
    figures = figures_of(problem, placement, traversal, seen.latency_s) if problem.replays else by_formula
    if not feasible:
        violations = placing_violations(problem, placement) + limit_violations(problem, placement, figures)
    return figures, violations, _metrics(problem, placement, traversal, figures, seen, by_formula.latency_s)


def _feasible(problem: Problem, placement: Placement) -> Figures | None:
    """Figures of a placement that keeps every rule, as the search has mostly found already; None: find out what not.

    None in 1f1b too, whose figures need a replay.
    """
    if problem.replays:
        return None
    return feasible_figures(problem, placement, limits_of(problem), LatencyModel.FORMULA)


def _metrics(
    problem: Problem, placement: Placement, traversal: Traversal, figures: Figures, seen: Replay, formula_s: float
) -> Metrics:
    events = _events(problem, seen.operations)
    note = seen.note
    if len(events) > LONGEST_TIMELINE:
        note = f"the timeline shows the first {LONGEST_TIMELINE} of {len(events)} events"
    memory = node_memory(problem, placement)
    return Metrics(
        stages=tuple(_stage(problem, placement, s) for s in range(len(placement))),
        nodes=tuple(
            _node(problem, placement, traversal, figures, n, memory.get(n, 0.0)) for n in range(problem.node_count)
        ),
        links=_links(problem, traversal, figures),
        latency_s=figures.latency_s,
        energy_j=figures.energy_j,
        throughput_per_s=throughput_per_s(problem, figures),
        period_s=figures.period_s,
        bottleneck=_bottleneck(problem, figures),
        explanation=explain_placement(problem, placement, traversal, figures),
        simulated=Simulated(
            latency_s=seen.latency_s,
            formula_latency_s=formula_s,
            note="1f1b: latency_s is the replayed time; the formula only ranks" if problem.replays else None,
        ),
        timeline=tuple(events[:LONGEST_TIMELINE]),
        timeline_note=note,
    )


def _stage(problem: Problem, placement: Placement, s: int) -> Stage:
    stage = placement[s]
    depth = len(placement) - s
    held = stage_memory(problem, stage, depth)
    option = problem.options[stage.option]

    def seconds(name: str) -> float:
        return stage_seconds(problem, stage, name)

    return Stage(
        node=problem.node_ids[option.node],
        level=option.level,
        first_layer=stage.first,
        stop_layer=stage.stop,
        busy_s=PassSeconds(
            forward=seconds("forward"),
            backward=seconds("backward") if problem.training else None,
            decode=seconds("decode") if problem.decode_passes else None,
            update=seconds("update") if problem.training else None,
        ),
        memory=Memory(
            weights_bytes=held.weights,
            gradients_bytes=held.gradients,
            optimizer_bytes=held.optimizer,
            activations_bytes=held.activations,
            kv_cache_bytes=held.kv_cache,
            workspace_bytes=held.workspace,
            total_bytes=held.total,
        ),
        in_flight=problem.in_flight(depth),
        transfer_to_next=_transfer(problem, placement, s) if s + 1 < len(placement) else None,
    )


def _transfer(problem: Problem, placement: Placement, s: int) -> Transfer:
    sender, receiver = problem.node_of(placement[s]), problem.node_of(placement[s + 1])
    cut = placement[s].stop
    payloads = problem.payloads

    def sent(table: RouteTable | None, a: int, b: int) -> tuple[float | None, float | None]:
        return (None, None) if table is None else (table.payload_bytes, table.trip_s(a, b))

    forward = payloads.forward[cut]
    assert forward is not None  # inner cuts always pass something on
    route = forward.route(sender, receiver) or ()
    backward_bytes, backward_s = sent(payloads.backward[cut], receiver, sender)
    decode_bytes, decode_s = sent(payloads.decode[cut], sender, receiver)
    return Transfer(
        route=(problem.node_ids[sender], *(problem.node_ids[link.target] for link in route)),
        forward_bytes=forward.payload_bytes,
        forward_s=forward.trip_s(sender, receiver),
        backward_bytes=backward_bytes,
        backward_s=backward_s,
        decode_bytes=decode_bytes,
        decode_s=decode_s,
    )


def _node(
    problem: Problem, placement: Placement, traversal: Traversal, figures: Figures, n: int, used_bytes: float
) -> NodeUse:
    own = [s for s, stage in enumerate(placement) if problem.node_of(stage) == n]
    busy_s = sum(traversal.compute_s[s] for s in own)
    return NodeUse(
        id=problem.node_ids[n],
        used=bool(own) or n == problem.source,
        level=problem.options[placement[own[0]].option].level if own else None,
        busy_s=busy_s,
        utilisation=_share(busy_s, figures),
        memory_used_bytes=used_bytes,
        memory_free_bytes=float(problem.memory_bytes[n]) - used_bytes,
        energy_j=figures.node_j(n),
        idle_energy_j=figures.idle_j[n],
        compute_energy_j=figures.compute_j[n],
        communication_energy_j=figures.communication_j[n],
        energy_weight=float(problem.energy_weight[n]),
    )


def _share(busy_s: float, figures: Figures) -> float:
    return busy_s / figures.cycle_s if figures.cycle_s > 0 else 0.0


def _links(problem: Problem, traversal: Traversal, figures: Figures) -> tuple[LinkUse, ...]:
    carried: dict[tuple[int, int], list[tuple[Sending, float]]] = {}
    for sending in traversal.sendings:
        for link in sending.route if sending.table.payload_bytes > 0 else ():
            carried.setdefault((link.source, link.target), []).append((sending, float(problem.repetitions)))
    uses = []
    for (a, b), sendings in sorted(carried.items()):
        wire = problem.network.link(a, b)
        assert wire is not None  # a sending's route has it
        channel = problem.network.channel_named(wire.channel)
        busy_s = sum(count * sending.times * sending.table.busy_s(wire) for sending, count in sendings)
        uses.append(
            LinkUse(
                source=problem.node_ids[a],
                target=problem.node_ids[b],
                medium=channel.id if channel.kind is ChannelKind.MEDIUM else None,
                bytes=sum(count * sending.times * sending.table.payload_bytes for sending, count in sendings),
                busy_s=busy_s,
                utilisation=_share(busy_s, figures),
                energy_j=busy_s * (wire.transmit_power_w + wire.receive_power_w),
            )
        )
    return tuple(uses)


def resource_name(problem: Problem, resource: int) -> tuple[str, str]:
    """(kind, id) of a resource: a node, a link or a medium."""
    if resource < problem.node_count:
        return "node", problem.node_ids[resource]
    channel = problem.network.channel_named(resource - problem.node_count)
    return channel.kind.value, channel.id


def _bottleneck(problem: Problem, figures: Figures) -> Bottleneck:
    kind, name = resource_name(problem, figures.bottleneck)
    return Bottleneck(kind=kind, id=name, busy_s=figures.period_s)


def _events(problem: Problem, operations: tuple[Operation, ...]) -> list[Event]:
    names = {r: resource_name(problem, r)[1] for r in {operation.resources[0] for operation in operations}}
    events = [
        Event(
            resource=names[operation.resources[0]],
            activity=operation.activity,
            stage=operation.stage,
            micro_batch=operation.micro_batch,
            start_s=operation.start_s,
            end_s=operation.end_s,
        )
        for operation in operations
        if operation.seconds > 0
    ]
    return sorted(events, key=lambda event: (event.start_s, event.end_s, event.resource))


def compare_baselines(problem: Problem, worth: Callable[[Figures], float]) -> tuple[Baseline, ...]:
    """Every baseline with its figures, or why it is infeasible; of the single-node ones the best.

    worth: the objective as the answer states it; the best single node is the feasible one of least latency.
    """
    rows: dict[str, Baseline] = {}
    for named in baselines(problem):
        row = _baseline(problem, named, worth)
        known = rows.get(named.name)
        if known is None or _rank(row) < _rank(known):
            rows[named.name] = row
    return tuple(rows.values())


def _rank(row: Baseline) -> tuple[bool, bool, float]:
    return not row.feasible, row.latency_s is None, row.latency_s or 0.0


def _baseline(problem: Problem, named: NamedPlacement, worth: Callable[[Figures], float]) -> Baseline:
    placement = named.placement
    if placement is None:
        return Baseline(name=named.name, feasible=False, reasons=("there is no other node",))
    figures, broken = _feasible(problem, placement), []
    if figures is None:
        violations = structural_violations(problem, placement)
        if violations:
            return Baseline(name=named.name, feasible=False, reasons=tuple(v.message for v in violations))
        traversal, seen = traverse(problem, placement), replay(problem, placement) if problem.replays else None
        assert traversal is not None  # routes are structural
        figures = figures_of(problem, placement, traversal, None if seen is None else seen.latency_s)
        broken = placing_violations(problem, placement) + limit_violations(problem, placement, figures)
    return Baseline(
        name=named.name,
        feasible=not broken,
        stages=tuple(f"{problem.node_ids[problem.node_of(stage)]} {stage.first}..{stage.stop}" for stage in placement),
        latency_s=figures.latency_s,
        energy_j=figures.energy_j,
        throughput_per_s=throughput_per_s(problem, figures),
        objective=worth(figures),
        reasons=tuple(violation.message for violation in broken),
    )
