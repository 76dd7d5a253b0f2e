"""`placement examples`: requests to start from."""

from __future__ import annotations

import json
from typing import Annotated

import typer

import examples as packaged
from api.cli import inputs
from api.cli.consoles import output
from api.cli.names import plain
from api.cli.planning import AsJson
from api.cli.tables import add_sentences, add_whole, table
from examples import Example, Purpose


def examples(
    name: Annotated[str | None, typer.Argument(help="Print this example's JSON; without a name, list all.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the worked requests, or print one: placement examples NAME | placement plan -."""
    found = {_key(example): example for purpose in Purpose for example in packaged.of(purpose)}
    if name is not None:
        if name not in found:
            inputs.refuse(name, f"there is no such example; known are {', '.join(found)}")
        typer.echo(found[name].read().decode("utf-8").rstrip("\n"))
        return
    if as_json:
        entries = [{"name": key, "title": one.title, "description": one.description} for key, one in found.items()]
        typer.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    console = output()
    shown = table(ascii_only=console.options.ascii_only)
    add_whole(shown, "name")
    add_sentences(shown, "title")
    for key, example in found.items():
        shown.add_row(plain(key), plain(example.title, 500))
    console.print(shown)
    console.print()
    console.print(
        "frontier/... are for placement frontier, evaluate/... for placement evaluate, export/... for "
        "POST /plan:export, profiles/... for POST /profiles, the others for placement plan"
    )


def _key(example: Example) -> str:
    """The name, with the folder of those that are not requests for a plan that exists."""
    return f"{example.purpose.value}/{example.name}" if example.purpose.value else example.name
