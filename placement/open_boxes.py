"""Boxes that wait for their turn, the least bound first, and what they leave unproven."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import numpy as np

from placement.backends.base import Box
from placement.bounds import Marks, Memory
from placement.boxes import Shape
from placement.kernels.pricing import Duals
from placement.stage_graph import StageGraph


@dataclass(frozen=True)
class OpenBox:
    """A box, with the columns and prices that its parent left."""

    box: Box
    graph: StageGraph
    shape: Shape
    memory: Memory
    marks: Marks | None = None
    """States of its walks that a better plan may pass; None: all."""
    duals: Duals | None = None
    load_duals: Duals | None = None
    """Prices that also count loads of nodes."""
    bound: float = -np.inf
    """What they have shown of the box."""
    attempts: int = 0
    """How often labels were tried in vain since the box or its memory changed."""


class OpenBoxes:
    """A heap of boxes. True while any waits."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, OpenBox]] = []
        self._number = count()
        self._in_work = np.inf
        self._given_up = np.inf

    def __bool__(self) -> bool:
        return bool(self._heap)

    @property
    def bound(self) -> float:
        """Of every plan in a box that waits, is in work, or was given up; infinite where there is none."""
        waiting = self._heap[0][0] if self._heap else np.inf
        return min(waiting, self._in_work, self._given_up)

    @property
    def all_closed(self) -> bool:
        """Whether nothing waits, and nothing was given up."""
        return not self._heap and not np.isfinite(self._given_up)

    def push(self, bound: float, box: OpenBox) -> None:
        """Have a box wait; `bound` holds for every plan in it."""
        heapq.heappush(self._heap, (bound, next(self._number), box))

    @contextmanager
    def least(self) -> Iterator[tuple[float, OpenBox]]:
        """The box of the least bound, taken out; it counts as being in work until the context ends."""
        bound, _, box = heapq.heappop(self._heap)
        self._in_work = bound
        try:
            yield bound, box
        finally:
            self._in_work = np.inf

    def give_up(self, bound: float) -> None:
        """Remember the bound of a box that nobody could close."""
        self._given_up = min(self._given_up, bound)
