"""What the cost model says of a plan when its inputs are measured: layer times per node, latency and rate per link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Protocol

from examples.split_runtime.fleet import LinkShape, Shape
from examples.split_runtime.job import Job, NotRunnable, StageOf
from examples.split_runtime.protocol import LayerSamples
from models.cluster import Duplex, Link, Node
from models.plan import Evaluation, Plan
from models.profile import Layer, ModelSpec, Pass
from models.request import EvaluateRequest, PlacedStage, PlanRequest
from placement.solver import evaluate
from placement.transformers import profile

CORES_IN_USE = 1.5
"""Largest sum of shares on a machine of two cores: nodes that share a core must not wait for each other."""
LARGEST_SHARE = 0.9
PASSES = ("forward", "backward", "decode", "update")

PassSeconds = Mapping[str, Sequence[float | None]]
"""Pass to seconds per layer, of one micro-batch (update: of one iteration); None where a layer was not timed."""


def shapes_of(request: PlanRequest, plan: Plan, cores: float = CORES_IN_USE) -> dict[str, Shape]:
    """Shares of a core in the proportion of the nodes' rates (at their planned levels), as large as `cores` allows."""
    levels = {stage.node: stage.level for stage in plan.stages}
    rates = {node.id: _rate(node, levels.get(node.id)) for node in request.cluster.nodes}
    unit = min(LARGEST_SHARE / max(rates.values()), cores / sum(rates.values()))
    return {name: Shape(rate * unit) for name, rate in rates.items()}


def _rate(node: Node, level: str | None) -> float:
    rates = {one.name: one.compute_flops_per_s or 0.0 for one in node.levels}
    return rates[level] if level is not None else max(rates.values())


def links_of(request: PlanRequest) -> list[LinkShape]:
    """Directed links as they are to be emulated. Raises NotRunnable for what only the cost model knows."""
    if request.cluster.link_matrix is not None:
        raise NotRunnable("cluster.link_matrix: give links")
    shapes = []
    for link in request.cluster.links:
        name = f"link {link.source} -> {link.target}"
        if link.medium is not None or link.duplex is Duplex.HALF:
            raise NotRunnable(f"{name}: shared media and half duplex are not emulated")
        shapes.append(LinkShape(link.source, link.target, link.bandwidth_bits_per_s, link.latency_s))
        if link.bidirectional:
            back = link.reverse_bandwidth_bits_per_s or link.bandwidth_bits_per_s
            shapes.append(LinkShape(link.target, link.source, back, link.latency_s))
    return shapes


class Rate(Protocol):
    """What a directed link was measured to do: x bytes take latency_s + 8 x / bandwidth_bits_per_s."""

    @property
    def latency_s(self) -> float:
        """Of a message without bytes."""

    @property
    def bandwidth_bits_per_s(self) -> float:
        """Of what follows."""


def measured_request(
    request: PlanRequest,
    model: ModelSpec,
    layers: Mapping[str, LayerSamples],
    links: Mapping[tuple[str, str], Rate],
) -> PlanRequest:
    """The request with layers of `model` given outright, their medians as time_s, and links as they were measured."""
    medians = {
        node: {name: [median(layer) for layer in own] for name, own in samples.items() if own}
        for node, samples in layers.items()
    }
    return request_in_seconds(request, model, medians, links)


def request_in_seconds(
    request: PlanRequest,
    model: ModelSpec,
    seconds: Mapping[str, PassSeconds],
    links: Mapping[tuple[str, str], Rate],
) -> PlanRequest:
    """The request with layers of `model` given outright, timed as in `seconds` (by node), and links as measured.

    A layer's pass that one of those nodes was not timed in keeps its estimate.
    """
    derived = profile(model, request.workload)
    outright = ModelSpec(
        name=model.name,
        layers=tuple(_timed(layer, k, seconds) for k, layer in enumerate(derived.layers)),
        input_bytes=derived.input_bytes,
        label_bytes=derived.label_bytes,
        result_bytes=derived.result_bytes,
    )
    # Measured times hold at the level that was emulated; a node has no other here.
    nodes = tuple(
        Node(
            id=node.id,
            kind=node.kind,
            compute_flops_per_s=_rate(node, None),
            memory_bytes=node.memory_bytes,
            trusted=node.trusted,
        )
        for node in request.cluster.nodes
    )
    directed = tuple(
        Link(
            source=source,
            target=target,
            bandwidth_bits_per_s=rate.bandwidth_bits_per_s,
            latency_s=rate.latency_s,
            bidirectional=False,
        )
        for (source, target), rate in links.items()
    )
    cluster = request.cluster.model_copy(update={"nodes": nodes, "links": directed})
    return request.model_copy(update={"model": outright, "cluster": cluster})


def _timed(layer: Layer, k: int, seconds: Mapping[str, PassSeconds]) -> Layer:
    """Layer k with the measured seconds of its passes."""
    timed = {}
    for name in PASSES:
        cost: Pass | None = getattr(layer, name)
        taken = {node: own[name][k] if name in own else None for node, own in seconds.items()}
        if cost is not None and None not in taken.values():
            timed[name] = cost.model_copy(update={"time_s": taken})
    return layer.model_copy(update=timed)


def predict(measured: PlanRequest, job: Job) -> Evaluation:
    """The cost model's verdict on the job's stages."""
    placed = tuple(_placed(stage) for stage in job.stages)
    return evaluate(
        EvaluateRequest(**{name: getattr(measured, name) for name in PlanRequest.model_fields}, stages=placed)
    )


def _placed(stage: StageOf) -> PlacedStage:
    return PlacedStage(node=stage.node, first_layer=stage.first, stop_layer=stage.stop)
