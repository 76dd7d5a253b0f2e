"""/plans: listed, fetched, asked for again, cancelled; one owner's are not another's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from api.security.keys import mint
from api.store.errors import StoreUnavailable
from api.store.keys import KeyRow, KeyStore
from api.store.rows import Retention
from models import Plan

from .conftest import numbered

ASYNC = {"prefer": "respond-async"}


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [entry["id"] for entry in answer.json()["plans"]]


def test_a_plan_that_has_ended_is_not_sent_again_to_who_knows_it(client_of, body):
    client = client_of()
    place = client.post("/plan", json=body).headers["content-location"]
    first = client.get(place)
    assert first.headers["cache-control"] == "private, no-cache"
    for known in (first.headers["etag"], f"W/{first.headers['etag']}", f'"other", {first.headers["etag"]}', "*"):
        again = client.get(place, headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert client.get(place, headers={"if-none-match": '"other"'}).status_code == 200


def test_the_tag_changes_when_the_plan_ends(slow, held, body):
    place = slow.post("/plan", json=body, headers=ASYNC).headers["location"]
    held.entered()
    running = slow.get(place)
    assert (running.status_code, running.json()["status"]) == (202, "running")
    held.go.set()
    ended = slow.get(place, headers={"if-none-match": running.headers["etag"], "prefer": "wait=30"})
    assert ended.status_code == 200


def test_a_long_poll_answers_what_is_known_when_its_time_is_over(slow, held, body):
    place = slow.post("/plan", json=body, headers=ASYNC).headers["location"]
    answer = slow.get(place, headers={"prefer": "wait=1"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=1")
    held.go.set()


@pytest.mark.parametrize("path", ["/plans/plan-0", "/plans/%00", "/plans/plan-0/request", "/plans/plan-0/events"])
def test_a_plan_that_never_was_is_not_found(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/plan-not-found")


def test_an_expired_plan_is_gone_and_is_solved_anew(client_of, body):
    client = client_of()
    place = client.post("/plan", json=body).headers["content-location"]
    service = client.app.state.service

    async def expire() -> None:
        service.desk.forget(await service.store.expire(Retention(age_s=0.0, count=10)))

    client.portal.call(expire)
    for path in (place, f"{place}/request", f"{place}/events"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["type"]) == (410, "/problems/plan-gone")
    assert client.delete(place).status_code == 410
    again = client.post("/plan", json=body)
    assert again.json()["cached"] is False
    assert again.headers["content-location"] != place


def test_the_request_is_kept_byte_for_byte(client_of, body):
    client = client_of()
    raw = b"  " + json.dumps(body, indent=1).encode() + b"\n"
    place = client.post("/plan", content=raw).headers["content-location"]
    answer = client.get(f"{place}/request")
    assert (answer.content, answer.headers["content-type"]) == (raw, "application/json")


def test_cancelling_answers_the_best_plan_so_far_and_may_be_repeated(slow, held, body):
    place = slow.post("/plan", json=body, headers=ASYNC).headers["location"]
    held.entered()
    first = slow.delete(place)
    assert first.status_code == 200
    assert (first.json()["status"], first.json()["termination"]) == ("feasible", "cancelled")
    assert slow.delete(place).json() == slow.get(place).json() == first.json()


def test_a_plan_in_the_queue_is_cancelled_without_being_solved(slow, held, body):
    slow.post("/plan", json=body, headers=ASYNC)
    held.entered()
    place = slow.post("/plan", json=numbered(body, 1), headers=ASYNC).headers["location"]
    assert slow.get(place).json()["status"] == "queued"
    assert slow.delete(place).json()["termination"] == "cancelled"
    held.go.set()
    assert not held.inside.acquire(timeout=0.2)


def test_cancelling_a_plan_that_has_ended_answers_the_plan(client_of, body):
    client = client_of()
    answer = client.post("/plan", json=body)
    assert client.delete(answer.headers["content-location"]).json() == answer.json()


def test_plans_are_listed_newest_first_page_by_page(client_of, body):
    client = client_of()
    made = [client.post("/plan", json=numbered(body, k)).json()["id"] for k in range(5)]
    found, path = [], "/plans?limit=2&kind=plan"
    while path:
        answer = client.get(path)
        found.append(ids(answer))
        path = answer.json()["next"]
        assert answer.headers.get("link") == (f'<{path}>; rel="next"' if path else None)
    assert [len(page) for page in found] == [2, 2, 1]
    assert [plan for page in found for plan in page] == sorted(made, reverse=True) == made[::-1]


def test_a_list_shows_what_is_known_without_opening_the_answer(client_of, body):
    client = client_of()
    plan = client.post("/plan", json=body).json()
    [entry] = client.get("/plans").json()["plans"]
    assert entry["href"] == f"/plans/{plan['id']}"
    assert (entry["status"], entry["kind"], entry["name"]) == ("optimal", "plan", "four layers")
    assert (entry["objective_kind"], entry["objective"], entry["termination"]) == ("latency", 0.32, "optimal")
    assert entry["created_at"] <= entry["started_at"] <= entry["ended_at"]


def test_filters_let_pass_what_they_say(slow, held, body):
    held.go.set()
    ended = slow.post("/plan", json=body).json()["id"]
    frontier = slow.post("/frontier", json=body).json()["id"]
    held.go.clear()
    held.inside.acquire()
    running = slow.post("/plan", json=numbered(body, 1), headers=ASYNC).json()["id"]
    held.entered()
    named = numbered(body, 2) | {"model": body["model"] | {"name": "other"}}
    queued = slow.post("/plan", json=named, headers=ASYNC).json()["id"]
    while slow.get("/plans?status=running").json()["plans"] == []:
        pass
    everything = [queued, running, frontier, ended]
    for query, expected in [
        ("", everything), ("status=queued", [queued]), ("status=running,queued", [queued, running]),
        ("status=running&status=optimal", [running, frontier, ended]), ("kind=frontier", [frontier]),
        ("kind=plan&status=optimal", [ended]), ("name=other", [queued]), ("name=nobody", []),
    ]:  # fmt: skip
        assert ids(slow.get(f"/plans?{query}")) == expected, query
    held.go.set()


def test_filters_by_time_include_the_first_moment_and_leave_out_the_last(client_of, body):
    client = client_of()
    plan = client.post("/plan", json=body).json()["id"]
    [entry] = client.get("/plans").json()["plans"]
    at = quote(entry["created_at"])
    hour_ago = quote((datetime.now(UTC) - timedelta(hours=1)).isoformat())
    assert ids(client.get(f"/plans?created_after={at}")) == [plan]
    assert ids(client.get(f"/plans?created_before={at}")) == []
    assert ids(client.get(f"/plans?created_after={hour_ago}&created_before={quote('2999-01-01T00:00:00+01:00')}")) == [
        plan
    ]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit"), ("limit=501", "limit"), ("limit=ten", "limit"), ("status=asleep", "status"),
        ("kind=validate&status=asleep", "kind"), ("created_after=2026-01-01", "created_after"),
        ("created_after=2026-01-01T00:00:00", "created_after"), ("created_before=1700000000", "created_before"),
        ("colour=red", "colour"), ("limit=1&limit=2", "limit"), ("cursor=nonsense", "cursor"), ("cursor=%ff", "cursor"),
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_used_is_named(client, query, named):
    answer = client.get(f"/plans?{query}")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-parameter")
    assert any(violation["message"].startswith(f"{named}: ") for violation in answer.json()["violations"])


def test_one_owners_plans_are_not_anothers(client_of, body):
    client = client_of(require_keys="always")
    keys = {owner: mint() for owner in ("ann", "bob")}

    async def keep() -> None:
        store = KeyStore(client.app.state.service.database)
        for owner, key in keys.items():
            await store.insert(KeyRow(key.id, owner, owner, key.key_hash, datetime.now(UTC)))

    client.portal.call(keep)
    ann, bob = ({"authorization": f"Bearer {keys[owner].text}"} for owner in ("ann", "bob"))
    mine = client.post("/plan", json=body, headers=ann | {"idempotency-key": "k"})
    place = mine.headers["content-location"]
    for method, path in [("GET", place), ("GET", f"{place}/request"), ("GET", f"{place}/events"), ("DELETE", place)]:
        assert client.request(method, path, headers=bob).status_code == 404
        assert client.request(method, path, headers=ann).status_code == 200
    assert ids(client.get("/plans", headers=bob)) == []
    yours = client.post("/plan", json=body, headers=bob | {"idempotency-key": "k"}).json()
    assert (yours["cached"], yours["id"] == mine.json()["id"]) == (False, False)


def test_a_plan_of_another_process_is_waited_for_and_cancelled_through_the_store(client_of, body, tmp_path, held):
    """Two processes on one database: what one solves the other can poll and cancel."""
    where = {"database_url": f"sqlite:///{tmp_path / 'shared.sqlite3'}"}
    one, two = client_of(plan=held, instance="one", **where), client_of(instance="two", **where)
    place = one.post("/plan", json=body, headers=ASYNC).headers["location"]
    held.entered()
    assert Plan.model_validate_json(two.get(place).content).status in {"queued", "running"}
    cancelled = two.delete(place)
    assert (cancelled.status_code, cancelled.json()["termination"]) == (200, "cancelled")
    assert one.get(place).json() == cancelled.json()


def test_a_key_used_in_two_processes_is_one_plan(client_of, body, tmp_path, held):
    where = {"database_url": f"sqlite:///{tmp_path / 'shared.sqlite3'}"}
    one, two = client_of(plan=held, instance="one", **where), client_of(plan=held, instance="two", **where)
    headers = {"idempotency-key": "k"}
    first = one.post("/plan", json=body, headers=headers | ASYNC)
    second = two.post("/plan", json=body, headers=headers | ASYNC)
    assert (second.status_code, second.json()["id"]) == (202, first.json()["id"])
    held.go.set()
    assert two.get(first.headers["location"], headers={"prefer": "wait=30"}).json()["status"] == "optimal"


def test_lists_need_the_store(client_of, monkeypatch):
    client = client_of()

    async def gone(*_):
        raise StoreUnavailable("no route to host")

    monkeypatch.setattr(client.app.state.service.store, "page", gone)
    answer = client.get("/plans")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/store-unavailable")
    assert "route" not in answer.text
