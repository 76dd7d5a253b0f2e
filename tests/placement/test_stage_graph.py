"""The stage graph: which columns exist, and that their prices add up to what the referee says."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from placement.constraints import placing_violations
from placement.evaluation import figures_of
from placement.problem import Problem
from placement.stage_graph import StageGraph, build_stage_graph
from tests.placement.examples_for_tests import layer, link, node, passing, placed, problem_of, training
from tests.placement.random_problems import SEEDS, examples, random_problem, some_placements


def graph_of(nodes: list[dict[str, Any]], links: list[dict[str, Any]], layers: int, **parts: Any) -> StageGraph:
    """Layers of 100 bytes; every node for itself."""
    problem = problem_of(nodes, links, [layer(weight=100.0) for _ in range(layers)], **parts)
    return build_stage_graph(problem, merge=False)


def stages(graph: StageGraph) -> set[tuple[str, int, int]]:
    ids = graph.problem.node_ids
    return {(ids[n], int(i), int(j)) for n, i, j in zip(graph.node, graph.first, graph.stop, strict=True)}


def hand_overs(graph: StageGraph) -> set[tuple[int, str, str]]:
    ids = graph.problem.node_ids
    return {(int(j), ids[n], ids[m]) for j, n, m in zip(graph.cut, graph.sender, graph.receiver, strict=True)}


PAIR = [node("a"), node("b")]
WIRE = [link("a", "b")]


def test_every_run_of_layers_on_every_node_is_a_stage() -> None:
    graph = graph_of(PAIR, WIRE, 2)
    assert stages(graph) == {(n, i, j) for n in "ab" for i, j in ((0, 1), (0, 2), (1, 2))}
    assert hand_overs(graph) == {(1, "a", "b"), (1, "b", "a")}


def test_each_level_is_a_stage_of_its_own() -> None:
    points = [
        {"name": name, "compute_flops_per_s": rate, "busy_power_w": 0.0} for name, rate in (("low", 1.0), ("high", 2.0))
    ]
    graph = graph_of([node("a", operating_points=points)], [], 1)
    assert (graph.stage_count, graph.compute_forward_s.tolist()) == (2, [1.0, 0.5])


def test_stage_that_does_not_fit_is_no_column() -> None:
    assert ("b", 0, 2) not in stages(graph_of([node("a"), node("b", memory_bytes=199.0)], WIRE, 2))
    assert ("b", 0, 2) in stages(graph_of([node("a"), node("b", memory_bytes=200.0)], WIRE, 2))


def test_head_leaves_other_nodes_no_stage_at_the_start_and_the_source_none_in_between() -> None:
    graph = graph_of(PAIR, WIRE, 3, privacy={"head_layers": 1})
    assert stages(graph) == {("a", 0, 1), ("a", 0, 2), ("a", 0, 3), ("a", 1, 3), ("a", 2, 3)} | {
        ("b", i, j) for i, j in ((1, 2), (1, 3), (2, 3))
    }


def test_pinned_layer_leaves_stages_of_its_node_only() -> None:
    graph = graph_of(PAIR, WIRE, 2, constraints={"pinned": {"1": "b"}})
    assert stages(graph) == {("a", 0, 1), ("b", 0, 1), ("b", 0, 2), ("b", 1, 2)}


def test_nodes_without_a_route_between_them_hand_nothing_over() -> None:
    graph = graph_of([*PAIR, node("c")], [link("a", "b"), link("a", "c")], 2)
    assert {(n, m) for _, n, m in hand_overs(graph)} == {("a", "b"), ("b", "a"), ("a", "c"), ("c", "a")}


def test_node_that_cannot_return_its_result_runs_no_last_stage() -> None:
    nodes = [*PAIR, node("c")]
    graph = graph_of(nodes, [link("a", "b"), link("a", "c", bidirectional=False), link("b", "c")], 2)
    assert ("c", 1, 2) not in stages(graph)
    assert ("c", 0, 1) in stages(graph)


def test_gradient_needs_the_way_back() -> None:
    nodes = [*PAIR, node("c")]
    links = [link("a", "b"), link("a", "c"), link("b", "c", bidirectional=False)]
    layers = [layer(backward=1.0), layer(backward=1.0)]
    forward = build_stage_graph(problem_of(nodes, links, layers), merge=False)
    both = build_stage_graph(problem_of(nodes, links, layers, training(2)), merge=False)
    assert hand_overs(forward) - hand_overs(both) == {(1, "b", "c")}


def test_leaking_cut_is_handed_to_trusted_nodes_only() -> None:
    nodes = [node("a", kind="terminal"), node("b"), node("c", trusted=True)]
    links = [link("a", "b"), link("a", "c"), link("b", "c")]
    graph = graph_of(nodes, links, 2, privacy={"leakage": [0.9, 0.0], "max_leakage": 0.5})
    assert {m for _, _, m in hand_overs(graph)} == {"a", "c"}


@pytest.mark.parametrize(("memory", "deepest"), [(149.0, None), (150.0, 2), (175.0, 3), (200.0, 4)])
def test_1f1b_stage_has_a_deepest_place_at_which_it_fits(memory: float, deepest: int | None) -> None:
    """100 bytes and 25 per micro-batch in flight; a stage before the last has depth 2 at least."""
    layers = [layer(weight=100.0, backward=1.0, activation_bytes=25.0) for _ in range(4)]
    nodes = [node("a", memory_bytes=memory), *(node(name) for name in "bcd")]
    links = [link(p, q) for p, q in ("ab", "ac", "ad", "bc", "bd", "cd")]
    graph = build_stage_graph(
        problem_of(nodes, links, layers, training(4, "1f1b"), constraints={"max_stages": 4}), merge=False
    )
    own = np.flatnonzero((graph.node == 0) & (graph.first == 0) & (graph.stop == 1))
    depths = [min(int(depth), 4) for depth in graph.max_depth[own]]
    assert depths == ([] if deepest is None else [deepest])


def test_chosen_columns_make_the_placement_that_they_stand_for() -> None:
    graph = graph_of(PAIR, WIRE, 3)
    placement = placed(graph.problem, ("b", 0, 2), ("a", 2, 3))
    columns = graph.columns_of(placement)
    assert columns is not None
    assert graph.placement(reversed(columns[:2])) == placement


def test_placement_outside_the_graph_has_no_columns() -> None:
    graph = graph_of([node("a"), node("b", memory_bytes=50.0)], WIRE, 2)
    assert graph.columns_of(placed(graph.problem, ("a", 0, 1), ("b", 1, 2))) is None


def test_graph_with_fewer_columns_keeps_their_prices() -> None:
    graph = graph_of(PAIR, WIRE, 3)
    kept = graph.keeping(graph.node == 1, np.zeros(graph.hand_over_count, dtype=np.bool_))
    assert stages(kept) == {("b", i, j) for i, j in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))}
    assert sorted(kept.busy_forward.value[kept.busy_forward.row == 1].tolist()) == [1.0, 1.0, 1.0, 2.0, 2.0, 3.0]
    assert kept.busy_forward.column.max() < kept.stage_count


def summed(graph: StageGraph, columns: list[int]) -> dict[str, Any]:
    """What the columns cost together."""

    def spread(entries: Any, size: int) -> list[float]:
        chosen = np.isin(entries.column, columns)
        return np.bincount(entries.row[chosen], entries.value[chosen], minlength=size).tolist()

    problem = graph.problem
    return {
        "forward": graph.forward_s[columns].sum(),
        "backward": graph.backward_s[columns].sum(),
        "busy_forward": spread(graph.busy_forward, problem.resource_count),
        "busy_backward": spread(graph.busy_backward, problem.resource_count),
        "node_joules": spread(graph.node_joules, problem.node_count),
        "joules": graph.joules[columns].sum(),
    }


def refereed(problem: Problem, placement: Any) -> dict[str, Any]:
    """The same by the referee; idle power is no column's."""
    traversal = passing(problem, placement)
    figures = figures_of(problem, placement, traversal)
    own = [c + t for c, t in zip(figures.compute_j, figures.communication_j, strict=True)]
    return {
        "forward": traversal.forward_s,
        "backward": traversal.backward_s,
        "busy_forward": [traversal.forward_busy_s.get(r, 0.0) for r in range(problem.resource_count)],
        "busy_backward": [traversal.backward_busy_s.get(r, 0.0) for r in range(problem.resource_count)],
        "node_joules": own,
        "joules": float(np.dot(problem.energy_weight, own)),
    }


