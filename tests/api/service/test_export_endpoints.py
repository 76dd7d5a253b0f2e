"""POST /plan:export, GET /plans/{id}/export/{format} and GET /exports."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from models import InvalidInput, Plan, PlanRequest
from models.export import Export, ExportFormat
from models.plan import Memory, PassSeconds, Stage
from tests.placement.exports.plans import THREE, TRAINING, U_SHAPED, request

SIZES = dict.fromkeys(("weights", "gradients", "optimizer", "activations", "kv_cache", "workspace", "total"), 1e6)


def planner(any_plan: Any, placed: list[dict[str, Any]]) -> Any:
    """A planner whose plans have these stages."""

    def plan(asked: PlanRequest, *, cancelled: Any = None) -> Plan:
        memory = Memory(**{f"{part}_bytes": size for part, size in SIZES.items()})
        stages = tuple(
            Stage(**stage, level="default", busy_s=PassSeconds(forward=0.1), memory=memory, in_flight=0)
            for stage in placed
        )
        return any_plan(asked, cancelled=cancelled).model_copy(update={"stages": stages})

    return plan


@pytest.fixture
def kept(client_of: Any, any_plan: Any) -> Any:
    """A service with a plan of three stages, and where it is."""
    client = client_of(plan=planner(any_plan, THREE))
    return client, client.post("/plan", json=request()).headers["content-location"]


def posted(client: Any, wanted: str, placed: list[dict[str, Any]] = THREE, **more: Any) -> Any:
    return client.post("/plan:export", json={"format": wanted, "request": request(), "stages": placed} | more)


def test_stages_of_ones_own_are_written_with_what_is_lost(client):
    answer = posted(client, "vllm")
    assert answer.status_code == 200, answer.text
    made = Export.model_validate_json(answer.content)
    assert made.content.endswith("VLLM_PP_LAYER_PARTITION=1,1,2\n")
    assert {warning.code for warning in made.warnings} == {"node_order", "raw_input"}


def test_an_answered_plan_is_taken_as_it_is(client):
    plan = {"id": "plan-1", "status": "optimal", "stages": THREE, "latency_s": 1.5, "solver": {"backend": "auto"}}
    answer = client.post("/plan:export", json={"format": "kubernetes", "request": request(), "plan": plan})
    assert answer.status_code == 200, answer.text
    assert '"name": "plan-1-stage-0"' in answer.json()["content"]


def test_a_format_that_cannot_say_the_plan_is_a_problem_with_every_reason(client):
    answer = posted(client, "vllm", U_SHAPED, request=request(workload=TRAINING))
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    problem = answer.json()
    assert problem["type"] == "/problems/not-exportable"
    assert {(one["pointer"], one["code"]) for one in problem["violations"]} == {
        ("/request/workload/kind", "training"),
        ("/stages/2", "u_shape"),
        ("/stages/2", "head_alone"),
    }


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"format": "papyrus"}, "/format"),
        ({"stages": [*THREE[:2], THREE[2] | {"node": "moon"}]}, "/stages/2/node"),
        ({"stages": THREE[:2]}, "/stages/1/stop_layer"),
        ({"options": {"devices": {"moon": 1}}}, "/options/devices/moon"),
        ({"options": {"model_name": "--evil"}}, "/options/model_name"),
        ({"options": {"architecture": "Moon"}}, "/options/architecture"),
        ({"plan": {"stages": THREE}}, ""),
        ({"request": request({"catalogue": "moon"})}, "/request/model/catalogue"),
        ({"options": {"devices": {"phone": "--evil"}}}, "/options/devices/phone"),
    ],
)  # fmt: skip
def test_what_breaks_rules_is_named(client, changes, pointer):
    answer = posted(client, "vllm", **changes)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-input")
    assert [one["pointer"] for one in answer.json()["violations"]] == [pointer]


def test_a_plan_without_stages_cannot_be_posted(client):
    body = {"format": "vllm", "request": request(), "plan": {"status": "infeasible", "stages": []}}
    [violation] = client.post("/plan:export", json=body).json()["violations"]
    assert (violation["pointer"], violation["code"]) == ("/plan/stages", "no_stages")


@pytest.mark.parametrize("wanted", sorted({*ExportFormat} - {ExportFormat.PETALS, ExportFormat.DEEPSPEED}))
def test_a_kept_plan_is_written_with_the_request_that_it_came_from(kept, wanted):
    client, place = kept
    answer = client.get(f"{place}/export/{wanted}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["format"] == wanted
    raw = client.get(f"{place}/export/{wanted}", params={"raw": "true"})
    assert raw.text == answer.json()["content"]
    assert raw.headers["content-type"].partition(";")[0] == answer.json()["media_type"]
    assert raw.headers["content-disposition"] == f'attachment; filename="{answer.json()["filename"]}"'
    told = dict.fromkeys(warning["code"] for warning in answer.json()["warnings"])
    assert raw.headers.get("export-warnings", "") == ", ".join(told)


def test_options_of_a_kept_plans_export_are_in_the_query(kept):
    client, place = kept
    pairs = {"device": ["phone=cpu", "jetson=0", "edge=cuda:1"], "raw": "1"}
    answer = client.get(f"{place}/export/accelerate", params=pairs)
    assert set(json.loads(answer.text).values()) == {"cpu", 0, "cuda:1"}
    addresses = {"address": ["jetson=10.0.0.2", "edge=10.0.0.3:9"], "raw": "1"}
    assert "--rpc 10.0.0.2:50052,10.0.0.3:9\n" in client.get(f"{place}/export/llama-cpp", params=addresses).text


@pytest.mark.parametrize(
    "query",
    ["raw=maybe", "device=phone", "device=phone=--x", "address=edge=a%20b", "colour=red", "raw=1&raw=0", "image="],
)
def test_a_query_that_cannot_be_used_is_named(kept, query):
    client, place = kept
    answer = client.get(f"{place}/export/vllm?{query}")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-parameter")
    assert query.partition("=")[0] in answer.json()["violations"][0]["message"]


def test_a_kept_plan_that_the_format_cannot_say_is_the_same_problem(client_of, any_plan):
    client = client_of(plan=planner(any_plan, U_SHAPED))
    place = client.post("/plan", json=request()).headers["content-location"]
    answer = client.get(f"{place}/export/exo")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-exportable")
    assert {one["pointer"] for one in answer.json()["violations"]} == {"/plan/stages/2"}


def test_an_ended_plan_without_stages_has_nothing_to_export(client_of):
    client = client_of()
    place = client.post("/plan", json=request()).headers["content-location"]
    answer = client.get(f"{place}/export/vllm")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/nothing-to-export")


def test_a_frontier_has_nothing_to_export(client_of):
    client = client_of()
    place = client.post("/frontier", json=request()).headers["content-location"]
    assert client.get(f"{place}/export/vllm").status_code == 409


def test_a_plan_on_its_way_says_when_to_come_again(client_of, any_plan):
    go = threading.Event()

    def slow(asked: PlanRequest, *, cancelled: Any = None) -> Plan:
        go.wait(60)
        return any_plan(asked, cancelled=cancelled)

    client = client_of(plan=slow)
    place = client.post("/plan", json=request(), headers={"prefer": "respond-async"}).headers["location"]
    answer = client.get(f"{place}/export/vllm")
    go.set()
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/nothing-to-export")
    assert int(answer.headers["retry-after"]) >= 1


def test_a_plan_that_was_refused_late_answers_its_own_problem(client_of):
    def refuse(asked: PlanRequest, *, cancelled: Any = None) -> Plan:
        raise InvalidInput([])

    client = client_of(plan=refuse)
    client.post("/plan", json=request(), headers={"idempotency-key": "one"})
    [entry] = client.get("/plans").json()["plans"]
    assert client.get(f"{entry['href']}/export/vllm").json()["type"] == "/problems/invalid-input"


@pytest.mark.parametrize(
    ("path", "slug"), [("plan-0/export/vllm", "plan-not-found"), ("plan-0/export/moon", "not-found")]
)
def test_what_is_not_there_is_not_found(client, path, slug):
    answer = client.get(f"/plans/{path}")
    assert (answer.status_code, answer.json()["type"]) == (404, f"/problems/{slug}")


def test_every_format_is_listed(client):
    listed = client.get("/exports").json()["formats"]
    assert [entry["format"] for entry in listed] == list(ExportFormat)
    assert all(entry["title"] and entry["reads"] and entry["filename"] for entry in listed)
