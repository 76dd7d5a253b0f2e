"""Classes of interchangeable nodes: what belongs together, what does not, and how many of them a plan needs."""

from __future__ import annotations

import math
from itertools import permutations
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from models.request import PlanRequest
from placement.backends.brute_force import BruteForce
from placement.backends.milp import Milp
from placement.cost_model import compile_problem
from placement.dominance import most_elsewhere
from placement.evaluation import figures_of
from placement.problem import PlacedStage, Placement, Problem
from placement.symmetry import Classes, classes_of
from tests.placement.examples_for_tests import (
    CYCLE,
    ENERGY,
    LATENCY,
    layer,
    link,
    node,
    passing,
    problem_of,
    request_body,
    task_of,
    training,
)
from tests.placement.fleets import random_fleet
from tests.placement.random_problems import SEEDS, examples, some_placements

ULP = math.nextafter(1.0, 2.0)
LEVELS = [{"name": "only", "compute_flops_per_s": 1.0, "busy_power_w": 4.0}]


def twins(node_fields: dict[str, Any] | None = None, uplink: dict[str, Any] | None = None, **parts: Any) -> Problem:
    """Source a; b and c alike and linked to each other, but for the given fields of c and of its link to a."""
    alike = {"idle_power_w": 1.0, "busy_power_w": 2.0, "memory_bandwidth_bytes_per_s": 1.0}
    nodes = [node("a"), node("b", **alike), node("c", **{**alike, **(node_fields or {})})]
    figures: dict[str, Any] = {"latency_s": 0.5, "transmit_power_w": 1.0, "receive_power_w": 1.0}
    links = [link("a", "b", **figures), link("a", "c", **{**figures, **(uplink or {})}), link("b", "c")]
    return problem_of(nodes, links, parts.pop("layers", None) or plain(), **parts)


def groups(classes: Classes) -> list[tuple[int, ...]]:
    return [own for own in classes.members if own]


def plain(count: int = 4) -> list[dict[str, Any]]:
    return [layer(weight=1.0) for _ in range(count)]


def test_equal_nodes_with_equal_links_are_one_class_of_two() -> None:
    classes = twins().classes
    assert groups(classes) == [(0,), (1, 2)]
    assert classes.capacity.tolist() == [1, 2, 0]
    assert classes.representative.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    "fields",
    [
        {"compute_flops_per_s": ULP},
        {"memory_bytes": 1000.0 * ULP},
        {"idle_power_w": 1.0 * ULP},
        {"busy_power_w": 2.0 * ULP},
        {"energy_weight": ULP},
        {"layer_overhead_s": 3e-16},
        {"overlaps_communication": False},
        {"energy_budget_j": 1e6},
        {"operating_points": LEVELS},
    ],
)
def test_node_of_which_one_figure_differs_by_one_ulp_is_on_its_own(fields: dict[str, Any]) -> None:
    assert groups(twins(fields).classes) == [(0,), (1,), (2,)]


@pytest.mark.parametrize(
    "fields",
    [
        {"bandwidth_bits_per_s": 8.0 * ULP},
        {"reverse_bandwidth_bits_per_s": 8.0 * ULP},
        {"latency_s": 0.5 * ULP},
        {"transmit_power_w": ULP},
        {"receive_power_w": ULP},
        {"duplex": "half"},
        {"medium": "wifi"},
        {"bidirectional": False},
    ],
)
def test_node_of_which_one_link_differs_by_one_ulp_is_on_its_own(fields: dict[str, Any]) -> None:
    assert groups(twins(uplink=fields).classes) == [(0,), (1,), (2,)]


@pytest.mark.parametrize(
    ("fields", "together"),
    [({}, True), ({"reverse_bandwidth_bits_per_s": 8.0 * ULP}, False), ({"latency_s": 1.0}, False)],
)
def test_links_within_a_class_are_equal_among_every_ordered_pair(fields: dict[str, Any], together: bool) -> None:
    """Three nodes on a hub; of the links among them, the one between c and d is given other figures."""
    nodes = [node(name) for name in "abcd"]
    links = [*(link("a", name) for name in "bcd"), link("b", "c"), link("b", "d"), link("c", "d", **fields)]
    assert ((1, 2, 3) in groups(problem_of(nodes, links, plain()).classes)) is together


def test_nodes_of_different_media_are_on_their_own_and_of_one_medium_together() -> None:
    nodes = [node(name) for name in "abcd"]
    links = [link("a", "b", medium="x"), link("a", "c", medium="y"), link("a", "d", medium="y")]
    assert groups(problem_of(nodes, links, plain()).classes) == [(0,), (1,), (2, 3)]


