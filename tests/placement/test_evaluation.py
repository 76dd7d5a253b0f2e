"""The referee: F, B, busy times and the latency of every schedule, by hand. Energy and memory: see beside."""

from __future__ import annotations

from typing import Any

import pytest

from placement.evaluation import formula_latency_s, sendings_of, stage_seconds, throughput_per_s
from placement.problem import Problem
from tests.placement.examples_for_tests import (
    busy,
    inference,
    layer,
    link,
    node,
    passing,
    placed,
    problem_of,
    scored,
    training,
)

AB = [("a", 0, 1), ("b", 1, 2)]


def two_nodes(workload: dict[str, Any], *, wire: dict[str, Any] | None = None, **parts: Any) -> Problem:
    """a and b, b twice as fast; layers of 2 and 6 FLOP forward, 4 and 8 backward; 3 bytes forward, 1 byte back."""
    layers = [
        layer(2.0, out=3.0, backward=4.0, gradient=9.0, decode=1.0, decode_out=0.5, update=2.0),
        layer(6.0, out=9.0, backward=8.0, gradient=1.0, decode=2.0, decode_out=9.0, update=3.0),
    ]
    nodes = [node("a", **parts.pop("a", {})), node("b", speed=2.0, **parts.pop("b", {}))]
    return problem_of(nodes, [link("a", "b", **(wire or {}))], layers, workload, **parts)


# One pass


def test_stage_is_busy_for_the_sum_of_its_layers() -> None:
    problem = two_nodes(inference())
    (stage,) = placed(problem, ("b", 0, 2))
    assert stage_seconds(problem, stage, "forward") == (2.0 + 6.0) / 2.0


def test_overhead_counts_for_every_layer_of_a_stage() -> None:
    problem = two_nodes(inference(), a={"layer_overhead_s": 0.5})
    assert scored(problem, ("a", 0, 2)).latency_s == 2.0 + 6.0 + 2 * 0.5


def test_forward_is_all_stages_and_all_cuts_with_propagation() -> None:
    problem = two_nodes(training(), wire={"latency_s": 0.25})
    traversal = passing(problem, placed(problem, *AB))
    assert traversal.forward_s == 2.0 + (0.25 + 3.0) + 3.0


def test_backward_is_all_stages_and_the_gradients_of_all_cuts() -> None:
    problem = two_nodes(training(), wire={"latency_s": 0.25})
    traversal = passing(problem, placed(problem, *AB))
    assert traversal.backward_s == 4.0 + (0.25 + 1.0) + 4.0


def test_busy_times_leave_propagation_out() -> None:
    problem = two_nodes(training(), wire={"latency_s": 0.25})
    traversal = passing(problem, placed(problem, *AB))
    assert busy(problem, traversal.forward_busy_s) == {"a": 2.0, "b": 3.0, "a -> b": 3.0}
    assert busy(problem, traversal.backward_busy_s) == {"a": 4.0, "b": 4.0, "b -> a": 1.0}


def test_half_duplex_link_is_one_resource_for_both_directions() -> None:
    problem = two_nodes(training(), wire={"duplex": "half"})
    traversal = passing(problem, placed(problem, *AB))
    assert busy(problem, traversal.forward_busy_s)["a <-> b"] == 3.0
    assert busy(problem, traversal.backward_busy_s)["a <-> b"] == 1.0


def test_asymmetric_link_carries_each_direction_at_its_own_rate() -> None:
    problem = two_nodes(training(), wire={"reverse_bandwidth_bits_per_s": 2.0})
    traversal = passing(problem, placed(problem, *AB))
    assert busy(problem, traversal.backward_busy_s)["b -> a"] == 4.0  # 1 byte at 2 bit/s


def test_input_is_sent_in_each_forward_pass_when_the_first_stage_is_elsewhere() -> None:
    problem = two_nodes(training(), input_bytes=5.0)
    traversal = passing(problem, placed(problem, ("b", 0, 2)))
    assert traversal.forward_s == 5.0 + 1.0 + 3.0
    assert busy(problem, traversal.forward_busy_s) == {"b": 4.0, "a -> b": 5.0}


def test_input_stays_where_it_is_when_the_source_runs_the_first_stage() -> None:
    problem = two_nodes(training(), input_bytes=5.0)
    assert passing(problem, placed(problem, *AB)).forward_s == 2.0 + 3.0 + 3.0


def test_labels_occupy_the_link_but_add_nothing_to_the_forward_pass() -> None:
    problem = two_nodes(training(), label_bytes=4.0)
    traversal = passing(problem, placed(problem, *AB))
    assert traversal.forward_s == 2.0 + 3.0 + 3.0
    assert busy(problem, traversal.forward_busy_s)["a -> b"] == 3.0 + 4.0


