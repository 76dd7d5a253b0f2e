from __future__ import annotations

from typing import Any

import pytest

from models import PlanRequest
from models.request import layer_faults, reachable
from tests.models.requests import SMALLEST, body, evaluate_faults, faults, violations


def test_an_unknown_source_is_refused() -> None:
    assert faults(body("workload/source", "nobody")) == [("/workload/source", "unknown_node")]


@pytest.mark.parametrize(
    ("constraints", "pointer"),
    [
        ({"allowed_nodes": [{"nodes": ["phone", "x"]}]}, "/constraints/allowed_nodes/0/nodes/1"),
        ({"forbidden_nodes": ["edge", "x"]}, "/constraints/forbidden_nodes/1"),
        ({"pinned": [{"layer": 1, "node": "x"}]}, "/constraints/pinned/0/node"),
        ({"pinned": {"3": "x"}}, "/constraints/pinned/3"),
    ],
)
def test_constraints_on_unknown_nodes_are_refused_where_they_were_written(
    constraints: dict[str, Any], pointer: str
) -> None:
    [found] = violations(body("constraints", constraints))
    assert (found.pointer, found.code, found.actual) == (pointer, "unknown_node", "x")


def test_times_measured_on_unknown_nodes_are_refused() -> None:
    raw = body("model/layers/2/forward/time_s", {"phone": 0.1, "rack/7": 0.2})
    [found] = violations(raw)
    assert (found.pointer, found.code) == ("/model/layers/2/forward/time_s/rack~17", "unknown_node")


def test_every_fault_across_the_request_is_named_at_once() -> None:
    raw = body("workload/source", "nobody")
    raw["constraints"] = {"pinned": {"1": "nowhere"}}
    raw["model"]["layers"][0]["forward"]["time_s"] = {"ghost": 1}
    assert len(faults(raw)) == 3


def test_a_source_from_which_nothing_can_be_reached_is_refused() -> None:
    [found] = violations(body("cluster/links", []))
    assert (found.pointer, found.code, found.actual) == ("/cluster/links", "no_route", "phone")


def test_a_one_way_link_towards_the_source_reaches_nothing() -> None:
    link = {"source": "edge", "target": "phone", "bandwidth_bits_per_s": 1, "bidirectional": False}
    assert faults(body("cluster/links", [link])) == [("/cluster/links", "no_route")]


def test_a_matrix_is_followed_like_links() -> None:
    raw = body("cluster/link_matrix", {"bandwidth_bits_per_s": [[None, None], [1, None]]})
    del raw["cluster"]["links"]
    assert faults(raw) == [("/cluster/link_matrix", "no_route")]
    raw["cluster"]["link_matrix"]["bandwidth_bits_per_s"][0][1] = 5
    assert reachable(PlanRequest.model_validate(raw).cluster, "phone") == {"phone", "edge"}


def test_reaching_goes_over_any_number_of_links() -> None:
    raw = body()
    raw["cluster"]["nodes"].append({"id": "far", "compute_flops_per_s": 1, "memory_bytes": 1})
    raw["cluster"]["links"].append({"source": "far", "target": "edge", "bandwidth_bits_per_s": 1})
    assert reachable(PlanRequest.model_validate(raw).cluster, "phone") == {"phone", "edge", "far"}


TRAINING = {"kind": "training", "source": "phone"}


def test_training_needs_a_backward_pass() -> None:
    assert faults(body("workload", TRAINING)) == [("/model/layers", "missing_pass")]


def test_behind_the_first_backward_pass_every_layer_has_one() -> None:
    raw = body("workload", TRAINING)
    raw["model"]["layers"][1]["backward"] = {"flops": 1}
    raw["model"]["layers"][3]["backward"] = {"flops": 1}
    assert faults(raw) == [("/model/layers/2/backward", "missing_pass")]
    raw["model"]["layers"][2]["backward"] = {"flops": 1}
    assert faults(raw) == []


def test_more_than_one_token_needs_a_decode_pass_in_every_layer() -> None:
    raw = body("workload/output_tokens", 2)
    raw["model"]["layers"][0]["decode"] = {}
    assert [pointer for pointer, _ in faults(raw)] == [f"/model/layers/{k}/decode" for k in (1, 2, 3)]


