"""Processes that are killed: a worker with work in hand, and the service itself under load."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from benchmarks.served import Served, is_gone, wait_until
from tests.faults.bodies import endless, tiny
from tests.faults.talk import ASYNC, Listener, ended, events, running, seen, submitted, with_a_plan

ORPHANS_S = 2.0
"""When every process of a killed service must be gone."""


pytestmark = pytest.mark.parametrize("standing", ["sqlite", "postgresql"], indirect=True)


def starts(client: httpx.Client, plan_id: str) -> int:
    return [name for name, _ in events(client, plan_id)].count("started")


def test_a_killed_worker_leaves_its_neighbour_alone_and_comes_back(served: Served, client: httpx.Client) -> None:
    plans = [submitted(client, endless(seed)) for seed in range(2)]
    for plan in plans:
        with_a_plan(client, plan)
    before = {worker.pid for worker in served.workers()}
    busiest = max(served.workers(), key=lambda worker: worker.cpu_percent(0.2))
    busiest.kill()
    wait_until(lambda: is_gone(busiest))
    wait_until(lambda: len(served.workers()) == 3)
    assert len(before & {worker.pid for worker in served.workers()}) == 2
    running(client, *plans)
    answers = [client.delete(f"/plans/{plan}").json() for plan in plans]
    assert [answer["status"] for answer in answers] == ["feasible", "feasible"]
    assert [answer["termination"] for answer in answers] == ["cancelled", "cancelled"]
    assert sorted(starts(client, plan) for plan in plans) == [1, 2]


def test_a_plan_that_loses_two_workers_is_answered_with_the_best_that_was_known(
    served: Served, client: httpx.Client
) -> None:
    plan = submitted(client, endless())
    for _ in range(2):
        with_a_plan(client, plan)
        attempt = max(served.workers(), key=lambda worker: worker.cpu_percent(0.2))
        attempt.kill()
        wait_until(lambda pid=attempt: is_gone(pid))
        wait_until(lambda: seen(client, plan)["status"] != "queued" and len(served.workers()) == 3)
    answer = ended(client, plan)
    assert (answer["status"], answer["termination"]) == ("feasible", "worker_lost")
    assert answer["stages"]
    assert client.post("/plan", json=tiny(), headers={"Cache-Control": "no-cache"}).json()["status"] == "optimal"


def test_every_plan_that_a_killed_service_promised_is_answered_after_its_restart(served: Served) -> None:
    promised: dict[str, str] = {}
    dead = threading.Event()

    def caller(number: int) -> None:
        """Submits one plan after the other, each under a key of its own, until the service is gone."""
        with served.client() as client:
            for turn in range(10_000):
                seed = 10_000 * number + turn
                body = endless(seed) if number == turn == 0 else tiny(seed)
                key = f"killed-{served.port}-{seed}"
                try:
                    answer = client.post("/plan", json=body, headers=ASYNC | {"Idempotency-Key": key})
                except httpx.HTTPError:
                    assert dead.wait(10.0)
                    return
                assert answer.status_code in (200, 202, 503), answer.text
                if answer.status_code == 202:
                    promised[key] = answer.json()["id"]

    with ThreadPoolExecutor(8) as callers:
        calls = [callers.submit(caller, number) for number in range(8)]
        wait_until(lambda: len(promised) >= 40)
        family = served.kill()
        dead.set()
        for call in calls:
            call.result()
    killed_at = time.monotonic()
    assert len(family) == 4  # forkserver, two solvers, a clerk
    wait_until(lambda: all(map(is_gone, family)), ORPHANS_S)
    assert time.monotonic() - killed_at < ORPHANS_S
    served.start()
    with served.client() as client:
        endless_key = f"killed-{served.port}-0"
        assert client.delete(f"/plans/{promised[endless_key]}").json()["status"] in ("feasible", "no_plan_found")
        answers = {key: ended(client, plan_id) for key, plan_id in promised.items()}
        assert {answer["status"] for key, answer in answers.items() if key != endless_key} == {"optimal"}
        last = max(promised, key=lambda key: promised[key] if key != endless_key else "")
        repeated = client.post("/plan", json=tiny(int(last.rpartition("-")[2])), headers={"Idempotency-Key": last})
        assert repeated.json()["id"] == promised[last]


def test_a_stopped_service_ends_its_streams_and_goes_on_with_its_queue_after_the_restart(served: Served) -> None:
    with served.client() as client:
        held = [submitted(client, endless(seed)) for seed in range(2)]
        for plan in held:
            with_a_plan(client, plan)
        queued = [submitted(client, tiny(seed)) for seed in range(50_000, 50_003)]
        listeners = [Listener(served, plan) for plan in (held[0], queued[-1])]
        family = served.family()
        served.terminate()
        assert [listener.heard()[-1] for listener in listeners] == [("closing", {"reason": "draining"})] * 2
    assert served.wait() == -signal.SIGTERM  # uvicorn ends as it was asked to, once everything else has ended
    assert all(map(is_gone, family))
    served.start()
    with served.client() as client:
        for plan in held:
            client.delete(f"/plans/{plan}")
            assert ended(client, plan)["termination"] == "cancelled"
        assert [ended(client, plan)["status"] for plan in queued] == ["optimal"] * 3
        assert [starts(client, plan) for plan in queued] == [1, 1, 1]
