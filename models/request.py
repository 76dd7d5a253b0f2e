"""The request of POST /plan, with the rules that tie its parts together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from models.base import DomainType, Fault, pointer_to, refuse
from models.cluster import Cluster
from models.constraints import Constraints, Objective, Privacy, SolverSettings
from models.explanation import Explain
from models.profile import Layer, ModelSpec
from models.units import Identifier, LayerIndex
from models.workload import Training, Workload


class PlanRequest(DomainType):
    """Nodes, links, a model and a workload; what to respect and what to optimise."""

    cluster: Cluster
    model: ModelSpec
    workload: Workload
    privacy: Privacy = Privacy()
    constraints: Constraints = Constraints()
    objective: Objective = Objective()
    solver: SolverSettings = SolverSettings()
    explain: Explain | None = None
    """Also find out, by solving again, what would change the plan; {} asks for everything."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse([*_unknown_nodes(self), *_no_route(self), *_missing_passes(self)])
        if self.model.layers is not None:
            refuse(layer_faults(self, self.model.layers))
        return self


class PlacedStage(DomainType):
    """A stage of the caller's own placement; other fields of an answered stage are ignored, so plans can be pasted."""

    model_config = ConfigDict(extra="ignore")

    node: Identifier
    level: Identifier | None = None
    """Operating point; default: the node's fastest."""
    first_layer: LayerIndex
    stop_layer: LayerIndex


class EvaluateRequest(PlanRequest):
    """A request together with a placement of the caller's own, to be scored by the same cost model."""

    stages: Annotated[tuple[PlacedStage, ...], Field(min_length=1, max_length=4096)]

    @model_validator(mode="after")
    def _check_stages(self) -> Self:
        refuse(list(stage_faults(self, self.stages)))
        return self


def stage_faults(request: PlanRequest, stages: Sequence[PlacedStage]) -> Iterator[Fault]:
    """Stages on nodes or levels that the request has not, or without layers."""
    levels = {node.id: {level.name for level in node.levels} for node in request.cluster.nodes}
    for index, stage in enumerate(stages):
        if stage.node not in levels:
            yield Fault(
                f"/stages/{index}/node", "unknown_node", f"stage {index}: unknown node {stage.node}", stage.node
            )
        elif stage.level is not None and stage.level not in levels[stage.node]:
            yield Fault(
                f"/stages/{index}/level",
                "unknown_level",
                f"stage {index}: node {stage.node} has no level {stage.level}",
                stage.level,
                sorted(levels[stage.node]),
            )
        if stage.stop_layer <= stage.first_layer:
            yield Fault(
                f"/stages/{index}/stop_layer",
                "empty_range",
                f"stage {index}: layers {stage.first_layer}..{stage.stop_layer}: the range is empty",
                stage.stop_layer,
                stage.first_layer + 1,
            )


def _unknown_nodes(request: PlanRequest) -> Iterator[Fault]:
    known = {node.id for node in request.cluster.nodes}
    if request.workload.source not in known:
        yield Fault(
            "/workload/source",
            "unknown_node",
            f"workload.source: unknown node {request.workload.source}",
            request.workload.source,
        )
    constraints = request.constraints
    for field in ("allowed_nodes", "forbidden_nodes"):
        for index, entry in enumerate(getattr(constraints, field)):
            for position, node in enumerate(entry.nodes):
                if node not in known:
                    yield Fault(
                        f"/constraints/{field}/{index}/nodes/{position}",
                        "unknown_node",
                        f"constraints.{field}: unknown node {node}",
                        node,
                    )
    for index, pin in enumerate(constraints.pinned):
        if pin.node not in known:
            yield Fault(
                f"/constraints/pinned/{index}/node",
                "unknown_node",
                f"constraints.pinned: unknown node {pin.node}",
                pin.node,
            )
    yield from _measured_on_unknown_nodes(request.model.layers or (), known)


def _measured_on_unknown_nodes(layers: tuple[Layer, ...], known: set[str]) -> Iterator[Fault]:
    for k, layer in enumerate(layers):
        for name in ("forward", "backward", "decode", "update"):
            cost = getattr(layer, name)
            for node in (cost.time_s or ()) if cost is not None else ():
                if node not in known:
                    yield Fault(
                        pointer_to("model", "layers", k, name, "time_s", node),
                        "unknown_node",
                        f"layer {layer.name or k}: measured {name} time for unknown node {node}",
                        node,
                    )


def _no_route(request: PlanRequest) -> Iterator[Fault]:
    """A source from which nothing can be reached, while other nodes are given."""
    cluster = request.cluster
    source = request.workload.source
    if len(cluster.nodes) == 1 or source not in {node.id for node in cluster.nodes}:
        return
    if len(reachable(cluster, source)) == 1:
        given = "links" if cluster.link_matrix is None else "link_matrix"
        yield Fault(
            f"/cluster/{given}", "no_route", f"node {source}: no route from the source to any other node", source
        )


