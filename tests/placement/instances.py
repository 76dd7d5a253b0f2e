"""Random small requests over all features of the contract, for the properties and the cross-checks.

Figures are drawn so that every feature matters: memory holds about half a model, transfers cost about as much as
computing, and limits lie near what the best plan needs.
"""

from __future__ import annotations

from random import Random
from typing import Any

GFLOP, MB = 1e9, 1e6


def random_request(
    rng: Random, *, max_layers: int = 5, max_nodes: int = 4, training: bool | None = None
) -> dict[str, Any]:
    """A valid request body; it may well be infeasible. `training`: which workload, None for either."""
    node_count = rng.randint(1, max_nodes)
    ids = [f"n{i}" for i in range(node_count)]
    training = rng.random() < 0.5 if training is None else training
    layers = random_layers(rng, rng.randint(2, max_layers), ids, training=training)
    weight = sum(
        layer["weight_bytes"] + 2 * layer.get("activation_bytes", 0) + layer.get("kv_cache_bytes", 0)
        + layer.get("gradient_bytes", 0) + layer.get("optimizer_bytes", 0) for layer in layers
    )  # fmt: skip
    nodes = [random_node(rng, name, weight) for name in ids]
    cluster: dict[str, Any] = {"nodes": nodes}
    cluster.update(random_matrix(rng, node_count) if rng.random() < 0.25 else random_links(rng, ids))
    request: dict[str, Any] = {
        "cluster": cluster,
        "model": {
            "layers": layers,
            "input_bytes": rng.choice([0, 0.1 * MB, 1 * MB]),
            "label_bytes": rng.choice([0, 0.01 * MB, 0.5 * MB]),
            "result_bytes": rng.choice([0, 0.001 * MB, 0.3 * MB]),
        },
        "workload": random_workload(rng, training=training),
        "privacy": random_privacy(rng, len(layers)),
        "constraints": random_constraints(rng, len(layers), ids),
        "objective": random_objective(rng),
    }
    if node_count > 1:
        _ensure_a_way_out(rng, cluster)
    return request


def _ensure_a_way_out(rng: Random, cluster: dict[str, Any]) -> None:
    """A source n0 that reaches no other node is refused as input: give it a link to n1."""
    if "link_matrix" in cluster:
        uplinks = cluster["link_matrix"]["bandwidth_bits_per_s"][0]
        uplinks[1] = uplinks[1] or rng.uniform(20, 500) * 1e6
        return
    links = cluster["links"]
    if not any("n0" in (link["source"], link["target"] if link["bidirectional"] else None) for link in links):
        kept = [link for link in links if {link["source"], link["target"]} != {"n0", "n1"}]
        cluster["links"] = [*kept, random_link(rng, "n0", "n1")]


def random_layers(rng: Random, count: int, ids: list[str], *, training: bool) -> list[dict[str, Any]]:
    """Layers with passes for either workload; the first ones of a training model may have no backward pass."""
    first_backward = rng.choice([0, 0, 1]) if training else count
    uniform = rng.random() < 0.3
    layers: list[dict[str, Any]] = []
    for k in range(count):
        if uniform and layers:
            layers.append(dict(layers[-1], name=f"l{k}"))
            if training and k >= first_backward:
                layers[-1].setdefault("backward", random_pass(rng, ids))
            continue
        layer: dict[str, Any] = {
            "name": f"l{k}",
            "kind": rng.choice(["block", "block", "embedding", "other"]),
            "weight_bytes": rng.randint(1, 10) * MB,
            "workspace_bytes": rng.choice([0, rng.randint(1, 4) * MB]),
            "forward": random_pass(rng, ids),
        }
        if training:
            layer["activation_bytes"] = rng.randint(0, 3) * MB
            layer["gradient_bytes"] = rng.randint(0, 2) * MB
            layer["optimizer_bytes"] = rng.randint(0, 2) * MB
            if rng.random() < 0.7:
                layer["update"] = random_pass(rng, ids)
            if k >= first_backward:
                layer["backward"] = random_pass(rng, ids)
        else:
            layer["kv_cache_bytes"] = rng.randint(0, 2) * MB
            layer["decode"] = random_pass(rng, ids)
        layers.append(layer)
    return layers


