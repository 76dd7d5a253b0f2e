"""The stage graph with one node for all that are interchangeable: its columns, its prices, and its optimum."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from benchmarks.instances import heterogeneous
from models.request import PlanRequest
from placement.backends.base import LatencyModel, Outcome, Solver, Task
from placement.backends.brute_force import BruteForce
from placement.backends.cp_sat import CpSat
from placement.backends.labels import Labels
from placement.backends.milp import Milp
from placement.columns import scale_of
from placement.constraints import Limits, placing_violations
from placement.cost_model import compile_problem
from placement.evaluation import Traversal
from placement.feasibility import feasible_figures
from placement.formulation import formulate
from placement.private_loads import private_loads
from placement.problem import Problem
from placement.stage_graph import StageGraph, build_stage_graph
from tests.placement.examples_for_tests import (
    ENERGY,
    inference,
    layer,
    link,
    named,
    node,
    passing,
    placed,
    problem_of,
    task_of,
)
from tests.placement.fleets import random_fleet
from tests.placement.random_problems import SEEDS, examples, some_placements
from tests.placement.test_properties import GOALS, NEARBY
from tests.placement.test_stage_graph import hand_overs, outgrown, refereed, stages, summed


def trio(weight: float = 0.0, **fields: Any) -> Problem:
    """Source a; b, c and d alike, all linked alike; layers of 1 s and 1 byte; four requests at a time."""
    nodes = [node("a", memory_bytes=1.0), *(node(name, memory_bytes=1.0, **fields) for name in "bcd")]
    links = [link(p, q) for p, q in ("ab", "ac", "ad", "bc", "bd", "cd")]
    return problem_of(nodes, links, [layer(out=1.0, weight=weight) for _ in range(3)], inference(concurrency=4))


def test_one_node_has_columns_for_its_class() -> None:
    graph = build_stage_graph(trio())
    assert graph.capacity.tolist() == [1, 3, 0, 0]
    assert graph.members == ((0,), (1, 2, 3), (), ())
    assert {name for name, _, _ in stages(graph)} == {"a", "b"}
    assert hand_overs(graph) == {(j, n, m) for j in (1, 2) for n, m in ("ab", "ba", "bb")}


def test_members_that_cannot_reach_each_other_hand_nothing_over() -> None:
    problem = problem_of([node(name) for name in "abc"], [link("a", "b"), link("a", "c")], [layer(), layer()])
    assert hand_overs(build_stage_graph(problem)) == {(1, "a", "b"), (1, "b", "a")}


def test_graph_of_distinct_nodes_is_the_same_merged_or_not() -> None:
    problem = compile_problem(PlanRequest.model_validate(heterogeneous(8, 5, 0)))
    merged, plain = build_stage_graph(problem), build_stage_graph(problem, merge=False)
    assert merged.capacity.tolist() == [1] * 5
    assert not merged.private_rows.any()
    for name in ("option", "first", "stop", "cut", "sender", "receiver", "forward_s", "joules"):
        assert np.array_equal(getattr(merged, name), getattr(plain, name))


def test_repeated_representative_stands_for_successive_members_at_the_same_level() -> None:
    points = [
        {"name": name, "compute_flops_per_s": rate, "busy_power_w": 0.0} for name, rate in (("x", 1.0), ("y", 2.0))
    ]
    problem = trio(operating_points=points)
    graph = build_stage_graph(problem)
    wanted = placed(problem, ("b", 0, 1, "y"), ("c", 1, 2, "x"), ("d", 2, 3, "y"))
    assert graph.placement(graph.columns_of(wanted)[:3]) == wanted


def test_any_members_have_the_columns_of_their_representative() -> None:
    problem = trio()
    graph = build_stage_graph(problem)
    columns = graph.columns_of(placed(problem, ("b", 0, 1), ("c", 1, 3)))
    assert columns == graph.columns_of(placed(problem, ("d", 0, 1), ("b", 1, 3)))
    assert named(problem, graph.placement(columns[:2])) == [("b", 0, 1), ("c", 1, 3)]


def test_node_that_follows_itself_has_no_columns() -> None:
    problem = trio()
    assert build_stage_graph(problem).columns_of(placed(problem, ("b", 0, 1), ("b", 1, 3))) is None


def test_resources_of_a_class_are_private_and_media_are_not() -> None:
    nodes = [node(name) for name in "abcd"]
    links = [link("a", "b", medium="wifi"), link("a", "c", medium="wifi"), link("b", "c"), link("a", "d")]
    graph = build_stage_graph(problem_of(nodes, links, [layer(), layer(), layer()]))
    names = [*"abcd", *(channel.id for channel in graph.problem.network.channels)]
    assert [name for name, private in zip(names, graph.private_rows, strict=True) if private] == [
        "b", "c", "b -> c", "c -> b"
    ]  # fmt: skip


@examples(80)
@given(SEEDS)
def test_columns_of_any_members_add_up_to_the_figures_of_their_placement(seed: int) -> None:
    problem = random_fleet(seed)
    graph = build_stage_graph(problem)
    for placement in some_placements(problem, Random(seed), 6):
        columns = graph.columns_of(placement)
        if columns is not None:
            ours, expected = summed(graph, columns), refereed(problem, placement)
            for name in ("forward", "backward", "joules"):
                assert ours[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-12), name
        elif not placing_violations(problem, placement):
            assert outgrown(graph, placement) or superfluous(graph, placement)


def superfluous(graph: StageGraph, placement: Any) -> bool:
    """Whether the placement uses a node that others can always replace."""
    standing = graph.classes.representative
    return any(graph.capacity[standing[graph.problem.node_of(stage)]] == 0 for stage in placement)


@examples(80)
@given(SEEDS)
def test_largest_load_of_a_placement_is_its_largest_shared_or_private_one(seed: int) -> None:
    problem = random_fleet(seed)
    graph = build_stage_graph(problem)
    for placement in some_placements(problem, Random(seed), 6):
        columns = graph.columns_of(placement)
        if columns is not None:
            expected = largest_loads(passing(problem, placement))
            assert [busiest(graph, columns, part) for part in (["busy_forward"], ["busy_backward"])] == pytest.approx(
                expected[:2], rel=1e-9, abs=1e-12
            )
            assert busiest(graph, columns, ["busy_forward", "busy_backward"]) == pytest.approx(expected[2], rel=1e-9)


def largest_loads(traversal: Traversal) -> list[float]:
    forward, backward = traversal.forward_busy_s, traversal.backward_busy_s
    both = [forward.get(r, 0.0) + backward.get(r, 0.0) for r in forward.keys() | backward.keys()]
    return [max(forward.values()), max(backward.values()), max(both)]


def busiest(graph: StageGraph, columns: list[int], parts: list[str]) -> float:
    """Sums over what is shared; over what is private, the largest column and what goes together with a stage."""
    entries = [getattr(graph, name) for name in parts]
    shared = np.zeros(graph.problem.resource_count)
    for sparse in entries:
        chosen = np.isin(sparse.column, columns) & ~graph.private_rows[sparse.row]
        np.add.at(shared, sparse.row[chosen], sparse.value[chosen])
    private = private_loads(graph, entries)
    alone = [private.alone.get(c, 0.0) for c in columns]
    together = [sum(v for c, v in loads.items() if c in columns) for a, _, loads in private.together if a in columns]
    return max([float(shared.max()), *alone, *together])


def random_task(seed: int) -> Task:
    """A task on the merged graph, every second time with a limit near its optimum."""
    rng = Random(seed)
    problem = random_fleet(seed)
    replays = problem.replays and rng.random() < 0.5
    model = LatencyModel.REPLAY_BOUND if replays else LatencyModel.FORMULA
    task = task_of(problem, rng.choice(GOALS), latency_model=model, merge=True)
    truth = BruteForce()(task)
    if truth.placement is not None and rng.random() < 0.5:
        figures = feasible_figures(problem, truth.placement, task.limits, model)
        figure = rng.choice(("latency_s", "energy_j", "cycle_s"))
        task = replace(task, limits=Limits(**{figure: getattr(figures, figure) * rng.choice(NEARBY)}))
    return task


def agrees(solver: Solver, task: Task) -> None:
    """With brute force over all nodes: outcome, value and bound."""
    truth, claim = BruteForce()(task), solver(task)
    assert claim.outcome is truth.outcome
    if truth.outcome is not Outcome.INFEASIBLE:
        assert claim.placement is not None
        figures = feasible_figures(task.problem, claim.placement, task.limits, task.latency_model)
        assert figures is not None
        best = pytest.approx(truth.bound, rel=1e-6, abs=1e-12)
        assert (task.goal.value(figures), claim.bound) == (best, best)


@examples(60)
@given(SEEDS)
def test_milp_on_classes_agrees_with_the_oracle_on_nodes(seed: int) -> None:
    agrees(Milp(), random_task(seed))


@examples(100)
@given(SEEDS)
def test_labels_on_classes_agree_with_the_oracle_on_nodes(seed: int) -> None:
    agrees(Labels(), random_task(seed))


@examples(60)
@given(SEEDS)
def test_cp_sat_on_classes_agrees_with_the_oracle_on_nodes(seed: int) -> None:
    agrees(CpSat(), random_task(seed))


@examples(30)
@given(SEEDS)
def test_milp_agrees_with_itself_on_classes_and_on_nodes(seed: int) -> None:
    task = random_task(seed)
    merged, plain = Milp()(task), Milp()(replace(task, graph=build_stage_graph(task.problem, merge=False)))
    assert merged.outcome is plain.outcome
    assert merged.bound == (None if plain.bound is None else pytest.approx(plain.bound, rel=1e-6, abs=1e-12))


@pytest.mark.parametrize("solver", [Milp(), CpSat(), Labels()])
def test_every_member_in_use_draws_its_own_idle_power(solver: Solver) -> None:
    """Memory for one layer each: a, which idles at 0 W, and two members at 2 W, for T = 5 s / 4."""
    claim = solver(task_of(trio(1.0, idle_power_w=2.0, busy_power_w=2.0), ENERGY, merge=True))
    assert claim.bound == pytest.approx(2 * 2.0 * 5.0 / 4)


def fleet(nodes: int, classes: int, layers: int) -> PlanRequest:
    """Node n is of class n mod classes, the source apart; a full link matrix by classes."""
    body = heterogeneous(layers, classes + 1, 0, tightness=6.0)
    cluster = body["cluster"]
    kind = [0, *(1 + n % classes for n in range(nodes - 1))]
    cluster["nodes"] = [cluster["nodes"][k] | {"id": f"node-{n}"} for n, k in enumerate(kind)]
    matrices = cluster["link_matrix"]
    for name in ("bandwidth_bits_per_s", "latency_s", "transmit_power_w", "receive_power_w"):
        rows = [[figure if figure is not None else 1.0 for figure in row] for row in matrices[name]]
        matrices[name] = [[rows[k][other] for other in kind] for k in kind]
    return PlanRequest.model_validate(body)


def test_fleet_of_a_thousand_nodes_in_twenty_classes_is_a_graph_of_twenty_one_nodes() -> None:
    problem = compile_problem(fleet(1000, 20, 30))
    graph = build_stage_graph(problem)
    alone = build_stage_graph(compile_problem(fleet(21, 20, 30)))
    assert sorted(graph.capacity.tolist())[-21:] == [1, *[29] * 20]  # as many as the layers behind the head
    assert (graph.capacity > 0).sum() == 21
    assert graph.stage_count == alone.stage_count
    within = graph.sender == graph.receiver
    assert graph.hand_over_count - within.sum() == alone.hand_over_count
    assert len(np.unique(graph.sender[within])) == 20


def test_formulation_of_distinct_nodes_has_no_rows_for_classes() -> None:
    problem = compile_problem(PlanRequest.model_validate(heterogeneous(4, 3, 0, workload="training")))
    task = task_of(problem, merge=True)
    scale = scale_of(task.graph)
    assert scale is not None
    names = {row.name for row in formulate(task, scale).rows}
    assert not any("_from_" in name or "_over_" in name or "in_turn" in name for name in names)
