"""Answers that only the transport knows; the others are domain types."""

from __future__ import annotations

from typing import Literal

from models.base import DomainType
from models.catalogue import DeviceEntry, LinkEntry, TransformerEntry
from models.constraints import Backend, SolverSettings


class RequestSummary(DomainType):
    """POST /plan:validate: what a sound request asks for."""

    valid: Literal[True] = True
    model: str
    """Name of the model to be placed."""
    layers: int
    """Layers that will be placed, derived ones counted."""
    weight_bytes: float
    """Weights of all layers, in bytes."""
    nodes: int
    links: int
    """Directed links, both directions of a bidirectional one counted."""
    workload: str
    objective: str
    solver: SolverSettings
    """Who will solve and when to stop, defaults filled in."""
    sha256: str
    """Of the request as it was understood, in hex: two ways of writing the same request share it."""
    notes: tuple[str, ...] = ()
    """Assumptions behind derived layers."""


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


class Liveness(DomainType):
    """GET /healthz: the process answers."""

    status: Literal["alive"] = "alive"


class BackendCheck(DomainType):
    """One solver, tried on a tiny problem whose optimum is known."""

    backend: Backend
    works: bool
    problem: str | None = None
    """What went wrong, if it does not work."""


class Readiness(DomainType):
    """GET /readyz: every solver gave the right answer."""

    status: Literal["ready"] = "ready"
    backends: tuple[BackendCheck, ...]


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


class ModelCatalogue(DomainType):
    """GET /catalogue/models."""

    models: tuple[TransformerEntry, ...]


class NodeCatalogue(DomainType):
    """GET /catalogue/nodes."""

    nodes: tuple[DeviceEntry, ...]


class LinkCatalogue(DomainType):
    """GET /catalogue/links."""

    links: tuple[LinkEntry, ...]
