"""What a worker is told, and what it may say while at work."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Order:
    """A job as the service sends it to a worker, beside the body."""

    id: str
    work: str
    """The function that does it: "module:name", a `Work`."""
    time_limit_s: float
    threads: int
    """Threads that one solve may use."""
    traceparent: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """What this kind of work needs beside the body; ready for JSON."""

    def to_json(self) -> bytes:
        """The order as bytes."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__}).encode()

    @classmethod
    def of_json(cls, raw: bytes) -> Order:
        """The order in `raw`."""
        return cls(**json.loads(raw))


@dataclass(frozen=True, slots=True)
class Assignment:
    """An order in hand."""

    order: Order
    cancelled: Callable[[], bool]
    """Whether the job is to end soon with what it has; remembers a cancellation that came before it was asked."""
    tell: Callable[[Callable[[], dict[str, Any]]], None]
    """Stream what is known now. The argument builds the data (see `Event.data`); of many calls within a twentieth of a
    second only the last is built and sent."""


class Refused(Exception):
    """The request breaks rules; `details` is what the caller is to be told (problem details, JSON)."""

    def __init__(self, details: bytes) -> None:
        super().__init__(details[:200])
        self.details = details


Work = Callable[[bytes, Assignment], bytes]
"""From a body to an answer, both JSON. Raises `Refused`; any other exception is a fault of ours."""
