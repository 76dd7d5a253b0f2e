"""What the store keeps of a plan, as others see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

QUEUED = "queued"
RUNNING = "running"


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One piece of work that was accepted. Times are aware, in UTC.

    Bodies are loaded where a method says so; elsewhere `request` is empty and `answer` is None.
    """

    id: str
    """From `new_plan_id`: sorts by time of creation."""
    owner: str
    """Who may see it; "" without keys."""
    kind: str
    status: str
    """queued, running, or how it ended: any other word, which the store only keeps and filters by."""
    created_at: datetime
    content_key: str
    """Hash of the canonical problem and settings: equal for questions that have the same answer."""
    request_hash: str
    """Hash of what was posted: tells a repetition under an Idempotency-Key from another request."""
    time_limit_s: float
    request: bytes = b""
    """The body as posted."""
    answer: bytes | None = None
    """The body to answer, once ended."""
    idempotency_key: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0
    """How often solving began."""
    cancel_requested: bool = False
    instance: str | None = None
    """The API process that looks after it (set by the store); None: whoever takes it from a shared queue."""
    proven: bool = False
    """Whether the answer is proven, so that it answers equal questions too."""
    name: str | None = None
    """The caller's name for it."""
    objective: str | None = None
    """Which objective; with the next four what lists show without opening the answer."""
    value: float | None = None
    bound: float | None = None
    gap: float | None = None
    termination: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.ended_at is not None


@dataclass(frozen=True, slots=True)
class Inserted:
    """What an insertion came to."""

    row: PlanRow
    """The row now kept under this id or Idempotency-Key, with its answer if it has one."""
    created: bool
    """False: the key was taken; compare `row.request_hash` to tell a repetition from a misuse of the key."""
    proven: bool = False
    """Nothing was inserted, as `row` answers the same question, proven."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a plan ended."""

    status: str
    answer: bytes | None
    proven: bool = False
    objective: str | None = None
    value: float | None = None
    bound: float | None = None
    gap: float | None = None
    termination: str | None = None
    started_at: datetime | None = None
    """When solving began, last time; None: as noted by `start`, if it was."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event of a plan's life."""

    seq: int
    """From 1, rising; the Last-Event-ID of a stream."""
    name: str
    data: str
    """JSON."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Filters:
    """Which plans to list; an absent or empty filter lets all pass."""

    status: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    name: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some plans, newest first, without bodies."""

    rows: tuple[PlanRow, ...]
    next_cursor: str | None
    """For the page behind this one; None on the last."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept of plans that ended."""

    age_s: float
    """Longest time since the end, in s."""
    count: int
    """Most plans of one owner."""
    tombstones: int = field(default=100_000)
    """Most expired ids that still answer "gone"; older ones become unknown."""
