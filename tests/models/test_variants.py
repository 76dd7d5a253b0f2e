"""Variants: what their shorthands take away, and where faults are."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from models.comparison import CompareRequest
from models.violations import violations_of
from tests.placement.examples_for_tests import layer, link, node, request_body

Body = dict[str, Any]


def three_nodes(**parts: Any) -> Body:
    links = [link("a", "b"), link("b", "c"), link("a", "c")]
    return request_body([node(name) for name in "abc"], links, [layer(1.0), layer(1.0)], **parts)


def compared(body: Body, *variants: Body) -> CompareRequest:
    return CompareRequest.model_validate({"request": body, "variants": list(variants)})


def refused(body: Body, *variants: Body) -> list[tuple[str, str]]:
    raw = {"request": body, "variants": list(variants)}
    with pytest.raises(ValidationError) as error:
        CompareRequest.model_validate(raw)
    return [(violation.pointer, violation.code) for violation in violations_of(error.value, raw)]


def test_a_lost_node_takes_its_links_and_every_mention_with_it() -> None:
    body = three_nodes(constraints={"pinned": {"1": "b"}, "allowed_nodes": ["a", "b"], "forbidden_nodes": ["b"]})
    body["constraints"].pop("pinned")
    body["model"]["layers"][0]["forward"]["time_s"] = {"a": 1.0, "b": 2.0}
    (request,) = compared(body, {"name": "without b", "node_lost": "b"}).variant_requests
    assert [one.id for one in request.cluster.nodes] == ["a", "c"]
    assert [(one.source, one.target) for one in request.cluster.links] == [("a", "c")]
    assert request.constraints.allowed_nodes[0].nodes == ("a",)
    assert request.constraints.forbidden_nodes == ()
    assert request.model.layers is not None
    assert request.model.layers[0].forward.time_s == {"a": 1.0}


def test_a_lost_node_takes_its_pins_with_it() -> None:
    for pins in ({"1": "b"}, [{"layer": 1, "node": "b"}]):
        body = three_nodes(constraints={"pinned": pins})
        (request,) = compared(body, {"name": "without b", "node_lost": "b"}).variant_requests
        assert request.constraints.pinned == ()


def test_nodes_and_links_are_lost_in_matrices_too() -> None:
    body = three_nodes()
    rate = [[None, 1.0, 2.0], [3.0, None, 4.0], [5.0, 6.0, None]]
    body["cluster"] = {"nodes": body["cluster"]["nodes"], "link_matrix": {"bandwidth_bits_per_s": rate}}
    lost, down = compared(
        body,
        {"name": "no b", "node_lost": "b"},
        {"name": "no ac", "link_down": {"source": "c", "target": "a"}},
    ).variant_requests
    assert lost.cluster.link_matrix is not None
    assert down.cluster.link_matrix is not None
    assert lost.cluster.link_matrix.bandwidth_bits_per_s == ((None, 2.0), (5.0, None))
    assert down.cluster.link_matrix.bandwidth_bits_per_s == ((None, 1.0, None), (3.0, None, 4.0), (None, 6.0, None))


def test_a_link_that_is_down_carries_in_neither_direction() -> None:
    (request,) = compared(three_nodes(), {"name": "x", "link_down": {"source": "c", "target": "b"}}).variant_requests
    assert [(one.source, one.target) for one in request.cluster.links] == [("a", "b"), ("a", "c")]


def test_a_source_that_loses_its_last_link_is_alone() -> None:
    body = three_nodes(constraints={"allowed_nodes": [{"nodes": ["b"]}]})
    lost = {"name": "x", "node_lost": "b", "link_down": {"source": "a", "target": "c"}}
    (request,) = compared(body, lost).variant_requests
    assert [one.id for one in request.cluster.nodes] == ["a"]
    assert request.constraints.allowed_nodes == ()


def test_a_merge_patch_changes_model_privacy_and_objective() -> None:
    patch = {"objective": {"kind": "energy"}, "privacy": {"head_layers": 2},
             "model": {"catalogue": "gpt2", "layers": None, "sequence_length": 16}}  # fmt: skip
    (request,) = compared(three_nodes(), {"name": "other", "patch": patch}).variant_requests
    assert (request.objective.kind, request.privacy.head_layers, request.model.catalogue) == ("energy", 2, "gpt2")


def test_another_model_takes_the_place_of_the_requests() -> None:
    other = {"name": "other", "model": {"catalogue": "gpt2", "sequence_length": 16}}
    (request,) = compared(three_nodes(), other).variant_requests
    assert (request.model.catalogue, request.model.layers) == ("gpt2", None)
    assert refused(three_nodes(), {"name": "other", "model": {"catalogue": 5}}) == [
        ("/variants/0/model/catalogue", "string_type")
    ]


def test_faults_are_told_where_the_variant_made_them() -> None:
    found = refused(
        three_nodes(),
        {"name": "fine", "node_lost": "b"},
        {"name": "negative", "patch": {"constraints": {"max_latency_s": -1.0}}},
        {"name": "nobody", "node_lost": "z"},
        {"name": "source", "node_lost": "a"},
        {"name": "fine", "link_down": {"source": "a", "target": "z"}},
        {"name": "alone", "patch": {"cluster": {"links": []}}},
    )
    assert found == [
        ("/variants/1/patch/constraints/max_latency_s", "greater_than_equal"),
        ("/variants/2/node_lost", "unknown_node"),
        ("/variants/3/node_lost", "source_lost"),
        ("/variants/4/name", "duplicate"),
        ("/variants/4/link_down", "unknown_link"),
        ("/variants/5/patch/cluster/links", "no_route"),
    ]


def test_faults_of_the_request_itself_stay_with_it() -> None:
    body = three_nodes()
    body["workload"]["source"] = "z"
    assert refused(body, {"name": "x", "node_lost": "b"}) == [("/request/workload/source", "unknown_node")]


def test_something_to_compare_with_is_asked_for() -> None:
    assert refused(three_nodes()) == [("/variants", "missing")]