def random_pass(rng: Random, ids: list[str]) -> dict[str, Any]:
    """FLOPs, traffic and output, sometimes measured on some nodes."""
    cost: dict[str, Any] = {
        "flops": rng.uniform(0.1, 2) * GFLOP,
        "traffic_bytes": rng.uniform(0, 4) * MB,
        "output_bytes": rng.choice([0, rng.uniform(0.05, 1) * MB]),
    }
    if rng.random() < 0.15:
        cost["time_s"] = {name: rng.uniform(0.001, 0.1) for name in ids if rng.random() < 0.6}
    return cost


def random_node(rng: Random, name: str, weight: float) -> dict[str, Any]:
    """A node that holds between a fifth and all of the model."""
    idle = rng.choice([0.0, rng.uniform(0.5, 5)])
    node: dict[str, Any] = {
        "id": name,
        "kind": "terminal" if name == "n0" else rng.choice(["edge", "edge", "cloud", "terminal"]),
        "compute_flops_per_s": rng.uniform(10, 100) * GFLOP,
        "memory_bytes": weight * rng.choice([0.5, 0.8, 1.5, 4.0]),
        "idle_power_w": idle,
        "busy_power_w": idle + rng.uniform(0, 20),
        "energy_weight": rng.choice([1.0, 1.0, 0.0, 0.5]),
        "relay": rng.random() < 0.3,
        "overlaps_communication": rng.random() < 0.75,
        "layer_overhead_s": rng.choice([0.0, 0.001]),
    }
    if rng.random() < 0.5:
        node["memory_bandwidth_bytes_per_s"] = rng.uniform(0.1, 1) * 1e9
    if rng.random() < 0.3:
        node["trusted"] = rng.random() < 0.5
    if rng.random() < 0.25:
        node["operating_points"] = [
            {"name": "low", "compute_flops_per_s": 10 * GFLOP, "busy_power_w": idle + 2},
            {"name": "high", "compute_flops_per_s": 40 * GFLOP, "busy_power_w": idle + 12},
        ]
        if rng.random() < 0.4:
            node["operating_points"][0]["idle_power_w"] = idle * 0.5
    if rng.random() < 0.15:
        node["energy_budget_j"] = rng.uniform(0.2, 5)
    return node


def random_link(rng: Random, source: str, target: str) -> dict[str, Any]:
    """One link, of any duplex, perhaps on a shared medium."""
    link: dict[str, Any] = {
        "source": source,
        "target": target,
        "bandwidth_bits_per_s": rng.uniform(50, 500) * 1e6,
        "latency_s": rng.choice([0.0, rng.uniform(0.0001, 0.02)]),
        "transmit_power_w": rng.choice([0.0, 2.0]),
        "receive_power_w": rng.choice([0.0, 1.0]),
        "bidirectional": True,
        "duplex": rng.choice(["full", "half"]),
    }
    if rng.random() < 0.3:
        link["reverse_bandwidth_bits_per_s"] = rng.uniform(20, 200) * 1e6
    if rng.random() < 0.25:
        link["medium"] = rng.choice(["wifi", "bus"])
    return link


def random_links(rng: Random, ids: list[str]) -> dict[str, Any]:
    """A link list over some of the pairs."""
    density = rng.choice([0.4, 0.8, 1.0])
    links = []
    for i, a in enumerate(ids):
        for b in ids[i + 1 :]:
            if rng.random() < density:
                link = random_link(rng, *rng.sample([a, b], 2))
                if rng.random() < 0.1:
                    link["bidirectional"] = False
                    link.pop("reverse_bandwidth_bits_per_s", None)
                links.append(link)
    return {"links": links}


