"""Plots of measurements, as SVG files that are the same for the same measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.comparison import Ratio, qualities, time_ratios
from benchmarks.contestants import AUTO, RULES
from benchmarks.families import EXAMPLES
from benchmarks.measuring import Measurement
from benchmarks.stints import GROWTH_FAMILIES
from benchmarks.summary import largest, median
from benchmarks.traces import gap_of

STYLE: Any = {
    "svg.hashsalt": "layer-placement",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
}
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by colour-blind readers too."""
MARKERS = "osD^vP"
PLAIN = "{x:g}"
"""Powers of ten as plain numbers."""
WIDTH_IN, HEIGHT_IN = 6.4, 3.6
FEWEST_SIZES = 3
"""A growth curve needs as many."""
GAP_FLOOR = 1e-4
"""Smallest gap shown; a proof ends a line."""
GAP_INSTANCES = 4
"""The longest runs are shown."""


@dataclass(frozen=True, slots=True)
class Point:
    """One size of a growth curve: medians and extremes over seeds, in s."""

    at: int
    median_s: float
    least_s: float
    most_s: float
    proven: bool
    """Whether all seeds are."""


def draw(runs: list[Measurement], folder: Path) -> list[Path]:
    """Every plot that the measurements suffice for; gives the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with mpl.rc_context(STYLE):
        for name, plot in PLOTS.items():
            figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
            if plot(figure.add_subplot(), runs):
                file = folder / f"{name}.svg"
                figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
                written.append(file)
    return written


def _growth_in_layers(axes: Axes, runs: list[Measurement]) -> bool:
    return _growth(axes, runs, "layers", "nodes")


def _growth_in_nodes(axes: Axes, runs: list[Measurement]) -> bool:
    return _growth(axes, runs, "nodes", "layers")


def _growth(axes: Axes, runs: list[Measurement], along: str, fixed: str) -> bool:
    """Median seconds to the proof; hollow where a seed ran into its limit, the bar from fastest to slowest seed."""
    drawn = False
    for k, family in enumerate(GROWTH_FAMILIES):
        at, points = growth_points(runs, family, along, fixed)
        if len(points) < FEWEST_SIZES:
            continue
        drawn = True
        sizes = [point.at for point in points]
        medians = [point.median_s for point in points]
        below = [point.median_s - point.least_s for point in points]
        above = [point.most_s - point.median_s for point in points]
        colour = COLOURS[k]
        axes.errorbar(sizes, medians, yerr=[below, above], color=colour, linewidth=1.2, elinewidth=0.8, capsize=2,
                      label=f"{family}, {at} {fixed}")  # fmt: skip
        for point in points:
            face = colour if point.proven else "white"
            axes.plot(point.at, point.median_s, MARKERS[k], color=colour, markerfacecolor=face, markersize=5)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({point.at for f in GROWTH_FAMILIES for point in growth_points(runs, f, along, fixed)[1]})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(PLAIN)
    axes.set_xlabel(along)
    axes.set_ylabel("solver seconds (hollow: not all proven)")
    if drawn:
        axes.legend()
    return drawn


def growth_points(runs: list[Measurement], family: str, along: str, fixed: str) -> tuple[int, list[Point]]:
    """The points of a family along one size, the other held at the value that most sizes share."""
    own = [run for run in runs if run.family == family and run.contestant == AUTO and run.solve_s is not None
           and run.layers is not None]  # fmt: skip
    by_fixed: dict[int, set[int]] = {}
    for run in own:
        by_fixed.setdefault(getattr(run, fixed), set()).add(getattr(run, along))
    if not by_fixed:
        return 0, []
    held = max(by_fixed, key=lambda value: (len(by_fixed[value]), value))
    points = []
    for at in sorted(by_fixed[held]):
        group = [run for run in own if getattr(run, fixed) == held and getattr(run, along) == at]
        times = [run.solve_s for run in group if run.solve_s is not None]
        points.append(Point(at, median(times) or 0.0, min(times), max(times), all(run.proven for run in group)))
    return held, points


def _gap_over_time(axes: Axes, runs: list[Measurement]) -> bool:
    """One line per seed of the slowest instances; a dot where the proof was reached."""
    found = list(_traced(runs))
    for k, (name, group) in enumerate(found):
        for seed, run in enumerate(group):
            known = [(entry[0], gap) for entry in run.trace.entries if (gap := gap_of(entry)) is not None]
            end_s = run.solve_s or known[-1][0]
            times = [max(at, 1e-4) for at, _ in known] + [max(end_s, known[-1][0])]
            gaps = [max(gap, GAP_FLOOR) for _, gap in known] + [max(known[-1][1], GAP_FLOOR)]
            label = name if seed == 0 else None
            axes.step(times, gaps, where="post", color=COLOURS[k], linewidth=0.9, label=label)
            if run.proven:
                axes.plot(times[-1], GAP_FLOOR, "o", color=COLOURS[k], markersize=4, clip_on=False)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(GAP_FLOOR, 1.0)
    axes.xaxis.set_major_formatter(PLAIN)
    axes.set_xlabel("seconds")
    axes.set_ylabel("gap (a dot: proven)")
    axes.set_yticks([1e-4, 1e-3, 1e-2, 1e-1, 1.0], ["0.01 %", "0.1 %", "1 %", "10 %", "100 %"])
    if found:
        axes.legend()
    return bool(found)


def _traced(runs: list[Measurement]) -> Iterator[tuple[str, list[Measurement]]]:
    """The instances on which our default backend took longest, with the runs that streamed a gap."""
    groups: dict[str, list[Measurement]] = {}
    for run in runs:
        if run.contestant == AUTO and any(gap_of(entry) is not None for entry in run.trace.entries):
            groups.setdefault(f"{run.instance} {run.family}", []).append(run)
    slowest = sorted(groups, key=lambda name: -(median(run.solve_s for run in groups[name]) or 0.0))
    for name in slowest[:GAP_INSTANCES]:
        yield name, groups[name]


def _against_textbook(axes: Axes, runs: list[Measurement]) -> bool:
    """How many times longer each formulation takes, per family on the largest instance that we prove, and on examples.

    Hollow where it ran into its limit.
    """
    every = [ratio for ratio in time_ratios(runs) if ratio.is_comparable]
    largest_of = {ratio.family: ratio.instance for ratio in every}
    found = [ratio for ratio in every if ratio.family == EXAMPLES or ratio.instance == largest_of[ratio.family]]
    names = list(dict.fromkeys(_name(ratio) for ratio in found))
    for k, contestant in enumerate(dict.fromkeys(ratio.contestant for ratio in found)):
        label: str | None = contestant
        for ratio in found:
            if ratio.contestant == contestant:
                face = "white" if ratio.is_floor else COLOURS[k]
                y = names.index(_name(ratio)) + 0.2 * k
                axes.plot(ratio.median, y, MARKERS[k], color=COLOURS[k], markerfacecolor=face, markersize=5,
                          label=label)  # fmt: skip
                label = None
    axes.axvline(1.0, color="#888888", linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(PLAIN)
    axes.set_xlabel("textbook's solver seconds over ours (hollow: at least, it was stopped)")
    _listed(axes, names)
    return bool(found)


def _name(ratio: Ratio) -> str:
    return f"{ratio.family} {ratio.instance}".removeprefix(f"{EXAMPLES} ")


def _plan_quality(axes: Axes, runs: list[Measurement]) -> bool:
    """Per family how many times worse other planners' plans are: medians over instances, a bar to the worst.

    Hollow where some optimum is unknown and our bound stands in for it.
    """
    shown = (*RULES, "memory_proportional")
    found = [quality for quality in qualities(runs) if quality.contestant in shown and quality.median is not None]
    names = list(dict.fromkeys(quality.family for quality in found))
    for k, contestant in enumerate(shown):
        label: str | None = contestant.replace("_", " ")
        for y, name in enumerate(names):
            own = [quality for quality in found if (quality.family, quality.contestant) == (name, contestant)]
            middle, worst = median(quality.median for quality in own), largest(quality.worst for quality in own)
            if middle is not None and worst is not None:
                at = y + 0.14 * k
                axes.plot([middle, worst], [at, at], color=COLOURS[k], linewidth=0.8)
                face = "white" if any(quality.by_bound for quality in own) else COLOURS[k]
                axes.plot(middle, at, MARKERS[k], color=COLOURS[k], markerfacecolor=face, markersize=4, label=label)
                label = None
    axes.axvline(1.0, color="#888888", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("their objective over the optimum (median; line to the worst; hollow: over our bound)")
    ticks = (1, 1.2, 1.5, 2, 3, 5, 10)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    _listed(axes, names)
    return bool(found)


def _listed(axes: Axes, names: list[str]) -> None:
    """Names down the left side, the first on top, and a figure as tall as they need."""
    axes.set_yticks([y + 0.2 for y in range(len(names))], names)
    axes.set_ylim(len(names) - 0.2, -0.4)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.set_size_inches(WIDTH_IN, 1.2 + 0.24 * max(len(names), 4))
    if names:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


PLOTS: dict[str, Callable[[Axes, list[Measurement]], bool]] = {
    "growth-in-layers": _growth_in_layers,
    "growth-in-nodes": _growth_in_nodes,
    "gap-over-time": _gap_over_time,
    "against-textbook": _against_textbook,
    "plan-quality": _plan_quality,
}
"""File name and what it shows."""
