"""Hand-made requests and answers, realistic enough to look at."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from models import EvaluateRequest, PlanRequest
from models.constraints import ObjectiveKind
from models.infeasibility import Infeasibility, Relaxation, Violation
from models.plan import (
    Baseline,
    Bottleneck,
    Evaluation,
    Event,
    LinkUse,
    Memory,
    NodeUse,
    PassSeconds,
    Plan,
    Simulated,
    SolverReport,
    Stage,
    Status,
    Termination,
    Transfer,
)

GIB = 2.0**30
MIB = 2.0**20
LAYERS = 64
MICRO_BATCHES = 4
FORWARD_S, BACKWARD_S, SENDING_S = 0.1, 0.2, 0.025


def request_body(nodes: tuple[str, ...] = ("phone", "jetson", "server"), **parts: Any) -> dict[str, Any]:
    """A request over a chain of nodes, as JSON would give it."""
    layer = {"weight_bytes": "100MiB", "forward": {"flops": 1e9}, "backward": {"flops": 2e9}}
    return {
        "cluster": {
            "nodes": [
                {
                    "id": node,
                    "kind": "edge" if index else "terminal",
                    "compute_flops_per_s": "1TFLOP/s",
                    "memory_bytes": "4GiB",
                }
                for index, node in enumerate(nodes)
            ],
            "links": [{"source": a, "target": b, "bandwidth_bits_per_s": "100Mbit/s"} for a, b in pairwise(nodes)],
        },
        "model": {"name": "tiny", "layers": [{**layer, "name": f"block-{k}"} for k in range(LAYERS)]},
        "workload": {"kind": "training", "source": nodes[0], "micro_batches": MICRO_BATCHES},
    } | parts


def request(nodes: tuple[str, ...] = ("phone", "jetson", "server"), **parts: Any) -> PlanRequest:
    """The same, validated."""
    return PlanRequest.model_validate(request_body(nodes, **parts))


def evaluate_body(nodes: tuple[str, ...] = ("phone", "jetson", "server")) -> dict[str, Any]:
    """The same with the stages of `plan`."""
    stages = [{"node": s.node, "first_layer": s.first_layer, "stop_layer": s.stop_layer} for s in stages_of(nodes)]
    return {**request_body(nodes), "stages": stages}


def evaluate_request() -> EvaluateRequest:
    """The same, validated."""
    return EvaluateRequest.model_validate(evaluate_body())


def memory(total_bytes: float) -> Memory:
    return Memory(
        weights_bytes=total_bytes / 2,
        gradients_bytes=total_bytes / 8,
        optimizer_bytes=total_bytes / 4,
        activations_bytes=total_bytes / 8,
        kv_cache_bytes=0.0,
        workspace_bytes=0.0,
        total_bytes=total_bytes,
    )


def stages_of(nodes: tuple[str, ...]) -> tuple[Stage, ...]:
    """The layers shared out evenly over the nodes."""
    cuts = [LAYERS * s // len(nodes) for s in range(len(nodes) + 1)]
    return tuple(
        Stage(
            node=node,
            level="default",
            first_layer=cuts[s],
            stop_layer=cuts[s + 1],
            busy_s=PassSeconds(forward=FORWARD_S, backward=BACKWARD_S, update=0.03),
            memory=memory((s + 1.2) * GIB),
            in_flight=MICRO_BATCHES,
            transfer_to_next=Transfer(
                route=(node, nodes[s + 1]),
                forward_bytes=2 * MIB,
                forward_s=SENDING_S,
                backward_bytes=2 * MIB,
                backward_s=SENDING_S,
            )
            if s + 1 < len(nodes)
            else None,
        )
        for s, node in enumerate(nodes)
    )


def timeline_of(nodes: tuple[str, ...]) -> tuple[Event, ...]:
    """gpipe: every micro-batch forward through all stages, then backward, then the update."""
    events = []
    stages = len(nodes)
    turn = (stages - 1) * (FORWARD_S + SENDING_S) + MICRO_BATCHES * FORWARD_S
    for m in range(MICRO_BATCHES):
        for s, node in enumerate(nodes):
            start = s * (FORWARD_S + SENDING_S) + m * FORWARD_S
            events.append(_event(node, "forward", s, m, start, FORWARD_S))
            back = turn + (stages - 1 - s) * (BACKWARD_S + SENDING_S) + m * BACKWARD_S
            events.append(_event(node, "backward", s, m, back, BACKWARD_S))
            if s + 1 < stages:
                forth = f"{node} -> {nodes[s + 1]}"
                events.append(_event(forth, "activation", s, m, start + FORWARD_S, SENDING_S))
            if s:
                home = f"{node} -> {nodes[s - 1]}"
                events.append(_event(home, "gradient", s - 1, m, back + BACKWARD_S, SENDING_S))
    end = max(event.end_s for event in events)
    return (*events, *(_event(node, "update", s, None, end, 0.03) for s, node in enumerate(nodes)))


def _event(resource: str, activity: str, stage: int, micro_batch: int | None, start_s: float, length_s: float) -> Event:
    return Event(
        resource=resource,
        activity=activity,
        stage=stage,
        micro_batch=micro_batch,
        start_s=start_s,
        end_s=start_s + length_s,
    )


def node_uses(nodes: tuple[str, ...]) -> tuple[NodeUse, ...]:
    used = tuple(
        NodeUse(
            id=node,
            used=True,
            level="default",
            busy_s=1.23,
            utilisation=0.62,
            memory_used_bytes=(s + 1.2) * GIB,
            memory_free_bytes=4 * GIB - (s + 1.2) * GIB,
            energy_j=12.5 * (s + 1),
            idle_energy_j=2.5 * (s + 1),
            compute_energy_j=9.0 * (s + 1),
            communication_energy_j=1.0 * (s + 1),
            energy_weight=1.0,
        )
        for s, node in enumerate(nodes)
    )
    unused = NodeUse(
        id="spare",
        used=False,
        busy_s=0.0,
        utilisation=0.0,
        memory_used_bytes=0.0,
        memory_free_bytes=8 * GIB,
        energy_j=0.0,
        idle_energy_j=0.0,
        compute_energy_j=0.0,
        communication_energy_j=0.0,
        energy_weight=1.0,
    )
    return (*used, unused)


def figures(nodes: tuple[str, ...]) -> dict[str, Any]:
    """What a plan and an evaluation both say."""
    timeline = timeline_of(nodes)
    latency_s = max(event.end_s for event in timeline)
    return {
        "stages": stages_of(nodes),
        "nodes": node_uses(nodes),
        "links": tuple(
            LinkUse(source=a, target=b, bytes=8 * MIB, busy_s=0.1, utilisation=0.05, energy_j=0.2)
            for a, b in pairwise(nodes)
        ),
        "latency_s": latency_s,
        "energy_j": 75.0,
        "throughput_per_s": MICRO_BATCHES / latency_s,
        "period_s": 0.3,
        "bottleneck": Bottleneck(kind="node", id=nodes[-1], busy_s=0.3),
        "simulated": Simulated(latency_s=latency_s, formula_latency_s=latency_s),
        "timeline": timeline,
    }


REPORT = SolverReport(
    backend="milp",
    version="HiGHS 1.12.0",
    seed=0,
    threads=1,
    seconds={"compile": 0.01, "solve": 0.4, "total": 0.42},
    sizes={"arcs": 120, "arcs_reduced": 40},
)


def plan(nodes: tuple[str, ...] = ("phone", "jetson", "server"), /, **parts: Any) -> Plan:
    """An optimal plan over the nodes, in order."""
    said = figures(nodes)
    fields: dict[str, Any] = {
        **said,
        "id": "plan-1",
        "status": Status.OPTIMAL,
        "termination": Termination.OPTIMAL,
        "objective_kind": ObjectiveKind.LATENCY,
        "objective": said["latency_s"],
        "bound": said["latency_s"],
        "gap": 0.0,
        "baselines": (
            Baseline(
                name="terminal_only",
                feasible=False,
                reasons=("phone needs 3.1 GiB more memory",),
            ),
            Baseline(
                name="even_split",
                feasible=True,
                stages=("phone 0..3", "jetson 3..6", "server 6..8"),
                latency_s=2 * said["latency_s"],
                energy_j=100.0,
                throughput_per_s=MICRO_BATCHES / said["latency_s"] / 2,
                objective=2 * said["latency_s"],
            ),
        ),
        "solver": REPORT,
        "notes": ("figures of the Jetson are peak rates times 0.5",),
    }
    return Plan(**(fields | parts))


def infeasible_plan() -> Plan:
    """No plan: the model is too large."""
    return Plan(
        id="plan-2",
        status=Status.INFEASIBLE,
        termination=Termination.INFEASIBLE,
        objective_kind=ObjectiveKind.LATENCY,
        infeasibility=Infeasibility(
            reasons=(
                Violation(
                    constraint="memory_bytes",
                    message="jetson needs 1.3 GiB more memory",
                    required=5.3 * GIB,
                    available=4 * GIB,
                    nodes=("jetson",),
                ),
            ),
            relaxations=(
                Relaxation(
                    constraint="max_latency_s",
                    message="max_latency_s >= 0.84",
                    required=0.84,
                    available=0.5,
                    verified=True,
                ),
            ),
        ),
        solver=REPORT,
    )


def no_plan() -> Plan:
    """Nothing found before the time was up."""
    return Plan(
        id="plan-3",
        status=Status.NO_PLAN_FOUND,
        termination=Termination.TIME_LIMIT,
        objective_kind=ObjectiveKind.LATENCY,
        bound=0.4,
        solver=REPORT,
    )


def evaluation(**parts: Any) -> Evaluation:
    """The stages of `plan`, scored."""
    return Evaluation(**({**figures(("phone", "jetson", "server")), "feasible": True, "objective": 2.0} | parts))
