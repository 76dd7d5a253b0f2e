"""Profiles become seconds, joules and bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.base import InvalidInput
from models.cluster import Node
from models.profile import Pass
from models.request import PlanRequest
from placement.cost_model import compile_problem, pass_seconds
from placement.problem import Problem
from tests.placement.examples_for_tests import inference, layer, link, node, problem_of, training


def seconds(fields: dict[str, Any], cost: dict[str, Any] | None, level: int = 0) -> float:
    machine = Node.model_validate(node("a", **fields))
    costs = [None if cost is None else Pass.model_validate(cost)]
    levels = [(0, operating_point) for operating_point in machine.levels]
    return float(pass_seconds([machine], levels, costs)[level, 0])


LEVELS = {
    "operating_points": [
        {"name": "slow", "compute_flops_per_s": 2.0, "busy_power_w": 1.0, "memory_bandwidth_bytes_per_s": 5.0},
        {"name": "fast", "compute_flops_per_s": 8.0, "busy_power_w": 9.0},
    ],
    "memory_bandwidth_bytes_per_s": 20.0,
}


def test_layer_takes_its_flops_over_the_rate() -> None:
    assert seconds({"speed": 4.0}, {"flops": 12.0}) == 3.0


def test_layer_that_moves_much_memory_is_bound_by_the_bandwidth() -> None:
    cost = {"flops": 12.0, "traffic_bytes": 100.0}
    assert seconds({"speed": 4.0, "memory_bandwidth_bytes_per_s": 20.0}, cost) == 5.0


def test_layer_that_moves_little_memory_is_bound_by_the_rate() -> None:
    cost = {"flops": 12.0, "traffic_bytes": 10.0}
    assert seconds({"speed": 4.0, "memory_bandwidth_bytes_per_s": 20.0}, cost) == 3.0


def test_traffic_is_free_on_a_node_of_unknown_bandwidth() -> None:
    assert seconds({"speed": 4.0}, {"flops": 12.0, "traffic_bytes": 1e9}) == 3.0


def test_overhead_is_added_once_per_layer() -> None:
    assert seconds({"speed": 4.0, "layer_overhead_s": 0.5}, {"flops": 12.0}) == 3.5


def test_measured_time_replaces_estimate_and_overhead() -> None:
    assert seconds({"layer_overhead_s": 0.5}, {"flops": 12.0, "time_s": {"a": 7.0}}) == 7.0


def test_time_measured_on_another_node_says_nothing() -> None:
    assert seconds({}, {"flops": 12.0, "time_s": {"b": 7.0}}) == 12.0


@pytest.mark.parametrize(("level", "expected"), [(0, 12.0), (1, 3.0)])
def test_measured_time_holds_at_the_fastest_level_and_scales_with_the_rate(level: int, expected: float) -> None:
    assert seconds(LEVELS, {"time_s": {"a": 3.0}}, level) == expected


@pytest.mark.parametrize(("level", "expected"), [(0, 20.0), (1, 5.0)])
def test_level_may_have_a_memory_bandwidth_of_its_own(level: int, expected: float) -> None:
    assert seconds(LEVELS, {"flops": 8.0, "traffic_bytes": 100.0}, level) == expected


def test_layer_without_a_pass_does_nothing_in_it_not_even_overhead() -> None:
    assert seconds({"layer_overhead_s": 0.5}, None) == 0.0


def test_node_without_levels_has_one_called_default() -> None:
    problem = problem_of([node("a", idle_power_w=2.0)], [], [layer()])
    (option,) = problem.options
    assert (option.level, option.idle_power_w, option.busy_power_w) == ("default", 2.0, 2.0)


def test_each_level_is_an_option_with_its_own_powers() -> None:
    points = [
        {"name": "low", "compute_flops_per_s": 1.0, "busy_power_w": 3.0, "idle_power_w": 1.0},
        {"name": "high", "compute_flops_per_s": 2.0, "busy_power_w": 9.0},
    ]
    problem = problem_of([node("b"), node("a", operating_points=points, idle_power_w=2.0)], [link("a", "b")], [layer()])
    assert problem.options_of_node == ((0,), (1, 2))
    assert [(o.idle_power_w, o.busy_power_w) for o in problem.options] == [(0.0, 0.0), (1.0, 3.0), (2.0, 9.0)]
    assert problem.forward_s[:, 0].tolist() == [1.0, 1.0, 0.5]


# What is sent

TWO = [node("a"), node("b")]
PAIR = [link("a", "b")]


def sizes(tables: tuple[Any, ...]) -> list[float | None]:
    return [None if table is None else table.payload_bytes for table in tables]


def trained(first_backward: int) -> Problem:
    """Three layers that send 1, 2, 3 bytes forward and gradients of 10, 20, 30."""
    layers = [
        layer(out=k + 1.0, backward=1.0 if k >= first_backward else None, gradient=10.0 * (k + 1)) for k in range(3)
    ]
    return problem_of(TWO, PAIR, layers, training(2), label_bytes=5.0, input_bytes=7.0, result_bytes=9.0)


def test_cut_carries_the_output_of_the_layer_before_it() -> None:
    assert sizes(trained(0).payloads.forward) == [None, 1.0, 2.0, None]


def test_cut_carries_back_the_gradient_of_the_layer_behind_it() -> None:
    assert sizes(trained(0).payloads.backward) == [None, 20.0, 30.0, None]


def test_no_gradient_crosses_the_cuts_before_the_first_layer_with_a_backward_pass() -> None:
    assert sizes(trained(1).payloads.backward) == [None, None, 30.0, None]


def test_training_sends_input_and_labels_but_no_result() -> None:
    payloads = trained(0).payloads
    assert payloads.label is not None
    assert (payloads.input.payload_bytes, payloads.label.payload_bytes, payloads.result) == (7.0, 5.0, None)


def test_inference_sends_input_and_result_but_no_labels_or_gradients() -> None:
    problem = problem_of(TWO, PAIR, [layer(backward=1.0, gradient=3.0)] * 2, label_bytes=5.0, result_bytes=9.0)
    assert problem.payloads.result is not None
    assert (problem.payloads.result.payload_bytes, problem.payloads.label) == (9.0, None)
    assert sizes(problem.payloads.backward) == [None, None, None]


@pytest.mark.parametrize(("tokens", "expected"), [(1, None), (2, 4.0)])
def test_decode_payloads_cross_only_when_tokens_are_decoded(tokens: int, expected: float | None) -> None:
    problem = problem_of(TWO, PAIR, [layer(decode=1.0, decode_out=4.0)] * 2, inference(output_tokens=tokens))
    assert sizes(problem.payloads.decode) == [None, expected, None]


# What is kept

KEPT = layer(
    backward=1.0, weight=1.0, gradient_bytes=2.0, optimizer_bytes=4.0, activation_bytes=8.0, kv_cache_bytes=16.0,
    workspace_bytes=32.0,
)  # fmt: skip


def test_training_keeps_weights_gradients_optimizer_and_activations_but_no_cache() -> None:
    sizes = problem_of([node("a")], [], [KEPT], training(3)).bytes
    assert (sizes.static.tolist(), sizes.activations.tolist(), sizes.workspace.tolist()) == ([7.0], [8.0], [32.0])


def test_inference_keeps_a_cache_per_concurrent_request_but_no_activations() -> None:
    sizes = problem_of([node("a")], [], [KEPT], inference(concurrency=5)).bytes
    assert (sizes.kv_cache.tolist(), sizes.activations.tolist()) == ([80.0], [0.0])


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        (inference(), [0, 0, 0, 0]),
        (training(5, "sequential"), [1, 1, 1, 1]),
        (training(5, "gpipe"), [5, 5, 5, 5]),
        (training(5, "1f1b"), [1, 2, 3, 4]),
        (training(3, "1f1b"), [1, 2, 3, 3]),
        (training(5, "1f1b", warmup="deep"), [1, 3, 5, 5]),
    ],
)
def test_micro_batches_in_flight_follow_schedule_and_depth(workload: dict[str, Any], expected: list[int]) -> None:
    problem = problem_of([node("a")], [], [layer(backward=1.0)], workload)
    assert [problem.in_flight(depth) for depth in (1, 2, 3, 4)] == expected


# Who may run and see what

THREE = [node("a", kind="terminal"), node("b"), node("c", trusted=True)]
STAR = [link("a", "b"), link("a", "c"), link("b", "c")]


def allowed(**parts: Any) -> list[str]:
    """Per layer, the nodes that may run it."""
    problem = problem_of(THREE, STAR, [layer() for _ in range(3)], **parts)
    return ["".join(np.array(problem.node_ids)[column]) for column in problem.allowed.T]


def test_every_layer_may_run_anywhere_by_itself() -> None:
    assert allowed() == ["abc", "abc", "abc"]


def test_head_and_tail_run_on_the_source() -> None:
    assert allowed(privacy={"head_layers": 1, "tail_layers": 1}) == ["a", "abc", "a"]


def test_default_head_reaches_up_to_the_first_block() -> None:
    layers = [layer(kind="embedding"), layer(kind="block"), layer(kind="block")]
    problem = problem_of(THREE, STAR, layers, privacy={"head_layers": None})
    assert problem.head_layers == 2


def test_forbidden_layers_run_on_trusted_nodes_only() -> None:
    assert allowed(privacy={"untrusted_forbidden_layers": [1]}) == ["abc", "ac", "abc"]


def test_allowed_and_forbidden_nodes_hold_for_their_layers() -> None:
    rules = {
        "allowed_nodes": [{"nodes": ["a", "b"], "first_layer": 1}],
        "forbidden_nodes": [{"nodes": ["b"], "layer": 2}],
    }
    assert allowed(constraints=rules) == ["abc", "ab", "a"]


def test_pinned_layer_runs_on_its_node_only() -> None:
    assert allowed(constraints={"pinned": {"1": "c"}}) == ["abc", "c", "abc"]


def test_untrusted_node_receives_nothing_that_leaks_more_than_allowed() -> None:
    problem = problem_of(
        THREE, STAR, [layer() for _ in range(3)], privacy={"leakage": [0.9, 0.5, 0.9], "max_leakage": 0.5}
    )
    assert problem.receives.tolist() == [[True] * 4, [True, False, True, True], [True] * 4]


def test_layer_rules_of_a_derived_model_are_checked_once_its_layers_are_known() -> None:
    body = {
        "cluster": {"nodes": [node("a")]},
        "model": {"huggingface_config": {"model_type": "gpt2", "n_layer": 2}, "sequence_length": 4},
        "workload": inference(),
        "constraints": {"pinned": {"99": "a"}},
    }
    request = PlanRequest.model_validate(body)
    with pytest.raises(InvalidInput, match="the model has 4 layers"):
        compile_problem(request)
