"""Query parameters of GET /plans: which plans, and which page of them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import AwareDatetime, BeforeValidator, Field, ValidationError
from pydantic.json_schema import WithJsonSchema

from api.execution.base import Kind
from api.problems import Problem, ProblemType
from api.store.rows import Filters
from api.wire import PlanState
from models.base import DomainType
from models.problem_details import Violation
from models.violations import violations_of

DEFAULT_PAGE = 50
LARGEST_PAGE = 500
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*")
_MANY = frozenset({"status", "kind"})
"""Parameters that may be given several times."""


def _rfc3339(given: object) -> object:
    """A time stamp as text: numbers, which pydantic takes for seconds since 1970, are none."""
    if isinstance(given, str) and not _MOMENT.fullmatch(given):
        raise ValueError("must be a moment such as 2026-11-23T09:30:00Z")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339), WithJsonSchema({"type": "string", "format": "date-time"})]
Kept = Annotated[
    Literal[Kind.PLAN, Kind.FRONTIER, Kind.COMPARE],
    WithJsonSchema({"type": "string", "enum": [Kind.PLAN, Kind.FRONTIER, Kind.COMPARE]}),
]


class PlanQuery(DomainType):
    """Which plans, and which page of them."""

    status: Annotated[tuple[PlanState, ...], Field(max_length=32)] = ()
    """Only plans in one of these states."""
    kind: Annotated[tuple[Kept, ...], Field(max_length=32)] = ()
    """Only plans, only frontiers, or only comparisons."""
    name: Annotated[str, Field(max_length=200)] | None = None
    """Only plans for the model of this name (`model.name`, else `model.catalogue`)."""
    created_after: Moment | None = None
    """Only plans accepted at this moment or later (RFC 3339, with time zone)."""
    created_before: Moment | None = None
    """Only plans accepted before this moment."""
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = DEFAULT_PAGE
    """Plans on one page."""
    cursor: Annotated[str, Field(max_length=200)] | None = None
    """Where the page begins, as in `next` of the page before."""

    @property
    def filters(self) -> Filters:
        """As the store wants them."""
        return Filters(
            status=tuple(self.status),
            kind=tuple(self.kind),
            name=self.name,
            created_from=self.created_after,
            created_before=self.created_before,
        )


def query_of(request: Request) -> PlanQuery:
    """The parameters of a request; raises `Problem` for unknown, repeated and malformed ones."""
    given: dict[str, Any] = {}
    repeated = []
    for name, value in request.query_params.multi_items():
        if name in _MANY:
            given[name] = (*given.get(name, ()), *value.split(","))
        elif name in given:
            repeated.append(name)
        else:
            given[name] = value
    if repeated:
        names = sorted(set(repeated))
        raise _refused([Violation(pointer="", code="repeated", message=f"{name}: may be given once") for name in names])
    try:
        return PlanQuery.model_validate(given)
    except ValidationError as error:
        raise _refused([_of_parameter(violation) for violation in violations_of(error, given)]) from None


def _of_parameter(violation: Violation) -> Violation:
    name = violation.pointer.split("/")[1] if violation.pointer else "query"
    return violation.model_copy(update={"pointer": "", "message": f"{name}: {violation.message}"})


def _refused(violations: list[Violation]) -> Problem:
    return Problem(ProblemType.INVALID_PARAMETER, "query parameters cannot be used", violations)
