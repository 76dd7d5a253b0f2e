"""Axes with quantities: round ticks, all in one unit."""

from __future__ import annotations

from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, MaxNLocator

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_JOULES = ((1e6, "MJ"), (1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"))


def in_seconds(axis: Axis, longest_s: float, what: str) -> None:
    """Label an axis of seconds."""
    _in_unit(axis, longest_s, _SECONDS, what)


def in_joules(axis: Axis, most_j: float, what: str) -> None:
    """Label an axis of joules."""
    _in_unit(axis, most_j, _JOULES, what)


def _in_unit(axis: Axis, most: float, units: tuple[tuple[float, str], ...], what: str) -> None:
    factor, unit = next((step for step in units if most >= step[0]), units[-1])
    axis.set_major_locator(_Round(factor))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / factor:g}"))
    axis.set_label_text(f"{what} / {unit}")


class _Round(MaxNLocator):
    """Ticks at round numbers of a unit."""

    def __init__(self, factor: float) -> None:
        super().__init__(nbins=8, steps=[1, 2, 2.5, 5, 10])
        self._factor = factor

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        return [tick * self._factor for tick in super().tick_values(vmin / self._factor, vmax / self._factor)]
