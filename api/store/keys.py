"""API keys: what is kept of them. What a key looks like, and when it opens, is for others to know."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from api.store.database import Database
from api.store.tables import api_keys

_INSERT = insert(api_keys)
_ALL = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
_REVOKE = (
    update(api_keys)
    .where(api_keys.c.id == bindparam("key"), api_keys.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One API key without its secret. Times are aware, in UTC."""

    id: str
    owner: str
    """Whose plans it sees; several keys may be one owner's (a new key beside the old one while clients change over)."""
    label: str
    """What people call it."""
    key_hash: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    rate_per_minute: int | None = None
    """None: the service's default."""


class KeyStore:
    """The API keys in a database. Any method may raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(self, key: KeyRow) -> None:
        """Keep a new key."""
        values = asdict(key)
        await self._database.write(lambda connection: connection.execute(_INSERT, values).close())

    async def all(self) -> list[KeyRow]:
        """Every key ever made, the oldest first: revoked and expired ones too."""
        return await self._database.read(_all)

    async def revoke(self, key_id: str) -> bool:
        """The key opens nothing from now on. False: there is none of this id, or it was revoked before."""
        values = {"key": key_id, "now": datetime.now(UTC)}
        return await self._database.write(lambda connection: connection.execute(_REVOKE, values).rowcount == 1)


def _all(connection: Connection) -> list[KeyRow]:
    return [KeyRow(**found) for found in connection.execute(_ALL).mappings()]
