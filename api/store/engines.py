"""From a database URL to SQLAlchemy engines, set up so that what is committed is on the disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, create_engine, event, make_url

from api.store.lean import run_words

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # FULL: a commit returns when the log is on the disk; NORMAL would lose the last commits in a power failure.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)
POSTGRESQL_CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    # A peer that vanished without a word (power, network) is noticed in seconds, not in the system's two hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "placement",
}


def default_url(state_directory: Path) -> str:
    """The URL of the SQLite file in the state directory."""
    return URL.create("sqlite", database=str(state_directory / "placement.sqlite3")).render_as_string()


def parse(url: str) -> URL:
    """The URL with the driver that is used; raises `ValueError` for a database that is not supported."""
    parsed = make_url(url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url)
    backend = parsed.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise ValueError(f"database URL: {backend} is not supported, use sqlite:///file or postgresql://host/name")
    return parsed.set(drivername="sqlite" if backend == "sqlite" else "postgresql+psycopg")


def is_in_memory(url: URL) -> bool:
    """Whether the database lives and dies with its only connection."""
    return url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}


def writing(url: URL, busy_timeout_s: float) -> Engine:
    """An engine for the one connection that writes; its transactions take SQLite's write lock when they begin.

    Otherwise a transaction that reads first could find, only when it writes, that another process was quicker.
    """
    engine = _engine(url, busy_timeout_s, poolclass=NullPool)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "begin", _begin_immediate)
    return engine


def reading(url: URL, busy_timeout_s: float, connections: int) -> Engine:
    """An engine for at most this many readers, each statement on its own (no BEGIN, no ROLLBACK, no locks kept)."""
    return _engine(
        url, busy_timeout_s, poolclass=QueuePool, pool_size=connections, max_overflow=0, pool_reset_on_return=None
    ).execution_options(isolation_level="AUTOCOMMIT")


def _engine(url: URL, busy_timeout_s: float, **options: Any) -> Engine:
    options["hide_parameters"] = True  # what callers sent has no place in a log
    if url.get_backend_name() == "postgresql":
        missing = {name: value for name, value in POSTGRESQL_CONNECT.items() if name not in url.query}
        return create_engine(url, connect_args=missing, **options)
    engine = create_engine(url, connect_args={"timeout": busy_timeout_s, "check_same_thread": False}, **options)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours: the driver's own comes late and never before DDL
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma).close()


def _begin_immediate(connection: Connection) -> None:
    run_words(connection, "BEGIN IMMEDIATE")
