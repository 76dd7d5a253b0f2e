"""The cost model: the only place where profiles become seconds, joules and bytes.

Compute of layer k on node n at level v in one pass:
    t = time_s[n] * fastest rate / rate of v                                       where a measured time is given, else
    t = max(flops / compute_flops_per_s, traffic_bytes / memory_bandwidth) + layer_overhead_s.
A layer without a pass does nothing in it. Transfers: see placement.routes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from models.base import refuse
from models.cluster import Node, OperatingPoint
from models.profile import Layer, Pass, Profile
from models.request import PlanRequest, layer_faults
from models.workload import Inference, Training
from placement.problem import LayerBytes, Option, Payloads, Problem
from placement.routes import FloatArray, Network, RouteTable, build_network, route_table
from placement.transformers import profile as expand


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
        return np.array([[pass_seconds(nodes[n], level, getattr(layer, name)) for layer in profile.layers]
                         for n, level in levels])  # fmt: skip

    return Problem(
        request=request,
        profile=profile,
        node_ids=node_ids,
        options=options,
        options_of_node=tuple(
            tuple(o for o, option in enumerate(options) if option.node == n) for n in range(len(nodes))
        ),
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


def pass_seconds(node: Node, level: OperatingPoint, cost: Pass | None) -> float:
    """Seconds of one layer's pass on a node at a level; 0 for a pass that the layer does not have."""
    if cost is None:
        return 0.0
    if cost.time_s is not None and node.id in cost.time_s:
        fastest = max(other.compute_flops_per_s for other in node.levels)
        return cost.time_s[node.id] * fastest / level.compute_flops_per_s
    seconds = cost.flops / level.compute_flops_per_s
    if level.memory_bandwidth_bytes_per_s is not None:
        seconds = max(seconds, cost.traffic_bytes / level.memory_bandwidth_bytes_per_s)
    return seconds + node.layer_overhead_s


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
            tables[payload_bytes] = route_table(network, payload_bytes)
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
        others = np.array([node.id not in entry.nodes for node in nodes])
        allowed[np.ix_(others, _mask(entry.indices(layers), layers))] = False
    for entry in constraints.forbidden_nodes:
        named = np.array([node.id in entry.nodes for node in nodes])
        allowed[np.ix_(named, _mask(entry.indices(layers), layers))] = False
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