def test_labels_need_no_trip_when_the_last_stage_is_on_the_source() -> None:
    problem = two_nodes(training(), label_bytes=4.0)
    assert "b -> a" not in busy(problem, passing(problem, placed(problem, ("b", 0, 1), ("a", 1, 2))).backward_busy_s)


def test_no_gradient_crosses_a_cut_before_the_first_layer_with_a_backward_pass() -> None:
    frozen = [layer(2.0, out=3.0), layer(6.0, out=3.0, backward=5.0, gradient=7.0), layer(6.0, backward=5.0)]
    problem = problem_of([node("a"), node("b")], [link("a", "b")], frozen, training())
    assert passing(problem, placed(problem, ("a", 0, 1), ("b", 1, 3))).backward_s == 10.0
    assert passing(problem, placed(problem, ("a", 0, 2), ("b", 2, 3))).backward_s == 10.0  # 0-byte gradient, 0 s


def test_gradient_crosses_a_cut_behind_the_first_layer_with_a_backward_pass() -> None:
    frozen = [layer(2.0, out=3.0, backward=5.0, gradient=99.0), layer(6.0, backward=5.0, gradient=7.0)]
    problem = problem_of([node("a"), node("b")], [link("a", "b")], frozen, training())
    assert passing(problem, placed(problem, *AB)).backward_s == 5.0 + 7.0 + 5.0


def test_update_is_the_slowest_node() -> None:
    problem = two_nodes(training())
    assert passing(problem, placed(problem, *AB)).update_s == max(2.0, 3.0 / 2.0)


def test_node_with_two_stages_updates_both() -> None:
    layers = [layer(backward=1.0, update=2.0) for _ in range(3)]
    problem = problem_of([node("a"), node("b")], [link("a", "b")], layers, training())
    assert passing(problem, placed(problem, ("a", 0, 1), ("b", 1, 2), ("a", 2, 3))).update_s == 4.0


def test_resource_visited_twice_counts_the_sum() -> None:
    """U-shape: the source computes twice; on a medium, out and back add up as well."""
    layers = [layer(1.0, out=2.0), layer(5.0, out=3.0), layer(4.0)]
    problem = problem_of([node("a"), node("b")], [link("a", "b", medium="wifi")], layers)
    traversal = passing(problem, placed(problem, ("a", 0, 1), ("b", 1, 2), ("a", 2, 3)))
    assert busy(problem, traversal.forward_busy_s) == {"a": 1.0 + 4.0, "b": 5.0, "wifi": 2.0 + 3.0}


def test_node_that_does_not_overlap_is_occupied_by_its_own_transfers() -> None:
    problem = two_nodes(training(), a={"overlaps_communication": False})
    traversal = passing(problem, placed(problem, *AB))
    assert busy(problem, traversal.forward_busy_s) == {"a": 2.0 + 3.0, "b": 3.0, "a -> b": 3.0}
    assert busy(problem, traversal.backward_busy_s) == {"a": 4.0 + 1.0, "b": 4.0, "b -> a": 1.0}


def test_relay_that_does_not_overlap_is_occupied_by_both_hops() -> None:
    nodes = [node("a"), node("r", relay=True, overlaps_communication=False), node("b")]
    links = [link("a", "r"), link("r", "b", byte_per_s=2.0)]
    problem = problem_of(nodes, links, [layer(1.0, out=6.0), layer(1.0)])
    traversal = passing(problem, placed(problem, *AB))
    assert traversal.forward_s == 1.0 + 6.0 + 3.0 + 1.0
    assert busy(problem, traversal.forward_busy_s) == {"a": 1.0, "r": 9.0, "b": 1.0, "a -> r": 6.0, "r -> b": 3.0}


def test_placement_without_a_route_sends_nothing_and_has_no_figures() -> None:
    problem = problem_of([node("a"), node("b"), node("c")], [link("a", "b")], [layer(), layer()])
    assert sendings_of(problem, placed(problem, ("b", 0, 1), ("c", 1, 2))) is None


# Latency of a request


def test_request_is_the_input_the_stages_the_cuts_and_the_result() -> None:
    problem = two_nodes(inference(), input_bytes=7.0, result_bytes=5.0)
    assert scored(problem, *AB).latency_s == 2.0 + 3.0 + 3.0 + 5.0
    assert scored(problem, ("b", 0, 2)).latency_s == 7.0 + 4.0 + 5.0
    assert scored(problem, ("b", 0, 1), ("a", 1, 2)).latency_s == 7.0 + 1.0 + 3.0 + 6.0


