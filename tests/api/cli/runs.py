"""Running the command line inside the test."""

from __future__ import annotations

from click.testing import Result
from typer.testing import CliRunner

from api.cli.app import app
from api.cli.engine import Engine


def run(*arguments: str, engine: Engine | None = None, stdin: str | None = None) -> Result:
    """`placement ARGUMENTS`, with this planner in place of the real one."""
    return CliRunner().invoke(app, list(arguments), obj=engine, input=stdin)
