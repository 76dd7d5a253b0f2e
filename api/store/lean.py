"""Statements that every plan runs, without SQLAlchemy's work per execution, which takes longer than SQLite's.

SQLAlchemy writes each statement once per dialect and says how its types are bound; the driver's own cursor runs it.
Failures are raised as SQLAlchemy raises them, and connections that they broke are given up likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.exc import DBAPIError

Values = Mapping[str, Any]
MOST_WRITTEN = 256
"""Statements that are kept as they were written: a dozen for each database that was opened."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A statement in the words of one driver."""

    sql: str
    names: tuple[str, ...]
    """Its parameters, in order where the driver counts them."""
    bind: tuple[Callable[[Any], Any] | None, ...]
    """What makes a value the driver's, by parameter."""
    constants: Values
    """Parameters that the statement brings along."""
    counted: bool

    def arguments(self, values: Values) -> Any:
        """The parameters as the driver takes them."""
        known = {**self.constants, **values}
        given = [
            known[name] if make is None else make(known[name]) for name, make in zip(self.names, self.bind, strict=True)
        ]
        return given if self.counted else dict(zip(self.names, given, strict=True))


def run(connection: Connection, statement: ClauseElement, values: Values) -> int:
    """Execute a statement; how many rows it changed."""
    written = _written(statement, connection.dialect, frozenset(values))
    return _executed(connection, lambda cursor: cursor.execute(written.sql, written.arguments(values)), written.sql)


def run_all(connection: Connection, statement: ClauseElement, rows: Sequence[Values]) -> None:
    """Execute a statement for each of the rows, which name the same values."""
    written = _written(statement, connection.dialect, frozenset(rows[0]))
    arguments = [written.arguments(row) for row in rows]
    _executed(connection, lambda cursor: cursor.executemany(written.sql, arguments), written.sql)


def run_words(connection: Connection, sql: str) -> None:
    """Execute a statement without parameters, in the driver's words."""
    _executed(connection, lambda cursor: cursor.execute(sql), sql)


def _executed(connection: Connection, execute: Callable[[Any], Any], sql: str) -> int:
    dialect = connection.dialect
    cursor = connection.connection.cursor()
    try:
        execute(cursor)
        count: int = cursor.rowcount
    except dialect.loaded_dbapi.Error as error:
        raise _named(connection, cursor, sql, error) from error
    else:
        return count
    finally:
        cursor.close()


def _named(connection: Connection, cursor: Any, sql: str, error: Exception) -> BaseException:
    """The driver's error under SQLAlchemy's name for it; a connection that it broke is given up."""
    dialect: Any = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)
    if lost:
        connection.invalidate(error)
    return DBAPIError.instance(
        sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )


@lru_cache(MOST_WRITTEN)
def _written(statement: ClauseElement, dialect: Dialect, names: frozenset[str]) -> _Written:
    compiled: Any = statement.compile(dialect=dialect, column_keys=sorted(names))
    counted = bool(compiled.positional)
    parameters = {name: parameter for parameter, name in compiled.bind_names.items()}
    order = tuple(compiled.positiontup if counted else parameters)
    processors = [parameters[name].type.dialect_impl(dialect).bind_processor(dialect) for name in order]
    constants = {name: parameter.effective_value for name, parameter in parameters.items() if not parameter.required}
    return _Written(str(compiled), order, tuple(processors), constants, counted)
