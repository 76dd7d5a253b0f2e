"""Variants of a request: what is changed, and the request under the change."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationError

from models.base import DomainType, Fault
from models.patch import merged
from models.request import PlanRequest
from models.units import Identifier
from models.violations import violations_of


class LinkEnds(DomainType):
    """A link by its ends."""

    source: Identifier
    target: Identifier


class Variant(DomainType):
    """A change of the request: shorthands for common ones, then `patch`."""

    name: Identifier
    node_lost: Identifier | None = None
    """The node is gone, with its links, and rules that name no other node; the source cannot be lost."""
    link_down: LinkEnds | None = None
    """The link is gone, in both directions. Nodes that cannot be reached any more are of no use; where none can be, the
    source is alone."""
    model: dict[str, Any] | None = None
    """Another `model` in the place of the request's."""
    patch: dict[str, Any] = Field(default_factory=dict)
    """JSON Merge Patch (RFC 7396) of the request: objects are merged, null removes, lists are replaced as a whole. So
    {"privacy": {"head_layers": 4}} is another split of privacy, {"workload": {"schedule": "1f1b"}} another schedule and
    {"objective": {"kind": "energy"}} another objective."""


def varied(body: dict[str, Any], variant: Variant) -> dict[str, Any]:
    """The request as it was written, under the variant: its shorthands, then its patch."""
    changed: dict[str, Any] = merged(_without_parts(body, variant), variant.patch)
    return changed


def shorthand_faults(request: PlanRequest, variant: Variant, here: str) -> list[Fault]:
    """Nodes and links that a variant, at the pointer `here`, takes away and the request has not, or cannot lose."""
    known = {node.id for node in request.cluster.nodes}
    faults = []
    if variant.node_lost is not None and variant.node_lost not in known:
        faults.append(
            Fault(f"{here}/node_lost", "unknown_node", f"variant {variant.name}: unknown node", variant.node_lost)
        )
    if variant.node_lost == request.workload.source:
        message = f"variant {variant.name}: {variant.node_lost} is the source, where the input comes from"
        faults.append(Fault(f"{here}/node_lost", "source_lost", message, variant.node_lost))
    if variant.link_down is not None and not _has_link(request, variant.link_down):
        ends = f"{variant.link_down.source} -> {variant.link_down.target}"
        faults.append(Fault(f"{here}/link_down", "unknown_link", f"variant {variant.name}: there is no link {ends}"))
    return faults


def _has_link(request: PlanRequest, ends: LinkEnds) -> bool:
    cluster, pair = request.cluster, {ends.source, ends.target}
    if cluster.link_matrix is None:
        return any({link.source, link.target} == pair for link in cluster.links)
    ids = [node.id for node in cluster.nodes]
    if not pair <= set(ids):
        return False
    a, b = ids.index(ends.source), ids.index(ends.target)
    rates = cluster.link_matrix.bandwidth_bits_per_s
    return a != b and (rates[a][b] is not None or rates[b][a] is not None)


def _without_parts(body: dict[str, Any], variant: Variant) -> dict[str, Any]:
    """The request as it was written, with the variant's model and without the node or link that it takes away."""
    if variant.model is not None:
        body = {**body, "model": variant.model}
    if variant.node_lost is not None:
        body = _without_node(body, variant.node_lost)
    if variant.link_down is not None:
        body = _without_link(body, {variant.link_down.source, variant.link_down.target})
    if not _leads_out(body["cluster"], body["workload"]["source"]):
        for node in body["cluster"]["nodes"]:
            if node["id"] != body["workload"]["source"]:
                body = _without_node(body, node["id"])
    return body


def _leads_out(cluster: dict[str, Any], source: str) -> bool:
    """Whether any link leaves the source; a request in which none does is refused unless the source is alone."""
    matrix = cluster.get("link_matrix")
    if matrix is not None:
        place = next(n for n, node in enumerate(cluster["nodes"]) if node["id"] == source)
        return any(rate is not None for n, rate in enumerate(matrix["bandwidth_bits_per_s"][place]) if n != place)
    return any(
        link["source"] == source or (link["target"] == source and link.get("bidirectional", True))
        for link in cluster.get("links", ())
    )


