"""How repeated measurements scatter."""

from __future__ import annotations

from collections.abc import Sequence

from models.base import DomainType


class Spread(DomainType):
    """Median, 10th and 90th percentile of samples, in the unit of the field's name."""

    p10: float
    median: float
    p90: float
    samples: int


def spread_of(values: Sequence[float]) -> Spread:
    """The spread of at least one value."""
    ordered = sorted(values)
    return Spread(
        p10=_quantile(ordered, 0.1), median=_quantile(ordered, 0.5), p90=_quantile(ordered, 0.9), samples=len(ordered)
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between neighbours."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
