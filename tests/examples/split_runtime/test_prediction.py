"""How a request is emulated; and measured layers and links become the request's, and nothing else does."""

from __future__ import annotations

import pytest

from api.measuring.fit import TransferFit
from examples.split_runtime.job import NotRunnable
from examples.split_runtime.prediction import links_of, measured_request, shapes_of
from models.request import PlanRequest
from placement.solver import plan
from placement.transformers import profile

NODES = ("phone", "edge-1", "edge-2")


@pytest.fixture(scope="session")
def measured(three_boxes: PlanRequest) -> PlanRequest:
    count = len(profile(three_boxes.model, three_boxes.workload).layers)
    samples = {
        node: {"forward": tuple((n + k + 1.0, n + k + 2.0, n + k + 9.0) for k in range(count))}
        for n, node in enumerate(NODES)
    }
    fits = {(a, b): TransferFit(0.5, 1e6, 0.0, 0.0) for a in NODES for b in NODES if a != b}
    return measured_request(three_boxes, three_boxes.model, samples, fits)


def test_layers_take_the_median_of_what_each_node_took(measured: PlanRequest) -> None:
    assert measured.model.layers is not None
    assert measured.model.layers[3].forward.time_s == {"phone": 5.0, "edge-1": 6.0, "edge-2": 7.0}


def test_what_was_not_timed_stays_as_derived(three_boxes: PlanRequest, measured: PlanRequest) -> None:
    derived = profile(three_boxes.model, three_boxes.workload).layers
    assert measured.model.layers is not None
    assert [layer.backward for layer in measured.model.layers] == [layer.backward for layer in derived]
    assert [layer.weight_bytes for layer in measured.model.layers] == [layer.weight_bytes for layer in derived]
    assert (measured.workload, measured.privacy) == (three_boxes.workload, three_boxes.privacy)


def test_links_are_as_measured_and_one_way_each(measured: PlanRequest) -> None:
    assert {(link.source, link.target) for link in measured.cluster.links} == {
        (a, b) for a in NODES for b in NODES if a != b
    }
    assert {(link.latency_s, link.bandwidth_bits_per_s, link.bidirectional) for link in measured.cluster.links} == {
        (0.5, 1e6, False)
    }


def _changed(request: PlanRequest, **parts: dict) -> PlanRequest:
    given = request.model_dump(exclude_none=True)
    for part, change in parts.items():
        given[part] |= change
    return PlanRequest.model_validate(given)


def test_shares_follow_the_rates_of_the_nodes(three_boxes: PlanRequest) -> None:
    shares = shapes_of(three_boxes, plan(three_boxes))
    assert {name: shape.share for name, shape in shares.items()} == pytest.approx(
        {"phone": 0.25, "edge-1": 0.5, "edge-2": 0.75}
    )


def test_links_that_only_the_cost_model_knows_are_refused(three_boxes: PlanRequest) -> None:
    link = {"source": "phone", "target": "edge-1", "bandwidth_bits_per_s": 1e6, "medium": "air"}
    shared = _changed(three_boxes, cluster={"links": [link]})
    with pytest.raises(NotRunnable, match="shared media"):
        links_of(shared)
    both_ways = links_of(_changed(three_boxes, cluster={"links": [link | {"medium": None}]}))
    assert [(one.source, one.target) for one in both_ways] == [("phone", "edge-1"), ("edge-1", "phone")]
