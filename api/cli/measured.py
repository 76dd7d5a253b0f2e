"""What the commands of `placement measure` share: where a measurement goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import formats
from api.cli.planning import write

if TYPE_CHECKING:
    from api.measuring.spread import Spread

Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write the measurement, JSON, to this file too.")]
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


def hand_over(document: str, out: Path | None, *, as_json: bool) -> None:
    """Print the document where JSON was asked for, and write the file where one was named."""
    if as_json:
        typer.echo(document)
    if out is not None:
        write(out, document + "\n")


SCATTER = "scatter: from the 10th to the 90th percentile, as a share of the median"


def scatter(spread: Spread) -> str:
    """(90th - 10th percentile) / median."""
    return formats.percent((spread.p90 - spread.p10) / spread.median if spread.median else None)
