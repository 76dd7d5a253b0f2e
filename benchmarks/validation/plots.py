"""Plots of a validation, as SVG files that are the same for the same measurements."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from api.plots.palette import BLUE, GREEN, ORANGE, QUIET
from benchmarks.plots import STYLE
from benchmarks.validation.candidates import Role
from benchmarks.validation.record import PlanRun, Validation

WIDTH_IN, HEIGHT_IN = 6.4, 4.4
COLOURS = {Role.OPTIMAL: BLUE, Role.BASELINE: ORANGE, Role.RANDOM: GREEN}
MARKERS = {Role.OPTIMAL: "o", Role.BASELINE: "s", Role.RANDOM: "^"}
WORDS = {Role.OPTIMAL: "planner's plan", Role.BASELINE: "simple rules", Role.RANDOM: "random plans"}
BAND = 0.1
"""The grey band: within ten per cent."""


def draw(validation: Validation, folder: Path) -> list[Path]:
    """Every plot that there is something to show in; gives the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with mpl.rc_context(STYLE):
        for name, plot in PLOTS.items():
            figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
            if plot(figure.add_subplot(), validation):
                file = folder / f"{name}.svg"
                figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
                written.append(file)
    return written


def _predicted_against_measured(axes: Axes, validation: Validation) -> bool:
    """A point per plan; on the diagonal, what was said came true."""
    plans = [plan for setting in validation.settings for plan in setting.ran]
    if not plans:
        return False
    ends = [value for plan in plans for value in (plan.predicted_s, plan.measured_s)]
    low, high = 0.9 * min(ends), 1.1 * max(ends)
    axes.fill_between([low, high], [low * (1 - BAND), high * (1 - BAND)], [low * (1 + BAND), high * (1 + BAND)],
                      color=QUIET, alpha=0.15, linewidth=0, label=f"within {BAND:.0%}")  # fmt: skip
    axes.plot([low, high], [low, high], color=QUIET, linewidth=0.8)
    for role in Role:
        own = [plan for plan in plans if plan.role is role]
        axes.errorbar(
            [plan.measured_s for plan in own],
            [plan.predicted_s for plan in own],
            xerr=_reach(own),
            fmt=MARKERS[role],
            color=COLOURS[role],
            markersize=4.5,
            elinewidth=0.8,
            label=WORDS[role],
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    for side in (axes.xaxis, axes.yaxis):
        side.set_major_formatter("{x:g}")
        side.set_minor_formatter("{x:g}")
    axes.set_xlabel("measured / s (bar: fastest to slowest iteration)")
    axes.set_ylabel("predicted / s")
    axes.legend()
    return True


def _reach(plans: list[PlanRun]) -> list[list[float]]:
    return [
        [plan.measured_s - min(plan.seconds) for plan in plans],
        [max(plan.seconds) - plan.measured_s for plan in plans],
    ]


def _times_slower(axes: Axes, validation: Validation) -> bool:
    """Per setting, every plan's measured time over the planner's plan's; hollow: as predicted."""
    settings = [setting for setting in validation.settings if setting.optimal is not None]
    labelled: set[Role] = set()
    for y, setting in enumerate(settings):
        optimal = setting.optimal
        assert optimal is not None  # chosen so
        for plan in setting.ran:
            label = None if plan.role in labelled else WORDS[plan.role]
            labelled.add(plan.role)
            marker, colour = MARKERS[plan.role], COLOURS[plan.role]
            axes.plot(plan.measured_s / optimal.measured_s, y - 0.12, marker, color=colour, markersize=5, label=label)
            axes.plot(plan.predicted_s / optimal.predicted_s, y + 0.12, marker, color=colour, markerfacecolor="white",
                      markersize=4)  # fmt: skip
    axes.axvline(1.0, color=QUIET, linewidth=0.8)
    axes.set_yticks(range(len(settings)), [setting.name for setting in settings])
    axes.invert_yaxis()
    axes.set_xlabel("times as slow as the planner's plan (filled: measured, hollow: predicted)")
    if settings:
        axes.legend()
    return bool(settings)


def _utilisation(axes: Axes, validation: Validation) -> bool:
    """Per setting, the mean busy share of the nodes under the planner's plan and under each baseline."""
    settings = [setting for setting in validation.settings if setting.optimal is not None]
    labelled: set[Role] = set()
    for y, setting in enumerate(settings):
        for plan in setting.ran:
            if plan.role is Role.RANDOM:
                continue
            label = None if plan.role in labelled else WORDS[plan.role]
            labelled.add(plan.role)
            axes.plot(plan.utilisation(), y, MARKERS[plan.role], color=COLOURS[plan.role], markersize=5, label=label)
    axes.set_yticks(range(len(settings)), [setting.name for setting in settings])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("mean busy share of the nodes, measured")
    if settings:
        axes.legend()
    return bool(settings)


PLOTS = {
    "predicted-against-measured": _predicted_against_measured,
    "times-slower": _times_slower,
    "utilisation": _utilisation,
}
"""By file name."""
