"""Where the command line writes: answers to stdout, progress and faults to stderr."""

from __future__ import annotations

from enum import IntEnum

from rich.console import Console


class Exit(IntEnum):
    """How a command ends; documented in docs/command-line.md."""

    OK = 0
    INTERNAL = 1
    BAD_INPUT = 2
    INFEASIBLE = 3
    NO_PLAN_FOUND = 4


def output() -> Console:
    """Answers. Names come from outside, so nothing in them is read as markup."""
    return Console(highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """Progress and faults."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)
