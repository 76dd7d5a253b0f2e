"""The contract, kept by each database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from api.store import Database
from api.store.tables import metadata
from tests.api.store.contract import PlansContract, SharedContract


class TestSqliteInMemory(PlansContract):
    @pytest.fixture
    def url(self) -> str:
        return "sqlite://"


class TestSqliteFile(SharedContract):
    @pytest.fixture
    def url(self, tmp_path) -> str:
        return f"sqlite:///{tmp_path}/new folder/plans.sqlite3"

    @pytest.fixture
    def empty_url(self, url) -> str:
        return url


@pytest.fixture(scope="module")
def used_url(postgres) -> Iterator[str]:
    """A database that tests use one after the other."""
    with postgres.scratch() as url:
        yield url


class TestPostgresql(SharedContract):
    @pytest.fixture
    def url(self, used_url) -> str:
        """Emptied, which is quicker than a new one."""
        asyncio.run(_empty(used_url))
        return used_url

    @pytest.fixture
    def empty_url(self, postgres_url) -> str:
        return postgres_url


async def _empty(url: str) -> None:
    def work(connection: Connection) -> None:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())

    async with Database(url) as database:
        await database.write(work)
