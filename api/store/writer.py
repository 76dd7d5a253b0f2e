"""One thread that writes: what is asked for while a commit is under way goes into the next one, all together."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from queue import Empty, SimpleQueue
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from api.store.faults import translated

log = logging.getLogger("placement.store")

LARGEST_GROUP = 256
"""Most writes in one transaction: bounds how long the first of them waits for the last."""

Work = Callable[[Connection], Any]


@dataclass(slots=True, eq=False)
class Write:
    """What to do inside a transaction, and who waits for it. May be run again after a rollback."""

    work: Work
    future: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    alone: bool = False
    """Run outside of any transaction, with the connection to itself (migrations)."""
    abandoned: bool = False
    """Nobody waits any more, and nothing was promised: leave it, if it has not begun."""

    def give_up(self, error: Exception) -> None:
        """Wait no longer."""
        if not self.future.done():
            self.abandoned = True
            self.settle(None, error)

    def settle(self, result: Any, error: Exception | None) -> None:
        """Wake the one who waits, on his event loop."""
        if self.future.done():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)
            self.future.exception()  # seen, even if the one who waited was cancelled: no complaint on collection


Answer = tuple[Write, Any, Exception | None]


def _answer(answers: Sequence[Answer]) -> None:
    """Wake all who wait, each event loop once; they may have left, and their event loop with them."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Answer]] = {}
    for answer in answers:
        by_loop.setdefault(answer[0].future.get_loop(), []).append(answer)
    for loop, theirs in by_loop.items():
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, theirs)


def _settle(answers: Sequence[Answer]) -> None:
    for write, result, error in answers:
        write.settle(result, error)


class _Reached(Enum):
    """How far a transaction came before it failed."""

    BEGIN = auto()
    WORK = auto()
    COMMIT = auto()


@dataclass(slots=True)
class _Undone(Exception):
    """A transaction that failed; whatever it did was rolled back (unless it was cut off while committing)."""

    reached: _Reached
    cause: Exception

    @property
    def disconnected(self) -> bool:
        """Whether the connection is of no use any more."""
        return isinstance(self.cause, DBAPIError) and self.cause.connection_invalidated


class Writer:
    """The thread, its queue and its connection.

    A write that fails does not fail its neighbours: they are done again, each in a transaction of its own.
    """

    def __init__(
        self,
        engine: Engine,
        is_stale: Callable[[Connection], bool],
        on_commit: Callable[[float, int], None] = lambda _seconds, _writes: None,
    ) -> None:
        """`on_commit` is told of every transaction: how many seconds it took, and how many writes it made durable."""
        self._engine = engine
        self._on_commit = on_commit
        self._is_stale = is_stale
        self._queue: SimpleQueue[Write | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    def start(self) -> None:
        """Begin to work; the connection is made with the first write."""
        self._thread.start()

    def submit(self, write: Write) -> None:
        """Queue a write; its future is settled when it is durable, or when it failed."""
        self._queue.put(write)

    def stop(self) -> None:
        """Finish what is queued, close the connection and end (blocks meanwhile)."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        open_ended = True
        while open_ended:
            group: list[Write] = []
            entry = self._queue.get()
            while entry is not None:
                group.append(entry)
                if entry.alone or len(group) >= LARGEST_GROUP:
                    break
                try:
                    entry = self._queue.get_nowait()
                except Empty:
                    break
            open_ended = entry is not None
            wanted = [write for write in group if not write.abandoned]
            try:
                self._serve(wanted)
            except Exception as error:  # a fault of ours in one group must not end all further ones
                log.exception("writes failed in an unforeseen way")
                _answer([(write, None, error) for write in wanted])
        self._disconnect()

    def _serve(self, group: list[Write]) -> None:
        in_a_transaction = [write for write in group if not write.alone]
        if in_a_transaction:
            self._do(in_a_transaction)
        for write in group:
            if write.alone:
                self._do_alone(write)

    def _do_alone(self, write: Write) -> None:
        try:
            result = write.work(self._connected())
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            self._disconnect()
            _answer([(write, None, translated(error))])
        else:
            _answer([(write, result, None)])

    def _do(self, group: list[Write], first_try: bool = True) -> None:
        try:
            results = self._transact(group)
        except _Undone as undone:
            if undone.disconnected and first_try and undone.reached is not _Reached.COMMIT:
                self._do(group, first_try=False)  # the database was restarted while we had nothing to write
            elif undone.reached is _Reached.WORK and not undone.disconnected and len(group) > 1:
                for write in group:
                    self._do([write])
            else:
                _answer([(write, None, translated(undone.cause)) for write in group])
        else:
            _answer([(write, result, None) for write, result in zip(group, results, strict=True)])

    def _transact(self, group: list[Write]) -> list[Any]:
        """What each of the group returns, once all of it is durable; raises `_Undone`."""
        reached = _Reached.BEGIN
        began = time.perf_counter()
        try:
            connection = self._connected()
            transaction = connection.begin()
            reached = _Reached.WORK
            results = [write.work(connection) for write in group]
            reached = _Reached.COMMIT
            transaction.commit()
        except Exception as error:
            self._roll_back()
            raise _Undone(reached, error) from error
        self._on_commit(time.perf_counter() - began, len(group))
        return results

    def _connected(self) -> Connection:
        if self._connection is not None and self._is_stale(self._connection):
            self._disconnect()
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _roll_back(self) -> None:
        """Leave a connection without a transaction, or none: never one in doubt."""
        try:
            if self._connection is not None:
                self._connection.rollback()
                if self._connection.invalidated:
                    self._disconnect()
        except Exception:  # noqa: BLE001 - whatever it is, the connection goes
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()
