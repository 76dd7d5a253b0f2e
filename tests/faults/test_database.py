"""The database goes away and comes back: what was promised is kept, and nothing is promised meanwhile."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from benchmarks.served import Served, wait_until
from tests.faults.bodies import endless, tiny
from tests.faults.conftest import SETTINGS
from tests.faults.talk import ASYNC, ON_SQLITE, ended, seen, submitted, with_a_plan
from tests.postgres import PrivatePostgres

Trouble = Callable[[], None]


@contextmanager
def on_a_disk_that_fills(state: Path) -> Iterator[tuple[Served, Trouble, Trouble]]:
    """SQLite; no file of the service may grow any more, as on a full disk."""
    with Served(state, SETTINGS) as served:
        process = served.process
        _, most = process.rlimit(psutil.RLIMIT_FSIZE)
        yield (
            served,
            lambda: process.rlimit(psutil.RLIMIT_FSIZE, (1, most)),
            lambda: process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, most)),
        )


@contextmanager
def on_a_server_that_stops(state: Path) -> Iterator[tuple[Served, Trouble, Trouble]]:
    """PostgreSQL; the server is stopped, and started again."""
    with (
        PrivatePostgres() as postgres,
        postgres.server.scratch() as url,
        Served(state, SETTINGS | {"database_url": url}) as served,
    ):
        yield served, postgres.stop, postgres.start


@pytest.mark.parametrize("troubled", [on_a_disk_that_fills, on_a_server_that_stops])
def test_without_its_database_the_service_promises_nothing_and_keeps_what_it_promised(troubled, state: Path) -> None:
    with troubled(state) as (served, strike, mend), served.client() as client:
        held = submitted(client, endless())
        with_a_plan(client, held)
        known = client.post("/plan", json=tiny())
        assert known.json()["status"] == "optimal"
        queued = [submitted(client, endless(seed)) for seed in (1, 2)]
        strike()
        answers = [client.post("/plan", json=tiny(seed), headers=ASYNC) for seed in range(1, 6)]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["type"] for answer in answers} == {"/problems/store-unavailable"}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
        assert client.post("/plan", json=tiny()).json()["cached"]
        assert client.get("/healthz").status_code == 200
        assert seen(client, held)["status"] == "running"
        cancelled = client.delete(f"/plans/{held}").json()
        assert cancelled["termination"] == "cancelled"
        mend()
        wait_until(lambda: client.post("/plan", json=tiny(6), headers=ASYNC).status_code == 202)
        for plan in queued:
            assert client.delete(f"/plans/{plan}").json()["termination"] == "cancelled"
        wait_until(lambda: _listed(client, held) == "feasible")
        assert ended(client, held) == cancelled
        assert "Traceback" not in served.log.read_text()


@ON_SQLITE
def test_a_stopped_process_goes_on_where_it_was(served: Served, client: httpx.Client) -> None:
    plan = submitted(client, endless())
    with_a_plan(client, plan)
    served.process.send_signal(signal.SIGSTOP)
    with served.client(timeout_s=0.5) as impatient, pytest.raises(httpx.TimeoutException):
        impatient.get("/healthz")
    served.process.send_signal(signal.SIGCONT)
    assert seen(client, plan)["status"] == "running"
    assert client.delete(f"/plans/{plan}").json()["status"] == "feasible"


def _listed(client: httpx.Client, plan_id: str) -> str:
    return {plan["id"]: plan["status"] for plan in client.get("/plans").json()["plans"]}[plan_id]
