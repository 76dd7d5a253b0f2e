"""The rows of the formulation: the numbers in them, and that they admit the referee's placements and no others."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given

from placement.backends.base import LatencyModel, Task
from placement.columns import Formulation, Row, scale_of
from placement.constraints import Limits, memory_bytes, placing_violations
from placement.formulation import formulate
from placement.problem import Problem
from tests.placement.examples_for_tests import (
    CYCLE,
    ENERGY,
    LATENCY,
    inference,
    layer,
    link,
    node,
    placed,
    problem_of,
    task_of,
    training,
)
from tests.placement.random_problems import SEEDS, examples, random_problem, some_placements


def formulated(task: Task) -> Formulation:
    scale = scale_of(task.graph)
    assert scale is not None
    return formulate(task, scale)


def row_names(formulation: Formulation) -> set[str]:
    return {row.name for row in formulation.rows}


def column_names(formulation: Formulation) -> set[str]:
    return {column.name for column in formulation.columns}


def pair(workload: dict[str, Any] | None = None, **fields: Any) -> Problem:
    """a (1 s per layer) and b (0.5 s), two layers; 1 byte between them."""
    layers = [layer(1.0, out=1.0, backward=1.0, gradient=1.0, decode=1.0) for _ in range(2)]
    return problem_of([node("a", **fields), node("b", speed=2.0, **fields)], [link("a", "b")], layers, workload)


def test_every_stage_and_hand_over_is_a_binary_column_in_the_order_of_the_graph() -> None:
    task = task_of(pair())
    formulation = formulated(task)
    size = task.graph.stage_count + task.graph.hand_over_count
    assert all(column.binary for column in formulation.columns[:size])
    assert formulation.stage_count == task.graph.stage_count


def test_flow_is_kept_at_every_cut_and_node() -> None:
    flows = {name for name in row_names(formulated(task_of(pair()))) if name.startswith("flow")}
    assert flows == {"flow_end_1_0", "flow_end_1_1", "flow_begin_1_0", "flow_begin_1_1"}


def test_only_nodes_other_than_the_source_are_held_to_one_stage() -> None:
    names = row_names(formulated(task_of(pair())))
    assert "one_stage_per_node_1" in names
    assert "one_stage_per_node_0" not in names


def test_units_make_the_shortest_plan_a_thousand() -> None:
    task = task_of(pair())
    scale = scale_of(task.graph)
    assert scale is not None
    assert scale.shortest_s == 1.0  # all on b
    assert scale.time_s == pytest.approx(1e-3)


@pytest.mark.parametrize("goal", [LATENCY, ENERGY, CYCLE])
def test_largest_coefficient_of_the_objective_is_one(goal: Any) -> None:
    formulation = formulated(task_of(pair(idle_power_w=1e-6), goal))
    assert max(value for _, value in formulation.objective) == 1.0
    assert 0 < formulation.goal_unit < 1e-2


def test_time_and_energy_appear_only_where_goal_or_limits_need_them() -> None:
    latency = formulated(task_of(pair(idle_power_w=1.0), LATENCY))
    energy = formulated(task_of(pair(idle_power_w=1.0), ENERGY))
    assert "latency" in column_names(latency)
    assert "energy" not in column_names(latency)
    assert {"latency", "cycle", "energy", "used_1", "awake_1"} <= column_names(energy)


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        (inference(), {"latency"}),
        (training(3, "sequential"), {"latency"}),
        (training(3, "gpipe"), {"latency", "peak_forward", "peak_backward"}),
        (training(3, "1f1b"), {"latency", "peak_busy"}),
    ],
)
def test_each_schedule_has_its_own_peaks(workload: dict[str, Any], expected: set[str]) -> None:
    columns = {column.name for column in formulated(task_of(pair(workload))).columns if not column.binary}
    assert columns == expected


def test_one_micro_batch_waits_for_no_peak() -> None:
    columns = column_names(formulated(task_of(pair(training(1, "gpipe")))))
    assert not {"peak_forward", "peak_backward"} & columns


def test_replay_bound_is_two_lower_bounds_on_the_latency() -> None:
    names = row_names(formulated(task_of(pair(training(3, "1f1b")), latency_model=LatencyModel.REPLAY_BOUND)))
    assert {"latency_pace", "latency_busy", "pace_from_0", "pace_from_1", "pace_over_1"} <= names


def test_concurrent_requests_bound_the_cycle_by_latency_share_and_period() -> None:
    assert {"cycle_latency", "cycle_period"} <= row_names(formulated(task_of(pair(inference(concurrency=2)), CYCLE)))


def test_latency_limit_is_the_upper_bound_of_its_column() -> None:
    formulation = formulated(task_of(pair(), limits=Limits(latency_s=1.5)))
    (latency,) = [column for column in formulation.columns if column.name == "latency"]
    assert latency.upper * formulation.scale.time_s == pytest.approx(1.5, rel=1e-6)


def test_energy_budget_is_a_row_in_the_nodes_own_joules() -> None:
    names = row_names(formulated(task_of(pair(energy_budget_j=5.0, energy_weight=0.0), LATENCY)))
    assert {"energy_budget_0", "energy_budget_1"} <= names


def one_row(formulation: Formulation, name: str) -> Row:
    (row,) = [row for row in formulation.rows if row.name == name]
    return row


def test_in_flight_row_counts_the_stages_behind_a_shallow_one() -> None:
    """Stages that fit at depth 2 but not 3, of at most 4 stages: 2 x_shallow + stages behind <= 3, so one behind."""
    layers = [layer(backward=1.0, weight=1.0, activation_bytes=10.0) for _ in range(4)]
    nodes = [node("a", memory_bytes=21.0), node("b"), node("c")]
    links = [link(p, q) for p, q in ("ab", "ac", "bc")]
    task = task_of(problem_of(nodes, links, layers, training(8, "1f1b")))
    graph = task.graph
    row = one_row(formulated(task), "in_flight_1_2")
    shallow = [a for a, value in row.terms if value == 2.0]
    assert [(int(graph.node[a]), int(graph.first[a]), int(graph.stop[a])) for a in shallow] == [(0, 0, 1)]
    assert {int(graph.first[a]) for a, value in row.terms if value == 1.0} == {1, 2, 3}
    assert (row.lower, row.upper) == (None, 3.0)


def test_source_memory_row_excludes_a_head_and_a_tail_that_never_fit_together() -> None:
    layers = [layer(weight=10.0) for _ in range(3)]
    problem = problem_of([node("a", memory_bytes=19.0), node("b")], [link("a", "b")], layers)
    task = task_of(problem)
    row = one_row(formulated(task), "source_memory_1")
    held = {(int(task.graph.first[a]), int(task.graph.stop[a])) for a, _ in row.terms}
    assert (held, row.upper) == ({(0, 1), (2, 3)}, 1.0)


def test_source_memory_row_allows_a_head_and_a_tail_up_to_the_depth_at_which_they_fit() -> None:
    """Weights 1 + 1, the tail keeps one micro-batch, the head d: 2 + 10 (d + 1) <= 42 up to d = 3 of at most 4."""
    layers = [layer(backward=1.0, weight=1.0, activation_bytes=10.0) for _ in range(4)]
    nodes = [node("a", memory_bytes=42.0), node("b"), node("c")]
    links = [link(p, q) for p, q in ("ab", "ac", "bc")]
    problem = problem_of(nodes, links, layers, training(8, "1f1b"), privacy={"head_layers": 1, "tail_layers": 1})
    task = task_of(problem)
    row = one_row(formulated(task), "source_memory_1_3")
    three = task.graph.columns_of(placed(problem, ("a", 0, 1), ("b", 1, 3), ("a", 3, 4)))
    four = task.graph.columns_of(placed(problem, ("a", 0, 1), ("b", 1, 2), ("c", 2, 3), ("a", 3, 4)))
    assert three is not None
    assert four is not None
    assert (row.upper, keeps(row, three), keeps(row, four)) == (5.0, True, False)


def test_source_runs_both_stages_at_one_level() -> None:
    points = [
        {"name": name, "compute_flops_per_s": rate, "busy_power_w": 0.0} for name, rate in (("low", 1.0), ("high", 2.0))
    ]
    problem = problem_of([node("a", operating_points=points), node("b")], [link("a", "b")], [layer()] * 3)
    task = task_of(problem)
    head, tail = placed(problem, ("a", 0, 1, "low"))[0], placed(problem, ("a", 2, 3, "high"))[0]
    graph = task.graph
    columns = {
        (int(o), int(i), int(j)): a
        for a, (o, i, j) in enumerate(zip(graph.option, graph.first, graph.stop, strict=True))
    }
    mixed = [columns[head.option, 0, 1], columns[tail.option, 2, 3]]
    assert not keeps(one_row(formulated(task), f"one_level_per_node_{tail.option}"), mixed)


# Against the referee


def keeps(row: Row, ones: list[int]) -> bool:
    """Whether a row over 0-1 columns holds when exactly these are 1."""
    total = sum(value for column, value in row.terms if column in ones)
    return (row.lower is None or total >= row.lower - 1e-9) and (row.upper is None or total <= row.upper + 1e-9)


def path_rows(formulation: Formulation, binaries: int) -> list[Row]:
    """Rows over stages and hand-overs alone, energy budgets apart."""
    return [
        row
        for row in formulation.rows
        if all(column < binaries for column, _ in row.terms) and not row.name.startswith(("energy", "used"))
    ]


@examples(120)
@given(SEEDS)
def test_path_rows_admit_a_placement_exactly_when_its_memory_fits(seed: int) -> None:
    problem = random_problem(seed)
    task = task_of(problem, limits=Limits())
    if scale_of(task.graph) is None:
        return
    rows = path_rows(formulated(task), task.graph.stage_count + task.graph.hand_over_count)
    for placement in some_placements(problem, Random(seed), 12):
        limit = problem.request.constraints.max_stages
        if placing_violations(problem, placement) or (limit is not None and len(placement) > limit):
            continue
        columns = task.graph.columns_of(placement)
        admitted = columns is not None and all(keeps(row, columns) for row in rows)
        assert admitted is (not list(memory_bytes(problem, placement)))
