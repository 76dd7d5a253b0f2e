"""Loads every kernel before the first request, or compiles it where none is kept: no request waits for the compiler."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from models.constraints import Backend
from models.frontier import FrontierRequest
from models.request import PlanRequest
from placement import kernels, solver
from placement.backends.base import Box, Task
from placement.bounds import Memory, time_range
from placement.boxes import shape_of, within
from placement.constraints import limits_of
from placement.cost_model import compile_problem
from placement.goals import Goal
from placement.labelling import Labelling
from placement.lagrangian import Pricing
from placement.stage_graph import build_stage_graph

LABELS = 1000
"""More than a tiny request has."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What was done, by names of kernels (module.function)."""

    compiled: tuple[str, ...]
    """Compiled anew, and kept for later processes where there is a place for it (`placement.kernels.keeping`)."""
    loaded: tuple[str, ...]
    """Compiled by an earlier process."""


def warm_up() -> WarmUp:
    """Plan a few tiny requests: a second with kept code, about a minute of compiling without, once per machine."""
    before = {name: _counts(kernel) for name, kernel in kernels_by_name().items()}
    for request in tiny_requests():
        _relax_and_label(request)
        # A clock that stands still: compiling is no reason to end a search early.
        solver.plan(request, clock=lambda: 0.0)
    solver.frontier(_tiny_frontier(), clock=lambda: 0.0)
    after = {name: _counts(kernel) for name, kernel in kernels_by_name().items()}
    return WarmUp(
        compiled=tuple(name for name, (_, misses) in after.items() if misses > before[name][1]),
        loaded=tuple(name for name, (hits, _) in after.items() if hits > before[name][0]),
    )


def kernels_by_name() -> dict[str, Any]:
    """Every compiled function of `placement.kernels`, those included that only other kernels call."""
    found = {}
    for info in pkgutil.iter_modules(kernels.__path__):
        module = import_module(f"{kernels.__name__}.{info.name}")
        for name, value in vars(module).items():
            if hasattr(value, "nopython_signatures") and value.__module__ == module.__name__:
                found[f"{info.name}.{name}"] = value
    return found


def _counts(kernel: Any) -> tuple[int, int]:
    """How many kinds of arguments were loaded, and how many compiled."""
    return sum(kernel.stats.cache_hits.values()), sum(kernel.stats.cache_misses.values())


def _relax_and_label(request: PlanRequest) -> None:
    """All steps of a search on one box: a tiny request ends before it needs them."""
    graph = build_stage_graph(compile_problem(request), merge=True)
    task = Task(graph, Goal(latency=1.0, energy=1.0), limits_of(graph.problem))
    times = time_range(graph)
    assert times is not None  # tiny requests have plans
    box = Box((0.0, 0.0), (times.longest_s, 2 * times.longest_s), (0, graph.problem.layer_count))
    graph, shape = within(graph, shape_of(task), box)
    pricing = Pricing(graph, shape, box, [], Memory.none(graph), counts_loads=True)
    relaxed = pricing.improve(pricing.start(), None, 2)
    assert relaxed is not None
    Labelling(task, relaxed).run(None, LABELS)
    relaxed.below(float(relaxed.through.max()) + relaxed.cycle_weight)
    pricing.sweep.to_end(relaxed.cost + relaxed.taken.sum())
    pricing.sweep.least_peak(shape.peak_s[0])


def tiny_requests() -> Iterator[PlanRequest]:
    """By workload, objective and limits."""
    inference = {"kind": "inference", "source": "phone", "output_tokens": 2}
    training = {"kind": "training", "source": "phone", "micro_batches": 4}
    gpipe, one_f_one_b = training | {"schedule": "gpipe"}, training | {"schedule": "1f1b"}
    for workload, objective, constraints in (
        (inference, "latency", {}),
        (inference, "energy", {"max_energy_j": 1000.0, "max_stages": 3}),
        (inference | {"concurrency": 2}, "throughput", {"max_latency_s": 10.0}),
        (gpipe, "latency", {"max_energy_j": 1000.0}),
        (gpipe, "energy", {"max_latency_s": 100.0}),
        (one_f_one_b, "latency", {}),
    ):
        yield PlanRequest.model_validate(_body(workload, objective, constraints))
    yield PlanRequest.model_validate(_body(inference, "latency", {}) | {"solver": {"backend": Backend.MILP}})


def _tiny_frontier() -> FrontierRequest:
    """By labels, since `auto` would enumerate the few placements."""
    inference = {"kind": "inference", "source": "phone"}
    return FrontierRequest.model_validate(_body(inference, "latency", {}) | {"solver": {"backend": Backend.LABELS}})


def _body(workload: dict[str, Any], objective: str, constraints: dict[str, float]) -> dict[str, Any]:
    """Four layers, the last of which returns to a phone; it and three edge nodes, two of a kind, share a channel."""
    cost = {"flops": 1e8, "output_bytes": 1e5}
    layer = {"weight_bytes": 1e6, "forward": cost, "decode": cost, "backward": cost}
    power = {"idle_power_w": 1.0, "busy_power_w": 5.0}
    levels = [
        {"name": "low", "compute_flops_per_s": 5e9, "idle_power_w": 0.5, "busy_power_w": 2.0},
        {"name": "high", "compute_flops_per_s": 1e10, **power},
    ]
    edge = {"compute_flops_per_s": 1e10, "memory_bytes": 3e6, **power}
    nodes: list[dict[str, Any]] = [
        edge | {"id": "phone", "kind": "terminal", "compute_flops_per_s": 4e9, "energy_budget_j": 1e4},
        edge | {"id": "levels", "operating_points": levels, "overlaps_communication": False},
        edge | {"id": "twin-1"},
        edge | {"id": "twin-2"},
    ]
    links = [
        {"source": a["id"], "target": b["id"], "bandwidth_bits_per_s": 1e8, "medium": "radio"}
        for i, a in enumerate(nodes)
        for b in nodes[i + 1 :]
    ]
    return {
        "cluster": {"nodes": nodes, "links": links},
        "model": {"layers": [layer] * 4, "result_bytes": 1e4, "label_bytes": 1e4},
        "workload": workload,
        "privacy": {"head_layers": 1, "tail_layers": 1},
        "objective": {"kind": objective},
        "constraints": constraints,
    }
