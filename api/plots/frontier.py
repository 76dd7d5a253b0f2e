"""The frontier: energy over latency, a step per plan; shaded where further plans may lie."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from api.plots.axes import in_joules, in_seconds
from api.plots.palette import BLUE, INK, ORANGE, VERMILLION
from models.frontier import Frontier


def draw_frontier(axes: Axes, frontier: Frontier) -> None:
    """Draw a frontier that has points."""
    latencies = [point.latency_s for point in frontier.points]
    energies = [point.energy_j for point in frontier.points]
    axes.step(latencies, energies, where="post", color=BLUE, linewidth=1.2, alpha=0.6, zorder=2)
    for proven, face, words in ((True, BLUE, "proven"), (False, "white", "not proven")):
        own = [point for point in frontier.points if point.proven is proven]
        if own:
            axes.plot([point.latency_s for point in own], [point.energy_j for point in own], "o", color=BLUE,
                      markerfacecolor=face, markersize=6, label=words, zorder=4)  # fmt: skip
    if frontier.knee is not None:
        knee = frontier.points[frontier.knee.index]
        axes.plot(knee.latency_s, knee.energy_j, "D", markersize=12, markerfacecolor="none", color=VERMILLION,
                  label="knee", zorder=3)  # fmt: skip
    axes.margins(0.08)
    axes.autoscale_view()
    _shade_open(axes, frontier)
    in_seconds(axes.xaxis, max(latencies), "latency")
    in_joules(axes.yaxis, max(energies), "energy")
    axes.legend(fontsize="small")
    proof = "proven complete" if frontier.complete else "not complete"
    axes.set_title(f"Latency against energy: {len(latencies)} plans, {proof}", loc="left", color=INK)


def _shade_open(axes: Axes, frontier: Frontier) -> None:
    """Rectangles up to the edge of the drawing, where an interval has no end."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for number, interval in enumerate(frontier.open_intervals):
        start, end = max(left, interval.latency_low_s), min(right, interval.latency_high_s or right)
        bottom, top = max(low, interval.energy_low_j), min(high, interval.energy_high_j or high)
        if end > start and top > bottom:
            label = "further plans may lie here" if number == 0 else None
            axes.add_patch(Rectangle((start, bottom), end - start, top - bottom, facecolor=ORANGE, alpha=0.2,
                                     linewidth=0, hatch="..", label=label, zorder=1))  # fmt: skip
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
