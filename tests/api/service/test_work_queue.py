"""Solving happens beside the event loop: probes answer meanwhile, the queue is bounded, nobody solves for nobody."""

from __future__ import annotations

import json
import threading
from typing import Any

import anyio
import httpx
import pytest

WAIT_S = 20.0
"""Far longer than anything here takes; a test that waits this long has failed."""


class HeldPlanner:
    """A planner that plans only once it is let; remembers who is inside."""

    def __init__(self, any_plan: Any) -> None:
        self.any_plan = any_plan
        self.go = threading.Event()
        self.inside = threading.Semaphore(0)
        self.told_to_stop = threading.Event()

    def __call__(self, asked: Any, *, cancelled: Any = None) -> Any:
        self.inside.release()
        while not self.go.wait(0.005):
            if cancelled():
                self.told_to_stop.set()
                break
        return self.any_plan(asked)

    async def entered(self, times: int = 1) -> None:
        """Wait until that many more calls have begun."""
        for _ in range(times):
            assert await anyio.to_thread.run_sync(lambda: self.inside.acquire(timeout=WAIT_S))


@pytest.fixture
def held(any_plan) -> HeldPlanner:
    return HeldPlanner(any_plan)


def client_of_app(app) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service", timeout=WAIT_S)


def test_probes_and_short_work_answer_while_all_solver_threads_are_busy(app_of, held, body):
    app = app_of(plan=held, solver_slots=1)

    async def scenario() -> None:
        answers: list[httpx.Response] = []

        async def ask() -> None:
            answers.append(await client.post("/plan", json=body))

        async with client_of_app(app) as client, anyio.create_task_group() as group:
            group.start_soon(ask)
            await held.entered()
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.post("/plan:validate", json=body)).status_code == 200
            assert answers == []
            held.go.set()
        assert answers[0].status_code == 200

    anyio.run(scenario)


def test_a_full_queue_turns_away_with_the_seconds_to_wait(app_of, held, body):
    app = app_of(plan=held, solver_slots=2, queue_length=1)

    async def scenario() -> None:
        statuses: list[int] = []

        async def ask() -> None:
            statuses.append((await client.post("/plan", json=body)).status_code)

        async with client_of_app(app) as client, anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(ask)
            await held.entered(2)
            turned_away = await client.post("/plan", json=body)
            while turned_away.status_code == 200:  # the third may not have arrived yet
                turned_away = await client.post("/plan", json=body)
            assert turned_away.status_code == 503
            assert turned_away.headers["content-type"] == "application/problem+json"
            assert turned_away.json()["type"] == "/problems/busy"
            assert 1 <= int(turned_away.headers["retry-after"]) <= 60
            held.go.set()
        assert statuses == [200, 200, 200]
        assert (await client_of_app(app).post("/plan", json=body)).status_code == 200

    anyio.run(scenario)


def leaving_client(app, body, leave: anyio.Event) -> Any:
    """An exchange whose caller hangs up once `leave` is set."""
    messages = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    scope = {
        "type": "http", "method": "POST", "path": "/plan", "raw_path": b"/plan", "root_path": "", "query_string": b"",
        "headers": [], "scheme": "http", "server": ("service", 80), "client": ("here", 1), "http_version": "1.1",
    }  # fmt: skip
    return app(scope, receive, send)


def test_a_solve_is_told_to_stop_when_its_caller_hangs_up(app_of, held, body):
    async def scenario() -> None:
        leave = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(leaving_client, app_of(plan=held), body, leave)
            await held.entered()
            assert not held.told_to_stop.is_set()
            leave.set()
        assert held.told_to_stop.is_set()

    anyio.run(scenario)


def test_a_caller_who_hangs_up_while_waiting_is_never_solved_for(app_of, held, body):
    app = app_of(plan=held, solver_slots=1)

    async def scenario() -> None:
        leave = anyio.Event()
        async with client_of_app(app) as client, anyio.create_task_group() as group:
            group.start_soon(lambda: client.post("/plan", json=body))
            await held.entered()
            async with anyio.create_task_group() as impatient:
                impatient.start_soon(leaving_client, app, body, leave)
                leave.set()
            held.go.set()
        assert not held.inside.acquire(blocking=False)

    anyio.run(scenario)


def test_a_failing_solve_frees_its_place(app_of, body):
    def failing(asked, *, cancelled=None):
        raise RuntimeError("broken")

    app = app_of(plan=failing, solver_slots=1, queue_length=0)

    async def scenario() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            for _ in range(3):
                assert (await client.post("/plan", json=body)).status_code == 500

    anyio.run(scenario)
