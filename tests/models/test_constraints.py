from __future__ import annotations

from typing import Any

import pytest

from models import Constraints, Layer, Objective, Privacy
from models.profile import LayerKind
from tests.models.requests import body, faults, violations


def layers(*kinds: LayerKind) -> list[Layer]:
    return [Layer.model_validate({"kind": kind, "forward": {}}) for kind in kinds]


def test_by_default_the_source_keeps_everything_up_to_the_first_block() -> None:
    head = Privacy().head_layers_of
    assert head(layers(LayerKind.EMBEDDING, LayerKind.OTHER, LayerKind.BLOCK, LayerKind.BLOCK)) == 3
    assert head(layers(LayerKind.BLOCK, LayerKind.BLOCK)) == 1
    assert head(layers(LayerKind.OTHER, LayerKind.OTHER)) == 1


def test_a_head_that_was_asked_for_is_kept_even_when_it_is_none() -> None:
    assert Privacy(head_layers=0).head_layers_of(layers(LayerKind.BLOCK)) == 0


@pytest.mark.parametrize(
    ("given", "absent"), [({"leakage": [0, 0, 0, 1]}, "max_leakage"), ({"max_leakage": 0.5}, "leakage")]
)
def test_leakage_and_its_limit_go_together(given: dict[str, Any], absent: str) -> None:
    assert faults(body("privacy", given)) == [(f"/privacy/{absent}", "missing")]


def test_a_layer_range_may_be_one_layer_or_open_at_its_end() -> None:
    limits = Constraints.model_validate({"pinned": [{"node": "a", "layer": 3}, {"node": "b", "first_layer": 4}]})
    one, open_ended = limits.pinned
    assert list(one.indices(6)) == [3]
    assert list(open_ended.indices(6)) == [4, 5]


def test_a_bare_list_of_nodes_is_meant_for_all_layers() -> None:
    [entry] = Constraints.model_validate({"forbidden_nodes": ["a", "b"]}).forbidden_nodes
    assert entry.nodes == ("a", "b")
    assert list(entry.indices(3)) == [0, 1, 2]


def test_pins_may_be_given_by_layer() -> None:
    limits = Constraints.model_validate({"pinned": {"3": "a", "0": "b"}})
    assert [(pin.node, pin.first_layer, pin.stop_layer) for pin in limits.pinned] == [("a", 3, 4), ("b", 0, 1)]


def test_a_range_without_layers_is_refused() -> None:
    raw = body("constraints/pinned", [{"node": "edge", "first_layer": 2, "stop_layer": 2}])
    assert faults(raw) == [("/constraints/pinned/0/stop_layer", "empty_range")]


def test_one_layer_and_a_range_together_are_refused() -> None:
    raw = body("constraints/pinned", [{"node": "edge", "layer": 3, "first_layer": 1}])
    assert faults(raw) == [("/constraints/pinned/0/layer", "either_or")]


@pytest.mark.parametrize("pinned", [{"x": "edge"}, {"-1": "edge"}, "edge", [["edge"]], {"1": ["edge"]}])
def test_other_shapes_of_pins_are_refused(pinned: Any) -> None:
    [(pointer, _)] = faults(body("constraints/pinned", pinned))
    assert pointer.startswith("/constraints/pinned")


@pytest.mark.parametrize("number", [0, -1, float("nan"), True, "3"])
def test_a_throughput_that_nothing_can_miss_or_meet_is_refused(number: Any) -> None:
    [(pointer, _)] = faults(body("constraints/min_throughput_per_s", number))
    assert pointer == "/constraints/min_throughput_per_s"


@pytest.mark.parametrize(
    ("objective", "pointer"),
    [
        ({"kind": "latency", "latency_weight": 0.5}, "/objective/latency_weight"),
        ({"kind": "weighted", "order": ["latency"]}, "/objective/order"),
        ({"kind": "energy", "tolerance": 0.1}, "/objective/tolerance"),
    ],
)
def test_a_detail_of_another_objective_is_refused(objective: dict[str, Any], pointer: str) -> None:
    [found] = violations(body("objective", objective))
    assert (found.pointer, found.code) == (pointer, "not_applicable")
    assert f"not {objective['kind']}" in found.message


def test_a_metric_that_is_ordered_twice_is_refused() -> None:
    raw = body("objective", {"kind": "lexicographic", "order": ["energy", "energy"]})
    assert faults(raw) == [("/objective/order", "duplicate")]


def test_an_unknown_objective_is_answered_with_the_known_ones() -> None:
    [found] = violations(body("objective", {"kind": "cost"}))
    assert found.message.startswith("must be 'latency', 'energy'")
    assert found.actual == "cost"


def test_every_objective_can_be_given_by_its_kind_alone() -> None:
    for kind in ("latency", "energy", "throughput", "weighted", "lexicographic"):
        assert Objective.model_validate({"kind": kind}).kind == kind


@pytest.mark.parametrize("limit", [0, -1, 3601, float("inf")])
def test_a_time_limit_beyond_an_hour_or_below_nothing_is_refused(limit: float) -> None:
    [(pointer, _)] = faults(body("solver/time_limit_s", limit))
    assert pointer == "/solver/time_limit_s"
