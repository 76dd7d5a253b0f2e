"""A measured node: the piece of a request, and how its figures came about."""

from __future__ import annotations

from api.measuring.matmul import RateReport
from api.measuring.memory_bandwidth import BandwidthReport
from api.measuring.overhead import OverheadReport
from models.base import DomainType
from models.cluster import Node


class MachineReport(DomainType):
    """On what, and with how much of it."""

    processor: str
    allowed_processors: int
    """Logical processors that this process may use."""
    physical_cores: int | None
    """Cores behind them; fewer where two threads share one."""
    quota: float | None
    """Processors' worth of time that the control group allows."""
    threads: int
    """With which all figures were measured."""
    load_average: float | None
    """Processes that wanted a processor in the minute before."""
    torch: str | None
    """Version of torch; None where it is not installed or not wanted."""


class MemoryReport(DomainType):
    """Memory that was free, and who says so."""

    available_bytes: int
    how: str


class PowerReport(DomainType):
    """Power in rest and at work."""

    idle_power_w: float
    busy_power_w: float
    source: str
    """The meters, or the catalogue's entry."""
    sees: str
    """Which part of the machine."""
    samples: int
    """Readings of the shorter of the two."""


class NodeReport(DomainType):
    """How a node's figures came about."""

    machine: MachineReport
    rates: tuple[RateReport, ...]
    """The first is the request's figure."""
    bandwidths: tuple[BandwidthReport, ...]
    overhead: OverheadReport
    memory: MemoryReport
    power: PowerReport | None
    """None where neither the machine nor the catalogue tells."""
    notes: tuple[str, ...] = ()


class NodeMeasurement(DomainType):
    """A measured node: `node` goes into `cluster.nodes`, `report` says how far to trust it."""

    node: Node
    report: NodeReport
