"""A measured model as tables: what its layers take, and how far the derivation is off."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.text import Text

from api.cli import formats, placement_view
from api.cli.names import plain
from api.cli.tables import add_figures, add_names, add_whole, table
from api.measuring.model_report import GroupReport, ModelReport

_WIDE = 100
"""Characters from which rates stand beside estimates."""


def shown_model(report: ModelReport, console: Console) -> Iterator[RenderableType]:
    """The figures of one node, times first, then the sizes that differ from the derived ones."""
    ascii_only = console.options.ascii_only
    yield Text.assemble(
        (plain(report.node), "bold"),
        f"  {report.dtype}, {report.threads} threads, torch {report.torch}, in {formats.seconds(report.seconds)}",
    )
    yield Text(
        f"besides, once per stage and pass: {formats.seconds(report.stage_overhead_s.median)} (masks, positions)"
    )
    yield ""
    yield _times(report, console)
    yield Text("spread: 10th to 90th percentile of so many samples; rates: derived work over the median time", "dim")
    yield ""
    yield from _sizes(report, ascii_only=ascii_only)
    yield from placement_view.notes(report.notes)


def _times(report: ModelReport, console: Console) -> RenderableType:
    """Rates give way to the estimates where there are such and space is short."""
    estimated = any(one.estimate_s is not None for group in report.groups for one in group.passes.values())
    rates = not estimated or console.width >= _WIDE
    shown = table(ascii_only=console.options.ascii_only)
    add_figures(shown, "layers")
    add_whole(shown, "kind", "pass")
    add_figures(shown, "median", "spread", "of", *(["FLOP/s", "traffic"] if rates else []))
    if estimated:
        add_figures(shown, "estimate", "to median")
    for group in report.groups:
        for name, one in group.passes.items():
            time_s = one.time_s
            row = [formats.seconds(time_s.median), formats.percent((time_s.p90 - time_s.p10) / time_s.median)]
            row.append(str(time_s.samples))
            if rates:
                row.append(formats.flop_rate(one.flops_per_s) if one.flops else formats.ABSENT)
                row.append(formats.byte_rate(one.bytes_per_s))
            if estimated:
                ratio = None if one.estimate_s is None else one.estimate_s / time_s.median
                row += [formats.seconds(one.estimate_s), formats.times(ratio)]
            shown.add_row(_span(group), str(group.kind), name, *row)
    return shown


def _sizes(report: ModelReport, *, ascii_only: bool) -> Iterator[RenderableType]:
    differing = [
        (group, name, size)
        for group in report.groups
        for name, size in group.sizes.items()
        if size.measured_bytes != size.derived_bytes
    ]
    alike = sum(len(group.sizes) for group in report.groups) - len(differing)
    yield f"{alike} sizes are to the byte what the profile derives; {len(differing)} are not" + (":" * bool(differing))
    if differing:
        shown = table(ascii_only=ascii_only)
        add_figures(shown, "layers")
        add_names(shown, "size")
        add_figures(shown, "measured", "derived", "derived / measured")
        for group, name, size in differing:
            ratio = size.derived_bytes / size.measured_bytes if size.measured_bytes else None
            of_sizes = (formats.size(size.measured_bytes), formats.size(size.derived_bytes), formats.times(ratio))
            shown.add_row(_span(group), name.removesuffix("_bytes").replace("_", " "), *of_sizes)
        yield shown
    yield ""


def _span(group: GroupReport) -> str:
    """3, or 1..9 for neighbours, or 1,3,5,... for layers that alternate with others."""
    first, last = group.layers[0], group.layers[-1]
    if first == last:
        return str(first)
    if group.layers == tuple(range(first, last + 1)):
        return f"{first}..{last + 1}"
    return ",".join(map(str, group.layers[:3])) + (",..." if len(group.layers) > 3 else "")
