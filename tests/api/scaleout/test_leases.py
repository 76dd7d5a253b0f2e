"""Who may write about a plan: the latest attempt, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from api.scaleout.leases import Lease, Leases
from api.scaleout.queue import PlanQueue
from api.store import Database, PlanStore
from tests.api.store.rows import OPTIMAL, plan

DONE = [(9, "done", "{}")]


@dataclass
class Bench:
    leases: Leases
    store: PlanStore
    queue: PlanQueue

    async def waiting(self) -> int:
        return (await self.queue.load()).queued


@pytest.fixture(scope="module")
def url(postgres):
    with postgres.scratch() as url:
        yield url


def with_bench(url: str, scenario: Callable[[Bench], Awaitable[None]]) -> None:
    @asynccontextmanager
    async def bench() -> AsyncIterator[Bench]:
        async with Database(url) as database:
            queue = PlanQueue(database.url)
            await queue.open()
            try:
                yield Bench(Leases(database, queue), PlanStore(database), queue)
            finally:
                await queue.close()

    async def run() -> None:
        async with bench() as ready:
            await scenario(ready)

    asyncio.run(run())


def test_taking_a_plan_sets_it_running_and_says_how_long_it_waited(url):
    async def scenario(bench: Bench) -> None:
        row = plan()
        await bench.store.insert(row, [(1, "queued", "{}")])
        taken = await bench.leases.take(row.id)
        assert taken is not None
        assert (taken.lease, taken.row.request) == (Lease(row.id, 1), row.request)
        assert [(event.seq, event.name) for event in taken.told] == [(1, "queued"), (2, "started")]
        seen = await bench.store.status(row.id, None)
        assert (seen.status, seen.attempts) == ("running", 1)

    with_bench(url, scenario)


def test_a_plan_that_has_ended_is_not_begun_again(url):
    async def scenario(bench: Bench) -> None:
        row = plan()
        await bench.store.insert(row)
        await bench.store.finish(row.id, OPTIMAL)
        assert await bench.leases.take(row.id) is None
        assert await bench.leases.take("plan-of-nobody") is None

    with_bench(url, scenario)


def test_a_worker_that_was_taken_for_dead_can_write_nothing_more(url):
    async def scenario(bench: Bench) -> None:
        row = plan()
        await bench.store.insert(row)
        late, current = await bench.leases.take(row.id), await bench.leases.take(row.id)
        assert not await bench.leases.append(late.lease, [(7, "incumbent", '"late"')])
        assert not await bench.leases.finish(late.lease, OPTIMAL, DONE)
        assert not await bench.leases.hand_back(late.lease, counted=True)
        assert await bench.leases.append(current.lease, [(7, "incumbent", '"current"')])
        assert await bench.leases.finish(current.lease, OPTIMAL, DONE)
        events = await bench.store.events(row.id)
        assert [(event.seq, event.name) for event in events if event.seq > 2] == [(7, "incumbent"), (9, "done")]
        assert '"current"' in {event.data for event in events}
        assert await bench.waiting() == 0

    with_bench(url, scenario)


def test_a_plan_ends_once(url):
    async def scenario(bench: Bench) -> None:
        row = plan()
        await bench.store.insert(row)
        taken = await bench.leases.take(row.id)
        ended = await asyncio.gather(*(bench.leases.finish(taken.lease, OPTIMAL, DONE) for _ in range(5)))
        assert sorted(ended) == [False] * 4 + [True]

    with_bench(url, scenario)


@pytest.mark.parametrize(("counted", "left"), [(True, 1), (False, 0)])
def test_what_is_handed_back_is_queued_and_counts_as_an_attempt_only_if_it_failed(url, counted, left):
    async def scenario(bench: Bench) -> None:
        row = plan()
        await bench.store.insert(row)
        taken = await bench.leases.take(row.id)
        assert await bench.leases.hand_back(taken.lease, counted=counted)
        seen = await bench.store.status(row.id, None)
        assert (seen.status, seen.attempts) == ("queued", left)
        assert await bench.waiting() == 1

    with_bench(url, scenario)
    asyncio.run(emptied(url))


async def emptied(url: str) -> None:
    """Take everything off the queue."""
    async with Database(url) as database:
        await database.write(lambda connection: connection.exec_driver_sql("DELETE FROM procrastinate_jobs"))
