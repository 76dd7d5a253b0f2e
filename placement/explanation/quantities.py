"""Quantities inside sentences: three significant digits and the unit that suits the size."""

from __future__ import annotations

from models.constraints import Metric

_THOUSANDS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_FRACTIONS = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"))
_BOTH = (*_THOUSANDS, *_FRACTIONS[1:])
_BINARY = (*((2.0 ** (10 * n), f"{prefix}i") for n, prefix in ((4, "T"), (3, "G"), (2, "M"), (1, "K"))), (1.0, ""))


def seconds(value: float) -> str:
    """0.0123 -> "12.3 ms"."""
    return _scaled(value, _FRACTIONS, "s")


def joules(value: float) -> str:
    """1234 -> "1.23 kJ"."""
    return _scaled(value, _BOTH, "J")


def size(value: float) -> str:
    """Bytes in binary multiples."""
    return _scaled(value, _BINARY, "B")


def bit_rate(value: float) -> str:
    """1e8 -> "100 Mbit/s"."""
    return _scaled(value, _THOUSANDS, "bit/s")


def rate(value: float) -> str:
    """Per second."""
    return f"{value:.4g} per s"


def percent(share: float) -> str:
    """0.123 -> "12 %"."""
    return f"{100 * share:.0f} %" if abs(share) >= 0.0995 else f"{100 * share:.2g} %"


def of_metric(metric: Metric | None, value: float) -> str:
    """A value of an objective in its unit; None: a weighted sum, which has none."""
    words = {Metric.LATENCY: seconds, Metric.ENERGY: joules, Metric.THROUGHPUT: rate}
    return f"{value:.4g}" if metric is None else words[metric](value)


def _scaled(value: float, scales: tuple[tuple[float, str], ...], unit: str) -> str:
    for scale, prefix in scales:
        if abs(value) >= scale * 0.9995:
            return f"{_digits(value / scale)} {prefix}{unit}"
    scale, prefix = scales[-1]
    return f"{_digits(value / scale)} {prefix}{unit}" if value else f"0 {unit}"


def _digits(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 99.95 else f"{value:.3g}"
