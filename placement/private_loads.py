"""Loads on what belongs to one member of a class of interchangeable nodes, of which a plan may use several.

A row of the stage graph stands for every member's own resource there, so what its columns load does not add up over a
plan. Two things are certain: the load of one column is one on some real resource; and whatever comes to and leaves the
member that runs a stage adds up on that member's resources, namely its node (where it does not overlap) and its
channels to one particular other node (a relay, or the source at both ends of a U-shape). A channel between members of
two classes is used by the one hand-over across it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from placement.stage_graph import Entries, StageGraph

Loads = dict[int, float]


@dataclass(frozen=True)
class PrivateLoads:
    """alone: per column, its largest load on one private resource. together: per stage and resource, what adds up."""

    alone: Loads
    together: tuple[tuple[int, int, Loads], ...]
    """(stage, row, {column: load}): while the stage is chosen, all of it falls on one real resource."""


def private_loads(graph: StageGraph, parts: Iterable[Entries]) -> PrivateLoads:
    """The private loads of some entries of a graph, e.g. of `busy_forward`."""
    loads: dict[tuple[int, int], float] = {}
    for entries in parts:
        private = graph.private_rows[entries.row]
        for column, row, value in zip(
            entries.column[private].tolist(),
            entries.row[private].tolist(),
            entries.value[private].tolist(),
            strict=True,
        ):
            loads[column, row] = loads.get((column, row), 0.0) + value
    alone: Loads = {}
    for (column, _), value in loads.items():
        alone[column] = max(alone.get(column, 0.0), value)
    return PrivateLoads(alone, tuple(_together(graph, loads)))


def _together(graph: StageGraph, loads: dict[tuple[int, int], float]) -> Iterator[tuple[int, int, Loads]]:
    """For every stage, rows of its node that are loaded from more than one side: coming in, by itself, going out."""
    count = graph.stage_count
    own, coming, going = _Sides(), _Sides(), _Sides()
    standing, owner = graph.standing_rows, graph.classes.owner
    for (column, row), value in loads.items():
        stands_for = int(standing[row])
        node = int(owner[stands_for])
        if node < 0:
            continue
        if column < count:
            own.add(column, stands_for, column, value)
            continue
        cut, sender, receiver = (int(part[column - count]) for part in (graph.cut, graph.sender, graph.receiver))
        if node == receiver and (sender != receiver or stands_for != row):
            coming.add((cut, node), stands_for, column, value)
        elif node == sender:
            going.add((cut, node), stands_for, column, value)
    for a, (n, i, j) in enumerate(zip(graph.node.tolist(), graph.first.tolist(), graph.stop.tolist(), strict=True)):
        sides = [own.of(a), coming.of((i, n)), going.of((j, n))]
        for row in sorted({row for side in sides for row in side}):
            loaded = [side[row] for side in sides if row in side]
            if len(loaded) > 1:
                yield a, row, {column: value for terms in loaded for column, value in terms.items()}


class _Sides:
    """Loads by where they arise, then by row."""

    def __init__(self) -> None:
        self._rows: dict[object, dict[int, Loads]] = {}

    def add(self, place: object, row: int, column: int, value: float) -> None:
        terms = self._rows.setdefault(place, {}).setdefault(row, {})
        terms[column] = terms.get(column, 0.0) + value

    def of(self, place: object) -> dict[int, Loads]:
        return self._rows.get(place, {})