def test_every_further_token_is_one_decode_pass_with_a_result_of_its_own() -> None:
    problem = two_nodes(inference(output_tokens=3), result_bytes=5.0)
    prefill, decode = 2.0 + 3.0 + 3.0 + 5.0, 1.0 + 0.5 + 1.0 + 5.0
    assert scored(problem, *AB).latency_s == prefill + 2 * decode


def test_period_of_a_request_includes_its_decode_passes() -> None:
    problem = two_nodes(inference(output_tokens=3), result_bytes=5.0)
    figures = scored(problem, *AB)
    assert figures.period_s == 3 * 5.0  # the link back: three results; a and b work 2 + 2 x 1 and 3 + 2 x 1
    assert problem.network.channels[figures.bottleneck - problem.node_count].id == "b -> a"


def test_one_stream_cannot_fill_the_pipeline() -> None:
    problem = two_nodes(inference(concurrency=1))
    figures = scored(problem, *AB)
    assert (figures.latency_s, figures.period_s, figures.cycle_s) == (8.0, 3.0, 8.0)
    assert throughput_per_s(problem, figures) == 1 / 8.0


def test_enough_streams_fill_the_pipeline_up_to_its_bottleneck() -> None:
    problem = two_nodes(inference(concurrency=4))
    figures = scored(problem, *AB)
    assert figures.cycle_s == 3.0  # max(3, 8 / 4)
    assert throughput_per_s(problem, figures) == pytest.approx(1 / 3.0)


def test_plan_that_takes_no_time_has_no_throughput() -> None:
    problem = problem_of([node("a")], [], [layer(0.0)])
    assert throughput_per_s(problem, scored(problem, ("a", 0, 1))) is None


# Latency of an iteration. F = 2 + 3 + 3 = 8, B = 4 + 1 + 4 = 9, U = 2


def test_sequential_repeats_the_whole_traversal() -> None:
    assert scored(two_nodes(training(5, "sequential")), *AB).latency_s == 5 * (8.0 + 9.0) + 2.0


def test_gpipe_waits_for_the_slowest_resource_in_each_direction() -> None:
    assert scored(two_nodes(training(5, "gpipe")), *AB).latency_s == 8.0 + 4 * 3.0 + 9.0 + 4 * 4.0 + 2.0


def test_1f1b_waits_for_the_resource_that_is_slowest_in_both_directions_together() -> None:
    assert scored(two_nodes(training(5, "1f1b")), *AB).latency_s == 8.0 + 9.0 + 4 * (3.0 + 4.0) + 2.0


def test_gpipe_and_1f1b_differ_where_different_resources_are_slowest() -> None:
    """Forward a is slowest (4 s), backward b (4 s): 3 (4 + 4) against 3 x 5."""
    layers = [layer(4.0, backward=1.0), layer(1.0, backward=4.0)]
    nodes, links = [node("a"), node("b")], [link("a", "b")]
    latency = {
        schedule: scored(problem_of(nodes, links, layers, training(4, schedule)), *AB).latency_s
        for schedule in ("gpipe", "1f1b")
    }
    assert latency == {"gpipe": 10.0 + 3 * 8.0, "1f1b": 10.0 + 3 * 5.0}


@pytest.mark.parametrize("schedule", ["sequential", "gpipe", "1f1b"])
def test_all_schedules_take_the_same_time_for_one_micro_batch(schedule: str) -> None:
    assert scored(two_nodes(training(1, schedule)), *AB).latency_s == 8.0 + 9.0 + 2.0


def test_channel_can_be_the_bottleneck() -> None:
    problem = two_nodes(training(3, "gpipe"), wire={"bandwidth_bits_per_s": 2.0})
    assert scored(problem, *AB).latency_s == (2.0 + 12.0 + 3.0) + 2 * 12.0 + (4.0 + 4.0 + 4.0) + 2 * 4.0 + 2.0


def test_labels_can_make_a_link_the_bottleneck() -> None:
    problem = two_nodes(training(3, "gpipe"), label_bytes=4.0)
    assert scored(problem, *AB).latency_s == 8.0 + 2 * (3.0 + 4.0) + 9.0 + 2 * 4.0 + 2.0


def test_training_throughput_counts_micro_batches() -> None:
    problem = two_nodes(training(5, "sequential"))
    assert throughput_per_s(problem, scored(problem, *AB)) == pytest.approx(5 / 87.0)


def test_period_of_training_is_the_busiest_resource_per_micro_batch() -> None:
    assert scored(two_nodes(training(5, "gpipe")), *AB).period_s == 3.0 + 4.0


def test_replayed_latency_takes_the_place_of_the_formula() -> None:
    problem = two_nodes(training(5, "1f1b"))
    traversal = passing(problem, placed(problem, *AB))
    assert formula_latency_s(problem, traversal) == 47.0
