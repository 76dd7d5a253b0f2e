"""A frontier in the terminal: energy over latency, one glyph per point, dots where further points may lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from api.cli import formats
from models.frontier import Frontier, OpenInterval

_ROWS = 12
_NARROWEST_CHART = 16


@dataclass(frozen=True, slots=True)
class _Ink:
    """How something is drawn; the glyphs alone tell things apart."""

    name: str
    glyph: str
    ascii_glyph: str
    style: str


_NOTHING = _Ink("nothing", " ", " ", "")
_KNEE = _Ink("knee", "◆", "K", "bold yellow")
_PROVEN = _Ink("proven", "●", "*", "green")
_UNPROVEN = _Ink("not proven", "○", "o", "yellow")
_OPEN = _Ink("open: further points may lie here", "·", ".", "dim")


@dataclass(frozen=True, slots=True)
class _Axis:
    """From figures to cells; what lies outside is drawn at the edge."""

    low: float
    high: float
    cells: int

    def cell(self, value: float | None) -> int:
        if value is None or value >= self.high:
            return self.cells - 1
        return max(0, min(self.cells - 1, int((value - self.low) / (self.high - self.low) * self.cells)))


def scatter(frontier: Frontier, width: int, *, ascii_only: bool = False) -> Iterator[Text]:
    """Lines of at most `width` characters: energies on the left, latencies below, the legend. Two points at least."""
    points = frontier.points
    if len(points) < 2:
        return
    energies = [formats.joules(points[0].energy_j), formats.joules(points[-1].energy_j)]
    margin = max(map(cell_len, energies)) + 1
    latency = _Axis(points[0].latency_s, points[-1].latency_s, max(_NARROWEST_CHART, width - margin - 1))
    energy = _Axis(points[-1].energy_j, points[0].energy_j, _ROWS)
    cells: dict[tuple[int, int], _Ink] = {}
    for interval in frontier.open_intervals:
        cells |= dict.fromkeys(_covered(interval, latency, energy), _OPEN)
    for index, point in enumerate(points):
        knee = frontier.knee is not None and index == frontier.knee.index
        ink = _KNEE if knee else _PROVEN if point.proven else _UNPROVEN
        at = (_ROWS - 1 - energy.cell(point.energy_j), latency.cell(point.latency_s))
        if cells.get(at) is not _KNEE:
            cells[at] = ink
    edge, corner, floor = ("|", "+", "-") if ascii_only else ("│", "└", "─")
    for row in range(_ROWS):
        label = energies[0] if row == 0 else energies[1] if row == _ROWS - 1 else ""
        line = Text(" " * (margin - 1 - cell_len(label)) + label + " ", "dim").append(edge, "dim")
        for column in range(latency.cells):
            drawn = cells.get((row, column), _NOTHING)
            line.append(_glyph(drawn, ascii_only=ascii_only), drawn.style)
        line.rstrip()
        yield line
    yield Text(" " * margin + corner + floor * latency.cells, "dim")
    fast, slow = formats.seconds(points[0].latency_s), formats.seconds(points[-1].latency_s)
    yield Text(" " * (margin + 1) + fast + slow.rjust(latency.cells - cell_len(fast)), "dim")
    yield from _legend(set(cells.values()), margin + 1, ascii_only=ascii_only)


def _covered(interval: OpenInterval, latency: _Axis, energy: _Axis) -> Iterator[tuple[int, int]]:
    rows = range(energy.cell(interval.energy_low_j), energy.cell(interval.energy_high_j) + 1)
    columns = range(latency.cell(interval.latency_low_s), latency.cell(interval.latency_high_s) + 1)
    return ((_ROWS - 1 - row, column) for row in rows for column in columns)


def _glyph(ink: _Ink, *, ascii_only: bool) -> str:
    return ink.ascii_glyph if ascii_only else ink.glyph


def _legend(used: set[_Ink], indent: int, *, ascii_only: bool) -> Iterator[Text]:
    line = Text(" " * indent)
    for ink in (_PROVEN, _UNPROVEN, _KNEE, _OPEN):
        if ink in used:
            line.append("  " if line.plain.strip() else "").append(_glyph(ink, ascii_only=ascii_only), ink.style)
            line.append(f" {ink.name}")
    yield line
