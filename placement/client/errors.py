"""What can go wrong, one type for each thing that a caller can do about it."""

from __future__ import annotations

from pydantic import ValidationError

from models.plan import Envelope
from models.problem_details import ProblemDetails, Violation
from placement.client.steps import Reply

_SHOWN_VIOLATIONS = 5


class PlacementError(Exception):
    """The base: everything that the client raises on purpose."""

    def __init__(self, message: str, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.status: int | None = reply.status if reply is not None else None
        """HTTP status; None where no answer came."""
        self.problem: ProblemDetails | None = problem_in(reply)
        """What the service says about it (RFC 9457)."""
        self.request_id: str | None = reply.headers.get("x-request-id") if reply is not None else None
        """The answer's X-Request-Id: the service's log has more under it."""


class InvalidRequest(PlacementError):
    """The request breaks rules: mend it. `violations` says where and how."""

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Every fault, with a JSON pointer into the body."""
        return self.problem.violations if self.problem is not None else ()


class KeyReused(InvalidRequest):
    """The Idempotency-Key stands for another request: use a new one."""


class Unauthorised(PlacementError):
    """No API key, an unknown one, or a name that the service does not answer to: mend the client's settings."""


class NotFound(PlacementError):
    """There is nothing of this id among the caller's own: look for it with `list_plans`."""


class Gone(NotFound):
    """The plan is no longer kept: ask for it anew."""


class TryLater(PlacementError):
    """The deadline for retries is over, or would be before it is worth trying again: come later."""

    def __init__(self, message: str, reply: Reply | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, reply)
        self.retry_after_s = retry_after_s
        """When, in s, if the service said so."""


class Overloaded(TryLater):
    """The queue is full or the key is used too often: ask less, or later."""


class Unavailable(TryLater):
    """The service cannot be reached, is being stopped, or its store is away: look after the service."""


class PlanFailed(PlacementError):
    """A fault of the service kept this plan from being solved: report it with `request_id`."""

    def __init__(self, message: str, reply: Reply | None = None, plan_id: str | None = None) -> None:
        super().__init__(message, reply)
        self.plan_id = plan_id


class NotFinished(PlacementError, TimeoutError):
    """The time to wait is over and the plan goes on: `wait` for it again, or `cancel` it."""

    def __init__(self, message: str, plan_id: str, plan: Envelope | None = None) -> None:
        super().__init__(message)
        self.plan_id = plan_id
        self.plan = plan
        """The plan as it was seen last, if it was."""

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.plan_id, self.plan)


class ServiceFault(PlacementError):
    """A fault of the service: report it with `request_id`."""


class UnexpectedAnswer(PlacementError):
    """The answer is none of this service, or of a release too far from this one: look at address and versions."""


_BY_STATUS: dict[int, type[PlacementError]] = {
    408: Unavailable,
    401: Unauthorised,
    403: Unauthorised,
    421: Unauthorised,
    404: NotFound,
    405: UnexpectedAnswer,
    410: Gone,
    429: Overloaded,
    500: ServiceFault,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
_BY_SLUG: dict[str, type[PlacementError]] = {"idempotency-key-reused": KeyReused, "busy": Overloaded}


def problem_in(reply: Reply | None) -> ProblemDetails | None:
    """The problem document of an answer, if it is one."""
    if reply is None or not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        return ProblemDetails.model_validate_json(reply.body, extra="ignore")
    except ValidationError:
        return None


def error_of(what: str, reply: Reply, retry_after_s: float | None = None) -> PlacementError:
    """The exception for an answer that is a problem; `what` is the call, as in `POST /plan`."""
    problem = problem_in(reply)
    slug = problem.type.rpartition("/")[2] if problem is not None else ""
    otherwise = InvalidRequest if problem is not None and 400 <= reply.status < 500 else UnexpectedAnswer
    kind = _BY_SLUG.get(slug) or _BY_STATUS.get(reply.status, otherwise)
    message = f"{what}: {_said(reply, problem)}"
    plan_id = reply.headers.get("content-location", "").rpartition("/plans/")[2]
    if kind is ServiceFault and plan_id:  # an answer that has a place is the end of a plan, not of the exchange
        return PlanFailed(message, reply, plan_id)
    if issubclass(kind, TryLater):
        return kind(message, reply, retry_after_s)
    return kind(message, reply)


def _said(reply: Reply, problem: ProblemDetails | None) -> str:
    if problem is None:
        return f"answered {reply.status} without a problem document"
    shown = [f"{fault.pointer}: {fault.message}".removeprefix(": ") for fault in problem.violations[:_SHOWN_VIOLATIONS]]
    more = len(problem.violations) + problem.violations_omitted - len(shown)
    return "; ".join([f"{problem.status} {problem.detail}", *shown, *([f"and {more} more"] if more else [])])
