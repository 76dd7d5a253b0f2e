"""Every rule by its name, with the offender in the violation."""

from __future__ import annotations

from typing import Any

import pytest

from models.infeasibility import Violation
from placement.constraints import (
    Limits,
    exceeds,
    limit_violations,
    limits_of,
    placing_violations,
    structural_violations,
)
from placement.evaluation import figures_of
from placement.problem import Problem
from tests.placement.examples_for_tests import inference, layer, link, node, passing, placed, problem_of, training

Stages = tuple[tuple[Any, ...], ...]
AB: Stages = (("a", 0, 1), ("b", 1, 3))


def three(**parts: Any) -> Problem:
    """Three layers of 1 s, 100 bytes and no payload on a (terminal), b and c, all linked; b draws 10 W."""
    nodes = [
        node("a", kind="terminal", **parts.pop("a", {})),
        node("b", busy_power_w=10.0, **parts.pop("b", {})),
        node("c"),
    ]
    links = parts.pop("links", [link("a", "b"), link("a", "c"), link("b", "c")])
    layers = [layer(weight=100.0, backward=1.0, activation_bytes=10.0) for _ in range(3)]
    return problem_of(nodes, links, layers, parts.pop("workload", inference()), **parts)


def structural(problem: Problem, *stages: tuple[Any, ...]) -> list[Violation]:
    return structural_violations(problem, placed(problem, *stages))


def placing(problem: Problem, *stages: tuple[Any, ...]) -> list[Violation]:
    return placing_violations(problem, placed(problem, *stages))


def limited(problem: Problem, *stages: tuple[Any, ...], limits: Limits | None = None) -> list[Violation]:
    placement = placed(problem, *stages)
    figures = figures_of(problem, placement, passing(problem, placement))
    return limit_violations(problem, placement, figures, limits)


def rules(violations: list[Violation]) -> list[str]:
    return [violation.constraint for violation in violations]


def test_placement_that_keeps_every_rule_has_no_violation() -> None:
    problem = three()
    assert [*structural(problem, *AB), *placing(problem, *AB), *limited(problem, *AB)] == []


# Structure


@pytest.mark.parametrize(
    ("stages", "message", "at"),
    [
        ((("a", 0, 1), ("b", 2, 3)), "stage 1 starts at layer 2, but layer 1 is next", 1),
        ((("a", 0, 2), ("b", 1, 3)), "stage 1 starts at layer 1, but layer 2 is next", 1),
        ((("a", 1, 3),), "stage 0 starts at layer 1, but layer 0 is next", 0),
        ((("a", 0, 1), ("b", 1, 2)), "the last stage stops at layer 2, but the model has 3 layers", 1),
    ],
    ids=["gap", "overlap", "late start", "early stop"],
)
def test_layers_in_order_names_the_stage_that_breaks_the_chain(stages: Stages, message: str, at: int) -> None:
    (violation,) = structural(three(), *stages)
    assert (violation.constraint, violation.message, violation.stages) == ("layers_in_order", message, (at,))


def test_one_stage_per_node_names_node_and_both_stages() -> None:
    (violation,) = structural(three(), ("b", 0, 1), ("a", 1, 2), ("b", 2, 3))
    assert (violation.constraint, violation.nodes, violation.stages) == ("one_stage_per_node", ("b",), (0, 2))


def test_source_may_hold_the_first_and_the_last_stage() -> None:
    assert structural(three(), ("a", 0, 1), ("b", 1, 2), ("a", 2, 3)) == []


def test_source_may_hold_both_ends_without_being_asked_for_a_tail() -> None:
    problem = three(privacy={"tail_layers": 0})
    assert structural(problem, ("a", 0, 1), ("c", 1, 2), ("a", 2, 3)) == []


def test_source_may_not_hold_two_neighbouring_stages() -> None:
    assert rules(structural(three(), ("a", 0, 1), ("a", 1, 3))) == ["one_stage_per_node"]


def test_source_may_not_hold_a_middle_stage_besides_the_first() -> None:
    problem = problem_of([node("a"), node("b"), node("c")], [link("a", "b"), link("a", "c")], [layer()] * 4)
    broken = structural(problem, ("a", 0, 1), ("b", 1, 2), ("a", 2, 3), ("c", 3, 4))
    assert rules(broken) == ["one_stage_per_node"]


