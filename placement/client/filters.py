"""Which plans of a list, as query parameters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from placement.client.errors import InvalidRequest


class PlanFilters(TypedDict, total=False):
    """Keywords of `list_plans` and `iterate_plans`; what is not given does not filter."""

    status: str | Sequence[str]
    """queued, running, optimal, feasible, infeasible, no_plan_found, refused or failed."""
    kind: str | Sequence[str]
    """plan, frontier or compare."""
    name: str
    """The model's."""
    created_after: datetime
    """With a time zone: accepted at this moment or later."""
    created_before: datetime
    """With a time zone: accepted before this moment."""
    limit: int
    """Plans on one page."""


def params_of(filters: PlanFilters, cursor: str | None) -> tuple[tuple[str, str], ...]:
    """As the service reads them."""
    said = [(name, _written(name, value)) for name, value in filters.items()]
    return tuple(said if cursor is None else [*said, ("cursor", cursor)])


def _written(name: str, value: object) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidRequest(f"{name}: must have a time zone")
        return value.isoformat()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(value)
    return str(value)
