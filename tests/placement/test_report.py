"""The answer's tables add up."""

from __future__ import annotations

from random import Random

import pytest

from models.plan import Metrics
from placement import report
from placement.evaluation import Figures
from placement.problem import Placement, Problem
from placement.report import assess
from tests.placement.examples_for_tests import inference, layer, link, node, placed, problem_of, training
from tests.placement.random_problems import FACTOR, random_problem, some_placements

ROUNDING = 1e-9


def assessed(problem: Problem, placement: Placement) -> tuple[Figures, Metrics]:
    figures, _, metrics = assess(problem, placement)
    assert figures is not None
    return figures, metrics


def cut(**parts: object) -> Problem:
    """Two requests of 2 tokens in flight over a cut: prefill 4 + 4 / 2 s, decode 1 + 1 / 2 s, 8 and 2 bytes between.

    F = 6 + 8 + 1.5 + 2 = 17.5 s and 0.5 s of results twice; the uplink carries 10 bytes, the downlink 1.
    """
    return problem_of(
        [node("a", idle_power_w=1.0, busy_power_w=3.0), node("b", speed=2.0, idle_power_w=2.0, busy_power_w=6.0)],
        [link("a", "b", transmit_power_w=0.5, receive_power_w=0.25)],
        [layer(4.0, out=8.0, decode=1.0, decode_out=2.0, weight=100.0, kv_cache_bytes=10.0, workspace_bytes=5.0),
         layer(4.0, decode=1.0, weight=200.0, kv_cache_bytes=20.0)],
        inference(output_tokens=2, concurrency=2), result_bytes=0.5, **parts,
    )  # fmt: skip


HALVES = (("a", 0, 1), ("b", 1, 2))


def test_stages_show_their_busy_time_and_memory_by_part() -> None:
    problem = cut()
    _, metrics = assessed(problem, placed(problem, *HALVES))
    first, second = metrics.stages
    assert (first.busy_s.forward, first.busy_s.decode, first.busy_s.backward) == (4.0, 1.0, None)
    assert (second.busy_s.forward, second.busy_s.decode) == (2.0, 0.5)
    assert (first.memory.weights_bytes, first.memory.kv_cache_bytes, first.memory.workspace_bytes) == (100.0, 20.0, 5.0)
    assert (first.memory.total_bytes, second.memory.total_bytes) == (125.0, 240.0)


def test_hand_over_shows_its_route_bytes_and_seconds() -> None:
    problem = cut()
    _, metrics = assessed(problem, placed(problem, *HALVES))
    transfer = metrics.stages[0].transfer_to_next
    assert transfer is not None
    assert transfer.route == ("a", "b")
    assert (transfer.forward_bytes, transfer.forward_s, transfer.decode_bytes, transfer.decode_s) == (
        8.0,
        8.0,
        2.0,
        2.0,
    )
    assert transfer.backward_bytes is None
    assert metrics.stages[-1].transfer_to_next is None


def test_nodes_show_energy_by_part_and_utilisation_of_the_cycle() -> None:
    """F = 18.5 s; T = max(10, 18.5 / 2) = 10 s, the uplink being busy for 10 s."""
    problem = cut()
    figures, metrics = assessed(problem, placed(problem, *HALVES))
    a, b = metrics.nodes
    assert (figures.latency_s, figures.cycle_s) == (18.5, 10.0)
    assert (a.busy_s, a.utilisation, b.busy_s, b.utilisation) == (5.0, 0.5, 2.5, 0.25)
    assert (a.idle_energy_j, a.compute_energy_j, a.communication_energy_j) == (10.0, 10.0, 10 * 0.5 + 1 * 0.25)
    assert (b.idle_energy_j, b.compute_energy_j, b.communication_energy_j) == (20.0, 10.0, 10 * 0.25 + 1 * 0.5)
    assert a.energy_j + b.energy_j == metrics.energy_j == 58.25
    assert (a.memory_used_bytes, a.memory_free_bytes) == (125.0, 875.0)


