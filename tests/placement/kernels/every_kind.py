"""Plans requests of each kind and prints, per kernel, for how many kinds of arguments it was compiled."""

from __future__ import annotations

import json
import sys
from random import Random
from typing import Any

from models.request import PlanRequest
from placement import bounds, branching, labelling, lagrangian, solver
from tests.placement.fleets import fleet_request
from tests.placement.instances import random_request, with_levels

WORKLOADS: dict[str, dict[str, Any]] = {
    "one request": {"kind": "inference", "source": "n0", "concurrency": 1},
    "streams": {"kind": "inference", "source": "n0", "concurrency": 4, "output_tokens": 5},
    "sequential": {"kind": "training", "source": "n0", "micro_batches": 4, "schedule": "sequential"},
    "gpipe": {"kind": "training", "source": "n0", "micro_batches": 4, "schedule": "gpipe"},
    "1f1b": {"kind": "training", "source": "n0", "micro_batches": 4, "schedule": "1f1b", "warmup": "deep"},
}


def solved(body: dict[str, Any], backend: str, limits: dict[str, float]) -> None:
    """Plan; whether a plan exists does not matter."""
    body = body | {
        "solver": {"backend": backend, "time_limit_s": 0.5},
        "constraints": body["constraints"] | limits,
    }
    solver.plan(PlanRequest.model_validate(body))


def solve_every_kind() -> None:
    """Every workload, objective and shape of cluster; with limits, budgets and levels."""
    seed = 0
    for workload in WORKLOADS.values():
        training = workload["kind"] == "training"
        for draw in (random_request, fleet_request):
            for kind in ("latency", "energy", "throughput"):
                seed += 1
                body = draw(Random(seed), training=training) | {"workload": workload, "objective": {"kind": kind}}
                body["cluster"]["nodes"][0]["energy_budget_j"] = 1000.0
                solved(body, "labels", {})
                solved(with_levels(Random(seed), body), "labels", {"max_latency_s": 100.0, "max_energy_j": 1000.0})
        solved(body, "milp", {})


def signatures() -> dict[str, int]:
    """Per compiled function that Python calls, its number of signatures; kernels bring the others along."""
    return {
        name: len(value.signatures)
        for module in (bounds, lagrangian, labelling)
        for name, value in vars(module).items()
        if hasattr(value, "signatures")
    }


if __name__ == "__main__":
    # Boxes of small requests are cut too, as those of large ones are.
    branching.FIRST_LABELS, branching.FIRST_STEPS, branching.NEXT_STEPS = 2, 20, 5
    solve_every_kind()
    sys.stdout.write(json.dumps(signatures()))
