"""The desk before real solver processes: what transport promises is what solving keeps."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import examples
from examples import Purpose
from models import Plan
from tests.api.clients import events_of

ASYNC = {"prefer": "respond-async", "cache-control": "no-cache"}


def example(name: str) -> dict[str, Any]:
    [found] = [one for one in examples.of(Purpose.PLAN) if one.name == name]
    return json.loads(found.read())


@pytest.fixture
def long() -> dict[str, Any]:
    """A request that a textbook formulation takes seconds for, with plans on the way."""
    return example("measured-profile-pipeline") | {"solver": {"backend": "reference_milp", "time_limit_s": 60}}


def test_cancelling_a_solve_answers_the_best_plan_so_far(solving, long):
    place = solving.post("/plan", json=long, headers=ASYNC).headers["location"]
    with solving.exchange("GET", f"{place}/events") as stream:
        assert stream.status() == 200
        seen = b""
        while not re.search(rb'"objective":[0-9.]+,"bound":[0-9.]+', seen):
            seen += stream.chunk()
        plan = solving.delete(place)
        while (chunk := stream.chunk()) is not None:
            seen += chunk
    answer = Plan.model_validate_json(plan.content)
    assert (answer.status, answer.termination) == ("feasible", "cancelled")
    assert answer.stages
    assert answer.bound is not None
    done = json.loads(events_of(seen.decode())[-1]["data"])
    assert (done["objective"], done["termination"]) == (answer.objective, "cancelled")


def test_a_plan_says_how_long_it_waited_and_was_solved_and_by_whom(solving):
    plan = solving.post("/plan", json=example("two-nodes-by-hand"), headers={"cache-control": "no-cache"}).json()
    assert plan["solve_seconds"] >= plan["solver"]["seconds"]["total"] > 0
    assert plan["queue_seconds"] >= 0
    assert plan["solver"]["version"]
    assert plan["id"].startswith("plan-")


@pytest.mark.parametrize(
    ("path", "wrap", "place"),
    [
        ("/plan", lambda request: request, ""),
        ("/frontier", lambda request: request | {"frontier": {"epsilon": 0.25}}, ""),
        (
            "/plan:compare",
            lambda request: {"request": request, "variants": [{"name": "same", "patch": {}}]},
            "/request",
        ),
    ],
)
@pytest.mark.parametrize("name", ["four layers", None])
def test_a_large_body_is_checked_by_another_process_and_treated_as_a_small_one(solving, path, wrap, place, name):
    padded = example("two-nodes-by-hand")
    padded["model"]["name"] = name
    padded["cluster"]["nodes"][0]["labels"] = {f"label-{k}": "x" * 200 for k in range(1500)}
    assert len(json.dumps(padded)) > 2**18
    accepted = solving.post(path, json=wrap(padded), headers=ASYNC)
    assert accepted.status_code == 202, accepted.text
    assert accepted.json().get("epsilon") in (None, 0.25)
    assert solving.get(accepted.headers["location"], headers={"prefer": "wait=30"}).json()["status"] == "optimal"
    named = {entry["id"]: entry["name"] for entry in solving.get("/plans").json()["plans"]}
    assert named[accepted.json()["id"]] == name
    refused = solving.post(path, json=wrap(padded | {"solver": {"seed": -1}}), headers=ASYNC)
    assert (refused.status_code, refused.json()["violations"][0]["pointer"]) == (422, f"{place}/solver/seed")


@pytest.mark.parametrize("path", ["/plan:validate", "/plan:evaluate", "/profiles", "/plan", "/frontier"])
def test_what_is_no_request_is_refused_by_every_process_alike(solving, client, path):
    for raw in (b"", b"{", b'{"a": 1, "a": 2}', b'{"cluster": {}}', b"[" * 1000):
        answers = [service.post(path, content=raw) for service in (solving, client)]
        assert answers[0].json() == answers[1].json()
        assert answers[0].status_code in {400, 422}
