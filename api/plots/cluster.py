"""The cluster: stages along a line that turns at the margins, arrows for the links that carry data."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from api.cli import formats
from api.cli.names import cut_middle, shortened
from api.plots.palette import INK, QUIET, VERMILLION, ink_on, stage_colour
from models.plan import LinkUse, NodeUse, Plan

COLUMNS = 4
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 2.35, 0.9, 1.4, 0.75
_BAND = 0.26
"""Width of the side that bears the stage's number."""
NAME_CHARACTERS = 18
_MOST_LABELLED = 12
"""Links are labelled where there are no more stages."""


def placed_nodes(plan: Plan) -> list[str]:
    """Nodes with a stage, in the order of their first ones."""
    return list(dict.fromkeys(stage.node for stage in plan.stages))


def cluster_rows(plan: Plan) -> int:
    """Rows of nodes that the drawing has."""
    return max(1, math.ceil(len(placed_nodes(plan)) / COLUMNS))


def draw_cluster(axes: Axes, plan: Plan) -> None:
    """Draw the nodes of a plan that has stages, and what crosses its links."""
    nodes = placed_nodes(plan)
    uses = {use.id: use for use in plan.nodes}
    corners = {name: _corner(index) for index, name in enumerate(nodes)}
    names = shortened(nodes, NAME_CHARACTERS)
    for name in nodes:
        _card(axes, plan, uses[name], names[name], corners[name])
    most = max((link.bytes for link in plan.links), default=0.0) or 1.0
    for link in plan.links:
        if link.source in corners and link.target in corners:
            _arrow(axes, plan, link, corners, 0.8 + 2.2 * math.sqrt(link.bytes / most))
    columns, rows = min(COLUMNS, len(nodes)), cluster_rows(plan)
    axes.set_xlim(-0.3, columns * (_WIDTH + _GAP_X) - _GAP_X + 0.3)
    axes.set_ylim(rows * (_HEIGHT + _GAP_Y) - _GAP_Y + 0.4, -0.3)
    axes.set_aspect("equal", anchor="W")
    axes.axis("off")
    axes.grid(visible=False)
    others = len(plan.nodes) - len(nodes)
    left_out = f"; {others} without layers" if others else ""
    axes.set_title(f"Cluster: {len(nodes)} of {len(plan.nodes)} nodes{left_out}", loc="left")


def _corner(index: int) -> tuple[float, float]:
    """The upper left corner of the card at this place of the line."""
    row, along = divmod(index, COLUMNS)
    column = COLUMNS - 1 - along if row % 2 else along
    return column * (_WIDTH + _GAP_X), row * (_HEIGHT + _GAP_Y)


def _card(axes: Axes, plan: Plan, use: NodeUse, name: str, corner: tuple[float, float]) -> None:
    x, y = corner
    limiting = plan.bottleneck is not None and (plan.bottleneck.kind, plan.bottleneck.id) == ("node", use.id)
    edge = VERMILLION if limiting else QUIET
    axes.add_patch(Rectangle((x, y), _WIDTH, _HEIGHT, facecolor="white", edgecolor=edge,
                             linewidth=1.8 if limiting else 0.8, zorder=3))  # fmt: skip
    stages = [(index, stage) for index, stage in enumerate(plan.stages) if stage.node == use.id]
    for position, (index, _) in enumerate(stages):
        height = _HEIGHT / len(stages)
        colour = stage_colour(index)
        axes.add_patch(Rectangle((x, y + position * height), _BAND, height, facecolor=colour, linewidth=0, zorder=4))
        axes.text(x + _BAND / 2, y + (position + 0.5) * height, str(index), ha="center", va="center",
                  color=ink_on(colour), fontweight="bold", fontsize="small", zorder=5)  # fmt: skip
    layers = ", ".join(f"{stage.first_layer}..{stage.stop_layer}" for _, stage in stages)
    capacity = use.memory_used_bytes + use.memory_free_bytes
    share = use.memory_used_bytes / capacity if capacity else 0.0
    load = f"memory {formats.percent(share)}, busy {formats.percent(use.utilisation)}"
    lines = [(0.24, name, INK, "bold"), (0.5, f"layers {layers}", INK, "normal"),
             (0.74, load, QUIET, "normal")]  # fmt: skip
    for down, text, colour, weight in lines:
        axes.text(x + _BAND + 0.1, y + down, text, va="center", color=colour, fontsize="x-small", fontweight=weight,
                  zorder=5)  # fmt: skip
    if limiting:
        axes.text(x + _WIDTH, y - 0.12, "bottleneck", ha="right", va="center", color=VERMILLION,
                  fontsize="x-small", fontweight="bold", zorder=5)  # fmt: skip


def _arrow(axes: Axes, plan: Plan, link: LinkUse, corners: dict[str, tuple[float, float]], width: float) -> None:
    (x1, y1), (x2, y2) = corners[link.source], corners[link.target]
    both = any((other.source, other.target) == (link.target, link.source) for other in plan.links)
    beside = y1 == y2 and abs(x1 - x2) < _WIDTH + 1.5 * _GAP_X
    below = x1 == x2 and abs(y1 - y2) < _HEIGHT + 1.5 * _GAP_Y
    middle_x, middle_y = _WIDTH / 2, _HEIGHT / 2
    label_at: tuple[float, float] | None = None
    curve = 0.0
    if beside:
        right = x2 > x1
        shift = (-0.13 if right else 0.13) if both else 0.0
        y = y1 + middle_y + shift
        start, end = ((x1 + _WIDTH, y), (x2, y)) if right else ((x1, y), (x2 + _WIDTH, y))
        label_at = ((start[0] + end[0]) / 2, y + (0.14 if both and not right else -0.14))
    elif below:
        down = y2 > y1
        shift = (0.13 if down else -0.13) if both else 0.0
        x = x1 + middle_x + shift
        start, end = ((x, y1 + _HEIGHT), (x, y2)) if down else ((x, y1), (x, y2 + _HEIGHT))
        label_at = (x + (-0.72 if both and not down else 0.72), (start[1] + end[1]) / 2)
    elif y1 == y2:
        start, end, curve = (x1 + middle_x, y1 + _HEIGHT), (x2 + middle_x, y2 + _HEIGHT), 0.22 if x2 > x1 else -0.22
    else:
        up = y2 < y1
        shift = (-0.25 if up else 0.25) if both else 0.0
        start = (x1 + middle_x + shift, y1 if up else y1 + _HEIGHT)
        end = (x2 + middle_x + shift, y2 + _HEIGHT if up else y2)
        curve = 0.08 if both else 0.0
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, shrinkA=0, shrinkB=0,
                                   color=QUIET, linewidth=width, zorder=2,
                                   linestyle=(0, (4, 2)) if link.medium else "solid",
                                   connectionstyle=f"arc3,rad={curve}"))  # fmt: skip
    if label_at is not None and len(corners) <= _MOST_LABELLED:
        text = f"{formats.size(link.bytes)}, {formats.seconds(link.busy_s)}"
        axes.text(*label_at, cut_middle(text, 24), ha="center", va="center", fontsize="xx-small", color=INK, zorder=6,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.85})  # fmt: skip
