"""How far apart a value and a bound are. Nothing of the search is imported: who only reports progress needs it too."""

from __future__ import annotations


def relative_gap(value: float | None, bound: float | None) -> float | None:
    """(value - bound) / |value|, at least 0; None where one of them is unknown."""
    if value is None or bound is None:
        return None
    return max(0.0, value - bound) / abs(value) if value != 0 else max(0.0, -bound)
