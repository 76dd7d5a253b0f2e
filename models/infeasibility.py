"""What a placement breaks, why no plan exists, and what would have to be relaxed for one."""

from __future__ import annotations

from models.base import DomainType
from models.patch import Patch


class Violation(DomainType):
    """A limit that a placement breaks."""

    constraint: str
    message: str
    required: float | None = None
    """What the placement needs."""
    available: float | None = None
    """What the limit allows."""
    nodes: tuple[str, ...] = ()
    stages: tuple[int, ...] = ()


class Relaxation(DomainType):
    """The smallest change of one kind that makes a plan exist, everything else kept; verified by solving."""

    constraint: str
    subject: str | None = None
    """The node or entry that is relaxed; null: there is only one, or all of the kind are."""
    message: str
    required: float | None = None
    """What is needed; null where the rule is dropped."""
    available: float | None = None
    not_enough: float | None = None
    """The largest change proven not to do, as a value of the limit; null: none is proven."""
    verified: bool
    """True when a plan was found under it."""
    smallest: bool = False
    """Proven: one percent less of the change does not do."""
    patch: Patch = ()
    """The change, as a JSON Patch of the request as it was posted."""


class Combination(DomainType):
    """Relaxations of several kinds that make a plan exist together, where no single one does."""

    parts: tuple[Relaxation, ...]
    """None of them can be left out, or be made smaller on its own."""
    message: str
    patch: Patch = ()
    """All of them."""


class Conflict(DomainType):
    """Constraints that no plan keeps together."""

    constraints: tuple[Violation, ...]
    """Each with what it would have to allow (`required`) if all the others here are kept, and what it allows."""
    irreducible: bool
    """Proven: without any one of them a plan keeps the others."""
    message: str


class Infeasibility(DomainType):
    """Why no plan exists."""

    reasons: tuple[Violation, ...]
    conflict: Conflict | None = None
    """One set of constraints that exclude each other; there may be more."""
    relaxations: tuple[Relaxation, ...] = ()
    combinations: tuple[Combination, ...] = ()
    """Where no single relaxation was found; the least change first."""


class Attempt(DomainType):
    """What was tried where no plan was found in time; whether one exists is not known."""

    message: str
    phases: dict[str, float]
    """Seconds spent, by phase."""
    bound: float | None = None
    """Proven: no plan has a better objective."""
    nearest: Combination | None = None
    """The least that would have to be relaxed for the nearest of the placements tried to be a plan; verified."""
