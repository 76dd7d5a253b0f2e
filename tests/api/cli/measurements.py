"""Measured pieces as the commands of `placement measure` write them, with figures by hand."""

from __future__ import annotations

from api.measuring.link import DirectionReport, LinkMeasurement, LinkReport, SizeReport
from api.measuring.matmul import Library, NumberFormat, RateReport, SizeRate
from api.measuring.memory_bandwidth import BandwidthReport
from api.measuring.node_process import node_of
from api.measuring.node_report import MachineReport, MemoryReport, NodeMeasurement, NodeReport, PowerReport
from api.measuring.overhead import STANDS_FOR, OverheadReport
from api.measuring.spread import Spread
from models.cluster import Link, NodeKind


def spread(median: float, scatter: float = 0.02) -> Spread:
    return Spread(p10=median * (1 - scatter), median=median, p90=median * (1 + scatter), samples=20)


def node_report(flops_per_s: float = 60e9, power: PowerReport | None = None) -> NodeReport:
    """A machine of two cores."""
    rate = RateReport(
        library=Library.NUMPY,
        device="cpu",
        number_format=NumberFormat.FLOAT32,
        n=1024,
        sustained_flops_per_s=spread(flops_per_s),
        first_flops_per_s=1.05 * flops_per_s,
        steady=True,
        seconds=20.0,
        processor_share=0.99,
        sweep=(SizeRate(n=1024, flops_per_s=flops_per_s),),
    )
    triad = BandwidthReport(
        kernel="triad",
        library=Library.NUMPY,
        device="cpu",
        bytes_per_s=spread(12e9),
        array_bytes=2**27,
        beyond_cache=True,
    )
    return NodeReport(
        machine=MachineReport(
            processor="A CPU @ 2 GHz",
            allowed_processors=2,
            physical_cores=2,
            quota=None,
            threads=2,
            load_average=0.0,
            torch=None,
        ),
        rates=(rate,),
        bandwidths=(triad,),
        overhead=OverheadReport(
            library=Library.NUMPY, device="cpu", seconds=spread(1e-4), stands_for=STANDS_FOR[Library.NUMPY]
        ),
        memory=MemoryReport(available_bytes=4 * 2**30, how="MemAvailable of /proc/meminfo"),
        power=power,
    )


def node(node_id: str, kind: NodeKind, flops_per_s: float = 60e9) -> NodeMeasurement:
    power = PowerReport(idle_power_w=3.0, busy_power_w=12.0, source="battery", sees="the whole machine", samples=12)
    return node_of(node_report(flops_per_s, power), node_id, kind)


def link(source: str, target: str) -> LinkMeasurement:
    return LinkMeasurement(
        link=Link(
            source=source,
            target=target,
            bandwidth_bits_per_s=50e6,
            reverse_bandwidth_bits_per_s=150e6,
            latency_s=4e-3,
        ),
        report=LinkReport(
            round_trip_s=spread(8e-3),
            fastest_round_trip_s=7e-3,
            forward=_direction(50e6),
            reverse=_direction(150e6),
            used_bytes=9e7,
            used_s=10.0,
            notes=("latency_s is half the round trip",),
        ),
    )


def _direction(bits_per_s: float) -> DirectionReport:
    return DirectionReport(
        bandwidth_bits_per_s=bits_per_s,
        at_largest_payload_bits_per_s=spread(bits_per_s),
        intercept_s=8e-3,
        relative_residual=0.01,
        largest_residual=0.02,
        first_of_block_ratio=1.0,
        transfers=(SizeReport(payload_bytes=2**20, seconds=spread(0.17)),),
    )
