"""What a plan must respect, what it should optimise, and how long to look for it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from models.base import DomainType, Fault, refuse
from models.cluster import MAX_NODES
from models.profile import MAX_LAYERS, Layer, LayerKind
from models.units import Fraction, Identifier, Joules, LayerIndex, Seconds

Positive = Annotated[float, Field(strict=True, gt=0, le=1e18, allow_inf_nan=False)]


class Privacy(DomainType):
    """What must stay on the source and what untrusted nodes may not see. A cut is not a formal guarantee."""

    head_layers: LayerIndex | None = None
    """Leading layers that run on the source; default: everything before the first block, plus one block."""
    tail_layers: LayerIndex = 0
    """Last layers that, with the labels, stay on the source (U-shaped split)."""
    untrusted_forbidden_layers: Annotated[tuple[LayerIndex, ...], Field(max_length=MAX_LAYERS)] = ()
    """Layers that only trusted nodes may run."""
    leakage: Annotated[tuple[Fraction, ...], Field(max_length=MAX_LAYERS)] | None = None
    """Score per layer, 0..1: how much the layer's output tells about the raw input."""
    max_leakage: Fraction | None = None
    """No untrusted node may receive the output of a layer whose score exceeds this (nor the gradient of that cut)."""

    def head_layers_of(self, layers: Sequence[Layer]) -> int:
        """`head_layers`, or its default: everything before the first block, plus that block (no block: one layer)."""
        if self.head_layers is not None:
            return self.head_layers
        return next((k + 1 for k, layer in enumerate(layers) if layer.kind is LayerKind.BLOCK), 1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.leakage is None) != (self.max_leakage is None):
            absent = "leakage" if self.leakage is None else "max_leakage"
            refuse([Fault(f"/{absent}", "missing", "privacy: leakage and max_leakage go together")])
        return self


class LayerRange(DomainType):
    """Half-open range of layers; `layer` is short for one layer."""

    first_layer: LayerIndex = 0
    stop_layer: LayerIndex | None = None
    """Default: to the last layer."""

    @model_validator(mode="before")
    @classmethod
    def _one_layer(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("layer"), int) or isinstance(value["layer"], bool):
            return value
        if "first_layer" in value or "stop_layer" in value:
            refuse(
                [Fault("/layer", "either_or", "give layer, or first_layer and stop_layer, not both", value["layer"])]
            )
        layer = value["layer"]
        others = {name: given for name, given in value.items() if name != "layer"}
        return {**others, "first_layer": layer, "stop_layer": layer + 1}

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.stop_layer is not None and self.stop_layer <= self.first_layer:
            refuse(
                [
                    Fault(
                        "/stop_layer",
                        "empty_range",
                        f"layers {self.first_layer}..{self.stop_layer}: the range is empty",
                        self.stop_layer,
                        self.first_layer + 1,
                    )
                ]
            )
        return self

    def indices(self, layers: int) -> range:
        """The layers meant, in a model of that many layers."""
        return range(self.first_layer, layers if self.stop_layer is None else min(self.stop_layer, layers))


class NodesForLayers(LayerRange):
    """Nodes that may (or may not) run a range of layers."""

    nodes: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=MAX_NODES)]


class Pin(LayerRange):
    """Layers that must run on one node."""

    node: Identifier


class Constraints(DomainType):
    """Limits on the plan as a whole, and who may run what."""

    max_latency_s: Seconds | None = None
    """Longest latency of one request or iteration, in s."""
    max_energy_j: Joules | None = None
    """Most energy of one request or iteration (weighted as the objective weighs it), in J."""
    min_throughput_per_s: Positive | None = None
    """Requests (inference) or micro-batches (training) per second."""
    max_stages: Annotated[int, Field(strict=True, ge=1, le=4096)] | None = None
    """Most stages, a tail on the source counted."""
    allowed_nodes: Annotated[tuple[NodesForLayers, ...], Field(max_length=MAX_LAYERS)] = ()
    """Per layer range, the only nodes that may run it."""
    forbidden_nodes: Annotated[tuple[NodesForLayers, ...], Field(max_length=MAX_LAYERS)] = ()
    """Per layer range, nodes that may not run it."""
    pinned: Annotated[tuple[Pin, ...], Field(max_length=MAX_LAYERS)] = ()
    """Layers that must run on a given node."""

    @field_validator("allowed_nodes", "forbidden_nodes", mode="before")
    @classmethod
    def _for_all_layers(cls, value: Any) -> Any:
        """A bare list of node ids is meant for all layers."""
        if isinstance(value, list | tuple) and value and all(isinstance(entry, str) for entry in value):
            return [{"nodes": list(value)}]
        return value

    @field_validator("pinned", mode="before")
    @classmethod
    def _by_layer(cls, value: Any) -> Any:
        """{"3": "edge-1"} is short for a list of one-layer pins."""
        if isinstance(value, dict) and all(isinstance(k, int) or (isinstance(k, str) and k.isdecimal()) for k in value):
            return [{"layer": int(layer), "node": node} for layer, node in value.items()]
        return value


class Metric(StrEnum):
    """A figure of a plan that can be optimised."""

    LATENCY = "latency"
    ENERGY = "energy"
    THROUGHPUT = "throughput"


class ObjectiveKind(StrEnum):
    """What to optimise; each is one formula in docs/formulation.md."""

    LATENCY = "latency"
    ENERGY = "energy"
    THROUGHPUT = "throughput"
    WEIGHTED = "weighted"
    LEXICOGRAPHIC = "lexicographic"


class Objective(DomainType):
    """What to optimise; latency and energy are minimised, throughput is maximised."""

    kind: ObjectiveKind = ObjectiveKind.LATENCY
    latency_weight: Fraction | None = None
    """weighted: w in w T/T* + (1 - w) E/E*, T* and E* the single optima (default 0.5)."""
    order: Annotated[tuple[Metric, ...], Field(min_length=1, max_length=3)] | None = None
    """lexicographic: most important first (default latency, energy)."""
    tolerance: Fraction | None = None
    """lexicographic: relative worsening allowed in an earlier metric for the sake of a later one (default 0)."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        owner = {
            "latency_weight": ObjectiveKind.WEIGHTED,
            "order": ObjectiveKind.LEXICOGRAPHIC,
            "tolerance": ObjectiveKind.LEXICOGRAPHIC,
        }
        faults = [
            Fault(f"/{field}", "not_applicable", f"objective.{field}: belongs to kind {kind}, not {self.kind}")
            for field, kind in owner.items()
            if getattr(self, field) is not None and self.kind is not kind
        ]
        if self.order is not None and len(set(self.order)) < len(self.order):
            faults.append(Fault("/order", "duplicate", "objective.order: a metric is given twice", list(self.order)))
        refuse(faults)
        return self


class Backend(StrEnum):
    """Who solves; every one proves the same optimum."""

    AUTO = "auto"
    LABELS = "labels"
    MILP = "milp"
    MILP_CBC = "milp_cbc"
    CP_SAT = "cp_sat"
    REFERENCE_MILP = "reference_milp"
    REFERENCE_CP_SAT = "reference_cp_sat"
    BRUTE_FORCE = "brute_force"


class SolverSettings(DomainType):
    """Who solves and when to stop."""

    backend: Backend = Backend.AUTO
    time_limit_s: Annotated[float, Field(strict=True, gt=0, le=3600, allow_inf_nan=False)] = 10.0
    """Seconds of solving after which the best plan so far is answered with its bound."""
    relative_gap: Fraction = 0.0
    """Stop as soon as (objective - bound) / objective is at most this; 0 asks for the proof."""
    seed: Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)] = 0
