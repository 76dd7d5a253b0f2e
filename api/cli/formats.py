"""Quantities for people: three significant digits and the unit that suits the size."""

from __future__ import annotations

from collections.abc import Callable

from models.constraints import Metric, ObjectiveKind

ABSENT = "-"
_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_JOULES = ((1e9, "GJ"), (1e6, "MJ"), (1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"))
_WATTS = ((1e6, "MW"), (1e3, "kW"), (1.0, "W"), (1e-3, "mW"))
_BYTES = ((2.0**50, "PiB"), (2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
_THOUSANDS = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_COUNTS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def seconds(value: float | None) -> str:
    """0.0123 -> "12.3 ms"; from two minutes on, minutes and hours."""
    if value is None:
        return ABSENT
    if value >= 7200:
        hours, rest = divmod(round(value / 60), 60)
        return f"{hours} h {rest} min"
    if value >= 120:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest} s"
    return _scaled(value, _SECONDS)


def joules(value: float | None) -> str:
    """0.5 -> "500 mJ"."""
    return _scaled(value, _JOULES)


def watts(value: float | None) -> str:
    """15 -> "15.0 W"."""
    return _scaled(value, _WATTS)


def size(value: float | None) -> str:
    """Bytes in binary multiples: 17179869184 -> "16.0 GiB"."""
    return f"{value:.0f} B" if value is not None and abs(value) < 1023.5 else _scaled(value, _BYTES)


def part_of(used: float, available: float) -> str:
    """Bytes of bytes, the unit written once where it is the same: "2.20 / 4.00 GiB"."""
    (number, unit), whole = size(used).rsplit(" ", 1), size(available)
    return f"{number} / {whole}" if whole.endswith(f" {unit}") else f"{number} {unit} / {whole}"


def bit_rate(value: float | None) -> str:
    """bit/s in decimal multiples: 1e8 -> "100 Mbit/s"."""
    return _scaled(value, _with_unit("bit/s"))


def byte_rate(value: float | None) -> str:
    """B/s in decimal multiples, as memory bandwidths are quoted: 1.02e11 -> "102 GB/s"."""
    return _scaled(value, _with_unit("B/s"))


def flops(value: float | None) -> str:
    """Operations: 1.2e12 -> "1.20 TFLOP"."""
    return _scaled(value, _with_unit("FLOP"))


def flop_rate(value: float | None) -> str:
    """FLOP/s: 1.2e12 -> "1.20 TFLOP/s"."""
    return _scaled(value, _with_unit("FLOP/s"))


def rate(value: float | None, things: str = "") -> str:
    """Things per second; slow ones per minute or hour: 0.05, "requests" -> "3.00 requests/min"."""
    if value is None:
        return ABSENT
    for unit, length_s in (("s", 1), ("min", 60), ("h", 3600)):
        if value * length_s >= 1 or unit == "h" or value == 0:
            return f"{digits(value * length_s)}{' ' if things else ''}{things}/{unit}"
    raise AssertionError  # pragma: no cover - the last unit always returns


def count(value: float | None) -> str:
    """Parameters: 6738415616 -> "6.74 B"."""
    return _scaled(value, _COUNTS)


def percent(fraction: float | None) -> str:
    """0.123 -> "12 %"; under ten percent one more digit, and never "0 %" for what is not zero."""
    if fraction is None:
        return ABSENT
    value = 100 * fraction
    if value == 0 or abs(value) >= 9.95:
        return f"{value:.0f} %"
    if abs(value) >= 0.095:
        return f"{value:.1f} %"
    return f"{value:.1g} %" if abs(value) >= 0.00095 else "< 0.001 %"


def times(ratio: float | None) -> str:
    """1.7345 -> "1.73x"."""
    return ABSENT if ratio is None else f"{digits(ratio)}x"


def digits(value: float) -> str:
    """Three significant digits without an exponent where that is short: 1234.5 -> "1,234", 0.00012 -> "0.00012"."""
    if value == 0:
        return "0"
    size_of = abs(value)
    if size_of >= 1e15 or size_of < 1e-6:
        return f"{value:.3g}"
    if size_of >= 99.95:
        return f"{value:,.0f}"
    if size_of >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if size_of >= 0.995 else f"{value:.3g}"


_METRICS: dict[Metric, Callable[[float | None], str]] = {
    Metric.LATENCY: seconds,
    Metric.ENERGY: joules,
    Metric.THROUGHPUT: rate,
}
_OBJECTIVES = {
    ObjectiveKind.LATENCY: Metric.LATENCY,
    ObjectiveKind.ENERGY: Metric.ENERGY,
    ObjectiveKind.THROUGHPUT: Metric.THROUGHPUT,
}


def metric(which: Metric, value: float | None) -> str:
    """A latency, an energy or a throughput in its unit."""
    return _METRICS[which](value)


def objective(kind: ObjectiveKind, value: float | None, last: Metric | None = None) -> str:
    """The objective's value in its unit; `last` is the metric that a lexicographic objective states."""
    if value is None:
        return ABSENT
    stated = last if kind is ObjectiveKind.LEXICOGRAPHIC else _OBJECTIVES.get(kind)
    return f"{value:.4g}" if stated is None else metric(stated, value)


_ENDINGS: tuple[tuple[str, Callable[[float | None], str]], ...] = (
    ("throughput_per_s", rate),
    ("flops_per_s", flop_rate),
    ("bytes_per_s", byte_rate),
    ("bits_per_s", bit_rate),
    ("_bytes", size),
    ("_flops", flops),
    ("_w", watts),
    ("_s", seconds),
    ("_j", joules),
)


def by_field(name: str, value: float | None) -> str:
    """A value in the unit that the name of its field or rule ends with: max_latency_s, memory_bytes, max_energy_j."""
    for ending, written in _ENDINGS:
        if name.endswith(ending):
            return written(value)
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if value == round(value) else digits(value)


def _with_unit(unit: str) -> tuple[tuple[float, str], ...]:
    return tuple((factor, prefix + unit) for factor, prefix in _THOUSANDS)


def _scaled(value: float | None, steps: tuple[tuple[float, str], ...]) -> str:
    """Value in the first unit in which it shows as at least 1; 999.9 ms shows as 1.00 s, not as 1,000 ms."""
    if value is None:
        return ABSENT
    fitting = (step for step in steps if abs(value) >= 0.9995 * step[0])
    factor, unit = next(fitting, (1.0, next(name for one, name in steps if one == 1.0)) if value == 0 else steps[-1])
    return f"{digits(value / factor)} {unit}".rstrip()