def test_time_measured_on_one_of_two_nodes_sets_it_apart() -> None:
    layers = plain()
    layers[2]["forward"]["time_s"] = {"c": 1.0 * ULP}
    assert groups(twins(layers=layers).classes) == [(0,), (1,), (2,)]


@pytest.mark.parametrize(
    "parts",
    [
        {"constraints": {"forbidden_nodes": [{"nodes": ["c"], "first_layer": 3}]}},
        {"constraints": {"pinned": {"3": "c"}}},
    ],
)
def test_node_that_a_rule_names_is_on_its_own(parts: dict[str, Any]) -> None:
    assert groups(twins(**parts).classes) == [(0,), (1,), (2,)]


def test_node_that_may_not_see_what_another_may_is_on_its_own() -> None:
    privacy = {"leakage": [0.9, 0.0, 0.0, 0.0], "max_leakage": 0.5}
    assert groups(twins({"trusted": True}, privacy=privacy).classes) == [(0,), (1,), (2,)]
    assert groups(twins({"trusted": True}).classes) == [(0,), (1, 2)]


def test_source_is_on_its_own() -> None:
    assert groups(problem_of([node("a"), node("b")], [link("a", "b")], plain()).classes) == [(0,), (1,)]


def test_relays_are_on_their_own_unless_every_connection_is_direct() -> None:
    nodes = [node("a"), node("b", relay=True), node("c", relay=True), node("d")]
    star = [link("a", "b"), link("a", "c"), link("b", "c"), link("b", "d"), link("c", "d")]
    assert groups(problem_of(nodes, star, plain()).classes) == [(0,), (1,), (2,), (3,)]
    assert groups(problem_of(nodes, [*star, link("a", "d")], plain()).classes) == [(0,), (1, 2, 3)]


def test_nodes_behind_one_relay_are_together() -> None:
    nodes = [node("a"), node("r", relay=True), *(node(name) for name in "bcd")]
    links = [link("a", "r"), *(link("r", name) for name in "bcd")]
    assert groups(problem_of(nodes, links, plain()).classes) == [(0,), (1,), (2, 3, 4)]


def swapped(problem: Problem, placement: Placement, n: int, m: int) -> Placement:
    """The placement with two nodes in each other's place, at the same levels."""
    other = {n: m, m: n}
    moved = []
    for stage in placement:
        own = problem.node_of(stage)
        level = problem.options_of_node[own].index(stage.option)
        option = problem.options_of_node[other.get(own, own)][level]
        moved.append(PlacedStage(option, stage.first, stage.stop))
    return tuple(moved)


@examples(60)
@given(SEEDS)
def test_swapping_members_of_a_class_changes_no_figure_of_any_placement(seed: int) -> None:
    problem = random_fleet(seed)
    for own in groups(problem.classes):
        for n, m in permutations(own[:3], 2):
            for placement in some_placements(problem, Random(seed), 5):
                figures, others = (
                    figures_of(problem, p, passing(problem, p)) for p in (placement, swapped(problem, placement, n, m))
                )
                assert (figures.latency_s, figures.cycle_s, figures.period_s) == pytest.approx(
                    (others.latency_s, others.cycle_s, others.period_s), rel=1e-12
                )
                assert figures.energy_j == pytest.approx(others.energy_j, rel=1e-12)


