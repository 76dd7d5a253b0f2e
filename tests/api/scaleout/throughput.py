"""How many plans a second one, two and three workers solve: python -m tests.api.scaleout.throughput.

Real `placement worker` processes with one slot each, on a private PostgreSQL; all plans are queued at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from sqlalchemy import func, select

from api.execution.supervisor import LocalExecutor
from api.scaleout.plan_meaning import PlanMeaning
from api.scaleout.queue import PlanQueue
from api.scaleout.shared_plans import SharedPlans
from api.store import Database, PlanRow, new_plan_id
from api.store.tables import plans
from benchmarks.instances import heterogeneous
from tests.postgres import PrivatePostgres

PLANS = 30
LAYERS, NODES, SEED = 48, 24, 0
"""The same problem for all, about half a second each; workers remember nothing of it."""
UNFINISHED = select(func.count()).select_from(plans).where(plans.c.ended_at.is_(None))
ROOT = Path(__file__).parents[3]


def row(number: int) -> PlanRow:
    request = heterogeneous(LAYERS, NODES, seed=SEED) | {"solver": {"backend": "cp_sat", "time_limit_s": 60.0}}
    return PlanRow(
        id=new_plan_id(),
        owner="",
        kind="plan",
        status="queued",
        created_at=datetime.now(UTC),
        content_key=str(number),
        request_hash=str(number),
        time_limit_s=60.0,
        request=json.dumps(request).encode(),
        objective="latency",
    )


@dataclass(frozen=True, slots=True)
class Run:
    """What it took to solve all plans."""

    seconds: float
    processor_s: float
    """Of the workers and their solver processes: the machine may have had other things to do."""
    begun_twice: int


async def solved(url: str, rows: list[PlanRow], workers: list[subprocess.Popen[bytes]], kill: bool) -> Run:
    """All plans queued at once, until all have ended; with `kill` the first worker dies a second later."""
    async with (
        Database(url) as database,
        SharedPlans(database, PlanQueue(database.url), PlanMeaning(), LocalExecutor()) as store,  # asked for no clerk
    ):
        used_s, began = processor_s(workers), time.perf_counter()
        await asyncio.gather(*(store.insert(one, [(1, "queued", "{}")]) for one in rows))
        while await database.read(lambda connection: connection.execute(UNFINISHED).scalar_one()):
            if kill and time.perf_counter() - began > 1.0:
                os.kill(workers[0].pid, signal.SIGKILL)
                kill = False
            await asyncio.sleep(0.1)
        seconds, used_s = time.perf_counter() - began, processor_s(workers) - used_s
        ended = [found for one in rows if (found := await store.status(one.id, None)) is not None]
        for one in rows:
            assert [event.name for event in await store.events(one.id)].count("done") == 1, "each ends once"
        assert {found.status for found in ended} == {"optimal"}
        return Run(seconds, used_s, sum(found.attempts > 1 for found in ended))


def processor_s(workers: list[subprocess.Popen[bytes]]) -> float:
    """Processor time of the workers that are left, and of all that they started."""
    total = 0.0
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(worker.pid)
            for process in (parent, *parent.children(recursive=True)):
                times = process.cpu_times()
                total += times.user + times.system
    return total


async def all_ready(url: str, count: int) -> None:
    """Until that many workers have announced themselves."""
    async with Database(url) as database:
        queue = PlanQueue(database.url)
        await queue.open()
        try:
            while (await queue.load()).slots < count:
                await asyncio.sleep(0.2)
        finally:
            await queue.close()


def measure(url: str, count: int, kill: bool = False) -> Run:
    environment = os.environ | {"PLACEMENT_DATABASE_URL": url, "PLACEMENT_SOLVER_SLOTS": "1"}
    command = [sys.executable, "-m", "api.cli.app", "worker"]
    workers = [subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL) for _ in range(count)]
    try:
        asyncio.run(all_ready(url, count))
        asyncio.run(solved(url, [row(1000 + number) for number in range(4 * count)], workers, kill=False))  # warm
        return asyncio.run(solved(url, [row(number) for number in range(PLANS)], workers, kill))
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                worker.terminate()
        for worker in workers:
            worker.wait()


def main() -> None:
    with PrivatePostgres() as private:
        private.stop()
        private.settings.update(fsync="on", full_page_writes="on")
        private.start()
        for count, kill in ((1, False), (2, False), (3, False), (3, True)):
            with private.server.scratch() as url:
                run = measure(url, count, kill)
            busy = "" if kill else f", {run.processor_s / run.seconds:.2f} processors busy"
            per = "" if kill else f", {PLANS / run.processor_s:.2f} plans per processor second"
            twice = f", {run.begun_twice} begun twice" if kill else ""
            who = f"{count} workers" + (", one killed" if kill else "")
            sys.stdout.write(f"{who}: {PLANS / run.seconds:.2f} plans/s{busy}{per}{twice}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
