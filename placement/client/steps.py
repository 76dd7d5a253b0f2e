"""What the client's operations are made of: steps of I/O, decided here, taken by a shell that blocks or awaits.

An operation is a generator. It yields a step, is sent what came of it (or has the transport's error thrown in), and
returns its result. So the order of requests, the retries and the waiting are written once, and tested without a
network or a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

import httpx

T = TypeVar("T")
E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the service."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    waits_s: float = 0.0
    """How long the service was asked to wait before it answers."""
    repeatable: bool = True
    """Whether sending it twice does no more than sending it once, and is worth it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, read to its end (of a stream that was opened: its head)."""

    status: int
    headers: httpx.Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Send:
    """Make the call and read the whole reply, within `left_s`. Sent back: the `Reply`."""

    call: Call
    left_s: float
    timeout: httpx.Timeout

    def options(self) -> dict[str, Any]:
        """What httpx's `stream` is called with."""
        call = self.call
        return {
            "method": call.method,
            "url": call.path,
            "headers": dict(call.headers),
            "params": list(call.params) or None,
            "content": call.body,
            "timeout": self.timeout,
        }

    def still_trickling(self) -> httpx.ReadTimeout:
        """The error of a reply that was not complete in time, though it never stood still."""
        return httpx.ReadTimeout(f"the answer was not complete after {self.left_s:.1f} s")


@dataclass(frozen=True, slots=True)
class Open(Send):
    """Make the call; of a 200 read the head only, and keep it open for `NextLine`. Sent back: the `Reply`."""


@dataclass(frozen=True, slots=True)
class NextLine:
    """Read a line of what is open. Sent back: the line without its end; None behind the last one."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Tell(Generic[E]):
    """Hand a value to the caller, who iterates."""

    value: E


Step = Send | Open | NextLine | Pause
Outcome = Reply | str | None
Steps = Generator[Step, Outcome, T]
"""An operation that returns a T."""
Telling = Generator[Step | Tell[E], Outcome, None]
"""An operation that tells its caller E after E."""


def sent(step: Send) -> Steps[Reply]:
    """The reply to a call."""
    reply = yield step
    assert isinstance(reply, Reply), "shells answer calls with replies"
    return reply


def next_line() -> Steps[str | None]:
    """The next line of the open stream."""
    line = yield NextLine()
    assert not isinstance(line, Reply), "shells answer NextLine with text"
    return line


class Run(Generic[E, T]):
    """An operation under way: the step to take next, and the result once there is none."""

    def __init__(self, steps: Generator[Step | Tell[E], Outcome, T]) -> None:
        self._steps = steps
        self._result: T | None = None
        self.step: Step | Tell[E] | None = None
        self._advance(steps.send, None)

    @property
    def result(self) -> T:
        """What the operation returned; there once `step` is None."""
        return cast("T", self._result)

    def feed(self, outcome: Outcome) -> None:
        """Go on with what came of the step."""
        self._advance(self._steps.send, outcome)

    def fail(self, error: httpx.RequestError) -> None:
        """Go on with the error of the step."""
        self._advance(self._steps.throw, error)

    def _advance(self, move: Callable[[Any], Step | Tell[E]], value: object) -> None:
        try:
            self.step = move(value)
        except StopIteration as end:
            self.step, self._result = None, end.value
