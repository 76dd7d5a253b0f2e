"""A proven answer is given again without solving: to its owner, to the same question, until it is no longer kept."""

from __future__ import annotations

import json

import pytest

from models.plan import Status
from tests.api.clients import Client
from tests.api.conftest import any_plan_of, app_with


@pytest.fixture
def counted():
    """A planner that counts its plans."""

    class Counted:
        plans = 0
        status = Status.OPTIMAL

        def __call__(self, asked, *, cancelled=None):
            if cancelled is not None:
                self.plans += 1
            return any_plan_of(asked).model_copy(update={"status": self.status})

    return Counted()


def test_the_same_request_is_answered_from_before_and_says_so(client_of, counted, body):
    client = client_of(plan=counted)
    first, again = (client.post("/plan", json=body) for _ in range(2))
    assert again.json() == first.json() | {"cached": True}
    assert again.headers["content-location"] == first.headers["content-location"]
    assert counted.plans == 1
    assert len(client.get("/plans").json()["plans"]) == 1


def test_the_same_request_written_otherwise_is_the_same(client_of, counted, body):
    client = client_of(plan=counted)
    client.post("/plan", json=body)
    spelled = json.loads(json.dumps(body))
    spelled["cluster"]["nodes"][0]["memory_bytes"] = "2GB"
    spelled["solver"] = {"seed": 0, "backend": "auto"}
    answer = client.post("/plan", content=json.dumps(spelled, indent=2, sort_keys=True))
    assert (answer.json()["cached"], counted.plans) == (True, 1)


@pytest.mark.parametrize(
    "change", [{"solver": {"seed": 1}}, {"objective": {"kind": "energy"}}, {"constraints": {"max_stages": 3}}]
)
def test_another_question_is_solved(client_of, counted, body, change):
    client = client_of(plan=counted)
    client.post("/plan", json=body)
    assert client.post("/plan", json=body | change).json()["cached"] is False
    assert counted.plans == 2


def test_a_frontier_is_not_answered_by_a_plan(client_of, counted, body):
    client = client_of(plan=counted)
    client.post("/plan", json=body)
    assert client.post("/frontier", json=body).json()["cached"] is False
    assert client.post("/frontier", json=body).json()["cached"] is True


@pytest.mark.parametrize("status", [Status.FEASIBLE, Status.NO_PLAN_FOUND])
def test_what_is_not_proven_is_solved_again(client_of, counted, body, status):
    counted.status = status
    client = client_of(plan=counted)
    assert [client.post("/plan", json=body).json()["cached"] for _ in range(2)] == [False, False]


def test_that_no_plan_exists_is_known_too(client_of, counted, body):
    counted.status = Status.INFEASIBLE
    client = client_of(plan=counted)
    assert [client.post("/plan", json=body).json()["cached"] for _ in range(2)] == [False, True]


def test_who_wants_it_fresh_gets_it_solved_and_what_is_known_is_renewed(client_of, counted, body):
    client = client_of(plan=counted)
    first = client.post("/plan", json=body).json()
    fresh = client.post("/plan", json=body, headers={"cache-control": "no-cache"}).json()
    assert (fresh["cached"], fresh["id"] == first["id"], counted.plans) == (False, False, 2)
    assert client.post("/plan", json=body).json()["id"] == fresh["id"]


def test_who_does_not_want_to_wait_is_answered_at_once_where_the_answer_is_known(client_of, counted, body):
    client = client_of(plan=counted)
    client.post("/plan", json=body)
    answer = client.post("/plan", json=body, headers={"prefer": "respond-async"})
    assert (answer.status_code, answer.json()["cached"]) == (200, True)
    assert "preference-applied" not in answer.headers


def test_a_new_key_is_a_plan_of_its_own_with_the_answer_that_is_known(client_of, counted, body):
    client = client_of(plan=counted)
    first = client.post("/plan", json=body).json()
    keyed = client.post("/plan", json=body, headers={"idempotency-key": "k"})
    assert keyed.json() == first | {"id": keyed.json()["id"], "cached": True}
    assert keyed.json()["id"] != first["id"]
    assert client.get(keyed.headers["content-location"]).json() == keyed.json()
    assert client.post("/plan", json=body, headers={"idempotency-key": "k"}).json() == keyed.json()
    assert counted.plans == 1
    told = client.get(keyed.headers["content-location"] + "/events").text
    assert "event: queued" in told
    assert "event: done" in told


@pytest.mark.parametrize("headers", [{}, {"idempotency-key": "k"}])
def test_what_an_earlier_process_proved_is_known(counted, body, tmp_path, headers):
    where = {"database_url": f"sqlite:///{tmp_path / 'plans.sqlite3'}"}
    with Client(app_with(plan=counted, **where)) as before:
        first = before.post("/plan", json=body).json()
    with Client(app_with(plan=counted, **where)) as after:
        answer = after.post("/plan", json=body, headers=headers)
        assert (answer.json()["cached"], answer.json()["id"] == first["id"]) == (True, not headers)
        assert after.get(answer.headers["content-location"]).status_code == 200


def test_nothing_is_kept_in_memory_where_the_operator_gives_none(client_of, counted, body):
    client = client_of(plan=counted, cache_bytes=0)
    client.post("/plan", json=body)
    assert client.post("/plan", json=body).json()["cached"] is True  # from the store
