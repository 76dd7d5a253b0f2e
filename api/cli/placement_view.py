"""What a placement costs, as tables: shared by plans and by evaluations of the caller's own stages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from api.cli import formats
from api.cli.bars import bar
from api.cli.gantt import gantt
from api.cli.names import plain, shortened
from api.cli.tables import add_figures, add_names, add_whole, table
from models.plan import Metrics, NodeUse, PassSeconds, Stage
from models.request import PlanRequest
from models.workload import Training

_WIDE = 100
"""Characters from which tables show their bars and finer columns."""


def figures(metrics: Metrics, request: PlanRequest) -> Iterator[RenderableType]:
    """The headline figures, one a line."""
    training = isinstance(request.workload, Training)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    unit, thing = ("iteration", "micro-batch") if training else ("request", "request")
    if metrics.latency_s is not None:
        grid.add_row("Latency", f"{formats.seconds(metrics.latency_s)} per {unit}")
    if metrics.energy_j is not None:
        grid.add_row("Energy", f"{formats.joules(metrics.energy_j)} per {unit}")
    if metrics.throughput_per_s is not None:
        things = "micro-batches" if training else "requests"
        grid.add_row("Throughput", formats.rate(metrics.throughput_per_s, things))
    if metrics.period_s is not None:
        grid.add_row("Period", f"{formats.seconds(metrics.period_s)} per {thing}")
    if metrics.bottleneck is not None:
        busiest = metrics.bottleneck
        grid.add_row("Bottleneck", f"{busiest.kind} {plain(busiest.id)}, busy {formats.seconds(busiest.busy_s)}")
    if metrics.simulated is not None:
        replayed = metrics.simulated
        said = f"{formats.seconds(replayed.latency_s)}, the formula says {formats.seconds(replayed.formula_latency_s)}"
        grid.add_row("Replayed", said if replayed.note is None else f"{said}: {plain(replayed.note)}")
    if grid.row_count:
        yield grid
        yield ""


def stages(metrics: Metrics, request: PlanRequest, console: Console) -> Iterator[RenderableType]:
    """Which layers run where, how long a pass takes there, what memory it fills and what goes on to the next stage."""
    if not metrics.stages:
        return
    passes = [name for name in PassSeconds.model_fields if any(_busy(s, name) is not None for s in metrics.stages)]
    levels = any(stage.level != "default" for stage in metrics.stages)
    wide, ascii_only = console.width >= _WIDE, console.options.ascii_only
    shown = table("Stages", ascii_only=ascii_only)
    add_figures(shown, "#")
    add_names(shown, "node")
    if levels:
        add_names(shown, "level")
    add_figures(shown, "layers", *passes)
    add_whole(shown, "memory")
    add_figures(shown, "to next", *(["payload"] if wide else []))
    names = shortened((stage.node for stage in metrics.stages), console.width // 4)
    memory = {node.id: node.memory_used_bytes + node.memory_free_bytes for node in metrics.nodes}
    for index, stage in enumerate(metrics.stages):
        hop = stage.transfer_to_next
        shown.add_row(
            str(index),
            names[stage.node],
            *([plain(stage.level)] if levels else []),
            f"{stage.first_layer}..{stage.stop_layer}",
            *(formats.seconds(_busy(stage, name)) for name in passes),
            _memory(stage.memory.total_bytes, memory.get(stage.node), wide=wide, ascii_only=ascii_only),
            "" if hop is None else formats.seconds(hop.forward_s),
            *(["" if hop is None else formats.size(hop.forward_bytes)] if wide else []),
        )
    yield shown
    yield from _relayed(metrics.stages)
    yield Text(_reading(request, metrics.stages), "dim")
    yield ""


def _busy(stage: Stage, name: str) -> float | None:
    value: float | None = getattr(stage.busy_s, name)
    return value


def _memory(used: float, available: float | None, *, wide: bool, ascii_only: bool) -> Text:
    """The stage's bytes, as a bar and, where there is room, as a figure beside what its node has."""
    if not available:
        return Text(formats.size(used))
    words = formats.part_of(used, available) if wide else formats.size(used)
    return bar(used / available, 10 if wide else 5, ascii_only=ascii_only).append(f" {words}")


