"""The catalogue for people: lists of entries with weak figures marked, and one entry with the source of each figure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, RenderableType
from rich.text import Text

from api.cli import formats, placement_view
from api.cli.names import plain
from api.cli.tables import add_figures, add_names, add_sentences, add_whole, table
from models.base import DomainType
from models.catalogue import (
    DeviceEntry,
    Figure,
    LinkEntry,
    Measurement,
    NearServer,
    PeakRate,
    Percentiles,
    Provenance,
    Source,
    TransformerEntry,
)

Entry = DeviceEntry | LinkEntry | TransformerEntry
_WIDE = 90
"""Characters from which lists have all their columns."""
_WEAK = "?"
_LEGEND = "? weak: assumed, derived or not looked up (an entry by its id says why); - not known"


def show_list(entries: Sequence[Entry], console: Console) -> None:
    """Print one row per entry; all entries are of one kind."""
    first, wide = entries[0], console.width >= _WIDE
    shown = table(ascii_only=console.options.ascii_only)
    add_whole(shown, "id")
    if isinstance(first, DeviceEntry):
        add_figures(shown, "sustained", "memory", "bandwidth", "idle", "busy")
        add_names(shown, *(["kind"] if wide else []))
    elif isinstance(first, LinkEntry):
        add_figures(shown, "up", "down", "round trip", "sending", "receiving")
        add_names(shown, *(["duplex"] if wide else []))
    else:
        add_names(shown, "family")
        add_figures(shown, "parameters", "a block", "blocks")
    for entry in entries:
        shown.add_row(*_row(entry)[: len(shown.columns)])
    console.print(shown)
    console.print(Text(_LEGEND, "dim"))


def _row(entry: Entry) -> list[str | Text]:
    """All cells of an entry; the last is left out where there is no room for it."""
    if isinstance(entry, DeviceEntry):
        names = ("sustained_flops_per_s", "usable_memory_bytes", "sustained_memory_bandwidth_bytes_per_s")
        figures = [_marked(formats.by_field(n, _value(entry, n)), getattr(entry, n)) for n in names]
        powers = [_marked(formats.watts(_value(entry, n)), getattr(entry, n)) for n in ("idle_power_w", "busy_power_w")]
        return [plain(entry.id), *figures, *powers, entry.kind]
    if isinstance(entry, LinkEntry):
        piece, power = entry.link, entry.power_provenance
        medians = (
            (formats.bit_rate, entry.uplink_bits_per_s),
            (formats.bit_rate, entry.downlink_bits_per_s),
            (formats.seconds, entry.round_trip_s),
        )
        figures = [_marked(write(known.p50 if known else None), known) for write, known in medians]
        watts = (piece.transmit_power_w, piece.receive_power_w) if piece is not None else (None, None)
        return [plain(entry.id), *figures, *(_marked(formats.watts(w), power) for w in watts), entry.duplex]
    blocks = (entry.parameters - entry.parameters_outside_blocks) // entry.parameters_per_block
    total = _marked(formats.count(entry.parameters), entry.parameters_provenance)
    block = _marked(formats.count(entry.parameters_per_block), entry.shape_provenance)
    return [plain(entry.id), plain(entry.family), total, block, str(blocks)]


def _value(entry: DeviceEntry, name: str) -> float | None:
    figure: Figure | None = getattr(entry, name)
    return None if figure is None else figure.value


def _marked(text: str, origin: Provenance | None) -> Text:
    """The figure, with a mark where it is weak; strong ones are padded so that digits stay aligned."""
    if origin is not None and origin.weak and text != formats.ABSENT:
        return Text.assemble(text, (_WEAK, "yellow"))
    return Text(f"{text} ")


def show_entry(entry: Entry, console: Console) -> None:
    """Print all figures of one entry with how they came about, their sources, and the piece that a request takes."""
    for part in _parts(entry, console):
        console.print(part)


def _parts(entry: Entry, console: Console) -> Iterator[RenderableType]:
    name = entry.hf_id if isinstance(entry, TransformerEntry) else entry.name
    yield Text.assemble((plain(entry.id), "bold"), f"  {plain(name)}")
    yield ""
    shown = table(ascii_only=console.options.ascii_only)
    add_names(shown, "figure")
    add_figures(shown, "value")
    add_sentences(shown, "how, and from where")
    sources: dict[str, Source] = {}
    for called, value, origin in _figures(entry):
        sources |= {source.key: source for source in origin.sources}
        shown.add_row(called, _marked(value, origin), _remark(origin))
    yield shown
    yield ""
    yield Text("Sources", "bold")
    yield placement_view.listing(
        (key, source.what + (f" ({source.url})" if source.url else "")) for key, source in sources.items()
    )
    yield ""
    if not isinstance(entry, TransformerEntry):
        yield from placement_view.notes(entry.notes)
    yield from _pieces(entry)


def _remark(origin: Provenance) -> Text:
    how = origin.how if isinstance(origin, Figure) else None
    said = Text(f"{plain(how, 500)} " if how else "").append(
        f"[{', '.join(source.key for source in origin.sources)}]", "dim"
    )
    return said.append(f" weak: {plain(origin.weak, 500)}", "yellow") if origin.weak else said


def _figures(entry: Entry) -> Iterator[tuple[str, str, Provenance]]:
    """Name, value and origin of every figure."""
    for field in type(entry).model_fields:
        known = getattr(entry, field)
        for one in known if isinstance(known, tuple) else (known,):
            if isinstance(one, Provenance):
                yield from ((plain(name), value, one) for name, value in _values(field, one))
    if isinstance(entry, TransformerEntry):
        yield "parameters", f"{entry.parameters:,}", entry.parameters_provenance
        yield "parameters per block", f"{entry.parameters_per_block:,}", entry.shape_provenance


def _values(field: str, known: Provenance) -> Iterable[tuple[str, str]]:
    if isinstance(known, Measurement):
        yield known.what, f"{', '.join(formats.digits(value) for value in known.values)} {plain(known.unit)}"
    elif isinstance(known, Figure):
        form = f" {known.format.replace('_', ' ')}" if isinstance(known, PeakRate) else ""
        yield _called(field) + form, formats.by_field(field, known.value)
    elif isinstance(known, Percentiles):
        ranks = {name: getattr(known, name) for name in ("p5", "p50", "p95", "best")}
        yield from ((f"{_called(field)}, {r}", formats.by_field(field, v)) for r, v in ranks.items() if v is not None)
    elif isinstance(known, NearServer):
        names = ("uplink_bits_per_s", "downlink_bits_per_s", "round_trip_s")
        yield from ((f"near server, {_called(n)}", formats.by_field(n, getattr(known, n))) for n in names)
    elif field == "power_provenance":
        yield "power", "by rate"


def _called(field: str) -> str:
    """sustained_flops_per_s -> "sustained rate", idle_power_w -> "idle power": the unit stands with the figure."""
    words = field.replace("_flops_per_s", "_rate")
    return re.sub(r"_(bytes_per_s|bits_per_s|bytes|w|s)$", "", words).replace("_", " ")


def _pieces(entry: Entry) -> Iterator[RenderableType]:
    """What a request takes, as JSON to be copied."""
    if isinstance(entry, TransformerEntry):
        yield Text("In a request", "bold")
        yield Text(json.dumps({"model": {"catalogue": entry.id, "sequence_length": 512}}))
        return
    missing = entry.node_missing if isinstance(entry, DeviceEntry) else entry.link_missing
    if missing is not None:
        yield Text(f"No piece for a request: {plain(missing)}", "yellow")
        return
    piece: DomainType | None
    if isinstance(entry, DeviceEntry):
        where, ends, piece = "cluster.nodes", {"id": entry.id}, entry.node
    else:
        where, ends, piece = "cluster.links", {"source": "phone", "target": "edge"}, entry.link
    if piece is not None:
        yield Text(f"In {where} of a request", "bold")
        yield Text(json.dumps(ends | piece.model_dump(mode="json", exclude_defaults=True), indent=2))
