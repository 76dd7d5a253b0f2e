"""`placement compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import inputs
from api.cli.comparison_view import show_comparison
from api.cli.consoles import Exit, messages, output
from api.cli.engine import engine_of
from api.cli.planning import AsJson, check_writable, write
from api.cli.watching import compared
from models import CompareRequest
from models.constraints import ObjectiveKind
from models.workload import Schedule


def compare(  # noqa: PLR0913, PLR0917 - one parameter per option
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="A request, or one with its variants; - reads standard input.")
    ],
    as_json: AsJson = False,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the comparison, JSON, to this file too.")
    ] = None,
    node_lost: Annotated[list[str] | None, typer.Option(help="A variant without this node.", metavar="ID")] = None,
    link_down: Annotated[list[str] | None, typer.Option(help="A variant without this link.", metavar="ID:ID")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A variant with this model of the catalogue.", metavar="NAME")
    ] = None,
    head_layers: Annotated[
        list[int] | None, typer.Option(help="A variant that keeps so many layers on the source.", metavar="N")
    ] = None,
    tail_layers: Annotated[
        list[int] | None, typer.Option(help="A variant that keeps so many last layers there.", metavar="N")
    ] = None,
    schedule: Annotated[list[Schedule] | None, typer.Option(help="A variant with this schedule (training).")] = None,
    objective: Annotated[list[ObjectiveKind] | None, typer.Option(help="A variant with this objective.")] = None,
    patch: Annotated[
        list[str] | None,
        typer.Option(help="A variant by a JSON Merge Patch of the request.", metavar="NAME=JSON"),
    ] = None,
    privacy: Annotated[
        bool, typer.Option("--privacy", help="Also: the price of keeping layers on the terminal.")
    ] = False,
    time_limit: Annotated[float | None, typer.Option(help="Seconds for all plans together.", metavar="SECONDS")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Plan the same request under variants, and tell the differences.

    FILE is a request as for placement plan, with variants by options, each of which may be given several times; or a
    request as for POST /plan:compare. Exit codes: 0 compared, 2 bad input.
    """
    check_writable(out)
    raw = inputs.read(file)
    body = inputs.object_of(raw, file)
    if "request" not in body:
        body = {"request": body}
    variants = [
        *({"name": f"without {name}", "node_lost": name} for name in node_lost or ()),
        *(_without_link(ends, file) for ends in link_down or ()),
        *(_with_model(name, body["request"]) for name in model or ()),
        *(_patched(f"head_layers {n}", {"privacy": {"head_layers": n}}) for n in head_layers or ()),
        *(_patched(f"tail_layers {n}", {"privacy": {"tail_layers": n}}) for n in tail_layers or ()),
        *(_patched(f"schedule {name.value}", {"workload": {"schedule": name.value}}) for name in schedule or ()),
        *(_patched(f"objective {kind.value}", {"objective": {"kind": kind.value}}) for kind in objective or ()),
        *(_by_patch(given) for given in patch or ()),
    ]
    body["variants"] = [*body.get("variants", ()), *variants]
    if privacy and "privacy_sweep" not in body:
        body["privacy_sweep"] = {}
    if time_limit is not None:
        body["request"]["solver"] = body["request"].get("solver", {}) | {"time_limit_s": time_limit}
    written = json.dumps(body).encode()
    request = inputs.request_of(CompareRequest, written, file)
    answer = inputs.done(lambda: compared(engine_of(context).compare, request, messages(), quiet=quiet), file, written)
    if as_json:
        typer.echo(answer.model_dump_json(indent=2))
    else:
        show_comparison(answer, output())
    if out is not None:
        write(out, answer.model_dump_json(indent=2) + "\n")
    raise typer.Exit(Exit.OK)


def _without_link(ends: str, file: str) -> dict[str, Any]:
    source, colon, target = ends.partition(":")
    if not colon:
        inputs.refuse(file, f"--link-down {ends}: write both ends, as in phone:edge")
    return {"name": f"without {source} - {target}", "link_down": {"source": source, "target": target}}


def _with_model(name: str, request: dict[str, Any]) -> dict[str, Any]:
    """A model of the catalogue, with what the request says about its own."""
    kept = {
        field: request["model"][field]
        for field in ("sequence_length", "micro_batch_size", "dtype", "quantization", "attention", "fine_tuning")
        if request.get("model", {}).get(field) is not None
    }
    return {"name": name, "model": {"sequence_length": 512, **kept, "catalogue": name}}


def _patched(name: str, patch: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "patch": patch}


def _by_patch(given: str) -> dict[str, Any]:
    name, _, text = given.partition("=")
    return _patched(name, inputs.object_of(text.encode(), f"--patch {name}"))
