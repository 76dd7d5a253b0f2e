"""What happens to a PostgreSQL server: restarted, cut off, read-only, silent; and how others hear of changes."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import psycopg
import pytest
from sqlalchemy import make_url

from api.store import Database, PlanStore, StoreUnavailable
from tests.api.store.rows import OPTIMAL, every_call, fails, open_store, plan
from tests.postgres import connection_to

WAIT_S = 60.0


@pytest.fixture
def restarted_url(private_postgres):
    """A database on a server that a test may stop; it runs again afterwards."""
    with private_postgres.server.scratch() as url:
        yield url


def cut_off(url: str) -> None:
    """End every other connection to the database."""
    with connection_to(make_url(url)) as connection:
        everyone = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
        )
        connection.execute(f"{everyone} pg_backend_pid()")


def test_while_the_server_is_down_every_call_says_try_again_and_works_once_it_is_back(private_postgres, restarted_url):
    async def scenario():
        async with open_store(restarted_url) as store:
            await store.insert(plan(id="plan-1"))
            private_postgres.stop()
            try:
                down = await fails(every_call(store))
            finally:
                private_postgres.start()
            return down, await fails(every_call(store)), await store.status("plan-1", None)

    down, later, found = asyncio.run(scenario())
    assert all(down.values())
    assert not any(later.values())
    assert found is not None


def test_a_server_that_is_down_at_the_start_is_found_later_by_the_same_database(private_postgres, restarted_url):
    async def scenario():
        database = Database(restarted_url)
        private_postgres.stop()
        try:
            with pytest.raises(StoreUnavailable):
                await database.open()
        finally:
            private_postgres.start()
        await database.open()
        kept = await PlanStore(database).insert(plan())
        await database.close()
        return kept

    assert asyncio.run(scenario()).created


def test_a_restart_between_two_calls_is_not_noticed(postgres_url):
    async def scenario():
        async with open_store(postgres_url) as store:
            await store.insert(plan(id="plan-1"))
            first = await fails(every_call(store))
            cut_off(postgres_url)
            return first, await fails(every_call(store))

    first, after = asyncio.run(scenario())
    assert not any(first.values())
    assert not any(after.values())


def test_a_server_that_became_read_only_can_be_read_and_writes_say_try_again(postgres_url):
    async def scenario():
        async with open_store(postgres_url) as store:
            await store.insert(plan(id="plan-1"))
            database = make_url(postgres_url).database
            with connection_to(make_url(postgres_url)) as connection:
                connection.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
                cut_off(postgres_url)
                read_only = await fails(every_call(store))
                connection.close()
            with connection_to(make_url(postgres_url)) as connection:
                connection.execute("SET default_transaction_read_only = off")
                connection.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only")
            cut_off(postgres_url)
            return read_only, await fails(every_call(store))

    read_only, later = asyncio.run(scenario())
    assert read_only["insert"]
    assert read_only["finish"]
    assert not read_only["get"]
    assert not any(later.values())


def test_a_server_that_says_nothing_is_not_waited_for_long(postgres_url):
    async def scenario():
        async with Database(postgres_url, deadline_s=0.3) as database, PlanStore(database, "here") as store:
            await store.insert(plan(id="plan-1"))
            with psycopg.connect(postgres_url) as other:
                other.execute("LOCK TABLE plans, plan_events, expired_plans")
                silent = await fails(every_call(store))
            return silent, await eventually(store)

    silent, works_again = asyncio.run(scenario())
    assert all(silent.values())
    assert works_again


async def eventually(store: PlanStore) -> bool:
    """Whether the store gets through what had piled up and then accepts a plan."""
    async with asyncio.timeout(WAIT_S):
        while (await fails({"insert": lambda: store.insert(plan())}))["insert"]:
            await asyncio.sleep(0.05)
    return True


def test_changes_made_by_one_process_are_heard_by_another(postgres_url):
    async def scenario():
        heard = []
        async with (
            open_store(postgres_url, "solver") as solver,
            open_store(postgres_url, "listener") as listener,
            aclosing(listener.changes(poll_s=WAIT_S)) as changes,
            asyncio.timeout(WAIT_S),
        ):
            heard.append(await anext(changes))
            await solver.insert(plan(id="plan-1"))
            for step in (
                solver.start("plan-1"),
                solver.append_events("plan-1", [(1, "bound", "{}"), (2, "bound", "{}")]),
                solver.request_cancel("plan-1"),
                solver.finish("plan-1", OPTIMAL),
            ):
                await step
                heard.append(await anext(changes))
        return heard

    assert asyncio.run(scenario()) == [None, "plan-1", "plan-1", "plan-1", "plan-1"]


def test_a_listener_that_was_cut_off_is_told_to_look_at_everything_and_hears_again(postgres_url):
    async def scenario():
        async with open_store(postgres_url) as store:
            await store.insert(plan(id="plan-1"))
            async with aclosing(store.changes(poll_s=0.2)) as changes, asyncio.timeout(WAIT_S):
                first = await anext(changes)
                cut_off(postgres_url)
                after = await anext(changes)
                while await anext(changes) is None:
                    await store.append_events("plan-1", [(1, "bound", "{}")])
        return first, after

    assert asyncio.run(scenario()) == (None, None)


def test_who_stops_listening_has_hung_up_at_once(postgres_url):
    listeners = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"

    async def scenario():
        async with open_store(postgres_url) as store:
            async with aclosing(store.changes(poll_s=0.2)) as changes:
                await anext(changes)
            # No turn of the loop in between: nothing is left to a garbage collector.
            with connection_to(make_url(postgres_url)) as connection:
                until_s = time.monotonic() + 10.0
                while (left := connection.execute(listeners).fetchone()) != (0,) and time.monotonic() < until_s:
                    time.sleep(0.01)
                return left

    assert asyncio.run(scenario()) == (0,)


def test_where_nothing_can_be_heard_changes_are_looked_for_now_and_then():
    async def scenario():
        async with open_store("sqlite://") as store, aclosing(store.changes(0.01)) as changes, asyncio.timeout(WAIT_S):
            return [await anext(changes) for _ in range(3)]

    assert asyncio.run(scenario()) == [None, None, None]