def test_source_runs_both_of_its_stages_at_one_level() -> None:
    points = [
        {"name": name, "compute_flops_per_s": rate, "busy_power_w": 0.0} for name, rate in (("low", 1.0), ("high", 2.0))
    ]
    problem = three(a={"operating_points": points})
    (violation,) = structural(problem, ("a", 0, 1, "low"), ("b", 1, 2), ("a", 2, 3, "high"))
    assert (violation.constraint, violation.nodes, violation.stages) == ("one_level_per_node", ("a",), (0, 2))


def test_route_names_the_pair_that_has_none() -> None:
    problem = three(links=[link("a", "b"), link("a", "c")])
    (violation,) = structural(problem, ("a", 0, 1), ("b", 1, 2), ("c", 2, 3))
    assert (violation.constraint, violation.nodes) == ("route", ("b", "c"))


def test_result_needs_a_route_back_to_the_source() -> None:
    problem = three(links=[link("a", "b", bidirectional=False), link("a", "c")])
    (violation,) = structural(problem, ("a", 0, 1), ("b", 1, 3))
    assert (violation.constraint, violation.nodes) == ("route", ("b", "a"))


def test_gradient_needs_a_route_back_only_in_training() -> None:
    links = [link("a", "b"), link("a", "c"), link("b", "c", bidirectional=False)]
    stages: Stages = (("a", 0, 1), ("b", 1, 2), ("c", 2, 3))
    assert structural(three(links=links), *stages) == []
    (violation,) = structural(three(links=links, workload=training(2)), *stages)
    assert violation.nodes == ("c", "b")


# Placing


@pytest.mark.parametrize(
    ("parts", "stages", "rule", "layers", "at"),
    [
        ({"privacy": {"head_layers": 2}}, AB, "head_layers", "layer 1", ("b", 1)),
        ({"privacy": {"tail_layers": 2}}, AB, "tail_layers", "layers 1..3", ("b", 1)),
        (
            {"privacy": {"untrusted_forbidden_layers": [1, 2]}},
            AB,
            "untrusted_forbidden_layers",
            "layers 1..3",
            ("b", 1),
        ),
        ({"constraints": {"allowed_nodes": ["a", "c"]}}, AB, "allowed_nodes", "layers 1..3", ("b", 1)),
        (
            {"constraints": {"forbidden_nodes": [{"nodes": ["a"], "layer": 0}]}},
            AB,
            "forbidden_nodes",
            "layer 0",
            ("a", 0),
        ),
        ({"constraints": {"pinned": {"2": "c"}}}, AB, "pinned", "layer 2", ("b", 1)),
    ],
    ids=["head", "tail", "untrusted", "allowed", "forbidden", "pinned"],
)
def test_layer_on_a_wrong_node_names_the_rule_the_layers_the_node_and_the_stage(
    parts: dict[str, Any], stages: Stages, rule: str, layers: str, at: tuple[str, int]
) -> None:
    (violation,) = placing(three(**parts), *stages)
    assert violation.constraint == rule
    assert violation.message == f"{rule} keeps {layers} off node {at[0]}"
    assert (violation.nodes, violation.stages) == ((at[0],), (at[1],))


def test_each_broken_rule_is_named_once() -> None:
    problem = three(privacy={"head_layers": 2}, constraints={"forbidden_nodes": ["b"]})
    assert rules(placing(problem, *AB)) == ["head_layers", "forbidden_nodes"]


def test_untrusted_node_may_not_receive_a_leaking_output() -> None:
    problem = three(privacy={"leakage": [0.8, 0.1, 0.1], "max_leakage": 0.5})
    (violation,) = placing(problem, *AB)
    assert violation.message == "untrusted node b receives the output of layer 0"
    assert (violation.required, violation.available, violation.nodes, violation.stages) == (0.8, 0.5, ("b",), (1,))


def test_trusted_node_may_receive_anything() -> None:
    problem = three(privacy={"leakage": [0.8, 0.1, 0.1], "max_leakage": 0.5}, b={"trusted": True})
    assert placing(problem, *AB) == []


def test_untrusted_node_may_not_receive_the_gradient_of_a_leaking_cut() -> None:
    problem = three(privacy={"leakage": [0.1, 0.8, 0.1], "max_leakage": 0.5}, workload=training(2))
    (violation,) = placing(problem, ("b", 0, 2), ("a", 2, 3))
    assert violation.message == "untrusted node b receives the gradient of layer 1"
    assert violation.stages == (0,)


