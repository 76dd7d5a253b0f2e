"""Telling other processes that a plan has changed."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select

CHANNEL = "placement_plans"
_NOTIFY = select(func.pg_notify(CHANNEL, bindparam("plan")))


def notify(connection: Connection, plan_id: str) -> None:
    """Say so when this transaction is committed; nobody else listens on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.execute(_NOTIFY, {"plan": plan_id})
