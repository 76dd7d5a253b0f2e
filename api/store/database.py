"""A database that awaits: one thread writes, a few read, and each failure has one name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from api.store import engines
from api.store.errors import StoreUnavailable
from api.store.faults import translated
from api.store.migrating import migrate
from api.store.sqlite_file import SqliteFile
from api.store.writer import Write, Writer

Result = TypeVar("Result")

READERS = 4
BUSY_TIMEOUT_S = 2.0
"""How long a write waits for another process to let go of an SQLite file."""
DEADLINE_S = 15.0
"""Longest wait for an answer from a database that is connected and says nothing."""


class Database:
    """SQLite or PostgreSQL by URL; `sqlite://` is in memory and gone when closed.

    Every method raises `StoreUnavailable` when the database cannot be used just now; the next call tries afresh.
    """

    def __init__(
        self,
        url: str,
        *,
        readers: int = READERS,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        deadline_s: float = DEADLINE_S,
        on_commit: Callable[[float, int], None] = lambda _seconds, _writes: None,
    ) -> None:
        """Raises `ValueError` for a URL of another database; touches nothing yet.

        `on_commit` is told, in the writing thread, how long each commit took and how many writes it made durable.
        """
        self.url = engines.parse(url)
        self._deadline_s = deadline_s
        self._in_memory = engines.is_in_memory(self.url)
        self._write_engine = engines.writing(self.url, busy_timeout_s)
        self._read_engine = engines.reading(self.url, busy_timeout_s, readers)
        self._file: SqliteFile | None = None
        if not self.is_postgresql and not self._in_memory:
            self._file = SqliteFile(Path(str(self.url.database)))
            self._file.watch(self._write_engine)
            self._file.watch(self._read_engine)
        self._writer = Writer(self._write_engine, self._is_stale, on_commit)
        self._threads = ThreadPoolExecutor(readers, thread_name_prefix="store-reader")
        self._started = False
        self._closed = False

    @property
    def is_postgresql(self) -> bool:
        """Whether other machines may use the database at the same time."""
        return self.url.get_backend_name() == "postgresql"

    async def open(self) -> None:
        """Connect, and migrate the tables to this release; several processes may do so at once.

        Raises `StoreUnavailable` (may be called again) or `SchemaTooNew`. A closed database stays closed.
        """
        self._refuse_if_closed()
        if self._file:
            self._file.prepare()
        if not self._started:
            self._writer.start()
            self._started = True
        migration = Write(self._migrate, alone=True)
        self._writer.submit(migration)
        await migration.future

    async def close(self) -> None:
        """Finish the writes under way and close every connection; from now on every call is `StoreUnavailable`."""
        self._closed = True
        await asyncio.to_thread(self._close)

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """What `work` returns, once it is durable, together with whatever else is being written.

        `work` runs in another thread and may run twice (its neighbours failed), so it must do nothing but use the
        connection. Being cancelled does not take the write back.
        """
        self._refuse_if_closed()
        write = Write(work)
        self._writer.submit(write)
        deadline = asyncio.get_running_loop().call_later(self._deadline_s, write.give_up, self._late())
        try:
            result: Result = await write.future
        finally:
            deadline.cancel()
        return result

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """What `work` reads, in another thread; each statement sees all that was committed before it."""
        if self._in_memory:
            return await self.write(work)
        self._refuse_if_closed()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deadline_s):
                return await loop.run_in_executor(self._threads, self._read, work)
        except TimeoutError as late:
            raise self._late() from late

    def _migrate(self, connection: Connection) -> None:
        migrate(connection)
        if self._file:
            self._file.expect()

    def _read(self, work: Callable[[Connection], Result], first_try: bool = True) -> Result:
        try:
            with self._read_engine.connect() as connection:
                return work(connection)
        except Exception as error:
            if first_try and isinstance(error, DBAPIError) and error.connection_invalidated:
                return self._read(work, first_try=False)  # the database was restarted since this connection's last use
            raise translated(error) from error

    def _is_stale(self, connection: Connection) -> bool:
        return self._file is not None and self._file.is_stale(connection)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _late(self) -> StoreUnavailable:
        return StoreUnavailable(f"no answer from the database in {self._deadline_s:g} s")

    def _close(self) -> None:
        if self._started:
            self._writer.stop()
        self._threads.shutdown()
        self._read_engine.dispose()
        self._write_engine.dispose()
