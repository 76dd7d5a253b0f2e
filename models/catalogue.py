"""Entries of the catalogue: devices, links and Transformers, every figure with its source."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from pydantic import model_validator

from models.base import DomainType
from models.cluster import Duplex, Link, Node, NodeKind, OperatingPoint
from models.units import BitsPerSecond, Bytes, BytesPerSecond, FlopsPerSecond, Identifier, Seconds, Watts


class Source(DomainType):
    """Where a figure was read or measured."""

    key: str
    """Short name, as in the catalogue's list of sources; BG is background knowledge that was not looked up."""
    what: str
    url: str | None = None


class Provenance(DomainType):
    """Sources of a figure and, where it is weak, why."""

    sources: tuple[Source, ...] = ()
    weak: str | None = None
    """Why the figure should not be relied upon: assumed, derived, or from background knowledge."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.sources and self.weak is None:
            raise ValueError("a figure needs a source, or a note that says why it is weak")
        return self


class Figure(Provenance):
    """A number in the unit of its field's name."""

    value: float
    how: str | None = None
    """How a derived figure came about."""


class RateFormat(StrEnum):
    """What a peak rate counts."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    FLOAT16_TENSOR = "float16_tensor"
    """Dense float16 on matrix units."""


class PeakRate(Figure):
    """A vendor's or database's peak in FLOP/s. A plan wants the sustained rate."""

    format: RateFormat


class Measurement(Provenance):
    """Something measured, as it was reported: one value, or several in the order that `what` says."""

    what: str
    values: tuple[float, ...]
    unit: str


class NodePiece(DomainType):
    """A node without its id: give it one and paste it into `cluster.nodes`."""

    kind: NodeKind
    compute_flops_per_s: FlopsPerSecond
    memory_bytes: Bytes
    memory_bandwidth_bytes_per_s: BytesPerSecond | None = None
    idle_power_w: Watts
    busy_power_w: Watts
    operating_points: tuple[OperatingPoint, ...] = ()

    def as_node(self, node_id: str) -> Node:
        """The node with an id."""
        return Node(id=node_id, **dict(self))


class DeviceEntry(DomainType):
    """A device: peaks apart from what can be sustained, memory, power."""

    id: Identifier
    name: str
    kind: NodeKind
    """What it typically is in a cluster."""
    peak_flops_per_s: tuple[PeakRate, ...] = ()
    sustained_flops_per_s: Figure | None = None
    """Peak times an efficiency, or measured; `how` says which."""
    memory_bytes: Figure | None = None
    usable_memory_bytes: Figure | None = None
    """What system and framework leave to a model."""
    peak_memory_bandwidth_bytes_per_s: Figure | None = None
    sustained_memory_bandwidth_bytes_per_s: Figure | None = None
    idle_power_w: Figure | None = None
    busy_power_w: Figure | None = None
    power_modes_w: tuple[Figure, ...] = ()
    """Power limits the device can be set to."""
    operating_points: tuple[OperatingPoint, ...] = ()
    """Power modes whose rate is known, too."""
    operating_points_provenance: Provenance | None = None
    measurements: tuple[Measurement, ...] = ()
    notes: tuple[str, ...] = ()
    node: NodePiece | None = None
    """Ready for `cluster.nodes` but for its id; null where figures are missing."""
    node_missing: str | None = None
    """Why there is no node."""
    weak: tuple[str, ...] = ()
    """Why figures of the node are weak, one sentence each."""


class Percentiles(Provenance):
    """A distribution's 5th, 50th and 95th percentile, and the best value seen; in the unit of the field's name."""

    p5: float | None = None
    p50: float | None = None
    p95: float | None = None
    best: float | None = None


class RadioPower(DomainType):
    """Power above idle at a rate r: slope r + intercept, in W."""

    slope_w_per_bit_per_s: float
    intercept_w: float
    r_squared: float | None = None
    measured_up_to_bits_per_s: float | None = None
    """Highest rate in the data behind the regression."""

    def at(self, rate_bits_per_s: float) -> float:
        """Power at a rate, in W."""
        return self.slope_w_per_bit_per_s * rate_bits_per_s + self.intercept_w


class LinkPiece(DomainType):
    """A link without its ends, the terminal as `source`: name them and paste it into `cluster.links`."""

    bandwidth_bits_per_s: BitsPerSecond
    """Uplink: from the terminal."""
    reverse_bandwidth_bits_per_s: BitsPerSecond
    """Downlink: to the terminal."""
    latency_s: Seconds
    """Half the round trip."""
    transmit_power_w: Watts
    receive_power_w: Watts
    duplex: Duplex

    def as_link(self, source: str, target: str) -> Link:
        """The link between two nodes; `source` is the terminal."""
        return Link(source=source, target=target, **dict(self))


class NearServer(Provenance):
    """Medians towards servers nearby, which is what an edge node is."""

    downlink_bits_per_s: float
    uplink_bits_per_s: float
    round_trip_s: float


class LinkEntry(DomainType):
    """A kind of link: rates both ways, round trip, power."""

    id: Identifier
    name: str
    uplink_bits_per_s: Percentiles | None = None
    downlink_bits_per_s: Percentiles | None = None
    round_trip_s: Percentiles | None = None
    near_server: NearServer | None = None
    duplex: Duplex
    transmit_power: RadioPower | None = None
    """Of the terminal while it sends, above idle."""
    receive_power: RadioPower | None = None
    power_provenance: Provenance | None = None
    measurements: tuple[Measurement, ...] = ()
    notes: tuple[str, ...] = ()
    link: LinkPiece | None = None
    """At median rates, towards servers anywhere; null where figures are missing."""
    link_near_server: LinkPiece | None = None
    """At median rates towards servers nearby."""
    link_cautious: LinkPiece | None = None
    """At the rates that 95 % of measurements exceed, with the median round trip."""
    link_missing: str | None = None
    """Why there is no link."""
    weak: tuple[str, ...] = ()
    """Why figures of the link are weak, one sentence each."""


class MeasuredFlops(Provenance):
    """FLOPs of one block, counted on an instantiated model (eager attention, one sequence)."""

    sequence_length: int
    block_forward_flops: int
    block_backward_flops: int


class TransformerEntry(DomainType):
    """A Transformer: its config, and the parameter counts that the config must give."""

    id: Identifier
    hf_id: str
    """Repository on the Hugging Face Hub."""
    family: str
    """`model_type` of the config."""
    parameters: int
    """In all, tied ones once."""
    parameters_per_block: int
    parameters_outside_blocks: int
    huggingface_config: dict[str, Any]
    """What `model.huggingface_config` takes; `model.catalogue` with this entry's id is the same."""
    measured_flops: MeasuredFlops | None = None
    shape_provenance: Provenance
    parameters_provenance: Provenance
    weak: tuple[str, ...] = ()