def test_links_show_what_they_carry() -> None:
    problem = cut()
    _, metrics = assessed(problem, placed(problem, *HALVES))
    up, down = metrics.links
    assert (up.source, up.target, up.bytes, up.busy_s, up.utilisation) == ("a", "b", 10.0, 10.0, 1.0)
    assert (down.source, down.target, down.bytes, down.busy_s, down.utilisation) == ("b", "a", 1.0, 1.0, 0.1)
    assert (up.energy_j, down.energy_j) == (7.5, 0.75)


def test_bottleneck_is_named() -> None:
    problem = cut()
    _, metrics = assessed(problem, placed(problem, *HALVES))
    assert metrics.bottleneck is not None
    assert (metrics.bottleneck.kind, metrics.bottleneck.busy_s) == ("link", 10.0)
    assert (metrics.period_s, metrics.throughput_per_s) == (10.0, 0.1)


def test_unused_node_is_listed_as_idle() -> None:
    problem = cut()
    _, metrics = assessed(problem, placed(problem, ("a", 0, 2)))
    b = metrics.nodes[1]
    assert (b.used, b.level, b.energy_j, b.memory_used_bytes) == (False, None, 0.0, 0.0)
    assert metrics.links == ()


def test_source_without_a_stage_counts_as_used() -> None:
    problem = cut()
    _, metrics = assessed(problem, placed(problem, ("b", 0, 2)))
    assert (metrics.nodes[0].used, metrics.nodes[0].level, metrics.nodes[0].busy_s) == (True, None, 0.0)


def test_relayed_bytes_are_listed_on_every_hop() -> None:
    problem = problem_of(
        [node("a"), node("b", relay=True), node("c")], [link("a", "b"), link("b", "c")], [layer(1.0, out=3.0), layer()]
    )
    _, metrics = assessed(problem, placed(problem, ("a", 0, 1), ("c", 1, 2)))
    assert [(use.source, use.target, use.bytes) for use in metrics.links] == [("a", "b", 3.0), ("b", "c", 3.0)]
    assert metrics.stages[0].transfer_to_next is not None
    assert metrics.stages[0].transfer_to_next.route == ("a", "b", "c")


def test_shared_medium_is_named_on_its_links() -> None:
    problem = problem_of([node("a"), node("b")], [link("a", "b", medium="wifi")], [layer(1.0, out=1.0), layer()])
    _, metrics = assessed(problem, placed(problem, *HALVES))
    assert [use.medium for use in metrics.links] == ["wifi"]


def test_timeline_of_a_pipeline_ends_with_the_iteration() -> None:
    """gpipe, M = 2: 2 + 1 + 2, one more of 2; the same backwards; no propagation."""
    layers = [layer(2.0, out=1.0, backward=2.0, gradient=1.0) for _ in range(2)]
    problem = problem_of([node("a"), node("b")], [link("a", "b")], layers, training(2, "gpipe"))
    figures, metrics = assessed(problem, placed(problem, *HALVES))
    assert figures.latency_s == 14.0
    assert metrics.simulated is not None
    assert metrics.simulated.latency_s == max(event.end_s for event in metrics.timeline) == 14.0
    assert len(metrics.timeline) == 2 * (2 + 2 + 1 + 1)


def test_long_timeline_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LONGEST_TIMELINE", 3)
    problem = problem_of([node("a")], [], [layer(1.0, backward=1.0)], training(4, "gpipe"))
    _, metrics = assessed(problem, placed(problem, ("a", 0, 1)))
    assert len(metrics.timeline) == 3
    assert metrics.timeline_note == "the timeline shows the first 3 of 8 events"


def test_1f1b_states_the_replayed_latency_and_the_formula_beside_it() -> None:
    layers = [layer(2.0, out=2.0, backward=1.0), layer(1.0, backward=3.0, gradient=2.0)]
    problem = problem_of([node("a"), node("b")], [link("a", "b")], layers, training(3, "1f1b"))
    figures, metrics = assessed(problem, placed(problem, *HALVES))
    assert metrics.simulated is not None
    assert (figures.latency_s, metrics.simulated.latency_s, metrics.simulated.formula_latency_s) == (22.0, 22.0, 19.0)
    assert metrics.simulated.note is not None


