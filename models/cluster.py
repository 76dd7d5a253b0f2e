"""The cluster: nodes that compute, directed links that carry, media that links share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StrictBool, model_validator

from models.base import DomainType, Fault, refuse
from models.units import (
    BitsPerSecond,
    Bytes,
    BytesPerSecond,
    FlopsPerSecond,
    Identifier,
    Joules,
    Seconds,
    Watts,
)

MAX_NODES = 1024


class NodeKind(StrEnum):
    """What a node is; terminals are trusted unless said otherwise."""

    TERMINAL = "terminal"
    EDGE = "edge"
    CLOUD = "cloud"


class Duplex(StrEnum):
    """Whether the two directions of a link are separate resources (full) or one (half)."""

    FULL = "full"
    HALF = "half"


class OperatingPoint(DomainType):
    """A DVFS level: a rate and the power it costs. One level is chosen per node."""

    name: Identifier
    compute_flops_per_s: FlopsPerSecond
    """Sustained rate at this level, in FLOP/s."""
    busy_power_w: Watts
    """Power while computing at this level, in W."""
    memory_bandwidth_bytes_per_s: BytesPerSecond | None = None
    """Memory bandwidth at this level, in B/s; default: the node's."""
    idle_power_w: Watts | None = None
    """Power while awake and not computing, in W; default: the node's."""


class Node(DomainType):
    """A machine that can run one stage."""

    id: Identifier
    kind: NodeKind = NodeKind.EDGE
    compute_flops_per_s: FlopsPerSecond | None = None
    """Sustained (not peak) rate in FLOP/s. Required unless `operating_points` are given."""
    memory_bytes: Bytes
    """Memory that stages may fill, in bytes."""
    memory_bandwidth_bytes_per_s: BytesPerSecond | None = None
    """Sustained memory bandwidth in B/s; without it only FLOPs count."""
    layer_overhead_s: Seconds = 0.0
    """Fixed time per layer and pass, in s (kernel launches, framework); not added to measured times."""
    idle_power_w: Watts = 0.0
    """Power while awake and not computing, in W."""
    busy_power_w: Watts | None = None
    """Power while computing, in W; default: `idle_power_w`."""
    operating_points: Annotated[tuple[OperatingPoint, ...], Field(max_length=16)] = ()
    """DVFS levels, one of which is chosen; without them the node's own figures are its one level "default"."""
    energy_budget_j: Joules | None = None
    """Most energy that this node may spend on one request or iteration, in J (its own joules, unweighted)."""
    energy_weight: Annotated[float, Field(strict=True, ge=0, le=1e6)] = 1.0
    """Weight of this node's joules in the plan's energy; a mains-powered node may count 0."""
    trusted: StrictBool | None = None
    """Whether the node may see private activations; default: kind is terminal."""
    relay: StrictBool = False
    """Whether the node forwards traffic between others."""
    overlaps_communication: StrictBool = True
    """False: the node computes or sends or receives, one at a time."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Free key/value pairs, kept as they are."""

    @property
    def is_trusted(self) -> bool:
        """`trusted`, or its default by kind."""
        return self.kind is NodeKind.TERMINAL if self.trusted is None else self.trusted

    @property
    def levels(self) -> tuple[OperatingPoint, ...]:
        """The operating points with every default filled in; at least one."""
        if not self.operating_points:
            assert self.compute_flops_per_s is not None  # guaranteed by _check
            return (
                self._complete(
                    OperatingPoint(
                        name="default",
                        compute_flops_per_s=self.compute_flops_per_s,
                        busy_power_w=self.idle_power_w if self.busy_power_w is None else self.busy_power_w,
                    )
                ),
            )
        return tuple(self._complete(point) for point in self.operating_points)

    def _complete(self, point: OperatingPoint) -> OperatingPoint:
        return point.model_copy(
            update={
                "memory_bandwidth_bytes_per_s": point.memory_bandwidth_bytes_per_s or self.memory_bandwidth_bytes_per_s,
                "idle_power_w": self.idle_power_w if point.idle_power_w is None else point.idle_power_w,
            }
        )

    @model_validator(mode="after")
    def _check(self) -> Self:
        faults = []
        if self.compute_flops_per_s is None and not self.operating_points:
            faults.append(
                Fault(
                    "/compute_flops_per_s",
                    "missing",
                    f"node {self.id}: compute_flops_per_s is required without operating_points",
                )
            )
        if self.busy_power_w is not None and self.busy_power_w < self.idle_power_w:
            faults.append(
                Fault(
                    "/busy_power_w",
                    "below_idle_power",
                    f"node {self.id}: busy_power_w is below idle_power_w",
                    self.busy_power_w,
                    self.idle_power_w,
                )
            )
        for index, point in enumerate(self.operating_points):
            idle = self.idle_power_w if point.idle_power_w is None else point.idle_power_w
            if point.busy_power_w < idle:
                faults.append(
                    Fault(
                        f"/operating_points/{index}/busy_power_w",
                        "below_idle_power",
                        f"node {self.id}: level {point.name}: busy_power_w is below its idle power",
                        point.busy_power_w,
                        idle,
                    )
                )
        for name in repeated(point.name for point in self.operating_points):
            faults.append(Fault("/operating_points", "duplicate", f"node {self.id}: level {name} is given twice"))
        refuse(faults)
        return self


