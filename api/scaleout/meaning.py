"""What an ending means for a plan: decided elsewhere, by those who know plans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from api.execution.base import Ending
from api.store.rows import PlanRow, Result


@dataclass(frozen=True, slots=True)
class Kept:
    """An ending as the store keeps it."""

    result: Result
    told: dict[str, Any]
    """Data of the plan's last event; ready for JSON."""


class Meaning(Protocol):
    """From endings to what is kept, and back."""

    @property
    def most_attempts(self) -> int | None:
        """How often a plan is begun whose solver is lost, before it is answered with what is known.

        None: whoever waits decides; LOST is kept as any other ending.
        """
        ...

    def kept(self, row: PlanRow, ending: Ending) -> Kept:
        """How the plan ends with this ending; `row.cancel_requested` says whether it was cancelled."""
        ...

    def ending(self, row: PlanRow) -> Ending:
        """The ending of a plan that has ended, as far as its row says."""
        ...
