"""`placement measure node`: what this machine computes, moves, keeps and draws."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from api.cli import formats, inputs, placement_view
from api.cli.consoles import Exit, messages, output
from api.cli.measured import INTERRUPTED, SCATTER, Output, Quiet, hand_over, scatter
from api.cli.names import plain
from api.cli.planning import AsJson, check_writable
from api.cli.tables import add_figures, add_names, table
from api.measuring.matmul import NumberFormat
from models import InvalidInput
from models.cluster import NodeKind

if TYPE_CHECKING:
    from api.measuring.node import Wish
    from api.measuring.node_report import NodeMeasurement
    from models.catalogue import DeviceEntry


class Processor(StrEnum):
    """What computes."""

    CPU = "cpu"
    CUDA = "cuda"


def node(  # noqa: PLR0913, PLR0917 - one parameter per option
    node_id: Annotated[str, typer.Option("--id", help="The machine's id in the cluster.")],
    kind: Annotated[NodeKind | None, typer.Option(help="What it is. Default: the catalogue's, else edge.")] = None,
    seconds: Annotated[
        float, typer.Option(min=0.2, max=3600, help="Of the run that gives the rate; all takes about three times that.")
    ] = 20.0,
    number_format: Annotated[
        NumberFormat | None,
        typer.Option("--dtype", help="Whose rate the node has. Default: float32, on cuda float16."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Default: one per core that this process may use.")
    ] = None,
    on: Annotated[Processor, typer.Option(help="What computes; cuda needs torch.")] = Processor.CPU,
    with_torch: Annotated[
        bool | None, typer.Option("--torch/--no-torch", help="Compute by torch. Default: where it is installed.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The catalogue's id of this device, for power that the machine hides."),
    ] = None,
    as_json: AsJson = False,
    out: Output = None,
    quiet: Quiet = False,
) -> None:
    """Measure this machine: sustained rates, memory bandwidth, time per layer, free memory, and power where it tells.

    Exit codes: 0 a node, 1 the measurement broke, 2 bad input, 130 ended by Ctrl-C.
    """
    from api.measuring.node_process import NodeFault, measured, node_of

    entry = _entry(device)
    check_writable(out)
    wish = _wish(seconds, number_format, threads, on, with_torch)
    console = messages()
    try:
        with console.status("starting", spinner="line") as status:
            report = measured(wish, lambda said: None if quiet else status.update(plain(said)))
    except NodeFault as fault:
        console.print(f"error: {plain(fault, 1000)}", soft_wrap=True)
        raise typer.Exit(Exit.INTERNAL) from None
    except KeyboardInterrupt:
        console.print("ended; nothing was measured to the end")
        raise typer.Exit(INTERRUPTED) from None
    answer = node_of(report, node_id, kind, entry)
    hand_over(answer.model_dump_json(indent=2, exclude_unset=True), out, as_json=as_json)
    if not as_json:
        for part in shown_node(answer, ascii_only=output().options.ascii_only):
            output().print(part)


def _entry(device: str | None) -> DeviceEntry | None:
    from placement import catalogue

    if device is None:
        return None
    try:
        return catalogue.device(device)
    except InvalidInput as error:
        inputs.refuse(f"--device {device}", str(error))


def _wish(
    seconds: float, number_format: NumberFormat | None, threads: int | None, on: Processor, with_torch: bool | None
) -> Wish:
    """What to measure; refuses what needs torch where there is none."""
    from api.measuring.machine import processors
    from api.measuring.node import Wish, torch_is_installed

    installed = torch_is_installed()
    chosen = number_format or (NumberFormat.FLOAT32 if on is Processor.CPU else NumberFormat.FLOAT16)
    needing = [
        name
        for name, needs in (
            ("--torch", with_torch is True),
            (f"--on {on}", on is not Processor.CPU),
            (f"--dtype {chosen}", chosen in {NumberFormat.FLOAT16, NumberFormat.BFLOAT16}),
        )
        if needs
    ]
    if needing and with_torch is False:
        inputs.refuse(needing[0], "this needs torch; leave out --no-torch")
    if needing and not installed:
        inputs.refuse(needing[0], "this needs torch: install layer-placement[measure]")
    return Wish(
        seconds=seconds,
        number_format=chosen,
        threads=threads or processors().threads,
        device=on.value,
        with_torch=installed if with_torch is None else with_torch,
    )


def shown_node(measured: NodeMeasurement, *, ascii_only: bool) -> Iterator[RenderableType]:
    """The figures of a node, and how far they scatter."""
    node_, report = measured.node, measured.report
    machine, power = report.machine, report.power
    yield Text.assemble(
        (plain(node_.id), "bold"), f"  {plain(machine.processor)}, {_counted(machine.threads, 'thread')}"
    )
    yield ""
    shown = table(ascii_only=ascii_only)
    add_names(shown, "figure")
    add_figures(shown, "value", "scatter")
    add_names(shown, "how")
    for rate in report.rates:
        shown.add_row(
            f"{rate.number_format}",
            formats.flop_rate(rate.sustained_flops_per_s.median),
            scatter(rate.sustained_flops_per_s),
            f"{rate.library} on {rate.device}, n = {rate.n}",
        )
    for moved in report.bandwidths:
        shown.add_row(
            moved.kernel.replace("_", "-"),
            formats.byte_rate(moved.bytes_per_s.median),
            scatter(moved.bytes_per_s),
            f"{moved.library} on {moved.device}, {formats.size(moved.array_bytes)} each",
        )
    shown.add_row(
        "layer overhead",
        formats.seconds(report.overhead.seconds.median),
        scatter(report.overhead.seconds),
        str(report.overhead.library),
    )
    shown.add_row("free memory", formats.size(report.memory.available_bytes), "", plain(report.memory.how))
    if power is not None:
        shown.add_row("idle power", formats.watts(node_.idle_power_w), "", plain(power.source))
        shown.add_row("busy power", formats.watts(node_.busy_power_w), "", plain(power.source))
    yield shown
    yield Text(f"the first rate and the first triad are the node's; {SCATTER}", "dim")
    yield ""
    yield from placement_view.notes(report.notes)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