def test_placement_with_a_hole_has_violations_and_no_tables() -> None:
    problem = cut()
    figures, violations, metrics = assess(problem, placed(problem, ("a", 0, 1)))
    assert figures is None
    assert [violation.constraint for violation in violations] == ["layers_in_order"]
    assert metrics == Metrics()


def test_broken_limit_is_a_violation_beside_full_tables() -> None:
    problem = cut(constraints={"max_latency_s": 18.0})
    figures, violations, metrics = assess(problem, placed(problem, *HALVES))
    assert figures is not None
    assert [violation.constraint for violation in violations] == ["max_latency_s"]
    assert metrics.latency_s == 18.5


# Random requests


@pytest.mark.parametrize("seed", range(60 * FACTOR))
def test_tables_add_up(seed: int) -> None:
    problem = random_problem(seed)
    for placement in some_placements(problem, Random(seed), 4):
        figures, metrics = assessed(problem, placement)
        nodes_add_up(problem, figures, metrics)
        links_add_up(problem, figures, metrics)
        stages_add_up(problem, metrics)
        timeline_fits(metrics)


def nodes_add_up(problem: Problem, figures: Figures, metrics: Metrics) -> None:
    weighted = sum(use.energy_weight * use.energy_j for use in metrics.nodes)
    assert weighted == pytest.approx(figures.energy_j, rel=ROUNDING, abs=1e-12)
    for use in metrics.nodes:
        parts = use.idle_energy_j + use.compute_energy_j + use.communication_energy_j
        assert use.energy_j == pytest.approx(parts, rel=ROUNDING, abs=1e-12)
        assert use.utilisation * figures.cycle_s == pytest.approx(use.busy_s, rel=ROUNDING, abs=1e-12)
        assert use.utilisation <= 1 + ROUNDING
        own = problem.node_ids.index(use.id)
        assert use.memory_used_bytes + use.memory_free_bytes == pytest.approx(problem.memory_bytes[own])
        assert use.used is (use.level is not None or own == problem.source)


def links_add_up(problem: Problem, figures: Figures, metrics: Metrics) -> None:
    joules = sum(use.energy_j for use in metrics.links)
    communication = sum(use.communication_energy_j for use in metrics.nodes)
    assert joules == pytest.approx(communication, rel=ROUNDING, abs=1e-12)
    for use in metrics.links:
        assert use.utilisation * figures.cycle_s == pytest.approx(use.busy_s, rel=ROUNDING, abs=1e-12)
        wire = problem.network.link(problem.node_ids.index(use.source), problem.node_ids.index(use.target))
        assert wire is not None
        assert use.busy_s == pytest.approx(8 * use.bytes / wire.bandwidth_bits_per_s, rel=ROUNDING, abs=1e-15)
        assert problem.payloads.label is not None or use.utilisation <= 1 + ROUNDING


def stages_add_up(problem: Problem, metrics: Metrics) -> None:
    edges = [stage.first_layer for stage in metrics.stages] + [problem.layer_count]
    assert edges == [0, *(stage.stop_layer for stage in metrics.stages)]
    for stage in metrics.stages:
        held = stage.memory
        parts = (held.weights_bytes + held.gradients_bytes + held.optimizer_bytes + held.activations_bytes
                 + held.kv_cache_bytes + held.workspace_bytes)  # fmt: skip
        assert held.total_bytes == pytest.approx(parts)
    computed = sum(use.busy_s for use in metrics.nodes)
    rounds = problem.repetitions
    by_stage = sum(
        rounds * (stage.busy_s.forward + (stage.busy_s.backward or 0.0))
        + problem.decode_passes * (stage.busy_s.decode or 0.0) + (stage.busy_s.update or 0.0)
        for stage in metrics.stages
    )  # fmt: skip
    assert computed == pytest.approx(by_stage)


def timeline_fits(metrics: Metrics) -> None:
    assert metrics.simulated is not None
    starts = [event.start_s for event in metrics.timeline]
    assert starts == sorted(starts)
    assert all(event.end_s > event.start_s for event in metrics.timeline)
    assert max((event.end_s for event in metrics.timeline), default=0.0) <= metrics.simulated.latency_s * (1 + ROUNDING)
