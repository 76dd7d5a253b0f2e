"""Ends of processes: what was promised goes on in the next one, and nothing is begun for ever."""

from __future__ import annotations

import pytest

from api.execution.base import Full
from tests.api.clients import WAIT_S, Client, events_of
from tests.api.conftest import app_with

from .conftest import numbered

ASYNC = {"prefer": "respond-async"}


@pytest.fixture
def where(tmp_path):
    return {"database_url": f"sqlite:///{tmp_path / 'plans.sqlite3'}", "solver_slots": 1, "drain_grace_s": 0}


@pytest.fixture
def soon(monkeypatch):
    """What a killed process had in hand is free for others after a moment."""
    monkeypatch.setattr("api.store.plans.LEASE_S", 0.3)
    monkeypatch.setattr("api.store.plans.HEARTBEAT_S", 0.05)
    monkeypatch.setattr("api.plans.upkeep.TAKE_OVER_EVERY_S", 0.1)


def test_queued_and_running_plans_go_on_after_a_restart(where, held, body):
    with Client(app_with(plan=held, **where)) as before:
        places = [before.post("/plan", json=numbered(body, k), headers=ASYNC).headers["location"] for k in range(3)]
        held.entered()
    held.go.set()
    with Client(app_with(plan=held, **where)) as after:
        plans = [after.get(place, headers={"prefer": "wait=30"}).json() for place in places]
        told = [events_of(after.get(f"{place}/events").text) for place in places]
    assert [plan["status"] for plan in plans] == ["optimal"] * 3
    assert [event["event"] for event in told[2]] == ["queued", "queued", "started", "done"]
    for events in told:
        numbers = [int(event["id"]) for event in events]
        assert numbers == list(range(1, len(numbers) + 1))


def test_two_services_of_one_host_without_names_leave_each_others_plans_alone(where, held, body):
    with Client(app_with(plan=held, **where)) as one:
        place = one.post("/plan", json=body, headers=ASYNC).headers["location"]
        held.entered()
        with Client(app_with(plan=held, **where)) as other:
            assert other.app.state.service.desk.in_hand("", place.rpartition("/")[2]) is None
            held.go.set()
            assert one.get(place, headers={"prefer": "wait=30"}).json()["status"] == "optimal"
            assert [event["event"] for event in events_of(one.get(f"{place}/events").text)].count("started") == 1


def test_whoever_waits_while_the_service_stops_is_told_where_the_plan_will_be(where, held, body):
    with Client(app_with(plan=held, **where)) as before:
        running = before.begin("POST", "/plan", json=body)
        held.entered()
        queued = before.begin("POST", "/plan", json=numbered(body, 1))
        while len(before.get("/plans").json()["plans"]) < 2:
            pass
        before.portal.call(before.app.state.service.desk.drain, 0.0)
        answers = [running.result(WAIT_S), queued.result(WAIT_S)]
    assert [answer.status_code for answer in answers] == [202, 202]
    held.go.set()
    with Client(app_with(plan=held, **where)) as after:
        for answer in answers:
            plan = after.get(answer.headers["location"], headers={"prefer": "wait=30"})
            assert plan.json()["status"] == "optimal"


def test_a_plan_that_ends_within_the_grace_is_answered(where, held, body):
    with Client(app_with(plan=held, **where | {"drain_grace_s": 60})) as client:
        asked = client.begin("POST", "/plan", json=body)
        held.entered()
        client.portal.call(client.app.state.service.desk.begin_drain)
        held.go.set()
    assert asked.result(WAIT_S).json()["status"] == "optimal"


def test_a_service_that_stops_says_so_and_takes_nothing_new(where, held, body):
    with Client(app_with(plan=held, **where)) as client:
        place = client.post("/plan", json=body, headers=ASYNC).headers["location"]
        held.entered()
        assert client.get("/readyz").status_code == 200
        with client.exchange("GET", f"{place}/events") as stream:
            assert stream.status() == 200
            while b"event: started" not in (seen := stream.chunk()):
                pass
            client.portal.call(client.app.state.service.desk.begin_drain)
            while (chunk := stream.chunk()) is not None:
                seen = chunk
        assert seen == b'event: closing\ndata: {"reason":"draining"}\n\n'
        for method, path in [("POST", "/plan"), ("POST", "/plan:validate"), ("GET", "/readyz")]:
            answer = client.request(method, path, json=numbered(body, 1))
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/draining")
            assert int(answer.headers["retry-after"]) >= 1
        assert client.get("/healthz").status_code == 200
        assert client.get(place).status_code == 202


def test_a_lost_worker_costs_a_second_attempt_and_no_more(client_of, body):
    client = client_of()
    executor = client.app.state.service.executor
    executor.lose = 1
    assert client.post("/plan", json=body).json()["status"] == "optimal"
    executor.lose = 2
    answer = client.post("/plan", json=numbered(body, 1))
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["termination"]) == ("no_plan_found", "worker_lost")
    assert len(executor.began) == 4


@pytest.mark.usefixtures("soon")
def test_a_plan_that_was_begun_twice_is_given_up_at_the_next_start(where, held, body):
    with Client(app_with(plan=held, **where)) as before:
        place = before.post("/plan", json=body, headers=ASYNC).headers["location"]
        held.entered()
        store = before.app.state.service.store
        plan_id = place.rpartition("/")[2]
        for _ in range(2):
            before.portal.call(store.start, plan_id)
        before.portal.call(before.app.state.service.database.close)  # as when the process is killed
    with Client(app_with(plan=held, **where)) as after:
        plan = after.get(place, headers={"prefer": "wait=30"})
        assert (plan.status_code, plan.json()["termination"]) == (200, "worker_lost")
    held.go.set()


@pytest.mark.usefixtures("soon")
def test_a_plan_that_nobody_wanted_any_more_is_not_begun_again(where, held, body):
    with Client(app_with(plan=held, **where)) as before:
        place = before.post("/plan", json=body, headers=ASYNC).headers["location"]
        held.entered()
        before.portal.call(before.app.state.service.store.request_cancel, place.rpartition("/")[2])
        before.portal.call(before.app.state.service.database.close)
    with Client(app_with(plan=held, **where)) as after:
        assert after.get(place, headers={"prefer": "wait=30"}).json()["termination"] == "cancelled"
    assert not held.inside.acquire(blocking=False)
    held.go.set()


def test_a_promised_plan_waits_for_room_where_there_is_none(client_of, body):
    """The executor of many machines may refuse later than at once; a plan that has an id is asked for again."""
    client = client_of()
    executor = client.app.state.service.executor
    run, tries = executor.run, []

    async def full_at_first(job, on_event):
        tries.append(job.id)
        if len(tries) == 2:
            raise Full(1)
        if len(tries) == 1:
            executor.lose = 1
        return await run(job, on_event)

    executor.run = full_at_first
    assert client.post("/plan", json=body).json()["status"] == "optimal"
    assert len(set(tries)) == 1
    assert len(tries) == 3
