"""Tables that keep their numbers whole: when space is short, names give way."""

from __future__ import annotations

from rich import box
from rich.table import Table


def table(title: str | None = None, caption: str | None = None, *, ascii_only: bool = False) -> Table:
    """An open table with a rule under its head."""
    return Table(
        title=title,
        caption=caption,
        box=box.ASCII2 if ascii_only else box.SIMPLE_HEAD,
        title_style="bold",
        title_justify="left",
        caption_justify="left",
        caption_style="dim",
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )


def add_names(into: Table, *headers: str) -> None:
    """Columns of names, which shrink first when space is short."""
    for header in headers:
        into.add_column(header, overflow="ellipsis")


def add_sentences(into: Table, header: str) -> None:
    """A column of prose, wrapped."""
    into.add_column(header, overflow="fold", min_width=16)


def add_figures(into: Table, *headers: str) -> None:
    """Columns of numbers, right-aligned, never wrapped."""
    for header in headers:
        into.add_column(header, justify="right", no_wrap=True)


def add_whole(into: Table, *headers: str) -> None:
    """Columns that are neither wrapped nor cut: bars with their figures, names to be typed again."""
    for header in headers:
        into.add_column(header, no_wrap=True)
