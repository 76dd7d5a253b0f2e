"""What every database owes to those who keep plans: recovery and retention."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from api.store import (
    Database,
    PlanStore,
    Retention,
)
from api.store.plans import numbered
from tests.api.store.rows import OPTIMAL, open_store, plan

FOR_EVER = 1e9


class KeepingContract:
    """Plans of the dead go to the living, and old ones expire."""

    def test_plans_left_behind_are_taken_up_again_with_their_requests_and_attempts(self, url):
        queued, running, ended = plan(request=b"queued"), plan(request=b"running"), plan()

        async def scenario():
            async with open_store(url) as store:
                for row in (queued, running, ended):
                    await store.insert(row)
                await store.start(running.id)
                await store.finish(ended.id, OPTIMAL)
                found = await store.unfinished()
                await store.start(running.id)
                return found, await store.status(running.id, "ann")

        found, again = asyncio.run(scenario())
        assert {(row.request, row.status, row.attempts) for row in found} == {
            (b"queued", "queued", 0),
            (b"running", "running", 1),
        }
        assert again.attempts == 2

    def test_plans_of_an_instance_that_gives_no_sign_of_life_go_to_another(self, url):
        kept = plan()

        async def scenario():
            async with Database(url) as database:
                async with PlanStore(database, "dead") as dead:
                    await dead.insert(kept)
                async with PlanStore(database, "alive") as alive:
                    early = [await alive.unfinished(), await alive.abandoned()]
                    await forget_sign_of_life(database, "dead")
                    return early, await alive.abandoned(), await alive.abandoned()

        early, taken, again = asyncio.run(scenario())
        assert early == [[], []]
        assert [(row.id, row.instance) for row in taken] == [(kept.id, "alive")]
        assert again == []

    def test_an_instance_that_takes_its_leave_hands_its_plans_over_at_once(self, url):
        kept = plan()

        async def scenario():
            async with Database(url) as database:
                leaving = PlanStore(database, "leaving")
                await leaving.open()
                await leaving.insert(kept)
                await leaving.close(leaving=True)
                async with PlanStore(database, "staying") as staying:
                    return await staying.abandoned()

        assert [row.id for row in asyncio.run(scenario())] == [kept.id]

    def test_plans_of_a_shared_queue_are_nobodys_to_take_up(self, url):
        async def scenario():
            async with Database(url) as database:
                async with PlanStore(database) as queueing:
                    await queueing.insert(plan())
                    claimed = await queueing.unfinished()
                async with PlanStore(database, "alive") as alive:
                    return claimed, await alive.unfinished()

        assert asyncio.run(scenario()) == ([], [])

    def test_old_plans_expire_and_their_owners_are_told_so(self, url):
        old, young, unfinished = plan(id="plan-1", idempotency_key="once"), plan(id="plan-2"), plan(id="plan-3")

        async def scenario():
            async with Database(url) as database, PlanStore(database, "here") as store:
                for row in (old, young, unfinished):
                    await store.insert(row, numbered(1, [("queued", "{}")]))
                for row in (old, young):
                    await store.finish(row.id, OPTIMAL)
                await date_back(database, old.id, unfinished.id)
                expired = await store.expire(Retention(age_s=3600, count=100))
                gone = {
                    (row.id, who): await store.is_gone(row.id, who) for row in (old, young) for who in ("ann", "bob")
                }
                left = [await store.get(row.id, "ann") for row in (old, young, unfinished)]
                again = await store.insert(plan(idempotency_key="once"))
                return expired, gone, left, again, await store.events(old.id)

        expired, gone, left, again, events = asyncio.run(scenario())
        assert expired == [old.id]
        assert [key for key, value in gone.items() if value] == [(old.id, "ann")]
        assert [row is None for row in left] == [True, False, False]
        assert again.created
        assert events == []

    def test_each_owner_may_keep_so_many_plans_and_the_oldest_ended_ones_go_first(self, url):
        rows = [plan(id=f"plan-{n}") for n in range(5)] + [plan(id="plan-bob", owner="bob")]

        async def scenario():
            async with open_store(url) as store:
                for row in rows:
                    await store.insert(row)
                for row in rows[1:]:
                    await store.finish(row.id, OPTIMAL)
                expired = await store.expire(Retention(age_s=FOR_EVER, count=3))
                return expired, await store.expire(Retention(age_s=FOR_EVER, count=3))

        expired, again = asyncio.run(scenario())
        assert expired == ["plan-1", "plan-2"]  # plan-0, the oldest, is still being solved
        assert again == []

    def test_more_plans_than_one_transaction_deletes_all_expire(self, url):
        rows = [plan(id=f"plan-{n:03}") for n in range(250)]

        async def scenario():
            async with open_store(url) as store:
                await asyncio.gather(*(store.insert(row) for row in rows))
                await asyncio.gather(*(store.finish(row.id, OPTIMAL) for row in rows))
                return await store.expire(Retention(age_s=FOR_EVER, count=20))

        assert asyncio.run(scenario()) == [row.id for row in rows[:230]]

    def test_only_so_many_expired_ids_are_remembered(self, url):
        rows = [plan(id=f"plan-{n}") for n in range(3)]
        keep_none = Retention(age_s=FOR_EVER, count=0, tombstones=2)

        async def scenario():
            async with open_store(url) as store:
                for row in rows:
                    await store.insert(row)
                    await store.finish(row.id, OPTIMAL)
                    await store.expire(keep_none)
                return [await store.is_gone(row.id, "ann") for row in rows]

        assert asyncio.run(scenario()) == [False, True, True]


async def forget_sign_of_life(database: Database, instance: str) -> None:
    """As if the instance had died long ago."""
    seen = text("UPDATE instances SET seen_at = '2020-01-01' WHERE name = :name")
    await database.write(lambda connection: connection.execute(seen, {"name": instance}).close())


async def date_back(database: Database, *plan_ids: str) -> None:
    """As if the plans were of 2020."""

    def work(connection):
        for plan_id in plan_ids:
            values = {"id": plan_id, "then": "2020-01-01 00:00:00.000000"}
            for column in ("created_at", "ended_at"):
                statement = f"UPDATE plans SET {column} = :then WHERE id = :id AND {column} IS NOT NULL"
                connection.exec_driver_sql(
                    statement.replace(":then", f"'{values['then']}'").replace(":id", f"'{plan_id}'")
                )

    await database.write(work)
