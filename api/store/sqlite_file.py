"""The SQLite file under an open service: it may vanish or be replaced, which SQLite itself does not notice.

A connection goes on writing to a deleted file, and all that is then acknowledged is gone with the process.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError

from api.store.errors import StoreUnavailable

_KEY = "sqlite_file"


class SqliteFile:
    """One file by its path; connections remember which file they opened."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._must_exist = False

    def prepare(self) -> None:
        """Make the directory, for this user alone: requests and answers are nobody else's business."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as fault:
            raise StoreUnavailable(f"the folder {self._path.parent} cannot be made: {fault.strerror}") from fault

    def expect(self) -> None:
        """From now on a missing file is a failure and not a new database."""
        self._must_exist = True

    def watch(self, engine: Engine) -> None:
        """Let this engine's connections be checked: when made, and when taken from a pool."""
        event.listen(engine, "do_connect", self._before_connect)
        event.listen(engine, "connect", self._after_connect)
        event.listen(engine, "checkout", self._on_checkout)

    def is_stale(self, connection: Connection) -> bool:
        """Whether the connection's file is no longer the one of this name."""
        return bool(connection.info.get(_KEY) != self._identity())

    def _identity(self) -> tuple[int, int] | None:
        """Device and inode; None where no file of this name can be seen."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _before_connect(self, *_: Any) -> None:
        if self._must_exist and self._identity() is None:
            raise sqlite3.OperationalError("the database file is gone")

    def _after_connect(self, _connection: sqlite3.Connection, record: Any) -> None:
        record.info[_KEY] = self._identity()

    def _on_checkout(self, _connection: sqlite3.Connection, record: Any, _proxy: object) -> None:
        if record.info[_KEY] != self._identity():
            raise DisconnectionError("the database file was replaced")
