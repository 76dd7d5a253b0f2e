"""The generator: the same seed gives the same request, and each family asks for what its name says."""

from __future__ import annotations

import json

import pytest

from benchmarks.families import EXAMPLES, FAMILIES, LARGE, NAMES, Family, Size, cases
from benchmarks.instances import heterogeneous
from models.constraints import ObjectiveKind
from models.request import PlanRequest
from models.workload import Inference, Schedule, Training


def request(name: str, layers: int = 6, nodes: int = 3, seed: int = 0) -> PlanRequest:
    (family,) = (family for family in FAMILIES if family.name == name)
    return PlanRequest.model_validate_json(json.dumps(family.make(layers, nodes, seed)))


def test_a_seed_always_gives_the_same_request_and_another_seed_a_different_one() -> None:
    assert heterogeneous(6, 3, 1) == heterogeneous(6, 3, 1)
    assert heterogeneous(6, 3, 1) != heterogeneous(6, 3, 2)


def test_nodes_together_hold_the_asked_multiple_of_the_weights() -> None:
    body = heterogeneous(32, 8, 0, tightness=1.6)
    weights = sum(layer["weight_bytes"] for layer in body["model"]["layers"])
    memory = sum(node["memory_bytes"] for node in body["cluster"]["nodes"])
    assert memory == pytest.approx(1.6 * weights)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("size", [*LARGE, Size(4, 2)], ids=str)
def test_every_family_makes_valid_requests_of_the_asked_size(family: Family, size: Size) -> None:
    made = request(family.name, size.layers, size.nodes)
    assert (len(made.model.layers or ()), len(made.cluster.nodes)) == (size.layers, size.nodes)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("latency", ObjectiveKind.LATENCY),
        ("energy", ObjectiveKind.ENERGY),
        ("weighted", ObjectiveKind.WEIGHTED),
        ("throughput", ObjectiveKind.THROUGHPUT),
        ("dvfs", ObjectiveKind.ENERGY),
    ],
)
def test_inference_families_differ_in_their_objective(name: str, kind: ObjectiveKind) -> None:
    made = request(name)
    assert isinstance(made.workload, Inference)
    assert made.objective.kind is kind
    assert made.workload.concurrency == (4 if name == "throughput" else 1)


@pytest.mark.parametrize("name", ["gpipe", "u_shape", "shared_medium", "1f1b"])
def test_training_families_have_eight_micro_batches(name: str) -> None:
    made = request(name)
    assert isinstance(made.workload, Training)
    assert made.workload.micro_batches == 8
    assert made.workload.schedule is (Schedule.ONE_F_ONE_B if name == "1f1b" else Schedule.GPIPE)


def test_special_families_have_what_they_are_named_after() -> None:
    matrix = request("shared_medium").cluster.link_matrix
    assert matrix is not None
    assert matrix.medium == "channel"
    assert request("u_shape").privacy.tail_layers == 1
    assert {len(node.levels) for node in request("dvfs").cluster.nodes} == {3}


def test_cases_come_in_one_order_with_one_case_per_example() -> None:
    made = list(cases((EXAMPLES, "energy", "latency"), (Size(4, 2), Size(6, 3)), 2))
    asked = [(case.family, case.instance, case.seed) for case in made if case.family != EXAMPLES]
    assert asked == [
        ("latency", "4x2", 0), ("latency", "4x2", 1), ("latency", "6x3", 0), ("latency", "6x3", 1),
        ("energy", "4x2", 0), ("energy", "4x2", 1), ("energy", "6x3", 0), ("energy", "6x3", 1),
    ]  # fmt: skip
    examples = [case.instance for case in made if case.family == EXAMPLES]
    assert len(examples) == len(set(examples)) >= 8


def test_without_sizes_each_family_is_measured_at_its_own() -> None:
    sizes = {(case.family, case.instance) for case in cases(NAMES, None, 1)}
    assert {("gpipe", "32x8"), ("u_shape", "16x4")} <= sizes
    assert ("u_shape", "32x8") not in sizes


@pytest.mark.parametrize("text", ["32", "x8", "32x", "0x4", "4x-1", "axb"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Size.parse(text)
