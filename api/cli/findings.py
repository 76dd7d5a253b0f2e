"""What `placement doctor` found, one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rich.text import Text


class Verdict(Enum):
    """How a check came out, as it is shown."""

    OK = Text("ok", "green")
    NOTE = Text("note", "yellow")
    """It works, but an operator should know."""
    FAILS = Text("FAILS", "bold red")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked."""

    what: str
    verdict: Verdict
    said: str


def ok(what: str, said: str) -> Finding:
    """It works."""
    return Finding(what, Verdict.OK, said)


def note(what: str, said: str) -> Finding:
    """It works, but."""
    return Finding(what, Verdict.NOTE, said)


def fails(what: str, said: str) -> Finding:
    """It does not work."""
    return Finding(what, Verdict.FAILS, said)
