"""Telling other processes that a plan has changed, and hearing it from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import psycopg
from sqlalchemy import URL, Connection, bindparam, create_engine, func, select

from api.store.engines import POSTGRESQL_CONNECT

CHANNEL = "placement_plans"
_NOTIFY = select(func.pg_notify(CHANNEL, bindparam("plan")))


def notify(connection: Connection, plan_id: str) -> None:
    """Say so when this transaction is committed; on SQLite nobody listens."""
    if connection.dialect.name == "postgresql":
        connection.execute(_NOTIFY, {"plan": plan_id})


async def changes(url: URL, poll_s: float) -> AsyncGenerator[str | None, None]:
    """Ids of plans as they change; None: look at all you wait for, a change may have gone unheard.

    None comes at first, after each broken connection, and every `poll_s` seconds in any case: so what is lost on
    the way (a pooler that swallows notifications, SQLite, which has none) comes late and never not at all.
    """
    while True:
        if url.get_backend_name() == "postgresql":
            # Out of reach: ask again later, as without notifications.
            with suppress(psycopg.Error, OSError):
                async with aclosing(_heard(url, poll_s)) as heard:
                    async for change in heard:
                        yield change
        yield None
        await asyncio.sleep(poll_s)


async def _heard(url: URL, poll_s: float) -> AsyncGenerator[str | None, None]:
    positional, options = create_engine(url).dialect.create_connect_args(url)
    connection = await psycopg.AsyncConnection.connect(
        *positional, autocommit=True, **{**POSTGRESQL_CONNECT, **options}
    )
    async with connection:
        await connection.execute(f"LISTEN {CHANNEL}")
        while True:
            yield None
            async for notification in connection.notifies(timeout=poll_s):
                yield notification.payload
