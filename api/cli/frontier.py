"""`placement frontier`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import inputs
from api.cli.consoles import messages, output
from api.cli.engine import engine_of
from api.cli.frontier_view import show_frontier
from api.cli.planning import ENDS, AsJson, RequestFile, check_writable, write
from api.cli.watching import trace
from models import FrontierRequest
from models.constraints import Backend


def frontier(  # noqa: PLR0913, PLR0917 - one parameter per option
    context: typer.Context,
    file: RequestFile,
    as_json: AsJson = False,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the frontier, JSON, to this file too.")
    ] = None,
    epsilon: Annotated[
        float | None,
        typer.Option(help="Relative coarseness: 0.05 for points within 5 % of every plan.", metavar="SHARE"),
    ] = None,
    max_points: Annotated[int | None, typer.Option(help="Most points.", metavar="N")] = None,
    backend: Annotated[Backend | None, typer.Option(help="Who solves, instead of the request's choice.")] = None,
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds of solving, instead of the request's limit.", metavar="SECONDS")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no chart.")] = False,
) -> None:
    """Find every trade-off of latency and energy that no other plan beats, and prove it.

    FILE is a request as for placement plan; its objective is not used. Ctrl-C stops the search and still prints what is
    known so far.

    Exit codes: 0 a frontier, 2 bad input, 3 no plan exists, 4 no plan found in time.
    """

    def change(body: dict[str, Any]) -> None:
        for part, settings in (
            ("solver", {"backend": backend, "time_limit_s": time_limit}),
            ("frontier", {"epsilon": epsilon, "max_points": max_points}),
        ):
            given = {name: value for name, value in settings.items() if value is not None}
            if given:
                body[part] = body.get(part, {}) | given

    check_writable(out)
    raw = inputs.read(file)
    request = inputs.request_of(FrontierRequest, raw, file, change)
    progress = messages()
    answer = inputs.done(lambda: trace(engine_of(context).frontier, request, progress, quiet=quiet), file, raw)
    if as_json:
        typer.echo(answer.model_dump_json(indent=2))
    else:
        show_frontier(answer, output(), brief=quiet)
    if out is not None:
        write(out, answer.model_dump_json(indent=2) + "\n")
    raise typer.Exit(ENDS[answer.status])
