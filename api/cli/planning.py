"""`placement plan` and `placement evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import inputs
from api.cli.consoles import Exit, messages, output
from api.cli.engine import engine_of
from api.cli.plan_view import show_evaluation, show_plan
from api.cli.watching import solve
from models import EvaluateRequest, PlanRequest
from models.constraints import Backend, ObjectiveKind
from models.plan import Status

ENDS = {
    Status.OPTIMAL: Exit.OK,
    Status.FEASIBLE: Exit.OK,
    Status.INFEASIBLE: Exit.INFEASIBLE,
    Status.NO_PLAN_FOUND: Exit.NO_PLAN_FOUND,
}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
RequestFile = Annotated[str, typer.Argument(metavar="FILE|-", help="The request, JSON; - reads standard input.")]


def plan(  # noqa: PLR0917 - one parameter per option
    context: typer.Context,
    file: RequestFile,
    as_json: AsJson = False,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="Write the plan, JSON, to this file too.")] = None,
    backend: Annotated[Backend | None, typer.Option(help="Who solves, instead of the request's choice.")] = None,
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds of solving, instead of the request's limit.", metavar="SECONDS")
    ] = None,
    objective: Annotated[
        ObjectiveKind | None, typer.Option(help="What to optimise, instead of the request's objective.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress; only the status and the stages.")] = False,
) -> None:
    """Find the best split of a model over a cluster, and prove it.

    Ctrl-C stops the search and still prints the best plan found so far.

    Exit codes: 0 a plan, 2 bad input, 3 no plan exists, 4 no plan found in time.
    """

    def change(body: dict[str, Any]) -> None:
        settings = {"backend": backend, "time_limit_s": time_limit}
        given = {name: value for name, value in settings.items() if value is not None}
        if given:
            body["solver"] = body.get("solver", {}) | given
        if objective is not None and body.get("objective", {}).get("kind", ObjectiveKind.LATENCY) != objective:
            body["objective"] = {"kind": objective}

    check_writable(out)
    raw = inputs.read(file)
    request = inputs.request_of(PlanRequest, raw, file, change)
    progress = messages()
    answer = inputs.done(lambda: solve(engine_of(context).plan, request, progress, quiet=quiet), file, raw)
    if as_json:
        typer.echo(answer.model_dump_json(indent=2))
    else:
        show_plan(answer, request, output(), brief=quiet)
    if out is not None:
        write(out, answer.model_dump_json(indent=2) + "\n")
    raise typer.Exit(ENDS[answer.status])


def check_writable(path: Path | None) -> None:
    """End with bad input, before anything is solved, where no file could be written."""
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        inputs.refuse(str(path), "cannot write a file there")


def write(path: Path, text: str) -> None:
    """Write the file; what the system says against it is bad input."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        inputs.refuse(str(path), error.strerror or str(error))


def evaluate(
    context: typer.Context,
    file: RequestFile,
    plan_file: Annotated[
        str | None,
        typer.Option("--plan", metavar="PLAN.json", help="Take the stages from this answered plan, not from FILE."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score a placement of your own with the cost model that plans are made with.

    FILE is a request with the placement beside it as `stages`: node, first_layer, stop_layer and, if not the fastest,
    level.

    Exit codes: 0 it is allowed, 2 bad input, 3 it breaks a rule or a limit.
    """
    raw = inputs.read(file)
    if plan_file is not None:
        raw = _with_stages(raw, file, plan_file)
    request = inputs.request_of(EvaluateRequest, raw, file)
    answer = inputs.done(lambda: engine_of(context).evaluate(request), file, raw)
    if as_json:
        typer.echo(answer.model_dump_json(indent=2))
    else:
        show_evaluation(answer, request, output())
    raise typer.Exit(Exit.OK if answer.feasible else Exit.INFEASIBLE)


def _with_stages(raw: bytes, file: str, plan_file: str) -> bytes:
    """The request with the stages of an answered plan."""
    if file == plan_file == "-":
        inputs.refuse("-", "only one of the request and the plan can come from standard input")
    answered = inputs.object_of(inputs.read(plan_file), plan_file)
    stages = answered.get("stages")
    if not stages:
        inputs.refuse(plan_file, f"there are no stages in it (status: {answered.get('status', 'none')})")
    body = inputs.object_of(raw, file)
    if "stages" in body:
        inputs.refuse(file, "it has stages of its own; leave out --plan, or the stages")
    return json.dumps({**body, "stages": stages}).encode()
