"""`placement explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import inputs
from api.cli.consoles import messages, output
from api.cli.engine import engine_of
from api.cli.explanation_view import show_explained
from api.cli.plan_view import show_plan
from api.cli.planning import ENDS, AsJson, RequestFile, check_writable, write
from api.cli.watching import solve
from models import PlanRequest


def explain(  # noqa: PLR0913, PLR0917 - one parameter per option
    context: typer.Context,
    file: RequestFile,
    as_json: AsJson = False,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="Write the plan, JSON, to this file too.")] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(help="Seconds for plan and explanation, instead of the request's limit.", metavar="SECONDS"),
    ] = None,
    time_share: Annotated[
        float | None, typer.Option(help="Share of them kept for the explanation (0.5).", metavar="SHARE")
    ] = None,
    sensitivity: Annotated[bool, typer.Option(help="What a little more of each resource would save.")] = True,
    unused_nodes: Annotated[bool, typer.Option(help="What using each unused node would cost.")] = True,
    stability: Annotated[bool, typer.Option(help="Over which bandwidths the plan stays the best.")] = True,
    resolution: Annotated[
        float | None, typer.Option(help="How finely ends of such a range are bisected (0.01).", metavar="SHARE")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Plan a request and say why the plan is what it is, and what would change it.

    FILE is a request as for placement plan. What is stated is found by solving again, and says whether it is proven.
    Ctrl-C ends with what is known so far.

    Exit codes: 0 a plan, 2 bad input, 3 no plan exists, 4 no plan found in time.
    """

    def change(body: dict[str, Any]) -> None:
        if time_limit is not None:
            body["solver"] = body.get("solver", {}) | {"time_limit_s": time_limit}
        parts = {"sensitivity": sensitivity, "unused_nodes": unused_nodes, "stability": stability}
        given = {"time_share": time_share, "resolution": resolution}
        wanted = parts | {name: value for name, value in given.items() if value is not None}
        body["explain"] = (body.get("explain") or {}) | wanted

    check_writable(out)
    raw = inputs.read(file)
    request = inputs.request_of(PlanRequest, raw, file, change)
    answer = inputs.done(lambda: solve(engine_of(context).plan, request, messages(), quiet=quiet), file, raw)
    if as_json:
        typer.echo(answer.model_dump_json(indent=2))
    else:
        console = output()
        show_plan(answer, request, console, brief=True)
        show_explained(answer, console)
    if out is not None:
        write(out, answer.model_dump_json(indent=2) + "\n")
    raise typer.Exit(ENDS[answer.status])