class Link(DomainType):
    """A channel from `source` to `target`, and back unless said otherwise."""

    source: Identifier
    target: Identifier
    bandwidth_bits_per_s: BitsPerSecond
    """Rate from source to target, in bit/s."""
    latency_s: Seconds = 0.0
    """One-way propagation delay in s; it does not occupy the channel."""
    transmit_power_w: Watts = 0.0
    """Power that the sending end draws above idle while sending, in W."""
    receive_power_w: Watts = 0.0
    """Power that the receiving end draws above idle while receiving, in W."""
    bidirectional: StrictBool = True
    """Whether the link also carries from target to source."""
    reverse_bandwidth_bits_per_s: BitsPerSecond | None = None
    """Rate from target to source, in bit/s; default: the same."""
    duplex: Duplex = Duplex.FULL
    """full: the two directions are separate resources; half: one resource."""
    medium: Identifier | None = None
    """A radio channel or bus; all links of a medium share it, one transfer at a time."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        faults = []
        if self.source == self.target:
            faults.append(Fault("/target", "self_link", f"link {self.source} -> {self.target}: both ends are the same"))
        if self.reverse_bandwidth_bits_per_s is not None and not self.bidirectional:
            faults.append(
                Fault(
                    "/reverse_bandwidth_bits_per_s",
                    "one_way",
                    f"link {self.source} -> {self.target}: a reverse rate on a link that is not bidirectional",
                )
            )
        refuse(faults)
        return self


Matrix = tuple[tuple[BitsPerSecond | None, ...], ...]
SecondsMatrix = tuple[tuple[Seconds | None, ...], ...]
WattsMatrix = tuple[tuple[Watts | None, ...], ...]


class LinkMatrix(DomainType):
    """All directed links at once: row = source, column = target, in the order of `nodes`; null = no link."""

    bandwidth_bits_per_s: Matrix
    """n x n rates in bit/s; the diagonal is ignored."""
    latency_s: SecondsMatrix | None = None
    """n x n one-way delays in s; default 0."""
    transmit_power_w: WattsMatrix | None = None
    """n x n powers of the sending end in W; default 0."""
    receive_power_w: WattsMatrix | None = None
    """n x n powers of the receiving end in W; default 0."""
    duplex: Duplex = Duplex.FULL
    medium: Identifier | None = None
    """One medium that all these links share."""

    def faults(self, nodes: int) -> list[Fault]:
        """Every matrix that is not nodes x nodes."""
        faults = []
        for name in ("bandwidth_bits_per_s", "latency_s", "transmit_power_w", "receive_power_w"):
            matrix = getattr(self, name)
            if matrix is not None and (len(matrix) != nodes or any(len(row) != nodes for row in matrix)):
                shape = f"{len(matrix)} x {'/'.join(sorted({str(len(row)) for row in matrix})) or 0}"
                faults.append(
                    Fault(
                        f"/link_matrix/{name}",
                        "shape",
                        f"link_matrix.{name}: {shape}, expected {nodes} x {nodes} (one row per node)",
                        shape,
                        f"{nodes} x {nodes}",
                    )
                )
        return faults


class Cluster(DomainType):
    """Nodes with the links between them, as a list or as matrices."""

    nodes: Annotated[tuple[Node, ...], Field(min_length=1, max_length=MAX_NODES)]
    links: Annotated[tuple[Link, ...], Field(max_length=MAX_NODES * MAX_NODES)] = ()
    link_matrix: LinkMatrix | None = None
    """Instead of `links`: dense n x n matrices in the order of `nodes`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        known = {node.id for node in self.nodes}
        faults = (
            [
                Fault(f"/nodes/{index}/id", "duplicate", f"node {node.id}: this id is given twice", node.id)
                for index, node in enumerate(self.nodes)
                if node.id in {earlier.id for earlier in self.nodes[:index]}
            ]
            if len(known) < len(self.nodes)
            else []
        )
        taken: dict[tuple[str, str], int] = {}
        for index, link in enumerate(self.links):
            name = f"link {link.source} -> {link.target}"
            for end in ("source", "target"):
                if getattr(link, end) not in known:
                    faults.append(
                        Fault(f"/links/{index}/{end}", "unknown_node", f"{name}: unknown node", getattr(link, end))
                    )
            directions = [(link.source, link.target)]
            if link.bidirectional:
                directions.append((link.target, link.source))
            for direction in directions:
                if taken.setdefault(direction, index) != index:
                    faults.append(
                        Fault(
                            f"/links/{index}",
                            "duplicate",
                            f"{name}: {direction[0]} -> {direction[1]} is already given by links/{taken[direction]}",
                        )
                    )
        if self.link_matrix is not None:
            if self.links:
                faults.append(Fault("/link_matrix", "either_or", "cluster: give links or link_matrix, not both"))
            faults += self.link_matrix.faults(len(self.nodes))
        refuse(faults)
        return self


def repeated(names: Iterable[str]) -> list[str]:
    """Names that occur more than once, in order of first occurrence."""
    return [name for name, count in Counter(names).items() if count > 1]
