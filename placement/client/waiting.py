"""Until a plan has ended: long polls, each asking only for what has changed, through restarts of the service."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic
from urllib.parse import quote

from placement.client.bodies import A, Handle, read
from placement.client.errors import NotFinished, TryLater
from placement.client.exchanges import Exchanges
from placement.client.steps import Call, Pause, Reply, Steps

_EARLY_S = 0.5
"""A poll that ends so much before its time was cut short: the service is being stopped."""
_APPLIED = re.compile(r"\bwait=(\d{1,9})\b")


@dataclass(frozen=True, slots=True)
class Seen(Generic[A]):
    """A plan as an exchange showed it."""

    reply: Reply
    answer: A

    @property
    def ended(self) -> bool:
        """Whether this is the last word."""
        return self.reply.status == 200

    @property
    def etag(self) -> str | None:
        """What an unchanged plan is known by."""
        etag: str | None = self.reply.headers.get("etag")
        return etag


def path_of(plan_id: str) -> str:
    """Where a plan is."""
    return f"/plans/{quote(plan_id, safe='')}"


class Waiting:
    """Waits for plans."""

    def __init__(self, exchanges: Exchanges, poll_s: float, clock: Callable[[], float]) -> None:
        self._exchanges = exchanges
        self._poll_s = poll_s
        self._clock = clock

    def until(self, wait_s: float | None) -> float | None:
        """The moment at which so long a wait is over; None: never."""
        return None if wait_s is None else self._clock() + wait_s

    def whole_seconds(self, until_s: float | None) -> int:
        """How long the service may be asked to wait."""
        return int(min(self._poll_s, max(0.0, self._left_s(until_s))))

    def ended(self, handle: Handle[A], until_s: float | None, seen: Seen[A] | None = None) -> Steps[A]:
        """The plan once it has ended; raises `NotFinished` at `until_s`."""
        early = 0
        while seen is None or not seen.ended:
            if self._left_s(until_s) <= 0:
                raise _not_finished(handle, seen)
            began_s, asked_s = self._clock(), self.whole_seconds(until_s)
            seen, waited_s = yield from self._polled(handle, seen, asked_s, until_s)
            cut_short = asked_s == 0 or self._clock() - began_s < waited_s - _EARLY_S
            early = early + 1 if cut_short else 0
            if early and not seen.ended:
                yield Pause(max(0.0, min(self._exchanges.pause_s(early), self._left_s(until_s))))
        return seen.answer

    def _polled(
        self, handle: Handle[A], seen: Seen[A] | None, asked_s: int, until_s: float | None
    ) -> Steps[tuple[Seen[A], float]]:
        """The plan after one poll, and how long the service was willing to wait."""
        headers = {"Prefer": f"wait={asked_s}"}
        if seen is not None and seen.etag:
            headers["If-None-Match"] = seen.etag
        call = Call("GET", path_of(handle.id), headers, waits_s=asked_s)
        try:
            reply = yield from self._exchanges.reply(call, until_s)
        except TryLater as error:
            if self._left_s(until_s) < self._exchanges.retries.longest_pause_s:
                raise _not_finished(handle, seen) from error
            raise
        applied = _APPLIED.search(reply.headers.get("preference-applied", ""))
        willing_s = float(applied[1]) if applied is not None else asked_s
        if reply.status == 304 and seen is not None:
            return seen, willing_s
        return Seen(reply, read(handle.answers, reply)), willing_s

    def _left_s(self, until_s: float | None) -> float:
        return math.inf if until_s is None else until_s - self._clock()


def _not_finished(handle: Handle[A], seen: Seen[A] | None) -> NotFinished:
    message = f"plan {handle.id} has not ended in time; it goes on"
    return NotFinished(message, handle.id, seen.answer if seen is not None else None)
