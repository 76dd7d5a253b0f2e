"""What it costs to use an unused node: against every placement that has it."""

from __future__ import annotations

import pytest
from hypothesis import given

from models.explanation import UnusedNode, UnusedReason
from placement.problem import Placement, Problem
from tests.placement.examples_for_tests import layer, link, node, request_body
from tests.placement.explanation.explained import Body, Truth, answered, random_explained
from tests.placement.random_problems import SEEDS, examples

ONLY = {"sensitivity": False, "stability": False}


def unused(body: Body) -> dict[str, UnusedNode]:
    explanation = answered(body, **ONLY).explanation
    assert explanation is not None
    assert explanation.unused_nodes is not None
    return {node.id: node for node in explanation.unused_nodes}


def three_nodes(**last: object) -> Body:
    """Layers of 4 s on a and 1 s on b; c is as the test says."""
    links = [link("a", "b"), link("a", "c"), link("b", "c")]
    return request_body([node("a"), node("b", speed=4.0), node("c", **last)], links, [layer(4.0), layer(4.0)])


def test_a_slower_node_costs_what_its_layer_takes_longer() -> None:
    """One of two layers on c takes 2 s instead of 1."""
    found = unused(three_nodes(speed=2.0))
    assert found["c"].reason is UnusedReason.COSTS_MORE
    assert found["c"].costs_at_least == found["c"].costs_at_most == pytest.approx(1.0)
    assert found["c"].proven
    assert "c" in [stage.node for stage in found["c"].stages]


def test_an_equal_node_would_do_as_well() -> None:
    found = unused(three_nodes(speed=4.0))
    assert [node.reason for node in found.values()] == [UnusedReason.COSTS_MORE, UnusedReason.INTERCHANGEABLE]


@pytest.mark.parametrize(("fields", "parts", "why"), [
    ({"memory_bytes": 1.0}, {}, "no layer that it may run fits its memory"),
    ({}, {"constraints": {"forbidden_nodes": ["c"]}}, "forbidden_nodes keeps it out"),
    ({}, {"constraints": {"max_latency_s": 2.5}}, "no plan with it keeps every rule and limit"),
])  # fmt: skip
def test_a_node_that_no_plan_can_use_is_told_why(fields: Body, parts: Body, why: str) -> None:
    body = {**three_nodes(**fields), **parts}
    for given_layer in body["model"]["layers"]:
        given_layer["weight_bytes"] = 5.0
    found = unused(body)["c"]
    assert (found.reason, found.proven) == (UnusedReason.IMPOSSIBLE, True)
    assert why in found.message


def test_a_node_out_of_reach_is_told_so() -> None:
    body = three_nodes()
    body["cluster"]["links"] = [link("a", "b"), link("c", "b", bidirectional=False)]
    assert "not connected to the source both ways" in unused(body)["c"].message


@examples(25)
@given(SEEDS)
def test_every_cost_of_use_is_that_of_the_best_placement_with_the_node(seed: int) -> None:
    found = random_explained(seed, **ONLY)
    if found is None:
        return
    body, answer = found
    explanation, truth = answer.explanation, Truth(answer, body)
    assert explanation is not None
    best = truth.best(body)
    assert best is not None
    for node_told in explanation.unused_nodes or ():

        def with_node(problem: Problem, placement: Placement, name: str = node_told.id) -> bool:
            return any(problem.node_ids[problem.node_of(stage)] == name for stage in placement)

        forced = truth.best(body, with_node)
        if forced is None:
            assert node_told.costs_at_most is None, node_told
            assert (node_told.reason is UnusedReason.IMPOSSIBLE) is node_told.proven, node_told
            continue
        assert node_told.reason is not UnusedReason.IMPOSSIBLE, node_told
        cost, slack = max(0.0, truth.difference(best, forced, body)), 1e-6 * abs(answer.objective or 0.0) + 1e-12
        assert (node_told.costs_at_least or 0.0) <= cost + slack, node_told
        assert node_told.costs_at_most is None or node_told.costs_at_most >= cost - slack, node_told
        if answer.stages and body["workload"].get("schedule") != "1f1b":
            assert node_told.proven, node_told
            assert node_told.costs_at_least == pytest.approx(cost, abs=2 * slack)
