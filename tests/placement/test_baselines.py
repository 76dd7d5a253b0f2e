"""Each simple rule, by hand: which layers go where."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from placement.baselines import baselines, fastest_options
from placement.problem import Problem
from placement.report import compare_baselines
from tests.placement.examples_for_tests import layer, link, named, node, problem_of, training

Stages = list[tuple[str, int, int]]


def cluster(layers: int = 6, speeds: tuple[float, ...] = (1.0, 3.0, 2.0), **parts: Any) -> Problem:
    """Nodes b, a, c; the source a stands second in the request."""
    memory = parts.pop("memory", (100.0, 100.0, 100.0))
    nodes = [node(name, speed=s, memory_bytes=m) for name, s, m in zip("bac", speeds, memory, strict=True)]
    links = [link("a", "b"), link("b", "c"), link("a", "c")]
    return problem_of(nodes, links, [layer(6.0, weight=1.0) for _ in range(layers)], **parts)


def by_rule(problem: Problem) -> dict[str, list[Stages | None]]:
    rules: dict[str, list[Stages | None]] = {}
    for baseline in baselines(problem):
        stages = None if baseline.placement is None else named(problem, baseline.placement)
        rules.setdefault(baseline.name, []).append(stages)
    return rules


def test_terminal_only_runs_everything_on_the_source() -> None:
    assert by_rule(cluster())["terminal_only"] == [[("a", 0, 6)]]


def test_single_edge_gets_everything_behind_the_head() -> None:
    assert by_rule(cluster(privacy={"head_layers": 2}))["best_single_edge"] == [
        [("a", 0, 2), ("b", 2, 6)],
        [("a", 0, 2), ("c", 2, 6)],
    ]


def test_single_edge_gets_everything_where_no_head_is_asked_for() -> None:
    assert by_rule(cluster())["best_single_edge"] == [[("b", 0, 6)], [("c", 0, 6)]]


def test_single_edge_leaves_the_tail_on_the_source() -> None:
    privacy = {"head_layers": 1, "tail_layers": 2}
    assert by_rule(cluster(privacy=privacy))["best_single_edge"][0] == [("a", 0, 1), ("b", 1, 4), ("a", 4, 6)]


def test_head_and_tail_that_cover_the_model_leave_nothing_to_the_edge() -> None:
    privacy = {"head_layers": 4, "tail_layers": 3}
    assert by_rule(cluster(privacy=privacy))["best_single_edge"] == [[("a", 0, 6)], [("a", 0, 6)]]


def test_even_split_deals_equal_shares_source_first() -> None:
    assert by_rule(cluster())["even_split"] == [[("a", 0, 2), ("b", 2, 4), ("c", 4, 6)]]


def test_even_split_gives_what_remains_to_the_first() -> None:
    assert by_rule(cluster(layers=7))["even_split"] == [[("a", 0, 3), ("b", 3, 5), ("c", 5, 7)]]


def test_even_split_leaves_nodes_out_when_layers_run_out() -> None:
    assert by_rule(cluster(layers=2))["even_split"] == [[("a", 0, 1), ("b", 1, 2)]]


def test_memory_proportional_follows_memory() -> None:
    """a 20, b 30, c 10 bytes: of six layers 2, 3 and 1."""
    assert by_rule(cluster(memory=(30.0, 20.0, 10.0)))["memory_proportional"] == [
        [("a", 0, 2), ("b", 2, 5), ("c", 5, 6)]
    ]


def test_compute_proportional_follows_speed() -> None:
    """a 3, b 1, c 2 FLOP/s: of six layers 3, 1 and 2."""
    assert by_rule(cluster())["compute_proportional"] == [[("a", 0, 3), ("b", 3, 4), ("c", 4, 6)]]


def test_head_longer_than_the_share_is_taken_from_the_next() -> None:
    """Even shares 2, 2, 2 and a head of 3: b gives one."""
    assert by_rule(cluster(privacy={"head_layers": 3}))["even_split"] == [[("a", 0, 3), ("b", 3, 4), ("c", 4, 6)]]


def test_head_longer_than_two_shares_empties_the_next_and_takes_from_the_one_after() -> None:
    assert by_rule(cluster(privacy={"head_layers": 5}))["even_split"] == [[("a", 0, 5), ("c", 5, 6)]]


def test_split_rules_return_the_tail_to_the_source() -> None:
    """Five layers are dealt 2, 2, 1, then the last returns to a."""
    assert by_rule(cluster(privacy={"tail_layers": 1}))["even_split"] == [
        [("a", 0, 2), ("b", 2, 4), ("c", 4, 5), ("a", 5, 6)]
    ]


def test_lone_terminal_has_no_splits() -> None:
    problem = problem_of([node("a")], [], [layer(1.0)])
    assert by_rule(problem) == {
        "terminal_only": [[("a", 0, 1)]],
        "even_split": [None],
        "memory_proportional": [None],
        "compute_proportional": [None],
    }


def test_level_with_the_least_time_for_all_passes_is_taken() -> None:
    points = [
        {"name": "low", "compute_flops_per_s": 1.0, "busy_power_w": 1.0},
        {"name": "high", "compute_flops_per_s": 4.0, "busy_power_w": 9.0},
    ]
    problem = problem_of([node("a", operating_points=points)], [], [layer(1.0, backward=2.0)], training(2, "gpipe"))
    assert [problem.options[o].level for o in fastest_options(problem)] == ["high"]


# As the answer compares them


def test_best_single_edge_is_the_feasible_one_of_least_latency() -> None:
    """b takes 36 s but c, the faster, has no room: 6 layers of 1 byte."""
    problem = cluster(speeds=(1.0, 1.0, 2.0), memory=(6.0, 6.0, 5.0))
    rows = {row.name: row for row in compare_baselines(problem, lambda figures: figures.latency_s)}
    assert (rows["best_single_edge"].stages, rows["best_single_edge"].feasible) == (("b 0..6",), True)
    assert rows["best_single_edge"].latency_s == 36.0


def test_infeasible_rule_is_shown_with_its_reason_and_its_figures() -> None:
    rows = {row.name: row for row in compare_baselines(cluster(memory=(9.0, 3.0, 9.0)), lambda f: f.energy_j)}
    row = rows["terminal_only"]
    assert (row.feasible, row.latency_s) == (False, 12.0)
    assert "memory" in row.reasons[0]


@pytest.mark.parametrize("name", ["even_split", "memory_proportional", "compute_proportional"])
def test_rule_without_another_node_says_so(name: str) -> None:
    problem = problem_of([node("a")], [], [layer(1.0)])
    rows = {row.name: row for row in compare_baselines(problem, lambda figures: figures.latency_s)}
    assert rows[name].reasons == ("there is no other node",)


def test_rule_that_has_no_route_is_infeasible_without_figures() -> None:
    """No link to c."""
    problem = problem_of([node(name) for name in "abc"], [link("a", "b")], [layer(1.0) for _ in range(3)])
    rows = {row.name: row for row in compare_baselines(problem, lambda figures: figures.latency_s)}
    assert (rows["even_split"].feasible, rows["even_split"].latency_s) == (False, None)
    assert rows["even_split"].reasons[0] == "no route from b to c"
    assert rows["best_single_edge"].stages == ("b 0..3",)


def test_rule_is_scored_by_the_objective_in_hand() -> None:
    rows = compare_baselines(cluster(), lambda figures: 100.0 + figures.latency_s)
    assert next(row.objective for row in rows if row.name == "terminal_only") == 112.0


def test_1f1b_rules_are_compared_by_their_replay() -> None:
    """Three micro-batches over two nodes: the formula says 19 s, the replay 22 s."""
    layers = [layer(2.0, out=2.0, backward=1.0), layer(1.0, backward=3.0, gradient=2.0)]
    problem = problem_of([node("a"), node("b")], [link("a", "b")], layers, training(3, "1f1b"))
    rows = {row.name: row for row in compare_baselines(problem, lambda figures: figures.latency_s)}
    assert (rows["even_split"].stages, rows["even_split"].latency_s) == (("a 0..1", "b 1..2"), 22.0)


def test_interchangeable_edges_have_one_candidate_among_them() -> None:
    nodes = [node("a"), *(node(name, speed=2.0) for name in "bcd"), node("e")]
    links = [link(p, q) for p, q in combinations("abcde", 2)]
    problem = problem_of(nodes, links, [layer(), layer()])
    assert by_rule(problem)["best_single_edge"] == [[("b", 0, 2)], [("e", 0, 2)]]