@pytest.mark.parametrize(
    ("privacy", "pointer", "code"),
    [
        ({"head_layers": 5}, "/privacy/head_layers", "out_of_range"),
        ({"tail_layers": 5}, "/privacy/tail_layers", "out_of_range"),
        ({"untrusted_forbidden_layers": [0, 4]}, "/privacy/untrusted_forbidden_layers/1", "out_of_range"),
        ({"leakage": [0, 1], "max_leakage": 1}, "/privacy/leakage", "shape"),
    ],
)
def test_privacy_speaks_of_layers_that_exist(privacy: dict[str, Any], pointer: str, code: str) -> None:
    assert faults(body("privacy", privacy)) == [(pointer, code)]


@pytest.mark.parametrize("span", [{"layer": 4}, {"first_layer": 4}, {"first_layer": 1, "stop_layer": 5}])
def test_constraints_speak_of_layers_that_exist(span: dict[str, int]) -> None:
    raw = body("constraints/forbidden_nodes", [{"nodes": ["edge"], **span}])
    assert faults(raw) == [("/constraints/forbidden_nodes/0", "out_of_range")]


def test_layers_that_are_derived_later_are_checked_then() -> None:
    raw = body("model", {"catalogue": "gpt2"})
    raw["privacy"] = {"head_layers": 5}
    request = PlanRequest.model_validate(raw)
    layers = PlanRequest.model_validate(SMALLEST).model.layers
    assert layers is not None
    assert [fault.pointer for fault in layer_faults(request, layers)] == ["/privacy/head_layers"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"constraints": {"pinned": [{"layer": 2, "node": "edge"}, {"first_layer": 1, "node": "phone"}]}},
         "layer 2: pinned to phone and to edge"),
        ({"constraints": {"pinned": {"0": "edge"}}},
         "layer 0: pinned to edge, but privacy keeps it on the source phone"),
        ({"constraints": {"pinned": {"3": "edge"}}, "privacy": {"tail_layers": 1}},
         "layer 3: pinned to edge, but privacy keeps it on the source phone"),
        ({"constraints": {"pinned": {"2": "edge"}, "forbidden_nodes": [{"layer": 2, "nodes": ["edge"]}]}},
         "layer 2: pinned to edge, which forbidden_nodes excludes"),
        ({"constraints": {"pinned": [{"node": "edge", "first_layer": 1}], "allowed_nodes":
            [{"nodes": ["phone"], "first_layer": 3}]}},
         "layer 3: pinned to edge, which allowed_nodes excludes"),
    ],
)  # fmt: skip
def test_a_pin_that_contradicts_something_is_refused_and_says_what(parts: dict[str, Any], message: str) -> None:
    [found] = violations({**SMALLEST, **parts})
    assert (found.code, found.message) == ("contradictory_pins", message)


@pytest.mark.parametrize(
    "parts",
    [
        {"constraints": {"pinned": [{"layer": 2, "node": "edge"}, {"first_layer": 2, "node": "edge"}]}},
        {"constraints": {"pinned": {"0": "phone", "1": "edge"}}},
        {"constraints": {"pinned": {"0": "edge"}}, "privacy": {"head_layers": 0}},
        {"constraints": {"pinned": {"2": "edge"}, "forbidden_nodes": [{"layer": 3, "nodes": ["edge"]}]}},
        {"constraints": {"pinned": {"2": "edge"}, "allowed_nodes": ["edge", "phone"]}},
    ],
)
def test_pins_that_fit_together_are_sound(parts: dict[str, Any]) -> None:
    assert faults({**SMALLEST, **parts}) == []


STAGE = {"node": "phone", "first_layer": 0, "stop_layer": 4}


def test_stages_of_an_answered_plan_can_be_pasted() -> None:
    assert evaluate_faults([{**STAGE, "level": "default", "busy_s": {"forward": 1}, "in_flight": 1}]) == []


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"node": "x"}, "/stages/0/node", "unknown_node"),
        ({"level": "15W"}, "/stages/0/level", "unknown_level"),
        ({"stop_layer": 0}, "/stages/0/stop_layer", "empty_range"),
        ({"first_layer": -1}, "/stages/0/first_layer", "greater_than_equal"),
    ],
)
def test_a_stage_that_cannot_be_is_refused(change: dict[str, Any], pointer: str, code: str) -> None:
    assert evaluate_faults([STAGE | change]) == [(pointer, code)]


def test_a_placement_without_stages_is_refused() -> None:
    assert evaluate_faults([]) == [("/stages", "too_short")]
