from __future__ import annotations

import json
from importlib.resources import files

import pytest

import examples
from examples import Purpose
from models import CompareRequest, EvaluateRequest, FrontierRequest, PlanRequest
from models.export import ExportRequest
from models.profile_request import ProfileRequest

KIND = {
    Purpose.PLAN: PlanRequest,
    Purpose.INFEASIBLE: PlanRequest,
    Purpose.FRONTIER: FrontierRequest,
    Purpose.COMPARE: CompareRequest,
    Purpose.EVALUATE: EvaluateRequest,
    Purpose.EXPORT: ExportRequest,
    Purpose.PROFILE: ProfileRequest,
}


def test_every_file_is_listed_and_every_listed_example_has_a_file():
    for purpose in Purpose:
        folder = files("examples").joinpath(purpose.value)
        found = {entry.name for entry in folder.iterdir() if entry.name.endswith(".json")}
        assert found == {f"{example.name}.json" for example in examples.of(purpose)}


def test_there_are_the_six_that_were_asked_for_and_more():
    assert len(examples.of(Purpose.PLAN)) >= 6


@pytest.mark.parametrize("example", examples.EXAMPLES, ids=lambda e: f"{e.purpose.name}-{e.name}")
def test_every_example_is_a_sound_request(example):
    KIND[example.purpose].model_validate_json(example.read())


@pytest.mark.parametrize("example", examples.of(Purpose.PLAN), ids=lambda e: e.name)
def test_every_plan_example_passes_validation_as_served(client, example):
    served = client.get(f"/examples/{example.name}")
    assert served.headers["content-type"] == "application/json"
    assert client.post("/plan:validate", content=served.content).status_code == 200


def test_the_list_leads_to_requests_that_can_be_posted_as_they_are(client):
    listed = client.get("/examples").json()["examples"]
    assert [entry["name"] for entry in listed] == [example.name for example in examples.of(Purpose.PLAN)]
    for entry in listed:
        assert client.post("/plan", content=client.get(entry["href"]).content).status_code == 200


@pytest.mark.parametrize("example", examples.of(Purpose.PLAN), ids=lambda e: e.name)
def test_every_listed_example_is_answered_optimal_within_its_time_limit(solving, example):
    answer = solving.post("/plan", content=example.read())
    assert answer.status_code == 200
    assert answer.json()["status"] == "optimal"
    assert answer.json()["stages"]


def test_what_cannot_be_met_is_answered_infeasible_with_what_would_help(solving):
    [example] = examples.of(Purpose.INFEASIBLE)
    plan = solving.post("/plan", content=example.read()).json()
    assert plan["status"] == "infeasible"
    assert {reason["constraint"] for reason in plan["infeasibility"]["reasons"]} == {"memory_bytes"}
    assert all(relaxation["verified"] for relaxation in plan["infeasibility"]["relaxations"])


def test_the_readme_explains_every_example():
    readme = files("examples").joinpath("README.md").read_text()
    for example in examples.EXAMPLES:
        name = f"{example.purpose.value}/{example.name}".removeprefix("/")
        assert f"`{name}.json`" in readme


def test_what_cannot_be_met_is_served_but_not_listed(client):
    [example] = examples.of(Purpose.INFEASIBLE)
    assert json.loads(client.get(f"/examples/{example.name}").content) == json.loads(example.read())
    assert example.name not in client.get("/examples").text
