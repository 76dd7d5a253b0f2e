"""Requests generated from seeds: what a recipe says, everything else random."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

Body = dict[str, Any]
"""A request of POST /plan, before it is JSON."""
GIB = 2.0**30


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind of request. Memory is tight by default: all nodes together hold 1.6 times the model."""

    objective: str = "latency"
    workload: str = "inference"
    schedule: str = "gpipe"
    """Of training, with 8 micro-batches."""
    concurrency: int = 1
    """Requests in flight, of inference."""
    tail_layers: int = 0
    tightness: float = 1.6
    """Memory of all nodes together (or of one node per class) over what the layers need."""
    activation_share: float = 0.0
    """Bytes kept per micro-batch in flight, over a layer's weights."""
    classes: int | None = None
    """Nodes come in so many classes of the same figures and links; None: every node is a class of its own."""
    tight_per_class: bool = False
    """Whether tightness counts one node per class: a fleet, of which a plan needs a small part."""
    identical_blocks: bool = False
    uniform_links: bool = False
    levels: int = 1
    """Operating points per node."""
    medium: str | None = None
    """One channel that all links share."""
    overlaps: bool = True
    """Whether nodes compute while they communicate."""
    radio_power: bool = True
    """Whether sending and receiving draws power."""


def request_body(recipe: Recipe, layers: int, nodes: int, seed: int) -> Body:
    """The request of a recipe, a size and a seed; the terminal comes first.

    Layers need about 10 GFLOP, 6 ms on a middling node, and weigh about 0.4 GiB; a transfer takes about as long as a
    layer. Rates, memories and links are drawn in one order, so that recipes which differ in other things share them.
    """
    rng = Random(seed)  # noqa: S311 - instances, not secrets
    training = recipe.workload == "training"
    model = _model(rng, recipe, layers)
    classes = min(recipe.classes or nodes, nodes)
    memory = _memories(rng, recipe, model, [n % classes for n in range(nodes)], classes)
    kinds = [_node(rng, recipe, memory[c]) for c in range(classes)]
    body: Body = {
        "cluster": {
            "nodes": [
                {"id": f"node-{n}", "kind": "edge" if n else "terminal", **kinds[n % classes]} for n in range(nodes)
            ],
            "link_matrix": _links(rng, recipe, nodes, classes),
        },
        "model": {"layers": model, "input_bytes": 1e5, "label_bytes": 1e4 if training else 0.0, "result_bytes": 1e4},
        "workload": {"kind": recipe.workload, "source": "node-0"},
        "privacy": {"head_layers": 1, "tail_layers": recipe.tail_layers},
        "objective": {"kind": recipe.objective},
        "solver": {"time_limit_s": 60.0},
    }
    if training:
        body["workload"] |= {"micro_batches": 8, "schedule": recipe.schedule}
    else:
        body["workload"] |= {"concurrency": recipe.concurrency}
    return body


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
    """Random rates, memories and links on a full directed matrix, for least latency."""
    return request_body(
        Recipe(workload=workload, tightness=tightness, levels=levels, medium=medium), layers, nodes, seed
    )


def _model(rng: Random, recipe: Recipe, layers: int) -> list[dict[str, Any]]:
    passes = ("forward", "backward", "update") if recipe.workload == "training" else ("forward", "decode")
    if recipe.identical_blocks:
        return [_layer(rng, recipe, passes)] * layers
    return [_layer(rng, recipe, passes) for _ in range(layers)]


def _layer(rng: Random, recipe: Recipe, passes: tuple[str, ...]) -> dict[str, Any]:
    flops = rng.uniform(0.5, 1.5) * 1e10
    weight = rng.uniform(0.3, 0.5) * GIB
    layer: dict[str, Any] = {"weight_bytes": weight}
    if recipe.activation_share:
        layer["activation_bytes"] = weight * recipe.activation_share
    for name in passes:
        factor = {"forward": 1.0, "backward": 2.0, "decode": 0.01, "update": 0.05}[name]
        layer[name] = {"flops": flops * factor, "output_bytes": rng.uniform(0.5, 1.5) * 1e6}
    return layer


def _memories(
    rng: Random, recipe: Recipe, model: list[dict[str, Any]], class_of: list[int], classes: int
) -> list[float]:
    """Bytes per class; the terminal's holds two layers at least."""
    needed = [layer["weight_bytes"] * (1 + 8 * recipe.activation_share) for layer in model]
    share = [rng.uniform(0.5, 1.5) for _ in range(classes)]
    counted = share if recipe.tight_per_class else [share[c] for c in class_of]
    memory = [sum(needed) * recipe.tightness * part / sum(counted) for part in share]
    memory[0] = max(memory[0], 2 * max(needed))
    return memory


def _node(rng: Random, recipe: Recipe, memory: float) -> dict[str, Any]:
    rate = rng.uniform(0.3, 3) * 1e12
    idle, busy = rng.uniform(1, 10), rng.uniform(20, 60)
    node: dict[str, Any] = {
        "compute_flops_per_s": rate,
        "memory_bytes": memory,
        "idle_power_w": idle,
        "busy_power_w": busy,
        "overlaps_communication": recipe.overlaps,
    }
    if recipe.levels > 1:
        node["operating_points"] = [
            {"name": f"level-{v}", "compute_flops_per_s": rate * part, "busy_power_w": idle + (busy - idle) * part**2}
            for v, part in enumerate(1 - 0.25 * v for v in range(recipe.levels))
        ]
    return node


def _links(rng: Random, recipe: Recipe, nodes: int, classes: int) -> dict[str, Any]:
    """Full directed matrices; between two classes, all links are the same (and round: a fleet has a million)."""

    def drawn(low: float, high: float, unit: float) -> list[list[float | None]]:
        if recipe.uniform_links:
            value = rng.uniform(low, high) * unit
            table = [[value] * classes for _ in range(classes)]
        elif classes < nodes:
            table = [[round(rng.uniform(low, high), 4) * unit for _ in range(classes)] for _ in range(classes)]
        else:
            table = [[0.0 if a == b else rng.uniform(low, high) * unit for b in range(classes)] for a in range(classes)]
        return [[None if a == b else table[a % classes][b % classes] for b in range(nodes)] for a in range(nodes)]

    links: dict[str, Any] = {
        "bandwidth_bits_per_s": drawn(0.2, 2, 1e9),
        "latency_s": drawn(0.0005, 0.005, 1.0),
        "medium": recipe.medium,
    }
    if recipe.radio_power:
        links["transmit_power_w"] = [[1.0] * nodes for _ in range(nodes)]
        links["receive_power_w"] = [[0.5] * nodes for _ in range(nodes)]
    return links
