"""The families: each asks for what its name says, and every request is valid."""

from __future__ import annotations

import json

import pytest

from benchmarks.families import BY_NAME, EXAMPLES, FAMILIES, Family, Size, cases
from benchmarks.real_models import MODELS
from models.constraints import ObjectiveKind
from models.request import PlanRequest
from models.workload import Inference, Schedule, Training
from placement.cost_model import compile_problem


def request(name: str, layers: int = 6, nodes: int = 3, seed: int = 0) -> PlanRequest:
    return PlanRequest.model_validate_json(json.dumps(BY_NAME[name].make(layers, nodes, seed)))


@pytest.mark.parametrize("family", [family for family in FAMILIES if not family.real], ids=lambda family: family.name)
@pytest.mark.parametrize("size", [Size(4, 2), Size(33, 21)], ids=str)
def test_every_family_makes_valid_requests_of_the_asked_size(family: Family, size: Size) -> None:
    made = request(family.name, size.layers, size.nodes)
    assert (len(made.model.layers or ()), len(made.cluster.nodes)) == (size.layers, size.nodes)


@pytest.mark.parametrize("seed", range(len(MODELS)), ids=lambda seed: MODELS[seed])
def test_every_real_model_fits_its_identical_nodes(seed: int) -> None:
    problem = compile_problem(request("real", nodes=8, seed=seed))
    needed = problem.bytes.static
    assert len({node.memory_bytes for node in problem.request.cluster.nodes}) == 1
    assert needed[: problem.head_layers].sum() < problem.memory_bytes[0]
    assert needed.sum() < problem.memory_bytes.sum()


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


@pytest.mark.parametrize("name", ["gpipe", "u_shape", "shared_medium", "no_overlap", "1f1b", "classes_gpipe"])
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
    assert {node.overlaps_communication for node in request("no_overlap").cluster.nodes} == {False}
    assert all(layer.activation_bytes > 0 for layer in request("1f1b").model.layers or ())
    assert len({node.memory_bytes for node in request("fleet_latency", nodes=60).cluster.nodes}) == 20


def test_a_fleet_of_a_thousand_nodes_is_measured_in_full() -> None:
    assert Size(80, 1000) in BY_NAME["fleet_latency"].full_sizes
    assert Size(80, 1000) in BY_NAME["fleet_gpipe"].full_sizes


def test_cases_come_by_size_then_seed() -> None:
    made = cases("energy", (Size(4, 2), Size(6, 3)), range(2))
    asked = [("4x2", 0), ("4x2", 1), ("6x3", 0), ("6x3", 1)]
    assert [(case.instance, case.seed) for case in made] == asked


def test_every_example_is_one_case() -> None:
    examples = [case.instance for case in cases(EXAMPLES, (), range(3))]
    assert len(examples) == len(set(examples)) >= 8


@pytest.mark.parametrize("text", ["32", "x8", "32x", "0x4", "4x-1", "axb"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Size.parse(text)
