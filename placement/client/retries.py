"""When a call is made again, and how long to wait before: pure rules; clock and chance come from the caller."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

REPEATED_STATUSES = frozenset({408, 429, 502, 503, 504})
"""Answers behind which the same call may succeed: nothing was done, or a gateway does not know what was."""
REPEATED_ERRORS = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)
"""Connections that broke, were refused or stayed silent. Other errors of the transport come again."""
_LONGEST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Retries:
    """How persistent the client is.

    The k-th failure in a row is followed by a pause of min(`longest_pause_s`, `first_pause_s` 2^(k-1)), of which a
    random half to whole is waited, so that callers who failed together do not come again together. A `Retry-After` is
    waited for instead, plus up to a tenth. A pause that would end behind the deadline is not begun.
    """

    deadline_s: float = 60.0
    """Longest time lost to failures in a row, in s; time that the service was asked to wait comes on top."""
    first_pause_s: float = 0.5
    longest_pause_s: float = 10.0

    def pause_s(self, failures: int, chance: float, retry_after_s: float | None = None) -> float:
        """Seconds to wait behind that many failures in a row; `chance` is uniform in 0..1."""
        if retry_after_s is not None and retry_after_s >= self.first_pause_s:
            return retry_after_s * (1 + 0.1 * chance)
        doublings = min(failures - 1, 30)
        return min(self.longest_pause_s, self.first_pause_s * 2.0**doublings) * (0.5 + 0.5 * chance)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one attempt may take, in s; never longer than what the deadline leaves."""

    connect_s: float = 5.0
    """For a connection (and for one of the pool to be free)."""
    read_s: float = 30.0
    """Longest silence of the service, beyond the wait that it was asked for."""
    poll_s: float = 20.0
    """Longest wait that the service is asked for in one exchange; proxies often end silent ones after 30 s."""
    stream_s: float = 45.0
    """Longest silence on a stream of events: three of the service's pings."""

    def of(self, silence_s: float, left_s: float) -> httpx.Timeout:
        """For an attempt whose service may be silent for so long, with so much time left."""
        left_s = max(left_s, 0.001)
        connect_s = min(self.connect_s, left_s)
        return httpx.Timeout(min(silence_s, left_s), connect=connect_s, pool=connect_s)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where time and chance come from; tests bring their own."""

    clock: Callable[[], float] = time.monotonic
    """Monotonic seconds."""
    now: Callable[[], datetime] = _now
    """For a `Retry-After` that is a date, in an answer without a `Date`."""
    chance: Callable[[], float] = random.random
    """Uniform in 0..1."""


def retry_after_s(headers: httpx.Headers, now: Callable[[], datetime]) -> float | None:
    """Seconds that `Retry-After` asks for, be it a number or a date (RFC 9110, 10.2.3); None if it says nothing.

    A date is read against the answer's own `Date`, so that clocks that differ do no harm.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text) if len(text) <= _LONGEST_DIGITS else None
    until = _moment(text)
    if until is None:
        return None
    return max(0.0, (until - (_moment(headers.get("date", "")) or now())).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
