"""Bars of a given width in characters, with and without Unicode."""

from __future__ import annotations

from rich.text import Text

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(fraction: float, width: int, *, ascii_only: bool = False) -> Text:
    """A bar that is full at 1; beyond 1 it is full and red. Anything above zero shows at least a sliver."""
    filled = min(max(fraction, 0.0), 1.0) * width
    style = "red" if fraction > 1 else "yellow" if fraction > 0.9 else "green"
    if ascii_only:
        whole = max(round(filled), 1 if fraction > 0 else 0)
        return Text("[").append("#" * whole, style).append(" " * (width - whole) + "]")
    eighths = max(round(filled * 8), 1 if fraction > 0 else 0)
    whole, rest = divmod(eighths, 8)
    shown = "█" * whole + (_EIGHTHS[rest] if rest else "")
    return Text(shown, style).append("░" * (width - len(shown)), "dim")
