"""The cost model: the only place where profiles become seconds, joules and bytes.

Compute of layer k on node n at level v in one pass:
    t = time_s[n] * fastest rate / rate of v                                       where a measured time is given, else
    t = max(flops / compute_flops_per_s, traffic_bytes / memory_bandwidth) + layer_overhead_s.
A layer without a pass does nothing in it. Transfers: see placement.routes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.base import refuse
from models.cluster import Node, OperatingPoint
from models.profile import Layer, Pass, Profile
from models.request import PlanRequest, layer_faults
from models.workload import Inference, Training
from placement.network import FloatArray, Network, build_network
from placement.problem import LayerBytes, Option, Payloads, Problem
from placement.routes import RouteTable
from placement.transformers import profile as expand

Level = tuple[int, OperatingPoint]
"""A node's index, and one of its levels."""


def compile_problem(request: PlanRequest) -> Problem:
    """Derive the layers if need be, check the rules that need them, and price everything once.

    Raises InvalidInput where the model cannot be derived or layer indices do not fit it.
    """
    profile = expand(request.model, request.workload)
    if request.model.layers is None:
        refuse(layer_faults(request, profile.layers))
    nodes = request.cluster.nodes
    node_ids = tuple(node.id for node in nodes)
    levels = [(n, level) for n, node in enumerate(nodes) for level in node.levels]
    options = tuple(Option(n, level.name, level.idle_power_w or 0.0, level.busy_power_w) for n, level in levels)
    network = build_network(request.cluster)
    head_layers = request.privacy.head_layers_of(profile.layers)

    def seconds(name: str) -> FloatArray:
        return pass_seconds(nodes, levels, [getattr(layer, name) for layer in profile.layers])

    return Problem(
        request=request,
        profile=profile,
        node_ids=node_ids,
        options=options,
        options_of_node=_by_node(options, len(nodes)),
        source=node_ids.index(request.workload.source),
        head_layers=head_layers,
        tail_layers=request.privacy.tail_layers,
        allowed=_allowed(request, profile, head_layers),
        receives=_receives(request, profile),
        forward_s=seconds("forward"),
        backward_s=seconds("backward"),
        decode_s=seconds("decode"),
        update_s=seconds("update"),
        bytes=_layer_bytes(request, profile.layers),
        memory_bytes=np.array([node.memory_bytes for node in nodes]),
        idle_power_w=np.array([node.idle_power_w for node in nodes]),
        energy_weight=np.array([node.energy_weight for node in nodes]),
        overlaps=np.array([node.overlaps_communication for node in nodes]),
        network=network,
        payloads=_payloads(request, profile, network),
    )


def _by_node(options: tuple[Option, ...], nodes: int) -> tuple[tuple[int, ...], ...]:
    own: list[list[int]] = [[] for _ in range(nodes)]
    for o, option in enumerate(options):
        own[option.node].append(o)
    return tuple(tuple(indices) for indices in own)


def pass_seconds(nodes: Sequence[Node], levels: Sequence[Level], costs: Sequence[Pass | None]) -> FloatArray:
    """(O, L): seconds of each layer's pass on each (node, level); 0 for a pass that the layer does not have."""
    if all(cost is None for cost in costs):
        return np.zeros((len(levels), len(costs)))
    flops = np.array([0.0 if cost is None else cost.flops for cost in costs])
    traffic = np.array([0.0 if cost is None else cost.traffic_bytes for cost in costs])
    rate = np.array([level.compute_flops_per_s for _, level in levels])
    bandwidth = np.array([level.memory_bandwidth_bytes_per_s or np.inf for _, level in levels])
    overhead = np.array([nodes[n].layer_overhead_s for n, _ in levels])
    seconds: FloatArray = np.maximum(flops / rate[:, None], traffic / bandwidth[:, None]) + overhead[:, None]
    if any(cost is not None and cost.time_s for cost in costs):
        _measure(seconds, nodes, levels, costs)
    seconds[:, [cost is None for cost in costs]] = 0.0
    return seconds


def _measure(seconds: FloatArray, nodes: Sequence[Node], levels: Sequence[Level], costs: Sequence[Pass | None]) -> None:
    """Put measured times in the place of estimates."""
    fastest: dict[int, float] = {}
    options: dict[str, list[int]] = {}
    for o, (n, level) in enumerate(levels):
        fastest[n] = max(fastest.get(n, 0.0), level.compute_flops_per_s)
        options.setdefault(nodes[n].id, []).append(o)
    for k, cost in enumerate(costs):
        for name, measured in ((cost.time_s if cost is not None else None) or {}).items():
            for o in options.get(name, []):
                n, level = levels[o]
                seconds[o, k] = measured * fastest[n] / level.compute_flops_per_s


