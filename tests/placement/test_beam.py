"""The beam finds whole plans that keep the path rules, and the cheapest of all where it is wide enough."""

from __future__ import annotations

import numpy as np
import pytest

from placement.backends.base import Box, Task
from placement.backends.brute_force import placements
from placement.beam import beam
from placement.bounds import time_range
from placement.boxes import shape_of
from placement.constraints import layers_in_order
from placement.lagrangian import Pricing, Relaxed
from placement.problem import Placement
from tests.placement.examples_for_tests import link, named, node, problem_of, task_of
from tests.placement.test_boxes import ADMITTING, admitting

WIDE = 100_000


def relaxed_of(task: Task) -> Relaxed:
    """The relaxation at its first prices, over everything that a plan can be."""
    times = time_range(task.graph)
    assert times is not None
    box = Box((times.shortest_s, 0.0, 0.0), (times.longest_s,) * 3, (0, task.problem.layer_count))
    pricing = Pricing(task.graph, shape_of(task), box, [], ())
    relaxed = pricing.improve(pricing.start(), None, 1)
    assert relaxed is not None
    return relaxed


def path_rules_hold(task: Task, placement: Placement) -> bool:
    """No node twice, but the source may hold both ends."""
    nodes = [task.problem.node_of(stage) for stage in placement]
    inner = nodes[:-1] if len(nodes) > 2 and nodes[0] == nodes[-1] == task.problem.source else nodes
    return len(set(inner)) == len(inner) and not list(layers_in_order(task.problem, placement))


def cost_of(task: Task, relaxed: Relaxed, placement: Placement) -> float:
    columns = task.graph.columns_of(placement)
    assert columns is not None
    return float(relaxed.cost[columns].sum())


@pytest.mark.parametrize("width", [1, 3, 30])
@pytest.mark.parametrize("seed", ADMITTING)
def test_every_plan_covers_the_layers_and_uses_no_node_twice_but_the_source_at_both_ends(seed: int, width: int) -> None:
    task, _ = admitting(seed)
    found = beam(task.graph, relaxed_of(task), width)
    assert len(found) <= width
    assert all(path_rules_hold(task, placement) for placement in found)
    assert all(task.graph.columns_of(placement) is not None for placement in found)


@pytest.mark.parametrize("seed", ADMITTING)
def test_plans_come_in_the_order_of_their_priced_costs(seed: int) -> None:
    task, _ = admitting(seed)
    relaxed = relaxed_of(task)
    costs = [cost_of(task, relaxed, placement) for placement in beam(task.graph, relaxed, 30)]
    assert costs == pytest.approx(sorted(costs))


@pytest.mark.parametrize("seed", ADMITTING)
def test_wide_beam_finds_the_cheapest_path_of_all(seed: int) -> None:
    """Enumeration gives a source with two stages one level; the beam may give it two, and be cheaper for it."""
    task, _ = admitting(seed)
    relaxed = relaxed_of(task)
    found = beam(task.graph, relaxed, WIDE)
    least = min(cost_of(task, relaxed, p) for p in placements(task.problem) if task.graph.columns_of(p) is not None)
    best = cost_of(task, relaxed, found[0])
    if len(task.problem.options_of_node[task.problem.source]) == 1:
        assert best == pytest.approx(least)
    else:
        assert best <= least * (1 + 1e-9)


def chain() -> Task:
    """On a 1, 9, 1 s, on b 9, 1, 9 s, on c 5 s each: home to a costs 1 + 1 + 1 s."""
    times = [{"a": 1.0, "b": 9.0, "c": 5.0}, {"a": 9.0, "b": 1.0, "c": 5.0}, {"a": 1.0, "b": 9.0, "c": 5.0}]
    pairs = [("a", "b"), ("b", "c"), ("a", "c")]
    layers = [{"forward": {"time_s": time}} for time in times]
    return task_of(problem_of([node("a"), node("b"), node("c")], [link(*pair) for pair in pairs], layers))


def test_source_may_hold_both_ends() -> None:
    task = chain()
    assert named(task.problem, beam(task.graph, relaxed_of(task), 1)[0]) == [("a", 0, 1), ("b", 1, 2), ("a", 2, 3)]


def test_other_nodes_hold_one_stage_however_cheap_a_second_would_be() -> None:
    """Without stages on a: b may not come back for 9 s, c takes 5 s."""
    task = chain()
    graph = task.graph.keeping(task.graph.node != 0, np.ones(task.graph.hand_over_count, dtype=np.bool_))
    found = [named(task.problem, p) for p in beam(graph, relaxed_of(Task(graph, task.goal, task.limits)), WIDE)]
    assert [("c", 0, 1), ("b", 1, 2), ("c", 2, 3)] not in found
    assert found[0] in ([("c", 0, 1), ("b", 1, 3)], [("b", 0, 2), ("c", 2, 3)], [("c", 0, 3)])


def test_graph_without_a_path_yields_nothing() -> None:
    task = chain()
    relaxed = relaxed_of(task)
    cut_off = task.graph.stop < task.problem.layer_count
    graph = task.graph.keeping(cut_off, np.ones(task.graph.hand_over_count, dtype=np.bool_))
    kept = np.concatenate([cut_off, np.ones(task.graph.hand_over_count, dtype=np.bool_)])
    assert beam(graph, Relaxed(**{**vars(relaxed), "cost": relaxed.cost[kept]}), 5) == []
