"""What is asked with every request is found by an index, however many plans there are."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.dialects import sqlite

from api.store import Database, queries, retention


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (queries._GET_PROVEN, "ix_plans_proven (owner=? AND content_key=?)"),
        (queries._GET_BY_KEY, "(owner=? AND idempotency_key=?)"),
        (queries._STATUS, "(id=?)"),
        (retention._TOO_OLD, "ix_plans_ended_at (ended_at<?)"),
        (retention._OLDEST, "ix_plans_owner_id (owner=?)"),
    ],
)
def test_nothing_is_sorted_or_looked_through(statement, index):
    words = str(statement.compile(dialect=sqlite.dialect()))

    async def explain() -> list[str]:
        async with Database("sqlite://") as database:

            def work(connection):
                found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}", (1,) * words.count("?"))
                return [row.detail for row in found]

            return await database.read(work)

    steps = asyncio.run(explain())
    assert index in steps[0]
    assert not [step for step in steps if "SCAN" in step or "TEMP B-TREE" in step]