def _without_link(body: dict[str, Any], pair: set[str]) -> dict[str, Any]:
    cluster = dict(body["cluster"])
    if cluster.get("link_matrix") is not None:
        places = {n for n, node in enumerate(cluster["nodes"]) if node["id"] in pair}
        matrix = dict(cluster["link_matrix"])
        matrix["bandwidth_bits_per_s"] = [
            [None if a != b and {a, b} == places else rate for b, rate in enumerate(row)]
            for a, row in enumerate(matrix["bandwidth_bits_per_s"])
        ]
        cluster["link_matrix"] = matrix
    else:
        cluster["links"] = [link for link in cluster["links"] if {link["source"], link["target"]} != pair]
    return {**body, "cluster": cluster}


def _without_node(body: dict[str, Any], name: str) -> dict[str, Any]:
    """The request without a node: its links, its rows and columns, its measured times, and rules that name only it."""
    cluster = dict(body["cluster"])
    place = next(n for n, node in enumerate(cluster["nodes"]) if node["id"] == name)
    cluster["nodes"] = [node for node in cluster["nodes"] if node["id"] != name]
    if cluster.get("links"):
        cluster["links"] = [link for link in cluster["links"] if name not in {link["source"], link["target"]}]
    if cluster.get("link_matrix") is not None:
        cluster["link_matrix"] = {
            field: [[*row[:place], *row[place + 1 :]] for n, row in enumerate(value) if n != place]
            if isinstance(value, list)
            else value
            for field, value in cluster["link_matrix"].items()
        }
    changed = {**body, "cluster": cluster}
    if body.get("constraints"):
        changed["constraints"] = _without_mentions(body["constraints"], name)
    layers = body["model"].get("layers")
    if layers:
        changed["model"] = {**body["model"], "layers": [_without_measured(layer, name) for layer in layers]}
    return changed


def _without_mentions(constraints: dict[str, Any], name: str) -> dict[str, Any]:
    changed = dict(constraints)
    pins = constraints.get("pinned")
    if isinstance(pins, dict):
        changed["pinned"] = {layer: node for layer, node in pins.items() if node != name}
    elif pins:
        changed["pinned"] = [pin for pin in pins if pin["node"] != name]
    for field in ("allowed_nodes", "forbidden_nodes"):
        kept: list[Any] = []
        for entry in constraints.get(field) or ():
            if isinstance(entry, str):
                kept += [] if entry == name else [entry]
                continue
            nodes = [node for node in entry["nodes"] if node != name]
            if nodes:
                kept.append({**entry, "nodes": nodes})
        if field in constraints:
            changed[field] = kept
    return changed


def _without_measured(layer: dict[str, Any], name: str) -> dict[str, Any]:
    changed = dict(layer)
    for field in ("forward", "backward", "decode", "update"):
        cost = layer.get(field)
        if isinstance(cost, dict) and cost.get("time_s"):
            kept = {node: seconds for node, seconds in cost["time_s"].items() if node != name}
            changed[field] = {**cost, "time_s": kept}
    return changed


def faults_within(error: ValidationError, body: Any, variant: Variant, here: str) -> list[Fault]:
    """What is wrong with a changed request, at the place of the variant that made it so."""
    faults = []
    for violation in violations_of(error, body):
        first = violation.pointer.split("/")[1:2]
        place = here
        if first and first[0] in variant.patch:
            place = f"{here}/patch{violation.pointer}"
        elif first == ["model"] and variant.model is not None:
            place = here + violation.pointer
        message = f"variant {variant.name}: {violation.message} (at {violation.pointer or 'the request'})"
        faults.append(Fault(place, violation.code, message, violation.actual, violation.limit))
    return faults
