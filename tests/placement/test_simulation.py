"""The witness: timelines listed event by event, and agreement with the formulas where they are exact."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given

from placement.evaluation import formula_latency_s
from placement.problem import Placement, Problem
from placement.simulation import replay
from tests.placement.examples_for_tests import (
    inference,
    layer,
    link,
    node,
    passing,
    placed,
    problem_of,
    replayed,
    scored,
    training,
)
from tests.placement.instances import random_request
from tests.placement.random_problems import SEEDS, examples, problem_from, random_problem, some_placements

EXACT = 1e-9
AB = (("a", 0, 1), ("b", 1, 2))


def timeline(problem: Problem, *stages: tuple[Any, ...]) -> dict[str, list[tuple[float, float]]]:
    """Per activity and place, the (start, end) of its operations in the order of the micro-batches."""
    seen: dict[str, list[tuple[float, float]]] = {}
    for operation in replayed(problem, placed(problem, *stages)).operations:
        place = "" if operation.stage is None else f" {operation.stage}"
        seen.setdefault(f"{operation.activity}{place}", []).append((operation.start_s, operation.end_s))
    return seen


def two_stages(workload: dict[str, Any], *, wire_s: float, **parts: Any) -> Problem:
    """a computes 2 s forward and 1 s backward, b 1 s and 3 s; the wire takes wire_s in each direction."""
    layers = [
        layer(2.0, out=wire_s, backward=1.0, gradient=0.0, update=2.0),
        layer(1.0, backward=3.0, gradient=wire_s, update=1.0),
    ]
    nodes = [node("a", **parts.pop("a", {})), node("b")]
    return problem_of(nodes, [link("a", "b", **parts.pop("wire", {}))], layers, workload, **parts)


# Timelines by hand


def test_gpipe_with_three_micro_batches_event_by_event() -> None:
    problem = two_stages(training(3, "gpipe"), wire_s=1.0)
    assert timeline(problem, *AB) == {
        "forward 0": [(0, 2), (2, 4), (4, 6)],
        "activation 0": [(2, 3), (4, 5), (6, 7)],
        "forward 1": [(3, 4), (5, 6), (7, 8)],
        "backward 1": [(8, 11), (11, 14), (14, 17)],
        "gradient 0": [(11, 12), (14, 15), (17, 18)],
        "backward 0": [(12, 13), (15, 16), (18, 19)],
        "update 0": [(19, 21)],
        "update 1": [(19, 20)],
    }
    assert replayed(problem, placed(problem, *AB)).latency_s == 21 == scored(problem, *AB).latency_s


def test_sequential_starts_a_micro_batch_when_the_one_before_it_is_done() -> None:
    problem = two_stages(training(2, "sequential"), wire_s=1.0)
    assert timeline(problem, *AB) == {
        "forward 0": [(0, 2), (9, 11)],
        "activation 0": [(2, 3), (11, 12)],
        "forward 1": [(3, 4), (12, 13)],
        "backward 1": [(4, 7), (13, 16)],
        "gradient 0": [(7, 8), (16, 17)],
        "backward 0": [(8, 9), (17, 18)],
        "update 0": [(18, 20)],
        "update 1": [(18, 19)],
    }


def test_1f1b_with_classic_warmup_stalls_on_the_round_trip_that_its_formula_leaves_out() -> None:
    """Stage 0 runs two forwards, then waits for its first gradient: 22 s and U; the formula says 11 + 2 x 4 and U."""
    problem = two_stages(training(3, "1f1b"), wire_s=2.0)
    assert timeline(problem, *AB) == {
        "forward 0": [(0, 2), (2, 4), (11, 13)],
        "activation 0": [(2, 4), (4, 6), (13, 15)],
        "forward 1": [(4, 5), (8, 9), (15, 16)],
        "backward 1": [(5, 8), (9, 12), (16, 19)],
        "gradient 0": [(8, 10), (12, 14), (19, 21)],
        "backward 0": [(10, 11), (14, 15), (21, 22)],
        "update 0": [(22, 24)],
        "update 1": [(22, 23)],
    }
    assert scored(problem, *AB).latency_s == 11 + 2 * 4 + 2


def test_1f1b_with_deep_warmup_hides_the_round_trip() -> None:
    problem = two_stages(training(3, "1f1b", warmup="deep"), wire_s=2.0)
    seen = timeline(problem, *AB)
    assert seen["forward 0"] == [(0, 2), (2, 4), (4, 6)]
    assert seen["backward 0"] == [(10, 11), (14, 15), (18, 19)]


def test_propagation_delays_the_arrival_and_leaves_the_channel_free() -> None:
    problem = two_stages(training(2, "gpipe"), wire_s=1.0, wire={"latency_s": 10.0})
    seen = timeline(problem, *AB)
    assert seen["activation 0"] == [(2, 3), (4, 5)]
    assert seen["forward 1"] == [(13, 14), (15, 16)]


def test_payload_is_forwarded_hop_by_hop() -> None:
    nodes = [node("a"), node("r", relay=True), node("b")]
    links = [link("a", "r", latency_s=0.5), link("r", "b", byte_per_s=2.0)]
    problem = problem_of(nodes, links, [layer(1.0, out=4.0), layer(1.0)])
    assert timeline(problem, *AB)["activation 0"] == [(1, 5), (5.5, 7.5)]


def test_request_runs_input_stages_cuts_and_result_one_after_another() -> None:
    layers = [layer(1.0, out=2.0), layer(3.0)]
    problem = problem_of([node("a"), node("b")], [link("a", "b")], layers, input_bytes=4.0, result_bytes=5.0)
    assert timeline(problem, ("b", 0, 1), ("a", 1, 2)) == {
        "input": [(0, 4)], "forward 0": [(4, 5)], "activation 0": [(5, 7)], "forward 1": [(7, 10)]
    }  # fmt: skip
    assert timeline(problem, ("b", 0, 2)) == {"input": [(0, 4)], "forward 0": [(4, 8)], "result": [(8, 13)]}


def test_timeline_shows_the_first_decode_pass_and_says_how_many_follow() -> None:
    layers = [layer(1.0, decode=0.5), layer(1.0, decode=0.5)]
    problem = problem_of([node("a")], [], layers, inference(output_tokens=4))
    seen = replayed(problem, placed(problem, ("a", 0, 2)))
    assert [(o.activity, o.start_s, o.end_s) for o in seen.operations] == [("forward", 0, 2), ("decode", 2, 3)]
    assert seen.latency_s == 2.0 + 3 * 1.0
    assert seen.note == "the timeline shows the prefill and the first of 3 equal decode passes"


def test_transfers_queue_for_a_medium_in_the_order_in_which_they_are_ready() -> None:
    """Visited twice by each micro-batch, so the formula (7 + 4 s) only estimates: the replay needs 10 s."""
    layers = [layer(1.0, out=2.0, backward=0.0), layer(1.0, out=2.0, backward=0.0), layer(1.0, backward=0.0)]
    links = [link("a", "b", medium="wifi"), link("b", "c", medium="wifi")]
    problem = problem_of([node("a"), node("b"), node("c")], links, layers, training(2, "gpipe"))
    stages = (("a", 0, 1), ("b", 1, 2), ("c", 2, 3))
    seen = timeline(problem, *stages)
    assert seen["activation 0"] == [(1, 3), (3, 5)]
    assert seen["activation 1"] == [(5, 7), (7, 9)]
    assert seen["forward 2"] == [(7, 8), (9, 10)]
    assert (replayed(problem, placed(problem, *stages)).latency_s, scored(problem, *stages).latency_s) == (10, 11)


def test_node_that_does_not_overlap_computes_or_sends() -> None:
    problem = two_stages(training(2, "gpipe"), wire_s=1.0, a={"overlaps_communication": False})
    seen = timeline(problem, *AB)
    assert seen["forward 0"] == [(0, 2), (2, 4)]
    assert seen["activation 0"] == [(4, 5), (5, 6)]


def test_labels_leave_when_their_micro_batch_starts_and_the_last_stage_waits_for_them() -> None:
    problem = two_stages(training(1, "gpipe"), wire_s=1.0, label_bytes=6.0)
    seen = timeline(problem, *AB)
    assert (seen["label"], seen["activation 0"], seen["forward 1"]) == ([(0, 6)], [(6, 7)], [(7, 8)])


def test_labels_of_a_later_micro_batch_wait_for_it_to_set_out() -> None:
    problem = two_stages(training(2, "sequential"), wire_s=1.0, label_bytes=1.0)
    assert timeline(problem, *AB)["label"] == [(0, 1), (9, 10)]


def test_labels_travel_beside_the_input_when_the_only_stage_is_elsewhere() -> None:
    """Once the stage waited for labels that waited for the stage."""
    problem = problem_of(
        [node("a"), node("b")], [link("a", "b")], [layer(1.0, backward=1.0)], training(2, "gpipe"), input_bytes=3.0,
        label_bytes=2.0,
    )  # fmt: skip
    seen = timeline(problem, ("b", 0, 1))
    assert seen["input"] == [(0, 3), (5, 8)]
    assert seen["label"] == [(3, 5), (8, 10)]
    assert seen["forward 0"] == [(5, 6), (10, 11)]


def test_input_of_the_next_micro_batch_is_sent_while_the_first_stage_computes() -> None:
    layers = [layer(2.0, backward=1.0), layer(2.0, backward=1.0)]
    problem = problem_of([node("a"), node("b")], [link("a", "b")], layers, training(2, "gpipe"), input_bytes=3.0)
    seen = timeline(problem, ("b", 0, 2))
    assert (seen["input"], seen["forward 0"]) == ([(0, 3), (3, 6)], [(3, 7), (7, 11)])


def test_update_waits_for_the_last_backward_pass_of_every_stage() -> None:
    problem = two_stages(training(1, "gpipe"), wire_s=1.0)
    seen = timeline(problem, *AB)
    assert (seen["backward 1"][-1], seen["update 1"]) == ((4, 7), [(9, 10)])


def test_head_and_tail_on_the_source_take_turns() -> None:
    layers = [layer(1.0, backward=1.0), layer(1.0, backward=1.0), layer(1.0, backward=1.0)]
    problem = problem_of([node("a"), node("b")], [link("a", "b")], layers, training(2, "gpipe"))
    seen = timeline(problem, ("a", 0, 1), ("b", 1, 2), ("a", 2, 3))
    assert seen["forward 0"] == [(0, 1), (1, 2)]
    assert seen["forward 2"] == [(2, 3), (3, 4)]


def test_placement_without_a_route_cannot_be_replayed() -> None:
    problem = problem_of([node("a"), node("b"), node("c")], [link("a", "b")], [layer(), layer()])
    assert replay(problem, placed(problem, ("b", 0, 1), ("c", 1, 2))) is None


# Properties


def formula(problem: Problem, placement: Placement) -> float:
    return formula_latency_s(problem, passing(problem, placement))


@examples(60)
@given(SEEDS)
def test_requests_take_exactly_what_the_formula_says(seed: int) -> None:
    problem = random_problem(seed, training=False)
    for placement in some_placements(problem, Random(seed), 8):
        assert replayed(problem, placement).latency_s == pytest.approx(formula(problem, placement), rel=EXACT)


@examples(60)
@given(SEEDS)
def test_sequential_iterations_without_labels_take_exactly_what_the_formula_says(seed: int) -> None:
    """Whatever the media, duplex, overlap or U-shape: only one micro-batch is under way."""
    body = random_request(Random(seed), training=True)
    body["workload"]["schedule"] = "sequential"
    body["model"]["label_bytes"] = 0
    problem = problem_from(body)
    for placement in some_placements(problem, Random(seed), 5):
        assert replayed(problem, placement).latency_s == pytest.approx(formula(problem, placement), rel=EXACT)


def gpipe_without_reentrant_resources(seed: int) -> Problem:
    """Full-duplex links of their own, overlapping nodes, no relays and no labels; the caller leaves out U-shapes."""
    body = random_request(Random(seed), training=True)
    body["workload"]["schedule"] = "gpipe"
    body["model"]["label_bytes"] = 0
    for machine in body["cluster"]["nodes"]:
        machine.update(overlaps_communication=True, relay=False)
    for wire in body["cluster"].get("links", ()):
        wire["duplex"] = "full"
        wire.pop("medium", None)
    if "link_matrix" in body["cluster"]:
        body["cluster"]["link_matrix"]["duplex"] = "full"
    return problem_from(body)


@examples(80)
@given(SEEDS)
def test_gpipe_iterations_without_reentrant_resources_take_exactly_what_the_formula_says(seed: int) -> None:
    problem = gpipe_without_reentrant_resources(seed)
    for placement in some_placements(problem, Random(seed), 8):
        nodes = [problem.node_of(stage) for stage in placement]
        if len(set(nodes)) == len(nodes):
            assert replayed(problem, placement).latency_s == pytest.approx(formula(problem, placement), rel=EXACT)


@examples(60)
@given(SEEDS)
def test_no_resource_ever_does_two_things_at_once(seed: int) -> None:
    problem = random_problem(seed, training=True)
    for placement in some_placements(problem, Random(seed), 3):
        spans: dict[int, list[tuple[float, float]]] = {}
        for operation in replayed(problem, placement).operations:
            for resource in operation.resources:
                spans.setdefault(resource, []).append((operation.start_s, operation.end_s))
        for taken in spans.values():
            taken.sort()
            assert all(end <= start for (_, end), (start, _) in pairwise(taken))


@examples(40)
@given(SEEDS)
def test_replay_is_deterministic(seed: int) -> None:
    problem = random_problem(seed)
    for placement in some_placements(problem, Random(seed), 3):
        first, second = (replayed(problem, placement) for _ in range(2))
        assert [(o.activity, o.start_s) for o in first.operations] == [
            (o.activity, o.start_s) for o in second.operations
        ]
