"""The simulated timeline: a row per node, link and medium, a bar per activity of a micro-batch."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from api.cli import formats
from api.cli.names import shortened
from api.plots.axes import in_seconds
from api.plots.palette import ACTIVITIES, HATCH_INK, LANE, QUIET, ink_on
from models.plan import Event, Plan

_BAR = 0.78
"""Share of a row's height."""
NAME_CHARACTERS = 34
_NUMBERED_SHARE = 0.012
"""Bars that take this share of the axis for each digit bear the number of their micro-batch."""


def rows_of(plan: Plan) -> list[str]:
    """Nodes in the order of their stages, then links and media as they are first used."""
    events = sorted(plan.timeline, key=lambda event: event.start_s)
    seen = list(dict.fromkeys(event.resource for event in events))
    nodes = [name for name in dict.fromkeys(stage.node for stage in plan.stages) if name in seen]
    return [*nodes, *(name for name in seen if name not in nodes)]


def draw_timeline(axes: Axes, plan: Plan) -> None:
    """Draw the timeline of a plan that has one."""
    rows = rows_of(plan)
    end_s = max(event.end_s for event in plan.timeline)
    for row in range(len(rows)):
        axes.barh(row, end_s, height=_BAR, color=LANE, linewidth=0, zorder=1)
    used = [name for name in ACTIVITIES if any(event.activity == name for event in plan.timeline)]
    for name in used:
        _bars(axes, [event for event in plan.timeline if event.activity == name], rows, name)
    _numbers(axes, plan.timeline, rows, end_s)
    names = shortened(rows, NAME_CHARACTERS)
    axes.set_yticks(range(len(rows)), [names[row].replace(" -> ", " → ") for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, end_s)
    in_seconds(axes.xaxis, end_s, "time")
    axes.grid(visible=True, axis="x", zorder=0)
    axes.tick_params(axis="y", length=0)
    for side in ("left", "top", "right"):
        axes.spines[side].set_visible(False)
    busy = dict.fromkeys(rows, 0.0)
    for event in plan.timeline:
        busy[event.resource] += event.end_s - event.start_s
    for row, name in enumerate(rows):
        share = formats.percent(busy[name] / end_s)
        axes.annotate(share, (1.0, row), (4, 0), ("axes fraction", "data"), "offset points", va="center",
                      color=QUIET, fontsize="small", annotation_clip=False)  # fmt: skip
    handles = [Patch(facecolor=ACTIVITIES[name].colour, hatch=ACTIVITIES[name].hatch, edgecolor=HATCH_INK, linewidth=0,
                     label=ACTIVITIES[name].words) for name in used]  # fmt: skip
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=min(len(handles), 6), fontsize="small")
    axes.set_title("Timeline (right: share of time busy)", loc="left", pad=24)


def _bars(axes: Axes, events: Sequence[Event], rows: list[str], activity: str) -> None:
    paint = ACTIVITIES[activity]
    axes.barh(
        [rows.index(event.resource) for event in events],
        [event.end_s - event.start_s for event in events],
        left=[event.start_s for event in events],
        height=_BAR,
        color=paint.colour,
        hatch=paint.hatch,
        edgecolor=HATCH_INK if paint.hatch else "white",
        linewidth=0 if paint.hatch else 0.4,
        zorder=3,
    )


def _numbers(axes: Axes, events: Sequence[Event], rows: list[str], end_s: float) -> None:
    for event in events:
        if event.micro_batch is None:
            continue
        number = str(event.micro_batch)
        if event.end_s - event.start_s >= _NUMBERED_SHARE * len(number) * end_s:
            paint = ACTIVITIES[event.activity]
            axes.text((event.start_s + event.end_s) / 2, rows.index(event.resource), number, ha="center", va="center",
                      fontsize="x-small", color=ink_on(paint.colour), zorder=4, clip_on=True,
                      bbox={"facecolor": paint.colour, "edgecolor": "none", "pad": 0.6})  # fmt: skip
