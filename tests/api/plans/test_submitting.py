"""POST /plan: waited for or not, durable before 202, and once per Idempotency-Key."""

from __future__ import annotations

import json

import pytest

from api.execution.base import Load
from api.store.errors import StoreUnavailable
from models import Frontier, InvalidInput, Plan
from models.base import Fault
from tests.api.clients import WAIT_S

from .conftest import numbered

ASYNC = {"prefer": "respond-async"}


def test_an_answer_that_was_waited_for_says_where_the_plan_stays(client_of, body):
    client = client_of()
    answer = client.post("/plan", json=body)
    plan = answer.json()
    assert answer.status_code == 200
    assert answer.headers["content-location"] == f"/plans/{plan['id']}"
    assert client.get(answer.headers["content-location"]).json() == plan
    assert plan["queue_seconds"] >= 0
    assert plan["solve_seconds"] > 0


def test_who_does_not_wait_gets_the_address_at_once_and_the_plan_later(slow, held, body):
    answer = slow.post("/plan", json=body, headers=ASYNC)
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert int(answer.headers["retry-after"]) >= 1
    waiting = Plan.model_validate_json(answer.content)
    assert waiting.status in {"queued", "running"}
    assert answer.headers["location"] == f"/plans/{waiting.id}"
    held.go.set()
    ended = slow.get(answer.headers["location"], headers={"prefer": "wait=30"})
    assert (ended.status_code, ended.json()["id"], ended.json()["status"]) == (200, waiting.id, "optimal")