def _relayed(placed: Iterable[Stage]) -> Iterator[Text]:
    for index, stage in enumerate(placed):
        hop = stage.transfer_to_next
        if hop is not None and len(hop.route) > 2:
            yield Text(f"stage {index} sends through {', '.join(plain(node) for node in hop.route[1:-1])}")


def _reading(request: PlanRequest, placed: tuple[Stage, ...]) -> str:
    """How the columns are meant."""
    said = "layers first..stop, stop excluded; seconds per pass of one micro-batch"
    if isinstance(request.workload, Training):
        flights = sorted({stage.in_flight for stage in placed}, reverse=True)
        said += f"; micro-batches in flight: {', '.join(map(str, flights))}"
    return said


def nodes(metrics: Metrics, console: Console) -> Iterator[RenderableType]:
    """How busy each used node is, what memory it fills and what it spends."""
    used = [node for node in metrics.nodes if node.used]
    if not used:
        return
    wide, ascii_only = console.width >= _WIDE, console.options.ascii_only
    shown = table("Nodes", ascii_only=ascii_only)
    add_names(shown, "node")
    add_figures(shown, "busy")
    add_whole(shown, "utilisation")
    add_figures(shown, "memory", "energy", *(["idle", "compute", "radio/wire"] if wide else []))
    weighted = any(node.energy_weight != 1 for node in used)
    if weighted:
        add_figures(shown, "weight")
    names = shortened((node.id for node in used), console.width // 4)
    for node in used:
        shown.add_row(names[node.id], *_node_figures(node, weight=weighted, wide=wide, ascii_only=ascii_only))
    yield shown
    spare = [plain(node.id) for node in metrics.nodes if not node.used]
    if spare:
        yield Text(f"not used: {_listed(spare)}", "dim")
    yield ""


def _node_figures(node: NodeUse, *, weight: bool, wide: bool, ascii_only: bool) -> list[RenderableType]:
    available = node.memory_used_bytes + node.memory_free_bytes
    meter = bar(node.utilisation, 10 if wide else 5, ascii_only=ascii_only)
    row: list[RenderableType] = [
        formats.seconds(node.busy_s),
        meter.append(f" {formats.percent(node.utilisation)}"),
        formats.part_of(node.memory_used_bytes, available),
        formats.joules(node.energy_j),
    ]
    if wide:
        parts = (node.idle_energy_j, node.compute_energy_j, node.communication_energy_j)
        row += [formats.joules(part) for part in parts]
    if weight:
        row.append(formats.digits(node.energy_weight))
    return row


def _listed(names: list[str], most: int = 12) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def links(metrics: Metrics, console: Console) -> Iterator[RenderableType]:
    """What each directed link carries."""
    if not metrics.links:
        return
    shown = table("Links", ascii_only=console.options.ascii_only)
    add_names(shown, "from", "to")
    media = any(link.medium for link in metrics.links)
    if media:
        add_names(shown, "medium")
    add_figures(shown, "carries", "busy", "utilisation", "energy")
    names = shortened({end for link in metrics.links for end in (link.source, link.target)}, console.width // 5)
    for link in metrics.links:
        shown.add_row(
            names[link.source],
            names[link.target],
            *([plain(link.medium or "")] if media else []),
            formats.size(link.bytes),
            formats.seconds(link.busy_s),
            formats.percent(link.utilisation),
            formats.joules(link.energy_j),
        )
    yield shown
    yield ""


def timeline(metrics: Metrics, console: Console) -> Iterator[RenderableType]:
    """The Gantt chart, with what it leaves out."""
    if not metrics.timeline:
        return
    yield Text("Timeline", "bold")
    for line in gantt(metrics.timeline, console.width, ascii_only=console.options.ascii_only):
        line.no_wrap = True
        yield line
    if metrics.timeline_note is not None:
        yield Text(plain(metrics.timeline_note, 1000), "dim")
    yield ""


def notes(said: Iterable[str]) -> Iterator[RenderableType]:
    """Assumptions and caveats, one a line."""
    said = list(said)
    if said:
        yield Text("Notes", "bold")
        yield listing(("-", note) for note in said)
        yield ""


def listing(entries: Iterable[tuple[str, str]]) -> Table:
    """Sentences behind their marks, wrapped lines indented."""
    listed = Table.grid(padding=(0, 1, 0, 0))
    for mark, sentence in entries:
        listed.add_row(plain(mark), plain(sentence, 1000))
    return listed
