"""`placement measure join`: measured pieces to a request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from api.cli import inputs
from api.cli.consoles import messages
from api.cli.measured import Output, hand_over
from api.cli.names import plain
from api.cli.planning import check_writable
from models import InvalidInput, PlanRequest
from models.constraints import ObjectiveKind
from models.profile import Dtype
from models.workload import Schedule

if TYPE_CHECKING:
    from api.measuring.joining import Pieces


def join(  # noqa: PLR0913, PLR0917 - one parameter per option
    files: Annotated[
        list[str], typer.Argument(metavar="PIECE.json...", help="Measured nodes, links and models, in any order.")
    ],
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="A model of the catalogue, where no piece is a model.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="ID", help="Where the input comes from. Default: the only terminal.")
    ] = None,
    workload: Annotated[str, typer.Option(help="inference or training.")] = "inference",
    sequence_length: Annotated[int | None, typer.Option(help="Tokens, with --model.")] = None,
    micro_batch_size: Annotated[int | None, typer.Option(help="Sequences per micro-batch, with --model.")] = None,
    dtype: Annotated[Dtype | None, typer.Option(help="Number format, with --model.")] = None,
    output_tokens: Annotated[int | None, typer.Option(help="Inference: tokens generated per request.")] = None,
    micro_batches: Annotated[int | None, typer.Option(help="Training: micro-batches per iteration.")] = None,
    schedule: Annotated[Schedule | None, typer.Option(help="Training: how they flow.")] = None,
    objective: Annotated[ObjectiveKind | None, typer.Option(help="What to optimise. Default: latency.")] = None,
    out: Output = None,
) -> None:
    """Put measured pieces together to a request for `placement plan`; printed, unless --output names a file.

    Exit codes: 0 a request, 2 bad input: a file that is no piece, or pieces that make no request.
    """
    from api.measuring.joining import NoSource, Use, joined

    check_writable(out)
    pieces = _pieces(files)
    options = {
        "catalogue": model,
        "sequence_length": sequence_length,
        "micro_batch_size": micro_batch_size,
        "dtype": dtype,
    }
    use = Use(
        kind=workload,
        source=source,
        output_tokens=output_tokens,
        micro_batches=micro_batches,
        schedule=schedule,
        objective=objective,
    )
    try:
        body = joined(pieces, _model(pieces, {name: each for name, each in options.items() if each is not None}), use)
    except NoSource as fault:
        inputs.refuse("--source", str(fault))
    request = inputs.request_of(PlanRequest, json.dumps(body).encode(), "the joined request")
    hand_over(json.dumps(body, indent=2, ensure_ascii=False), out, as_json=out is None)
    console = messages()
    _say_what_is_missing(request)
    if out is not None:
        console.print(
            f"{plain(out)}: {_counted(len(pieces.nodes), 'node')}, {_counted(len(pieces.links), 'link')}, "
            f"from {plain(request.workload.source)}",
            soft_wrap=True,
        )


def _pieces(files: list[str]) -> Pieces:
    from api.measuring.joining import Pieces, UnknownPiece

    pieces = Pieces()
    for file in files:
        try:
            pieces.add(inputs.object_of(inputs.read(file), file))
        except UnknownPiece as fault:
            inputs.refuse(file, str(fault))
    return pieces


def _model(pieces: Pieces, options: dict[str, Any]) -> dict[str, Any]:
    """The catalogue's model by its name, or the one that was measured, with the times of all nodes."""
    if not pieces.models:
        if "catalogue" not in options:
            inputs.refuse("--model", "no piece is a model: name one of the catalogue (placement catalogue models)")
        _check_name(str(options["catalogue"]))
        return {"sequence_length": 512, **options}
    if options:
        named = ", ".join(f"--{'model' if name == 'catalogue' else name.replace('_', '-')}" for name in options)
        inputs.refuse(named, "a piece is a model, and says all of that itself")
    return pieces.models[0]["model"] if len(pieces.models) == 1 else _merged(pieces.models)


def _check_name(model: str) -> None:
    from placement import catalogue

    try:
        catalogue.transformer(model)
    except InvalidInput as error:
        inputs.refuse(f"--model {model}", str(error))


def _merged(documents: list[dict[str, Any]]) -> dict[str, Any]:
    from api.measuring.model_merging import merged
    from api.measuring.model_report import ModelMeasurement

    try:
        first, *rest = (ModelMeasurement.model_validate_json(json.dumps(document)) for document in documents)
        for other in rest:
            first = merged(first, other)
    except ValidationError as error:
        inputs.refuse("the models", f"they are no measured models: {error.errors()[0]['msg']}")
    except InvalidInput as error:
        inputs.refuse("the models", str(error))
    return first.model.model_dump(mode="json", exclude_none=True)


def _say_what_is_missing(request: PlanRequest) -> None:
    """What would make a plan say less than it seems to."""
    console, nodes = messages(), request.cluster.nodes
    powerless = [node.id for node in nodes if node.busy_power_w is None and not node.operating_points]
    if powerless:
        console.print(
            f"note: no power is known of {plain(', '.join(powerless))}: energies mean nothing", soft_wrap=True
        )
    layers = request.model.layers or ()
    timed = {node for layer in layers for node in layer.forward.time_s or {}}
    if timed and (others := [node.id for node in nodes if node.id not in timed]):
        console.print(f"note: layers are not timed on {plain(', '.join(others))}: estimated there", soft_wrap=True)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
