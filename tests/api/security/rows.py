"""Keys as the store would answer them, and a source of keys that can fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.security.keys import mint
from api.store.keys import KeyRow

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def key(owner: str = "alice", **row: object) -> tuple[str, KeyRow]:
    """A new key: its text, and what is stored of it."""
    minted = mint()
    return minted.text, KeyRow(minted.id, owner, "", minted.key_hash, NOW - timedelta(days=2), **row)


def expired(owner: str = "alice") -> tuple[str, KeyRow]:
    return key(owner, expires_at=NOW - timedelta(seconds=1))


def revoked(owner: str = "alice") -> tuple[str, KeyRow]:
    return key(owner, revoked_at=NOW - timedelta(days=1))


class Store:
    """Answers these rows, counts how often it is asked, and fails when told to."""

    def __init__(self, *rows: KeyRow) -> None:
        self.rows = list(rows)
        self.reads = 0
        self.broken = False

    async def read(self) -> list[KeyRow]:
        self.reads += 1
        if self.broken:
            raise ConnectionError("database gone")
        return list(self.rows)


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