@examples(80)
@given(SEEDS)
def test_columns_of_a_placement_add_up_to_its_figures(seed: int) -> None:
    problem = random_problem(seed)
    graph = build_stage_graph(problem, merge=False)
    for placement in some_placements(problem, Random(seed), 6):
        columns = graph.columns_of(placement)
        if columns is not None:
            expected = refereed(problem, placement)
            for name, value in summed(graph, columns).items():
                assert value == pytest.approx(expected[name], rel=1e-9, abs=1e-12), name
        elif not placing_violations(problem, placement):
            assert outgrown(graph, placement)


def outgrown(graph: StageGraph, placement: Any) -> bool:
    """Whether some stage alone overfills its node at the shallowest place it can have."""
    problem = graph.problem
    for stage in placement:
        layers = slice(stage.first, stage.stop)
        sizes = problem.bytes
        kept = problem.in_flight(1 if stage.stop == problem.layer_count else 2)
        needed = sizes.static[layers].sum() + sizes.activations[layers].sum() * kept + sizes.workspace[layers].max()
        if needed > problem.memory_bytes[problem.node_of(stage)]:
            return True
    return False


def test_hops_of_routes_through_relays_are_priced_one_by_one() -> None:
    """a - r - s - b: 2 bytes take 2 s on each of three links; r pays for receiving and sending."""
    nodes = [node("a"), node("r", relay=True), node("s", relay=True), node("b")]
    links = [link(p, q, transmit_power_w=3.0, receive_power_w=1.0) for p, q in ("ar", "rs", "sb")]
    problem = problem_of(nodes, links, [layer(out=2.0), layer()])
    graph = build_stage_graph(problem)
    columns = graph.columns_of(placed(problem, ("a", 0, 1), ("b", 1, 2)))
    assert columns is not None
    over = columns[2]
    assert graph.forward_s[over] == 6.0
    assert sorted(graph.busy_forward.value[graph.busy_forward.column == over].tolist()) == [2.0, 2.0, 2.0]
    joules = summed(graph, [over])["node_joules"]
    assert joules == [3.0 * 2, (1.0 + 3.0) * 2, (1.0 + 3.0) * 2, 1.0 * 2]
