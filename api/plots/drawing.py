"""From an answer to a file."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from api.plots.cluster import cluster_rows, draw_cluster
from api.plots.frontier import draw_frontier
from api.plots.palette import INK, LINE, QUIET
from api.plots.timeline import draw_timeline, rows_of
from models import Frontier, Plan

WIDTH_IN = 10.0
DOTS_PER_INCH = 160
_STYLE: Any = {
    "svg.hashsalt": "layer-placement",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": QUIET,
    "xtick.color": QUIET,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titleweight": "bold",
    "axes.titlesize": "medium",
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "legend.borderpad": 0.1,
    "legend.handlelength": 1.4,
}


class Part(StrEnum):
    """What a picture shows."""

    CLUSTER = "cluster"
    TIMELINE = "timeline"
    FRONTIER = "frontier"


class Format(StrEnum):
    """File suffixes."""

    SVG = "svg"
    PNG = "png"
    PDF = "pdf"


_UNDATED: dict[Format, dict[str, None]] = {
    Format.SVG: {"Date": None, "Creator": None},
    Format.PNG: {"Software": None},
    Format.PDF: {"CreationDate": None, "Creator": None, "Producer": None},
}
"""Metadata left out, so that the same answer gives the same file."""


class NothingToDrawError(ValueError):
    """The answer has not what is to be drawn; the message says what."""


def parts_of(answer: Plan | Frontier) -> tuple[Part, ...]:
    """What there is to draw of an answer."""
    if isinstance(answer, Frontier):
        return (Part.FRONTIER,) if answer.points else ()
    return tuple(
        part
        for part, present in ((Part.CLUSTER, answer.stages), (Part.TIMELINE, answer.timeline and answer.stages))
        if present
    )


def draw(answer: Plan | Frontier, path: Path, parts: Sequence[Part] = ()) -> tuple[Part, ...]:
    """Write a picture of these parts (default: of all there are), in the format of the file's suffix; gives the parts.

    The same answer gives the same file. Raises `NothingToDrawError`, ValueError for a suffix that is none of
    `Format`, and OSError.
    """
    suffix = Format(path.suffix.removeprefix(".").lower())
    wanted = tuple(parts) or parts_of(answer)
    missing = [part for part in wanted if part not in parts_of(answer)]
    if missing or not wanted:
        what = " and ".join(missing) or "stages"
        raise NothingToDrawError(f"there is no {what} in it (status: {answer.status})")
    with mpl.rc_context(_STYLE):
        figure = _figure(answer, wanted)
        figure.savefig(path, format=suffix, dpi=DOTS_PER_INCH, metadata=_UNDATED[suffix])
    return wanted


def _figure(answer: Plan | Frontier, parts: Sequence[Part]) -> Figure:
    heights = [_height_in(answer, part) for part in parts]
    figure = Figure(figsize=(WIDTH_IN, sum(heights)), layout="constrained")
    strips = figure.subfigures(len(parts), 1, squeeze=False, height_ratios=heights)
    for strip, part in zip(strips[:, 0], parts, strict=True):
        axes = strip.subplots()
        if isinstance(answer, Frontier):
            draw_frontier(axes, answer)
        elif part is Part.CLUSTER:
            draw_cluster(axes, answer)
        else:
            draw_timeline(axes, answer)
    return figure


def _height_in(answer: Plan | Frontier, part: Part) -> float:
    if isinstance(answer, Frontier):
        return 5.0
    if part is Part.CLUSTER:
        return 0.65 + 1.1 * cluster_rows(answer)
    rows = len(rows_of(answer))
    return 1.5 + rows * (0.26 if rows <= 40 else 0.15)
