"""What a search tells of one goal on its way: values that only fall, under a bound that only rises."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from placement.problem import Placement

BOUND_TOLERANCE = 1e-6
"""Relative. Proofs hold within it, so a bound on the way is told this much lower: no plan found later is below it."""


@dataclass(slots=True)
class Reports:
    """Takes what searches meet, in any order, and sends what is better than all that was sent.

    send: called with the best value, the best bound, and the plan behind the value; None for what is unknown.
    """

    send: Callable[[float | None, float | None, Placement | None], None]
    value: float | None = None
    bound: float | None = None
    placement: Placement | None = None

    def found(self, placement: Placement, value: float) -> None:
        """A plan that the referee scored."""
        if self._better(placement, value):
            self._send()

    def proven(self, bound: float | None) -> None:
        """No plan is below this."""
        if bound is not None and self._higher(bound - BOUND_TOLERANCE * abs(bound)):
            self._send()

    def end(self, placement: Placement | None, value: float | None, bound: float | None) -> None:
        """The result: its bound is that of the answer, and as exact."""
        better = placement is not None and value is not None and self._better(placement, value)
        higher = bound is not None and self._higher(bound)
        if better or higher:
            self._send()

    def _better(self, placement: Placement, value: float) -> bool:
        if self.value is not None and value >= self.value:
            return False
        self.placement, self.value = placement, value
        return True

    def _higher(self, bound: float) -> bool:
        if not math.isfinite(bound) or (self.bound is not None and bound <= self.bound):
            return False
        self.bound = bound
        return True

    def _send(self) -> None:
        self.send(self.value, self.bound, self.placement)
