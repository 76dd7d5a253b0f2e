"""The queue's tables, beside ours: made, and brought to this release of Procrastinate, when a process opens them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from procrastinate.schema import SchemaManager
from psycopg import AsyncConnection

_LOCK = 0x706C616365717565
"""Number of the advisory lock that lets one process at a time do this: "placeque" in ASCII, as any number would do."""

_OURS = (
    "CREATE TABLE IF NOT EXISTS placement_queue_migrations (name text PRIMARY KEY)",
    """CREATE TABLE IF NOT EXISTS placement_machines (
        worker_id bigint PRIMARY KEY REFERENCES procrastinate_workers (id) ON DELETE CASCADE,
        name text NOT NULL,
        slots integer NOT NULL,
        respawned integer NOT NULL,
        recent_solve_seconds double precision NOT NULL
    )""",
)
"""Which migrations of Procrastinate's were run, of which it keeps no record; and what each of its workers can do."""


def migrations() -> dict[str, str]:
    """Those of the installed release, in order: the name and the statements of each."""
    folder = Path(SchemaManager.get_migrations_path())
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}


async def install(connection: AsyncConnection, known: Mapping[str, str]) -> None:
    """Make the tables, or run the `known` migrations that they lack; `connection` commits each statement (autocommit).

    Processes that open one database at once do it one after the other, and the second finds nothing to do. A migration
    that an operator ran by hand is not known here: then Procrastinate's tables are taken for those of this release.
    """
    await connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        found = await (await connection.execute("SELECT to_regclass('procrastinate_jobs')")).fetchone()
        if found is None or found[0] is None:
            async with connection.transaction():
                await connection.execute(SchemaManager.get_schema())
                await _make_ours(connection)
                await _remember(connection, known)
            return
        await _make_ours(connection)
        rows = await (await connection.execute("SELECT name FROM placement_queue_migrations")).fetchall()
        done = {row[0] for row in rows}
        if not done:
            await _remember(connection, known)
            return
        for name, statements in known.items():
            if name not in done:
                async with connection.transaction():
                    await connection.execute(statements)
                    await _remember(connection, {name: statements})
    finally:
        await connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


async def _make_ours(connection: AsyncConnection) -> None:
    for statement in _OURS:
        await connection.execute(statement)


async def _remember(connection: AsyncConnection, names: Mapping[str, str]) -> None:
    statement = "INSERT INTO placement_queue_migrations SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
    await connection.execute(statement, (list(names),))
