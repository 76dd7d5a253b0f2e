"""Columns, rows and units: a mixed 0-1 formulation, independent of any solver."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from placement.bounds import Sweep, time_range
from placement.stage_graph import StageGraph

Terms = list[tuple[int, float]]

LIMIT_SLACK = 0.5e-6
"""Half the referee's tolerance, so that what a solver accepts at its own tolerance the referee accepts too."""


@dataclass(frozen=True, slots=True)
class Column:
    """A variable from 0 to `upper`; continuous unless binary."""

    name: str
    upper: float
    binary: bool


@dataclass(frozen=True, slots=True)
class Row:
    """lower <= sum of terms <= upper; None is no bound. Conditional rows hold while column `condition` is 1."""

    name: str
    terms: Terms
    lower: float | None
    upper: float | None
    condition: int | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """Units of the continuous columns, chosen so that figures are around 1,000 and tolerances relative.

    shortest_s <= every plan's latency; no plan needs more than longest_s for anything, nor more than most_j.
    """

    time_s: float
    energy_j: float
    shortest_s: float
    longest_s: float
    most_j: float


def scale_of(graph: StageGraph) -> Scale | None:
    """Units from the cheapest path that may reuse nodes; None where the graph has no path at all."""
    problem = graph.problem
    times = time_range(graph)
    if times is None:
        return None
    sweep = Sweep.forgetful(graph)
    weight = problem.energy_weight
    idle = np.array([max(problem.options[o].idle_power_w for o in own) for own in problem.options_of_node])
    awake = np.sort(np.repeat(weight * np.maximum(idle, problem.idle_power_w), graph.capacity))
    most = sweep.longest(graph.joules) + times.longest_s * float(awake[-problem.max_stages - 1 :].sum())
    own = float(weight[problem.source] * problem.idle_power_w[problem.source]) * times.shortest_s / problem.concurrency
    least = sweep.shortest(graph.joules) + own
    return Scale(
        time_s=(times.shortest_s or times.longest_s or 1.0) / 1000,
        energy_j=(least or most or 1.0) / 1000,
        shortest_s=times.shortest_s,
        longest_s=times.longest_s,
        most_j=most,
    )


@dataclass
class Formulation:
    """min goal_unit * sum of objective terms subject to rows; columns 0..stage_count-1 are the graph's stages in order.

    The objective's largest coefficient is 1, since solvers' gaps and dual tolerances are absolute.
    """

    scale: Scale
    stage_count: int
    columns: list[Column] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    objective: Terms = field(default_factory=list)
    goal_unit: float = 1.0

    def binary(self, name: str) -> int:
        """A new 0-1 column."""
        return self._column(Column(name, 1.0, binary=True))

    def continuous(self, name: str, upper: float) -> int:
        """A new column in 0..upper."""
        return self._column(Column(name, upper, binary=False))

    def _column(self, column: Column) -> int:
        self.columns.append(column)
        return len(self.columns) - 1

    def row(
        self,
        name: str,
        terms: Iterable[tuple[int, float]],
        *,
        lower: float | None = None,
        upper: float | None = None,
        condition: int | None = None,
    ) -> None:
        """A new row; terms of zero are dropped."""
        kept = [(column, float(value)) for column, value in terms if value != 0]
        self.rows.append(Row(name, kept, lower, upper, condition))


def added(first: Terms, second: Terms) -> Terms:
    """The sum of two expressions, each column once."""
    total: dict[int, float] = {}
    for column, value in [*first, *second]:
        total[column] = total.get(column, 0.0) + value
    return sorted(total.items())
