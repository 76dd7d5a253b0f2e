"""One exchange with the service, made again where that helps: the rules of `retries`, applied."""

from __future__ import annotations

import logging
import math

import httpx

from placement.client.errors import PlacementError, Unavailable, error_of
from placement.client.retries import (
    REPEATED_ERRORS,
    REPEATED_STATUSES,
    Retries,
    Surroundings,
    Timeouts,
    retry_after_s,
)
from placement.client.steps import Call, Open, Pause, Reply, Send, Steps, sent

log = logging.getLogger("placement.client")
_FINE = frozenset({200, 202, 204, 304})


class Exchanges:
    """Makes calls until there is an answer, a reason to stop, or no time left."""

    def __init__(self, service: str, retries: Retries, timeouts: Timeouts, surroundings: Surroundings) -> None:
        self._service = service
        self.retries = retries
        self._timeouts = timeouts
        self._surroundings = surroundings

    def reply(self, call: Call, until_s: float | None = None) -> Steps[Reply]:
        """The answer, if it is one; raises `PlacementError`, at `until_s` of the clock at the latest."""
        return self._made(call, Send, self._timeouts.read_s + call.waits_s, until_s)

    def opened(self, call: Call) -> Steps[Reply]:
        """The head of an answer whose lines come one by one."""
        return self._made(call, Open, self._timeouts.stream_s, None)

    def pause_s(self, failures: int, at_least_s: float | None = None) -> float:
        """What to wait behind that many failures in a row."""
        return self.retries.pause_s(failures, self._surroundings.chance(), at_least_s)

    def _made(self, call: Call, step: type[Send], silence_s: float, until_s: float | None) -> Steps[Reply]:
        clock, latest = self._surroundings.clock, math.inf if until_s is None else until_s
        due = clock() + call.waits_s
        deadline = due + self.retries.deadline_s
        failures = 0
        while True:
            left_s = min(deadline + (call.waits_s if failures else 0.0), latest) - clock()
            outcome = yield from self._tried(step(call, left_s, self._timeouts.of(silence_s, left_s)))
            if isinstance(outcome, Reply):
                return outcome
            failures += 1
            if failures == 1:  # what the service did wait was not lost, what it did not is not granted
                deadline = min(due, clock()) + self.retries.deadline_s
            failure, asked_s = outcome
            pause_s = self.pause_s(failures, asked_s)
            if not call.repeatable or clock() + pause_s >= min(deadline, latest):
                raise failure
            log.info("%s; attempt %d in %.1f s", failure, failures + 1, pause_s)
            yield Pause(pause_s)

    def _tried(self, step: Send) -> Steps[Reply | tuple[PlacementError, float | None]]:
        """A reply that is an answer, or why it is worth another attempt and the pause that was asked for."""
        what = f"{step.call.method} {step.call.path}"
        try:
            reply = yield from sent(step)
        except httpx.RequestError as error:
            broken = Unavailable(f"{what}: no answer from {self._service}: {type(error).__name__}: {error}")
            broken.__cause__ = error
            if isinstance(error, REPEATED_ERRORS):
                return broken, None
            raise broken from error
        if reply.status in _FINE:
            return reply
        asked_s = retry_after_s(reply.headers, self._surroundings.now)
        failure = error_of(what, reply, asked_s)
        if reply.status in REPEATED_STATUSES:
            return failure, asked_s
        raise failure
