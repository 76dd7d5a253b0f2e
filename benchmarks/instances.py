"""Instance families, generated from seeds; memory-tight by default: the nodes together hold 1.6 times the model."""

from __future__ import annotations

from random import Random
from typing import Any

Body = dict[str, Any]
"""A request of POST /plan, before it is JSON."""
GIB = 2.0**30


def heterogeneous(
    layers: int,
    nodes: int,
    seed: int,
    *,
    workload: str = "inference",
    tightness: float = 1.6,
    levels: int = 1,
    medium: str | None = None,
) -> Body:
    """Random rates, memories and links on a full directed matrix; the terminal comes first.

    Layers need about 10 GFLOP, 6 ms on a middling node, and weigh about 0.4 GiB; a transfer takes about as long as a
    layer. tightness: memory of all nodes together over the weights. levels: operating points per node. medium: the name
    of one channel that all links share. A workload and a seed fix all rates, memories and links.
    """
    rng = Random(seed)  # noqa: S311 - instances, not secrets
    passes = ("forward", "backward", "update") if workload == "training" else ("forward", "decode")
    model = [_layer(rng, passes) for _ in range(layers)]
    size = sum(layer["weight_bytes"] for layer in model)
    share = [rng.uniform(0.5, 1.5) for _ in range(nodes)]
    memory = [size * tightness * part / sum(share) for part in share]
    memory[0] = max(memory[0], 2 * max(layer["weight_bytes"] for layer in model))
    machines = [_node(rng, n, memory[n], levels) for n in range(nodes)]
    rate = [[None if a == b else rng.uniform(0.2, 2) * 1e9 for b in range(nodes)] for a in range(nodes)]
    delay = [[None if a == b else rng.uniform(0.0005, 0.005) for b in range(nodes)] for a in range(nodes)]
    body: Body = {
        "cluster": {
            "nodes": machines,
            "link_matrix": {
                "bandwidth_bits_per_s": rate,
                "latency_s": delay,
                "transmit_power_w": [[1.0] * nodes for _ in range(nodes)],
                "receive_power_w": [[0.5] * nodes for _ in range(nodes)],
                "medium": medium,
            },
        },
        "model": {"layers": model, "input_bytes": 1e5, "label_bytes": 1e4 if workload == "training" else 0.0,
                  "result_bytes": 1e4},
        "workload": {"kind": workload, "source": "node-0"},
        "privacy": {"head_layers": 1},
        "objective": {"kind": "latency"},
        "solver": {"time_limit_s": 60.0},
    }  # fmt: skip
    if workload == "training":
        body["workload"] |= {"micro_batches": 8, "schedule": "gpipe"}
    return body


def _layer(rng: Random, passes: tuple[str, ...]) -> dict[str, Any]:
    flops = rng.uniform(0.5, 1.5) * 1e10
    layer: dict[str, Any] = {"weight_bytes": rng.uniform(0.3, 0.5) * GIB}
    for name in passes:
        factor = {"forward": 1.0, "backward": 2.0, "decode": 0.01, "update": 0.05}[name]
        layer[name] = {"flops": flops * factor, "output_bytes": rng.uniform(0.5, 1.5) * 1e6}
    return layer


def _node(rng: Random, n: int, memory: float, levels: int) -> dict[str, Any]:
    rate = rng.uniform(0.3, 3) * 1e12
    idle, busy = rng.uniform(1, 10), rng.uniform(20, 60)
    node: dict[str, Any] = {
        "id": f"node-{n}",
        "kind": "terminal" if n == 0 else "edge",
        "compute_flops_per_s": rate,
        "memory_bytes": memory,
        "idle_power_w": idle,
        "busy_power_w": busy,
    }
    if levels > 1:
        node["operating_points"] = [
            {"name": f"level-{v}", "compute_flops_per_s": rate * part, "busy_power_w": idle + (busy - idle) * part**2}
            for v, part in enumerate(1 - 0.25 * v for v in range(levels))
        ]
    return node
