"""Devices: what was read or measured, and what a plan can count on.

Sustained compute = measured where it was, else peak (matrix units if known) x efficiency of the device, else of its
class. Sustained bandwidth likewise. Usable memory = measured, else a share of the total. Idle power = measured, else a
share of the maximum, plus what an open GPU context draws where that was measured.
"""

from __future__ import annotations

from typing import Any

from models.catalogue import DeviceEntry, Figure, NodePiece, PeakRate, Provenance, RateFormat
from models.cluster import NodeKind, OperatingPoint
from placement.catalogue.reading import Facts, joined, measurements, packaged, provenance

_PREFERENCE = (RateFormat.FLOAT16_TENSOR, RateFormat.FLOAT16, RateFormat.FLOAT32)


def build_devices() -> tuple[DeviceEntry, ...]:
    """All devices of the catalogue."""
    facts = packaged("devices.json")
    return tuple(_device(device, facts) for device in facts["devices"])


def _figure(facts: Facts | None) -> Figure | None:
    if facts is None:
        return None
    return Figure(value=facts["value"], how=facts.get("how"), **dict(provenance(facts)))


def _device(device: Facts, facts: Facts) -> DeviceEntry:
    defaults = facts["classes"][device["class"]]
    peaks = tuple(PeakRate(format=p["format"], value=p["value"], **dict(provenance(p))) for p in device["peak"])
    memory, bandwidth = _figure(device.get("memory")), _figure(device.get("bandwidth"))
    busy = _figure(device.get("busy_power"))
    figures = {
        "sustained_flops_per_s": _sustained_compute(device, peaks, defaults["compute"]),
        "usable_memory_bytes": _usable_memory(device, memory, defaults["usable"]),
        "sustained_memory_bandwidth_bytes_per_s": _sustained_bandwidth(device, bandwidth, defaults["memory"]),
        "idle_power_w": _idle_power(device, busy, facts["idle_fraction_of_busy"]),
        "busy_power_w": busy,
    }
    points, points_provenance = _operating_points(device, figures)
    missing = _missing(figures)
    return DeviceEntry(
        id=device["id"],
        name=device["name"],
        kind=NodeKind(device["kind"]),
        peak_flops_per_s=peaks,
        memory_bytes=memory,
        peak_memory_bandwidth_bytes_per_s=bandwidth,
        power_modes_w=_power_modes(device),
        operating_points=points,
        operating_points_provenance=points_provenance,
        measurements=measurements(device["measurements"]),
        notes=tuple(device["notes"]),
        node=None if missing else _node(device, figures, points),
        node_missing=missing,
        weak=() if missing else _weak(figures, points_provenance),
        **figures,
    )


def _efficiency(device: Facts, name: str, default: Facts) -> tuple[float, Provenance, str]:
    """The device's own efficiency, else its class's; with where it comes from and how to call it."""
    own = device.get("efficiency", {})
    if name in own:
        remark = f" ({own['remark']})" if "remark" in own else ""
        return own[name], provenance(own), f"calibrated on this device{remark}"
    weak = default.get("weak", "the efficiency is that of the device's class, not measured on this device")
    return default["value"], Provenance(**joined(provenance(default), weak=weak)), "typical of its class"


def _sustained_compute(device: Facts, peaks: tuple[PeakRate, ...], default: Facts) -> Figure | None:
    if "measured_compute" in device:
        return _figure(device["measured_compute"])
    if not peaks:
        return None
    peak = min(peaks, key=lambda rate: _PREFERENCE.index(rate.format))
    efficiency, origin, called = _efficiency(device, "compute", default)
    tensor = peak.format is RateFormat.FLOAT16_TENSOR
    no_tensor = "no matrix-unit peak was found, so the rate is likely too low" if _has_matrix_units(device) else None
    return Figure(
        value=peak.value * efficiency,
        how=f"{efficiency:g} x {peak.format} peak, {called}",
        **joined(peak, origin, weak=None if tensor else no_tensor),
    )


