"""From measurements to a request: layers whose passes carry measured seconds per node, links as they were measured.

Nothing here depends on how long a plan ran: the request is complete before the first plan runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.validation.settings import LORA_RANK, MEGABIT, SOURCE, Setting
from examples.split_runtime.prediction import PASSES, request_in_seconds
from models.cluster import Cluster, Link, Node, NodeKind
from models.constraints import Privacy
from models.profile import Dtype, FineTuning, FineTuningMethod, ModelSpec, Pass, Profile
from models.request import PlanRequest
from placement.transformers import profile as derive

NOMINAL_FLOPS_PER_S = 30e9
"""Of one core; stands in for a rate where a request wants one, every pass of a layer being measured."""
NOMINAL_OVERHEAD_S = 0.7e-3
"""Of one core per layer and pass, likewise: what a decode pass mostly is."""


@dataclass(frozen=True)
class LayerSeconds:
    """Measured seconds of one layer on one node, per pass of one micro-batch (update: per iteration).

    None where the workload has no such pass.
    """

    forward: float
    backward: float | None = None
    decode: float | None = None
    update: float | None = None


Layers = dict[str, tuple[LayerSeconds, ...]]
"""By node, in the order of the layers."""


@dataclass(frozen=True)
class LinkFigures:
    """What a directed link was measured to do: a payload of x bytes takes latency_s + 8 x / bandwidth_bits_per_s."""

    source: str
    target: str
    latency_s: float
    bandwidth_bits_per_s: float


@dataclass(frozen=True)
class Measured:
    """Everything about a setting that the prediction is made from."""

    layers: Layers
    links: tuple[LinkFigures, ...]


def nominal(setting: Setting) -> Measured:
    """What the declared shares and rates come to, for plans before anything is measured."""
    derived = derived_profile(setting)

    def seconds(cost: Pass | None, share: float) -> float | None:
        return None if cost is None else (cost.flops / NOMINAL_FLOPS_PER_S + NOMINAL_OVERHEAD_S) / share

    return Measured(
        {
            node.id: tuple(
                LayerSeconds(
                    seconds(layer.forward, node.share) or 0.0,
                    *(seconds(getattr(layer, name), node.share) for name in PASSES[1:]),
                )
                for layer in derived.layers
            )
            for node in setting.nodes
        },
        tuple(LinkFigures(source, target, 0.0, rate) for source, target, rate in setting.links()),
    )


def derived_profile(setting: Setting) -> Profile:
    """The layers as the planner derives them from the config: sizes are taken from there, times are not."""
    return derive(_model_of(setting), setting.workload)


def _model_of(setting: Setting) -> ModelSpec:
    tuned = FineTuning(method=FineTuningMethod.LORA, rank=LORA_RANK) if setting.trains else None
    return ModelSpec(
        name=f"{setting.family.value}-{setting.blocks}x{setting.hidden_size}",
        huggingface_config=setting.config,
        sequence_length=setting.sequence_length,
        micro_batch_size=setting.micro_batch_size,
        dtype=Dtype.FLOAT32,
        fine_tuning=tuned,
    )


def request_of(setting: Setting, measured: Measured) -> PlanRequest:
    """The request that the measurements amount to."""
    declared = PlanRequest(
        cluster=Cluster(
            nodes=tuple(
                Node(
                    id=node.id,
                    kind=NodeKind.TERMINAL if node.id == SOURCE else NodeKind.EDGE,
                    compute_flops_per_s=node.share * NOMINAL_FLOPS_PER_S,
                    memory_bytes=node.memory_bytes,
                )
                for node in setting.nodes
            ),
            links=tuple(
                Link(source=source, target=target, bandwidth_bits_per_s=rate, bidirectional=False)
                for source, target, rate in setting.links()
            ),
        ),
        model=_model_of(setting),
        workload=setting.workload,
        privacy=Privacy(tail_layers=setting.tail_layers),
    )
    seconds = {
        node: {name: [getattr(layer, name) for layer in layers] for name in PASSES}
        for node, layers in measured.layers.items()
    }
    links = {(link.source, link.target): link for link in measured.links}
    return request_in_seconds(declared, declared.model, seconds, links)


def megabits(rate_bits_per_s: float) -> float:
    """Mbit/s, for tables."""
    return rate_bits_per_s / MEGABIT
