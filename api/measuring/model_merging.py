"""Measurements of one model on several nodes, as one: needs no optional package, for pieces are joined anywhere."""

from __future__ import annotations

from typing import Any

from api.measuring.model_report import ModelMeasurement
from models.base import Fault, refuse
from models.profile import Layer, Pass

_PASSES = ("forward", "backward", "decode", "update")


def merged(into: ModelMeasurement, new: ModelMeasurement) -> ModelMeasurement:
    """The times of `new` added to a measurement of the same layers, made on other nodes; same nodes are replaced.

    Raises `InvalidInput` where the two do not describe the same layers in the same use (kinds, operations, traffic).
    """
    ours, theirs = into.model.layers or (), new.model.layers or ()
    if [_meaning(layer) for layer in ours] != [_meaning(layer) for layer in theirs]:
        message = (
            "model.layers: the layers are not those measured; config, workload, sequence, batch and dtype must agree"
        )
        refuse([Fault("/model/layers", "mismatch", message, len(ours), len(theirs))])
    layers = tuple(_joined(a, b) for a, b in zip(ours, theirs, strict=True))
    nodes = {report.node for report in new.reports}
    return ModelMeasurement(
        model=into.model.model_copy(update={"layers": layers}),
        reports=(*(report for report in into.reports if report.node not in nodes), *new.reports),
    )


def _meaning(layer: Layer) -> tuple[Any, ...]:
    costs: list[Pass | None] = [getattr(layer, name) for name in _PASSES]
    return layer.kind, *(None if cost is None else (cost.flops, cost.traffic_bytes) for cost in costs)


def _joined(into: Layer, new: Layer) -> Layer:
    update = {}
    for name in _PASSES:
        cost, other = getattr(into, name), getattr(new, name)
        if cost is not None and other.time_s:
            update[name] = cost.model_copy(update={"time_s": {**(cost.time_s or {}), **other.time_s}})
    return into.model_copy(update=update)
