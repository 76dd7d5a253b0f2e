"""Slots of one kind, and the jobs that wait for one, first come first served."""

from __future__ import annotations

import asyncio
import math
from collections import deque

from api.execution.base import Full, Load
from api.execution.children import Children
from api.execution.slot import Slot

FIRST_GUESS_S = 1.0
"""Taken for the recent time of a job before there was one."""
WEIGHT = 0.3
"""Of the latest job in the recent time."""
LONGEST_RETRY_S = 60


class Pool:
    """`count` slots, and a queue of at most `queue_length` jobs before them."""

    def __init__(self, children: Children, count: int, queue_length: int) -> None:
        self.slots = [Slot(children, self.give_back, self._gone) for _ in range(count)]
        self._queue_length = queue_length
        self._free: deque[Slot] = deque()
        self._waiting: deque[asyncio.Future[Slot | None]] = deque()
        self._recent_s = FIRST_GUESS_S

    def check_room(self) -> None:
        """Raise `Full` when no slot is free and nobody else may wait."""
        if not self._free and len(self._waiting) >= self._queue_length:
            raise Full(self.retry_after_s)

    @property
    def retry_after_s(self) -> int:
        """When the queue as it stands is likely to be worked off."""
        seconds = (len(self._waiting) + 1) * self._recent_s / len(self.slots)
        return min(LONGEST_RETRY_S, max(1, math.ceil(seconds)))

    def take(self, *, first: bool = False) -> asyncio.Future[Slot | None]:
        """A free slot, now or later; None to whoever is told not to wait any more. `first`: before all who wait."""
        place: asyncio.Future[Slot | None] = asyncio.get_running_loop().create_future()
        if self._free:
            place.set_result(self._free.popleft())
        elif first:
            self._waiting.appendleft(place)
        else:
            self._waiting.append(place)
        return place

    def leave(self, place: asyncio.Future[Slot | None]) -> bool:
        """End the wait for a slot; False if it is over."""
        if place not in self._waiting:
            return False
        self._waiting.remove(place)
        place.set_result(None)
        return True

    def note(self, seconds: float) -> None:
        """A job has taken so long."""
        self._recent_s += WEIGHT * (seconds - self._recent_s)

    def load(self) -> Load:
        """How busy the slots are; one whose worker is being replaced counts as busy."""
        return Load(
            slots=len(self.slots),
            busy=len(self.slots) - len(self._free),
            queued=len(self._waiting),
            recent_solve_seconds=self._recent_s,
        )

    def give_back(self, slot: Slot) -> None:
        """The slot can take a job; unless its worker has just ended, then it comes back with the next one."""
        if not slot.alive:
            return
        if self._waiting:
            self._waiting.popleft().set_result(slot)
        else:
            self._free.append(slot)

    def _gone(self, slot: Slot) -> None:
        if slot in self._free:
            self._free.remove(slot)
