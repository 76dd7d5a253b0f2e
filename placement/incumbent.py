"""The best plan known to a search, as the referee scores it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from placement.backends.base import Task
from placement.feasibility import feasible_figures
from placement.problem import Placement

CUTOFF = 1e-7
"""Plans must beat the incumbent by this relative margin to be looked for; within the tolerance of a proof."""


class Incumbent:
    """The best placement offered so far, and its goal value."""

    def __init__(self, task: Task, improved: Callable[[], None]) -> None:
        """`improved` is called whenever a better placement has been taken."""
        self._task, self._improved = task, improved
        self.placement: Placement | None = None
        self.value: float | None = None
        self._seen: set[Placement] = set()

    def offer(self, placements: Iterable[Placement]) -> None:
        """Take placements that the referee finds feasible and better."""
        for placement in placements:
            if placement not in self._seen:
                self._seen.add(placement)
                self._score(placement)

    def _score(self, placement: Placement) -> None:
        figures = feasible_figures(self._task.problem, placement, self._task.limits, self._task.latency_model)
        if figures is None:
            return
        value = self._task.goal.value(figures)
        if self.value is None or value < self.value:
            self.placement, self.value = placement, value
            self._improved()

    @property
    def cutoff(self) -> float:
        """What a plan must cost less than to be looked for; infinite without an incumbent."""
        return np.inf if self.value is None else self.value - CUTOFF * abs(self.value)

    @property
    def target(self) -> float | None:
        """The cutoff; None without an incumbent."""
        return None if self.value is None else self.cutoff
