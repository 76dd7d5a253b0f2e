"""Sweeps find the cheapest walk of those that the definition allows, from either end and through every column."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import pytest

from placement.bounds import Marks, Memory, Sweep, projected, widened
from placement.routes import FloatArray
from placement.stage_graph import StageGraph, build_stage_graph
from tests.placement.examples_for_tests import layer, link, node, problem_of
from tests.placement.fleets import random_fleet
from tests.placement.random_problems import FACTOR, random_problem
from tests.placement.walks import all_walks, may_be_remembered, random_memory, states_of

seeds = pytest.mark.parametrize("seed", range(40 * FACTOR))
EXACT = {"rel": 1e-12, "abs": 1e-12}


@dataclass(frozen=True)
class Drawn:
    """A random graph with a path, random costs of its columns, and two memories of which one holds the other."""

    graph: StageGraph
    cost: FloatArray
    memory: Memory
    wider: Memory

    def walks(self, memory: Memory) -> list[tuple[list[int], float]]:
        return [(columns, float(self.cost[columns].sum())) for columns in all_walks(self.graph, memory.near)]

    def shortest(self, memory: Memory) -> float:
        return Sweep(self.graph, memory).shortest(self.cost)


def drawn(seed: int) -> Drawn:
    """Costs are whole numbers, so that sums are exact in any order, and sometimes negative."""
    rng = Random(seed)
    while True:
        problem = (random_fleet if rng.random() < 0.3 else random_problem)(rng.randrange(2**32))
        graph = build_stage_graph(problem)
        if Sweep(graph, Memory.all(graph)).shortest(graph.forward_s) < np.inf:
            break
    cost = np.array([float(rng.randint(-3, 30)) for _ in graph.joules])
    wider = random_memory(rng, graph)
    return Drawn(graph, cost, random_memory(rng, graph, wider), wider)


@seeds
def test_cheapest_walk_is_the_cheapest_of_all_that_the_definition_allows(seed: int) -> None:
    case = drawn(seed)
    for memory in (Memory.none(case.graph), case.memory, case.wider, Memory.all(case.graph)):
        walks = case.walks(memory)
        least = min((cost for _, cost in walks), default=np.inf)
        assert case.shortest(memory) == least
        sweep = Sweep(case.graph, memory)
        columns = sweep.cheapest(case.cost, sweep.to_end(case.cost))
        if least < np.inf:
            assert columns is not None
            assert columns.tolist() in [walk for walk, cost in walks if cost == least]
        else:
            assert columns is None


@seeds
def test_both_directions_and_every_column_agree(seed: int) -> None:
    case = drawn(seed)
    layers = case.graph.problem.layer_count
    for memory in (Memory.none(case.graph), case.memory):
        sweep, walks = Sweep(case.graph, memory), case.walks(memory)
        start, end = sweep.from_start(case.cost), sweep.to_end(case.cost)
        through = sweep.through(case.cost, start, end)
        least = np.full(len(case.cost), np.inf)
        for columns, cost in walks:
            least[columns] = np.minimum(least[columns], cost)
        assert np.array_equal(through, least)
        assert start.leaving[layers].min() == end.arriving[0, memory.walks.offset[:-1]].min() == least.min()


@seeds
def test_dearest_walk_is_the_cheapest_of_negative_costs(seed: int) -> None:
    case = drawn(seed)
    dearest = max(cost for _, cost in case.walks(Memory.none(case.graph)))
    assert Sweep.forgetful(case.graph).longest(case.cost) == dearest


@seeds
def test_remembering_more_never_makes_the_cheapest_walk_cheaper(seed: int) -> None:
    case = drawn(seed)
    chain = [Memory.none(case.graph), case.memory, case.wider, Memory.all(case.graph)]
    costs = [case.shortest(memory) for memory in chain]
    assert costs == sorted(costs)


@seeds
def test_walks_that_forget_nothing_use_no_node_too_often(seed: int) -> None:
    """But for the source, and for classes of which several members may be used: neither is ever remembered."""
    case = drawn(seed)
    single = may_be_remembered(case.graph)
    for columns, _ in case.walks(Memory.all(case.graph)):
        used = [int(case.graph.node[c]) for c in columns if c < case.graph.stage_count]
        if not case.graph.several.any():
            assert all(used.count(n) <= 1 for n in single)


@seeds
def test_least_peak_is_that_of_the_walk_whose_largest_is_least(seed: int) -> None:
    case = drawn(seed)
    peak = abs(case.cost)
    least = min(float(peak[columns].max()) for columns, _ in case.walks(Memory.none(case.graph)))
    assert Sweep.forgetful(case.graph).least_peak(peak) == least


@seeds
def test_marks_keep_every_walk_below_their_room_when_more_is_remembered(seed: int) -> None:
    """Whichever of the nodes that it used a walk still remembers, by the narrower memory or the wider one."""
    case = drawn(seed)
    sweep = Sweep(case.graph, case.memory)
    start, end = sweep.from_start(case.cost), sweep.to_end(case.cost)
    room = Random(seed).choice(case.walks(case.memory))[1] + 0.5
    marks = Marks(start.arriving + end.arriving < room, start.leaving + end.leaving < room)
    wider = projected(marks, case.memory, case.wider)
    kept = 0
    for columns, cost in case.walks(case.wider):
        if cost < room:
            stages = [c for c in columns if c < case.graph.stage_count]
            for side, cut, state in states_of(case.graph, case.wider, stages):
                assert getattr(wider, side)[cut, state]
            kept += 1
    bound = Sweep(case.graph, case.wider, wider).shortest(case.cost)
    assert bound == case.shortest(case.wider) if kept else bound >= room


@seeds
def test_neighbourhoods_grown_from_a_walk_forbid_that_walk(seed: int) -> None:
    case = drawn(seed)
    memory = Memory.none(case.graph)
    for columns, _ in case.walks(memory)[:20]:
        grown = widened(memory, [np.array(columns)], case.graph, 8)
        assert all(set(before) <= set(after) for before, after in zip(memory.near, grown.near, strict=True))
        if grown.near != memory.near:
            assert columns not in all_walks(case.graph, grown.near)


# By hand: source a, then b, c and d, all linked


def square(layers: int = 4) -> StageGraph:
    names = "abcd"
    links = [link(p, q) for i, p in enumerate(names) for q in names[:i]]
    speeds = {"b": 2.0, "c": 3.0, "d": 4.0}
    nodes = [node(name, speed=speeds.get(name, 1.0)) for name in names]
    return build_stage_graph(problem_of(nodes, links, [layer() for _ in range(layers)]))


def walk_along(graph: StageGraph, *nodes: int) -> np.ndarray:
    """One layer on each node."""
    stages = [
        np.flatnonzero((graph.node == n) & (graph.first == k) & (graph.stop == k + 1)) for k, n in enumerate(nodes)
    ]
    return np.concatenate(stages)


def test_walk_remembers_what_lies_in_the_neighbourhood_of_where_it_stands() -> None:
    """d remembers b and c, c remembers b: b - c - d knows both, b - d - c only b, since c forgets d."""
    graph = square()
    walks = Memory.of(((), (), (1,), (1, 2)), graph).walks
    assert walks.offset.tolist() == [0, 1, 2, 4, 8]
    on_c = walks.follow[walks.offset[1], 2]
    on_d = walks.follow[on_c, 3]
    assert (on_c, on_d) == (2 + 0b1, 4 + 0b11)
    assert walks.follow[on_d].tolist() == [0, -1, -1, -1]
    directly = walks.follow[walks.offset[1], 3]
    assert directly == 4 + 0b01
    assert walks.follow[directly].tolist() == [0, -1, 2 + 0b1, -1]


def test_node_met_again_is_remembered_by_all_nodes_in_between() -> None:
    graph = square()
    grown = widened(Memory.none(graph), [walk_along(graph, 1, 2, 3, 1)], graph, 8)
    assert grown.near == ((), (), (1,), (1,))


def test_cycle_stays_where_a_neighbourhood_is_full() -> None:
    graph = square()
    full = Memory.of(((), (), (), (2,)), graph)
    assert widened(full, [walk_along(graph, 1, 2, 3, 1)], graph, 1).near == full.near


def test_return_to_the_source_is_no_cycle() -> None:
    graph = square(3)
    assert widened(Memory.none(graph), [walk_along(graph, 0, 1, 0)], graph, 8).near == ((), (), (), ())


def test_superset_of_a_marked_state_is_marked_too() -> None:
    """The narrower memory forgot b on c's way; the wider one still knows it when it comes to d by c."""
    graph = square()
    narrow = Memory.of(((), (), (), (1,)), graph)
    wide = Memory.of(((), (), (1,), (1,)), graph)
    stages = walk_along(graph, 1, 2, 3).tolist()
    forgot, knows = list(states_of(graph, narrow, stages))[-1], list(states_of(graph, wide, stages))[-1]
    assert forgot[2] == narrow.walks.offset[3]
    assert knows[2] == wide.walks.offset[3] + 1
    marked = np.zeros((5, len(narrow.walks.follow)), dtype=np.bool_)
    marked[3, forgot[2]] = True
    assert projected(Marks(marked, marked), narrow, wide).leaving[3, knows[2]]
