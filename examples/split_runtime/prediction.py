"""What the cost model says of a plan when its inputs are measured: layer times per node, latency and rate per link."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from api.measuring.fit import TransferFit
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


def measured_request(
    request: PlanRequest,
    model: ModelSpec,
    layers: Mapping[str, LayerSamples],
    links: Mapping[tuple[str, str], TransferFit],
) -> PlanRequest:
    """The request with layers of `model` given outright, their medians as time_s, and links as they were measured."""
    derived = profile(model, request.workload)
    given = tuple(
        layer.model_copy(
            update={
                name: cost.model_copy(update={"time_s": _medians(layers, name, k)})
                for name in ("forward", "backward", "decode", "update")
                if isinstance(cost := getattr(layer, name), Pass)
            }
        )
        for k, layer in enumerate(derived.layers)
    )
    outright = ModelSpec(
        layers=tuple(Layer.model_validate(layer.model_dump()) for layer in given),
        input_bytes=derived.input_bytes,
        label_bytes=derived.label_bytes,
        result_bytes=derived.result_bytes,
    )
    # Measured times hold at the level that was emulated; a node has no other here.
    nodes = tuple(
        Node(id=node.id, kind=node.kind, compute_flops_per_s=1.0, memory_bytes=node.memory_bytes, trusted=node.trusted)
        for node in request.cluster.nodes
    )
    cluster = request.cluster.model_copy(
        update={
            "nodes": nodes,
            "links": tuple(
                Link(
                    source=source,
                    target=target,
                    bandwidth_bits_per_s=fit.bandwidth_bits_per_s,
                    latency_s=fit.latency_s,
                    bidirectional=False,
                )
                for (source, target), fit in links.items()
            ),
        }
    )
    return request.model_copy(update={"model": outright, "cluster": cluster})


def _medians(layers: Mapping[str, LayerSamples], name: str, k: int) -> dict[str, float]:
    return {node: median(samples[name][k]) for node, samples in layers.items() if samples.get(name)}


def predict(measured: PlanRequest, job: Job) -> Evaluation:
    """The cost model's verdict on the job's stages."""
    placed = tuple(_placed(stage) for stage in job.stages)
    return evaluate(
        EvaluateRequest(**{name: getattr(measured, name) for name in PlanRequest.model_fields}, stages=placed)
    )


def _placed(stage: StageOf) -> PlacedStage:
    return PlacedStage(node=stage.node, first_layer=stage.first, stop_layer=stage.stop)
