"""The timeline in the terminal: one row per resource, one glyph and one colour per activity, scaled to the width."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from api.cli.names import shortened
from models.plan import Event

_NARROWEST_CHART = 16
_TICK_EVERY = 14
"""Characters between two ticks of the axis, at least."""


@dataclass(frozen=True, slots=True)
class Ink:
    """How an activity is drawn; the glyphs alone tell the activities apart."""

    name: str
    glyph: str
    ascii_glyph: str
    style: str


_INKS = {
    ink.name: ink
    for ink in (
        Ink("forward", "█", "#", "blue"),
        Ink("backward", "▒", "%", "magenta"),
        Ink("decode", "▄", "=", "cyan"),
        Ink("update", "◆", "U", "yellow"),
        Ink("input", "»", "i", "green"),
        Ink("activation", ">", ">", "green"),
        Ink("gradient", "<", "<", "red"),
        Ink("label", ":", ":", "green"),
        Ink("result", "«", "r", "green"),
    )
}
_OTHER = Ink("other", "+", "+", "white")


@dataclass(frozen=True, slots=True)
class _Scale:
    """From seconds to columns."""

    start_s: float
    end_s: float
    columns: int

    @property
    def column_s(self) -> float:
        return (self.end_s - self.start_s) / self.columns

    def position(self, time_s: float) -> float:
        return (time_s - self.start_s) / self.column_s


def gantt(timeline: Sequence[Event], width: int, *, ascii_only: bool = False) -> Iterator[Text]:
    """Lines of at most `width` characters: the axis, the rows in order of their first event, the legend."""
    end_s = max((event.end_s for event in timeline), default=0.0)
    start_s = min((event.start_s for event in timeline), default=0.0)
    if end_s <= start_s:
        return
    rows: dict[str, list[Event]] = {}
    for event in sorted(timeline, key=lambda event: (event.start_s, event.end_s)):
        rows.setdefault(event.resource, []).append(event)
    busy_width = 6
    names = shortened(rows, max(8, width // 4))
    name_width = max(cell_len(name) for name in names.values())
    scale = _Scale(start_s, end_s, max(_NARROWEST_CHART, width - name_width - busy_width - 3))
    margin = " " * (name_width + 1)
    yield from (Text(margin + line, "dim") for line in _axis(scale, ascii_only=ascii_only))
    edge = "|" if ascii_only else "│"
    for name, events in rows.items():
        busy = sum(event.end_s - event.start_s for event in events) / (end_s - start_s)
        line = Text(set_cell_size(names[name], name_width) + " ").append(edge, "dim")
        line.append_text(_row(events, scale, ascii_only=ascii_only)).append(edge, "dim")
        yield line.append(f"{100 * busy:.0f} %".rjust(busy_width))
    used = {event.activity for event in timeline}
    numbered = any(event.micro_batch is not None for event in timeline)
    yield from _legend(used, margin, width, numbered=numbered, ascii_only=ascii_only)


def _row(events: Sequence[Event], scale: _Scale, *, ascii_only: bool) -> Text:
    """What fills most of each column; bars that are long enough start with the number of their micro-batch."""
    shares: list[dict[str, float]] = [{} for _ in range(scale.columns)]
    for event in events:
        start, end = scale.position(event.start_s), scale.position(event.end_s)
        for column in range(int(start), min(math.ceil(end), scale.columns)):
            share = min(end, column + 1) - max(start, column)
            shares[column][event.activity] = shares[column].get(event.activity, 0.0) + share
    cells: list[tuple[str, str]] = []
    for column_shares in shares:
        ink = _INKS.get(max(column_shares, key=column_shares.__getitem__), _OTHER) if column_shares else None
        cells.append((" ", "") if ink is None else (ink.ascii_glyph if ascii_only else ink.glyph, ink.style))
    for event in _numbered(events, scale):
        first = round(scale.position(event.start_s))
        style = f"bold {_INKS.get(event.activity, _OTHER).style}"
        number = str(event.micro_batch)
        cells[first : first + len(number)] = [(digit, style) for digit in number]
    line = Text()
    for glyph, style in cells:
        line.append(glyph, style)
    return line


def _numbered(events: Sequence[Event], scale: _Scale) -> Iterator[Event]:
    """Events whose bars start with the number of their micro-batch: all bars of an activity, or none."""
    for activity in {event.activity for event in events}:
        bars = [event for event in events if event.activity == activity and event.micro_batch is not None]
        shortest = min((event.end_s - event.start_s for event in bars), default=0.0) / scale.column_s
        if bars and shortest >= 2 + max(len(str(event.micro_batch)) for event in bars):
            yield from bars


def _axis(scale: _Scale, *, ascii_only: bool) -> tuple[str, str]:
    """The labels over their ticks, at round times."""
    step_s = _round_up((scale.end_s - scale.start_s) * _TICK_EVERY / scale.columns)
    labels, line = [" "] * (scale.columns + 2), list(("-" if ascii_only else "─") * scale.columns)
    free_from = 0
    for tick in range(math.ceil(scale.start_s / step_s - 1e-9), math.floor(scale.end_s / step_s + 1e-9) + 1):
        column = min(int(scale.position(tick * step_s) + 1e-9), scale.columns - 1)
        line[column] = "+" if ascii_only else "┬"
        label = _tick(tick * step_s)
        at = min(column + 1, len(labels) - len(label))
        if at >= free_from:
            labels[at : at + len(label)] = label
            free_from = at + len(label) + 1
    corners = ("+", "+") if ascii_only else ("┌", "┐")
    return "".join(labels).rstrip(), corners[0] + "".join(line) + corners[1]


def _round_up(step_s: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(step_s))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step_s * (1 - 1e-9))


def _tick(time_s: float) -> str:
    """1500 -> "1500 s", 0.02 -> "20 ms": round figures without the trailing zeros of a measurement."""
    if time_s == 0:
        return "0"
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if abs(time_s) >= factor * (1 - 1e-9):
            return f"{time_s / factor:.6g} {unit}"
    return f"{time_s / 1e-9:.6g} ns"


def _legend(used: set[str], margin: str, width: int, *, numbered: bool, ascii_only: bool) -> Iterator[Text]:
    inks = [ink for ink in _INKS.values() if ink.name in used] + ([_OTHER] if used - _INKS.keys() else [])
    entries = [
        Text.assemble(((ink.ascii_glyph if ascii_only else ink.glyph) * 2, ink.style), f" {ink.name}") for ink in inks
    ]
    entries += [Text("0 1 2 micro-batch")] if numbered else []
    entries.append(Text("right: share of time busy"))
    line = Text(margin)
    for entry in entries:
        if line.cell_len + 2 + entry.cell_len > width and line.plain.strip():
            yield line
            line = Text(margin)
        line.append("  " if line.plain.strip() else "").append_text(entry)
    yield line
