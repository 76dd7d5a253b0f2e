"""Requests of unusual shapes, with placements that the service scores: pages have to stay legible for them."""

from __future__ import annotations

import itertools
import json
import urllib.request
from typing import Any


def chain(nodes: int, layers: int, *, name: str = "node-{:02d}", micro_batches: int = 1) -> dict[str, Any]:
    """Training over nodes in a row, each linked with the next; the terminal with the last, for the labels."""
    ids = [name.format(n) for n in range(nodes)]
    links = [
        {"source": a, "target": b, "bandwidth_bits_per_s": 1e9, "latency_s": 2e-4, "transmit_power_w": 1.0}
        for a, b in itertools.pairwise(ids)
    ]
    if nodes > 2:
        links.append({"source": ids[0], "target": ids[-1], "bandwidth_bits_per_s": 1e8, "latency_s": 2e-3})
    return {
        "cluster": {
            "nodes": [
                {
                    "id": node,
                    "kind": "edge" if n else "terminal",
                    "compute_flops_per_s": (1 + n % 3) * 1e12,
                    "memory_bytes": 4e9 * layers / nodes,
                    "idle_power_w": 3,
                    "busy_power_w": 20 + n % 5,
                }
                for n, node in enumerate(ids)
            ],
            "links": links,
        },
        "model": {
            "name": f"{layers} blocks",
            "layers": [
                {
                    "weight_bytes": 1e9,
                    "activation_bytes": 2e6,
                    "forward": {"flops": 2e10, "output_bytes": 4e5},
                    "backward": {"flops": 4e10, "output_bytes": 4e5},
                    "update": {"flops": 1e9},
                }
                for _ in range(layers)
            ],
            "label_bytes": 1e3,
        },
        "workload": {"kind": "training", "micro_batches": micro_batches, "schedule": "gpipe", "source": ids[0]},
        "privacy": {"head_layers": 1},
    }


def even_plan(address: str, request: dict[str, Any], plan_id: str) -> dict[str, Any]:
    """The layers spread evenly over the nodes, scored by the service, in the form of an answered plan."""
    nodes = [node["id"] for node in request["cluster"]["nodes"]]
    layers = len(request["model"]["layers"])
    cuts = [layers * n // len(nodes) for n in range(len(nodes) + 1)]
    stages = [
        {"node": node, "first_layer": first, "stop_layer": stop}
        for node, (first, stop) in zip(nodes, itertools.pairwise(cuts), strict=True)
    ]
    body = json.dumps({**request, "stages": stages}).encode()
    asked = urllib.request.Request(f"{address}/plan:evaluate", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked) as response:
        scored = json.load(response)
    assert scored["violations"] == []
    solver = {"backend": "none", "seed": 0, "threads": 1, "seconds": {"total": 0.0}, "sizes": {}}
    return {
        **scored,
        "id": plan_id,
        "status": "feasible",
        "termination": "time_limit",
        "objective_kind": "latency",
        "bound": scored["latency_s"] / 1.25,
        "gap": 0.2,
        "baselines": [],
        "solver": solver,
    }
