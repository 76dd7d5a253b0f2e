"""Three worker processes on one PostgreSQL, one of them killed or stopped with work in hand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from api.execution.base import Outcome
from tests.api.scaleout.together import ApiSide, api_side, job, until

WITHIN_S = 15.0
"""When the work of a dead worker has been finished by the others."""
WORKERS = 3


@pytest.fixture
def url(postgres) -> Iterator[str]:
    with postgres.scratch() as url:
        yield url


@contextmanager
def worker_processes(url: str, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers with one slot each, ready."""
    command = [sys.executable, "-m", "tests.api.scaleout.worker_process", url, "1"]
    root = Path(__file__).parents[3]
    workers = [subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(count)]
    try:
        for worker in workers:
            assert worker.stdout.readline() == b"ready\n"
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


async def names_of(api: ApiSide, plan_id: str) -> list[str]:
    return [event.name for event in await api.plans.events(plan_id)]


async def all_begun(api: ApiSide, plan_ids: list[str]) -> bool:
    return all([(await api.plans.status(plan_id, None)).status == "running" for plan_id in plan_ids])


def test_what_a_killed_worker_had_in_hand_is_finished_by_the_others_once(url, tmp_path):
    go = tmp_path / "go"

    async def scenario(workers: list[subprocess.Popen[bytes]]) -> None:
        async with api_side(url) as api:
            held = [f"plan-held-{number}" for number in range(WORKERS)]
            behind = [f"plan-behind-{number}" for number in range(4)]
            holding = [asyncio.create_task(api.run(job(plan_id, "wait_for", path=str(go)))) for plan_id in held]
            async with asyncio.timeout(30.0):
                while not (
                    all([await api.plans.status(plan_id, None) for plan_id in held]) and await all_begun(api, held)
                ):
                    await asyncio.sleep(0.02)
            waiting = [asyncio.create_task(api.run(job(plan_id, "echo"))) for plan_id in behind]
            await until(lambda: api.plans.status(behind[-1], None))
            children = psutil.Process(workers[0].pid).children(recursive=True)
            os.kill(workers[0].pid, signal.SIGKILL)
            go.touch()
            async with asyncio.timeout(WITHIN_S):
                endings = await asyncio.gather(*holding, *waiting)
            assert {ending.outcome for ending in endings} == {Outcome.ANSWERED}
            assert [json.loads(ending.body) for ending in endings[:WORKERS]] == [{"waited": True}] * WORKERS
            for plan_id in held + behind:
                assert (await names_of(api, plan_id)).count("done") == 1
            attempts = sorted([(await api.plans.status(plan_id, None)).attempts for plan_id in held + behind])
            assert attempts == [1] * 6 + [2]
            _, alive = await asyncio.to_thread(psutil.wait_procs, children, 5.0)
            assert not alive

    with worker_processes(url, WORKERS) as workers:
        asyncio.run(scenario(workers))


def test_a_worker_that_wakes_up_late_overwrites_nothing(url, tmp_path):
    """SIGSTOP: for the others it is dead; SIGCONT: it goes on as if nothing had been."""
    go = tmp_path / "go"

    async def scenario(sleeper: subprocess.Popen[bytes]) -> None:
        async with api_side(url) as api:
            running = asyncio.create_task(api.run(job("plan-held", "wait_for", path=str(go))))
            async with asyncio.timeout(30.0):
                while "started" not in await names_of(api, "plan-held"):
                    await asyncio.sleep(0.02)
            sleeper.send_signal(signal.SIGSTOP)
            go.touch()
            with worker_processes(url, 1):
                async with asyncio.timeout(WITHIN_S):
                    assert (await running).outcome is Outcome.ANSWERED
                before = await api.plans.get("plan-held", None)
                sleeper.send_signal(signal.SIGCONT)
                again = await api.run(job("plan-next", "echo"))
                assert again.outcome is Outcome.ANSWERED
            # The sleeper is awake and takes work again.
            assert (await api.run(job("plan-last", "echo"))).outcome is Outcome.ANSWERED
            assert await api.plans.get("plan-held", None) == before
            assert (await names_of(api, "plan-held")).count("done") == 1

    with worker_processes(url, 1) as (sleeper,):
        try:
            asyncio.run(scenario(sleeper))
        finally:
            with suppress(ProcessLookupError):
                sleeper.send_signal(signal.SIGCONT)
