"""RFC 9457 problem details: how a caller is told what is wrong with a request."""

from __future__ import annotations

from typing import Any

from models.base import DomainType


class Violation(DomainType):
    """One fault in the input."""

    pointer: str
    """JSON pointer (RFC 6901) to the offending place in the body."""
    code: str
    """Stable name of the rule."""
    message: str
    actual: Any = None
    """The offending value where it is short, else null."""
    limit: Any = None
    """What would be accepted, where one value says it."""


class ProblemDetails(DomainType):
    """application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    violations: tuple[Violation, ...] = ()
    violations_omitted: int = 0
    """Violations found beyond those listed."""
