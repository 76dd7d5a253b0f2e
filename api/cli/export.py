"""`placement export`: a plan as a runtime reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.text import Text

from api.cli import inputs
from api.cli.consoles import Exit, messages, output
from api.cli.names import plain
from api.cli.planning import AsJson, check_writable, write
from api.cli.tables import add_sentences, add_whole, table
from models.base import InvalidInput
from models.export import Export, ExportFormat, ExportOptions, ExportRequest, FormatList, options_of_pairs
from models.request import PlanRequest
from models.violations import violations_of


def export(  # noqa: PLR0913, PLR0917 - one parameter per option
    plan: Annotated[
        str | None, typer.Argument(metavar="PLAN.json|-", help="An answered plan, JSON; - reads standard input.")
    ] = None,
    request: Annotated[str | None, typer.Option(metavar="REQUEST.json", help="The request that the plan answers.")] = (
        None
    ),
    wanted: Annotated[ExportFormat | None, typer.Option("--format", help="What is to read the plan.")] = None,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="Write the file here, not to stdout.")] = None,
    device: Annotated[
        list[str] | None, typer.Option(metavar="NODE=NAME", help="What the runtime calls a node; may be repeated.")
    ] = None,
    address: Annotated[
        list[str] | None, typer.Option(metavar="NODE=HOST:PORT", help="Where a node is reached; may be repeated.")
    ] = None,
    model_name: Annotated[str | None, typer.Option(metavar="NAME", help="What the runtime loads.")] = None,
    architecture: Annotated[
        str | None, typer.Option(metavar="CLASS", help="Class of a model given as layers, e.g. LlamaForCausalLM.")
    ] = None,
    image: Annotated[str | None, typer.Option(metavar="IMAGE", help="Kubernetes: the image that runs a stage.")] = None,
    known: Annotated[bool, typer.Option("--list", help="List the formats.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write an answered plan as a runtime reads it: accelerate, torch, vLLM, llama.cpp, Petals, Kubernetes and others.

    What the format leaves out, and how the file is used, is said on standard error.

    Exit codes: 0 the file, 2 bad input, 3 the format cannot say this plan.
    """
    if known:
        _show_formats(as_json=as_json)
        return
    if plan is None or request is None or wanted is None:
        raise typer.BadParameter("PLAN.json, --request and --format are needed, or --list")
    if plan == request == "-":
        inputs.refuse("-", "only one of the request and the plan can come from standard input")
    check_writable(out)
    options = _options(device or [], address or [], model_name=model_name, architecture=architecture, image=image)
    made = _exported(_asked(plan, request, {"format": wanted, "options": options.model_dump(exclude_none=True)}), plan)
    if as_json:
        typer.echo(made.model_dump_json(indent=2))
    elif out is None:
        typer.echo(made.content, nl=False)
    if out is not None:
        write(out, made.content)
    _show_losses(made)


def _options(devices: list[str], addresses: list[str], **others: str | None) -> ExportOptions:
    try:
        return options_of_pairs(devices, addresses, **others)
    except ValidationError as error:
        inputs.refuse("the options", "they cannot be used", violations_of(error, None))
    except ValueError as error:
        raise typer.BadParameter(f"--device and --address {error}") from None


def _asked(plan: str, request: str, wanted: dict[str, Any]) -> bytes:
    """The body of POST /plan:export, the request and the plan looked at each for itself."""
    raw = inputs.read(request)
    inputs.request_of(PlanRequest, raw, request)
    answered = inputs.object_of(inputs.read(plan), plan)
    if not answered.get("stages"):
        inputs.refuse(plan, f"there are no stages in it (status: {answered.get('status', 'none')})")
    return json.dumps(wanted | {"request": json.loads(raw), "plan": answered}).encode()


def _exported(body: bytes, plan: str) -> Export:
    from placement import exports  # as the planner: loaded when it is needed

    asked = inputs.request_of(ExportRequest, body, plan)
    try:
        return exports.export(asked)
    except exports.CannotSay as cannot:
        console = messages()
        head = Text.assemble(("error: ", "bold red"), f"{plain(plan)}: {asked.format} cannot say this plan")
        console.print(head, soft_wrap=True)
        for fault in cannot.faults:
            console.print(Text.assemble("  ", (fault.code, "bold"), f": {plain(fault.message, 1000)}"), soft_wrap=True)
        raise typer.Exit(Exit.INFEASIBLE) from None
    except InvalidInput as error:
        inputs.refuse(plan, "the plan and its request do not fit", violations_of(error, json.loads(body)))


def _show_losses(made: Export) -> None:
    console = messages()
    for warning in made.warnings:
        parts = (("warning: ", "bold yellow"), (warning.code, "bold"), f": {plain(warning.message, 1000)}")
        console.print(Text.assemble(*parts), soft_wrap=True)
    for line in made.usage:
        console.print(Text(f"  {plain(line, 1000)}", "dim"), soft_wrap=True)


def _show_formats(*, as_json: bool) -> None:
    from placement.exports import formats  # as the planner: loaded when it is needed

    entries = formats()
    if as_json:
        typer.echo(FormatList(formats=entries).model_dump_json(indent=2))
        return
    console = output()
    shown = table(ascii_only=console.options.ascii_only)
    add_whole(shown, "format", "file")
    add_sentences(shown, "what reads it")
    for entry in entries:
        shown.add_row(entry.format, entry.filename, f"{entry.title}: {entry.reads}")
    console.print(shown)
