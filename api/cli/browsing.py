"""`placement catalogue`: Transformers, devices and kinds of link, with their sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated

import typer
from pydantic import TypeAdapter

from api.cli import inputs
from api.cli.catalogue_view import Entry, show_entry, show_list
from api.cli.consoles import output
from api.cli.planning import AsJson
from models import InvalidInput
from placement import catalogue as facts


class Shelf(StrEnum):
    """Which part of the catalogue."""

    MODELS = "models"
    NODES = "nodes"
    LINKS = "links"


_ENTRIES: dict[Shelf, Callable[[], Sequence[Entry]]] = {
    Shelf.MODELS: facts.transformers,
    Shelf.NODES: facts.devices,
    Shelf.LINKS: facts.links,
}
_ENTRY: dict[Shelf, Callable[[str], Entry]] = {
    Shelf.MODELS: facts.transformer,
    Shelf.NODES: facts.device,
    Shelf.LINKS: facts.link,
}


def catalogue(
    shelf: Annotated[
        Shelf | None, typer.Argument(metavar="[models|nodes|links]", help="Which list; without it, all three.")
    ] = None,
    entry_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One entry: every figure with its source, ready to be copied.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Browse Transformers, devices and kinds of link; weak figures are marked.

    Exit codes: 0, or 2 for an id that is not in the list.
    """
    console = output()
    if shelf is not None and entry_id is not None:
        try:
            entry = _ENTRY[shelf](entry_id)
        except InvalidInput as error:
            inputs.refuse(f"{shelf} {entry_id}", str(error))
        if as_json:
            typer.echo(entry.model_dump_json(indent=2))
        else:
            show_entry(entry, console)
        return
    shelves = list(Shelf) if shelf is None else [shelf]
    if as_json:
        found = {str(one): tuple(_ENTRIES[one]()) for one in shelves}
        typer.echo(TypeAdapter(dict[str, tuple[Entry, ...]]).dump_json(found, indent=2).decode())
        return
    for one in shelves:
        console.print(f"{one}", style="bold")
        show_list(_ENTRIES[one](), console)
        console.print()
