"""Gap over time: what is known at which second, from what the search streams.

An entry is (seconds, best value so far, bound). Values are those of the goal in hand, to be minimised.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from placement.gaps import relative_gap
from placement.solver import Progress

PROVEN = 1e-6
"""Relative gap up to which a plan counts as proven, as in the planner."""
LONGEST = 200
"""Entries that are kept of one run."""

Entry = tuple[float, float | None, float | None]


@dataclass(frozen=True, slots=True)
class Trace:
    """One run: `entries` in time order; `refuted` counts streamed bounds that the bound known in the end is below."""

    entries: tuple[Entry, ...] = ()
    refuted: int = 0

    @property
    def first_incumbent_s(self) -> float | None:
        """When the first plan was known."""
        return next((seconds for seconds, value, _ in self.entries if value is not None), None)

    def seconds_to(self, gap: float) -> float | None:
        """When the gap was first this small; None where it never was."""
        return next((entry[0] for entry in self.entries if (known := gap_of(entry)) is not None and known <= gap), None)

    def gap_at(self, seconds: float) -> float | None:
        """The gap at that time; None before both a plan and a bound are known."""
        k = bisect.bisect_right([entry[0] for entry in self.entries], seconds)
        return gap_of(self.entries[k - 1]) if k else None


def gap_of(entry: Entry) -> float | None:
    """(value - bound) / |value|."""
    return relative_gap(entry[1], entry[2])


def trace_of(events: Sequence[Progress]) -> Trace:
    """The last phase of a search (weighted objectives have three), as the best value and bound known at each time.

    A bound holds for good, so the last one is the highest: bounds above it are counted and otherwise ignored.
    """
    last = [event for event in events if event.phase == events[-1].phase] if events else []
    final = last[-1].bound if last else None
    refuted = 0
    value: float | None = None
    bound: float | None = None
    entries: list[Entry] = []
    for event in last:
        if event.objective is not None and (value is None or event.objective < value):
            value = event.objective
        if event.bound is not None and (final is None or event.bound > final + PROVEN * abs(final)):
            refuted += 1
        elif event.bound is not None and (bound is None or event.bound > bound):
            bound = event.bound
        if not entries or entries[-1][1:] != (value, bound):
            entries.append((event.seconds, value, bound))
    return Trace(tuple(_thinned(entries)), refuted)


def _thinned(entries: list[Entry]) -> Iterable[Entry]:
    """At most LONGEST entries, evenly chosen, the first and last among them."""
    if len(entries) <= LONGEST:
        return entries
    step = (len(entries) - 1) / (LONGEST - 1)
    return [entries[round(k * step)] for k in range(LONGEST)]
