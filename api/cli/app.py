"""The `placement` command: its subcommands, and how it starts."""

from __future__ import annotations

import io
import sys
from importlib import metadata
from typing import Annotated

import typer

from api.cli.browsing import catalogue
from api.cli.compare import compare
from api.cli.doctor import doctor
from api.cli.explain import explain
from api.cli.export import export
from api.cli.frontier import frontier
from api.cli.keys import app as keys
from api.cli.measure import app as measure
from api.cli.planning import evaluate, plan
from api.cli.plot import plot
from api.cli.profiling import profile
from api.cli.serving import serve
from api.cli.worked_examples import examples
from api.cli.worker import worker

app = typer.Typer(
    name="placement",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Split a Transformer over terminals and edge nodes, with the least energy or latency, and prove it.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            version = metadata.version("layer-placement")
        except metadata.PackageNotFoundError:  # run from a checkout that is not installed
            version = "0+checkout"
        typer.echo(f"placement {version}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the command itself."""


for command in (
    plan,
    explain,
    compare,
    frontier,
    evaluate,
    export,
    plot,
    profile,
    catalogue,
    examples,
    serve,
    worker,
    doctor,
):
    app.command()(command)
app.add_typer(keys, name="keys")
app.add_typer(measure, name="measure")


def main() -> None:
    """Run the command; characters that the terminal's encoding lacks are replaced, not fatal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app(prog_name="placement")


if __name__ == "__main__":
    main()
