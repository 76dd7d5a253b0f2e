"""The optimizer: from a request to a proven plan. Pure functions; clocks, limits and callbacks are passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from placement.warming import WarmUp

__all__ = ["warm_up"]


def warm_up() -> WarmUp:
    """Load the compiled search, or compile it where it is not kept yet, so that no request waits for that.

    Optional, and quick from the second time on: without it the first plans of a process do the same by and by.
    """
    from placement import warming  # noqa: PLC0415 - the catalogue and the profiles need no solver

    return warming.warm_up()
