"""The referee's joules and bytes, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from placement.evaluation import figures_of, node_memory, stage_memory
from placement.problem import Problem
from tests.placement.examples_for_tests import (
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
FREE = {"idle_power_w": 0.0, "busy_power_w": 0.0}


def powered(workload: dict[str, Any], *, a: dict[str, Any], b: dict[str, Any], **wire: Any) -> Problem:
    """Layers of 2 s on a and on b; 3 s on the wire; backward the same with 1 s."""
    layers = [layer(2.0, out=3.0, backward=4.0, decode=1.0, update=0.5), layer(2.0, backward=4.0, gradient=1.0,
              decode=1.0, update=0.25)]  # fmt: skip
    return problem_of([node("a", **a), node("b", **b)], [link("a", "b", **wire)], layers, workload)


# Energy of a request


def test_node_draws_busy_power_only_while_it_computes() -> None:
    problem = powered(inference(), a={"busy_power_w": 10.0}, b={"busy_power_w": 100.0})
    assert scored(problem, *AB).energy_j == 2.0 * 10.0 + 2.0 * 100.0


def test_used_node_idles_for_the_whole_request() -> None:
    problem = powered(inference(), a={"idle_power_w": 1.0, "busy_power_w": 4.0}, b=FREE)
    assert scored(problem, *AB).idle_j == (7.0 * 1.0, 0.0)
    assert scored(problem, *AB).compute_j == (2.0 * (4.0 - 1.0), 0.0)


def test_unused_node_draws_nothing() -> None:
    problem = powered(inference(), a=FREE, b={"idle_power_w": 1.0})
    assert scored(problem, ("a", 0, 2)).energy_j == 0.0


def test_source_idles_even_without_a_stage() -> None:
    problem = powered(inference(), a={"idle_power_w": 1.0, "busy_power_w": 4.0}, b=FREE)
    assert scored(problem, ("b", 0, 2)).energy_j == 4.0 * 1.0


def test_source_without_a_stage_idles_at_its_own_power_and_not_at_a_levels() -> None:
    point = {"name": "eco", "compute_flops_per_s": 1.0, "busy_power_w": 2.0, "idle_power_w": 0.5}
    problem = powered(inference(), a={"idle_power_w": 1.0, "operating_points": [point]}, b=FREE)
    assert scored(problem, ("b", 0, 2)).idle_j == (4.0, 0.0)
    assert scored(problem, ("a", 0, 2)).idle_j == (4.0 * 0.5, 0.0)


def test_concurrent_requests_share_the_idle_power() -> None:
    problem = powered(inference(concurrency=2), a={"idle_power_w": 1.0}, b=FREE)
    figures = scored(problem, *AB)
    assert (figures.latency_s, figures.cycle_s, figures.energy_j) == (7.0, 3.5, 3.5)


def test_decode_passes_are_computed_too() -> None:
    problem = powered(inference(output_tokens=3), a={"busy_power_w": 10.0}, b=FREE)
    assert scored(problem, *AB).energy_j == (2.0 + 2 * 1.0) * 10.0


def test_both_ends_of_a_transfer_draw_power_for_its_busy_time() -> None:
    problem = powered(inference(), a=FREE, b=FREE, latency_s=9.0, transmit_power_w=5.0, receive_power_w=2.0)
    assert scored(problem, *AB).communication_j == (3.0 * 5.0, 3.0 * 2.0)


def test_on_the_way_back_the_other_end_transmits() -> None:
    layers = [layer(1.0), layer(1.0)]
    wire = link("a", "b", transmit_power_w=5.0, receive_power_w=2.0)
    problem = problem_of([node("a"), node("b")], [wire], layers, input_bytes=1.0, result_bytes=10.0)
    assert scored(problem, ("b", 0, 2)).communication_j == (1 * 5.0 + 10 * 2.0, 1 * 2.0 + 10 * 5.0)


def test_relay_pays_for_receiving_and_sending_but_not_for_idling() -> None:
    nodes = [node("a"), node("r", relay=True, idle_power_w=50.0), node("b")]
    power = {"transmit_power_w": 5.0, "receive_power_w": 2.0}
    links = [link("a", "r", **power), link("r", "b", byte_per_s=2.0, **power)]
    problem = problem_of(nodes, links, [layer(1.0, out=6.0), layer(1.0)])
    assert scored(problem, *AB).communication_j == (6 * 5.0, 6 * 2.0 + 3 * 5.0, 3 * 2.0)
    assert scored(problem, *AB).idle_j == (0.0, 0.0, 0.0)


def test_energy_weight_counts_a_nodes_joules_more_or_less() -> None:
    a = {"busy_power_w": 10.0, "energy_weight": 0.5}
    problem = powered(inference(), a=a, b={"busy_power_w": 100.0, "energy_weight": 0.0}, transmit_power_w=8.0)
    assert scored(problem, *AB).energy_j == 0.5 * (2 * 10.0 + 3 * 8.0)


def test_node_joules_are_its_own_and_unweighted() -> None:
    a = {"idle_power_w": 1.0, "busy_power_w": 11.0, "energy_weight": 0.0}
    problem = powered(inference(), a=a, b=FREE, transmit_power_w=8.0)
    assert scored(problem, *AB).node_j(0) == 7.0 + 20.0 + 24.0


def test_each_level_has_its_own_powers() -> None:
    points = [
        {"name": "low", "compute_flops_per_s": 1.0, "busy_power_w": 3.0, "idle_power_w": 1.0},
        {"name": "high", "compute_flops_per_s": 2.0, "busy_power_w": 20.0},
    ]
    problem = powered(inference(), a={"operating_points": points, "idle_power_w": 2.0}, b=FREE)
    low, high = (scored(problem, ("a", 0, 2, level)) for level in ("low", "high"))
    assert (low.latency_s, low.energy_j) == (4.0, 4.0 * 1.0 + 4.0 * 2.0)
    assert (high.latency_s, high.energy_j) == (2.0, 2.0 * 2.0 + 2.0 * 18.0)


# Energy of an iteration


def test_iteration_computes_all_micro_batches_and_one_update() -> None:
    problem = powered(training(3), a={"busy_power_w": 10.0}, b=FREE)
    assert scored(problem, *AB).energy_j == (3 * (2.0 + 4.0) + 0.5) * 10.0


def test_iteration_sends_activation_and_gradient_of_every_micro_batch() -> None:
    problem = powered(training(3), a=FREE, b=FREE, transmit_power_w=5.0)
    assert scored(problem, *AB).communication_j == (3 * 3.0 * 5.0, 3 * 1.0 * 5.0)


def test_labels_cost_energy() -> None:
    layers = [layer(1.0, backward=1.0), layer(1.0, backward=1.0)]
    wire = link("a", "b", transmit_power_w=5.0)
    problem = problem_of([node("a"), node("b")], [wire], layers, training(3), label_bytes=2.0)
    assert scored(problem, *AB).communication_j[0] == 3 * 2.0 * 5.0


def test_iteration_idles_for_its_latency() -> None:
    problem = powered(training(3), a={"idle_power_w": 1.0}, b=FREE)
    figures = scored(problem, *AB)
    assert figures.latency_s == (7.0 + 2 * 3.0) + (9.0 + 2 * 4.0) + 0.5
    assert figures.energy_j == figures.cycle_s == figures.latency_s


def test_replayed_latency_stretches_the_idle_energy() -> None:
    problem = powered(training(3), a={"idle_power_w": 1.0}, b=FREE)
    placement = placed(problem, *AB)
    figures = figures_of(problem, placement, passing(problem, placement), latency_s=100.0)
    assert (figures.latency_s, figures.cycle_s, figures.energy_j) == (100.0, 100.0, 100.0)


# Memory

PARTS = {"gradient_bytes": 2.0, "optimizer_bytes": 4.0, "activation_bytes": 8.0, "kv_cache_bytes": 16.0}
UVW = [("a", 0, 1), ("b", 1, 2), ("a", 2, 3)]


def remembered(workload: dict[str, Any]) -> Problem:
    """Three layers of 1 byte of weights with workspaces of 32, 64 and 128 bytes."""
    layers = [layer(backward=1.0, weight=1.0, workspace_bytes=32.0 * 2**k, **PARTS) for k in range(3)]
    return problem_of([node("a"), node("b")], [link("a", "b")], layers, workload)


def test_inference_stage_holds_weights_and_a_cache_per_request() -> None:
    problem = remembered(inference(concurrency=3))
    memory = stage_memory(problem, placed(problem, ("a", 0, 2))[0], depth=1)
    assert (memory.weights, memory.kv_cache, memory.activations) == (2.0, 2 * 3 * 16.0, 0.0)


def test_workspace_of_a_stage_is_its_largest() -> None:
    problem = remembered(inference())
    assert stage_memory(problem, placed(problem, ("a", 0, 2))[0], depth=1).workspace == 64.0


def test_training_stage_holds_gradients_optimizer_and_activations_in_flight() -> None:
    problem = remembered(training(5))
    memory = stage_memory(problem, placed(problem, ("a", 0, 2))[0], depth=1)
    assert (memory.gradients, memory.optimizer, memory.activations) == (4.0, 8.0, 2 * 8.0 * 5)
    assert memory.total == 2.0 + 4.0 + 8.0 + 80.0 + 64.0


@pytest.mark.parametrize(
    ("schedule", "warmup", "kept"),
    [
        ("sequential", "classic", (1, 1)),
        ("gpipe", "classic", (4, 4)),
        ("1f1b", "classic", (2, 1)),
        ("1f1b", "deep", (3, 1)),
    ],
)
def test_each_stage_keeps_the_micro_batches_of_its_schedule(schedule: str, warmup: str, kept: tuple[int, int]) -> None:
    problem = remembered(training(4, schedule, warmup=warmup))
    held = node_memory(problem, placed(problem, ("a", 0, 1), ("b", 1, 3)))
    assert held == {0: 7.0 + kept[0] * 8.0 + 32.0, 1: 14.0 + kept[1] * 16.0 + 128.0}


def test_head_and_tail_share_the_memory_of_the_source_with_one_workspace() -> None:
    problem = remembered(training(4, "1f1b"))
    held = node_memory(problem, placed(problem, *UVW))
    assert held == {0: 2 * 7.0 + (3 + 1) * 8.0 + 128.0, 1: 7.0 + 2 * 8.0 + 64.0}
