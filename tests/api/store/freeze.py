"""`python -m tests.api.store.freeze`: dump this release's schema and a few rows, for later ones' tests.

A dump that is there is never written again: it is what users have on their disks.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from alembic.script import ScriptDirectory

from api.store import Database, KeyRow, KeyStore, PlanStore, Retention
from api.store.migrating import configuration
from api.store.plans import numbered
from tests.api.store.rows import OPTIMAL, open_store, plan
from tests.postgres import PrivatePostgres, programs

FOLDER = Path(__file__).parent / "released"
MOMENT = datetime(2026, 11, 1, 12, tzinfo=UTC)


async def fill(url: str) -> None:
    """One row at least in every table."""
    async with Database(url) as database, PlanStore(database, "released") as store:
        for plan_id in ("plan-expired", "plan-optimal", "plan-running"):
            await store.insert(
                plan(id=plan_id, request=b"{}", idempotency_key=plan_id), numbered(1, [("queued", "{}")])
            )
            await store.start(plan_id)
        await store.finish("plan-expired", OPTIMAL)
        await store.expire(Retention(age_s=1e9, count=2))
        await store.finish("plan-optimal", OPTIMAL)
        await KeyStore(database).insert(KeyRow("key-1", "ann", "laptop", "hash", MOMENT, rate_per_minute=60))


async def check(url: str) -> None:
    """Raises `AssertionError` unless what `fill` wrote can be read and used."""
    async with open_store(url, "released") as store:
        assert await store.is_gone("plan-expired", "ann")
        optimal = await store.by_idempotency_key("ann", "plan-optimal")
        assert optimal is not None
        assert (optimal.status, optimal.answer, optimal.proven) == ("optimal", OPTIMAL.answer, True)
        assert [event.name for event in await store.events("plan-optimal")] == ["queued"]
        assert [(row.id, row.request, row.attempts) for row in await store.unfinished()] == [("plan-running", b"{}", 1)]
        assert await store.finish("plan-running", OPTIMAL)
    async with Database(url) as database:
        assert [(key.label, key.created_at) for key in await KeyStore(database).all()] == [("laptop", MOMENT)]


def sqlite_dump() -> str:
    """SQL that makes a database of this release again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plans.sqlite3"
        asyncio.run(fill(f"sqlite:///{path}"))
        with closing(sqlite3.connect(path)) as connection:
            return "\n".join(connection.iterdump()) + "\n"


def postgresql_dump() -> str:
    """The same for PostgreSQL, without what differs from one of its releases to the next."""
    with PrivatePostgres() as private, private.server.scratch() as url:
        asyncio.run(fill(url))
        command = [programs() / "pg_dump", "--inserts", "--no-owner", "--no-privileges", url]
        dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    statements = (line for line in dump.splitlines() if not re.match(r"--|SET |SELECT pg_catalog|\\", line))
    return re.sub(r"\n{2,}", "\n", "\n".join(statements)).strip() + "\n"


if __name__ == "__main__":
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    for dialect, dump in (("sqlite", sqlite_dump), ("postgresql", postgresql_dump)):
        path = FOLDER / f"{head}.{dialect}.sql"
        if not path.exists():
            path.write_text(dump())
