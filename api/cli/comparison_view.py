"""A comparison for people: one line per variant, why some have no plan, and the price of privacy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.console import Console, RenderableType
from rich.text import Text

from api.cli import formats
from api.cli.names import plain
from api.cli.placement_view import listing, notes
from api.cli.plan_view import HEADLINES
from api.cli.tables import add_figures, add_names, add_sentences, table
from models.comparison import Comparison, Difference, PlanFigures, PrivacyPoint, PrivacyView
from models.constraints import Metric
from models.plan import Status

_WIDE = 80
"""Characters from which the table shows throughputs."""


def show_comparison(comparison: Comparison, console: Console) -> None:
    """Print the differences."""
    for part in _parts(comparison, console):
        console.print(part)


def _parts(comparison: Comparison, console: Console) -> Iterator[RenderableType]:
    word, style = HEADLINES[comparison.status]
    proven = "everything is proven" if comparison.status == "optimal" else "not everything is proven"
    yield Text.assemble((word, style), f"  {proven}; solved by {comparison.solver.backend}, "
                        f"{formats.seconds(comparison.solver.seconds.get('total'))}")  # fmt: skip
    yield ""
    if comparison.base is not None:
        yield from _table(comparison.base, comparison.variants, console)
    if comparison.variants:
        yield listing(("-", variant.message) for variant in comparison.variants)
        yield ""
    if comparison.privacy is not None:
        yield from _privacy(comparison.privacy, console)
    yield from notes(comparison.notes)


def _table(base: PlanFigures, variants: tuple[Difference, ...], console: Console) -> Iterator[RenderableType]:
    shown = table("Variants", ascii_only=console.options.ascii_only)
    add_names(shown, "variant")
    wide = console.width >= _WIDE
    add_figures(shown, "latency", "", "energy", "", *(["throughput", ""] if wide else []))
    add_sentences(shown, "stages")
    shown.add_row(Text("as it is", "bold"), *_figures(base, wide=wide), _stages(base))
    for variant in variants:
        shown.add_row(plain(variant.name), *_figures(variant, wide=wide), _stages(variant))
    yield shown
    yield ""


def _figures(outcome: PlanFigures, *, wide: bool) -> list[str]:
    changes = {change.figure: change.relative for change in outcome.changes} if isinstance(outcome, Difference) else {}
    cells = []
    for metric, written in (
        (Metric.LATENCY, formats.seconds(outcome.latency_s)),
        (Metric.ENERGY, formats.joules(outcome.energy_j)),
        (Metric.THROUGHPUT, formats.rate(outcome.throughput_per_s)),
    ):
        relative = changes.get(metric)
        cells += [written, "" if relative is None else f"{'+' if relative >= 0 else ''}{formats.percent(relative)}"]
    return cells if wide else cells[:-2]


def _stages(outcome: PlanFigures) -> str:
    if not outcome.stages:
        return str(outcome.status).replace("_", " ")
    placed = " > ".join(f"{plain(stage.node)} {stage.first_layer}..{stage.stop_layer}" for stage in outcome.stages)
    return placed if outcome.proven else f"{placed} (not proven)"


def _alike(point: PrivacyPoint) -> tuple[int, Status, float | None, float | None]:
    """What neighbouring counts share when they have the same plan, or none."""
    return point.tail_layers, point.status, point.latency_s, point.energy_j


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _privacy(view: PrivacyView, console: Console) -> Iterator[RenderableType]:
    shown = table("What keeping layers on the terminal costs", ascii_only=console.options.ascii_only)
    add_figures(shown, "first layers", "blocks", "last layers", "latency", "energy")
    add_names(shown, "")
    for (tail, status, *_), run in groupby(view.points, _alike):
        points = list(run)
        first, last = points[0], points[-1]
        shown.add_row(
            _span(first.head_layers, last.head_layers),
            _span(first.blocks_on_source, last.blocks_on_source),
            str(tail),
            formats.seconds(first.latency_s),
            formats.joules(first.energy_j),
            "" if status is Status.OPTIMAL else str(status).replace("_", " "),
        )
    yield shown
    yield ""
    yield Text(view.statement)
    yield listing(("-", f"{finding.says} ({finding.source}, {finding.url})") for finding in view.findings)
    yield ""
