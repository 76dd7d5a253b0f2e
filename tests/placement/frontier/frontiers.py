"""Frontiers to check by hand, searches over them, and the truth about random ones."""

from __future__ import annotations

from typing import Any

from models.frontier import Frontier, FrontierRequest
from placement.backends.base import Solver
from placement.backends.brute_force import placements
from placement.backends.milp import Milp
from placement.constraints import limits_of
from placement.evaluation import Figures
from placement.frontier.method import Wanted, figures_of_candidate, point_of
from placement.frontier.staircase import RESOLUTION, Point
from placement.problem import Problem
from placement.search import Search
from placement.solver import frontier
from tests.placement.examples_for_tests import compiled, inference, layer, link, node, request_body

Body = dict[str, Any]
Pairs = list[tuple[float, float]]


def one_node(*levels: tuple[float, float], **parts: Any) -> Body:
    """One node and one layer of 8 FLOP; levels as (seconds, joules) of a request, named by their place."""
    points = [
        {"name": f"level-{v}", "compute_flops_per_s": 8.0 / seconds, "busy_power_w": joules / seconds}
        for v, (seconds, joules) in enumerate(levels)
    ]
    return request_body([node("a", operating_points=points)], [], [layer(8.0)], inference(), **parts)


def many_nodes(count: int) -> Body:
    """A layer that runs on any of so many nodes: in 1, 2, ... s and for 100, 50, 33.3, ... J; sending costs nothing."""
    nodes = [node(_name(n), compute_flops_per_s=8.0 / (1 + n), busy_power_w=100.0 / (1 + n) ** 2) for n in range(count)]
    links = [link("a", _name(n)) for n in range(1, count)]
    return request_body(nodes, links, [layer(8.0)], inference())


def _name(n: int) -> str:
    return f"b{n}" if n else "a"


THREE = ((1.0, 10.0), (2.0, 3.0), (4.0, 2.0), (8.0, 8.0))
"""The last level is slower than the third and needs more: it is on no frontier."""


def answered(body: Body, **settings: Any) -> Frontier:
    return frontier(FrontierRequest.model_validate(body), threads=1, **settings)


def pairs(answer: Frontier) -> Pairs:
    return [(point.latency_s, point.energy_j) for point in answer.points]


def search_of(body: Body, solver: Solver | None = None, **fields: Any) -> Search:
    """A search at a clock that stands still unless said otherwise."""
    return Search(
        problem=compiled(body), solver=solver or Milp(), threads=1,
        **{"clock": lambda: 0.0, "deadline_s": 60.0, **fields},
    )  # fmt: skip


def wanted_of(search: Search, **fields: Any) -> Wanted:
    return Wanted(limits_of(search.problem), **fields)


def oracle(problem: Problem) -> list[Point]:
    """Every plan that keeps all rules and limits (1f1b: replayed)."""
    search = Search(problem=problem, solver=Milp(), deadline_s=60.0, clock=lambda: 0.0)
    scored = ((p, figures_of_candidate(search, p, limits_of(problem))) for p in placements(problem))
    return [point_of(placement, figures) for placement, figures in scored if figures is not None]


def non_dominated(plans: list[Point]) -> Pairs:
    """By definition: sorted by latency, each with less energy than all before it; ties once."""
    best: Pairs = []
    for plan in sorted(plans, key=lambda plan: (plan.latency_s, plan.energy_j)):
        if not best or plan.energy_j < best[-1][1] * (1 - RESOLUTION / 2):
            best.append((plan.latency_s, plan.energy_j))
    return best


def point(latency_s: float, energy_j: float) -> Point:
    """A point whose plan does not matter."""
    figures = Figures(
        latency_s=latency_s, cycle_s=latency_s, period_s=latency_s, bottleneck=0, energy_j=energy_j,
        idle_j=(0.0,), compute_j=(energy_j,), communication_j=(0.0,),
    )  # fmt: skip
    return Point(latency_s, energy_j, (), figures)
