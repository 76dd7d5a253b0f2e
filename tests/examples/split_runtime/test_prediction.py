"""Measured layers and links become the request's; nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.measuring.fit import TransferFit
from examples.split_runtime.prediction import measured_request
from models.request import PlanRequest
from placement.transformers import profile

EXAMPLE = Path(__file__).parents[3] / "examples" / "split_runtime" / "three-boxes.json"
NODES = ("phone", "edge-1", "edge-2")


@pytest.fixture(scope="module")
def given() -> PlanRequest:
    return PlanRequest.model_validate_json(EXAMPLE.read_bytes())


@pytest.fixture(scope="module")
def measured(given: PlanRequest) -> PlanRequest:
    count = len(profile(given.model, given.workload).layers)
    samples = {
        node: {"forward": tuple((n + k + 1.0, n + k + 2.0, n + k + 9.0) for k in range(count))}
        for n, node in enumerate(NODES)
    }
    fits = {(a, b): TransferFit(0.5, 1e6, 0.0, 0.0) for a in NODES for b in NODES if a != b}
    return measured_request(given, given.model, samples, fits)


def test_layers_take_the_median_of_what_each_node_took(measured: PlanRequest) -> None:
    assert measured.model.layers is not None
    assert measured.model.layers[3].forward.time_s == {"phone": 5.0, "edge-1": 6.0, "edge-2": 7.0}


def test_what_was_not_timed_and_what_is_no_time_stays_as_derived(given: PlanRequest, measured: PlanRequest) -> None:
    derived = profile(given.model, given.workload).layers
    assert measured.model.layers is not None
    assert [layer.backward for layer in measured.model.layers] == [layer.backward for layer in derived]
    assert [layer.weight_bytes for layer in measured.model.layers] == [layer.weight_bytes for layer in derived]
    assert (measured.workload, measured.privacy) == (given.workload, given.privacy)


def test_links_are_as_measured_and_one_way_each(measured: PlanRequest) -> None:
    assert {(link.source, link.target) for link in measured.cluster.links} == {
        (a, b) for a in NODES for b in NODES if a != b
    }
    assert {(link.latency_s, link.bandwidth_bits_per_s, link.bidirectional) for link in measured.cluster.links} == {
        (0.5, 1e6, False)
    }
