"""From the way a job ended to the way its plan ends."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from api.execution.base import Ending, Outcome
from api.observability.logs import REQUEST_ID
from api.plans.answers import head_of, renewed_with_head, without_plan
from api.plans.live import End, Live
from api.problems import Problem, ProblemType
from api.store.rows import PlanRow, Result
from models.plan import Status, Termination

log = logging.getLogger("placement.api")

REFUSED = "refused"
"""Status of a plan whose request was found to break rules only while it was solved."""
FAILED = "failed"
"""Status of a plan that a fault of ours kept from being solved."""
_NOT_TOLD = frozenset({"id", "status", "cached"})
_PROVEN = frozenset({Status.OPTIMAL, Status.INFEASIBLE})


def end_of(live: Live, ending: Ending) -> End:
    """What the plan's callers are told."""
    seconds = {"queue_seconds": round(ending.queue_seconds, 6), "solve_seconds": round(ending.solve_seconds, 6)}
    match ending.outcome:
        case Outcome.ANSWERED if ending.body is not None:
            body, head = renewed_with_head(live.asked.kind, ending.body, **seconds)
            return End(head["status"], body, head)
        case Outcome.REFUSED if ending.body is not None:
            return End(REFUSED, ending.body, {})
        case Outcome.LOST if live.cancelled.is_set():
            return lost(live, Termination.CANCELLED, **seconds)
        case Outcome.LOST:
            log.error("plan %s: its solver was lost: %s", live.plan_id, ending.message)
            return lost(live, Termination.WORKER_LOST, **seconds)
        case Outcome.MEMORY:
            return lost(live, Termination.MEMORY_LIMIT, **seconds)
        case _:
            return failed(live, ending.message)


def answered(live: Live, body: bytes) -> End:
    """The end of a plan with this answer."""
    head = head_of(live.asked.kind, body)
    return End(head["status"], body, head)


def lost(live: Live, termination: Termination, **said: float) -> End:
    """The end of a plan of which nothing is known."""
    return answered(live, without_plan(live.asked, live.plan_id, Status.NO_PLAN_FOUND, termination=termination, **said))


def failed(live: Live, message: str) -> End:
    """The end of a plan that a fault of ours kept from being solved; the cause is for the log alone."""
    request_id = REQUEST_ID.get()
    log.error("plan %s of request %s failed: %s", live.plan_id, request_id, message)
    which = f"plan {live.plan_id}" + (f" of request {request_id}" if request_id else "")
    problem = Problem(ProblemType.INTERNAL_ERROR, f"{which} failed; the log of the service says why")
    return End(FAILED, problem.details().model_dump_json().encode(), {})


def result_of(live: Live, end: End) -> Result:
    """What the store keeps of an end."""
    return Result(
        status=end.status,
        answer=end.body,
        started_at=live.began_at,
        proven=is_proven(end),
        objective=live.asked.objective,
        value=end.head.get("objective"),
        bound=end.head.get("bound"),
        gap=end.head.get("gap"),
        termination=end.head.get("termination"),
    )


def row_of(live: Live, end: End | None = None) -> PlanRow:
    """What the store keeps of a plan when it is accepted; with an end: of one that ends as it is accepted."""
    row = PlanRow(
        id=live.plan_id,
        owner=live.owner,
        kind=live.asked.kind,
        status=live.status,
        created_at=live.created_at,
        content_key=live.asked.content_key,
        request_hash=live.asked.content_key,
        time_limit_s=live.asked.time_limit_s,
        request=live.raw,
        idempotency_key=live.key,
        name=live.asked.name,
        objective=live.asked.objective,
    )
    if end is None:
        return row
    result = result_of(live, end)
    return replace(
        row,
        status=end.status,
        answer=end.body,
        ended_at=live.created_at,
        value=result.value,
        bound=result.bound,
        gap=result.gap,
        termination=result.termination,
    )


def told(end: End) -> dict[str, Any]:
    """What the last event says: how it ended, without the plan."""
    return {"status": end.status} | {name: value for name, value in end.head.items() if name not in _NOT_TOLD}


def is_proven(end: End) -> bool:
    """Whether the answer holds for every request of the same content."""
    return end.status in _PROVEN