def test_inference_sends_no_gradient_that_could_leak() -> None:
    problem = three(privacy={"leakage": [0.1, 0.8, 0.1], "max_leakage": 0.5})
    assert placing(problem, ("b", 0, 2), ("a", 2, 3)) == []


def test_result_of_the_last_layer_may_leave_for_the_source() -> None:
    problem = three(privacy={"leakage": [0.1, 0.1, 0.9], "max_leakage": 0.5})
    assert placing(problem, *AB) == []


def test_untrusted_relay_that_only_forwards_is_no_receiver() -> None:
    nodes = [node("a", kind="terminal"), node("r", relay=True), node("b", trusted=True)]
    problem = problem_of(
        nodes, [link("a", "r"), link("r", "b")], [layer(), layer()], privacy={"leakage": [1.0, 0.0], "max_leakage": 0.5}
    )
    assert placing(problem, ("a", 0, 1), ("b", 1, 2)) == []


# Limits


def test_memory_names_node_and_bytes() -> None:
    (violation,) = limited(three(b={"memory_bytes": 199.0}), *AB)
    assert (violation.constraint, violation.nodes) == ("memory_bytes", ("b",))
    assert (violation.required, violation.available) == (200.0, 199.0)


def test_memory_that_just_suffices_is_no_violation() -> None:
    assert limited(three(b={"memory_bytes": 200.0}), *AB) == []


def test_memory_counts_the_micro_batches_in_flight() -> None:
    problem = three(a={"memory_bytes": 129.0}, workload=training(4, "1f1b"))
    assert limited(problem, *AB) == []  # depth 2: 100 + 2 x 10
    (violation,) = limited(problem, ("a", 0, 1), ("b", 1, 2), ("c", 2, 3))
    assert violation.required == 130.0


def test_memory_of_the_source_holds_head_and_tail_together() -> None:
    (violation,) = limited(three(a={"memory_bytes": 199.0}), ("a", 0, 1), ("b", 1, 2), ("a", 2, 3))
    assert (violation.nodes, violation.required) == (("a",), 200.0)


def test_energy_budget_counts_a_nodes_own_joules() -> None:
    """b computes 2 s at 10 W; that its joules weigh nothing in the plan does not fill its battery."""
    problem = three(b={"energy_budget_j": 19.0, "energy_weight": 0.0})
    (violation,) = limited(problem, *AB)
    assert (violation.constraint, violation.nodes) == ("energy_budget_j", ("b",))
    assert (violation.required, violation.available) == (20.0, 19.0)


def test_energy_budget_that_just_suffices_is_no_violation() -> None:
    assert limited(three(b={"energy_budget_j": 20.0}), *AB) == []


@pytest.mark.parametrize(
    ("constraints", "required", "available"),
    [
        ({"max_latency_s": 2.5}, 3.0, 2.5),
        ({"max_energy_j": 15.0}, 20.0, 15.0),
        ({"max_stages": 1}, 2.0, 1.0),
        ({"min_throughput_per_s": 0.5}, 0.5, 1 / 3),
    ],
)
def test_limit_on_a_figure_says_what_is_needed_and_what_is_allowed(
    constraints: dict[str, float], required: float, available: float
) -> None:
    (violation,) = limited(three(constraints=constraints), *AB)
    assert violation.constraint == next(iter(constraints))
    assert (violation.required, violation.available) == (pytest.approx(required), pytest.approx(available))


@pytest.mark.parametrize(
    "constraints",
    [{"max_latency_s": 3.0}, {"max_energy_j": 20.0}, {"max_stages": 2}, {"min_throughput_per_s": 1 / 3}],
)
def test_limit_that_is_just_met_is_no_violation(constraints: dict[str, float]) -> None:
    assert limited(three(constraints=constraints), *AB) == []


def test_throughput_of_training_is_demanded_in_micro_batches() -> None:
    problem = three(workload=training(4), constraints={"min_throughput_per_s": 2.0})
    assert limits_of(problem) == Limits(cycle_s=2.0)


def test_searches_may_add_limits_of_their_own() -> None:
    assert rules(limited(three(), *AB, limits=Limits(latency_s=1.0, energy_j=1.0, cycle_s=1.0))) == [
        "max_latency_s",
        "max_energy_j",
        "min_throughput_per_s",
    ]


def test_limits_forgive_a_solvers_rounding_and_no_more() -> None:
    assert not exceeds(1.0 + 0.9e-6, 1.0)
    assert exceeds(1.0 + 1.1e-6, 1.0)
