"""Builders of small requests with round numbers, and short ways to price and score them.

A node computes 1 FLOP/s and a link carries 1 byte/s unless said otherwise, so FLOPs and bytes read as seconds. Powers
are 0, memory is ample and every layer may run anywhere unless a test says so.
"""

from __future__ import annotations

from typing import Any

from models.request import PlanRequest
from placement.backends.base import LatencyModel, Task
from placement.constraints import Limits, limits_of
from placement.cost_model import compile_problem
from placement.evaluation import Figures, Traversal, figures_of, traverse
from placement.objectives import Goal
from placement.problem import PlacedStage, Placement, Problem
from placement.simulation import Replay, replay
from placement.stage_graph import build_stage_graph

BIT_PER_BYTE = 8.0
LATENCY, ENERGY, CYCLE = Goal(latency=1.0), Goal(energy=1.0), Goal(cycle=1.0)


def node(name: str, **fields: Any) -> dict[str, Any]:
    """A node of 1 FLOP/s; `speed` multiplies it."""
    speed = fields.pop("speed", 1.0)
    body = {"id": name, "memory_bytes": 1000.0, **fields}
    return body if "operating_points" in body else {"compute_flops_per_s": speed, **body}


def link(source: str, target: str, *, byte_per_s: float = 1.0, **fields: Any) -> dict[str, Any]:
    """A link of 1 byte/s in each direction."""
    return {"source": source, "target": target, "bandwidth_bits_per_s": BIT_PER_BYTE * byte_per_s, **fields}


def layer(
    forward: float = 1.0,
    *,
    out: float = 0.0,
    backward: float | None = None,
    gradient: float = 0.0,
    decode: float | None = None,
    decode_out: float = 0.0,
    update: float | None = None,
    weight: float = 0.0,
    **fields: Any,
) -> dict[str, Any]:
    """A layer by its FLOPs per pass and the bytes that leave it: `out` forward, `gradient` backward."""
    body = {"forward": {"flops": forward, "output_bytes": out}, "weight_bytes": weight, **fields}
    if backward is not None:
        body["backward"] = {"flops": backward, "output_bytes": gradient}
    if decode is not None:
        body["decode"] = {"flops": decode, "output_bytes": decode_out}
    if update is not None:
        body["update"] = {"flops": update}
    return body


def inference(**fields: Any) -> dict[str, Any]:
    """Requests that originate on node a."""
    return {"kind": "inference", "source": "a", **fields}


def training(micro_batches: int = 1, schedule: str = "gpipe", **fields: Any) -> dict[str, Any]:
    """Iterations whose input and labels originate on node a."""
    return {"kind": "training", "source": "a", "micro_batches": micro_batches, "schedule": schedule, **fields}


def request_body(
    nodes: list[dict[str, Any]],
    links: list[dict[str, Any]],
    layers: list[dict[str, Any]],
    workload: dict[str, Any] | None = None,
    **parts: Any,
) -> dict[str, Any]:
    """A request; payloads (`input_bytes`, ...) go to the model, other parts stand beside it. No head by default."""
    payloads = {name: parts.pop(name) for name in ("input_bytes", "label_bytes", "result_bytes") if name in parts}
    return {
        "cluster": {"nodes": nodes, "links": links},
        "model": {"layers": layers, **payloads},
        "workload": workload or inference(),
        "privacy": {"head_layers": 0, **parts.pop("privacy", {})},
        **parts,
    }


def compiled(body: dict[str, Any]) -> Problem:
    """The compiled problem of a request body."""
    return compile_problem(PlanRequest.model_validate(body))


def problem_of(
    nodes: list[dict[str, Any]],
    links: list[dict[str, Any]],
    layers: list[dict[str, Any]],
    workload: dict[str, Any] | None = None,
    **parts: Any,
) -> Problem:
    """The compiled problem of `request_body`."""
    return compiled(request_body(nodes, links, layers, workload, **parts))


def placed(problem: Problem, *stages: tuple[str, int, int] | tuple[str, int, int, str]) -> Placement:
    """Stages as (node, first, stop) or (node, first, stop, level); without a level, the node's first one."""
    placement = []
    for name, first, stop, *level in stages:
        own = problem.options_of_node[problem.node_ids.index(name)]
        option = next(o for o in own if not level or problem.options[o].level == level[0])
        placement.append(PlacedStage(option, first, stop))
    return tuple(placement)


def passing(problem: Problem, placement: Placement) -> Traversal:
    """F, B, f_r, b_r and U of a placement whose stages can reach each other."""
    traversal = traverse(problem, placement)
    assert traversal is not None
    return traversal


def scored(problem: Problem, *stages: tuple[str, int, int] | tuple[str, int, int, str]) -> Figures:
    """The referee's figures of stages given as to `placed`."""
    placement = placed(problem, *stages)
    return figures_of(problem, placement, passing(problem, placement))


def replayed(problem: Problem, placement: Placement) -> Replay:
    """The simulator's view of a placement whose stages can reach each other."""
    seen = replay(problem, placement)
    assert seen is not None
    return seen


def busy(problem: Problem, seconds: dict[int, float]) -> dict[str, float]:
    """Busy seconds by the name of their resource, without those that are not busy."""
    names = [*problem.node_ids, *(channel.id for channel in problem.network.channels)]
    return {names[resource]: value for resource, value in seconds.items() if value}


def task_of(
    problem: Problem,
    goal: Goal = LATENCY,
    limits: Limits | None = None,
    latency_model: LatencyModel = LatencyModel.FORMULA,
    *,
    merge: bool = False,
    **settings: Any,
) -> Task:
    """A task over all stages of a problem; `limits` default to the caller's. merge: classes instead of nodes."""
    return Task(
        build_stage_graph(problem, merge=merge),
        goal,
        limits or limits_of(problem),
        latency_model,
        **{"time_limit_s": 60.0, "threads": 1, **settings},
    )


def named(problem: Problem, placement: Placement) -> list[tuple[str, int, int]]:
    """A placement as (node, first, stop), for comparison with what a test expects."""
    return [(problem.node_ids[problem.node_of(stage)], stage.first, stage.stop) for stage in placement]
