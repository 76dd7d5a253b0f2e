"""Answers that only the transport knows, beside those that its callers read too (`models.service`)."""

from __future__ import annotations

from models.base import DomainType
from models.service import (
    BackendCheck,
    Limits,
    LinkCatalogue,
    Liveness,
    ModelCatalogue,
    NodeCatalogue,
    PlanEntry,
    PlanList,
    PlanState,
    Readiness,
    RequestSummary,
)

__all__ = [
    "BackendCheck",
    "Checked",
    "ExampleEntry",
    "ExampleList",
    "Limits",
    "LinkCatalogue",
    "Liveness",
    "ModelCatalogue",
    "NodeCatalogue",
    "PlanEntry",
    "PlanList",
    "PlanState",
    "ProblemList",
    "ProblemPage",
    "Readiness",
    "RequestSummary",
]


class Checked(RequestSummary):
    """What a sound request for a plan, frontier or comparison asks for; for the service itself."""

    name: str | None
    """What the plan is listed by; `model` is never null, as it may be derived."""
    epsilon: float = 0.0
    """How finely a frontier is wanted."""


class ExampleEntry(DomainType):
    """One worked request."""

    name: str
    title: str
    description: str
    href: str
    """Where the request itself is; POST it to /plan as it is."""


class ExampleList(DomainType):
    """GET /examples: requests that are answered with status optimal."""

    examples: tuple[ExampleEntry, ...]


class ProblemPage(DomainType):
    """GET /problems/{slug}: one problem type explained."""

    type: str
    title: str
    status: int
    """HTTP status it is answered with."""
    meaning: str
    remedy: str
    """What a caller can do about it."""


class ProblemList(DomainType):
    """GET /problems: all problem types."""

    problems: tuple[ProblemPage, ...]
