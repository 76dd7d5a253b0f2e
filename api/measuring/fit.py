"""From timed transfers to a link: seconds = latency_s + 8 payload_bytes / bandwidth_bits_per_s.

Method: the median of the times of each payload size (a late packet or a scheduler's pause moves it little); then the
line whose relative residuals (time - line) / line balance, so that small payloads fix the latency and large ones the
rate: the gamma family with identity link, by iteratively reweighted least squares (P. McCullagh, J. A. Nelder,
Generalized Linear Models, 2nd ed. 1989, section 8). A latency that would come out negative is zero.

No size is given less weight for lying off the line: the largest one alone shows the rate where the line bends (caches,
buffers), and a robust loss would throw just that one out. So the residuals are part of the answer, and whoever times
transfers keeps slow start out of them: open the window first, and drop the first transfer after a change of pace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_ROUNDS = 20
"""More than enough: the weights settle in five."""


@dataclass(frozen=True, slots=True)
class TransferFit:
    """The line through timed transfers, and how far they lie off it."""

    latency_s: float
    bandwidth_bits_per_s: float
    relative_residual: float
    """Root mean square, over payload sizes, of (median time - line) / line."""
    largest_residual: float
    """Largest magnitude of the same."""

    def seconds(self, payload_bytes: float) -> float:
        """What the line says for a payload."""
        return self.latency_s + 8 * payload_bytes / self.bandwidth_bits_per_s


class NoSlope(ValueError):
    """Larger payloads took no longer, or there were not two sizes: the rate does not show. Larger payloads help."""


def fit_transfers(payload_bytes: Sequence[float], seconds: Sequence[float]) -> TransferFit:
    """The line through (payload_bytes[i], seconds[i]); sizes may occur any number of times.

    Raises `NoSlope`, and ValueError for sequences of different lengths or a time that is not positive.
    """
    medians = _medians(payload_bytes, seconds)
    if len(medians) < 2:
        raise NoSlope("transfers of at least two payload sizes are needed")
    sizes, times = [size for size, _ in medians], [time for _, time in medians]
    line = times
    for _ in range(_ROUNDS):
        latency_s, per_byte_s = _least_squares(sizes, times, [1 / said**2 for said in line])
        if per_byte_s <= 0:
            raise NoSlope("larger payloads took no longer than small ones; larger ones are needed")
        line = [latency_s + per_byte_s * size for size in sizes]
    errors = [(time - said) / said for time, said in zip(times, line, strict=True)]
    return TransferFit(
        latency_s,
        8 / per_byte_s,
        (sum(error**2 for error in errors) / len(errors)) ** 0.5,
        max(abs(error) for error in errors),
    )


def _medians(payload_bytes: Sequence[float], seconds: Sequence[float]) -> list[tuple[float, float]]:
    """(size, median time), by size."""
    by_size: defaultdict[float, list[float]] = defaultdict(list)
    for size, time in zip(payload_bytes, seconds, strict=True):
        if not time > 0:
            raise ValueError(f"a transfer of {size:g} bytes took {time:g} s; times must be positive")
        by_size[size].append(time)
    return [(size, median(times)) for size, times in sorted(by_size.items())]


def _least_squares(sizes: Sequence[float], times: Sequence[float], weights: Sequence[float]) -> tuple[float, float]:
    """Intercept a >= 0 and slope b that minimise sum_i w_i (t_i - a - b x_i)^2."""
    parts = list(zip(weights, sizes, times, strict=True))
    whole = sum(weights)
    mean_x = sum(w * x for w, x, _ in parts) / whole
    mean_t = sum(w * t for w, _, t in parts) / whole
    spread = sum(w * (x - mean_x) ** 2 for w, x, _ in parts)
    slope = sum(w * (x - mean_x) * (t - mean_t) for w, x, t in parts) / spread
    intercept = mean_t - slope * mean_x
    if intercept >= 0:
        return intercept, slope
    return 0.0, sum(w * x * t for w, x, t in parts) / sum(w * x * x for w, x, _ in parts)