def random_matrix(rng: Random, count: int) -> dict[str, Any]:
    """Dense matrices with some pairs missing."""
    rate = [
        [None if a == b or rng.random() < 0.15 else rng.uniform(20, 500) * 1e6 for b in range(count)]
        for a in range(count)
    ]
    delay = [[rng.choice([0.0, 0.003]) for _ in range(count)] for _ in range(count)]
    return {"link_matrix": {"bandwidth_bits_per_s": rate, "latency_s": delay, "duplex": rng.choice(["full", "half"])}}


def random_workload(rng: Random, *, training: bool) -> dict[str, Any]:
    """Inference with one or more tokens and streams, or training by any schedule."""
    if not training:
        return {
            "kind": "inference",
            "source": "n0",
            "output_tokens": rng.choice([1, 2, 5]),
            "concurrency": rng.choice([1, 1, 2, 4]),
        }
    return {
        "kind": "training",
        "source": "n0",
        "micro_batches": rng.choice([1, 2, 4, 6]),
        "schedule": rng.choice(["sequential", "gpipe", "1f1b"]),
        "warmup": rng.choice(["classic", "deep"]),
    }


def random_privacy(rng: Random, layers: int) -> dict[str, Any]:
    """Head and tail on the source, forbidden layers, leakage scores: each sometimes."""
    privacy: dict[str, Any] = {}
    if rng.random() < 0.8:
        privacy["head_layers"] = rng.choice([0, 0, 1, 1, 2])
    if rng.random() < 0.3:
        privacy["tail_layers"] = 1
    if rng.random() < 0.2:
        privacy["untrusted_forbidden_layers"] = [rng.randrange(layers)]
    if rng.random() < 0.2:
        privacy["leakage"] = [rng.random() for _ in range(layers)]
        privacy["max_leakage"] = rng.choice([0.3, 0.7])
    return privacy


def random_constraints(rng: Random, layers: int, ids: list[str]) -> dict[str, Any]:
    """Structural constraints; limits on figures are drawn by the caller, who knows what plans need."""
    constraints: dict[str, Any] = {}
    if rng.random() < 0.15:
        constraints["max_stages"] = rng.randint(1, 3)
    if rng.random() < 0.15:
        constraints["forbidden_nodes"] = [{"nodes": [rng.choice(ids)], "first_layer": layers - 1, "stop_layer": layers}]
    if rng.random() < 0.1:
        constraints["allowed_nodes"] = [{"nodes": rng.sample(ids, max(1, len(ids) - 1)), "first_layer": layers // 2}]
    return constraints


def random_objective(rng: Random) -> dict[str, Any]:
    """Any kind."""
    kind = rng.choice(["latency", "energy", "throughput", "weighted", "lexicographic"])
    if kind == "weighted":
        return {"kind": kind, "latency_weight": rng.choice([0.2, 0.5, 0.9])}
    if kind == "lexicographic":
        order = rng.sample(["latency", "energy", "throughput"], rng.randint(2, 3))
        return {"kind": kind, "order": order, "tolerance": rng.choice([0.0, 0.05, 0.3])}
    return {"kind": kind}


def with_levels(rng: Random, body: dict[str, Any]) -> dict[str, Any]:
    """The request with two levels on most nodes, which idle below or above their node's own idle power."""
    for node in body["cluster"]["nodes"]:
        if rng.random() < 0.7:
            own = node["idle_power_w"]
            node["operating_points"] = [
                {
                    "name": name,
                    "compute_flops_per_s": rng.uniform(10, 60) * GFLOP,
                    "idle_power_w": rng.choice([0.0, own, own + 3, own + 10]),
                    "busy_power_w": own + 12,
                }
                for name in ("low", "high")
            ]
    body["privacy"]["head_layers"] = rng.choice([0, 0, 1])
    return body
