"""What may be asked of those who solve, and how a job can end; one protocol for one machine and for many.

A job is bytes: the request as it was posted. Its ending is bytes: the answer, ready to send. Nothing in between is
parsed by the process that serves HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from models.plan import Termination


class Kind(StrEnum):
    """What to do with the body, and what the answer is."""

    PLAN = "plan"
    """PlanRequest -> Plan, whose `id` is the job's."""
    FRONTIER = "frontier"
    """FrontierRequest -> Frontier, whose `id` is the job's."""
    COMPARE = "compare"
    """CompareRequest -> Comparison, whose `id` is the job's."""
    EVALUATE = "evaluate"
    """EvaluateRequest -> Evaluation."""
    VALIDATE = "validate"
    """PlanRequest -> RequestSummary."""
    CHECK_PLAN = "check_plan"
    """PlanRequest -> Checked."""
    CHECK_FRONTIER = "check_frontier"
    """FrontierRequest -> Checked."""
    CHECK_COMPARE = "check_compare"
    """CompareRequest -> Checked."""
    PROFILE = "profile"
    """ProfileRequest -> Profile."""
    EXPORT = "export"
    """ExportRequest -> Export."""
    EXPORT_KEPT = "export_kept"
    """ExportRequest, its plan whatever was answered once, a frontier too -> Export."""
    READINESS = "readiness"
    """Nothing -> Readiness: every backend solves a tiny problem; each check says whether it works."""


SHORT_KINDS = frozenset(Kind) - {Kind.PLAN, Kind.FRONTIER, Kind.COMPARE, Kind.READINESS}
"""Milliseconds of work: done by clerks, slots of their own, and never behind a plan."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work."""

    id: str
    """Unique among the jobs in hand."""
    kind: Kind
    body: bytes
    """The raw request, JSON."""
    time_limit_s: float
    """What the request allows for solving; a job that overruns it by a margin is ended by force."""
    traceparent: str | None = None
    """W3C trace context of the request, for the worker's span."""
    known: dict[str, Any] | None = None
    """What an earlier attempt was known to have (`Ending.incumbent`): where this one starts."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling while a job is in hand."""

    name: Literal["started", "incumbent", "bound"]
    """started: a worker has the job; incumbent: a better plan; bound: the same plan, a better proof."""
    data: dict[str, Any]
    """Ready for JSON. `started`: queue_seconds. The others: seconds (since the search began), phase, objective, bound,
    gap (numbers or None; of the goal in hand, smaller is better); an incumbent also `stages`, if at hand: a list of
    {node, level, first_layer, stop_layer}. Of a frontier: seconds, points, open_share, latest, and of an incumbent
    `found`, the new points: a list of {latency_s, energy_j, stages}."""


class Outcome(StrEnum):
    """How a job ended."""

    ANSWERED = "answered"
    """`body` is the answer; its own status may be memory_limit, cancelled or worker_lost with the best plan known."""
    REFUSED = "refused"
    """The request breaks rules; `body` is `models.problem_details.ProblemDetails`: what a caller is to be told, as the
    API would tell it (400, 413 or 422), its `type` without the path at which the service is mounted."""
    FAILED = "failed"
    """A fault of ours; `message` is for the log, there is no body."""
    LOST = "lost"
    """The worker died, or the job was dropped while draining; nothing is known. May be run again."""
    MEMORY = "memory"
    """The job ran into its memory cap, and nothing is known. Running it again would end the same way."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a job."""

    outcome: Outcome
    body: bytes | None = None
    """JSON: the answer (ANSWERED), problem details (REFUSED), else None."""
    message: str = ""
    """What happened, for the log."""
    queue_seconds: float = 0.0
    """From `run` to a free slot."""
    solve_seconds: float = 0.0
    """From a free slot to the end."""
    incumbent: dict[str, Any] | None = None
    """What was told: the last incumbent with the best bound on it, as in `Event.data`; of a frontier {"found": all
    points}. For `salvage`."""


class Full(Exception):
    """No room: the queue is as long as it may get, or no new work is taken."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"no room; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s
        """When there is likely to be room: the queue's length times the recent solve time, by slots; at least 1."""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the slots for plans and frontiers are."""

    slots: int
    """Jobs that can be solved at once."""
    busy: int
    """Of these, how many are solving."""
    queued: int
    """Jobs that wait for a slot."""
    recent_solve_seconds: float
    """Mean of the recent solves, the latest counting most; an assumption before the first."""
    respawned: int = 0
    """Worker processes, clerks included, that were replaced since the start: they died or had to be killed."""


class Executor(Protocol):
    """Runs jobs. One event loop owns it; no method blocks that loop."""

    async def open(self) -> None:
        """Start the slots; returns once each can take a job."""
        ...

    async def close(self, grace_s: float) -> None:
        """Drain: take nothing new, end queued jobs as LOST with the message "draining", let running ones go on.

        What still runs after `grace_s` seconds is cancelled. Returns when no process is left.
        """
        ...

    def check_room(self, kind: Kind) -> None:
        """Raise `Full` when `run` would refuse a job of this kind right now."""
        ...

    async def run(self, job: Job, on_event: Callable[[Event], None]) -> Ending:
        """Queue the job, run it, answer its ending; call once per job. `on_event` is called on the event loop.

        Raises `Full` at once when there is no room. Cancelling the awaiting task cancels the job.
        """
        ...

    def cancel(self, job_id: str) -> bool:
        """End the job soon with the best it has: at once when queued, else cooperatively, by force after 200 ms.

        `run` then returns. False when no such job is in hand.
        """
        ...

    async def salvage(self, job: Job, incumbent: dict[str, Any] | None, termination: Termination) -> Ending:
        """The best answer to a plan or frontier that is not to be run (again), from what was streamed of it, if that.

        For jobs that ended LOST too often, and for those that a restart finds with no attempts left. The answer says
        feasible or no_plan_found, and the termination; nothing is searched. Takes milliseconds, and a clerk.
        """
        ...

    def load(self) -> Load:
        """For metrics, scaling and Retry-After."""
        ...
