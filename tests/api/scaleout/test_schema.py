"""The queue's tables, made and renewed by whoever opens them."""

from __future__ import annotations

import asyncio

import psycopg
from psycopg import AsyncConnection
from sqlalchemy import make_url

from api.scaleout.queue import PlanQueue
from api.scaleout.schema import install, migrations
from api.store import Database
from tests.postgres import connection_to


async def installed(url: str, known: dict[str, str] | None = None) -> None:
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        await install(connection, known or migrations())


def recorded(url: str) -> set[str]:
    with connection_to(make_url(url)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM placement_queue_migrations")}


def test_processes_that_open_one_database_at_once_make_the_tables_once(postgres_url):
    async def open_all() -> None:
        await asyncio.gather(*(installed(postgres_url) for _ in range(5)))

    asyncio.run(open_all())
    assert recorded(postgres_url) == set(migrations())


def test_a_release_of_the_queue_that_brings_migrations_runs_those_that_lack_in_order(postgres_url):
    asyncio.run(installed(postgres_url))
    newer = {"98_later.sql": "ALTER TABLE of_98 ADD b int", "97_new.sql": "CREATE TABLE of_98 (a int)"}
    asyncio.run(installed(postgres_url, migrations() | dict(sorted(newer.items()))))
    asyncio.run(installed(postgres_url, migrations() | dict(sorted(newer.items()))))
    with connection_to(make_url(postgres_url)) as connection:
        assert connection.execute("SELECT a, b FROM of_98").fetchall() == []


def test_a_migration_that_fails_leaves_nothing_behind_and_is_run_again(postgres_url):
    asyncio.run(installed(postgres_url))
    broken = migrations() | {"97_new.sql": "CREATE TABLE of_97 (a int); SELECT * FROM nowhere"}
    try:
        asyncio.run(installed(postgres_url, broken))
    except psycopg.errors.UndefinedTable:
        asyncio.run(installed(postgres_url, migrations() | {"97_new.sql": "CREATE TABLE of_97 (a int)"}))
    assert "97_new.sql" in recorded(postgres_url)


def test_tables_that_an_operator_made_are_taken_as_they_are(postgres_url):
    async def by_hand() -> None:
        queue = PlanQueue(Database(postgres_url).url)
        async with queue.app.open_async():
            await queue.app.schema_manager.apply_schema_async()
        await installed(postgres_url)

    asyncio.run(by_hand())
    assert recorded(postgres_url) == set(migrations())
