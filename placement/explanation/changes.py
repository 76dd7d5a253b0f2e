"""Changes of a request: what the solver is given, and the same as a JSON Patch of the request as it was posted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models.base import DomainType, pointer_to
from models.patch import Patch, PatchOperation
from models.profile import Pass
from models.request import PlanRequest

PASSES = ("forward", "backward", "decode", "update")


@dataclass(frozen=True)
class Change:
    """A changed request, and the patch that makes it of the original."""

    request: PlanRequest
    patch: Patch

    def then(self, other: Change) -> Change:
        """Both, where `other` was made from this one's request."""
        return Change(other.request, (*self.patch, *other.patch))


def unchanged(request: PlanRequest) -> Change:
    """No change at all."""
    return Change(request, ())


def with_part(request: PlanRequest, part: str, **fields: Any) -> Change:
    """Fields of `constraints`, `privacy`, ... set; None means that the field is not given."""
    current: DomainType = getattr(request, part)
    changed = request.model_copy(update={part: current.model_copy(update=fields)})
    if part not in request.model_fields_set:
        return Change(changed, (_add(pointer_to(part), {name: _json(value) for name, value in fields.items()}),))
    return Change(changed, tuple(_add(pointer_to(part, name), _json(value)) for name, value in fields.items()))


def with_nodes(request: PlanRequest, fields: dict[int, dict[str, Any]]) -> Change:
    """Fields of nodes set, by the node's place."""
    nodes = tuple(node.model_copy(update=fields.get(n, {})) for n, node in enumerate(request.cluster.nodes))
    cluster = request.cluster.model_copy(update={"nodes": nodes})
    patch = tuple(
        _add(pointer_to("cluster", "nodes", n, name), _json(value))
        for n, changed in fields.items()
        for name, value in changed.items()
    )
    return Change(request.model_copy(update={"cluster": cluster}), patch)


def with_link(request: PlanRequest, source: str, target: str, **factors: float) -> Change:
    """Figures of one direction of a link multiplied: `bandwidth`, and `latency_s` (of both directions of a list's)."""
    if request.cluster.link_matrix is not None:
        return _with_matrix(request, source, target, factors)
    links = list(request.cluster.links)
    index, forward = next(
        (i, link.source == source)
        for i, link in enumerate(links)
        if (link.source, link.target) == (source, target)
        or (link.bidirectional and (link.target, link.source) == (source, target))
    )
    link = links[index]
    fields: dict[str, Any] = {}
    if "latency_s" in factors:
        fields["latency_s"] = link.latency_s * factors["latency_s"]
    if "bandwidth" in factors:
        backward_rate = link.reverse_bandwidth_bits_per_s or link.bandwidth_bits_per_s
        if forward:
            fields["bandwidth_bits_per_s"] = link.bandwidth_bits_per_s * factors["bandwidth"]
            if link.bidirectional:
                fields["reverse_bandwidth_bits_per_s"] = backward_rate
        else:
            fields["reverse_bandwidth_bits_per_s"] = backward_rate * factors["bandwidth"]
    links[index] = link.model_copy(update=fields)
    cluster = request.cluster.model_copy(update={"links": tuple(links)})
    patch = tuple(_add(pointer_to("cluster", "links", index, name), value) for name, value in fields.items())
    return Change(request.model_copy(update={"cluster": cluster}), patch)


def _with_matrix(request: PlanRequest, source: str, target: str, factors: dict[str, float]) -> Change:
    matrix = request.cluster.link_matrix
    assert matrix is not None
    ids = [node.id for node in request.cluster.nodes]
    a, b = ids.index(source), ids.index(target)
    fields, patch = {}, []
    for name, factor in factors.items():
        field = "bandwidth_bits_per_s" if name == "bandwidth" else name
        rows = getattr(matrix, field)
        value = rows[a][b] * factor
        row = (*rows[a][:b], value, *rows[a][b + 1 :])
        fields[field] = (*rows[:a], row, *rows[a + 1 :])
        patch.append(PatchOperation(op="replace", path=pointer_to("cluster", "link_matrix", field, a, b), value=value))
    cluster = request.cluster.model_copy(update={"link_matrix": matrix.model_copy(update=fields)})
    return Change(request.model_copy(update={"cluster": cluster}), tuple(patch))


def with_speed(request: PlanRequest, n: int, factor: float) -> Change:
    """A node whose rate, memory bandwidth and measured times are better by a factor, at every level."""
    node = request.cluster.nodes[n]
    fields: dict[str, Any] = {}
    for name in ("compute_flops_per_s", "memory_bandwidth_bytes_per_s"):
        if getattr(node, name) is not None:
            fields[name] = getattr(node, name) * factor
    if node.operating_points:
        fields["operating_points"] = tuple(
            point.model_copy(
                update={
                    name: getattr(point, name) * factor
                    for name in ("compute_flops_per_s", "memory_bandwidth_bytes_per_s")
                    if getattr(point, name) is not None
                }
            )
            for point in node.operating_points
        )
    change = with_nodes(request, {n: fields})
    return change.then(_with_measured(change.request, node.id, 1 / factor))


def _with_measured(request: PlanRequest, name: str, factor: float) -> Change:
    """Measured times on one node multiplied."""
    layers, patch = [], []
    for k, layer in enumerate(request.model.layers or ()):
        fields = {}
        for which in PASSES:
            cost: Pass | None = getattr(layer, which)
            if cost is not None and cost.time_s and name in cost.time_s:
                value = cost.time_s[name] * factor
                fields[which] = cost.model_copy(update={"time_s": {**cost.time_s, name: value}})
                patch.append(_add(pointer_to("model", "layers", k, which, "time_s", name), value))
        layers.append(layer.model_copy(update=fields) if fields else layer)
    if not patch:
        return unchanged(request)
    model = request.model.model_copy(update={"layers": tuple(layers)})
    return Change(request.model_copy(update={"model": model}), tuple(patch))


def with_power(request: PlanRequest, n: int, factor: float) -> Change:
    """A node whose idle and busy powers are multiplied, at every level."""
    node = request.cluster.nodes[n]
    fields: dict[str, Any] = {"idle_power_w": node.idle_power_w * factor}
    if node.busy_power_w is not None:
        fields["busy_power_w"] = node.busy_power_w * factor
    if node.operating_points:
        fields["operating_points"] = tuple(
            point.model_copy(
                update={
                    name: getattr(point, name) * factor
                    for name in ("busy_power_w", "idle_power_w")
                    if getattr(point, name) is not None
                }
            )
            for point in node.operating_points
        )
    return with_nodes(request, {n: fields})


def _add(path: str, value: Any) -> PatchOperation:
    """`add` also replaces what stands there (RFC 6902, 4.1)."""
    return PatchOperation(op="add", path=path, value=value)


def _json(value: Any) -> Any:
    if isinstance(value, DomainType):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, tuple):
        return [_json(entry) for entry in value]
    return value
