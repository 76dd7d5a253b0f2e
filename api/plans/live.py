"""One plan in the hands of this process: from its acceptance until its end is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from api.execution.base import Event
from api.execution.known import Known
from api.plans.answers import Asked, without_plan
from api.problems import Problem
from api.store.rows import PlanRow, StoredEvent
from models.constraints import ObjectiveKind
from models.plan import Status

MOST_EVENTS = 5000
"""Events kept of one plan; further bounds and incumbents are left out, the end never is."""
_STATED_AS_IT_IS = frozenset({ObjectiveKind.LATENCY, ObjectiveKind.ENERGY})
"""Objectives whose goal is the figure itself; the others' figures on the way have no unit that a caller could use."""


@dataclass(frozen=True, slots=True)
class View:
    """A plan at one moment, wherever it is kept."""

    plan_id: str
    status: str
    """queued, running, how it ended; or refused or failed."""
    body: bytes
    """What to answer: the plan, or problem details where it was refused or failed."""
    finished: bool
    """Whether this is the last word."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a plan's life, numbered from 1."""

    seq: int
    name: str
    data: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class End:
    """How a plan ended: what to answer, and what of it is listed."""

    status: str
    body: bytes
    head: dict[str, Any]


@dataclass(eq=False, slots=True)
class Live:
    """A plan that this process looks after."""

    plan_id: str
    owner: str
    asked: Asked
    raw: bytes
    key: str | None = None
    """The Idempotency-Key it came with."""
    traceparent: str | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    attempts: int = 0
    """How often solving began."""
    noted_attempts: int = 0
    """How often the store knows that it began."""
    began_at: datetime | None = None
    """When solving began, last time."""
    promised: bool = False
    """Somebody knows the id, or may find it: the plan is solved though its first caller leaves."""
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nobody wants it any more."""
    status: str = Status.QUEUED
    end: End | None = None
    problem: Problem | None = None
    """Why it was not accepted after all."""
    instead: PlanRow | None = None
    """The plan that another process keeps under the same Idempotency-Key."""
    found: View | None = None
    """The answer that was known already."""
    fresh: bool = False
    """Known answers do not count."""
    events: list[Told] = field(default_factory=list)
    kept: int = 0
    """How many of the events are in the store, or on their way there."""
    accepted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is in the store, or will not get there."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there is nothing more to wait for: it has an end, was not accepted, or waits for the next start."""
    kept_end: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the end is durable, or given up."""
    _known: Known = field(default_factory=Known)
    _seq: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """Add an event, and wake whoever watches."""
        self._seq += 1
        self.events.append(Told(self._seq, name, json.dumps(data, separators=(",", ":"))))
        self._news.set()
        self._news = asyncio.Event()

    def recall(self, told: Sequence[StoredEvent]) -> None:
        """Go on behind the events that an earlier process told."""
        for event in told:
            self._seq = event.seq
            if event.name in ("incumbent", "bound"):
                self._known.learn(json.loads(event.data))

    @property
    def known(self) -> dict[str, Any] | None:
        """What was told by all attempts (`Ending.incumbent`)."""
        return self._known.data

    def heard(self, event: Event) -> None:
        """Take an event of the one who solves, and tell what is new in it: an attempt may repeat an earlier one."""
        if event.name == "started":
            self.status = Status.RUNNING
            self.tell(event.name, event.data)
        elif (news := self._known.learn(event.data)) is not None and len(self.events) < MOST_EVENTS:
            self.tell(news.name, news.data)

    def unkept(self) -> list[tuple[int, str, str]]:
        """Events that the store does not have; they count as kept from now on."""
        fresh = [(told.seq, told.name, told.data) for told in self.events[self.kept :]]
        self.kept = len(self.events)
        return fresh

    def remembers(self, seq: int) -> bool:
        """Whether all events behind a number are here: those that an earlier process told are not."""
        return not self.events or self.events[0].seq <= seq + 1

    def behind(self, seq: int) -> Iterator[Told]:
        """Events that follow a number."""
        return (told for told in self.events if told.seq > seq)

    def news(self) -> asyncio.Event:
        """Set at the next event."""
        return self._news

    @property
    def settled_otherwise(self) -> bool:
        """It was not accepted, as it cannot be kept or need not be solved."""
        return self.problem is not None or self.instead is not None or self.found is not None

    def close_streams(self) -> None:
        """Wake whoever watches, without an event."""
        self._news.set()

    def view(self) -> View:
        """The plan as it is now; while it is being solved, with what is known so far."""
        if self.end is not None:
            return View(self.plan_id, self.end.status, self.end.body, finished=True)
        said: dict[str, Any] = {}
        known = self.known
        if known is not None and self.asked.objective in _STATED_AS_IT_IS:
            said = {name: known.get(name) for name in ("objective", "bound", "gap")}
        body = without_plan(self.asked, self.plan_id, Status(self.status), **said)
        return View(self.plan_id, self.status, body, finished=False)
