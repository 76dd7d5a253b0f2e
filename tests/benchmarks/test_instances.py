"""The generator: the same seed gives the same request, and each choice of a recipe shows in it."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.instances import Recipe, heterogeneous, request_body


def figures(node: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name not in {"id", "kind"}}


def weights(body: dict[str, Any]) -> float:
    return sum(layer["weight_bytes"] for layer in body["model"]["layers"])


def memory(body: dict[str, Any]) -> float:
    return sum(node["memory_bytes"] for node in body["cluster"]["nodes"])


def test_a_seed_always_gives_the_same_request_and_another_seed_a_different_one() -> None:
    assert heterogeneous(6, 3, 1) == heterogeneous(6, 3, 1)
    assert heterogeneous(6, 3, 1) != heterogeneous(6, 3, 2)


@pytest.mark.parametrize("tightness", [1.6, 4.0])
def test_nodes_together_hold_the_asked_multiple_of_the_weights(tightness: float) -> None:
    body = request_body(Recipe(tightness=tightness), 32, 8, 0)
    assert memory(body) == pytest.approx(tightness * weights(body))


def test_activations_in_flight_count_as_what_has_to_be_held() -> None:
    body = request_body(Recipe(workload="training", activation_share=0.05), 32, 8, 0)
    assert memory(body) == pytest.approx(1.6 * weights(body) * (1 + 8 * 0.05))


def test_of_a_fleet_one_node_per_class_holds_the_asked_multiple() -> None:
    body = request_body(Recipe(classes=4, tight_per_class=True), 32, 40, 0)
    one_of_each = body["cluster"]["nodes"][:4]
    assert sum(node["memory_bytes"] for node in one_of_each) == pytest.approx(1.6 * weights(body))


def test_nodes_of_a_class_have_the_same_figures_and_the_same_links() -> None:
    cluster = request_body(Recipe(classes=3), 12, 9, 0)["cluster"]
    nodes, rate = cluster["nodes"], cluster["link_matrix"]["bandwidth_bits_per_s"]
    assert figures(nodes[1]) == figures(nodes[4]) == figures(nodes[7])
    assert figures(nodes[1]) != figures(nodes[2])
    assert rate[1][2] == rate[4][5] == rate[7][8] == rate[1][5]
    assert rate[1][4] == rate[4][7]
    assert rate[1][2] != rate[2][1]


def test_without_classes_no_two_nodes_and_no_two_links_are_alike() -> None:
    cluster = heterogeneous(12, 5, 0)["cluster"]
    rates = [rate for row in cluster["link_matrix"]["bandwidth_bits_per_s"] for rate in row if rate is not None]
    assert len(set(rates)) == len(rates) == 20
    assert len({node["memory_bytes"] for node in cluster["nodes"]}) == 5


def test_identical_blocks_and_uniform_links_leave_only_the_nodes_mixed() -> None:
    body = request_body(Recipe(identical_blocks=True, uniform_links=True), 12, 5, 0)
    assert all(layer == body["model"]["layers"][0] for layer in body["model"]["layers"])
    links = body["cluster"]["link_matrix"]
    for name in ("bandwidth_bits_per_s", "latency_s"):
        assert len({value for row in links[name] for value in row if value is not None}) == 1
    assert len({node["compute_flops_per_s"] for node in body["cluster"]["nodes"]}) == 5


def test_other_choices_leave_rates_memories_and_links_of_a_seed_as_they_are() -> None:
    plain, energy = (request_body(Recipe(objective=kind), 8, 3, 0) for kind in ("latency", "energy"))
    assert plain["cluster"] == energy["cluster"]
    assert plain["model"] == energy["model"]
