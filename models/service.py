"""What the service answers beside plans: lists of them, summaries of requests, limits, probes, the catalogue.

Here and not in the service's own room, as the client reads what the service writes.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
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


class PlanState(StrEnum):
    """Where a plan stands: on its way, how it ended, or why it has no answer."""

    QUEUED = "queued"
    RUNNING = "running"
    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    NO_PLAN_FOUND = "no_plan_found"
    REFUSED = "refused"
    """The request was found to break rules only while it was solved; GET /plans/{id} answers 422."""
    FAILED = "failed"
    """A fault of the service; GET /plans/{id} answers 500."""


class PlanEntry(DomainType):
    """One plan in a list: what is known of it without its answer."""

    id: str
    href: str
    """Where the plan is."""
    status: PlanState
    kind: Literal["plan", "frontier", "compare"]
    name: str | None = None
    """The model's."""
    created_at: datetime
    started_at: datetime | None = None
    """When a solver began, last time."""
    ended_at: datetime | None = None
    termination: str | None = None
    """Why the search ended."""
    objective_kind: str | None = None
    objective: float | None = None
    """Value of the objective: s, J, per s, or the weighted sum."""
    bound: float | None = None
    """Proven bound on the objective of any plan."""
    gap: float | None = None


class PlanList(DomainType):
    """GET /plans: newest first."""

    plans: tuple[PlanEntry, ...]
    next: str | None = None
    """The address of the next page; null on the last one."""


class Limits(DomainType):
    """GET /limits: every limit in force, as set by the operator or by design."""

    max_body_bytes: int
    """Longest request body; a longer one is answered 413."""
    body_timeout_s: float
    """Longest time for a body to arrive; a slower one is answered 408."""
    max_body_values: int
    """Most values in a body, an object counted as five; more are answered 413."""
    max_nesting: int
    """Deepest nesting of a body's lists and objects."""
    max_nodes: int
    max_links: int
    """Entries of `cluster.links`; a matrix holds more."""
    max_layers: int
    default_time_limit_s: float
    """`solver.time_limit_s` unless given."""
    max_time_limit_s: float
    """Largest `solver.time_limit_s`; a larger one is answered 422."""
    max_wait_s: float
    """Longest wait for a plan in one exchange; then the answer is 202."""
    solver_slots: int
    """Plans that are solved at the same time."""
    threads_per_solve: int
    solver_memory_bytes: int
    """Most memory of one solve; a plan that needs more ends with termination memory_limit."""
    queue_length: int
    """Plans that may wait for a slot; one more is answered 503."""
    max_attempts: int
    """How often a plan is begun before it is given up as worker_lost."""
    rate_limit_per_minute: int
    """Requests per minute of an API key that has no limit of its own."""
    retention_s: float
    """How long an ended plan is kept."""
    retention_count: int
    """How many ended plans of one owner are kept."""
    max_idempotency_key_chars: int
    default_page: int
    """Plans on one page of GET /plans unless asked for."""
    max_page: int
    ping_s: float
    """Longest silence on a stream of events."""


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


class ModelCatalogue(DomainType):
    """GET /catalogue/models."""

    models: tuple[TransformerEntry, ...]


class NodeCatalogue(DomainType):
    """GET /catalogue/nodes."""

    nodes: tuple[DeviceEntry, ...]


class LinkCatalogue(DomainType):
    """GET /catalogue/links."""

    links: tuple[LinkEntry, ...]
