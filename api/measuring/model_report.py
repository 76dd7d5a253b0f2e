"""What measuring a model gives: a piece of a request, and beside it how far to trust its figures."""

from __future__ import annotations

from api.measuring.spread import Spread
from models.base import DomainType
from models.profile import LayerKind, ModelSpec
from models.units import Identifier


class PassReport(DomainType):
    """Timed passes of layers that are alike, and what the derivation says about one of them."""

    time_s: Spread
    flops: float
    traffic_bytes: float
    flops_per_s: float
    """Derived operations over median time: the rate at which this pass makes use of the node."""
    bytes_per_s: float
    """Derived memory traffic over median time."""
    estimate_s: float | None = None
    """What the cost model says from the node's figures; None where no figures were given."""


class SizeReport(DomainType):
    """Bytes as the running layer showed them, and as the profile derives them."""

    measured_bytes: float
    derived_bytes: float


class GroupReport(DomainType):
    """Layers that are alike, measured on a sample of them."""

    kind: LayerKind
    layers: tuple[int, ...]
    timed: tuple[int, ...]
    """The layers that were built and timed; the others have their median."""
    passes: dict[str, PassReport]
    sizes: dict[str, SizeReport]


class ModelReport(DomainType):
    """How the figures of one node came about."""

    node: Identifier
    threads: int
    torch: str
    transformers: str
    dtype: str
    seconds: float
    """What the measurement took."""
    stage_overhead_s: Spread
    """Once per stage and pass, in no layer's time: positions, rotary angles, causal mask."""
    groups: tuple[GroupReport, ...]
    notes: tuple[str, ...] = ()


class ModelMeasurement(DomainType):
    """A measured model: `model` goes into a request, `reports` say how far to trust it, one for every node."""

    model: ModelSpec
    reports: tuple[ModelReport, ...]