def _layer_bytes(request: PlanRequest, layers: tuple[Layer, ...]) -> LayerBytes:
    workload = request.workload
    kept = 1.0 if isinstance(workload, Training) else 0.0
    caches = float(workload.concurrency) if isinstance(workload, Inference) else 0.0
    return LayerBytes(
        weights=np.array([layer.weight_bytes for layer in layers]),
        gradients=np.array([layer.gradient_bytes for layer in layers]),
        optimizer=np.array([layer.optimizer_bytes for layer in layers]),
        activations=np.array([layer.activation_bytes * kept for layer in layers]),
        kv_cache=np.array([layer.kv_cache_bytes * caches for layer in layers]),
        workspace=np.array([layer.workspace_bytes for layer in layers]),
    )


def _payloads(request: PlanRequest, profile: Profile, network: Network) -> Payloads:
    layers = profile.layers
    training = isinstance(request.workload, Training)
    decodes = isinstance(request.workload, Inference) and request.workload.output_tokens > 1
    first_backward = profile.first_backward_layer
    tables: dict[float, RouteTable] = {}

    def table(payload_bytes: float) -> RouteTable:
        if payload_bytes not in tables:
            tables[payload_bytes] = RouteTable(payload_bytes, network)
        return tables[payload_bytes]

    def per_cut(name: str, *, crosses: NDArray[np.bool_], layer_behind_cut: int) -> tuple[RouteTable | None, ...]:
        return tuple(
            table(getattr(layers[j + layer_behind_cut], name).output_bytes) if crosses[j] else None
            for j in range(len(layers) + 1)
        )

    cuts = np.arange(len(layers) + 1)
    inner = (cuts > 0) & (cuts < len(layers))
    gradient = inner & (cuts > first_backward) if training and first_backward is not None else np.zeros_like(inner)
    return Payloads(
        forward=per_cut("forward", crosses=inner, layer_behind_cut=-1),
        backward=per_cut("backward", crosses=gradient, layer_behind_cut=0),
        decode=per_cut("decode", crosses=inner & decodes, layer_behind_cut=-1),
        input=table(profile.input_bytes),
        label=table(profile.label_bytes) if training and profile.label_bytes > 0 else None,
        result=None if training else table(profile.result_bytes),
    )


def _allowed(request: PlanRequest, profile: Profile, head_layers: int) -> NDArray[np.bool_]:
    """(N, L): a node may run a layer. Each rule is one block; `placement.constraints` names the same rules."""
    nodes = request.cluster.nodes
    layers = len(profile.layers)
    source = [node.id == request.workload.source for node in nodes]
    allowed = np.ones((len(nodes), layers), dtype=np.bool_)
    allowed[:, :head_layers] &= np.array(source)[:, None]
    allowed[:, layers - request.privacy.tail_layers :] &= np.array(source)[:, None]
    untrusted = np.array([not node.is_trusted for node in nodes])
    allowed[np.ix_(untrusted, _mask(request.privacy.untrusted_forbidden_layers, layers))] = False
    constraints = request.constraints
    for entry in constraints.allowed_nodes:
        named = set(entry.nodes)
        others = np.array([node.id not in named for node in nodes])
        allowed[np.ix_(others, _mask(entry.indices(layers), layers))] = False
    for entry in constraints.forbidden_nodes:
        named = set(entry.nodes)
        allowed[np.ix_(np.array([node.id in named for node in nodes]), _mask(entry.indices(layers), layers))] = False
    for pin in constraints.pinned:
        others = np.array([node.id != pin.node for node in nodes])
        allowed[np.ix_(others, _mask(pin.indices(layers), layers))] = False
    return allowed


def _mask(indices: Iterable[int], size: int) -> NDArray[np.bool_]:
    mask = np.zeros(size, dtype=np.bool_)
    for index in indices:
        mask[index] = True
    return mask


def _receives(request: PlanRequest, profile: Profile) -> NDArray[np.bool_]:
    """(N, L + 1): a node may receive what crosses cut j: it is trusted, or the layer before the cut leaks little."""
    nodes = request.cluster.nodes
    privacy = request.privacy
    receives = np.ones((len(nodes), len(profile.layers) + 1), dtype=np.bool_)
    if privacy.leakage is not None and privacy.max_leakage is not None:
        leaking = np.concatenate([[False], np.array(privacy.leakage) > privacy.max_leakage])
        leaking[-1] = False  # behind the last layer only the result leaves, and it goes to the source
        untrusted = np.array([not node.is_trusted for node in nodes])
        receives[np.ix_(untrusted, leaking)] = False
    return receives
