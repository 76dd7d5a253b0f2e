"""All API keys in memory, read from the store again every few seconds: no request waits for a query of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

import anyio

from api.security.keys import id_in, opens
from api.store.errors import StoreUnavailable
from api.store.keys import KeyRow

log = logging.getLogger("placement.security")

FRESH_S = 3.0
"""A revoked key opens nothing after this time, in seconds."""
EAGER_S = 0.5
"""An unknown key has the keys read again when they are older than this: a new key works at once."""
OUTAGE_S = 60.0
"""While the store does not answer, what was last read stays valid for this long."""


class KeysUnknown(Exception):
    """The store does not answer, and what was last read from it is too old to trust."""


class Keyring:
    """One event loop owns it."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Sequence[KeyRow]]],
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._read = read
        self._clock = clock
        self._now = now
        self._reading = anyio.Lock()
        self._keys: Mapping[str, KeyRow] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")

    async def any_created(self) -> bool:
        """Whether a key was ever created; revoked and expired ones count. Raises `KeysUnknown`."""
        await self._refresh(FRESH_S)
        return bool(self._keys)

    async def key_of(self, text: str) -> KeyRow | None:
        """The key that was shown, if it is one that opens. Raises `KeysUnknown`."""
        key_id = id_in(text)
        if key_id is None:
            return None
        await self._refresh(FRESH_S)
        if key_id not in self._keys:
            await self._refresh(EAGER_S)
        key = self._keys.get(key_id)
        return key if key is not None and opens(key, text, self._now()) else None

    async def _refresh(self, oldest_s: float) -> None:
        """Read the keys unless they were read within `oldest_s`; a store that fails is not asked again at once."""
        if self._clock() - self._tried_at >= oldest_s:
            async with self._reading:
                began = self._clock()
                if began - self._tried_at >= oldest_s:
                    await self._read_again(began)
        if self._clock() - self._read_at > OUTAGE_S:
            raise KeysUnknown

    async def _read_again(self, began: float) -> None:
        try:
            keys = await self._read()
        except StoreUnavailable as unavailable:
            log.warning("the API keys cannot be read: %s", unavailable)
        except Exception:  # whatever else is raised, the answer is the same: go on with what is known, for a while
            log.exception("the API keys cannot be read")
        else:
            self._keys = {key.id: key for key in keys}
            self._read_at = began
        self._tried_at = self._clock()
