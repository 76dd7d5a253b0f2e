"""POST /plan:compare: transport as for plans; what it answers is the planner's business."""

from __future__ import annotations

import json
from typing import Any

import pytest

import examples
from examples import Purpose
from models import Comparison


@pytest.fixture
def variants() -> dict[str, Any]:
    [example] = [e for e in examples.of(Purpose.COMPARE) if e.name == "two-nodes-by-hand"]
    return json.loads(example.read())


@pytest.mark.parametrize("example", examples.of(Purpose.COMPARE), ids=lambda e: e.name)
def test_every_comparison_among_the_examples_is_proven_within_its_time_limit(solving, example):
    answer = solving.post("/plan:compare", content=example.read())
    assert answer.status_code == 200
    comparison = Comparison.model_validate_json(answer.content)
    assert (comparison.status, comparison.termination) == ("optimal", "optimal")
    assert comparison.privacy is not None


def test_the_comparison_by_hand_tells_what_each_variant_costs(solving, variants):
    """10 Mbit/s: 0.3 s of computing, 0.405 + 0.00508 s over; the phone alone 2.1 s, and 10.5 J."""
    answer = solving.post("/plan:compare", json=variants).json()
    found = {variant["name"]: variant for variant in answer["variants"]}
    assert found["10 Mbit/s"]["latency_s"] == pytest.approx(0.3 + 0.4 + 0.0008 + 0.01)
    assert found["link down"]["latency_s"] == pytest.approx(2.1)
    assert found["link down"]["keeping_the_plan"]["possible"] is False
    assert found["least energy"]["energy_j"] == pytest.approx(10.5)
    assert found["within a second"]["status"] == "infeasible"
    assert [point["latency_s"] for point in answer["privacy"]["points"]][1] == pytest.approx(0.35008)


def test_a_comparison_is_kept_like_a_plan_and_listed_as_one(client_of, variants):
    client = client_of()
    answer = client.post("/v1/plan:compare", json=variants, headers={"Idempotency-Key": "once"})
    again = client.post("/plan:compare", json=variants, headers={"Idempotency-Key": "once"})
    assert again.json()["id"] == answer.json()["id"]
    assert client.get(answer.headers["content-location"]).json()["base"]["status"] == "optimal"
    [entry] = client.get("/plans", params={"kind": "compare"}).json()["plans"]
    assert (entry["id"], entry["kind"], entry["status"]) == (answer.json()["id"], "compare", "optimal")
    assert client.get("/plans", params={"kind": "plan"}).json()["plans"] == []


def test_whoever_does_not_wait_is_answered_a_comparison_on_its_way(client_of, variants):
    answer = client_of().post("/plan:compare", json=variants, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert Comparison.model_validate_json(answer.content).base is None


def test_what_is_wrong_with_a_variant_is_told_at_the_variant(client, variants):
    variants["variants"] = [
        {"name": "lost", "node_lost": "nobody"},
        {"name": "negative", "patch": {"constraints": {"max_latency_s": -1}}},
        {"name": "unknown", "shape": "u"},
    ]
    answer = client.post("/plan:compare", json=variants)
    assert answer.status_code == 422
    assert [v["pointer"] for v in answer.json()["violations"]] == ["/variants/2/shape"]
    variants["variants"].pop()
    answer = client.post("/plan:compare", json=variants)
    pointers = [v["pointer"] for v in answer.json()["violations"]]
    assert pointers == ["/variants/0/node_lost", "/variants/1/patch/constraints/max_latency_s"]


def test_a_variant_whose_layers_break_a_rule_is_refused_at_its_place(client, variants):
    variants["variants"] = [{"name": "much", "patch": {"privacy": {"head_layers": 5}}}]
    answer = client.post("/plan:compare", json=variants)
    assert answer.status_code == 422
    assert answer.json()["violations"][0]["pointer"] == "/variants/0/patch/privacy/head_layers"


def test_the_time_limit_is_that_of_the_request_inside(client_of, variants):
    variants["request"]["solver"] = {"time_limit_s": 3000.0}
    answer = client_of(max_time_limit_s=60.0).post("/plan:compare", json=variants)
    assert answer.json()["violations"][0]["pointer"] == "/request/solver/time_limit_s"