@examples(60)
@given(SEEDS)
def test_hashes_that_always_collide_merge_no_unequal_nodes(seed: int) -> None:
    problem = random_fleet(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("placement.symmetry._scrambled", np.zeros_like)
        careful = classes_of(problem)
    true = problem.classes.representative
    for own in groups(careful):
        assert len({int(true[n]) for n in own}) == 1


def clique(speeds: dict[str, float], layers: int = 4, **parts: Any) -> dict[str, Any]:
    """Source a and other nodes of given speeds, all linked alike; a must not run anything but a head, if asked for."""
    nodes = [node("a", speed=0.1), *(node(name, speed=speed) for name, speed in speeds.items())]
    names = [own["id"] for own in nodes]
    links = [link(p, q) for i, p in enumerate(names) for q in names[i + 1 :]]
    return request_body(nodes, links, [layer(1.0, out=0.1, weight=1.0) for _ in range(layers)], **parts)


def compiled(body: dict[str, Any]) -> Problem:
    return compile_problem(PlanRequest.model_validate(body))


@pytest.mark.parametrize(
    ("parts", "most"),
    [
        ({}, 4),
        ({"constraints": {"max_stages": 3}}, 3),
        ({"constraints": {"max_stages": 3}, "privacy": {"head_layers": 1}}, 2),
        ({"constraints": {"max_stages": 3}, "privacy": {"head_layers": 1, "tail_layers": 1}}, 1),
        ({"privacy": {"head_layers": 2}}, 2),
        ({"privacy": {"head_layers": 4}}, 1),
    ],
)
def test_class_counts_no_more_members_than_a_plan_can_use(parts: dict[str, Any], most: int) -> None:
    problem = compiled(clique(dict.fromkeys("bcdefg", 1.0), **parts))
    assert most_elsewhere(problem) == most
    assert problem.classes.capacity.tolist() == [1, most, 0, 0, 0, 0, 0]
    assert groups(problem.classes) == [(0,), (1, 2, 3, 4, 5, 6)]


def test_node_that_enough_better_ones_can_replace_is_never_needed() -> None:
    """Two stages beyond the source: two fast nodes make the slow one superfluous, one fast and itself do not."""
    limit = {"max_stages": 2}
    two = compiled(clique({"b": 2.0, "c": 2.0, "d": 1.0}, constraints=limit))
    assert two.classes.capacity.tolist() == [1, 2, 0, 0]
    one = compiled(clique({"b": 2.0, "c": 1.0, "d": 1.0}, constraints=limit))
    assert one.classes.capacity.tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize(
    "worse",
    [
        {"memory_bytes": 10.0},
        {"energy_budget_j": 1.0},
        {"energy_weight": 2.0},
        {"idle_power_w": 1.0, "busy_power_w": 1.0},
        {"busy_power_w": 1.0},
        {"overlaps_communication": False},
        {"layer_overhead_s": 1.0},
    ],
)
def test_node_that_is_better_in_some_figure_is_needed(worse: dict[str, Any]) -> None:
    """Three stages, of which at most two can go elsewhere than to the node that is slower, but better otherwise."""
    body = clique({"b": 2.0, "c": 2.0, "d": 1.5}, constraints={"max_stages": 2})
    for own in body["cluster"]["nodes"][1:3]:
        own.update(worse)
    assert compiled(body).classes.capacity[3] == 1


@pytest.mark.parametrize(
    "worse", [{"latency_s": 0.1}, {"bandwidth_bits_per_s": 4.0}, {"transmit_power_w": 1.0}, {"receive_power_w": 1.0},
              {"duplex": "half"}, {"medium": "bus"}],
)  # fmt: skip
def test_node_with_a_better_link_is_needed(worse: dict[str, Any]) -> None:
    body = clique({"b": 2.0, "c": 2.0, "d": 1.5}, constraints={"max_stages": 2})
    for own in body["cluster"]["links"]:
        if own["source"] == "a" and own["target"] in "bc":
            own.update(worse)
    assert compiled(body).classes.capacity[3] == 1


def test_nothing_is_called_superfluous_under_1f1b_whose_replay_is_not_monotone() -> None:
    body = clique({"b": 2.0, "c": 2.0, "d": 1.0}, constraints={"max_stages": 2})
    for own in body["model"]["layers"]:
        own["backward"] = {"flops": 1.0}
    body["workload"] = training(2, "1f1b")
    assert compiled(body).classes.capacity.tolist() == [1, 2, 0, 1]


@examples(60)
@given(SEEDS)
def test_optimum_is_the_same_without_superfluous_nodes(seed: int) -> None:
    """Nodes from few figures, so that some dominate others; up to two stages beyond the source."""
    rng = Random(seed)
    body = clique(dict.fromkeys("bcde", 1.0), layers=3, constraints={"max_stages": rng.choice((2, 3))})
    for own in body["cluster"]["nodes"][1:]:
        own["compute_flops_per_s"] = rng.choice((1.0, 2.0))
        own["memory_bytes"] = rng.choice((1.0, 2.0, 100.0))
        own["busy_power_w"] = rng.choice((1.0, 2.0))
    for own in body["cluster"]["links"]:
        own["bandwidth_bits_per_s"] = rng.choice((8.0, 8.0, 16.0))
    problem = compiled(body)
    task = task_of(problem, rng.choice((LATENCY, ENERGY, CYCLE)), merge=True)
    truth, claim = BruteForce()(task), Milp()(task)
    assert claim.outcome is truth.outcome
    assert claim.bound == (None if truth.bound is None else pytest.approx(truth.bound, rel=1e-6))