def _has_matrix_units(device: Facts) -> bool:
    return device["class"] in ("gpu_consumer", "gpu_server")


def _usable_memory(device: Facts, memory: Figure | None, default: Facts) -> Figure | None:
    if "usable_memory" in device:
        return _figure(device["usable_memory"])
    if memory is None:
        return None
    share = default["value"]
    weak = default.get("weak", f"a share of {share:g} is assumed to be left by system and framework")
    return Figure(
        value=memory.value * share, how=f"{share:g} x total", **joined(memory, provenance(default), weak=weak)
    )


def _sustained_bandwidth(device: Facts, bandwidth: Figure | None, default: Facts) -> Figure | None:
    if "measured_bandwidth" in device:
        return _figure(device["measured_bandwidth"])
    if bandwidth is None:
        return None
    efficiency, origin, called = _efficiency(device, "memory", default)
    return Figure(
        value=bandwidth.value * efficiency, how=f"{efficiency:g} x peak, {called}", **joined(bandwidth, origin)
    )


def _idle_power(device: Facts, busy: Figure | None, fraction: Facts) -> Figure | None:
    if "idle_power" in device:
        return _figure(device["idle_power"])
    if busy is None:
        return None
    value, how, context = (
        busy.value * fraction["value"],
        f"{fraction['value']:g} x busy",
        _figure(device.get("context_power")),
    )
    if context is not None:
        value, how = value + context.value, f"{how} + {context.value:g} W for an open GPU context"
    return Figure(value=value, how=how, **joined(busy, provenance(fraction), context))


def _power_modes(device: Facts) -> tuple[Figure, ...]:
    modes = device.get("power_modes")
    return () if modes is None else tuple(Figure(value=watts, **dict(provenance(modes))) for watts in modes["values"])


def _operating_points(
    device: Facts, figures: dict[str, Figure | None]
) -> tuple[tuple[OperatingPoint, ...], Provenance | None]:
    """Modes whose rate relative to the fastest was measured; compute and bandwidth scale alike."""
    given = device.get("operating_points")
    compute, bandwidth = figures["sustained_flops_per_s"], figures["sustained_memory_bandwidth_bytes_per_s"]
    if given is None or compute is None or bandwidth is None:
        return (), None
    points = tuple(
        OperatingPoint(
            name=point["name"],
            compute_flops_per_s=compute.value * point["relative_rate"],
            memory_bandwidth_bytes_per_s=bandwidth.value * point["relative_rate"],
            busy_power_w=float(point["busy_power_w"]),
        )
        for point in given["points"]
    )
    return points, provenance(given)


def _missing(figures: dict[str, Figure | None]) -> str | None:
    """Why the figures do not suffice for a node; without power it would count as drawing nothing."""
    needed = {
        "sustained_flops_per_s": "compute rate",
        "usable_memory_bytes": "memory size",
        "idle_power_w": "idle power",
        "busy_power_w": "busy power",
    }
    absent = [called for name, called in needed.items() if figures[name] is None]
    return f"not known: {', '.join(absent)}" if absent else None


def _node(device: Facts, figures: dict[str, Figure | None], points: tuple[OperatingPoint, ...]) -> NodePiece:
    values: dict[str, Any] = {name: figure.value for name, figure in figures.items() if figure is not None}
    return NodePiece(
        kind=NodeKind(device["kind"]),
        compute_flops_per_s=values["sustained_flops_per_s"],
        memory_bytes=values["usable_memory_bytes"],
        memory_bandwidth_bytes_per_s=values.get("sustained_memory_bandwidth_bytes_per_s"),
        idle_power_w=values["idle_power_w"],
        busy_power_w=values["busy_power_w"],
        operating_points=points,
    )


def _weak(figures: dict[str, Figure | None], points: Provenance | None) -> tuple[str, ...]:
    named: dict[str, Provenance | None] = {**figures, "operating_points": points}
    return tuple(f"{name}: {origin.weak}" for name, origin in named.items() if origin is not None and origin.weak)
