"""The tables brought to this release when a database is opened; the migrations are packaged beside this module."""

from __future__ import annotations

import threading
from enum import Enum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from api.store.errors import SchemaTooNew

_LOCK = 0x706C6163656D656E
"""Number of the advisory lock that lets one process migrate at a time: "placemen" in ASCII, as any number would do."""

_ONE_AT_A_TIME = threading.Lock()
"""Within this process: Alembic keeps what it works on in its own module."""


def configuration() -> Config:
    """Alembic's settings: where the migrations are."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


class Standing(Enum):
    """How a database's tables compare with this release's."""

    EMPTY = "no tables yet"
    BEHIND = "its tables are migrated at the next start"
    HEAD = "tables of this release"
    NEWER = "tables of a newer release"


def standing(connection: Connection) -> Standing:
    """How the tables stand; reads only."""
    known = ScriptDirectory.from_config(configuration())
    found = set(MigrationContext.configure(connection).get_current_heads())
    if not found:
        return Standing.EMPTY
    if found == set(known.get_heads()):
        return Standing.HEAD
    return Standing.BEHIND if found <= {script.revision for script in known.walk_revisions()} else Standing.NEWER


def migrate(connection: Connection, to: str = "head") -> None:
    """Run, in one transaction, the migrations that the database lacks; `connection` must not be in a transaction.

    Processes that open one database at once do it one after the other, and the second finds nothing to do. Raises
    `SchemaTooNew` for a database that a newer release has migrated.
    """
    config = configuration()
    if connection.dialect.name != "sqlite":
        with connection.begin():
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            _upgrade(connection, config, to)
        return
    # Alembic alters by copying a table: dropping the old one must not delete what refers to it.
    _set_foreign_keys(connection, "OFF")
    with connection.begin():
        _upgrade(connection, config, to)
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
            raise AssertionError("a migration left rows that refer to nothing")
    _set_foreign_keys(connection, "ON")


def _upgrade(connection: Connection, config: Config, to: str) -> None:
    _refuse_newer(connection, ScriptDirectory.from_config(config))
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME:
        command.upgrade(config, to)


def _set_foreign_keys(connection: Connection, wanted: str) -> None:
    """By the driver, past SQLAlchemy, which would begin a transaction: within one, the setting is silently ignored."""
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA foreign_keys = {wanted}")
    cursor.close()


def _refuse_newer(connection: Connection, known: ScriptDirectory) -> None:
    ours = {script.revision for script in known.walk_revisions()}
    for revision in MigrationContext.configure(connection).get_current_heads():
        if revision not in ours:
            raise SchemaTooNew(f"the database is at revision {revision}, which this release does not know")
