"""The same request under variants: each solved like any request, and the differences."""

from __future__ import annotations

from models.base import InvalidInput
from models.comparison import Comparison, Difference, FigureChange, Kept, PlanFigures
from models.constraints import Metric, ObjectiveKind
from models.plan import Evaluation, Plan, Status
from models.request import EvaluateRequest, PlacedStage, PlanRequest
from placement.explanation import quantities as say
from placement.explanation.privacy_view import spans_of

FIGURES = {Metric.LATENCY: "latency_s", Metric.ENERGY: "energy_j", Metric.THROUGHPUT: "throughput_per_s"}
COMPARABLE = {ObjectiveKind.LATENCY, ObjectiveKind.ENERGY, ObjectiveKind.THROUGHPUT, ObjectiveKind.LEXICOGRAPHIC}
"""Objectives whose value means the same under every variant."""


def outcome_of(name: str, plan: Plan) -> PlanFigures:
    """A plan in the figures that are compared."""
    assert plan.termination is not None
    return PlanFigures(
        name=name,
        status=plan.status,
        termination=plan.termination,
        objective_kind=plan.objective_kind,
        objective=plan.objective,
        bound=plan.bound,
        gap=plan.gap,
        proven=plan.status in {Status.OPTIMAL, Status.INFEASIBLE},
        latency_s=plan.latency_s,
        energy_j=plan.energy_j,
        throughput_per_s=plan.throughput_per_s,
        bottleneck=plan.bottleneck,
        stages=spans_of(plan),
        infeasibility=plan.infeasibility,
    )


def difference_of(name: str, base: Plan, plan: Plan, kept: Kept | None) -> Difference:
    """A variant's plan against the base's."""
    before, after = outcome_of("base", base), outcome_of(name, plan)
    changes = tuple(_changes(before, after))
    used, used_before = ({stage.node for stage in outcome.stages} for outcome in (after, before))
    both = bool(after.stages and before.stages)
    same_kind = before.objective_kind is after.objective_kind and before.objective_kind in COMPARABLE
    comparable = same_kind and before.objective is not None and after.objective is not None
    return Difference(
        **{field: getattr(after, field) for field in PlanFigures.model_fields},
        message=_sentence(after, changes, kept),
        changes=changes,
        objective_change=(after.objective or 0.0) - (before.objective or 0.0) if comparable else None,
        same_stages=after.stages == before.stages if both else None,
        nodes_added=tuple(sorted(used - used_before)) if both else (),
        nodes_removed=tuple(sorted(used_before - used)) if both else (),
        keeping_the_plan=kept,
    )


def _changes(before: PlanFigures, after: PlanFigures) -> list[FigureChange]:
    found = []
    for metric, field in FIGURES.items():
        old, new = getattr(before, field), getattr(after, field)
        if old is not None and new is not None:
            relative = (new - old) / old if old else None
            found.append(FigureChange(figure=metric, before=old, after=new, difference=new - old, relative=relative))
    return found


def _sentence(after: PlanFigures, changes: tuple[FigureChange, ...], kept: Kept | None) -> str:
    if after.status is Status.INFEASIBLE:
        conflict = after.infeasibility.conflict if after.infeasibility is not None else None
        return f"{after.name}: no plan exists{'' if conflict is None else f': {conflict.message}'}."
    if not after.stages:
        return f"{after.name}: no plan was found in the time left."
    said = [
        f"{change.figure.value} {say.of_metric(change.figure, change.after)} ({_signed(change.relative)})"
        for change in changes
    ]
    doubt = "" if after.proven else f"; not proven{'' if after.gap is None else f', gap {say.percent(after.gap)}'}"
    stays = "" if kept is None else _stays(kept)
    return f"{after.name}: {', '.join(said) or 'a plan exists, while there was none'}{doubt}{stays}."


def _stays(kept: Kept) -> str:
    if not kept.possible:
        return f"; the present plan cannot be kept ({'; '.join(kept.reasons[:2])})"
    return "" if kept.latency_s is None else f"; the present plan would take {say.seconds(kept.latency_s)}"


def _signed(relative: float | None) -> str:
    if relative is None:
        return "it was 0"
    return "unchanged" if abs(relative) < 5e-7 else f"{'+' if relative > 0 else '-'}{say.percent(abs(relative))}"


def pasted(base: Plan, request: PlanRequest) -> EvaluateRequest | Kept:
    """The base's stages on a variant's request, to be scored; or why they do not fit it."""
    levels = {node.id: {level.name for level in node.levels} for node in request.cluster.nodes}
    lost = sorted({stage.node for stage in base.stages} - levels.keys())
    if lost:
        return Kept(possible=False, reasons=(f"it uses {', '.join(lost)}",))
    other = [stage.node for stage in base.stages if stage.level not in levels[stage.node]]
    if other:
        return Kept(possible=False, reasons=(f"{', '.join(other)} no longer has the level that it uses",))
    stages = tuple(
        PlacedStage(node=stage.node, level=stage.level, first_layer=stage.first_layer, stop_layer=stage.stop_layer)
        for stage in base.stages
    )
    fields = {name: getattr(request, name) for name in PlanRequest.model_fields}
    return EvaluateRequest.model_construct(_fields_set=set(request.model_fields_set), **fields, stages=stages)


def kept_of(evaluation: Evaluation | InvalidInput) -> Kept:
    """What scoring the base's stages said."""
    if isinstance(evaluation, InvalidInput):
        return Kept(possible=False, reasons=tuple(fault.message for fault in evaluation.faults))
    return Kept(
        possible=evaluation.feasible,
        reasons=tuple(violation.message for violation in evaluation.violations),
        latency_s=evaluation.latency_s,
        energy_j=evaluation.energy_j,
        throughput_per_s=evaluation.throughput_per_s,
    )


def all_proven(comparison: Comparison) -> bool:
    """Whether every outcome and every point is proven."""
    points = () if comparison.privacy is None else comparison.privacy.points
    proven = [
        comparison.base is not None and comparison.base.proven,
        *(one.proven for one in comparison.variants),
        *(one.proven for one in points),
    ]
    return all(proven)
