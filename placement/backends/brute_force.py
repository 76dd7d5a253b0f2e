"""The oracle: every placement of a small problem, scored by the referee. It knows nothing of the stage graph."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations, product

from placement.backends.base import Claim, Outcome, Task
from placement.feasibility import feasible_figures
from placement.problem import PlacedStage, Placement, Problem

LARGEST = 2_000_000
"""Placements beyond which the oracle refuses to start."""


class BruteForce:
    """Enumerates contiguous splits x ordered nodes x levels."""

    name = "brute_force"
    version = "1"
    uses_graph = False
    sets_labels = False
    closes_columns = 0

    def __call__(self, task: Task) -> Claim:
        """The best of all feasible placements. Raises ValueError where there are too many to enumerate."""
        count = placement_count(task.problem)
        if count > LARGEST:
            raise ValueError(f"brute_force enumerates at most {LARGEST} placements; this problem has {count}")
        best: Placement | None = None
        best_value: float | None = None
        for placement in placements(task.problem):
            if task.cancelled():
                return Claim(Outcome.STOPPED, best, None)
            figures = feasible_figures(task.problem, placement, task.limits, task.latency_model)
            if figures is not None and (best_value is None or task.goal.value(figures) < best_value):
                best, best_value = placement, task.goal.value(figures)
        if best is None:
            return Claim(Outcome.INFEASIBLE)
        return Claim(Outcome.OPTIMAL, best, best_value)


def placements(problem: Problem) -> Iterator[Placement]:
    """Every way to cut the layers and to give the pieces to distinct nodes, the source perhaps holding both ends."""
    layers = problem.layer_count
    for count in range(1, problem.max_stages + 1):
        for cuts in combinations(range(1, layers), count - 1):
            edges = (0, *cuts, layers)
            for nodes in _node_orders(problem, count):
                for levels in _levels(problem, nodes):
                    yield tuple(
                        PlacedStage(option, first, stop)
                        for option, first, stop in zip(levels, edges, edges[1:], strict=False)
                    )


def _node_orders(problem: Problem, count: int) -> Iterator[tuple[int, ...]]:
    yield from permutations(range(problem.node_count), count)
    if count >= 3:
        others = [n for n in range(problem.node_count) if n != problem.source]
        for between in permutations(others, count - 2):
            yield (problem.source, *between, problem.source)


def _levels(problem: Problem, nodes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    distinct = list(dict.fromkeys(nodes))
    for options in product(*(problem.options_of_node[n] for n in distinct)):
        chosen = dict(zip(distinct, options, strict=True))
        yield tuple(chosen[n] for n in nodes)


def placement_count(problem: Problem) -> int:
    """Upper bound on how many placements there are."""
    levels = max(len(options) for options in problem.options_of_node)
    total, splits, orders = 0, 1, 1
    for count in range(1, problem.max_stages + 1):
        orders *= max(1, problem.node_count - count + 1)
        total += splits * 2 * orders * levels**count
        splits = splits * (problem.layer_count - count) // count
    return total
