"""`placement measure`: figures of real nodes, links and models, as pieces of a request."""

from __future__ import annotations

import typer

from api.cli.measure_join import join
from api.cli.measure_link import link
from api.cli.measure_model import model
from api.cli.measure_node import node
from api.cli.measure_serve import serve

app = typer.Typer(no_args_is_help=True, help="Measure nodes, links and models, and join the pieces to a request.")

for command in (node, link, serve, model, join):
    app.command()(command)