def test_who_waits_too_short_gets_the_address_and_the_plan_goes_on(slow, held, body):
    answer = slow.post("/plan", json=body, headers={"prefer": "wait=1"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=1")
    held.go.set()
    assert slow.get(answer.headers["location"], headers={"prefer": "wait=30"}).json()["status"] == "optimal"


def test_nobody_waits_longer_than_the_service_lets_him(client_of, held, body):
    client = client_of(plan=held, max_wait_s=0.1)
    assert client.post("/plan", json=body).status_code == 202
    answer = client.post("/plan", json=numbered(body, 1), headers={"prefer": "wait=3000"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=0")
    held.go.set()


def test_a_time_limit_above_the_services_is_refused_at_its_place(client_of, body):
    client = client_of(max_time_limit_s=60)
    for path in ("/plan", "/frontier"):
        answer = client.post(path, json=body | {"solver": {"time_limit_s": 61}})
        assert answer.status_code == 422
        [violation] = answer.json()["violations"]
        assert (violation["pointer"], violation["actual"], violation["limit"]) == ("/solver/time_limit_s", 61, 60)


def test_the_address_follows_the_path_the_service_is_mounted_at(client_of, held, body):
    client = client_of(root_path="/placement", plan=held)
    answer = client.post("/placement/plan", json=body, headers=ASYNC)
    assert answer.headers["location"].startswith("/placement/plans/plan-")
    held.go.set()


def test_the_same_key_and_request_are_the_same_plan(client_of, body):
    client = client_of()
    first, again = (client.post("/plan", json=body, headers={"idempotency-key": "k1"}) for _ in range(2))
    assert first.json() == again.json()
    assert client.post("/plan", json=body, headers={"idempotency-key": "k2"}).json()["id"] != first.json()["id"]


def test_fifty_callers_with_one_key_get_one_plan(client_of, held, body):
    client = client_of(plan=held)
    asked = [client.begin("POST", "/plan", json=body, headers={"idempotency-key": "k"}) for _ in range(50)]
    held.entered()
    held.go.set()
    answers = [answer.result(WAIT_S) for answer in asked]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(client.get("/plans").json()["plans"]) == 1
    assert not held.inside.acquire(blocking=False)


@pytest.mark.parametrize("ended", [True, False])
def test_a_key_with_another_request_is_refused(slow, held, body, ended):
    headers = {"idempotency-key": "k"}
    if ended:
        held.go.set()
    first = slow.post("/plan", json=body, headers=headers | {"prefer": "wait=30" if ended else "respond-async"})
    answer = slow.post("/plan", json=numbered(body, 1), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")
    held.go.set()
    assert slow.get(f"/plans/{first.json()['id']}", headers={"prefer": "wait=30"}).status_code == 200


def test_a_key_written_otherwise_but_with_the_same_meaning_is_the_same_request(client_of, body):
    client = client_of()
    headers = {"idempotency-key": "k"}
    first = client.post("/plan", content=json.dumps(body), headers=headers)
    again = client.post("/plan", content=json.dumps(body, indent=3, sort_keys=True), headers=headers)
    assert first.json()["id"] == again.json()["id"]


def test_a_frontier_under_the_key_of_a_plan_is_another_request(client_of, body):
    client = client_of()
    headers = {"idempotency-key": "k"}
    client.post("/plan", json=body, headers=headers)
    assert client.post("/frontier", json=body, headers=headers).json()["type"] == "/problems/idempotency-key-reused"


@pytest.mark.parametrize("key", ["", " ", "k" * 256, "schlüssel".encode(), "a\tb"])
def test_a_key_that_cannot_be_kept_is_refused(client_of, body, key):
    answer = client_of().post(
        "/plan", json=body, headers=[(b"idempotency-key", key if isinstance(key, bytes) else key.encode())]
    )
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-parameter")


def test_a_caller_with_a_key_may_leave_and_come_back(slow, held, body):
    raw = json.dumps(body).encode()
    with slow.exchange("POST", "/plan", raw, idempotency_key="k"):
        held.entered()
    held.go.set()
    answer = slow.post("/plan", content=raw, headers={"idempotency-key": "k"})
    assert (answer.status_code, answer.json()["termination"]) == (200, "optimal")


def test_a_frontier_is_kept_as_a_plan_is(client_of, body):
    client = client_of()
    answer = client.post("/frontier", json=body)
    assert client.get(answer.headers["content-location"]).json() == answer.json()
    assert [entry["kind"] for entry in client.get("/plans?kind=frontier").json()["plans"]] == ["frontier"]


def test_a_frontier_that_is_not_there_yet_has_the_shape_of_one(client_of, any_frontier, held, body):
    def frontier(asked, *, cancelled=None):
        held(asked, cancelled=cancelled)
        return any_frontier(asked)

    client = client_of(frontier=frontier)
    asked = client.post("/frontier", json=body | {"frontier": {"epsilon": 0.5}}, headers=ASYNC)
    assert asked.status_code == 202
    assert Frontier.model_validate_json(asked.content).epsilon == 0.5
    held.go.set()


def test_nothing_is_accepted_that_cannot_be_kept(client_of, body, monkeypatch):
    client = client_of()

    async def gone(*_, **__):
        raise StoreUnavailable("no route to host")

    monkeypatch.setattr(client.app.state.service.store, "insert", gone)
    for headers in ({}, ASYNC):
        answer = client.post("/plan", json=body, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/store-unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert "route" not in answer.text


def test_an_answer_is_given_though_its_end_cannot_be_kept_yet(client_of, body, monkeypatch):
    client = client_of()
    store = client.app.state.service.store
    keep, tries = store.finish, []

    async def later(*arguments):
        tries.append(arguments)
        if len(tries) < 3:
            raise StoreUnavailable("no route to host")
        return await keep(*arguments)

    monkeypatch.setattr(store, "finish", later)
    answer = client.post("/plan", json=body)
    assert answer.status_code == 200
    assert client.get(f"/plans/{answer.json()['id']}").json() == answer.json()
    assert [entry["status"] for entry in client.get("/plans?status=optimal").json()["plans"]] == ["optimal"]
    assert len(tries) == 3


def test_a_request_that_is_refused_late_is_refused_wherever_it_is_asked_for(client_of, any_plan, body):
    def plan(asked, *, cancelled=None):
        if cancelled is None:
            return any_plan(asked)
        raise InvalidInput([Fault("/workload/source", "unfit", "the phone is no terminal", "phone", None)])

    client = client_of(plan=plan)
    accepted = client.post("/plan", json=body, headers=ASYNC)
    later = client.get(accepted.headers["location"], headers={"prefer": "wait=30"})
    assert (later.status_code, later.headers["content-type"]) == (422, "application/problem+json")
    assert later.json() == client.post("/plan", json=body).json()
    assert {entry["status"] for entry in client.get("/plans").json()["plans"]} == {"refused"}


def test_a_plan_is_taken_in_while_all_workers_are_away(client_of, held, body, monkeypatch):
    client = client_of(plan=held)
    executor = client.app.state.service.executor
    monkeypatch.setattr(executor, "load", lambda: Load(slots=0, busy=0, queued=3, recent_solve_seconds=2.0))
    answer = client.post("/plan", json=body, headers=ASYNC)
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "8")
    held.go.set()
