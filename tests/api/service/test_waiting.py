"""Solving happens beside the event loop: probes answer meanwhile, the queue is bounded, nobody solves for nobody."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from api.execution.base import Ending, Outcome
from models.constraints import Backend
from tests.api.clients import WAIT_S


class HeldPlanner:
    """A planner that plans only once it is let, but tries out its backends at once; remembers who is inside."""

    def __init__(self, any_plan: Any) -> None:
        self.any_plan = any_plan
        self.go = threading.Event()
        self.inside = threading.Semaphore(0)
        self.told_to_stop = threading.Event()

    def __call__(self, asked: Any, *, cancelled: Any = None) -> Any:
        if cancelled is None:
            return self.any_plan(asked)
        self.inside.release()
        while not self.go.wait(0.005):
            if cancelled():
                self.told_to_stop.set()
                break
        return self.any_plan(asked, cancelled=cancelled)

    def entered(self, times: int = 1) -> None:
        """Wait until that many more calls have begun."""
        for _ in range(times):
            assert self.inside.acquire(timeout=WAIT_S)


@pytest.fixture
def held(any_plan) -> HeldPlanner:
    return HeldPlanner(any_plan)


def numbered(body, number):
    """The same request, but another one."""
    return body | {"solver": {"seed": number}}


def test_probes_and_short_work_answer_while_all_slots_are_busy(client_of, held, body):
    client = client_of(plan=held, solver_slots=1)
    answer = client.begin("POST", "/plan", json=body)
    held.entered()
    assert client.get("/healthz").status_code == 200
    assert client.post("/plan:validate", json=body).status_code == 200
    assert not answer.done()
    held.go.set()
    assert answer.result(WAIT_S).status_code == 200


def test_a_full_queue_turns_away_with_the_seconds_to_wait(client_of, held, body):
    client = client_of(plan=held, solver_slots=2, queue_length=1)
    answers = [client.begin("POST", "/plan", json=numbered(body, k)) for k in range(2)]
    held.entered(2)
    answers.append(client.begin("POST", "/plan", json=numbered(body, 2)))
    while client.get("/plans").json()["plans"][2:] == []:
        pass
    turned_away = client.post("/plan", json=numbered(body, 3))
    assert turned_away.status_code == 503
    assert turned_away.headers["content-type"] == "application/problem+json"
    assert turned_away.json()["type"] == "/problems/busy"
    assert turned_away.headers["retry-after"] == "7"
    held.go.set()
    assert [answer.result(WAIT_S).status_code for answer in answers] == [200, 200, 200]
    assert len(client.get("/plans").json()["plans"]) == 3


def test_what_is_known_is_answered_though_the_queue_is_full(client_of, held, body):
    client = client_of(plan=held, solver_slots=1, queue_length=0)
    held.go.set()
    known = client.post("/plan", json=body).json()
    held.entered()
    held.go.clear()
    busy = client.begin("POST", "/plan", json=numbered(body, 1))
    held.entered()
    assert client.post("/plan", json=body).json()["id"] == known["id"]
    held.go.set()
    assert busy.result(WAIT_S).status_code == 200


def test_a_solve_is_told_to_stop_when_its_caller_hangs_up(client_of, held, body):
    client = client_of(plan=held)
    with client.exchange("POST", "/plan", json.dumps(body).encode()):
        held.entered()
        assert not held.told_to_stop.is_set()
    assert held.told_to_stop.wait(WAIT_S)
    while not (entries := client.get("/plans").json()["plans"]):  # it is written down while it is solved
        pass
    [entry] = entries
    plan = client.get(entry["href"], headers={"prefer": "wait=20"}).json()
    assert (plan["status"], plan["termination"]) == ("feasible", "cancelled")


def test_a_caller_who_hangs_up_while_waiting_is_never_solved_for(client_of, held, body):
    client = client_of(plan=held, solver_slots=1)
    first = client.begin("POST", "/plan", json=body)
    held.entered()
    with client.exchange("POST", "/plan", json.dumps(numbered(body, 1)).encode()):
        while len(client.get("/plans").json()["plans"]) < 2:
            pass
    cancelled = client.get("/plans").json()["plans"][0]
    plan = client.get(cancelled["href"], headers={"prefer": "wait=20"}).json()
    assert (plan["status"], plan["termination"]) == ("no_plan_found", "cancelled")
    held.go.set()
    assert first.result(WAIT_S).status_code == 200
    assert not held.inside.acquire(blocking=False)


def test_a_failing_solve_frees_its_place(client_of, any_plan, body):
    def failing(asked, *, cancelled=None):
        if cancelled is None:
            return any_plan(asked)
        raise RuntimeError("broken")

    client = client_of(plan=failing, solver_slots=1, queue_length=0)
    assert [client.post("/plan", json=body).status_code for _ in range(3)] == [500, 500, 500]


@pytest.mark.parametrize("lost", [1, 2])
def test_a_clerk_that_is_lost_costs_a_second_attempt_and_no_more(client_of, body, monkeypatch, lost):
    client = client_of()
    executor = client.app.state.service.executor
    run, tries = executor.run, []

    async def dying(job, on_event):
        tries.append(job.kind)
        return Ending(Outcome.LOST, message="killed") if len(tries) <= lost else await run(job, on_event)

    monkeypatch.setattr(executor, "run", dying)
    answer = client.post("/plan:validate", json=body)
    assert answer.status_code == (200 if lost == 1 else 503)
    assert len(tries) == 2
    assert answer.headers.get("retry-after") == (None if lost == 1 else "5")


def test_the_double_tries_every_backend(client_of, held):
    assert len(client_of(plan=held).get("/readyz").json()["backends"]) == len(Backend)
