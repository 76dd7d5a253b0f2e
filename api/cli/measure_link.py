"""`placement measure link`: round trip and rates between this machine and one that runs `placement measure serve`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from api.cli import formats, inputs, placement_view
from api.cli.consoles import messages, output
from api.cli.measure_serve import TOKEN_VARIABLE
from api.cli.measured import INTERRUPTED, SCATTER, Output, Quiet, hand_over, scatter
from api.cli.names import plain
from api.cli.planning import AsJson, check_writable
from api.cli.tables import add_figures, add_names, table

if TYPE_CHECKING:
    from api.measuring.link import LinkMeasurement

_ADDRESS = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+)):([1-9]\d{0,4})")


def link(  # noqa: PLR0913, PLR0917 - one parameter per option
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where `placement measure serve` listens.")],
    source: Annotated[str, typer.Option(help="This machine's id in the cluster.")],
    target: Annotated[str, typer.Option(help="The other machine's id.")],
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="Time for all of it, about.")] = 10.0,
    max_bytes: Annotated[int, typer.Option(min=2**16, max=2**40, help="Most bytes, both ways together.")] = 2**30,
    token: Annotated[
        str | None, typer.Option(envvar=TOKEN_VARIABLE, help="What the server asks for, if it listens beyond itself.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=300, help="Longest silence of the other end, in s.", metavar="SECONDS")
    ] = 10.0,
    as_json: AsJson = False,
    out: Output = None,
    quiet: Quiet = False,
) -> None:
    """Measure the link between this machine, which is the source, and another one, both ways.

    Exit codes: 0 a link, 2 bad input or nobody there, 130 ended by Ctrl-C.
    """
    from api.measuring.link import Effort, measure_link
    from api.measuring.peer import LinkFault, Peer

    host, port = _parts(address)
    if source == target:
        inputs.refuse("--target", "both ends are the same")
    check_writable(out)
    console = messages()
    try:
        with console.status("connecting", spinner="line") as status, Peer(host, port, token, timeout) as peer:
            measured = measure_link(
                peer, source, target, Effort(seconds, max_bytes), lambda said: None if quiet else status.update(said)
            )
    except LinkFault as fault:
        inputs.refuse(address, str(fault))
    except KeyboardInterrupt:
        console.print("ended; nothing was measured to the end")
        raise typer.Exit(INTERRUPTED) from None
    hand_over(measured.model_dump_json(indent=2, exclude_unset=True), out, as_json=as_json)
    if not as_json:
        for part in shown_link(measured, ascii_only=output().options.ascii_only):
            output().print(part)


def _parts(address: str) -> tuple[str, int]:
    found = _ADDRESS.fullmatch(address)
    if found is None or int(found[3]) > 65535:
        inputs.refuse(address, "an address and a port are needed, as in 10.0.0.2:7070 or [fe80::1]:7070")
    return found[1] or found[2], int(found[3])


def shown_link(measured: LinkMeasurement, *, ascii_only: bool) -> Iterator[RenderableType]:
    """The figures of a link, and how far they scatter."""
    link_, report = measured.link, measured.report
    slow = formats.seconds(report.round_trip_s.p90)
    yield Text.assemble(
        (f"{plain(link_.source)} <-> {plain(link_.target)}", "bold"),
        f"  round trip {formats.seconds(report.round_trip_s.median)}"
        f" (best {formats.seconds(report.fastest_round_trip_s)}, 90 % under {slow})",
    )
    yield f"{formats.size(report.used_bytes)} in {formats.seconds(report.used_s)}, over one TCP connection"
    yield ""
    shown = table(ascii_only=ascii_only)
    add_names(shown, "from", "to")
    add_figures(shown, "rate", "scatter", "off the line", "up to")
    for ends, way in (
        ((link_.source, link_.target), report.forward),
        ((link_.target, link_.source), report.reverse),
    ):
        shown.add_row(
            *map(plain, ends),
            formats.bit_rate(way.bandwidth_bits_per_s),
            scatter(way.at_largest_payload_bits_per_s),
            formats.percent(way.relative_residual),
            formats.size(way.transfers[-1].payload_bytes),
        )
    yield shown
    yield Text(f"{SCATTER}, of the largest payloads", "dim")
    yield ""
    yield from placement_view.notes(report.notes)
