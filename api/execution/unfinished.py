"""What a clerk answers for a job whose worker was ended by force: what the worker was known to have, and why it ended.

Each function is a `Work` and named as the job's kind; `details` of its order are {"termination": ..., "known": ...}.
"""

from __future__ import annotations

from api.execution.assignment import Assignment
from api.execution.telling import points_of, progress_of
from api.execution.work import refusals, to_json
from api.requests import parse
from models import CompareRequest, FrontierRequest, PlanRequest
from models.frontier import FrontierTermination
from models.plan import Termination
from placement.comparing import unfinished_comparison
from placement.unfinished import unfinished_frontier, unfinished_plan


def plan(body: bytes, assignment: Assignment) -> bytes:
    """The best plan known."""
    order = assignment.order
    known = order.details["known"]
    with refusals(body):
        answer = unfinished_plan(
            parse(PlanRequest, body),
            None if known is None else progress_of(known),
            Termination(order.details["termination"]),
            threads=order.threads,
        )
    return to_json(answer.model_copy(update={"id": order.id}))


def frontier(body: bytes, assignment: Assignment) -> bytes:
    """The points known."""
    order = assignment.order
    with refusals(body):
        answer = unfinished_frontier(
            parse(FrontierRequest, body),
            points_of(order.details["known"]),
            FrontierTermination(order.details["termination"]),
            threads=order.threads,
        )
    return to_json(answer.model_copy(update={"id": order.id}))


def compare(body: bytes, assignment: Assignment) -> bytes:
    """The simple rules' plan of the request as it is."""
    order = assignment.order
    with refusals(body):
        answer = unfinished_comparison(
            parse(CompareRequest, body), Termination(order.details["termination"]), threads=order.threads
        )
    return to_json(answer.model_copy(update={"id": order.id}))
