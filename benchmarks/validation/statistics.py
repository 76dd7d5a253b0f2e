"""Middle values, quantiles, rank correlations, and when two plans took the same time."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import combinations

import numpy as np

NORMAL_MAD = 1.4826
"""Standard deviation of a normal variable over its median absolute deviation."""
MEDIAN_ERROR = 1.2533
"""Standard error of a median over that of a mean, for normal samples: sqrt(pi / 2)."""
STANDARD_ERRORS = 2.0
"""Two medians that are less apart than this many standard errors of their difference are a tie."""


class Verdict(StrEnum):
    """How one plan compares with another."""

    FASTER = "faster"
    TIED = "tied"
    SLOWER = "slower"


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return float(np.median(values))


def quantile(values: Sequence[float], q: float) -> float:
    """The q-quantile, interpolated linearly between order statistics."""
    return float(np.quantile(values, q))


def ranks(values: Sequence[float]) -> list[float]:
    """1 for the smallest; equal values share the mean of their places."""
    ordered = np.sort(values)
    low, high = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return [float(rank) for rank in (low + high + 1) / 2]


def spearman(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Correlation of the ranks; None where one side has no order."""
    x, y = np.array(ranks(a)), np.array(ranks(b))
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / spread if spread > 0 else None


def kendall(a: Sequence[float], b: Sequence[float]) -> float | None:
    """tau-b = (concordant - discordant) / sqrt(pairs untied in a x pairs untied in b); None where one has no order."""
    signs = [(np.sign(x1 - x2), np.sign(y1 - y2)) for (x1, y1), (x2, y2) in combinations(zip(a, b, strict=True), 2)]
    untied = float(np.sqrt(sum(x != 0 for x, _ in signs) * sum(y != 0 for _, y in signs)))
    return float(sum(x * y for x, y in signs)) / untied if untied else None


def relative_spread(groups: Sequence[Sequence[float]]) -> float:
    """Standard deviation of one iteration relative to its plan's median, pooled over plans, by absolute deviations.

    Pooled, since three or four iterations say little about their own spread; sqrt(n / (n - 1)) makes up for the median
    being taken from the same n.
    """
    deviations = [
        abs(value / median(group) - 1.0) * float(np.sqrt(len(group) / (len(group) - 1)))
        for group in groups
        if len(group) > 1
        for value in group
    ]
    return NORMAL_MAD * median(deviations) if deviations else 0.0


def compared(a: Sequence[float], b: Sequence[float], spread: float) -> Verdict:
    """Median of a against median of b, of iterations whose relative standard deviation is `spread`."""
    x, y = median(a), median(b)
    error = MEDIAN_ERROR * spread * float(np.sqrt(x * x / len(a) + y * y / len(b)))
    if abs(x - y) <= STANDARD_ERRORS * error:
        return Verdict.TIED
    return Verdict.FASTER if x < y else Verdict.SLOWER
