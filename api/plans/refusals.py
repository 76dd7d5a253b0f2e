"""Problems that have to do with plans, each made in one place."""

from __future__ import annotations

from api.execution.base import Full
from api.problems import Problem, ProblemType
from models.problem_details import Violation

RETRY_S = 5
"""What Retry-After says where nothing better is known, in s."""
_RETRY = {"Retry-After": str(RETRY_S)}


def busy(full: Full) -> Problem:
    """No room in the queue."""
    return Problem(
        ProblemType.BUSY,
        "all solvers are at work and the queue is full",
        headers={"Retry-After": str(full.retry_after_s)},
    )


def lost() -> Problem:
    """Processes died while they worked on it."""
    return Problem(ProblemType.BUSY, "the processes that worked on the request were lost", headers=_RETRY)


def draining() -> Problem:
    """The service is being stopped."""
    return Problem(ProblemType.DRAINING, "the service is being stopped", headers=_RETRY)


def store_unavailable() -> Problem:
    """Nothing can be promised, as nothing can be kept."""
    return Problem(ProblemType.STORE_UNAVAILABLE, "the database of plans cannot be used just now", headers=_RETRY)


def not_found() -> Problem:
    """No plan of this owner has this id."""
    return Problem(ProblemType.PLAN_NOT_FOUND, "there is no plan of this id; GET /plans lists yours")


def gone() -> Problem:
    """The plan was removed by retention."""
    return Problem(ProblemType.PLAN_GONE, "the plan of this id is no longer kept")


def key_reused() -> Problem:
    """The key was used for another request."""
    return Problem(ProblemType.KEY_REUSED, "this Idempotency-Key was used for another request")


def bad_parameter(name: str, message: str, code: str, actual: object = None, limit: object = None) -> Problem:
    """A header or query parameter that cannot be used."""
    violation = Violation(pointer="", code=code, message=f"{name}: {message}", actual=actual, limit=limit)
    return Problem(ProblemType.INVALID_PARAMETER, f"{name} cannot be used", [violation])
