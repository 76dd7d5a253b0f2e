from __future__ import annotations

import json

import pytest

import examples
from examples import Purpose
from models import InvalidInput, Plan
from models.base import Fault

PROBLEM = "application/problem+json"


def test_a_sound_request_is_answered_with_a_plan(client, body):
    answer = client.post("/plan", json=body)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert Plan.model_validate_json(answer.content).status == "optimal"


def test_the_versioned_path_answers_the_same(client, body):
    assert client.post("/v1/plan", json=body).json()["id"] == client.post("/plan", json=body).json()["id"]


def test_the_planner_gets_the_request_with_units_read(client_of, any_plan, body):
    seen = []

    def plan(asked, *, cancelled=None):
        seen.append(asked)
        return any_plan(asked)

    client_of(plan=plan).post("/plan", json=body)
    assert [(node.id, node.memory_bytes) for node in seen[-1].cluster.nodes] == [("phone", 2e9), ("edge", 8e9)]


def test_faults_that_only_the_planner_sees_are_faults_of_the_request(client_of, body):
    def plan(asked, *, cancelled=None):
        raise InvalidInput([Fault("/workload/source", "unfit", "the phone is no terminal", "phone", None)])

    answer = client_of(plan=plan).post("/plan", json=body)
    assert answer.status_code == 422
    assert answer.json()["violations"][0]["pointer"] == "/workload/source"


def test_validation_counts_what_a_request_asks_for(client, body):
    answer = client.post("/plan:validate", json=body)
    assert answer.status_code == 200
    assert len(answer.json()["sha256"]) == 64
    assert answer.json() | {"notes": [], "sha256": ""} == {
        "valid": True,
        "model": "four layers",
        "layers": 4,
        "weight_bytes": 1.5e9,
        "nodes": 2,
        "links": 2,
        "workload": "inference",
        "objective": "latency",
        "solver": {"backend": "auto", "time_limit_s": 10.0, "relative_gap": 0.0, "seed": 0},
        "sha256": "",
        "notes": [],
    }


def test_validation_never_plans(client_of, body):
    def plan(asked, *, cancelled=None):
        raise AssertionError("planned")

    assert client_of(plan=plan).post("/plan:validate", json=body).status_code == 200


def test_validation_counts_the_links_of_a_matrix(client, body):
    body["cluster"]["links"] = []
    body["cluster"]["link_matrix"] = {"bandwidth_bits_per_s": [[None, 1e8], [1e8, 1e8]]}
    assert client.post("/plan:validate", json=body).json()["links"] == 2


def test_validation_names_layers_that_a_derived_model_lacks(client, body):
    body["model"] = {"catalogue": "gpt2", "sequence_length": 16}
    body["privacy"] = {"head_layers": 99}
    answer = client.post("/plan:validate", json=body)
    assert answer.status_code == 422
    assert [v["pointer"] for v in answer.json()["violations"]] == ["/privacy/head_layers"]


def test_validation_names_an_unknown_catalogue_model_where_it_is_written(client, body):
    body["model"] = {"catalogue": "gpt-17", "sequence_length": 16}
    answer = client.post("/plan:validate", json=body)
    assert answer.status_code == 422
    assert answer.json()["violations"][0]["pointer"] == "/model/catalogue"


def test_validation_names_an_unknown_architecture_where_it_is_written(client, body):
    body["model"] = {"huggingface_config": {"model_type": "mamba"}, "sequence_length": 16}
    answer = client.post("/plan:validate", json=body)
    assert answer.status_code == 422
    [violation] = answer.json()["violations"]
    assert violation["pointer"].startswith("/model/huggingface_config")
    assert "llama" in str(violation)


def test_profiles_point_into_their_own_body(client):
    answer = client.post(
        "/profiles",
        json={"catalogue": "gpt-17", "sequence_length": 16, "workload": {"kind": "inference", "source": "phone"}},
    )
    assert answer.status_code == 422
    assert answer.json()["violations"][0]["pointer"] == "/catalogue"


def test_evaluation_scores_the_placement_that_was_sent(client):
    best, too_much = (client.post("/plan:evaluate", content=e.read()).json() for e in examples.of(Purpose.EVALUATE))
    assert best["feasible"] is True
    assert best["latency_s"] == pytest.approx(0.35008)
    assert too_much["feasible"] is False
    assert [violation["constraint"] for violation in too_much["violations"]] == ["max_latency_s"]


def test_a_profile_has_the_layers_of_the_model(client):
    answer = client.post(
        "/profiles",
        json={"catalogue": "gpt2", "sequence_length": 16, "workload": {"kind": "inference", "source": "phone"}},
    )
    assert answer.status_code == 200
    assert [layer["kind"] for layer in answer.json()["layers"]] == ["embedding"] + 12 * ["block"] + ["head"]


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/vnd.api+json",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "text/plain",
        "",
    ],
)
def test_anything_that_may_be_json_is_read_as_json(client, body, kind):
    assert client.post("/plan", content=json.dumps(body), headers={"content-type": kind}).status_code == 200
