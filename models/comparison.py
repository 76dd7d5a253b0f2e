"""The same request under variants, side by side; and what keeping layers on the terminal costs."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator

from models.base import DomainType, Fault, pointer_to, refuse
from models.constraints import Metric, ObjectiveKind
from models.infeasibility import Infeasibility
from models.plan import Bottleneck, Envelope, SolverReport, Status, Termination
from models.request import PlanRequest
from models.stage_span import StageSpan
from models.units import LayerIndex
from models.variants import Variant, faults_within, shorthand_faults, varied

MOST_VARIANTS = 32


class PrivacySweep(DomainType):
    """Latency and energy by how many layers have to stay on the terminal."""

    head_layers: Annotated[tuple[LayerIndex, ...], Field(min_length=1, max_length=512)] | None = None
    """Counts to look at; default: from the request's own, or 1, to all layers, at most 33 of them, evenly spread."""
    tail_layers: Annotated[tuple[LayerIndex, ...], Field(min_length=1, max_length=8)] = (0, 1)
    """Likewise for the end: 0 is a plain split, 1 and more a U-shaped one."""


class CompareRequest(DomainType):
    """A request and its variants; `request.solver.time_limit_s` is for all of them together."""

    request: PlanRequest
    variants: Annotated[tuple[Variant, ...], Field(max_length=MOST_VARIANTS)] = ()
    privacy_sweep: PrivacySweep | None = None
    """Also answer what keeping layers on the terminal costs; {} for the defaults."""
    _requests: tuple[PlanRequest, ...] = PrivateAttr(())

    @property
    def variant_requests(self) -> tuple[PlanRequest, ...]:
        """The request under each variant."""
        return self._requests

    @model_validator(mode="wrap")
    @classmethod
    def _build(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        compared = handler(given)
        if not compared.variants and compared.privacy_sweep is None:
            refuse([Fault("/variants", "missing", "give variants, privacy_sweep, or both")])
        body = given.get("request") if isinstance(given, dict) else None
        if not isinstance(body, dict):
            body = compared.request.model_dump(mode="json", exclude_unset=True)
        faults, requests, seen = [], [], {""}
        for index, variant in enumerate(compared.variants):
            here = pointer_to("variants", index)
            if variant.name in seen:
                faults.append(Fault(f"{here}/name", "duplicate", f"variant {variant.name}: given twice", variant.name))
            seen.add(variant.name)
            found = list(shorthand_faults(compared.request, variant, here))
            if found:
                faults += found
                continue
            changed = varied(body, variant)
            try:
                requests.append(PlanRequest.model_validate(changed))
            except ValidationError as error:
                faults += faults_within(error, changed, variant, here)
        refuse(faults)
        compared._requests = tuple(requests)  # noqa: SLF001 - its own
        return compared


class PlanFigures(DomainType):
    """A request's best plan, in the figures that are compared."""

    name: str
    status: Status
    termination: Termination
    objective_kind: ObjectiveKind
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    proven: bool
    """The plan is the best, or it is proven that there is none."""
    latency_s: float | None = None
    energy_j: float | None = None
    throughput_per_s: float | None = None
    bottleneck: Bottleneck | None = None
    stages: tuple[StageSpan, ...] = ()
    infeasibility: Infeasibility | None = None
    """Why there is no plan; without relaxations where time was short."""


class FigureChange(DomainType):
    """A figure under a variant against the request as it is."""

    figure: Metric
    before: float
    after: float
    difference: float
    """after - before, in s, J or per s."""
    relative: float | None = None
    """difference / before; null where before is 0."""


class Kept(DomainType):
    """What becomes of the request's own plan under a variant, if nobody changes it."""

    possible: bool
    reasons: tuple[str, ...] = ()
    """Why not."""
    latency_s: float | None = None
    energy_j: float | None = None
    throughput_per_s: float | None = None


class Difference(PlanFigures):
    """A variant's outcome, and how it differs from the request as it is."""

    message: str
    changes: tuple[FigureChange, ...] = ()
    """Latency, energy and throughput; empty where one of the two has no plan."""
    objective_change: float | None = None
    """objective - the base's; null where the objectives differ in kind, or are weighted sums of other references."""
    same_stages: bool | None = None
    nodes_added: tuple[str, ...] = ()
    """Used under the variant, and not before."""
    nodes_removed: tuple[str, ...] = ()
    keeping_the_plan: Kept | None = None
    """Null where the request as it is has no plan."""


class PrivacyPoint(DomainType):
    """The best plan that keeps so many layers on the source."""

    head_layers: int
    tail_layers: int
    blocks_on_source: int
    """Transformer blocks among the head's layers."""
    status: Status
    proven: bool
    latency_s: float | None = None
    energy_j: float | None = None
    objective: float | None = None
    bound: float | None = None
    stages: tuple[StageSpan, ...] = ()


class Finding(DomainType):
    """A published finding about what can be recovered from what crosses a cut."""

    source: str
    """Authors or name, and where it was published."""
    url: str
    says: str
    concerns: str
    """forward: activations; backward: gradients; labels."""


class PrivacyView(DomainType):
    """What keeping layers on the terminal costs, and what is known of how little it hides."""

    points: tuple[PrivacyPoint, ...]
    statement: str
    """No cut is a guarantee."""
    findings: tuple[Finding, ...]


class Comparison(Envelope):
    """The answer of POST /plan:compare. `status`: optimal when all of it is proven, else feasible."""

    termination: Termination | None = None
    """Why the last search ended; null while it has not."""
    base: PlanFigures | None = None
    """The request as it is; null until it has been planned."""
    variants: tuple[Difference, ...] = ()
    privacy: PrivacyView | None = None
    solver: SolverReport
    notes: tuple[str, ...] = ()