def reachable(cluster: Cluster, start: str) -> set[str]:
    """Nodes that can be reached from `start` over any number of links, `start` included."""
    neighbours: dict[str, list[str]] = {node.id: [] for node in cluster.nodes}
    for link in cluster.links:
        neighbours[link.source].append(link.target)
        if link.bidirectional:
            neighbours[link.target].append(link.source)
    if cluster.link_matrix is not None:
        ids = [node.id for node in cluster.nodes]
        for a, row in zip(ids, cluster.link_matrix.bandwidth_bits_per_s, strict=True):
            neighbours[a] += [b for b, rate in zip(ids, row, strict=True) if rate is not None and a != b]
    seen, queue = {start}, deque([start])
    while queue:
        for node in neighbours[queue.popleft()]:
            if node not in seen:
                seen.add(node)
                queue.append(node)
    return seen


def _missing_passes(request: PlanRequest) -> Iterator[Fault]:
    """Passes that the workload needs and the given layers lack."""
    layers = request.model.layers or ()
    workload = request.workload
    if isinstance(workload, Training):
        first = next((k for k, layer in enumerate(layers) if layer.backward is not None), None)
        if layers and first is None:
            yield Fault("/model/layers", "missing_pass", "model.layers: training needs layers with a backward pass")
        for k, layer in enumerate(layers):
            if first is not None and k > first and layer.backward is None:
                yield Fault(
                    f"/model/layers/{k}/backward",
                    "missing_pass",
                    f"layer {layer.name or k}: has no backward pass although layer {first} before it has one",
                )
    elif workload.output_tokens > 1:
        for k, layer in enumerate(layers):
            if layer.decode is None:
                yield Fault(
                    f"/model/layers/{k}/decode",
                    "missing_pass",
                    f"layer {layer.name or k}: output_tokens > 1 needs a decode pass",
                )


def layer_faults(request: PlanRequest, given: tuple[Layer, ...]) -> list[Fault]:
    """Rules about layer indices, once the layers are known (a config has to be expanded first)."""
    privacy, constraints = request.privacy, request.constraints
    layers = len(given)
    faults = []
    for field in ("head_layers", "tail_layers"):
        count = getattr(privacy, field)
        if count is not None and count > layers:
            faults.append(
                Fault(
                    f"/privacy/{field}",
                    "out_of_range",
                    f"privacy.{field}: the model has {layers} layers",
                    count,
                    layers,
                )
            )
    for index, k in enumerate(privacy.untrusted_forbidden_layers):
        if k >= layers:
            faults.append(
                Fault(
                    f"/privacy/untrusted_forbidden_layers/{index}",
                    "out_of_range",
                    f"privacy.untrusted_forbidden_layers: the model has {layers} layers",
                    k,
                    layers - 1,
                )
            )
    if privacy.leakage is not None and len(privacy.leakage) != layers:
        faults.append(
            Fault(
                "/privacy/leakage",
                "shape",
                f"privacy.leakage: {len(privacy.leakage)} scores for {layers} layers",
                len(privacy.leakage),
                layers,
            )
        )
    for field in ("allowed_nodes", "forbidden_nodes", "pinned"):
        for index, entry in enumerate(getattr(constraints, field)):
            stop = layers if entry.stop_layer is None else entry.stop_layer
            if entry.first_layer >= layers or stop > layers:
                faults.append(
                    Fault(
                        f"/constraints/{field}/{index}",
                        "out_of_range",
                        f"constraints.{field}: layers {entry.first_layer}..{stop}, but the model has {layers} layers",
                        stop,
                        layers,
                    )
                )
    return faults + _contradictory_pins(request, layers, privacy.head_layers_of(given))


@dataclass(frozen=True, slots=True)
class _Rule:
    """Only these nodes, or all but these, may run layers `start`..`stop`; `why` ends a sentence about a pin."""

    start: int
    stop: int
    nodes: frozenset[str]
    why: str
    excluded: bool = False


def _contradictory_pins(request: PlanRequest, layers: int, head_layers: int) -> list[Fault]:
    """Pins that contradict the head and tail, the allowed and forbidden nodes, or an earlier pin; one fault per pin."""
    rules = list(_placing_rules(request, layers, head_layers))
    faults = []
    for index, pin in enumerate(request.constraints.pinned):
        node, start, stop = pin.node, pin.first_layer, pin.indices(layers).stop
        broken = next((r for r in rules if r.start < stop and start < r.stop and (node in r.nodes) is r.excluded), None)
        if broken is not None:
            message = f"layer {max(start, broken.start)}: pinned to {node}{broken.why}"
            faults.append(Fault(f"/constraints/pinned/{index}", "contradictory_pins", message, node))
        rules.append(_Rule(start, stop, frozenset([node]), f" and to {node}"))
    return faults


def _placing_rules(request: PlanRequest, layers: int, head_layers: int) -> Iterator[_Rule]:
    source = request.workload.source
    why = f", but privacy keeps it on the source {source}"
    yield _Rule(0, head_layers, frozenset([source]), why)
    yield _Rule(layers - request.privacy.tail_layers, layers, frozenset([source]), why)
    for field in ("allowed_nodes", "forbidden_nodes"):
        for entry in getattr(request.constraints, field):
            span, excluded = entry.indices(layers), field == "forbidden_nodes"
            yield _Rule(span.start, span.stop, frozenset(entry.nodes), f", which {field} excludes", excluded)
