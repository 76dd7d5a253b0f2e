"""What every database owes: inherited by the tests of SQLite in a file, SQLite in memory, and PostgreSQL."""

from __future__ import annotations

import asyncio

from api.store import (
    Database,
    PlanStore,
)
from tests.api.store.accepting_contract import AcceptingContract
from tests.api.store.keeping_contract import KeepingContract, forget_sign_of_life
from tests.api.store.reading_contract import ReadingContract
from tests.api.store.rows import open_store, plan


class PlansContract(AcceptingContract, ReadingContract, KeepingContract):
    """One store at a time, so that a database in memory can keep it too."""


class SharedContract(PlansContract):
    """And of databases that several processes open at once, and that outlive them."""

    def test_what_was_acknowledged_is_there_after_the_next_start(self, url):
        rows = [plan() for _ in range(30)]

        async def write():
            async with open_store(url) as store:
                await asyncio.gather(*(store.insert(row) for row in rows))

        async def read():
            async with open_store(url) as store:
                return await store.unfinished()

        asyncio.run(write())
        assert {row.id for row in asyncio.run(read())} == {row.id for row in rows}

    def test_processes_that_open_a_new_database_at_once_all_find_it_ready(self, empty_url):
        async def scenario():
            databases = [Database(empty_url) for _ in range(4)]
            await asyncio.gather(*(database.open() for database in databases))
            stores = [PlanStore(database) for database in databases]
            inserted = await asyncio.gather(*(store.insert(plan()) for store in stores))
            for database in databases:
                await database.close()
            return inserted

        assert all(inserted.created for inserted in asyncio.run(scenario()))

    def test_two_processes_keep_one_plan_under_one_key(self, url):
        async def scenario():
            async with open_store(url, "one") as one, open_store(url, "other") as other:
                keyed = [
                    store.insert(plan(idempotency_key=f"key {n % 5}")) for n in range(25) for store in (one, other)
                ]
                return await asyncio.gather(*keyed)

        inserted = asyncio.run(scenario())
        assert sum(one.created for one in inserted) == 5
        assert len({one.row.id for one in inserted}) == 5

    def test_two_heirs_share_the_plans_of_the_dead_without_overlap(self, url):
        rows = [plan() for _ in range(20)]

        async def scenario():
            async with Database(url) as database, open_store(url, "one") as one, open_store(url, "other") as other:
                async with PlanStore(database, "dead") as dead:
                    await asyncio.gather(*(dead.insert(row) for row in rows))
                await forget_sign_of_life(database, "dead")
                first = await asyncio.gather(one.abandoned(), other.abandoned())
                return [*first, await one.abandoned(), await other.abandoned()]

        claims = asyncio.run(scenario())
        claimed = [row.id for claim in claims for row in claim]
        assert sorted(claimed) == [row.id for row in sorted(rows, key=lambda row: row.id)]
