"""How often each key may ask: the generic cell rate algorithm, which keeps one number per key."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 60
"""Limits are requests per minute; a key that was idle for a minute may use all of them at once."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one request was told."""

    granted: bool
    limit: int
    """Requests per window."""
    remaining: int
    """Requests that may follow at once."""
    reset_s: int
    """Until all of them may; for a refused request until one may."""

    def headers(self) -> list[tuple[bytes, bytes]]:
        """RateLimit fields as of the IETF's draft-ietf-httpapi-ratelimit-headers-10; Retry-After when refused."""
        fields = [
            (b"ratelimit-policy", b'"key";q=%d;w=%d' % (self.limit, WINDOW_S)),
            (b"ratelimit", b'"key";r=%d;t=%d' % (self.remaining, self.reset_s)),
        ]
        return fields if self.granted else [*fields, (b"retry-after", b"%d" % self.reset_s)]


class Rates:
    """Counts in memory: each API process grants the limit anew."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: dict[str, float] = {}
        """When each key will have its whole allowance again, if it asks no more."""

    def ask(self, key_id: str, limit: int) -> Allowance:
        """Take one request from the key's allowance, which refills evenly at `limit` per minute."""
        now = self._clock()
        one_s = WINDOW_S / limit
        owed_s = max(0.0, self._full_at.get(key_id, now) - now) + one_s
        if owed_s > WINDOW_S + 1e-9:
            return Allowance(granted=False, limit=limit, remaining=0, reset_s=math.ceil(owed_s - WINDOW_S))
        self._full_at[key_id] = now + owed_s
        remaining = int((WINDOW_S - owed_s) / one_s + 1e-6)
        return Allowance(granted=True, limit=limit, remaining=remaining, reset_s=math.ceil(owed_s))
