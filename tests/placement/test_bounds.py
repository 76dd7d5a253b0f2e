"""Cheapest and dearest walks through the stage graph bound every plan."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given

from placement.backends.brute_force import placements
from placement.bounds import Sweep, time_range
from placement.constraints import Limits
from placement.evaluation import formula_latency_s
from placement.feasibility import feasible_figures
from placement.problem import Problem
from placement.routes import FloatArray
from placement.stage_graph import StageGraph, build_stage_graph
from tests.placement.examples_for_tests import layer, link, node, passing, problem_of, scored, task_of, training
from tests.placement.random_problems import SEEDS, examples, random_problem


def three_layers() -> Problem:
    """On a 1, 10, 1 s, on b 10, 1, 10 s, and nothing to send: a walk may return to a, a plan may return only there."""
    times = [{"a": 1.0, "b": 10.0}, {"a": 10.0, "b": 1.0}, {"a": 1.0, "b": 10.0}]
    return problem_of([node("a"), node("b")], [link("a", "b")], [{"forward": {"time_s": time}} for time in times])


def cheapest_through(graph: StageGraph, cost: FloatArray) -> FloatArray:
    """Per column, the cost of the cheapest walk through it."""
    sweep = Sweep.forgetful(graph)
    return sweep.through(cost, sweep.from_start(cost), sweep.to_end(cost))


def test_cheapest_walk_may_use_a_node_again() -> None:
    graph = build_stage_graph(three_layers())
    assert Sweep.forgetful(graph).shortest(graph.forward_s) == 3.0


def test_dearest_walk_takes_the_slower_node_for_every_layer() -> None:
    graph = build_stage_graph(three_layers())
    assert Sweep.forgetful(graph).longest(graph.forward_s) == 30.0


def test_cost_of_a_column_is_the_cheapest_walk_through_it() -> None:
    graph = build_stage_graph(three_layers())
    through = cheapest_through(graph, graph.forward_s)
    whole_on_b = np.flatnonzero((graph.node == 1) & (graph.first == 0) & (graph.stop == 3))
    first_on_b = np.flatnonzero((graph.node == 1) & (graph.first == 0) & (graph.stop == 1))
    assert through[whole_on_b].tolist() == [21.0]
    assert through[first_on_b].tolist() == [10.0 + 10.0 + 1.0]  # then a, since b hands over to others only
    assert through.min() == 3.0


def test_graph_without_a_path_has_no_time_range() -> None:
    problem = problem_of([node("a", memory_bytes=1.0)], [], [layer(weight=2.0)])
    assert time_range(build_stage_graph(problem)) is None


def test_time_range_reaches_from_the_quickest_traversal_to_all_micro_batches_one_by_one() -> None:
    """One node: F + B = 5 s, four micro-batches and an update of 1 s."""
    problem = problem_of([node("a")], [], [layer(2.0, backward=3.0, update=1.0)], training(4, "gpipe"))
    times = time_range(build_stage_graph(problem))
    assert times is not None
    assert (times.shortest_s, times.longest_s) == (5.0, 21.0)


def test_labels_that_hold_up_the_link_count_towards_the_longest_time() -> None:
    """F + B = 2 s and labels of 50 s: 3 (2 + 50) s bound the 2 + 2 (50 + 1) s of gpipe."""
    problem = problem_of(
        [node("a"), node("b")], [link("a", "b")], [layer(1.0, backward=1.0)], training(3, "gpipe"), label_bytes=50.0
    )
    times = time_range(build_stage_graph(problem))
    assert times is not None
    assert times.longest_s == 156.0
    assert scored(problem, ("b", 0, 1)).latency_s == 2.0 + 2 * (50.0 + 1.0)


@examples(80)
@given(SEEDS)
def test_every_plan_lies_in_the_time_range(seed: int) -> None:
    problem = random_problem(seed)
    task = task_of(problem)
    times = time_range(task.graph)
    for placement in Random(seed).sample(feasible := list(feasible_placements(problem)), min(len(feasible), 10)):
        assert times is not None
        latency = formula_latency_s(problem, passing(problem, placement))
        assert times.shortest_s * (1 - 1e-9) <= latency <= times.longest_s * (1 + 1e-9)


@examples(60)
@given(SEEDS)
def test_no_plan_is_cheaper_than_the_cheapest_walk_through_any_of_its_columns(seed: int) -> None:
    problem = random_problem(seed)
    graph = build_stage_graph(problem)
    through = cheapest_through(graph, graph.joules)
    for placement in list(feasible_placements(problem))[:20]:
        columns = graph.columns_of(placement)
        assert columns is not None
        assert through[columns].max() <= graph.joules[columns].sum() * (1 + 1e-9) + 1e-12


def feasible_placements(problem: Problem) -> list:
    model = task_of(problem).latency_model
    return [p for p in placements(problem) if feasible_figures(problem, p, Limits(), model) is not None]


def test_shortest_is_infinite_where_there_is_no_path() -> None:
    graph = build_stage_graph(problem_of([node("a", memory_bytes=1.0)], [], [layer(weight=2.0)]))
    assert Sweep.forgetful(graph).shortest(graph.forward_s) == pytest.approx(np.inf)
