"""A worker among others: it stops without loss, obeys others' cancellations, and leaves nothing to the dead."""

from __future__ import annotations

import asyncio
import json

import pytest

from api.execution.base import Full, Kind, Outcome
from api.scaleout.leases import Leases
from api.scaleout.queue import PlanQueue
from api.scaleout.sweeper import Sweeper
from api.store import Database
from models.plan import Termination
from tests.api.scaleout.raw import RawMeaning
from tests.api.scaleout.together import ApiSide, api_side, job, row_of, until, worker_side


@pytest.fixture(scope="module")
def url(postgres):
    with postgres.scratch() as url:
        yield url


async def started(api: ApiSide, plan_id: str) -> bool:
    return any(event.name == "started" for event in await api.plans.events(plan_id))


async def done(api: ApiSide, plan_id: str) -> int:
    return sum(event.name == "done" for event in await api.plans.events(plan_id))


def test_what_is_not_solved_within_the_grace_goes_to_another_worker(url, tmp_path):
    async def scenario() -> None:
        async with api_side(url) as api:
            async with worker_side(url) as stopping:
                running = asyncio.create_task(api.run(job("plan-back", "wait_for", path=str(tmp_path / "go"))))
                await until(lambda: stopping.in_hand)
            row = await api.plans.status("plan-back", None)
            assert (row.status, row.attempts) == ("queued", 0)
            (tmp_path / "go").touch()
            async with worker_side(url):
                ending = await running
            assert ending.outcome is Outcome.ANSWERED
            assert await done(api, "plan-back") == 1

    asyncio.run(scenario())


def test_a_worker_that_is_stopped_finishes_what_the_grace_allows(url, tmp_path):
    async def scenario() -> None:
        async with api_side(url) as api, worker_side(url) as worker:
            running = asyncio.create_task(api.run(job("plan-grace", "wait_for", path=str(tmp_path / "go"))))
            await until(lambda: worker.in_hand)
            closing = asyncio.create_task(worker.close(30.0))
            asyncio.get_running_loop().call_later(0.2, (tmp_path / "go").touch)
            assert json.loads((await running).body) == {"waited": True}
            await closing
            row = await api.plans.status("plan-grace", None)
            assert row.attempts == 1

    asyncio.run(scenario())


def test_a_plan_is_followed_and_cancelled_from_a_process_that_did_not_accept_it(url):
    async def scenario() -> None:
        async with api_side(url) as here, api_side(url) as there, worker_side(url):
            running = asyncio.create_task(here.run(job("plan-afar", "fall_silent")))
            await until(lambda: started(there, "plan-afar"))
            assert await there.plans.request_cancel("plan-afar")
            assert json.loads((await running).body) == {"ended": "cancelled"}
            assert (await there.plans.get("plan-afar", None)).ended

    asyncio.run(scenario())


def test_a_plan_that_no_worker_has_is_cancelled_from_anywhere_without_one(url):
    async def scenario() -> None:
        async with api_side(url) as here, api_side(url) as there:
            running = asyncio.create_task(here.run(job("plan-unbegun", "echo")))
            await until(lambda: there.plans.status("plan-unbegun", None))
            assert await there.plans.request_cancel("plan-unbegun")
            answer = json.loads((await running).body)
            assert answer == {"id": "plan-unbegun", "termination": Termination.CANCELLED, "known": None}

    asyncio.run(scenario())


def test_a_plan_that_could_not_be_kept_is_not_waited_for(url):
    async def scenario() -> None:
        async with api_side(url) as api:
            running = asyncio.create_task(api.executor.run(job("plan-unkept", "echo"), lambda _: None))
            await asyncio.sleep(0)
            assert api.executor.cancel("plan-unkept")
            assert json.loads((await running).body)["termination"] == Termination.CANCELLED

    asyncio.run(scenario())


def test_an_api_process_that_stops_leaves_its_plans_to_the_workers(url, tmp_path):
    async def scenario() -> None:
        async with api_side(url) as here:
            running = asyncio.create_task(here.run(job("plan-left", "wait_for", path=str(tmp_path / "go"))))
            await until(lambda: here.plans.status("plan-left", None))
        ending = await running
        assert (ending.outcome, ending.message) == (Outcome.LOST, "draining")
        (tmp_path / "go").touch()
        async with api_side(url) as there, worker_side(url):
            await until(lambda: done(there, "plan-left"))
            assert (await there.plans.get("plan-left", None)).status == Outcome.ANSWERED

    asyncio.run(scenario())


