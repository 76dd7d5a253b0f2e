"""From what was measured to layers of a request, and to the report beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from api.measuring.layer_passes import PassName
from api.measuring.layer_sizes import LayerSizes
from api.measuring.layer_timing import LayerSamples
from api.measuring.model_report import GroupReport, PassReport, SizeReport
from api.measuring.spread import spread_of
from models.cluster import Node
from models.profile import Layer, Pass
from placement.cost_model import pass_seconds

_OUTPUTS = {f"{name.value}_output_bytes": name for name in (PassName.FORWARD, PassName.BACKWARD, PassName.DECODE)}


def pooled(samples: Iterable[LayerSamples]) -> LayerSamples:
    """All samples of layers that are alike, by pass."""
    together: LayerSamples = {}
    for of_layer in samples:
        for name, seconds in of_layer.items():
            together.setdefault(name, []).extend(seconds)
    return together


def with_sizes(layer: Layer, sizes: LayerSizes) -> Layer:
    """The layer with measured bytes where there are any; scratch memory stays derived."""
    seen = {name: float(value) for name, value in asdict(sizes).items() if value is not None}
    update: dict[str, Any] = {name: value for name, value in seen.items() if name not in _OUTPUTS}
    for output, name in _OUTPUTS.items():
        cost: Pass | None = getattr(layer, name.value)
        if cost is not None and output in seen:
            update[name.value] = cost.model_copy(update={"output_bytes": seen[output]})
    return layer.model_copy(update=update)


def with_times(layer: Layer, node: str, samples: LayerSamples) -> Layer:
    """The layer with median seconds for a node; times of other nodes stay."""
    update = {}
    for name, seconds in samples.items():
        cost: Pass | None = getattr(layer, name.value)
        if cost is not None:
            times = {**(cost.time_s or {}), node: spread_of(seconds).median}
            update[name.value] = cost.model_copy(update={"time_s": times})
    return layer.model_copy(update=update)


def group_report(
    layer: Layer, layers: tuple[int, ...], sizes: LayerSizes, samples: Mapping[int, LayerSamples], figures: Node | None
) -> GroupReport:
    """Measured beside derived, for layers that are alike; `layer` is the first of them, as derived."""
    measured = {name: float(value) for name, value in asdict(sizes).items() if value is not None}
    derived = layer.model_dump()
    for output, name in _OUTPUTS.items():
        derived[output] = (derived[name.value] or {}).get("output_bytes")
    return GroupReport(
        kind=layer.kind,
        layers=layers,
        timed=tuple(samples),
        passes={
            name.value: _pass_report(getattr(layer, name.value), seconds, figures)
            for name, seconds in pooled(samples.values()).items()
            if getattr(layer, name.value) is not None
        },
        sizes={
            name: SizeReport(measured_bytes=value, derived_bytes=derived[name])
            for name, value in measured.items()
            if derived[name] is not None and (value or derived[name])
        },
    )


def _pass_report(cost: Pass, seconds: list[float], figures: Node | None) -> PassReport:
    spread = spread_of(seconds)
    estimate = None
    if figures is not None:
        fastest = max(figures.levels, key=lambda level: level.compute_flops_per_s)
        estimate = float(pass_seconds([figures], [(0, fastest)], [cost])[0, 0])
    return PassReport(
        time_s=spread,
        flops=cost.flops,
        traffic_bytes=cost.traffic_bytes,
        flops_per_s=cost.flops / spread.median,
        bytes_per_s=cost.traffic_bytes / spread.median,
        estimate_s=estimate,
    )
