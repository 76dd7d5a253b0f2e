"""A frontier for people: what is proven, the curve, the points and where others may lie."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.text import Text

from api.cli import formats, placement_view
from api.cli.names import plain
from api.cli.plan_view import HEADLINES, infeasibility
from api.cli.scatter import scatter
from api.cli.tables import add_figures, add_sentences, table
from models.frontier import Frontier, FrontierPoint, FrontierTermination

_ENDINGS: dict[FrontierTermination | None, str] = {
    None: "the search has not ended",
    FrontierTermination.OPTIMAL: "the proof is complete: no plan beats any of these",
    FrontierTermination.INFEASIBLE: "the proof is complete: no plan exists",
    FrontierTermination.MAX_POINTS: "stopped at the number of points that was asked for",
    FrontierTermination.TIME_LIMIT: "stopped at the time limit",
    FrontierTermination.CANCELLED: "cancelled; this is what is known so far",
    FrontierTermination.MEMORY_LIMIT: "stopped at the memory limit",
    FrontierTermination.WORKER_LOST: "the solver's process was lost",
    FrontierTermination.REPLAY: "best known replays; bounds stay below some of them",
    FrontierTermination.UNPROVEN: "the backend left some intervals without a proof",
}
_MOST_INTERVALS = 20


def show_frontier(frontier: Frontier, console: Console, *, brief: bool = False) -> None:
    """Print the frontier; `brief` leaves only the status and the points."""
    for part in _parts(frontier, console, brief=brief):
        console.print(part)


def _parts(frontier: Frontier, console: Console, *, brief: bool) -> Iterator[RenderableType]:
    yield from _headline(frontier)
    if frontier.infeasibility is not None:
        yield from infeasibility(frontier.infeasibility, console)
    if not brief:
        chart = list(scatter(frontier, console.width, ascii_only=console.options.ascii_only))
        yield from chart
        yield from [""] if chart else []
    yield from _points(frontier, console)
    yield from _open_intervals(frontier, console)
    if not brief:
        yield from placement_view.notes(frontier.notes)


def _headline(frontier: Frontier) -> Iterator[RenderableType]:
    """Status, how many points, from where to where, and why the search ended."""
    word, style = HEADLINES[frontier.status]
    points = frontier.points
    said = ""
    if points:
        count = f"{len(points)} point{'' if len(points) == 1 else 's'}"
        latencies = _range(formats.seconds(points[0].latency_s), formats.seconds(points[-1].latency_s))
        energies = _range(formats.joules(points[-1].energy_j), formats.joules(points[0].energy_j))
        said = f"  {count}, latency {latencies}, energy {energies}"
    yield Text.assemble((word, style), said)
    ending = _ENDINGS[frontier.termination]
    if frontier.complete and frontier.epsilon > 0:
        ending = f"the proof is complete: every plan is within {formats.percent(frontier.epsilon)} of one of these"
    report = frontier.solver
    took = f"{report.backend} ({report.version}), {formats.seconds(report.seconds.get('total'))}"
    yield Text(f"{ending}; solved by {took}", "dim")
    yield ""


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _points(frontier: Frontier, console: Console) -> Iterator[RenderableType]:
    if not frontier.points:
        return
    shown = table("Points", ascii_only=console.options.ascii_only)
    add_figures(shown, "#", "latency", "energy", "throughput", "proven", "weight")
    add_sentences(shown, "stages")
    for index, point in enumerate(frontier.points):
        knee = frontier.knee is not None and frontier.knee.index == index
        shown.add_row(
            f"{'knee ' if knee else ''}{index}",
            formats.seconds(point.latency_s),
            formats.joules(point.energy_j),
            formats.rate(point.throughput_per_s),
            "yes" if point.proven else f"gap {formats.percent(point.gap)}",
            _weight(point),
            _stages(point),
            style="bold" if knee else "",
        )
    yield shown
    yield Text("weight: latency_weight that makes a weighted objective choose the point", "dim")
    yield ""


def _weight(point: FrontierPoint) -> str:
    """0.27..1; "none" for a point that no weight finds, "-" where it is not known."""
    if point.latency_weight is None:
        return "none" if point.supported is False else formats.ABSENT
    return f"{point.latency_weight.low:.2g}..{point.latency_weight.high:.2g}"


def _stages(point: FrontierPoint) -> str:
    return " > ".join(
        f"{plain(stage.node)}{'' if stage.level == 'default' else '@' + plain(stage.level)} "
        f"{stage.first_layer}..{stage.stop_layer}"
        for stage in point.stages
    )


def _open_intervals(frontier: Frontier, console: Console) -> Iterator[RenderableType]:
    if not frontier.open_intervals:
        return
    shown = table("Where further points may lie", ascii_only=console.options.ascii_only)
    add_figures(shown, "latency from", "to", "energy from (proven)", "to")
    for interval in frontier.open_intervals[:_MOST_INTERVALS]:
        shown.add_row(
            formats.seconds(interval.latency_low_s),
            formats.seconds(interval.latency_high_s),
            formats.joules(interval.energy_low_j),
            formats.joules(interval.energy_high_j),
        )
    yield shown
    if len(frontier.open_intervals) > _MOST_INTERVALS:
        yield Text(f"and {len(frontier.open_intervals) - _MOST_INTERVALS} more", "dim")
    yield ""