def test_a_solver_that_dies_is_tried_once_more_and_then_answered_with_what_it_had(url):
    async def scenario() -> None:
        async with api_side(url) as api, worker_side(url, most_attempts=2):
            ending = await api.run(job("plan-deadly", "die", objective=7.0))
            answer = json.loads(ending.body)
            assert (answer["termination"], answer["known"]["objective"]) == (Termination.WORKER_LOST, 7.0)
            assert (await api.plans.status("plan-deadly", None)).attempts == 2
            assert await done(api, "plan-deadly") == 1

    asyncio.run(scenario())


def test_a_plan_that_killed_two_workers_is_answered_by_the_third_without_solving(url):
    async def scenario() -> None:
        async with api_side(url) as api, Database(url) as database:
            leases = Leases(database, PlanQueue(database.url))
            await api.plans.insert(row_of(job("plan-killer", "die")), [(1, "queued", "{}")])
            first = await leases.take("plan-killer")
            await leases.append(first.lease, [(3, "incumbent", '{"objective": 5.0, "stages": null}')])
            await leases.take("plan-killer")
            async with worker_side(url, most_attempts=2):
                await until(lambda: done(api, "plan-killer"))
            ending = RawMeaning().ending(await api.plans.get("plan-killer", None))
            answer = json.loads(ending.body)
            assert (answer["termination"], answer["known"]["objective"]) == (Termination.WORKER_LOST, 5.0)

    asyncio.run(scenario())


def test_a_plan_that_fell_out_of_the_queue_is_queued_again(url):
    async def scenario() -> None:
        async with api_side(url) as api, Database(url) as database:
            await api.plans.insert(row_of(job("plan-fallen", "echo")), [(1, "queued", "{}")])
            await database.write(lambda connection: connection.exec_driver_sql("DELETE FROM procrastinate_jobs"))
            queue = PlanQueue(database.url)
            await queue.open()
            sweepers = [Sweeper(database, queue) for _ in range(3)]
            await asyncio.gather(*(sweeper.sweep() for sweeper in sweepers))
            assert (await queue.load()).queued == 1
            await queue.close()
            async with worker_side(url):
                await until(lambda: done(api, "plan-fallen"))

    asyncio.run(scenario())


def test_a_worker_that_gets_its_own_plan_again_does_not_begin_it_twice(url, tmp_path):
    async def scenario() -> None:
        async with api_side(url) as api, worker_side(url, slots=2) as worker, Database(url) as database:
            running = asyncio.create_task(api.run(job("plan-again", "wait_for", path=str(tmp_path / "go"))))
            await until(lambda: worker.in_hand)
            await database.write(lambda connection: connection.exec_driver_sql("DELETE FROM procrastinate_jobs"))

            async def taken_again() -> bool:
                return bool((await api.plans.status("plan-again", None)).status == "queued") and await in_hands(
                    database
                )

            await until(taken_again)
            (tmp_path / "go").touch()
            assert (await running).outcome is Outcome.ANSWERED
            assert await done(api, "plan-again") == 1
            assert (await api.plans.status("plan-again", None)).attempts == 1

    asyncio.run(scenario())


async def in_hands(database: Database) -> bool:
    """Whether a worker has fetched a job."""
    found = await database.read(
        lambda connection: connection.exec_driver_sql(
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"
        ).scalar_one()
    )
    return bool(found)


def test_without_room_in_the_queue_nothing_more_is_taken_and_short_work_goes_on(url):
    async def scenario() -> None:
        async with api_side(url, queue_length=1) as api:
            waiting = asyncio.create_task(api.run(job("plan-first", "echo")))
            await until(lambda: api.plans.status("plan-first", None))
            await api.executor.look()
            with pytest.raises(Full) as full:
                api.executor.check_room(Kind.PLAN)
            assert full.value.retry_after_s >= 1
            api.executor.check_room(Kind.VALIDATE)
            async with worker_side(url):
                assert (await waiting).outcome is Outcome.ANSWERED

    asyncio.run(scenario())


def test_a_worker_outlives_its_database(private_postgres, tmp_path):
    async def scenario(url: str) -> None:
        async with api_side(url) as api, worker_side(url) as worker:
            running = asyncio.create_task(api.run(job("plan-long", "wait_for", path=str(tmp_path / "go"))))
            await until(lambda: worker.in_hand)
            await asyncio.to_thread(private_postgres.stop)
            (tmp_path / "go").touch()
            await asyncio.sleep(1.5)
            await asyncio.to_thread(private_postgres.start)
            assert json.loads((await running).body) == {"waited": True}
            assert (await api.plans.status("plan-long", None)).attempts == 1
            assert (await api.run(job("plan-next", "echo"))).outcome is Outcome.ANSWERED

    with private_postgres.server.scratch() as url:
        asyncio.run(scenario(url))
