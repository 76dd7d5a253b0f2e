"""INSERT ... ON CONFLICT, which both databases have and SQLAlchemy spells for each."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Insert: TypeAlias = "postgresql.Insert | sqlite.Insert"


def insert_new(connection: Connection, table: Table) -> Insert:
    """Insert what is new; rows whose key is taken are left as they are."""
    return _insert_new(connection.dialect.name, table)


def insert_or_replace(connection: Connection, table: Table, column: str) -> Insert:
    """Insert a row, or give the one of the same primary key this column's new value."""
    return _insert_or_replace(connection.dialect.name, table, column)


# The statements are kept: building one takes longer than running it.
@cache
def _insert_new(dialect: str, table: Table) -> Insert:
    return _insert(dialect, table).on_conflict_do_nothing()


@cache
def _insert_or_replace(dialect: str, table: Table, column: str) -> Insert:
    statement = _insert(dialect, table)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns), set_={column: statement.excluded[column]}
    )


def _insert(dialect: str, table: Table) -> Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
