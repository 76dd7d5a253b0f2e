"""`placement plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from api.cli import inputs
from api.cli.planning import check_writable
from models import Frontier, Plan
from models.violations import violations_of

SUFFIXES = (".svg", ".png", ".pdf")
PARTS = ("cluster", "timeline", "frontier")


def plot(
    file: Annotated[str, typer.Argument(metavar="PLAN.json|-", help="An answered plan or frontier, JSON.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="Where to draw; the suffix .svg, .png or .pdf says how.")],
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="PART", help="cluster, timeline or frontier; all there are unless given. Repeatable."),
    ] = None,
) -> None:
    """Draw an answered plan (its cluster and its timeline) or an answered frontier; gives what was drawn.

    PLAN.json is what placement plan -o or placement frontier -o wrote, or an answer of the service.

    Exit codes: 0 drawn, 2 bad input.
    """
    if out.suffix.lower() not in SUFFIXES:
        inputs.refuse(str(out), "the suffix has to be .svg, .png or .pdf")
    unknown = sorted(set(only or ()) - set(PARTS))
    if unknown:
        inputs.refuse("--only", f"{', '.join(unknown)}: there are cluster, timeline and frontier")
    check_writable(out)
    answer = _answer(file)
    from api.plots import drawing  # matplotlib takes half a second that the other commands need not pay

    try:
        drawn = drawing.draw(answer, out, [drawing.Part(part) for part in dict.fromkeys(only or ())])
    except drawing.NothingToDrawError as nothing:
        inputs.refuse(file, str(nothing))
    except OSError as error:
        inputs.refuse(str(out), error.strerror or str(error))
    typer.echo(f"{out}: {', '.join(drawn)}")


def _answer(file: str) -> Plan | Frontier:
    """The answer in a file; a frontier is told by its points."""
    body = inputs.object_of(inputs.read(file), file)
    kind = Frontier if "points" in body else Plan
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        inputs.refuse(file, "it is neither an answered plan nor an answered frontier", violations_of(error, body))
