"""Discrete events: operations that wait for each other and for resources, started as early as they can be.

An operation that is ready joins the queue of each of its resources; queues are ordered by (time ready, number). It
starts when all its resources are free, and frees them when it ends.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum


@dataclass(slots=True)
class Operation:
    """Something that occupies resources for a while; successors may start `delay_s` after its end."""

    activity: str
    resources: tuple[int, ...]
    seconds: float
    stage: int | None
    micro_batch: int | None
    delay_s: float = 0.0
    waits_for: int = 0
    ready_s: float = 0.0
    start_s: float = 0.0
    successors: list[tuple[Operation, bool]] = field(default_factory=list)
    """(operation, whether it waits for the end or only for the start)."""

    @property
    def end_s(self) -> float:
        """When its resources are free again."""
        return self.start_s + self.seconds

    def before(self, other: Operation, *, at_start: bool = False) -> None:
        """`other` may not start before this one has ended (or only started)."""
        self.successors.append((other, at_start))
        other.waits_for += 1


class _Kind(IntEnum):
    """What happens at a moment; endings come first, so that what they free can be taken at once."""

    ENDS = 0
    BECOMES_READY = 1


def run(operations: Sequence[Operation]) -> float:
    """Run everything; returns when the last operation has ended and arrived."""
    return _Run(operations).finish_s()


class _Run:
    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        self._number = {id(operation): i for i, operation in enumerate(operations)}
        used = {resource for operation in operations for resource in operation.resources}
        self._free = dict.fromkeys(used, True)
        self._queues: dict[int, list[tuple[float, int]]] = {resource: [] for resource in used}
        self._started = [False] * len(operations)
        self._clock: list[tuple[float, _Kind, int]] = []
        for i, operation in enumerate(operations):
            if operation.waits_for == 0:
                heapq.heappush(self._clock, (0.0, _Kind.BECOMES_READY, i))

    def finish_s(self) -> float:
        finish = 0.0
        while self._clock:
            now = self._clock[0][0]
            touched: set[int] = set()
            while self._clock and self._clock[0][0] <= now:
                _, kind, i = heapq.heappop(self._clock)
                operation = self._operations[i]
                touched.update(operation.resources)
                if kind is _Kind.BECOMES_READY:
                    for resource in operation.resources:
                        heapq.heappush(self._queues[resource], (operation.ready_s, i))
                else:
                    finish = max(finish, self._end(operation, now))
            for resource in sorted(touched):
                self._start_waiting(resource, now)
        assert all(self._started), "an operation waits for itself"
        return finish

    def _end(self, operation: Operation, now: float) -> float:
        for resource in operation.resources:
            self._free[resource] = True
        self._release(operation, now + operation.delay_s, at_start=False)
        return now + operation.delay_s

    def _start_waiting(self, resource: int, now: float) -> None:
        """Start the first operation in the resource's queue whose other resources are free too."""
        queue = self._queues[resource]
        blocked = []
        while queue and self._free[resource]:
            entry = heapq.heappop(queue)
            number = entry[1]
            operation = self._operations[number]
            if self._started[number]:
                continue
            if all(self._free[r] for r in operation.resources):
                self._start(number, operation, now)
            else:
                blocked.append(entry)
        for entry in blocked:
            heapq.heappush(queue, entry)

    def _start(self, number: int, operation: Operation, now: float) -> None:
        self._started[number] = True
        operation.start_s = now
        for resource in operation.resources:
            self._free[resource] = False
        heapq.heappush(self._clock, (now + operation.seconds, _Kind.ENDS, number))
        self._release(operation, now, at_start=True)

    def _release(self, operation: Operation, moment: float, *, at_start: bool) -> None:
        for successor, on_start in operation.successors:
            if on_start is at_start:
                successor.waits_for -= 1
                successor.ready_s = max(successor.ready_s, moment)
                if successor.waits_for == 0:
                    entry = (successor.ready_s, _Kind.BECOMES_READY, self._number[id(successor)])
                    heapq.heappush(self._clock, entry)
