"""What a move costs and whether it pays, with numbers to check by hand."""

from __future__ import annotations

from typing import Any

import pytest

from examples.orchestrator.moving import Move, Policy, balance, move_between
from models import PlanRequest
from models.plan import Memory, Metrics, PassSeconds, Stage

POLICY = Policy(restart_s=2.0)
NO_MEMORY = Memory(**dict.fromkeys(Memory.model_fields, 0.0))


def request(links: list[dict[str, Any]] | None = None, **fields: Any) -> PlanRequest:
    """Three nodes in a row, 8 Mbit/s each hop; four layers of 1 MB."""
    layer = {"weight_bytes": 1e6, "optimizer_bytes": 5e5, "forward": {"flops": 1}, "backward": {"flops": 1}}
    body = {
        "cluster": {
            "nodes": [{"id": name, "compute_flops_per_s": 1, "memory_bytes": 1e9} for name in "abc"],
            "links": links or [
                {"source": "a", "target": "b", "bandwidth_bits_per_s": 8e6, "transmit_power_w": 2},
                {"source": "b", "target": "c", "bandwidth_bits_per_s": 8e6, "receive_power_w": 1},
            ],
        },
        "model": {"layers": [layer] * 4},
        "workload": {"kind": "inference", "source": "a"},
    }  # fmt: skip
    return PlanRequest.model_validate(body | fields)


def stages(places: str) -> tuple[Stage, ...]:
    """Layer by layer, the node of each: "aabb"."""
    found: list[Stage] = []
    for k, node in enumerate(places):
        first = k
        if found and found[-1].node == node:
            first = found.pop().first_layer
        found.append(Stage(node=node, level="default", first_layer=first, stop_layer=k + 1,
                           busy_s=PassSeconds(forward=0.0), memory=NO_MEMORY, in_flight=0))  # fmt: skip
    return tuple(found)


def moved(before: str, after: str, asked: PlanRequest | None = None, policy: Policy = POLICY) -> Move:
    asked = asked or request()
    assert asked.model.layers is not None
    return move_between(asked, asked.model.layers, stages(before), stages(after), policy)


def figures(latency_s: float, energy_j: float) -> Metrics:
    return Metrics(latency_s=latency_s, energy_j=energy_j, throughput_per_s=2 / latency_s)


def test_nothing_moves_where_nothing_changes() -> None:
    assert moved("aabb", "aabb") == Move(0, 0, 0)


def test_layers_that_change_their_node_cross_the_link_between() -> None:
    assert moved("aaab", "abbb") == Move(2e6, 2 + 2, 2 * 2)


def test_layers_take_the_way_over_other_nodes_and_hops_overlap() -> None:
    assert moved("aaaa", "aacc") == Move(2e6, 2 + 2, 2 * (2 + 1))


def test_links_work_at_the_same_time_and_each_takes_the_sum_of_what_crosses_it() -> None:
    assert moved("aaab", "aacc").seconds == 2 + 2  # layer 2 over both links, layer 3 over the second one


def test_links_of_one_medium_wait_for_each_other() -> None:
    shared = [
        {"source": "a", "target": "b", "bandwidth_bits_per_s": 8e6, "medium": "air"},
        {"source": "b", "target": "c", "bandwidth_bits_per_s": 8e6, "medium": "air"},
    ]
    assert moved("aaab", "aacc", request(shared)).seconds == 2 + 3


def test_the_directions_of_a_half_duplex_link_wait_for_each_other() -> None:
    for duplex, seconds in (("half", 2), ("full", 1)):
        link = {"source": "a", "target": "b", "bandwidth_bits_per_s": 8e6, "duplex": duplex}
        other = {"source": "b", "target": "c", "bandwidth_bits_per_s": 8e6}
        assert moved("aabb", "abab", request([link, other])).seconds == 2 + seconds


def test_training_moves_the_state_of_the_optimizer_too() -> None:
    training = request(workload={"kind": "training", "source": "a"})
    assert moved("aaab", "aabb", training).bytes == 1.5e6


def test_nodes_that_hold_a_copy_need_no_weights() -> None:
    assert moved("aaab", "abbb", policy=Policy(restart_s=3, stocked=frozenset("b"))) == Move(0, 3, 0)


def test_a_move_pays_when_the_time_that_is_left_saves_more_than_it_took() -> None:
    move = Move(1e6, 10.0, 5.0)
    judged = balance(request(), figures(2.0, 8.0), figures(1.0, 6.0), move, horizon_s=22.0, policy=POLICY)
    assert (judged.gain, judged.cost, judged.pays) == (12.0, 10.0, True)  # 12 requests, a second saved with each
    assert not balance(request(), figures(2.0, 8.0), figures(1.0, 6.0), move, horizon_s=20.0, policy=POLICY).pays


def test_a_horizon_shorter_than_the_move_never_pays() -> None:
    judged = balance(request(), figures(9.0, 8.0), figures(1.0, 6.0), Move(1e6, 10.0, 5.0), 9.0, POLICY)
    assert (judged.gain, judged.pays) == (0.0, False)


def test_joules_count_by_their_worth() -> None:
    policy = Policy(second_worth=0.0, joule_worth=1.0, margin=0.0)
    judged = balance(request(), figures(1.0, 8.0), figures(1.0, 6.0), Move(1e6, 10.0, 5.0), 20.0, policy)
    assert (judged.gain, judged.cost, judged.pays) == (20.0, 5.0, True)


def test_copying_in_the_background_costs_only_what_it_slows() -> None:
    policy = Policy(served_while_moving=0.75)
    assert balance(request(), figures(2.0, 0.0), figures(1.0, 0.0), Move(1e6, 10.0, 0.0), 20.0, policy).cost == 2.5


def test_who_wants_throughput_counts_results_not_latency() -> None:
    asked = request(objective={"kind": "throughput"})
    judged = balance(asked, figures(4.0, 0.0), figures(2.0, 0.0), Move(0.0, 0.0, 0.0), 10.0, POLICY)
    assert judged.gain == pytest.approx(10 / 1 * (2 - 1))
